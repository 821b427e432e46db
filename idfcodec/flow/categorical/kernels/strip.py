"""A strip of a picture, colour after colour."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called, compiled_loops
from idfcodec.flow.categorical.kernels.candidates import goes_on
from idfcodec.flow.categorical.kernels.colour import followed, guessed, named
from idfcodec.flow.categorical.kernels.numbers import (
    AHEAD,
    ALL,
    AS_BEFORE,
    BEFORE,
    BLOCK,
    BLOCKS,
    BY,
    BY_MATCH,
    COLOUR,
    COLUMNS,
    COUNT,
    DECODE,
    DUE,
    EARLIER,
    ESCAPES,
    FEW,
    FLAT_HERE,
    FRAMES,
    HEIGHT,
    KEPT,
    LEVEL,
    LEVELS,
    LISTED,
    LONG,
    MATCH,
    MATCH_AT,
    MEMORIES,
    MEMORY_BITS,
    MODE,
    NONE,
    PAD,
    POSITION,
    PREVIOUS,
    ROWS,
    RUN,
    RUN_HERE,
    STRIP,
    SUMMED,
    WIDTH,
    magnitude,
)
from idfcodec.flow.categorical.kernels.surroundings import looked_around, prepared, recalled, remembered, summed

__all__ = ["code_strip"]


@called
def begin_row(plan, rows, flags, place, x, y):
    """Where the neighbours are; at a row's first pixel, its left margin."""
    stride = plan[WIDTH] + 2 * PAD
    for i in range(plan[LEVELS + MEMORIES]):
        place[4 + i] = ((y - plan[ROWS + i]) & (KEPT - 1)) * stride + PAD + plan[COLUMNS + i]
    place[SUMMED] = x
    for i in range(4):
        place[i] = ((y - i) & (KEPT - 1)) * stride + PAD
    if x == 0:
        if y == 0:
            rows[:] = 0
            flags[:] = 0
        for i in range(1, PAD + 1):
            rows[place[0] - i] = rows[place[1]] if y else 0


