"""What the compiled loop of the categorical family works on: all that it learns, and the last rows."""

from __future__ import annotations

from functools import cache
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile
from idfcodec.flow.categorical.config import (
    ALIKE,
    BUDGETS,
    GROUPS,
    INPUTS,
    LEAST_BITS,
    LEVELS,
    NEIGHBOURS,
    STRIP,
    Budget,
    Way,
)
from idfcodec.flow.categorical.kernels import ENCODE, FITTED, PAD, code_strip
from idfcodec.flow.categorical.tables import first_chances, tables

__all__ = ["Work"]

MOST_OF_A_PIXEL = 256  # decisions
HISTORIES = 16 * 256  # chances of a set
NUMBER = 8  # numbers of a group in `plan`
SIZES, LENGTH, TABLES, FIRST_ROW = 32, 40, 48, 8  # where they begin in `plan`, and how long a strip is
PLAN, STATE, SCRATCH = 240, 8, 256
SOURCES, LEVELS_OF_TRUST, HOPES = 9, 64, 1024
MEMORIES, MOST_NEIGHBOURS = 6, 48
TOTAL = 2**24
POSITION, COUNT = 0, 6  # of the state
NO_WORDS = np.zeros(0, np.uint32)
DAMAGED = "the entropy-coded data is damaged"


def _power(count: int, least: int, most: int) -> int:
    return min(max((count - 1).bit_length(), least), most)


@cache
def _neighbours(*levels: int) -> NDArray[np.int64]:
    """What the plan says of them: the ends of each level, rows, columns, keys, pairs, those in the row itself."""
    ends = [0, *levels]
    own = [[i for i in range(*part) if NEIGHBOURS[i][0] == 0] for part in pairwise(ends)]
    keys = [(0x9E3779B1 * (i + 1) ^ 0x2545F491 * (i + 7)) & 0x7FFFFFFF | 1 for i in range(len(NEIGHBOURS))]
    columns = [[row for row, _ in NEIGHBOURS], [column for _, column in NEIGHBOURS], keys]
    tables = [[*column, *[0] * (MOST_NEIGHBOURS - len(column))] for column in columns]
    first = [*ends, *[0] * (FIRST_ROW - len(ends))]
    return np.array([*first, *chain(*tables), *chain(*ALIKE), *(next(iter(found), -1) for found in own)])


@cache
def _first_trust() -> NDArray[np.int64]:
    """How far each source is trusted at first, by how often it was right, and what is hoped of a list."""
    trust = np.full(SOURCES * LEVELS_OF_TRUST + HOPES, 1 << 15, np.int64)
    near = 30000 - 3000 * (np.arange(SOURCES)[:, None] - 1)
    trust[: SOURCES * LEVELS_OF_TRUST] = np.where(
        np.isin(np.arange(SOURCES), (0, 7, 8))[:, None],
        40000 + 1000 * np.minimum(np.arange(LEVELS_OF_TRUST), 20),
        near,
    ).ravel()
    return trust


