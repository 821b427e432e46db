"""The compiled loops that count, block by block, what does not come out as it should."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled
from idfcodec.picture.jpeg.bounding import BLUE, GREEN_FIRST, GREEN_SECOND, RED

__all__ = ["count_outside", "count_wrong"]

Ints = NDArray[np.int32]
Shorts = NDArray[np.int16]
Counts = NDArray[np.int64]


@compiled
def count_wrong(
    rgb: NDArray[np.uint8], luma: Ints, first: Ints, second: Ints, top: int, left: int, counts: Counts
) -> None:
    """How many pixels of each block of 8 by 8 are not what the planes make.

    Args:
        rgb: (H, W, 3), which begins at row `top` and column `left` of the planes.
        luma, first, second: the planes, chroma less 128.
        counts: (rows, columns) of the planes' blocks, written.
    """
    for row in range(counts.shape[0]):
        for column in range(counts.shape[1]):
            counts[row, column] = 0
    for r in range(rgb.shape[0]):
        for c in range(rgb.shape[1]):
            y, c1 = np.int64(luma[r + top, c + left]), np.int64(first[r + top, c + left])
            c2 = np.int64(second[r + top, c + left])
            red = min(max(y + ((RED * c2 + 32768) >> 16), 0), 255)
            green = min(max(y + ((-GREEN_FIRST * c1 - GREEN_SECOND * c2 + 32768) >> 16), 0), 255)
            blue = min(max(y + ((BLUE * c1 + 32768) >> 16), 0), 255)
            if red != rgb[r, c, 0] or green != rgb[r, c, 1] or blue != rgb[r, c, 2]:
                counts[(r + top) >> 3, (c + left) >> 3] += 1


@compiled
def count_outside(
    plane: Ints,
    low: Shorts,
    high: Shorts,
    top: int,
    left: int,
    bottom: int,
    right: int,
    down: int,
    across: int,
    counts: Counts,
) -> None:
    """How many samples of each block of `down` by `across`, from `top` to `bottom` and so on, are out of bounds.

    Args:
        plane, low, high: (rows, columns) samples and their bounds.
        counts: of the plane's blocks, written.
    """
    for row in range(counts.shape[0]):
        for column in range(counts.shape[1]):
            total = 0
            for r in range(max(row * down, top), min((row + 1) * down, bottom)):
                for c in range(max(column * across, left), min((column + 1) * across, right)):
                    total += (plane[r, c] < low[r, c]) | (plane[r, c] > high[r, c])
            counts[row, column] = total
