"""The surroundings of a pixel: their hashes, what is alike, and what followed them before."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called, fetched_ahead, joined
from idfcodec.flow.categorical.kernels.numbers import (
    ALL_ALIKE,
    AS_BEFORE,
    BASE,
    BASES,
    BY,
    CELLS,
    CERTAINTY,
    CHUNK,
    COLOUR,
    EARLIER,
    ESCAPES,
    FLAT_HERE,
    GROUP,
    HASHES,
    KEYS,
    LEVEL,
    LEVELS,
    LINES,
    LIST,
    MASK,
    MEMORIES,
    MEMORY_BITS,
    NE,
    NEAR,
    NONE,
    OF_RANKS,
    OWN,
    PREPARED,
    PREVIOUS,
    ROWS,
    SIZE,
    SUMMED,
    WHICH_MEMORIES,
    WIDTH,
    WN,
    WW,
    N,
    mixed_hash,
)

__all__ = ["looked_around", "prepared", "recalled", "remembered", "summed"]


@called
def summed(plan, rows, place, sums, x):
    """What the rows above say of the next columns: for each memory its part of a hash, and how much is alike.

    `sums` is (MEMORIES + 1) times a row; the last of these has 1 where those of the first 12 neighbours, plus 2 where
    those of all are alike.
    """
    width = plan[WIDTH]
    end = min(x + CHUNK, width)
    place[SUMMED] = end
    alike = MEMORIES * width
    for k in range(x, end):
        sums[np.uint64(k)] = 0
        sums[np.uint64(alike + k)] = 0
    for j in range(MEMORIES):
        a = j * width
        if j:
            for k in range(x, end):
                sums[np.uint64(a + k)] = sums[np.uint64(a - width + k)]
        for i in range(plan[LEVELS + j], plan[LEVELS + j + 1]):
            if plan[ROWS + i]:
                p, north, key = place[4 + i], place[5], plan[KEYS + i]
                for k in range(x, end):
                    v = rows[np.uint64(p + k)]
                    sums[np.uint64(a + k)] += (v * key) & MASK
                    sums[np.uint64(alike + k)] |= v ^ rows[np.uint64(north + k)]
        if j == 2 or j == ALL_ALIKE:
            for k in range(x, end):
                v = sums[np.uint64(alike + k)]
                same, before = np.int64((v & MASK) == 0), v >> 32
                sums[np.uint64(alike + k)] = (v & MASK) | (before | same << (j >> 2)) << 32
    for k in range(x, end):
        sums[np.uint64(alike + k)] >>= 32


@joined
def looked_around(scratch, plan, rows, place, memory, sums, x):
    """The neighbours, and hashes of them; where what followed them may be known is fetched ahead."""
    if x >= place[SUMMED]:
        summed(plan, rows, place, sums, x)
    width, memory_bits, which = plan[WIDTH], plan[MEMORY_BITS], plan[WHICH_MEMORIES]
    own = np.int64(0)
    for j in range(MEMORIES):
        i = plan[np.uint64(OWN + j)]
        if i >= 0:
            own += (rows[np.uint64(place[np.uint64(4 + i)] + x)] * plan[np.uint64(KEYS + i)]) & MASK
        mixed = sums[np.uint64(j * width + x)] + own
        h = mixed_hash(mixed & MASK, mixed >> 32)
        m = ((np.int64(j) << memory_bits) + (h >> (32 - memory_bits))) * 2
        scratch[np.uint64(HASHES + j)], scratch[np.uint64(CELLS + j)] = h, m
        if which >> j & 1:
            fetched_ahead(memory, m)
    for i in range(10):
        scratch[np.uint64(NEAR + i)] = rows[np.uint64(place[np.uint64(4 + i)] + x)]
    here = place[0] + x
    w = scratch[NEAR]
    differs = (scratch[NEAR + N] ^ w) | (scratch[NEAR + WW] ^ w) | (rows[np.uint64(here - 3)] ^ w)
    scratch[FLAT_HERE] = differs == 0 and sums[np.uint64(MEMORIES * width + x)] & 1
    scratch[PREPARED] = 0


@called
def prepared(scratch, plan, slots):
    """The bases of the contexts of ranks. Those of lines are fetched ahead."""
    w, of = scratch[NEAR], plan[OF_RANKS]
    scratch[HASHES + WN] = mixed_hash(w, scratch[NEAR + N])
    scratch[BASES] = scratch[HASHES]
    scratch[BASES + 1] = scratch[HASHES + 2]
    scratch[BASES + 2] = scratch[HASHES + 4]
    scratch[BASES + 3] = scratch[HASHES + WN]
    scratch[BASES + 4] = w
    if plan[LINES]:
        scratch[BASES + 3] = scratch[HASHES + 5]
        scratch[BASES + 4] = scratch[HASHES + WN]
    scratch[BASES + 5] = mixed_hash(scratch[NEAR + N], scratch[NEAR + NE])
    scratch[BASES + 6] = w if plan[LINES] else scratch[ESCAPES]
    scratch[BASES + 7] = scratch[HASHES + 1]
    if scratch[PREVIOUS]:
        scratch[BASES + 7] = mixed_hash(scratch[EARLIER], scratch[AS_BEFORE])
    if plan[LINES]:
        g = np.int64(LIST * GROUP)
        base, mask = plan[g + BASE], plan[g + SIZE] - 1
        for i in range(of):
            b = mixed_hash(scratch[np.uint64(BASES + i)], np.int64(i))
            scratch[np.uint64(BASES + i)] = b
            fetched_ahead(slots, base + (b & mask))
    scratch[PREPARED] = 1


@joined
def recalled(scratch, plan, memory):
    """What followed the surroundings: the widest ones that are known speak."""
    scratch[COLOUR], scratch[LEVEL], scratch[BY], scratch[CERTAINTY] = scratch[NEAR], NONE, 0, 0
    for k in range(MEMORIES):
        j = MEMORIES - 1 - k
        if not plan[WHICH_MEMORIES] >> j & 1:
            continue
        m = np.uint64(scratch[np.uint64(CELLS + j)])
        e = np.int64(memory[m + np.uint64(1)])
        c = e & 63
        if e >> 8 == scratch[np.uint64(HASHES + j)] & 0xFFFFFF and c:
            scratch[COLOUR], scratch[LEVEL] = np.int64(memory[m]), min(j * 12 + min(c, 11), 63)
            scratch[BY], scratch[CERTAINTY] = j + 1, min(c, 3)
            return


@joined
def remembered(scratch, plan, memory, value):
    """What followed the surroundings, kept for the next time."""
    for i in range(MEMORIES):
        if not plan[WHICH_MEMORIES] >> i & 1:
            continue
        m, check = np.uint64(scratch[np.uint64(CELLS + i)]), scratch[np.uint64(HASHES + i)] & 0xFFFFFF
        e = np.int64(memory[m + np.uint64(1)])
        c = e & 63
        right = np.int64(memory[m]) == value
        if e >> 8 != check or c == 0 or (c <= 3 and not right):
            memory[m], memory[m + np.uint64(1)] = value, check << 8 | 1
        elif right:
            memory[m + np.uint64(1)] = e + np.int64(c < 30)
        else:
            memory[m + np.uint64(1)] = e - ((c >> 1) + 1)
