"""A picture where it lies on the grid of its JPEG: between what bounds its planes lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.jpeg.bounding import FREE, bound_pixels
from idfcodec.picture.jpeg.estimating import COSINES
from idfcodec.picture.jpeg.layout import Coefficients
from idfcodec.picture.jpeg.solving import solve
from idfcodec.types import Shape

__all__ = ["Canvas", "bounded", "placed", "prior_of", "solved"]

Shorts = NDArray[np.int16]
_ENOUGH = 12  # blocks that say how large coefficients are
_DC = 4e4  # variance of DC coefficients, in samples


@dataclass(frozen=True, eq=False)
class Canvas:
    """What is known of a picture's planes.

    Attributes:
        offset: rows and columns before the picture.
        size: of the picture.
        low, high: (P, rows, columns) bounds of luma and chroma, from 0 to 255, alike where a sample is known; −FREE and
            FREE where nothing is.
    """

    offset: tuple[int, int]
    size: Shape
    low: Shorts
    high: Shorts

    @property
    def shape(self) -> Shape:
        """Of the whole."""
        return self.low.shape[1], self.low.shape[2]

    @property
    def inside(self) -> tuple[slice, slice]:
        """Where the picture is."""
        (top, left), (height, width) = self.offset, self.size
        return slice(top, top + height), slice(left, left + width)

    def known(self, plane: int) -> NDArray[np.bool_]:
        """Where the samples of a plane are known."""
        same: NDArray[np.bool_] = self.low[plane] == self.high[plane]
        return same


def bounded(pixels: NDArray[np.uint8], planes: NDArray[np.int32], known: NDArray[np.bool_]) -> tuple[Shorts, Shorts]:
    """The bounds of Y, Cb and Cr of pixels, which are `planes` (chroma less 128) where `known`."""
    low = planes.astype(np.int16)
    low[1:] += 128
    high = low.copy()
    bound_pixels(pixels, known, low, high)
    return low, high


def placed(low: Shorts, high: Shorts, offset: tuple[int, int], margin: tuple[int, int]) -> Canvas:
    """A canvas that has so many rows and columns before the picture, and behind it."""
    size = low.shape[1], low.shape[2]
    shape = offset[0] + size[0] + margin[0], offset[1] + size[1] + margin[1]
    whole = [np.full((len(low), *shape), way * FREE, np.int16) for way in (-1, 1)]
    canvas = Canvas(offset, size, *whole)
    for k in range(len(low)):
        canvas.low[k][canvas.inside], canvas.high[k][canvas.inside] = low[k], high[k]
    return canvas


def prior_of(blocks: Coefficients, chosen: NDArray[np.bool_], table: NDArray[np.int64]) -> NDArray[np.float64]:
    """(64,) variances of the coefficients, in samples, of the chosen blocks; of a smooth picture if they are few."""
    found = blocks[chosen]
    if len(found) < _ENOUGH:
        row, column = np.divmod(np.arange(64), 8)
        prior = 2000.0 / (1.0 + row + column) ** 3
    else:
        squares = found.astype(np.int64) ** 2
        prior = squares.sum(axis=0) / len(found) * (table * table)
    prior[0] = _DC
    return prior


def solved(
    low: Shorts,
    high: Shorts,
    table: NDArray[np.int64],
    todo: NDArray[np.bool_] | None = None,
    start: Coefficients | None = None,
) -> Coefficients:
    """The coefficients of a plane between bounds; those that there are already where there is nothing to do."""
    rows, columns = -(-low.shape[0] // 8), -(-low.shape[1] // 8)
    bounds = [np.full((8 * rows, 8 * columns), way * FREE, np.int16) for way in (-1, 1)]
    for whole, part in zip(bounds, (low, high), strict=True):
        whole[: low.shape[0], : low.shape[1]] = part
    found = np.zeros((rows, columns, 64), np.int16) if start is None else start.copy()
    left = np.ones((rows, columns), np.int64) if todo is None else todo.astype(np.int64)
    missed = np.zeros((rows, columns), np.int64)
    solve(bounds[0], bounds[1], table, COSINES, np.full(64, -1.0), left, found, missed)
    if left.any():
        prior = prior_of(found, (left == 0) & (missed == 0), table)
        solve(bounds[0], bounds[1], table, COSINES, prior, left, found, missed)
    return found
