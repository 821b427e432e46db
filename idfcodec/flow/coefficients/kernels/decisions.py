"""A decision: a bit coded by the chance that counters under several contexts give it, mixed.

A decision's chance is a mixture in the logistic domain, in integers: counters under several contexts say how likely a
one is, each as its logit; the logits, weighted, make the mixture's, and the weights learn from what came.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import inlined, joined

__all__ = [
    "COUNTERS",
    "DC",
    "DC_LOW",
    "DECODE",
    "ENCODE",
    "FEATURES",
    "FINE",
    "INPUTS",
    "KINDS",
    "LAST",
    "LIMIT",
    "LONG",
    "LOW",
    "NODES",
    "OCTAVES",
    "QUARTERS",
    "RATES",
    "SEGMENT",
    "SETS",
    "SHORT",
    "SIGN",
    "SLOTS",
    "SQUASH",
    "STRETCH",
    "TOP",
    "TRUST",
    "ZERO",
    "Model",
    "decide",
]

ENCODE, DECODE = 1, 2
INPUTS = 16  # of a mixture at most, the constant one included
FEATURES = 16  # of the estimate of a magnitude
KINDS = 3  # of planes: luma, the first and the second of chroma
SLOTS = 1 << 14  # lines of 16 counters under each context
LONG = 16 * SLOTS * 16  # where the lines of 64 counters begin
COUNTERS = 20 * SLOTS * 16  # of all lines
TOP = 3071  # greatest logit, in 1 / 256
SEGMENT = 128  # logits between two nodes of a refinement
NODES = 50
LIMIT = 255  # observations of a counter, at most
BITS = 24  # of a quantile
RATE = 3  # of the weights, in 1 / 131072
LAST, ZERO, FINE, LOW, SIGN, DC, DC_LOW, SETS = 0, 384, 1728, 2240, 2496, 2720, 2832, 3136  # sets of weights
SHORT = 1024  # numbers below this are brought to few values by tables
STRETCH, SQUASH, TRUST, RATES, OCTAVES, QUARTERS = 0, 4096, 10240, 10496, 10752, 11776  # where each table begins


class Model(NamedTuple):
    """What the loop learns, and what it reads and writes.

    Attributes:
        counters: a chance in 22 bits and a count of observations in 10: COUNTERS of 16 times SLOTS lines of 16, then of
            64; then NODES for each of SETS that say what becomes of a mixture's chance.
        weights: (SETS · INPUTS,) int32 of the mixtures, in 1 / 65536.
        learned: (KINDS · 64, FEATURES) float64, weights of the estimates of magnitudes.
        tables: uint16, see `tables`.
        coder: (3,) uint64: state, words left, intervals; of a decoder 1 where words ended too early.
        words: uint32, what a decoder reads.
        intervals: (2, N) int32, starts and sizes that an encoder writes.
        lines: (INPUTS,) uint64, where the counters of a decision's contexts begin.
        logits: (INPUTS,) int32, of a decision, as they are mixed.
    """

    counters: NDArray[np.uint32]
    weights: NDArray[np.int32]
    learned: NDArray[np.float64]
    tables: NDArray[np.uint16]
    coder: NDArray[np.uint64]
    words: NDArray[np.uint32]
    intervals: NDArray[np.int32]
    lines: NDArray[np.uint64]
    logits: NDArray[np.int32]


@inlined
def _code(mode, bit, size, m):
    """Code a bit that is 1 in the first `size` of 2**BITS quantiles; returns it."""
    if mode == ENCODE:
        n = m.coder[2]
        m.intervals[0, n] = 0 if bit else size
        m.intervals[1, n] = size if bit else (1 << BITS) - size
        m.coder[2] = n + np.uint64(1)
    else:
        state = m.coder[0]
        low = np.int64(state & np.uint64((1 << BITS) - 1))
        bit = 1 if low < size else 0
        length = size if bit else (1 << BITS) - size
        state = (state >> np.uint64(BITS)) * np.uint64(length) + np.uint64(low if bit else low - size)
        if state < np.uint64(1 << 32) and m.coder[1] > np.uint64(0):
            m.coder[1] -= np.uint64(1)
            state = state << np.uint64(32) | np.uint64(m.words[m.coder[1]])
        m.coder[0] = state
    return bit


@inlined
def _see(counters, at, goal, tables):
    """Move a counter's chance towards a goal, and count one observation more."""
    counter = counters[at]
    count = np.int64(counter & np.uint32(1023))
    chance = np.int64(counter >> np.uint32(10))
    chance += ((goal - chance) * np.int64(tables[np.uint64(RATES + count)])) >> 16
    counters[at] = np.uint32(chance << 10 | min(count + 1, LIMIT))


@joined
def decide(mode, bit, count, node, s1, s2, m):
    """Code a bit under the `count` counters at `node` of the lines, with two sets of weights; returns it."""
    counters, weights, lines, logits, tables = m.counters, m.weights, m.lines, m.logits, m.tables
    at, first, second = np.uint64(node), np.uint64(s1 * INPUTS), np.uint64(s2 * INPUTS)
    logits[np.uint64(count)] = 256
    dot = 256 * (np.int64(weights[first + np.uint64(count)]) + np.int64(weights[second + np.uint64(count)]))
    for n in range(count):
        i = np.uint64(n)
        counter = counters[lines[i] + at]
        trust = np.int64(tables[np.uint64(TRUST) + np.uint64(counter & np.uint32(1023))])
        logit = (np.int64(tables[np.uint64(counter >> np.uint32(20))]) - TOP) * trust >> 8
        logits[i] = logit
        dot += logit * (np.int64(weights[first + i]) + np.int64(weights[second + i]))
    logit = min(max(dot >> 16, -TOP), TOP)
    mixed = np.int64(tables[np.uint64(SQUASH + TOP + logit)])
    place = np.uint64(logit + TOP + 1)
    k, part = place // np.uint64(SEGMENT), np.int64(place % np.uint64(SEGMENT))
    upper, lower = np.uint64(COUNTERS + s1 * NODES) + k, np.uint64(COUNTERS + s2 * NODES) + k
    one = np.uint64(1)
    total = 2 * mixed
    for refined in (upper, lower):
        below = np.int64(counters[refined] >> np.uint32(10))
        above = np.int64(counters[refined + one] >> np.uint32(10))
        total += (below * (SEGMENT - part) + above * part) >> 13
    chance = min(max((total + 2) >> 2, 24), 65536 - 24)
    bit = _code(mode, bit, chance << (BITS - 16), m)
    step = ((65536 if bit else 0) - mixed) * RATE
    goal = (1 << 22) - 1 if bit else 0
    for n in range(count):
        _see(counters, lines[np.uint64(n)] + at, goal, tables)
    for n in range(count + 1):
        i = np.uint64(n)
        change = np.int32(np.int64(logits[i]) * step + (1 << 16)) >> 17
        weights[first + i] += change
        weights[second + i] += change
    near = one if part >= SEGMENT // 2 else np.uint64(0)
    _see(counters, upper + near, goal, tables)
    _see(counters, lower + near, goal, tables)
    return bit
