"""Undoing a conversion and doing it again: pixels to source planes and exceptions, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile
from idfcodec.picture.conversion.table import Conversion

__all__ = ["Exceptions", "redo", "undo"]

Pixels = NDArray[np.uint8]
Planes = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


@dataclass(frozen=True)
class Exceptions:
    """The pixels that no source gives, and what they differ by.

    Attributes:
        positions: row · width + column of each, ascending: (N,) int64.
        differences: the pixel less what its source gives, in R, G and B: (N, 3) int16, no row all zero.
    """

    positions: NDArray[np.int64]
    differences: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.positions)


def undo(rgb: Pixels, conversion: Conversion) -> tuple[Planes, Exceptions]:
    """The source planes of a picture: `redo` gives it back exactly.

    Args:
        rgb: (H, W, 3) uint8.
        conversion: a row of the table.

    Returns:
        Y, C1 and C2, (H, W) int32 each, within the row's ranges; and the pixels that have no exact preimage.
    """
    rgb = np.ascontiguousarray(rgb)
    planes, exact = preimages(rgb, conversion)
    positions = np.flatnonzero(~exact)
    differences = np.zeros((len(positions), 3), np.int16)
    if len(positions):
        from idfcodec.picture.conversion import kernels

        kernels.nearest(rgb, positions, conversion.tables, conversion.constants, planes, differences)
        wrong = differences.any(axis=1)
        positions, differences = positions[wrong], differences[wrong]
    return (planes[0], planes[1], planes[2]), Exceptions(positions, differences)


def preimages(rgb: Pixels, conversion: Conversion) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """(3, H, W) int32 source planes, and where in (H, W) they give the pixel exactly."""
    from idfcodec.picture.conversion import kernels

    height, width = rgb.shape[:2]
    planes, exact = np.empty((3, height, width), np.int32), np.empty((height, width), np.bool_)
    kernels.undo(np.ascontiguousarray(rgb), conversion.tables, conversion.rates, conversion.constants, planes, exact)
    return planes, exact


def redo(planes: Sequence[NDArray[np.int32]], conversion: Conversion, exceptions: Exceptions) -> Pixels:
    """The picture, (H, W, 3) uint8, of its source planes.

    Raises:
        CorruptFile: a sample, a position or a corrected pixel is out of range.
    """
    from idfcodec.picture.conversion import kernels

    source = np.stack(planes).astype(np.int32, copy=False)
    for plane, low, high in zip(source, conversion.low, conversion.high, strict=True):
        if plane.size and (plane.min() < low or plane.max() > high):
            raise CorruptFile(f"a sample of the {conversion.name} planes is outside [{low}, {high}]")
    rgb = np.empty((*source.shape[1:], 3), np.uint8)
    kernels.redo(source, conversion.tables, conversion.constants, rgb)
    patch(rgb, exceptions)
    return rgb


def patch(rgb: Pixels, exceptions: Exceptions) -> None:
    """Add the differences to the pixels of a picture, contiguous and in place."""
    if not len(exceptions):
        return
    flat = rgb.reshape(-1, 3)
    if exceptions.positions[-1] >= len(flat):
        raise CorruptFile("an exception of the colour conversion lies outside the picture")
    patched = flat[exceptions.positions] + exceptions.differences
    if patched.min() < 0 or patched.max() > 255:
        raise CorruptFile("an exception of the colour conversion leads outside [0, 255]")
    flat[exceptions.positions] = patched
