"""Finding the layout of chroma: what its samples rule out at sight, and how much of it the other layouts give back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.conversion.halving import first_guess
from idfcodec.picture.conversion.layout import DOUBLING, LAYOUTS, MEANS, TRIANGLE, Layout
from idfcodec.picture.conversion.table import Conversion

__all__ = ["alike", "likely"]

Plane = NDArray[np.int32]
_BLOCK = 40  # side of what layouts are tried on
_CHOSEN = 3  # filters and phases that are tried with all their ways to round
_LIKELY = 0.75  # of its pixels: of other layouts than the true one, few
_BY_ROUNDING = 0.35  # of the pixels, most that come back by the right rounding alone; 0.3 was seen
_CONTRARY = 0.15  # of the pixels, by which a layout is ruled out; 0.12 was seen of true ones, where 3 % are exceptions
_TESTS = ((DOUBLING, 0, 0), (MEANS, 1, 0), (TRIANGLE, 3, 1))
"""Filters by the order of differences, from the first on: how large one may be, and where it begins in phase 0."""


def likely(chroma: Plane, known: NDArray[np.bool_], conversion: Conversion) -> Iterator[Layout]:
    """The layouts that the chroma of a tile may have, by the block in which it changes most, the likeliest first.

    At most one halves both axes, which comes first, and one halves one: that fits more, having twice the samples.

    Args:
        chroma: (2, H, W) C1 and C2, true where `known`.
    """
    top, left = _liveliest(chroma, known)
    block = slice(top, top + _BLOCK), slice(left, left + _BLOCK)
    pieces = np.stack([plane[block] for plane in chroma])
    inside = np.ascontiguousarray(known[block])

    def share(layout: Layout) -> float:
        """Of the block's pixels that come back, by simple rounding."""
        return first_guess(pieces, inside, layout, conversion)[1]

    contrary = _contrary(pieces, inside)
    possible = [layout for layout in LAYOUTS.values() if layout.filter and _least(layout, contrary) <= _CONTRARY]
    for axes in (2, 1):
        among = [layout for layout in possible if sum(layout.halved) == axes]
        shares = {layout: share(layout) for layout in among if not layout.rounding}
        likeliest = sorted(shares, key=shares.__getitem__)[-_CHOSEN:]
        likeliest = [layout for layout in likeliest if shares[layout] >= _LIKELY - _BY_ROUNDING]
        shares |= {
            layout: share(layout) for layout in among if layout.rounding and replace(layout, rounding=0) in likeliest
        }
        best = max(shares, key=shares.__getitem__, default=None)
        if best is not None and shares[best] >= _LIKELY:
            yield _moved(best, top, left)


def alike(chroma: Plane, known: NDArray[np.bool_], layouts: Sequence[Layout]) -> list[Layout]:
    """Of some layouts, in whatever phase, those that the chroma of a small picture does not rule out, likeliest first.

    Args:
        layouts: of other pictures; each in its own turn.
    """
    layouts = [layout for layout in layouts if layout.filter]
    if not layouts:
        return []
    contrary = _contrary(chroma, known)
    found: list[Layout] = []
    for one in layouts:
        down, along = (range(1 + half) for half in one.halved)
        phases = [replace(one, phase=(row, column)) for row in down for column in along]
        found += sorted(phases, key=lambda layout: _least(layout, contrary))
    return [layout for layout in found if _least(layout, contrary) <= _CONTRARY]


def _contrary(chroma: Plane, known: NDArray[np.bool_]) -> dict[tuple[int, int, int], float]:
    """By filter, axis and phase the share of places where the chroma cannot be what the filter makes along the axis.

    Of doubled samples each has an equal one. A mean is in the middle of two samples; and of the differences that the
    triangle makes every other one is the mean of those around: second and third differences are no more than rounding
    makes of nothing.
    """
    found: dict[tuple[int, int, int], float] = {}
    for axis in range(2):
        rest, certain = (chroma, known) if axis else (chroma.swapaxes(1, 2), known.T)
        for kind, most, start in _TESTS:
            rest, certain = rest[..., 1:] - rest[..., :-1], certain[:, 1:] & certain[:, :-1]
            wrong = (np.abs(rest) > most).any(axis=0) & certain
            for phase in range(2):
                first = (start + phase) % 2
                count = int(np.count_nonzero(certain[:, first::2]))
                found[kind, axis, phase] = int(np.count_nonzero(wrong[:, first::2])) / max(count, 1)
    return found


def _least(layout: Layout, contrary: dict[tuple[int, int, int], float]) -> float:
    """The share of places that speak against a layout, at least."""
    return max(contrary[layout.filter, axis, layout.phase[axis]] for axis in range(2) if layout.halved[axis])


def _moved(layout: Layout, top: int, left: int) -> Layout:
    """The layout of a picture that has this one from a row and a column on."""
    starts = zip(layout.phase, (top, left), layout.halved, strict=True)
    rows, columns = ((phase + start) % 2 if half else 0 for phase, start, half in starts)
    return replace(layout, phase=(rows, columns))


def _liveliest(chroma: Plane, known: NDArray[np.bool_]) -> tuple[int, int]:
    """Row and column of the block in which known chroma changes most."""
    height, width = known.shape
    change = np.zeros((height, width), np.int32)
    both = known[:-1, :-1] & known[1:, :-1] & known[:-1, 1:]
    for plane in chroma:
        here = plane[:-1, :-1]
        change[:-1, :-1] += np.minimum(np.abs(plane[1:, :-1] - here), 8) + np.minimum(np.abs(plane[:-1, 1:] - here), 8)
    change[:-1, :-1] *= both
    down, along = (max(1, side // _BLOCK) for side in (height, width))
    rows, columns = (np.arange(count) * _BLOCK for count in (down, along))
    sums = np.add.reduceat(np.add.reduceat(change, rows, axis=0), columns, axis=1)
    row, column = divmod(int(sums.argmax()), along)
    return row * _BLOCK, column * _BLOCK
