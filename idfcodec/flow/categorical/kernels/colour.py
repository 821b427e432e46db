"""One colour, named among its candidates or told otherwise; and how repeats at a distance are followed."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called, fetched_ahead, joined
from idfcodec.flow.categorical.kernels.candidates import gathered, ranked
from idfcodec.flow.categorical.kernels.literals import coded_channels, coded_index
from idfcodec.flow.categorical.kernels.numbers import (
    BY_MATCH,
    CANDIDATES,
    COLOUR,
    COLOURS,
    ESCAPES,
    HASHES,
    LEVEL,
    MASK,
    MATCH,
    MATCH_AT,
    NEAR,
    NONE,
    PAIRS,
    PREPARED,
    ROLLING,
    SCORES,
    SOURCES,
    WN,
    N,
    mixed_hash,
)

__all__ = ["followed", "guessed", "named"]


@joined
def named(
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
    trust,
    chances,
    known,
    fits,
    rows,
    place,
    x,
    possible,
    value,
):
    """A colour by its rank among the candidates, or by itself; whether it was one is left in `scratch`."""
    if not scratch[PREPARED]:
        scratch[HASHES + WN] = mixed_hash(scratch[NEAR], scratch[NEAR + N])
    alike = np.int64(0)
    for i in range(10):
        a, b = plan[PAIRS + 2 * i], plan[PAIRS + 2 * i + 1]
        alike |= np.int64(scratch[NEAR + a] == scratch[NEAR + b]) << i
    for s in range(1, BY_MATCH):
        scratch[COLOUR + s], scratch[LEVEL + s] = scratch[NEAR + s - 1], alike & 63
    number = gathered(scratch, trust) if possible else np.int64(0)
    top = scratch[SCORES] >> 13 if number else np.int64(0)
    hope = SOURCES * 64 + (scratch[ESCAPES] * 8 + min(number, 7)) * 8 + top
    rank = np.int64(-1)
    if number and trust[hope] >= 40 * 256:
        rank = ranked(
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
            number,
            alike,
            value,
        )
    if rank >= 0:
        value = scratch[CANDIDATES + rank]
    elif plan[COLOURS]:
        value = coded_index(
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
            scratch[ESCAPES],
            value,
        )
    else:
        value = coded_channels(
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
            chances,
            known,
            fits,
            rows,
            place,
            x,
            value,
        )
    escaped = np.int64(1)
    for j in range(number):
        if scratch[CANDIDATES + j] == value:
            escaped = np.int64(0)
    trust[hope] += (65535 * (1 - escaped) - trust[hope]) >> 5
    for s in range(SOURCES):
        if scratch[LEVEL + s] != NONE:
            a = s * 64 + scratch[LEVEL + s]
            trust[a] += (65535 * np.int64(scratch[COLOUR + s] == value) - trust[a]) >> 6
    scratch[ESCAPES] = escaped
    return value


@joined
def guessed(state, trail, memory_bits, value):
    """Fetches ahead what `followed` reads should the pixel be of this colour."""
    rolling = (((state[ROLLING] * 0x5E16988E) & MASK) + (((value + 1) * 0x1E3779B1) & MASK)) & MASK
    fetched_ahead(trail, ((rolling * 0x5E3779B1) & MASK) >> (32 - memory_bits))


@called
def followed(state, names, trail, memory_bits, position, value):
    """Goes on with the long match: what came when these 32 pixels came last."""
    rolling = (((state[ROLLING] * 0x5E16988E) & MASK) + (((value + 1) * 0x1E3779B1) & MASK)) & MASK
    state[ROLLING] = rolling
    at = np.uint64(((rolling * 0x5E3779B1) & MASK) >> (32 - memory_bits))
    if state[MATCH] and np.int64(names[np.uint64(state[MATCH_AT])]) == value:
        state[MATCH] += 1
        state[MATCH_AT] += 1
    else:
        found, j = np.int64(trail[at]), np.int64(0)
        while j < 32 and j < found and names[np.uint64(found - 1 - j)] == names[np.uint64(position - j)]:
            j += 1
        state[MATCH], state[MATCH_AT] = j if j >= 24 else np.int64(0), found
    trail[at] = position + 1
