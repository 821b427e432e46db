"""One plane of a coding step: the rows of its latents, in coding order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled
from idfcodec.entropy import Frequencies, Intervals
from idfcodec.flow.exact.tables import CLASSES, HIGHEST
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.rows import Ingredients, intervals, split_intervals
from idfcodec.flow.hierarchical.walk import Step, StepPrior, Values

__all__ = ["HALF", "SPLIT_WIDTH", "Columns", "Plane", "place", "planes_of"]

SPLIT_WIDTH = 64  # tables as wide are coded in two symbols a latent
HALF = np.array([c.width // 2 for c in CLASSES], np.int32)  # of the widths of the classes
_NONE, _NONE_VALUES = np.zeros(0, np.int64), np.zeros(0, np.int32)

# Column of each value (0 where it escapes), positions of the escapes, and their latents.
Columns = tuple[Values, NDArray[np.int64], Values]


@dataclass(frozen=True)
class Plane:
    """The latents of one plane of one coding step: everything both sides know before decoding them.

    Args:
        model: the model.
        scale: (N,) of each latent.
        classes: (N,) width class of each latent's row.
        rows: what the rows are made of.
    """

    model: Prepared
    scale: Values
    classes: Values
    rows: Ingredients

    @staticmethod
    def of(model: Prepared, prior: StepPrior, plane: int, values: Values) -> Plane:
        """A plane of the step whose `values` (C, N) are known for the planes before it."""
        classes, cells, shift = prior.tables(plane, values)
        low = values[0] if plane else np.zeros_like(shift)
        return Plane(model, prior.scale[plane], classes, Ingredients(model.tables, cells, shift, low))

    def order(self) -> tuple[NDArray[np.int64], list[tuple[int, int, int]]]:
        """Positions in coding order: by width class, then position; and (width, start, end) of each class."""
        order, ends = _sorted(self.classes, len(CLASSES))
        ranges = zip(CLASSES, ends.tolist(), ends[1:].tolist(), strict=False)
        return order, [(kind.width, start, end) for kind, start, end in ranges if start < end]

    def escape_groups(self, where: NDArray[np.int64]) -> Frequencies:
        """(N, EXCESS / PART) weights of the groups of the excesses of escapes."""
        groups: Frequencies = self.model.escape_groups.take(self.scale[where], 0)
        return groups

    def escape_parts(self, where: NDArray[np.int64], groups: Values) -> Frequencies:
        """(N, PART) weights of the excesses within their groups."""
        parts: Frequencies = self.model.escape_parts[self.scale[where], groups]
        return parts

    def columns(self, values: Values) -> Columns:
        """Of the values (N,) of this plane."""
        column, shift = np.empty_like(values), self.rows.shift
        if not _columns(values, shift, self.classes, HALF, column):
            return column, _NONE, _NONE_VALUES
        where = np.flatnonzero(column == 0)
        return column, where, values[where] - shift[where]

    def intervals(self, column: Values) -> Iterator[tuple[NDArray[np.int64], Intervals]]:
        """Positions and the interval of the quantiles that their columns have, in coding order."""
        order, classes = self.order()
        for width, start, end in classes:
            where = order[start:end]
            if width < SPLIT_WIDTH:
                yield where, intervals(self.rows, where, width, column)
            else:
                split = split_intervals(self.rows, where, width, column)
                yield from ((where, symbol) for symbol in zip(*split, strict=True))

    def all_intervals(self, column: Values) -> Intervals:
        """The interval of the quantiles of all symbols, in coding order."""
        starts, sizes = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
        for _, (start, size) in self.intervals(column):
            starts.append(start)
            sizes.append(size)
        return np.concatenate(starts), np.concatenate(sizes)


@compiled
def _sorted(classes: Values, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions sorted by class, and where each class begins and the last one ends."""
    ends = np.zeros(count + 2, np.int64)
    for n in range(len(classes)):
        ends[classes[n] + 2] += 1
    for i in range(count):
        ends[i + 2] += ends[i + 1]
    order = np.empty(ends[count + 1], np.int64)
    for n in range(len(classes)):
        order[ends[classes[n] + 1]] = n
        ends[classes[n] + 1] += 1
    return order, ends[: count + 1]


@compiled
def _columns(values: Values, shift: Values, classes: Values, half: Values, columns: Values) -> int:
    """Column of each value, 0 where it escapes; returns how many do."""
    escapes = 0
    for n in range(len(values)):
        middle = half[classes[n]]
        latent = values[n] - shift[n]
        columns[n] = latent + middle if abs(latent) < middle else 0
        escapes += columns[n] == 0
    return escapes


@compiled
def place(
    order: NDArray[np.int64],
    decoded: Values,
    shift: Values,
    classes: Values,
    half: Values,
    low: Values,
    columns: Values,
    out: Values,
) -> tuple[bool, int]:
    """Column and value of each latent from its column in coding order; whether all are bytes, how many escape."""
    good = True
    escapes = 0
    for i in range(len(order)):
        n = order[i]
        columns[n] = decoded[i]
        out[n] = decoded[i] - half[classes[n]] + shift[n]
        good &= 0 <= out[n] + low[n] <= HIGHEST or decoded[i] == 0
        escapes += decoded[i] == 0
    return good, escapes


def planes_of(model: Prepared, steps: Sequence[Step]) -> Iterator[tuple[Plane, Columns]]:
    """Each plane of each coding step as the decoder meets it, with what its values are there."""
    for _, _, prior, values in steps:
        for p in range(len(values)):
            plane = Plane.of(model, prior, p, values)
            yield plane, plane.columns(values[p])
