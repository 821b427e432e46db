"""Chroma at its true resolution: the samples that the chroma of a picture was interpolated from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.conversion.layout import Layout
from idfcodec.picture.conversion.table import Conversion
from idfcodec.types import Shape

__all__ = ["first_guess", "halved", "nearest_samples", "upsampled"]

Plane = NDArray[np.int32]
_SWEEPS, _OVER = 8, 1.2  # towards the least squares, by successive over-relaxation
_REPAIRS = 6  # sweeps of steps by one
_SETTLE = 4  # sweeps of steps by two of both planes
_FAINT = 1 / 32  # what a pixel that may have had another chroma counts


def upsampled(samples: Plane, layout: Layout, shape: Shape) -> tuple[Plane, Plane]:
    """The (H, W) chroma that samples make, and the sums before they are shifted."""
    from idfcodec.picture.conversion import upsampling

    out, sums = np.empty(shape, np.int32), np.empty(shape, np.int32)
    rows, columns = layout.axis(0, shape[0]), layout.axis(1, shape[1])
    upsampling.upsample(samples, rows, columns, layout.bias, layout.shift, sums, out)
    return out, sums


def nearest_samples(chroma: Plane, known: NDArray[np.bool_], layout: Layout, conversion: Conversion) -> Plane:
    """The samples of C1 and C2, (2, ..., ...), whose interpolations are nearest by least squares, rounded."""
    from idfcodec.picture.conversion import upsampling

    shape = (known.shape[0], known.shape[1])
    down, along = layout.taps(0, shape[0]), layout.taps(1, shape[1])
    start = np.ascontiguousarray(chroma[:, down[0, :, 0]][:, :, along[0, :, 0]])
    sums = np.stack([upsampled(plane, layout, shape)[1] for plane in start])
    samples = start.astype(np.float64)
    upsampling.approach(chroma, known, _FAINT, sums, down, along, layout.shift, _SWEEPS, _OVER, samples)
    low, high = (np.reshape(ends[1:], (2, 1, 1)) for ends in (conversion.low, conversion.high))
    return np.clip(np.rint(samples), low, high).astype(np.int32)


def first_guess(chroma: Plane, known: NDArray[np.bool_], layout: Layout, conversion: Conversion) -> tuple[Plane, float]:
    """The nearest samples of C1 and C2, (2, ..., ...), and the share of what is known that both give."""
    shape = (known.shape[0], known.shape[1])
    samples, right = nearest_samples(chroma, known, layout, conversion), known.copy()
    for plane, wanted in zip(samples, chroma, strict=True):
        right &= upsampled(plane, layout, shape)[0] == wanted
    return samples, float(np.count_nonzero(right)) / max(int(np.count_nonzero(known)), 1)


def halved(
    rgb: NDArray[np.uint8],
    planes: Plane,
    known: NDArray[np.bool_],
    samples: Plane,
    layout: Layout,
    conversion: Conversion,
    most: float,
) -> tuple[tuple[Plane, Plane], NDArray[np.bool_]] | None:
    """The chroma samples that pixels were made of; `planes` becomes the luma and chroma that they give.

    Pixels whose chroma is known come first: samples move by one where something is wrong. Then both planes move
    together, to where clipped pixels have a luma, too.

    Args:
        rgb: (H, W, 3) the picture.
        planes: (3, H, W) preimages of its pixels on their own, changed.
        known: (H, W) where there is one chroma only.
        samples: to start from, (2, ..., ...), changed.
        most: of what is known, the share that may stay wrong when single planes are done.

    Returns:
        Samples of C1 and C2, and where pixels are exact; or None if more stays wrong.
    """
    from idfcodec.picture.conversion import repairing, settling

    shape = (rgb.shape[0], rgb.shape[1])
    down, along = layout.taps(0, shape[0]), layout.taps(1, shape[1])
    shift, group = layout.shift, _group(layout)
    sums = np.empty((2, *shape), np.int32)
    for k in range(2):
        low, high = conversion.low[1 + k], conversion.high[1 + k]
        sums[k] = upsampled(samples[k], layout, shape)[1]
        if shift:
            scratch = repairing.scratch_of(samples[k], sums[k])
            repairing.repair(
                planes[1 + k], known, down, along, shift, low, high, group, _REPAIRS, samples[k], sums[k], scratch
            )
            sums[k] = upsampled(samples[k], layout, shape)[1]
        if np.count_nonzero((sums[k] >> shift != planes[1 + k]) & known) > most * np.count_nonzero(known):
            return None
    tables, constants = conversion.tables, conversion.constants
    lacks, faults = np.zeros(shape, np.int32), np.zeros(shape[0], np.int64)
    stuck = np.zeros(samples.shape[1:], np.bool_)
    settling.settle(rgb, tables, constants, down, along, shift, _SETTLE, samples, sums, lacks, faults, stuck)
    planes[1:] = sums >> shift
    exact = np.empty(shape, np.bool_)
    settling.lumas(rgb, tables, constants, planes, exact)
    return (samples[0], samples[1]), exact


def _group(layout: Layout) -> NDArray[np.int32]:
    """The samples that are moved together: a square, or a line along the one axis that is halved."""
    if all(layout.halved):
        return np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int32)
    return np.arange(4, dtype=np.int32)[:, None] * np.array(layout.halved, np.int32)