class Work:
    """The coding of a picture, strip by strip.

    Args:
        mode: ENCODE or DECODE.
        names: (F, H, W) uint32, C-contiguous; written where decoded.
        channels: of a name, 1 to 4.
        colours: names are below it, for a way with a tree; 0 otherwise.
        way: how.
        budget: how much is learned.
        strip: decisions of a strip.
    """

    def __init__(
        self,
        mode: int,
        names: NDArray[np.uint32],
        channels: int,
        colours: int,
        way: Way,
        *,
        budget: Budget = BUDGETS[0],
        strip: int = STRIP,
    ) -> None:
        frames, height, width = names.shape
        self._names = names.reshape(-1)
        bits = _power(4 * names.size, LEAST_BITS, budget.slots)
        memory_bits = _power(names.size, 12, budget.memory)
        depth = max(colours - 1, 0).bit_length()
        learned = budget.ranks, budget.channels, budget.lines, budget.memories, budget.fits
        sizes = width, height, frames, channels, colours, depth, way.listed, memory_bits, strip, mode, *learned
        self._plan = np.zeros(PLAN, np.int64)
        self._plan[SIZES : SIZES + len(sizes)] = sizes
        self._strip = strip
        tables_of_neighbours = _neighbours(*LEVELS, budget.neighbours)
        self._plan[TABLES : TABLES + len(tables_of_neighbours)] = tables_of_neighbours
        slots, weights = self._learned(bits, (way.listed, way.listed, colours > 0, colours == 0))
        stride = width + 2 * PAD
        self._rows, self._flags = np.zeros(8 * stride, np.int64), np.zeros(8 * stride, np.int64)
        self._place = np.zeros(64, np.int64)
        self._state, self._coder = np.zeros(STATE, np.int64), np.zeros(2, np.uint64)
        self._decisions = np.empty(strip + MOST_OF_A_PIXEL if mode == ENCODE else 0, np.int32)
        inputs, scratch = np.zeros(128, np.int32), np.zeros(SCRATCH, np.int64)
        self._deck = self._coder, self._state, self._plan, slots, weights, inputs, tables(), scratch
        self._memory = np.zeros(MEMORIES * 2 << memory_bits, np.uint32)
        self._trail = np.zeros(1 << memory_bits, np.uint32)
        self._trust = _first_trust().copy()
        self._chances, self._known = np.full(256, 1 << 15, np.int64), np.zeros(3 << 16, np.uint16)
        self._fits = np.zeros(FITTED + 8 * stride)
        self._sums = np.zeros((MEMORIES + 1) * width, np.int64)

    def _learned(self, bits: int, needed: tuple[bool, ...]) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
        """Slots, weights, and in the plan where those of each group lie."""
        groups, slot, weight = [], 0, 0
        for g, (group, is_needed) in enumerate(zip(GROUPS, needed, strict=True)):
            if not is_needed:
                continue
            size, sets = 1 << min(bits, group.most_bits), group.first + group.second
            second = weight + group.first * INPUTS
            self._plan[NUMBER * g : NUMBER * g + 7] = (
                slot, size, slot + size, weight, second, group.speed, group.limit,
            )  # fmt: skip
            ends = slot + size, slot + size + HISTORIES * group.histories, weight + sets * INPUTS
            groups.append((weight, *ends, group.weight))
            slot, weight = ends[1:]
        slots, weights = np.zeros(slot, np.uint32), np.empty(weight, np.int32)  # of slots, most may never be used
        for first_weight, used, end, last_weight, value in groups:
            slots[used:end].reshape(-1, 256)[:] = first_chances()
            weights[first_weight:last_weight] = value
        weights.reshape(-1, INPUTS)[:, -1] = 0  # counts
        return slots, weights

    @property
    def position(self) -> int:
        """How many pixels are coded."""
        return int(self._state[POSITION])

    @property
    def share(self) -> float:
        """The same of all pixels."""
        return self.position / len(self._names)

    @property
    def done(self) -> bool:
        """Whether all pixels are coded."""
        return self.position == len(self._names)

    def intervals(self, most: int | None = None) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The intervals of the next strip, where encoded; (N,) starts and sizes.

        Args:
            most: decisions, after which it ends with the pixel in hand, if that is sooner.
        """
        self._plan[LENGTH] = self._strip if most is None else min(most, self._strip)
        self._run(NO_WORDS)
        decisions = self._decisions[: int(self._state[COUNT])]
        size = (decisions & 0xFFFF) << 8
        ones = decisions >> 16 != 0
        return np.where(ones, 0, size).astype(np.int32), np.where(ones, size, TOTAL - size).astype(np.int32)

    def decode(self, words: NDArray[np.uint32]) -> None:
        """The pixels of the next strip.

        Raises:
            CorruptFile: these are not its words.
        """
        if len(words) and not words[-1]:
            raise CorruptFile(DAMAGED)
        last = [int(word) for word in words[-2:]]
        self._coder[:] = sum(word << 32 * i for i, word in enumerate(last)), len(words) - len(last)
        self._run(words)
        if self._coder[0] or self._coder[1]:
            raise CorruptFile(DAMAGED)

    def _run(self, words: NDArray[np.uint32]) -> None:
        code_strip(  # type: ignore[no-untyped-call]
            self._decisions, words, *self._deck, self._names, self._rows, self._flags, self._place, self._memory,
            self._trail, self._trust, self._chances, self._known, self._fits, self._sums,
        )  # fmt: skip
