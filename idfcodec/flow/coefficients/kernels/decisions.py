"""A decision: a bit coded by the chance that counters under several contexts give it, mixed.

A decision's chance is a mixture in the logistic domain, in integers: counters under several contexts say how likely a
one is, each as its logit; the logits, weighted, make the mixture's, and the weights learn from what came.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called

__all__ = [
    "DC",
    "DC_LOW",
    "DECODE",
    "ENCODE",
    "FEATURES",
    "FINE",
    "INPUTS",
    "KINDS",
    "LAST",
    "LONG",
    "LOW",
    "NODES",
    "SEGMENT",
    "SETS",
    "SIGN",
    "SLOTS",
    "TOP",
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
TOP = 3071  # greatest logit, in 1 / 256
SEGMENT = 128  # logits between two nodes of a refinement
NODES = 50
LIMIT = 255  # observations of a counter, at most
BITS = 24  # of a quantile
RATE = 12  # of the weights
LAST, ZERO, FINE, LOW, SIGN, DC, DC_LOW, SETS = 0, 384, 1728, 2240, 2496, 2720, 2832, 3136  # sets of weights


class Model(NamedTuple):
    """What the loop learns, and what it reads and writes.

    Attributes:
        counters: a chance in 22 bits and a count of observations in 10: 16 times SLOTS lines of 16, then of 64.
        weights: (SETS, INPUTS) int32 of the mixtures, in 1 / 65536.
        refined: (SETS, NODES) counters that say what becomes of a mixture's chance.
        learned: (KINDS · 64, FEATURES) float64, weights of the estimates of magnitudes.
        stretch, squash, rates: (4096,) int32, (2 TOP + 1,) and (1024,) int64: see `tables`.
        coder: (3,) uint64: state, words left, intervals; of a decoder 1 where words ended too early.
        words: what a decoder reads.
        starts, sizes: the intervals that an encoder writes, int32.
        at, x: (INPUTS,) int64 and int32, scratch.
    """

    counters: NDArray[np.uint32]
    weights: NDArray[np.int32]
    refined: NDArray[np.uint32]
    learned: NDArray[np.float64]
    stretch: NDArray[np.int32]
    squash: NDArray[np.int64]
    rates: NDArray[np.int64]
    coder: NDArray[np.uint64]
    words: NDArray[np.uint32]
    starts: NDArray[np.int32]
    sizes: NDArray[np.int32]
    at: NDArray[np.int64]
    x: NDArray[np.int32]


@called
def _seen(counter, bit, rates):
    """A counter that has seen a bit."""
    count = np.int64(counter & np.uint32(1023))
    chance = np.int64(counter >> np.uint32(10))
    chance += ((((1 << 22) - 1 if bit else 0) - chance) * rates[count]) >> 16
    return np.uint32(chance << 10 | min(count + 1, LIMIT))


@called
def _code(mode, bit, size, m):
    """Code a bit that is 1 in the first `size` of 2**BITS quantiles; returns it."""
    if mode == ENCODE:
        n = m.coder[2]
        m.starts[n] = 0 if bit else size
        m.sizes[n] = size if bit else (1 << BITS) - size
        m.coder[2] = n + np.uint64(1)
        return bit
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


@called
def decide(mode, bit, count, node, lines, s1, s2, m):
    """Code a bit under the `count` counters at `node` of their lines, with two sets of weights; returns it."""
    x, counters = m.x, m.counters
    for i in range(count):
        counter = counters[lines[i] + node]
        trust = 256 - 160 // (1 + np.int64(counter & np.uint32(1023)))
        x[i] = m.stretch[counter >> np.uint32(20)] * trust >> 8
    x[count] = 256
    dot = np.int64(0)
    first, second = m.weights[s1], m.weights[s2]
    for i in range(count + 1):
        dot += np.int64(x[i]) * (first[i] + second[i])
    logit = min(max(dot >> 16, -TOP), TOP)
    mixed = m.squash[logit + TOP]
    place = logit + TOP + 1
    k, part = place // SEGMENT, place % SEGMENT
    total = 2 * mixed
    for s in (s1, s2):
        below, above = np.int64(m.refined[s, k] >> np.uint32(10)), np.int64(m.refined[s, k + 1] >> np.uint32(10))
        total += (below * (SEGMENT - part) + above * part) >> 13
    chance = min(max((total + 2) >> 2, 24), 65536 - 24)
    bit = _code(mode, bit, chance << (BITS - 16), m)
    step = ((65536 if bit else 0) - mixed) * RATE
    for i in range(count + 1):
        change = np.int32((np.int64(x[i]) * step + (1 << 18)) >> 19)
        first[i] += change
        second[i] += change
    for i in range(count):
        counters[lines[i] + node] = _seen(counters[lines[i] + node], bit, m.rates)
    near = k + (1 if part >= SEGMENT // 2 else 0)
    for s in (s1, s2):
        m.refined[s, near] = _seen(m.refined[s, near], bit, m.rates)
    return bit