@compiled_loops
def code_strip(
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
    names,
    rows,
    flags,
    place,
    memory,
    trail,
    trust,
    chances,
    known,
    fits,
    sums,
):
    """Code pixels from where `state` says until a strip's decisions are made, or the picture ends.

    Args:
        decisions, ..., scratch: (room,) int32, written where encoded, each as bit << 16 | chance; words (n,) uint32 of
            the rANS coder; coder (2,) uint64, its state and the words left; state (8,) int64, what goes on from
            strip to strip; plan (240,) int64, sizes, flags and small tables; slots uint32 and weights int32, all that
            is learned of decisions; inputs (128,) int32; tables int32; scratch (256,) int64.
        names: (frames * height * width) uint32, of which those from the position on are written where decoded.
        rows, flags: (KEPT * (width + 2 PAD),) int64, the last rows; flags: 1 escaped, 2 as in the frame before.
        place: (64,) int64, where the neighbours of a row's first pixel are.
        memory: (MEMORIES * 2**MEMORY_BITS * 2,) uint32: a colour, and check << 8 | confidence.
        trail: (2**MEMORY_BITS,) uint32, a position + 1 by the hash of the 32 pixels before.
        trust: (SOURCES * 64 + 1024,) int64: how often each source was right, and how often the list held the colour.
        chances, known: int64 (256,) and uint16 (3 * 2**16,), of escapes.
        fits: (FITTED + 8 * (width + 2 PAD),) float64, least squares of values and their errors, see `fitting`.
        sums: ((MEMORIES + 1) * width,) int64, see `summed`.
    """
    width, height = plan[WIDTH], plan[HEIGHT]
    area = width * height
    listed, decoding = plan[LISTED] != 0, plan[MODE] == DECODE
    position, total = state[POSITION], area * plan[FRAMES]
    y, x = position % area // width, position % width
    state[COUNT] = 0
    begin_row(plan, rows, flags, place, x, y)
    while position < total and state[COUNT] < plan[STRIP]:
        value = np.int64(0) if decoding else np.int64(names[position])
        here, above, up = place[0] + x, place[1] + x, place[1]
        w, match = rows[here - 1], state[MATCH]
        matched = w
        scratch[LEVEL + BY_MATCH] = NONE
        if match:
            scratch[LEVEL + BY_MATCH] = 1 if match < 16 else min(magnitude(match) - 3, 10)
            matched = np.int64(names[np.uint64(state[MATCH_AT])])
        if listed:
            guessed(state, trail, plan[MEMORY_BITS], matched)
        earlier, still = w, np.int64(0)
        previous = position >= area
        scratch[LEVEL + BEFORE] = NONE
        if previous:
            earlier = np.int64(names[position - area])
            west, north, northeast = flags[here - 1] & 2, flags[above] & 2, flags[above + 1] & 2
            still = (west & north & northeast & flags[above - 1] & flags[here - 2]) >> 1
            scratch[LEVEL + BEFORE] = scratch[AS_BEFORE] = west >> 1 | north | northeast << 1
        expected = earlier if still else w
        quick = listed and (still != 0 or (rows[above] == w and earlier == w and matched == w))
        if quick and still == 0:
            if x >= place[SUMMED]:
                summed(plan, rows, place, sums, x)
            differs = np.int64(0)
            for k in range(2, 5):
                differs |= rows[np.uint64(here - k)] ^ w
            quick = differs == 0 and sums[np.uint64(MEMORIES * width + x)] > 1
        hit, asked = np.int64(0), quick
        if quick:
            ahead = max(state[AHEAD], x + 1)
            while ahead < width and ahead < x + 64 and (flags[up + ahead] & 2 != 0 if still else rows[up + ahead] == w):
                ahead += 1
            state[AHEAD] = ahead
            if state[DUE] == 0 and state[RUN] >= LONG and ahead - x > BLOCK and x + BLOCK <= width:
                bit = np.int64(1)
                if not decoding:
                    for at in range(position, position + BLOCK):
                        if names[at] != (names[at - area] if still else names[position - 1]):
                            bit = np.int64(0)
                hit = goes_on(
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
                    BLOCKS + still,
                    ahead - x,
                    w,
                    w,
                    bit,
                )
                state[DUE] = 0 if hit else BLOCK
            if hit:
                for _ in range(BLOCK - 1):
                    if still:
                        expected = np.int64(names[position - area])
                    if decoding:
                        names[position] = expected
                    rows[place[0] + x] = expected
                    flags[place[0] + x] = 2 if previous else 0
                    followed(state, names, trail, plan[MEMORY_BITS], position, expected)
                    position += 1
                    x += 1
                state[RUN] += BLOCK - 1
                here += BLOCK - 1
                if still:
                    expected = earlier = np.int64(names[position - area])
            else:
                bit = np.int64(value == expected)
                hit = goes_on(
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
                    ALL + still,
                    ahead - x,
                    w,
                    expected,
                    bit,
                )
                state[DUE] = max(state[DUE] - 1, 0) if hit else 0
        if not hit:
            state[AHEAD] = 0
            scratch[EARLIER], scratch[PREVIOUS] = earlier, previous
            north, around = flags[above] & 1, (flags[above + 1] & 1) << 2 | (flags[above - 1] & 1) << 3
            scratch[ESCAPES] = flags[here - 1] & 1 | north << 1 | around
            looked_around(scratch, plan, rows, place, memory, sums, x)
            if listed and not asked and scratch[FLAT_HERE] == 0:
                prepared(scratch, plan, slots)
            recalled(scratch, plan, memory)
            if not asked:
                state[DUE] = 0
            if (
                listed
                and not asked
                and scratch[FLAT_HERE] != 0
                and earlier == w
                and matched == w
                and (scratch[BY] == 0 or scratch[COLOUR] == w)
            ):
                ahead = x + 1
                while ahead < width and ahead < x + 16 and rows[up + ahead] == w:
                    ahead += 1
                bit = np.int64(value == w)
                hit = goes_on(
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
                    np.int64(FEW),
                    ahead - x,
                    w,
                    w,
                    bit,
                )
                asked = True
            if hit:
                value, scratch[ESCAPES] = w, 0
            else:
                scratch[RUN_HERE] = state[RUN]
                scratch[COLOUR + BY_MATCH], scratch[COLOUR + BEFORE] = matched, earlier
                value = named(
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
                    listed and not asked,
                    value,
                )
            remembered(scratch, plan, memory, value)
            state[RUN] = state[RUN] + 1 if value == w else 0
        else:
            value, scratch[ESCAPES] = expected, 0
            state[RUN] += 1
        flags[here] = scratch[ESCAPES] | np.int64(previous and value == earlier) << 1
        rows[here] = value
        if decoding:
            names[position] = value
        if listed:
            followed(state, names, trail, plan[MEMORY_BITS], position, value)
        position += 1
        x += 1
        if x == width:
            for i in range(PAD):
                rows[place[0] + width + i] = value
            x = np.int64(0)
            y = np.int64(0) if y + 1 == height else y + 1
            state[RUN] = state[AHEAD] = state[DUE] = 0
            begin_row(plan, rows, flags, place, x, y)
    state[POSITION] = position
