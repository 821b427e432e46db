"""What is left of a channel's prediction, decision by decision."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called
from idfcodec.flow.categorical.kernels.decisions import coded, decided
from idfcodec.flow.categorical.kernels.fitting import chance_below
from idfcodec.flow.categorical.kernels.numbers import (
    BASES,
    CHANNEL,
    CONTEXTS,
    FITS,
    LINE,
    LINES,
    OF_CHANNELS,
    mixed_hash,
)

__all__ = ["coded_rest"]

ZERO, SIGN, SIZE, OCTAVE, BITS = range(5)  # is it 0? negative? of this size? of so many bits? and these bits
BOUNDLESS = 999


@called
def expected(tables, stage, negative, low, middle, high, mean, slope):
    """The logit of a decision by a logistic distribution about `mean`; sizes below `middle` are one side of it."""
    if stage == ZERO:
        ones = chance_below(tables, 0.5 - mean, slope) - chance_below(tables, -0.5 - mean, slope)
        zeros = 65536 - ones
    elif stage == SIGN:
        ones = chance_below(tables, -0.5 - mean, slope)
        zeros = 65536 - chance_below(tables, 0.5 - mean, slope)
    else:
        centre = (-mean if negative else mean) + 0.5
        above = chance_below(tables, centre - middle, slope)
        ones = chance_below(tables, centre - low, slope) - above
        zeros = above - (chance_below(tables, centre - high, slope) if high < BOUNDLESS else 0)
        if stage == BITS:
            ones, zeros = zeros, ones
    return np.int64(tables[((ones + 1) * 4095) // (ones + zeros + 2)])


@called
def coded_rest(
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
    rest,
    prediction,
    c,
    level,
    mean,
    slope,
):
    """What is left of a prediction: zero? sign, unary up to 8, then exponential Golomb.

    Args:
        decisions, ..., scratch: see `code_strip`.
        chances: (256,) int64, of bits that nothing else is known of.
        rest: it; ignored where it is decoded.
        prediction: in [0, 255].
        c, level: the channel, and how much its neighbours differ.
        mean, slope: of the logistic distribution of what is left, if the budget has it.
    """
    size, step, bits = abs(rest), np.int64(0), np.int64(0)
    negative = np.int64(prediction == 255)
    most = least = done = found = extra = np.int64(0)
    count, lines, fits = plan[OF_CHANNELS], plan[LINES] != 0, plan[FITS] != 0
    stage = ZERO
    while True:
        low, middle, high = step, step + 1, np.int64(BOUNDLESS)
        if stage == ZERO:
            node, bit = np.int64(0), np.int64(rest == 0)
        elif stage == SIGN:
            node, bit = np.int64(1), np.int64(rest < 0)
        elif stage == SIZE:
            node, bit = 1 + negative * 16 + step, np.int64(size == step)
        elif stage == OCTAVE:
            node, bit = 11 + negative * 16 + min(bits, 5), np.int64(size - 9 < (2 << bits) - 1)
            low, middle = 8 + (1 << bits), 8 + (2 << bits)
        else:
            node, bit = 33 + min(bits - done, 6), ((size - least) >> (bits - 1 - done)) & 1
            low = least + (found << (bits - done))
            high = low + (np.int64(1) << (bits - done))
            middle = (low + high) >> 1
        if fits:
            extra = expected(tables, stage, negative, low, middle, high, mean, slope)
        at = node
        if stage == BITS:
            at = 64 + ((negative * 8 + bits) * 128 + (1 << done) | found)
        for i in range(count):
            b = scratch[np.uint64(BASES + i)]
            if lines:
                b = (mixed_hash(b, at // LINE) if at >= LINE else b) ^ (at & (LINE - 1))
            else:
                b = mixed_hash(b, at)
            scratch[np.uint64(CONTEXTS + i)] = b
        kind = min(node, 2)
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
            np.int64(CHANNEL),
            bit,
            count,
            extra,
            c * 3 + kind,
            c * 40 + node,
            (c * 11 + level) * 3 + kind,
        )
        if stage == ZERO:
            if bit:
                return np.int64(0)
            stage = SIZE if prediction == 0 or prediction == 255 else SIGN
        elif stage == SIGN:
            negative, stage = bit, SIZE
        elif stage == SIZE:
            if bit:
                return -step if negative else step
        elif stage == BITS:
            found, done = found << 1 | bit, done + 1
        elif bit:
            stage = BITS
        else:
            bits += 1
        if stage == SIZE:
            step += 1
            most = prediction if negative else 255 - prediction
            if step == most:
                return -step if negative else step
            if step == 9:
                stage = OCTAVE
        if stage == OCTAVE and ((2 << bits) - 1 > most - 9 or bits == 7):
            stage = BITS
        if stage == BITS:
            least = 8 + (np.int64(1) << bits)
            if not fits or done == bits:
                break
    for j in range(done, bits):
        place = bits - 1 - j
        a = (c * 8 + bits) * 8 + place
        bit = coded(
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
            ((size - least) >> place) & 1,
            min(max(chances[a], 32), 65500),
        )
        chances[a] += (65535 * bit - chances[a]) >> 6
        found |= bit << place
    step = least + found
    return -step if negative else step
