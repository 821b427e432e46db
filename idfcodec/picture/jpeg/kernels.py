"""Compiled loops of a JPEG's way to samples: libjpeg's inverse DCT ("islow") and its upsampling, to the bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called, compiled

__all__ = ["FIRST", "SECOND", "eight", "samples_of_blocks", "upsample"]

# 0.298631336, 0.390180644, 0.541196100, 0.765366865, 0.899976223, 1.175875602, 1.501321110, 1.847759065, 1.961570560,
# 2.053119869, 2.562915447, 3.072711026 in 13 bits
C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11 = (
    *(2446, 3196, 4433, 6270, 7373, 9633),
    *(12299, 15137, 16069, 16819, 20995, 25172),
)
BITS = 13
FIRST = 11  # shift after the columns: two bits are kept
SECOND = 18  # and after the rows


@called
def eight(block: NDArray[np.int64], start: int, step: int, shift: int) -> None:
    """Eight numbers, from `start` on every `step`-th, to their inverse DCT, rounded and shifted down, in place."""
    x0, x1, x2, x3 = block[start], block[start + step], block[start + 2 * step], block[start + 3 * step]
    x4, x5, x6, x7 = (
        block[start + 4 * step],
        block[start + 5 * step],
        block[start + 6 * step],
        block[start + 7 * step],
    )
    z1 = (x2 + x6) * C2
    t2, t3 = z1 - x6 * C7, z1 + x2 * C3
    t0, t1 = (x0 + x4) << BITS, (x0 - x4) << BITS
    e0, e3, e1, e2 = t0 + t3, t0 - t3, t1 + t2, t1 - t2
    z5 = (x7 + x3 + x5 + x1) * C5
    z1, z2 = -(x7 + x1) * C4, -(x5 + x3) * C10
    z3, z4 = z5 - (x7 + x3) * C8, z5 - (x5 + x1) * C1
    o0, o1, o2, o3 = x7 * C0 + z1 + z3, x5 * C9 + z2 + z4, x3 * C11 + z2 + z3, x1 * C6 + z1 + z4
    half = 1 << (shift - 1)
    block[start] = (e0 + o3 + half) >> shift
    block[start + 7 * step] = (e0 - o3 + half) >> shift
    block[start + step] = (e1 + o2 + half) >> shift
    block[start + 6 * step] = (e1 - o2 + half) >> shift
    block[start + 2 * step] = (e2 + o1 + half) >> shift
    block[start + 5 * step] = (e2 - o1 + half) >> shift
    block[start + 3 * step] = (e3 + o0 + half) >> shift
    block[start + 4 * step] = (e3 - o0 + half) >> shift


@compiled
def samples_of_blocks(coefficients: NDArray[np.int16], table: NDArray[np.int64], plane: NDArray[np.uint8]) -> None:
    """(rows, columns, 64) quantised coefficients, in rows, to the (8 rows, 8 columns) samples of a plane."""
    block = np.empty(64, np.int64)
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            source = coefficients[row, column]
            for k in range(64):
                block[k] = source[k] * table[k]
            for k in range(8):
                eight(block, k, 8, FIRST)
            for k in range(8):
                eight(block, 8 * k, 1, SECOND)
                for j in range(8):
                    plane[8 * row + k, 8 * column + j] = min(max(block[8 * k + j] + 128, 0), 255)


@compiled
def upsample(
    source: NDArray[np.uint8], down: int, across: int, smooth: bool, offset: int, out: NDArray[np.int32]
) -> None:
    """A plane of fewer rows (`down` 2) or columns (`across` 2) to (H, W), less `offset`.

    Either each sample stands for `down` by `across`, or (`smooth`) the nearer one counts three times and the other one
    once, along each axis; at the edges the nearer one is the other one, too.
    """
    height, width = source.shape
    sums = np.empty(width, np.int64)
    shift, even, odd = 0, 0, 0
    if smooth and across == 2:
        shift, even, odd = (4, 8, 7) if down == 2 else (2, 1, 2)
    for row in range(out.shape[0]):
        here = row // down
        other = min(max(here + (1 if row % 2 else -1), 0), height - 1)
        near, far = source[here], source[other]
        if smooth and down == 2:
            for column in range(width):
                sums[column] = 3 * np.int64(near[column]) + np.int64(far[column])
        else:
            for column in range(width):
                sums[column] = np.int64(near[column])
        line = out[row]
        if smooth and across == 2:
            for column in range(out.shape[1]):
                middle = column >> 1
                if column & 1:
                    beside = min(middle + 1, width - 1)
                    line[column] = ((3 * sums[middle] + sums[beside] + odd) >> shift) - offset
                else:
                    beside = max(middle - 1, 0)
                    line[column] = ((3 * sums[middle] + sums[beside] + even) >> shift) - offset
        elif smooth and down == 2:
            for column in range(out.shape[1]):
                line[column] = ((sums[column] + 1 + row % 2) >> 2) - offset
        else:
            for column in range(out.shape[1]):
                line[column] = sums[column // across] - offset
