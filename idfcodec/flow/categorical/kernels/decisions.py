"""One binary decision: coded, or mixed from several contexts first."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called, joined
from idfcodec.flow.categorical.kernels.numbers import (
    BASE,
    CONTEXTS,
    COUNT,
    DECODE,
    FIRST,
    FITS,
    GROUP,
    INPUTS,
    INVERSE,
    LIMIT,
    MODE,
    MOST,
    MOST_WEIGHT,
    PAST,
    RATE,
    SECOND,
    SIZE,
    SLOTS,
    SPEED,
    SQUASH,
    TOTAL,
)

__all__ = ["coded", "decided"]

USES = INPUTS - 1  # the place of a count among the weights: no input has it
MOST_USES = 2**18 - 1
NEW = 0x80000001  # a slot that was never used: one half, no history; what is kept is the difference, by bits, to it


@called
def coded(decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, bit, chance):
    """A decision that is 1 with a chance of so many 65536ths."""
    if plan[MODE] == DECODE:
        s = coder[0]
        quantile, size = np.int64(s & np.uint64(TOTAL - 1)), chance << 8
        bit = np.int64(quantile < size)
        if not bit:
            quantile, size = quantile - size, TOTAL - size
        s = (s >> np.uint64(24)) * np.uint64(size) + np.uint64(quantile)
        if s < np.uint64(1 << 32) and coder[1] > np.uint64(0):
            coder[1] -= np.uint64(1)
            s = (s << np.uint64(32)) | np.uint64(words[coder[1]])
        coder[0] = s
    else:
        decisions[np.uint64(state[COUNT])] = bit << 16 | chance
    state[COUNT] += 1
    return bit


@called
def speed_of(plan, weights, tables, g, w):
    """How fast a set of weights learns: fast at first, where the budget says so. The last of them counts its uses."""
    if not plan[FITS]:
        return plan[g + SPEED]
    uses = np.int64(weights[np.uint64(w + USES)])
    weights[np.uint64(w + USES)] = np.int32(min(uses + 1, MOST_USES))
    return (plan[g + SPEED] * (12 + (np.int64(tables[np.uint64(INVERSE + (uses >> 6))]) >> 10))) >> 4


@joined
def decided(
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
    group,
    bit,
    count,
    extra,
    past,
    first,
    second,
):
    """A decision whose chance is mixed from those of `count` contexts, whose hashes are in `scratch`.

    Args:
        decisions, ..., scratch: see `code_strip`.
        group: which kind of decision.
        bit: what is coded; ignored where it is decoded.
        count: of contexts.
        extra: a further logit.
        past, first, second: set of the chances by history, and of the two weights.
    """
    g, x = group * GROUP, group << 5
    base, mask, limit = plan[g + BASE], plan[g + SIZE] - 1, plan[g + LIMIT]
    history = plan[g + PAST] + (past << 12)
    w1, w2 = plan[g + FIRST] + first * INPUTS, plan[g + SECOND] + second * INPUTS
    for i in range(count):
        a = base + (scratch[np.uint64(CONTEXTS + i)] & mask)
        v = np.int64(slots[np.uint64(a)]) ^ NEW
        h = history + (i << 8) + (v & 255)
        scratch[np.uint64(CONTEXTS + i)] = a
        scratch[np.uint64(SLOTS + i)] = h
        inputs[np.uint64(x + 2 * i)] = tables[np.uint64(v >> 20)]
        inputs[np.uint64(x + 2 * i + 1)] = tables[np.uint64(np.int64(slots[np.uint64(h)]) >> 20)]
    inputs[np.uint64(x + 2 * count)] = 256
    inputs[np.uint64(x + 2 * count + 1)] = extra
    total = np.int32(0)
    for i in range(INPUTS):
        weight = weights[np.uint64(w1 + i)] + weights[np.uint64(w2 + i)]
        total = np.int32(total + np.int32(np.int32(inputs[np.uint64(x + i)] * weight) >> 8))
    logit = min(max(np.int64(total) >> 8, -MOST), MOST)
    chance = np.int64(tables[np.uint64(SQUASH + MOST + logit)])
    bit = coded(decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, bit, chance)
    goal = 65535 * bit
    error1 = np.int32(((goal - chance) * speed_of(plan, weights, tables, g, w1)) >> 4)
    error2 = np.int32(((goal - chance) * speed_of(plan, weights, tables, g, w2)) >> 4)
    for i in range(INPUTS):
        change1 = np.int32(np.int32(inputs[np.uint64(x + i)] * error1) + 0x8000) >> 16
        change2 = np.int32(np.int32(inputs[np.uint64(x + i)] * error2) + 0x8000) >> 16
        a, b = np.uint64(w1 + i), np.uint64(w2 + i)
        weights[a] = min(max(np.int32(weights[a] + change1), np.int32(-MOST_WEIGHT)), np.int32(MOST_WEIGHT))
        weights[b] = min(max(np.int32(weights[b] + change2), np.int32(-MOST_WEIGHT)), np.int32(MOST_WEIGHT))
    for i in range(count):
        s = np.uint64(scratch[np.uint64(CONTEXTS + i)])
        v = np.int64(slots[s]) ^ NEW
        p, k, h = v >> 16, (v >> 8) & 255, (v & 255) << 1 | bit
        p += ((goal - p) * np.int64(tables[np.uint64(RATE + k)])) >> 16
        if h > 255:
            h = h & 127 | 128
        slots[s] = (p << 16 | min(k + 1, limit) << 8 | h) ^ NEW
        s = np.uint64(scratch[np.uint64(SLOTS + i)])
        v = np.int64(slots[s])
        p, k = v >> 16, v & 255
        p += ((goal - p) * np.int64(tables[np.uint64(RATE + k)])) >> 16
        slots[s] = p << 16 | min(k + 1, 250)
    return bit
