"""What a JPEG says of a picture: quantised coefficients, their steps, and how the planes become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idfcodec.types import Shape

__all__ = ["MOST_STEP", "SAMPLINGS", "ZIGZAG", "Coefficients", "Jpeg", "blocks_of", "samples_of"]

Coefficients = NDArray[np.int16]
SAMPLINGS = ((1, 1), (1, 2), (2, 2), (2, 1))
"""Rows and columns of luma for one of chroma: 4:4:4, 4:2:2, 4:2:0, 4:4:0; a file names them by their place here."""
MOST_STEP = 65535
ZIGZAG = np.array(
    sorted(range(64), key=lambda k: (k // 8 + k % 8, k % 8 if (k // 8 + k % 8) % 2 == 0 else k // 8)), np.int64
)
"""The places (8 · row + column) of a block's coefficients in the order of a JPEG file."""


@dataclass(frozen=True, eq=False)
class Jpeg:
    """A picture as a JPEG holds it.

    Attributes:
        shape: height and width in pixels.
        sampling: rows and columns of luma for one of chroma, one of `SAMPLINGS`; (1, 1) for gray.
        smooth: whether chroma is upsampled by the triangle filter; otherwise samples are repeated.
        tables: the quantisation steps of each plane, (64,) int64 from 1 to `MOST_STEP`, in rows.
        planes: Y, or Y, Cb and Cr: (block rows, block columns, 64) int16, in rows.
    """

    shape: Shape
    sampling: tuple[int, int]
    smooth: bool
    tables: Sequence[NDArray[np.int64]]
    planes: Sequence[Coefficients]


def samples_of(shape: Shape, sampling: tuple[int, int], plane: int) -> Shape:
    """Rows and columns of samples of a plane."""
    if plane == 0:
        return shape
    return -(-shape[0] // sampling[0]), -(-shape[1] // sampling[1])


def blocks_of(shape: Shape, sampling: tuple[int, int], plane: int) -> Shape:
    """Rows and columns of blocks of a plane: those that have samples in the picture."""
    height, width = samples_of(shape, sampling, plane)
    return -(-height // 8), -(-width // 8)
