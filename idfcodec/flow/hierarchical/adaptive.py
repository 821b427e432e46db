"""What a tile teaches while it is coded: both sides learn it from the steps before, so it costs no bits.

Weights of values and of pairs of values, see `lattice.py`, as far as the tile's `Switches` ask for them. And how often
each column of each table row really comes: with c the counts of a row of the model's weights T (both for one plane),
n their sum,

    T' = floor((BELIEF * T + 2**24 c) / (BELIEF + n))

takes the place of T. On photographs the network is right and T' hardly differs; flat, drawn or otherwise unforeseen
pictures soon have tables of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled
from idfcodec.flow.exact.tables import CELLS, CLASSES, STARTS
from idfcodec.flow.hierarchical.lattice import PairWeights, Weights, value_weights
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.walk import Values

__all__ = ["Adaptation", "Learned", "Switches"]

TOTAL = 2**24  # as in `exact.tables`, repeated for the loops below: see `compiled`
BELIEF = 1024  # latents' worth of trust in the model's tables
TABLE_LEVELS = 3  # the finest levels, before whose steps the tables are made anew
WEIGHT_LEVELS = 2  # the finest levels, whose steps are weighted
VALUE_BELIEF = 64  # eighths of a pixel
Tables = NDArray[np.int32]


class Switches(IntFlag):
    """What weights a tile's latents besides the network: pairs of R-G and B-G, of G and R-G, and values of R, G, B."""

    DIFFERENCES = 1
    GREEN = 2
    VALUES = 4


PAIR_BELIEF = {Switches.DIFFERENCES: 2, Switches.GREEN: 2}  # eighths of a pair
_LOW = {Switches.DIFFERENCES: (-255, -255), Switches.GREEN: (0, -255)}


@dataclass(frozen=True)
class Learned:
    """What is known before a coding step.

    Args:
        tables: of each plane, CELLS weights; good until the next step learns more.
        pairs: the weights of the pairs that are learned and have been seen.
        values: (C, 256) weights of the values of G, R and B, or None.
    """

    tables: list[Tables]
    pairs: dict[Switches, PairWeights]
    values: Weights | None


@compiled
def _learn_tables(tables: Tables, counts: Tables, start: int, rows: int, width: int, out: Tables) -> None:
    for row in range(rows):
        cell = np.uint64(start + row * width)  # unsigned indices let the sums be vectorised
        seen = 0
        for j in range(cell, cell + np.uint64(width)):
            seen += counts[j]
        if seen:
            for j in range(cell, cell + np.uint64(width)):
                out[j] = np.int32((BELIEF * np.float64(tables[j]) + TOTAL * np.float64(counts[j])) / (BELIEF + seen))


@compiled
def _count(counts: Tables, cells: Values, columns: Values) -> None:
    for n in range(len(cells)):
        counts[cells[n] + columns[n]] += 1


@compiled
def _count_pairs(counts: Tables, x: Values, y: Values, low_x: int, low_y: int) -> None:
    for n in range(len(x)):
        counts[x[n] - low_x, y[n] - low_y] += 1


class Adaptation:
    """The state of one tile.

    Args:
        model: the model.
        planes: 1 or 3.
        switches: which weights to learn; those of differences need three planes.
    """

    def __init__(self, model: Prepared, planes: int, switches: Switches) -> None:
        self._model = model
        self._tables: list[Tables] = [model.tables.copy() for _ in range(planes)]
        self._columns = [np.zeros(CELLS, np.int32) for _ in range(planes)]
        self._pairs = {
            kind: np.zeros((256 - low[0] if low[0] == 0 else 511, 511), np.int32)
            for kind, low in _LOW.items()
            if kind in switches and planes == 3
        }
        self._values = np.zeros((planes, 256), np.int32) if Switches.VALUES in switches else None

    def learned(self, level: int) -> Learned:
        """What the next step, which is of `level`, may use."""
        if level < TABLE_LEVELS:
            for tables, seen in zip(self._tables, self._columns, strict=True):
                self._learn_tables(tables, seen)
        pairs = {}
        values = None
        if level < WEIGHT_LEVELS:
            for kind, counts in self._pairs.items():
                weights = PairWeights.from_counts(counts, _LOW[kind], PAIR_BELIEF[kind], self._model.blurs)
                if weights is not None:
                    pairs[kind] = weights
            if self._values is not None:
                values = np.stack([value_weights(counts, VALUE_BELIEF) for counts in self._values])
        return Learned(self._tables, pairs, values)

    def _learn_tables(self, tables: Tables, counts: Tables) -> None:
        for kind, start in zip(CLASSES, STARTS, strict=True):
            _learn_tables(self._model.tables, counts, start, kind.rows, kind.width, tables)

    def add_columns(self, plane: int, cells: Values, columns: Values) -> None:
        """Learn the columns (N,) that a plane of a step had in the rows that begin at `cells`."""
        _count(self._columns[plane], cells, columns)

    def add_values(self, values: Values) -> None:
        """Learn a step's values (C, N)."""
        for kind, counts in self._pairs.items():
            first = 0 if kind is Switches.GREEN else 1
            _count_pairs(counts, values[first], values[first + 1], *_LOW[kind])
        if self._values is not None:
            self._values[0] += np.bincount(values[0], minlength=256).astype(np.int32)
            for plane in range(1, len(values)):
                self._values[plane] += np.bincount(values[plane] + values[0], minlength=256).astype(np.int32)
