"""The candidates for a colour: what the surroundings, and what followed them before, suggest."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import compiled_loops, fetched_ahead
from idfcodec.flow.categorical.kernels.decisions import decided
from idfcodec.flow.categorical.kernels.numbers import (
    ALL,
    AS_BEFORE,
    BASE,
    BASES,
    BY,
    BY_MATCH,
    CANDIDATES,
    CELLS,
    CERTAINTY,
    CHUNK,
    COLOUR,
    CONTEXTS,
    DUE,
    EARLIER,
    ESCAPES,
    FLAT,
    FLAT_HERE,
    GROUP,
    HASHES,
    KEYS,
    LEVEL,
    LEVELS,
    LINE,
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
    RUN,
    RUN_HERE,
    SCORES,
    SIZE,
    SOURCES,
    SUMMED,
    VOTES,
    WHICH_MEMORIES,
    WIDTH,
    WW,
    N,
    magnitude,
    mixed_hash,
)

__all__ = ["gathered", "goes_on", "looked_around", "prepared", "ranked", "recalled", "remembered", "summed"]


@compiled_loops
def gathered(scratch, trust):
    """Joins what the sources say to candidates, the most trusted first; returns their number."""
    number = np.int64(0)
    for s in range(SOURCES):
        level = scratch[LEVEL + s]
        if level == NONE:
            continue
        colour, score = scratch[COLOUR + s], trust[s * 64 + level]
        j = np.int64(0)
        while j < number and scratch[CANDIDATES + j] != colour:
            j += 1
        votes = np.int64(1) << s
        if j == number:
            number += 1
        else:
            votes |= scratch[VOTES + j]
            score = max(score, scratch[SCORES + j])
        while j > 0 and scratch[SCORES + j - 1] < score:
            scratch[CANDIDATES + j] = scratch[CANDIDATES + j - 1]
            scratch[VOTES + j] = scratch[VOTES + j - 1]
            scratch[SCORES + j] = scratch[SCORES + j - 1]
            j -= 1
        scratch[CANDIDATES + j], scratch[VOTES + j], scratch[SCORES + j] = colour, votes, score
    return number


@compiled_loops
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
        if j == 2 or j == 4:
            for k in range(x, end):
                v = sums[np.uint64(alike + k)]
                same, before = np.int64((v & MASK) == 0), v >> 32
                sums[np.uint64(alike + k)] = (v & MASK) | (before | same << (j >> 2)) << 32
    for k in range(x, end):
        sums[np.uint64(alike + k)] >>= 32


@compiled_loops
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


@compiled_loops
def prepared(scratch, plan, slots):
    """The bases of the contexts of ranks. Those of lines are fetched ahead."""
    w, of = scratch[NEAR], plan[OF_RANKS]
    scratch[HASHES + 5] = mixed_hash(w, scratch[NEAR + N])
    scratch[BASES] = scratch[HASHES]
    scratch[BASES + 1] = scratch[HASHES + 2]
    scratch[BASES + 2] = scratch[HASHES + 4]
    scratch[BASES + 3] = scratch[HASHES + 5]
    scratch[BASES + 4] = w
    scratch[BASES + 5] = mixed_hash(scratch[NEAR + N], scratch[NEAR + NE])
    scratch[BASES + 6] = scratch[ESCAPES]
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


@compiled_loops
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


@compiled_loops
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


@compiled_loops
def ranked(decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, number, alike, value):
    """The rank of the colour among the candidates: the first? any? the second? ... -1 where it is none."""
    run, by, escapes = scratch[RUN_HERE], scratch[BY], scratch[ESCAPES]
    long = min(run, 8) if run < 8 else 8 + min(magnitude(run) - 3, 6)
    of, lines = plan[OF_RANKS], plan[LINES] != 0
    if not scratch[PREPARED]:
        prepared(scratch, plan, slots)
    spoken = 3 if by > 3 else min(by, 1) + by // 3
    told = (by * 4 + scratch[CERTAINTY]) * 128 + scratch[LEVEL + BY_MATCH]
    for d in range(number + 1):
        k = np.int64(max(d - 1, 0))
        if d and k == number - 1:
            return k if d > 1 else np.int64(-1)
        colour, votes, bit = scratch[CANDIDATES + k], scratch[VOTES + k], np.int64(0)
        if d == 1:
            colour, k = np.int64(0x12345678), np.int64(1)
            for j in range(1, number):
                bit |= np.int64(value == scratch[CANDIDATES + j])
        elif value == colour:
            bit = np.int64(1)
        kind = np.int64(min(d, 3))
        close = (votes >> 1) & 63
        within = mixed_hash(colour, kind) & (LINE - 1)
        for i in range(of):
            b = scratch[np.uint64(BASES + i)]
            scratch[np.uint64(CONTEXTS + i)] = b ^ within if lines else mixed_hash(b ^ colour, kind * 16 + i)
        scratch[CONTEXTS + of] = mixed_hash(votes * 4 + kind, kind * 16 + 8)
        scratch[CONTEXTS + of + 1] = mixed_hash(told * 8 + (votes & 1) * 2 + ((votes >> BY_MATCH) & 1), kind * 16 + 9)
        scratch[CONTEXTS + of + 2] = mixed_hash((long * 64 + close) * 8 + (alike >> 6 & 7), kind * 16 + 10)
        scratch[CONTEXTS + of + 3] = mixed_hash(alike * 16 + escapes, close * 64 + kind * 16 + 11)
        first = kind * 512 + (votes & 31) * 16 + spoken * 4 + min(number - 1, 3)
        extra = np.int64(tables[scratch[SCORES + k] >> 4])
        bit = decided(
            decisions,
            words,
            coder,
            state,
            plan,
            slots,
            weights,
            inputs,
            tables,
            scratch,
            np.int64(LIST),
            bit,
            of + 4,
            extra,
            kind,
            first,
            kind * 1024 + alike,
        )
        if d == 1:
            if not bit:
                return np.int64(-1)
        elif bit:
            return k
    return np.int64(-1)


@compiled_loops
def goes_on(
    decisions,
    words,
    coder,
    state,
    plan,
    slots,
    weights,
    inputs,
    tables,
    scratch,
    kind,
    ahead,
    w,
    expected,
    value,
):
    """Whether what is around goes on: the next pixel, or at once the `BLOCK` next ones.

    Args:
        kind: FEW, ALL or BLOCKS; plus 1 for what was in the frame before.
        ahead: pixels to the next change in the row above.
        w, expected, value: colours: of the left pixel; that is asked about; of the pixel.
    """
    run, due = state[RUN], state[DUE]
    ahead = min(ahead, 16) if ahead < 32 else min(11 + magnitude(ahead), 18)
    long = min(run, 16) if run < 16 else min(11 + magnitude(run), 24)
    if due:
        long = 24 + due
    known = scratch[BY] * 4 + scratch[CERTAINTY] if kind < ALL else np.int64(0)
    scratch[CONTEXTS] = mixed_hash(expected, 100 + kind)
    scratch[CONTEXTS + 1] = (long * 32 + ahead) * 8 + kind
    scratch[CONTEXTS + 2] = mixed_hash(expected, long * 8 + 1100 + kind)
    scratch[CONTEXTS + 3] = mixed_hash(expected, ahead * 8 + 1600 + kind)
    scratch[CONTEXTS + 4] = mixed_hash(w, 1800 + kind * 32 + known)
    scratch[CONTEXTS + 5] = mixed_hash(expected, scratch[HASHES + 4]) if kind < ALL else mixed_hash(long, 1700 + kind)
    return decided(
        decisions,
        words,
        coder,
        state,
        plan,
        slots,
        weights,
        inputs,
        tables,
        scratch,
        np.int64(FLAT),
        value,
        np.int64(6),
        np.int64(0),
        kind,
        long * 19 + ahead,
        known * 8 + kind,
    )
