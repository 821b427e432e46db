"""The loop that codes the blocks of a plane: coefficient by coefficient, each by binary decisions of mixed contexts.

A decision's chance is a mixture in the logistic domain, in integers: counters under several contexts say how likely a
one is, each as its logit; the logits, weighted, make the mixture's, and the weights learn from what came.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled

__all__ = ["DECODE", "ENCODE", "FEATURES", "INPUTS", "KINDS", "NODES", "SETS", "SLOTS", "Model", "code_rows"]

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
LEARN = 0.015  # of the estimates
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


@compiled
def _seen(counter, bit, rates):
    """A counter that has seen a bit."""
    count = np.int64(counter & np.uint32(1023))
    chance = np.int64(counter >> np.uint32(10))
    chance += ((((1 << 22) - 1 if bit else 0) - chance) * rates[count]) >> 16
    return np.uint32(chance << 10 | min(count + 1, LIMIT))


@compiled
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


@compiled
def _decide(mode, bit, count, node, lines, s1, s2, m):
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


@compiled
def _line(context, which):
    """Where the 16 counters of a context begin."""
    h = (np.uint64(context) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    h ^= h >> np.uint64(29)
    h *= np.uint64(0xBF58476D1CE4E5B9)
    return (which * SLOTS + np.int64(h >> np.uint64(50))) * 16


@compiled
def _octave(value):
    """0, 1, 2, 3 for 0, 1, 2 to 3, 4 to 7 and so on."""
    n = 0
    while value > 0:
        value >>= 1
        n += 1
    return n


@compiled
def _quarter(value, most):
    """The same with four steps from 4 on: 0, 1, 2, 3, 4, 5, 6, 7 for 8 to 9 and so on; `most` at most."""
    n = _octave(value)
    return min(value if n < 3 else 4 * (n - 2) + ((value >> (n - 3)) & 3), most)


@compiled
def _bound(value, most):
    return min(max(value, -most), most)


@compiled
def _eighths(value):
    return np.int64(min(max(value, -250.0), 250.0) * 8.0)


@compiled
def _last(mode, last, kind, row, column, peer, memory, zigzag, lines, m):
    """Code the place of a block's last coefficient, 0 where there is none but DC; returns it."""
    upper = memory[row - 1, column] if row > 0 else memory[row, max(column - 1, 0)]
    left = memory[row, column - 1] if column > 0 else upper
    corner = memory[row - 1, column - 1, 0] if row > 0 and column > 0 else upper[0]
    right = memory[row - 1, column + 1, 0] if row > 0 and column + 1 < memory.shape[1] else upper[0]
    mean = (2 * upper[0] + 2 * left[0] + corner + right) // 6
    other = 0
    for k in range(63, 0, -1):
        if peer[zigzag[k]] != 0:
            other = k
            break
    counts = min(upper[2], 63) * 64 + min(left[2], 63)
    totals = _quarter(upper[3] + left[3], 60)
    lines[0] = mean
    lines[1] = upper[0] * 64 + left[0]
    lines[2] = (corner // 4) * 256 + (right // 4) * 16 + mean // 4
    lines[3] = other * 16 + mean // 4
    lines[4] = counts
    lines[5] = min(upper[2] + left[2], 63) * 64 + mean
    lines[6] = totals * 16 + mean // 4
    for i in range(7):
        lines[i] = LONG + _line((kind * 7 + i) * 4096 + lines[i], 0) * 4
    node = 1
    for b in range(5, -1, -1):
        bit = _decide(mode, last >> b & 1, 7, node, lines, LAST + kind * 64 + node, LAST + 192 + kind * 64 + mean, m)
        node = 2 * node + bit
    return node - 64


@compiled
def _magnitude(mode, magnitude, count, first, lines, kk, fine, m):
    """Code a magnitude by its length in bits, from `first` on, and the bits below the highest; returns it."""
    length = _octave(magnitude)
    level = first
    while level < 15:
        node = min(level, 6)
        more = 1 if length > level else 0
        if not _decide(mode, more, count, node, lines, ZERO + kk * 7 + node, FINE + node * 64 + fine, m):
            break
        level += 1
    if mode == DECODE:
        magnitude = 1 if level > 0 else 0
    for b in range(level - 2, -1, -1):
        head = magnitude >> (b + 1) if mode == ENCODE else magnitude
        node = 11 + min(level - 2 - b, 4)
        if level == 2:
            node = 7
        elif level == 3:
            node = 8 if b == 1 else 9 + (head & 1)
        bit = _decide(mode, magnitude >> b & 1, count, node, lines, LOW + level * 16 + b, FINE + 448 + node, m)
        if mode == DECODE:
            magnitude = 2 * magnitude + bit
    return magnitude


@compiled
def code_rows(
    mode,
    kind,
    blocks,
    begin,
    end,
    other,
    steps,
    basis,
    zigzag,
    memory,
    m,
):
    """Code the block rows from `begin` to `end` of a plane.

    Args:
        mode: ENCODE or DECODE.
        kind: 0 luma, 1 and 2 chroma.
        blocks: (rows, columns, 64) int16 quantised coefficients, in rows; written by a decoder.
        other: the same of a plane that is known; of no rows, if there is none.
        steps: (64,) quantisation steps.
        basis: (8,) float64, what each basis function is at a block's edge.
        zigzag: (64,).
        memory: (rows, columns, 4) int64 of the blocks: place of the last coefficient, DC's error, number of other
            coefficients, sum of their magnitudes.
        m: `Model`.
    """
    columns = blocks.shape[1]
    lines = np.zeros(INPUTS, np.int64)
    feature = np.zeros(FEATURES, np.float64)
    upper_edge, left_edge = np.zeros(8), np.zeros(8)
    nothing = np.zeros(64, np.int16)
    size = np.zeros(96, np.float64)  # magnitudes of this block, in samples
    for row in range(begin, end):
        for column in range(columns):
            if mode == DECODE and m.coder[0] == np.uint64(0) and m.coder[1] == np.uint64(0):
                m.coder[2] = np.uint64(1)  # there is a 0 among the decisions of every block: this cannot be the end
                return
            block = blocks[row, column]
            up = blocks[row - 1, column] if row > 0 else nothing
            left = blocks[row, column - 1] if column > 0 else nothing
            corner = blocks[row - 1, column - 1] if row > 0 and column > 0 else nothing
            right = blocks[row - 1, column + 1] if row > 0 and column + 1 < columns else nothing
            up2 = blocks[row - 2, column] if row > 1 else nothing
            left2 = blocks[row, column - 2] if column > 1 else nothing
            peer = nothing
            if other.shape[0]:
                peer = other[row * other.shape[0] // blocks.shape[0], column * other.shape[1] // columns]
            for k in range(8):
                upper_edge[k], left_edge[k] = 0.0, 0.0
                for j in range(8):
                    sign = -1.0 if j & 1 else 1.0
                    upper_edge[k] += sign * basis[j] * (np.float64(up[8 * j + k]) * np.float64(steps[8 * j + k]))
                    left_edge[k] += sign * basis[j] * (np.float64(left[8 * k + j]) * np.float64(steps[8 * k + j]))
            for k in range(64):
                size[k] = 0.0
            last = 0
            if mode == ENCODE:
                for k in range(63, 0, -1):
                    if block[zigzag[k]] != 0:
                        last = k
                        break
            last = _last(mode, last, kind, row, column, peer, memory, zigzag, lines, m)
            count = 0
            total = 0
            for k in range(last, 0, -1):
                place = zigzag[k]
                v, u = place // 8, place % 8
                step = np.float64(steps[place])
                kk = kind * 64 + k
                above, before = abs(np.int64(up[place])), abs(np.int64(left[place]))
                feature[0], feature[1] = np.float64(above), np.float64(before)
                feature[2] = abs(np.float64(corner[place]))
                feature[3] = abs(np.float64(right[place]))
                feature[4] = abs(np.float64(up2[place]))
                feature[5] = abs(np.float64(left2[place]))
                feature[6] = size[place + 1] / step if u < 7 else 0.0
                feature[7] = size[place + 8] / step
                feature[8] = size[place + 9] / step if u < 7 else 0.0
                feature[9] = size[place + 2] / step if u < 6 else 0.0
                feature[10] = size[place + 16] / step
                feature[11] = size[place - 7] / step if u < 7 and v > 0 else 0.0
                feature[12] = size[place + 7] / step if u > 0 else 0.0
                feature[13] = abs(np.float64(peer[place]))
                from_up = upper_edge[u] / (basis[v] * step) if row > 0 else 0.0
                from_left = left_edge[v] / (basis[u] * step) if column > 0 else 0.0
                feature[14] = min(abs(from_up), 256.0) + min(abs(from_left), 256.0)
                feature[15] = 0.25
                theta = m.learned[kk]
                guess, power = 0.0, 1.0
                for i in range(FEATURES):
                    guess += theta[i] * feature[i]
                    power += feature[i] * feature[i]
                fine = _quarter(np.int64(min(max(guess, 0.0), 4000.0) * 16.0), 63)
                near = np.int64((feature[6] + feature[7] + feature[8]) * 4.0)
                far = np.int64((feature[9] + feature[10] + feature[11] + feature[12]) * 2.0)
                pu, pl = _eighths(from_up), _eighths(from_left)
                around = 3 * (above + before) + abs(np.int64(corner[place])) + abs(np.int64(right[place]))
                beside, below = np.int64(feature[6] * 4.0), np.int64(feature[7] * 4.0)
                slant = min(_octave(np.int64(feature[8] * 4.0)), 7)
                aside = min(abs(np.int64(corner[place])), 3)
                lines[0] = (kk * 64 + fine) * 16
                lines[1] = _line((kk * 64 + _quarter(2 * above, 15)) * 64 + _quarter(2 * before, 15) * 4 + aside, 1)
                lines[2] = _line((kk * 64 + _quarter(around, 31)) * 64 + _quarter(near, 31), 2)
                lines[3] = _line((kk * 64 + last) * 64 + count, 3)
                lines[4] = _line((kk * 32 + _quarter(beside, 31)) * 1024 + _quarter(below, 31) * 32 + slant, 4)
                lines[5] = _line((kk * 64 + _quarter(abs(pu), 40)) * 64 + fine // 4, 5)
                lines[6] = _line((kk * 64 + _quarter(abs(pl), 40)) * 64 + fine // 4, 6)
                lines[7] = _line((kk * 64 + _quarter(abs(np.int64(peer[place])) * 4, 40)) * 64 + fine // 2, 7)
                lines[8] = _line((kind * 64 + fine) * 64 + _quarter(total, 40), 8)
                lines[9] = _line((kk * 64 + fine) * 16 + min(_octave(far), 15), 9)
                lines[10] = _line((kk * 64 + _quarter(around + near, 40)) * 64 + last - k, 10)
                value = np.int64(block[place])
                magnitude = _magnitude(mode, abs(value), 11, 1 if k == last else 0, lines, kk, fine, m)
                if magnitude:
                    su, sl = min(_octave(abs(pu) // 2), 9), min(_octave(abs(pl) // 2), 9)
                    both = su + sl
                    su, sl = su if pu > 0 else -su, sl if pl > 0 else -sl
                    large = min(magnitude, 3)
                    lines[0] = _line(((kk * 32 + su + 10) * 32 + sl + 10) * 4 + large, 11)
                    lines[1] = _line((kk * 256 + _bound(pu, 120) + 128) * 4 + large, 12)
                    lines[2] = _line((kk * 256 + _bound(pl, 120) + 128) * 4 + large, 12) + 1
                    lines[3] = (
                        _line((kk * 8 + _bound(np.int64(up[place]), 2)) * 8 + _bound(np.int64(left[place]), 2), 11) + 1
                    )
                    lines[4] = _line((kk * 8 + _bound(np.int64(peer[place]), 2)) * 4 + large, 11) + 2
                    signs = 0
                    for i in range(4):
                        j = (place + 1, place + 8, place + 16, place + 2)[i]
                        inside = (u < 7, v < 7, v < 6, u < 6)[i]
                        signs = 3 * signs + (_bound(np.int64(block[j]), 1) + 1 if inside else 1)
                    lines[5] = _line(kk * 81 + signs, 11) + 3
                    lines[6] = _line((kind * 512 + _bound((pu + pl) // 2, 250) + 256) * 4 + large, 12) + 2
                    bit = _decide(mode, 1 if value < 0 else 0, 7, 0, lines, SIGN + kk, SIGN + 192 + both, m)
                    value = -magnitude if bit else magnitude
                    count += 1
                    total += magnitude
                    size[place] = np.float64(magnitude) * step
                    upper_edge[u] -= np.float64(value) * step * basis[v]
                    left_edge[v] -= np.float64(value) * step * basis[u]
                    block[place] = value
                error = min(np.float64(magnitude), 3.0 * max(guess, 0.0) + 8.0) - guess
                rate = LEARN * error / power
                for i in range(FEATURES):
                    theta[i] += rate * feature[i]
            step = basis[0] * np.float64(steps[0])
            from_up, from_left = upper_edge[0] / step, left_edge[0] / step
            if column == 0:
                from_left = from_up
            elif row == 0:
                from_up = from_left
            spread = np.int64(min(abs(from_up - from_left), 4000.0) * 4.0)
            expected = np.int64(np.floor(min(max((from_up + from_left) * 0.5, -32000.0), 32000.0) + 0.5))
            side = _bound(np.int64(_bound(from_up - np.float64(expected), 250.0)), 250) + 256
            wide = _quarter(spread, 40)
            eu = memory[row - 1, column, 1] if row > 0 else 0
            el = memory[row, column - 1, 1] if column > 0 else 0
            lines[0] = _line((kind * 64 + wide) * 64 + _quarter(abs(eu) + abs(el), 63), 13)
            lines[1] = _line(((kind + 3) * 64 + wide) * 64 + last, 13)
            lines[2] = _line((kind * 64 + _quarter(abs(eu), 63)) * 64 + _quarter(abs(el), 63), 14)
            lines[3] = _line(((kind + 3) * 64 + _quarter(total, 50)) * 64 + min(_octave(spread), 12), 14)
            lines[4] = _line(kind * 512 + side, 15)
            lines[5] = _line((kind + 9) * 512 + _quarter(spread + 2 * (abs(eu) + abs(el)), 50), 15)
            lines[6] = _line(kind + 7777, 15)
            value = np.int64(block[0]) - expected
            magnitude = abs(value)
            length = _octave(magnitude)
            level = 0
            while level < 17:
                node = min(level, 10)
                more = 1 if length > level else 0
                if not _decide(mode, more, 7, node, lines, DC + kind * 16 + node, DC + 48 + wide, m):
                    break
                level += 1
            if mode == DECODE:
                magnitude = 1 if level > 0 else 0
            for b in range(level - 2, -1, -1):
                node = 11 + min(level - 2 - b, 4)
                bit = _decide(mode, magnitude >> b & 1, 7, node, lines, DC_LOW + level * 16 + b, DC + 96 + kind, m)
                if mode == DECODE:
                    magnitude = 2 * magnitude + bit
            if magnitude:
                large = min(magnitude, 3)
                signs = (_bound(eu, 3) + 3) * 8 + _bound(el, 3) + 3
                lines[0] = _line((kind * 512 + side) * 4 + large, 14) + 15
                lines[1] = _line((kind * 64 + signs) * 4 + large, 15) + 15
                lines[2] = _line(kind * 4 + large, 13) + 15
                bit = _decide(mode, 1 if value < 0 else 0, 3, 0, lines, DC + 100 + kind, DC + 104 + kind, m)
                value = -magnitude if bit else magnitude
            else:
                value = 0
            if mode == DECODE:
                block[0] = _bound(value + expected, 32767)
            memory[row, column, 0] = last
            memory[row, column, 1] = value
            memory[row, column, 2] = count
            memory[row, column, 3] = total
