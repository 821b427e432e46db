"""The candidates for a colour: what the surroundings, and what followed them before, suggest."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called, joined
from idfcodec.flow.categorical.kernels.decisions import decided
from idfcodec.flow.categorical.kernels.numbers import (
    ALL,
    ALL_ALIKE,
    BASES,
    BY,
    BY_MATCH,
    CANDIDATES,
    CERTAINTY,
    COLOUR,
    CONTEXTS,
    DUE,
    ESCAPES,
    FLAT,
    HASHES,
    LEVEL,
    LINE,
    LINES,
    LIST,
    MEMORIES,
    NONE,
    OF_RANKS,
    PREPARED,
    RUN,
    RUN_HERE,
    SCORES,
    SOURCES,
    VOTES,
    magnitude,
    mixed_hash,
)
from idfcodec.flow.categorical.kernels.surroundings import prepared

__all__ = ["gathered", "goes_on", "ranked"]


@joined
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


@joined
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


@called
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
    widest = scratch[HASHES + MEMORIES - 1 if plan[LINES] else HASHES + ALL_ALIKE]
    scratch[CONTEXTS + 5] = mixed_hash(expected, widest) if kind < ALL else mixed_hash(long, 1700 + kind)
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
