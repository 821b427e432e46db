"""What a tile teaches while it is coded: both sides learn it from the steps before, so it costs no bits.

Two things are learned. The colour lattice, see `lattice.py`. And how often each column of each table row really comes:
with c the counts of a row of the model's weights T (both for one plane), n their sum,

    T' = floor((BELIEF * T + 2**24 c) / (BELIEF + n))

takes the place of T. On photographs the network is right and T' hardly differs; flat, drawn or otherwise unforeseen
pictures soon have tables of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from idfcodec.flow.hierarchy import Values
from idfcodec.flow.lattice import Lattice
from idfcodec.flow.prior import CLASSES, TOTAL

if TYPE_CHECKING:
    from idfcodec.flow.runtime import Flow

__all__ = ["Adaptation", "Tables"]

BELIEF = 1024  # latents' worth of trust in the model's tables
TABLE_LEVELS = 3  # the finest levels, before whose steps the tables are made anew
LATTICE_LEVELS = 2  # the finest levels, whose steps the lattice weights
Tables = Mapping[int, NDArray[np.float64]]

_SIZES = np.array([c.rows * c.width for c in CLASSES])
_STARTS = np.concatenate(([0], np.cumsum(_SIZES)))
_WIDTHS = np.array([c.width for c in CLASSES])


class Adaptation:
    """The state of one tile.

    Args:
        flow: the model.
        planes: 1 or 3.
        lattice: whether to learn the colour lattice, of three planes.
    """

    def __init__(self, flow: Flow, planes: int, *, lattice: bool) -> None:
        self._flow = flow
        self._tables: list[Tables] = [flow.tables] * planes
        self._columns = [np.zeros(_STARTS[-1], np.int64) for _ in range(planes)]
        self._pairs = np.zeros(511 * 511, np.int64) if lattice else None
        self._new: list[NDArray[np.int64]] = []

    def tables(self, level: int) -> list[Tables]:
        """For each plane, the tables of the next step, which is of `level`."""
        if level < TABLE_LEVELS:
            self._tables = [self._learned(counts) for counts in self._columns]
        return self._tables

    def _learned(self, counts: NDArray[np.int64]) -> Tables:
        tables = {}
        for i, kind in enumerate(CLASSES):
            seen = counts[_STARTS[i] : _STARTS[i + 1]].reshape(kind.rows, kind.width)
            total = BELIEF + seen.sum(1, keepdims=True)
            tables[kind.width] = np.floor((self._flow.tables[kind.width] * BELIEF + seen * float(TOTAL)) / total)
        return tables

    def lattice(self, level: int, group: int) -> Lattice | None:
        """The weights of a step's pairs of differences; None where a step has none."""
        if self._pairs is None or level >= LATTICE_LEVELS or group < 0:
            return None
        self._pairs += np.bincount(np.concatenate(self._new), minlength=len(self._pairs))
        self._new.clear()
        return Lattice.from_counts(self._pairs.reshape(511, 511), self._flow.blurs)

    def add_column(self, plane: int, classes: Values, rows: Values, columns: Values) -> None:
        """Learn the columns (N,) that a plane of a step had in the rows of its width classes."""
        cells = _STARTS[classes] + rows * _WIDTHS[classes] + columns
        self._columns[plane] += np.bincount(cells, minlength=len(self._columns[plane]))

    def add_pairs(self, values: Values) -> None:
        """Learn the differences of a step, from its values (3, N)."""
        if self._pairs is not None:
            self._new.append((values[1].astype(np.int64) + 255) * 511 + values[2] + 255)
