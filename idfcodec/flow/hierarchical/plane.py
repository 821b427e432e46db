"""One colour of a coding step: the tables of its latents, in coding order, weighted by what the tile has taught."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled
from idfcodec.entropy import Frequencies, Intervals
from idfcodec.flow.exact.tables import CLASSES
from idfcodec.flow.hierarchical.adaptive import Adaptation, Learned, Switches
from idfcodec.flow.hierarchical.lattice import BLURS
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.rows import Ingredients, intervals, split_intervals
from idfcodec.flow.hierarchical.walk import Step, StepPrior, Values

__all__ = ["HALF", "PAIR_WIDTH", "SPLIT_WIDTH", "Columns", "Plane", "place", "planes_of"]

PAIR_WIDTH = 64  # wider tables are of latents too uncertain to gain from pairs
SPLIT_WIDTH = 64  # tables as wide are coded in two symbols a latent
# Numbers of `exact.tables`, repeated for the loops below: see `compiled`.
COLOUR_BITS, HIGHEST, ONE = 5, 255, 16
HALF = np.array([c.width // 2 for c in CLASSES], np.int32)  # of the widths of the classes
_NONE, _NONE_VALUES = np.zeros(0, np.int64), np.zeros(0, np.int32)

# Column of each value (0 where it escapes), positions of the escapes, and their latents.
Columns = tuple[Values, NDArray[np.int64], Values]


@dataclass(frozen=True)
class Plane:
    """The latents of one colour of one coding step: everything both sides know before decoding them."""

    model: Prepared
    prior: StepPrior
    plane: int
    known: Values
    learned: Learned
    location: Values
    classes: Values
    cells: Values
    shift: Values

    @staticmethod
    def of(model: Prepared, prior: StepPrior, plane: int, values: Values, learned: Learned) -> Plane:
        """A plane of the step whose `values` (C, N) are known for the planes before it."""
        return Plane(model, prior, plane, values, learned, *prior.tables(plane, values))

    def order(self) -> tuple[NDArray[np.int64], list[tuple[int, int, int]]]:
        """Positions in coding order: by width class, then position; and (width, start, end) of each class."""
        order, ends = _sorted(self.classes, len(CLASSES))
        ranges = zip(CLASSES, ends.tolist(), ends[1:].tolist(), strict=False)
        return order, [(kind.width, start, end) for kind, start, end in ranges if start < end]

    def low(self) -> Values:
        """(N,) what makes a value a byte."""
        return self.known[0] if self.plane else np.zeros_like(self.shift)

    def ingredients(self, switches: Switches) -> tuple[Ingredients, Ingredients]:
        """Of the rows of narrow tables, and of those too wide to gain from pairs."""
        learned = self.learned
        wide = Ingredients(learned.tables[self.plane], self.cells, self.shift, self.low())
        if Switches.VALUES in switches and learned.values is not None:
            wide = wide._replace(values=learned.values[self.plane])
        narrow = wide
        for kind, plane in ((Switches.GREEN, 0), (Switches.DIFFERENCES, 1)):
            pairs = learned.pairs.get(kind) if kind in switches else None
            if pairs is not None and plane == self.plane:
                x, y = pairs.low
                blur, at, slope = self._expected()
                pairs.blur(np.bincount(blur, minlength=BLURS) > 0)
                narrow = narrow._replace(blurred=pairs.blurred, blurred_x=x, blurred_y=y, blur=blur, at=at, slope=slope)
            elif pairs is not None and plane + 1 == self.plane:
                x, y = pairs.low
                narrow = narrow._replace(known=self.known[plane], pair=pairs.pair, pair_x=x, pair_y=y)
        return narrow, wide

    def _expected(self) -> tuple[Values, Values, Values]:
        """Of the next plane: the class of its scale, its location if this one is 0, and how it moves with this one."""
        prior, shape = self.prior, self.location.shape
        blur, at, slope = np.empty(shape, np.int32), np.empty(shape, np.int32), np.empty(shape, np.int32)
        if prior.colour is None:
            raise ValueError("one plane has no pairs")
        _expect(
            self.plane,
            prior.location,
            prior.colour,
            prior.scale,
            self.known,
            self.location,
            self.model.blur_of,
            blur,
            at,
            slope,
        )
        return blur, at, slope

    def escape_groups(self, where: NDArray[np.int64]) -> Frequencies:
        """(N, EXCESS / PART) weights of the groups of the excesses of escapes."""
        groups: Frequencies = self.model.escape_groups.take(self.prior.scale[self.plane][where], 0)
        return groups

    def escape_parts(self, where: NDArray[np.int64], groups: Values) -> Frequencies:
        """(N, PART) weights of the excesses within their groups."""
        parts: Frequencies = self.model.escape_parts[self.prior.scale[self.plane][where], groups]
        return parts

    def columns(self, values: Values) -> Columns:
        """Of the values (N,) of this plane."""
        column = np.empty_like(values)
        if not _columns(values, self.shift, self.classes, HALF, column):
            return column, _NONE, _NONE_VALUES
        where = np.flatnonzero(column == 0)
        return column, where, values[where] - self.shift[where]

    def intervals(self, column: Values, switches: Switches) -> Iterator[tuple[NDArray[np.int64], Intervals]]:
        """Positions and the interval of the quantiles that their columns have, in coding order."""
        narrow, wide = self.ingredients(switches)
        order, classes = self.order()
        for width, start, end in classes:
            of, where = narrow if width <= PAIR_WIDTH else wide, order[start:end]
            if width < SPLIT_WIDTH:
                yield where, intervals(of, where, width, column)
            else:
                yield from ((where, symbol) for symbol in zip(*split_intervals(of, where, width, column), strict=True))

    def all_intervals(self, column: Values, switches: Switches) -> Intervals:
        """The interval of the quantiles of all symbols, in coding order."""
        starts, sizes = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
        for _, (start, size) in self.intervals(column, switches):
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
def _expect(
    plane: int,
    location: Values,
    colour: Values,
    scale: Values,
    known: Values,
    own: Values,
    blur_of: Values,
    blur: Values,
    at: Values,
    slope: Values,
) -> None:
    for n in range(len(own)):
        by = colour[2 if plane else 0, n]
        at[n] = (location[plane + 1, n] << COLOUR_BITS) - by * own[n]
        if plane:
            green = known[0, n] * ONE - min(max(location[0, n], 0), HIGHEST * ONE)
            at[n] += colour[1, n] * green
        blur[n] = blur_of[scale[plane + 1, n]]
        slope[n] = by * ONE


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


def planes_of(model: Prepared, steps: Sequence[Step], switches: Switches) -> Iterator[tuple[Plane, Columns]]:
    """Each plane of each coding step as the decoder meets it, with what its values are there."""
    adaptation = Adaptation(model, len(steps[0][-1]), switches)
    for level, _, prior, values in steps:
        learned = adaptation.learned(level)
        for p in range(len(values)):
            plane = Plane.of(model, prior, p, values, learned)
            columns = plane.columns(values[p])
            yield plane, columns
            adaptation.add_columns(p, plane.cells, columns[0])
        adaptation.add_values(values)
