"""How the chroma planes of a picture lie on its pixels: as many samples, or half as many along one axis or both.

A layout is one byte. Along a halved axis a pixel lies over the sample `i = (pixel + phase) >> 1`, in its left or upper
half (*side* 0) or in the other one (1), and its chroma is made of that sample and the next one over, by three filters:

| filter | weights at side 0 | at side 1 |
| --- | --- | --- |
| 1, doubling | c[i] | c[i] |
| 2, triangle | 3 c[i] + c[i - 1] | 3 c[i] + c[i + 1] |
| 3, means | 2 c[i] | c[i] + c[i + 1] |

FORMAT.md, 7.2, has all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile
from idfcodec.types import Grid, Shape

__all__ = ["FULL", "LAYOUTS", "Layout", "layout_of"]

DOUBLING, TRIANGLE, MEANS = 1, 2, 3
_SHIFT = {DOUBLING: 0, TRIANGLE: 2, MEANS: 1}  # of a sum of weights, for each halved axis


@dataclass(frozen=True)
class Layout:
    """A layout of chroma.

    Attributes:
        filter: 0 where no axis is halved, or 1 to 3.
        halved: whether rows (the vertical axis) and columns are.
        phase: of rows and columns.
        rounding: what a sum is rounded up by; see `bias`.
    """

    filter: int = 0
    halved: tuple[int, int] = (0, 0)
    phase: tuple[int, int] = (0, 0)
    rounding: int = 0

    @property
    def number(self) -> int:
        """The byte in a file."""
        halved, phase = (pair[0] | pair[1] << 1 for pair in (self.halved, self.phase))
        return self.filter | halved << 2 | phase << 4 | self.rounding << 6

    @property
    def sound(self) -> bool:
        """Whether it is one of those there are: what an axis or a filter does not have is 0."""
        if not self.filter:
            return self == FULL
        most = 0 if self.filter != TRIANGLE else 3 if all(self.halved) else 2
        fits = all(phase <= halved for phase, halved in zip(self.phase, self.halved, strict=True))
        return any(self.halved) and fits and self.rounding <= most

    @cached_property
    def shift(self) -> int:
        """Bits that a sum of weighted samples is shifted by."""
        return _SHIFT.get(self.filter, 0) * sum(self.halved)

    @cached_property
    def bias(self) -> NDArray[np.int32]:
        """(2, 2), by side of row and column: what is added to a sum before it is shifted.

        A half; the triangle filter takes 1 off: along both axes at side 1 of columns, side 0 of columns, side 1 of
        rows, side 0 of rows; along one axis at side 0, at side 1, nowhere.
        """
        out = np.full((2, 2), (1 << self.shift) >> 1, np.int32)
        if self.filter == TRIANGLE:
            if all(self.halved):
                rows, side = self.rounding >> 1, 1 - (self.rounding & 1)
                out[(side, slice(None)) if rows else (slice(None), side)] -= 1
            elif self.rounding < 2:
                out[(self.rounding, slice(None)) if self.halved[0] else (slice(None), self.rounding)] -= 1
        return out

    def _ends(self, axis: int, side: int) -> tuple[int, int]:
        """The first sample that an axis of so many pixels needs, and the first that it does not."""
        if not self.halved[axis]:
            return 0, side
        first, last = self.phase[axis], self.phase[axis] + side - 1
        before = self.filter == TRIANGLE and not first
        after = self.filter != DOUBLING and last & 1
        return -int(before), (last >> 1) + 1 + int(after)

    def shape(self, shape: Shape) -> Shape:
        """Of the chroma planes of a picture of a shape, at least (1, 1)."""
        (top, bottom), (left, right) = (self._ends(axis, side) for axis, side in enumerate(shape))
        return bottom - top, right - left

    def grid(self) -> Grid:
        """Of the chroma planes."""
        steps, firsts = [], []
        for axis in range(2):
            start, _ = self._ends(axis, 1)
            steps.append(1 + self.halved[axis])
            firsts.append(2 * start - self.phase[axis] if self.halved[axis] else 0)
        return Grid((steps[0], steps[1]), (firsts[0], firsts[1]))

    @lru_cache(maxsize=256)  # noqa: B019 - layouts are few, and constants
    def axis(self, axis: int, side: int) -> NDArray[np.int32]:
        """(5, side) of each pixel along an axis: the nearer sample, the other one, their weights, its side."""
        at = np.arange(side, dtype=np.int32)
        if not self.halved[axis]:
            return np.stack([at, at, at * 0 + 1, at * 0, at * 0])
        start, _ = self._ends(axis, side)
        at += self.phase[axis]
        near, half = (at >> 1) - start, at & 1
        if self.filter == DOUBLING:
            return np.stack([near, near, at * 0 + 1, at * 0, half])
        if self.filter == TRIANGLE:
            return np.stack([near, near + 2 * half - 1, at * 0 + 3, at * 0 + 1, half])
        return np.stack([near, near + half, 2 - half, half, half])

    @lru_cache(maxsize=256)  # noqa: B019
    def taps(self, axis: int, side: int) -> NDArray[np.int32]:
        """(2, samples, 4): of each sample along an axis the pixels made of it, and their weights, 0 after the last."""
        near, other, weight, rest, _ = self.axis(axis, side)
        count = int(max(near.max(), other.max())) + 1
        sample, pixel = np.concatenate((near, other)), np.tile(np.arange(side), 2)
        weights = np.concatenate((weight, rest))
        out = np.zeros((2, count, 4), np.int32)
        order = np.lexsort((pixel, sample))
        order = order[weights[order] > 0]
        if self.filter == DOUBLING or not self.halved[axis]:
            order = order[order < side]
        starts = np.searchsorted(sample[order], np.arange(count))
        place = np.arange(len(order)) - starts[sample[order]]
        out[0, sample[order], place], out[1, sample[order], place] = pixel[order], weights[order]
        return out


FULL = Layout()
"""Chroma of every pixel."""


def _all() -> list[Layout]:
    found = [FULL]
    for number in range(1, 256):
        halved, phase = number >> 2 & 3, number >> 4 & 3
        layout = Layout(number & 3, (halved & 1, halved >> 1), (phase & 1, phase >> 1), number >> 6)
        if layout.sound:
            found.append(layout)
    return found


LAYOUTS = {layout.number: layout for layout in _all()}
"""All there are, by their bytes."""


def layout_of(number: int) -> Layout:
    """The layout that a file names.

    Raises:
        CorruptFile: there is none of this number.
    """
    if number not in LAYOUTS:
        raise CorruptFile(f"a tile names layout {number} of its chroma, which this version does not know")
    return LAYOUTS[number]
