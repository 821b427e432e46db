"""The compiled loops of subsampled chroma: interpolating it, and the samples nearest to an interpolation.

`rows` and `columns` are `Layout.axis`, `taps` are `Layout.taps`, `bias` and `shift` are of the layout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled_loops

__all__ = ["approach", "upsample"]

Plane = NDArray[np.int32]


@compiled_loops
def upsample(samples: Plane, rows: Plane, columns: Plane, bias: Plane, shift: int, sums: Plane, out: Plane) -> None:
    """(H, W) chroma `out` of samples, and the `sums` that it is made of: `out` is sums >> shift."""
    for r in range(out.shape[0]):
        near, other, first, second = samples[rows[0, r]], samples[rows[1, r]], rows[2, r], rows[3, r]
        for c in range(out.shape[1]):
            i, j, a, b = columns[0, c], columns[1, c], columns[2, c], columns[3, c]
            total = first * (a * near[i] + b * near[j]) + second * (a * other[i] + b * other[j])
            sums[r, c] = total + bias[rows[4, r], columns[4, c]]
            out[r, c] = sums[r, c] >> shift


@compiled_loops
def approach(
    wanted: Plane,
    known: NDArray[np.bool_],
    faint: float,
    sums: Plane,
    down: Plane,
    along: Plane,
    shift: int,
    sweeps: int,
    over: float,
    samples: NDArray[np.float64],
    rest: NDArray[np.float64],
    weights: NDArray[np.float64],
    norms: NDArray[np.float64],
) -> None:
    """Move samples to where the squares of what their sums lack are least: sweeps of successive over-relaxation.

    Args:
        wanted: (2, H, W) chroma of every pixel.
        known: (H, W) pixels that count 1; the others count `faint`.
        sums: of the samples, see `upsample`.
        down, along: taps.
        sweeps: over all samples.
        samples: (2, ..., ...), changed; both planes at a time, since each waits for its own sums.
        rest, weights, norms: scratch, (H, W, 2), (H, W) and (..., ...).
    """
    half = ((1 << shift) - 1) / 2
    height, width = known.shape
    for p in range(height):
        for q in range(width):
            weights[p, q] = 1.0 if known[p, q] else faint
            for plane in range(2):
                rest[p, q, plane] = ((wanted[plane, p, q] << shift) - sums[plane, p, q]) + half
    for sweep in range(sweeps):
        for j in range(samples.shape[1]):
            for k in range(samples.shape[2]):
                first, second, norm = 0.0, 0.0, 1e-9
                for a in range(4):
                    p, wa = down[0, j, a], down[1, j, a]
                    if wa == 0:
                        break
                    for b in range(4):
                        q, w = along[0, k, b], wa * along[1, k, b]
                        if w == 0:
                            break
                        weighted = w * weights[p, q]
                        first += weighted * rest[p, q, 0]
                        second += weighted * rest[p, q, 1]
                        if sweep == 0:
                            norm += weighted * w
                if sweep == 0:
                    norms[j, k] = norm
                first = over * (first / norms[j, k])
                second = over * (second / norms[j, k])
                samples[0, j, k] += first
                samples[1, j, k] += second
                for a in range(4):
                    p, wa = down[0, j, a], down[1, j, a]
                    if wa == 0:
                        break
                    for b in range(4):
                        q, w = along[0, k, b], wa * along[1, k, b]
                        if w == 0:
                            break
                        rest[p, q, 0] -= first * w
                        rest[p, q, 1] -= second * w
