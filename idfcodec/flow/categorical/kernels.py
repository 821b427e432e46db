"""The compiled loop of the categorical family: whole colours, one after the other, by mixed binary decisions.

All numbers are integers. Hashes have 32 bits, in int64, and their multipliers 31, so that no product overflows, with
or without compiling. Chances are of 2**16. A slot of 32 bits holds a chance (16), how often it was used (8) and the
last decisions after a leading one (8). FORMAT.md, 12, specifies all of it.

Compiling takes its time by variables and calls: neighbours and contexts are loops over small tables, small arrays are
one (`scratch`, `plan`),
"""

# fmt: off
from __future__ import annotations

import numpy as np

from idfcodec.compiled import compiled_loops

__all__ = ["DECODE", "ENCODE", "PAD", "code_strip"]

ENCODE, DECODE = 0, 1
MASK = 0xFFFFFFFF
TOTAL = 1 << 24  # quantiles of the entropy coder
PAD = 8  # columns beside a row
MOST = 3071  # of a logit, in units of 1/256
MOST_WEIGHT = 262143
SQUASH, RATE, INVERSE = 4096, 10240, 10496  # where tables begin, after the one that stretches chances
FLAT, LIST, TREE, CHANNEL = range(4)  # groups of decisions
GROUP = 8  # numbers of a group in `plan`
BASE, SIZE, PAST, FIRST, SECOND, SPEED, LIMIT = range(7)
INPUTS = 32  # of the mixer, most of them in use
WIDTH, HEIGHT, FRAMES, CHANNELS, COLOURS, BITS, LISTED, MEMORY_BITS, STRIP, MODE = range(32, 42)  # of `plan`
OF_RANKS, OF_CHANNELS = 42, 43
LEVELS, ROWS, COLUMNS, KEYS, PAIRS = 48, 54, 80, 106, 132  # of `plan`: tables of the neighbours
POSITION, RUN, AHEAD, MATCH, MATCH_AT, ROLLING, COUNT, DUE = range(8)  # of `state`
NEAR, HASHES, CELLS, CHECKS, WINDOW = 0, 32, 40, 48, 56  # of `scratch`
CANDIDATES, VOTES, SCORES, COLOUR, LEVEL, BASES, CONTEXTS, SLOTS = 96, 112, 128, 144, 160, 176, 192, 208
FLAT_HERE, BY, CERTAINTY, EARLIER, PREVIOUS, ESCAPES, AS_BEFORE, RUN_HERE = range(224, 232)
NEIGHBOURS = 26
W, N, NW, NE, WW, NN, NEE, NWW, NNE, NNW, WWW, NE3 = range(12)  # of the neighbours, nearest first
MEMORIES = 5
FEW, ALL, BLOCKS = 0, 2, 4  # what is alike where a run goes on, or is to go on for a block
BLOCK = 16
SOURCES, BY_MATCH, BEFORE = 9, 7, 8  # memory, six neighbours, the match, the frame before
NONE = 64  # the level of a source that says nothing
PREDICTIONS = 6


@compiled_loops
def mixed_hash(a, b):
    """A hash of two numbers of 32 bits."""
    h = (a * 0x45EBCA6B) ^ ((b ^ 0x7F4A7C15) * 0x5E3779B1)
    h = ((h >> 31) ^ h) & MASK
    return ((h * 0x2C1B3C6D) >> 29) & MASK


@compiled_loops
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


@compiled_loops
def decided(
    decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, group, bit, count, extra, past,
    first, second,
):
    """A decision whose chance is mixed from those of `count` contexts, whose hashes are in `scratch`.

    Args:
        deck: all arrays.
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
        v = np.int64(slots[np.uint64(a)])
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
    error = np.int32(((goal - chance) * plan[g + SPEED]) >> 4)
    for i in range(INPUTS):
        change = np.int32(np.int32(inputs[np.uint64(x + i)] * error) + 0x8000) >> 16
        a, b = np.uint64(w1 + i), np.uint64(w2 + i)
        weights[a] = min(max(np.int32(weights[a] + change), np.int32(-MOST_WEIGHT)), np.int32(MOST_WEIGHT))
        weights[b] = min(max(np.int32(weights[b] + change), np.int32(-MOST_WEIGHT)), np.int32(MOST_WEIGHT))
    for i in range(count):
        s = np.uint64(scratch[np.uint64(CONTEXTS + i)])
        v = np.int64(slots[s])
        p, k, h = v >> 16, (v >> 8) & 255, (v & 255) << 1 | bit
        p += ((goal - p) * np.int64(tables[np.uint64(RATE + k)])) >> 16
        if h > 255:
            h = h & 127 | 128
        slots[s] = p << 16 | min(k + 1, limit) << 8 | h
        s = np.uint64(scratch[np.uint64(SLOTS + i)])
        v = np.int64(slots[s])
        p, k = v >> 16, v & 255
        p += ((goal - p) * np.int64(tables[np.uint64(RATE + k)])) >> 16
        slots[s] = p << 16 | min(k + 1, 250)
    return bit


@compiled_loops
def magnitude(value):
    """Bits of a number: 0 of 0."""
    n = 0
    while value > 0:
        value >>= 1
        n += 1
    return n


@compiled_loops
def byte(value):
    """The nearest number in [0, 255]."""
    return min(max(value, 0), 255)


@compiled_loops
def coarse(d):
    """A difference in one of 15 classes, from 1."""
    q = min(abs(d), 3) if abs(d) < 5 else min(magnitude(abs(d) - 1) + 1, 7)
    return 8 - q if d < 0 else 8 + q


@compiled_loops
def predicted(scratch, p, which):
    """A simple prediction of the value at p in the window (rows of 8) from those before it."""
    west, north, northwest = scratch[p - 1], scratch[p - 8], scratch[p - 9]
    if which == 0:
        return min(max(west + north - northwest, min(west, north)), max(west, north))
    if which == 1:
        return west
    if which == 2:
        return north
    if which == 3:
        return west + scratch[p - 7] - north
    if which == 4:
        return min(max(2 * north - scratch[p - 16], -255), 255)
    return min(max(2 * west - scratch[p - 2], -255), 255)


@compiled_loops
def coded_rest(
    decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, chances, rest, prediction, c,
    level,
):
    """What is left of a prediction: zero? sign, unary up to 8, then exponential Golomb."""
    size, step, bits = abs(rest), np.int64(0), np.int64(0)
    negative = np.int64(prediction == 255)
    most = np.int64(0)
    count = plan[OF_CHANNELS]
    stage = 0  # zero? negative? this size? this many bits?
    while True:
        if stage == 0:
            node, bit = np.int64(0), np.int64(rest == 0)
        elif stage == 1:
            node, bit = np.int64(1), np.int64(rest < 0)
        elif stage == 2:
            node, bit = 1 + negative * 16 + step, np.int64(size == step)
        else:
            node, bit = 11 + negative * 16 + min(bits, 5), np.int64(size - 9 < (2 << bits) - 1)
        for i in range(count):
            scratch[CONTEXTS + i] = mixed_hash(scratch[BASES + i], node)
        kind = min(node, 2)
        bit = decided(
            decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, np.int64(CHANNEL), bit,
            count, np.int64(0), c * 3 + kind, c * 40 + node, (c * 11 + level) * 3 + kind,
        )
        if stage == 0:
            if bit:
                return np.int64(0)
            stage = 2 if prediction == 0 or prediction == 255 else 1
        elif stage == 1:
            negative, stage = bit, 2
        elif stage == 2:
            if bit:
                return -step if negative else step
        elif bit:
            break
        else:
            bits += 1
        if stage == 2:
            step += 1
            most = prediction if negative else 255 - prediction
            if step == most:
                return -step if negative else step
            if step == 9:
                stage = 3
        if stage == 3 and ((2 << bits) - 1 > most - 9 or bits == 7):
            break
    low, found = (np.int64(1) << bits) - 1, np.int64(0)
    for j in range(bits):
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
            ((size - 9 - low) >> place) & 1,
            min(max(chances[a], 32), 65500),
        )
        chances[a] += (65535 * bit - chances[a]) >> 6
        found |= bit << place
    step = 9 + low + found
    return -step if negative else step


@compiled_loops
def coded_channels(
    decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, chances, known, rows, place, x,
    value,
):
    """A colour channel by channel, each as what is left of a prediction."""
    channels = plan[CHANNELS]
    so_far = before = before2 = before3 = np.int64(0)  # the value, and what was left of the channels before
    for k in range(channels):
        # alpha first, then green, red, blue
        c = (channels - 1 - k) if channels == 2 else k
        if channels > 2:
            c = (0x2013 >> (4 * (k + 4 - channels))) & 15 if channels == 4 else (0x201 >> (4 * k)) & 15
        shift = 8 * c
        relative = channels > 2 and (c == 0 or c == 2)
        offset = (so_far >> 8) & 255 if relative else np.int64(0)
        for j in range(4):
            for i in range(8):
                pixel = rows[place[3 - j] + x - 4 + i]
                scratch[WINDOW + j * 8 + i] = ((pixel >> shift) & 255) - (((pixel >> 8) & 255) if relative else 0)
        least, least_cost = np.int64(0), np.int64(1 << 30)
        costs = numerator = denominator = np.int64(0)
        for i in range(PREDICTIONS):
            cost = np.int64(0)
            for j in range(5):
                p = WINDOW + 27 - ((0x17680 >> (4 * j)) & 15)  # W, NW, N, NE, WW of the pixel at 28
                cost += abs(scratch[p] - predicted(scratch, p, i))
            found = predicted(scratch, WINDOW + 28, i)
            if cost < least_cost:
                least, least_cost = found, cost
            costs += cost
            share = np.int64(tables[INVERSE + 2 * min(cost, 1023)])
            share = ((share * share) >> 12) + 1
            numerator += share * found
            denominator += share
        half = denominator // 2
        prediction = (abs(numerator) + half) // denominator
        prediction = byte((prediction if numerator >= 0 else -prediction) + offset)
        best = byte(least + offset) - prediction
        level, level2 = min(magnitude(least_cost), 7), min(magnitude(costs >> 1), 10)
        gradient = byte(predicted(scratch, WINDOW + 28, np.int64(0)) + offset) - prediction
        for i in range(4):
            scratch[WINDOW + i] = ((scratch[NEAR + i] >> shift) & 255) - prediction
        west, north = scratch[WINDOW], scratch[WINDOW + 1]
        northwest, northeast = scratch[WINDOW + 2], scratch[WINDOW + 3]
        seed = mixed_hash(so_far, k * 8 + c)
        for i in range(3):
            h = seed if i == 0 else mixed_hash(seed, scratch[NEAR + i - 1])
            a = (i << 16) + (h >> 16)
            scratch[WINDOW + 8 + i] = a
            d = np.int64(known[a])
            scratch[WINDOW + 12 + i] = (d & 255) - prediction + 256 if d >> 8 else np.int64(0)
        sure = min(np.int64(known[scratch[WINDOW + 8]]) >> 8, 7)
        scratch[BASES] = (west + 256) * 1024 + north + 256
        scratch[BASES + 1] = ((before + 256) * 512 + before2 + 256) * 4096 + (before3 + 256) * 8 + level
        scratch[BASES + 2] = (gradient + 256) * 1024 + best + 256
        scratch[BASES + 3] = mixed_hash(scratch[HASHES + 5], mixed_hash(so_far, prediction))
        scratch[BASES + 4] = scratch[WINDOW + 12] * 64 + sure
        scratch[BASES + 5] = scratch[WINDOW + 13] * 1024 + scratch[WINDOW + 14]
        scratch[BASES + 6] = (northeast + 256) * 1024 + northwest + 256
        scratch[BASES + 7] = prediction * 16 + level
        scratch[BASES + 8] = coarse(before) * 256 + level2 * 16 + coarse(west - northwest)
        scratch[BASES + 9] = coarse(west) * 4096 + coarse(north) * 256 + coarse(northeast) * 16 + coarse(northwest)
        further, above = (scratch[NEAR + WW] >> shift) & 255, (scratch[NEAR + NN] >> shift) & 255
        scratch[BASES + 10] = mixed_hash(scratch[NEAR + W], mixed_hash(so_far, prediction))
        scratch[BASES + 11] = mixed_hash(mixed_hash(scratch[NEAR + N], scratch[NEAR + NE]), so_far)
        scratch[BASES + 12] = mixed_hash(scratch[HASHES + 1], so_far)
        scratch[BASES + 13] = (further - prediction + 256) * 1024 + above - prediction + 256
        for i in range(14):
            scratch[BASES + i] = mixed_hash(scratch[BASES + i] & MASK, (c * 16 + i) * 64 + 77)
        rest = coded_rest(
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
            ((value >> shift) & 255) - prediction,
            prediction,
            c,
            level2,
        )
        actual = (prediction + rest) & 255
        before3, before2, before = before2, before, rest
        so_far |= actual << shift
        for i in range(3):
            a = scratch[WINDOW + 8 + i]
            d = np.int64(known[a])
            known[a] = min((d >> 8) + 1, 15) << 8 | actual if d & 255 == actual else 256 | actual
    return so_far


@compiled_loops
def coded_index(decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, escapes, value):
    """A number below `COLOURS`, bit by bit along a tree."""
    w, n, ne = scratch[NEAR + W], scratch[NEAR + N], scratch[NEAR + NE]
    scratch[BASES] = 0
    scratch[BASES + 1] = w
    scratch[BASES + 2] = n
    scratch[BASES + 3] = scratch[HASHES + 5]
    scratch[BASES + 4] = scratch[HASHES]
    scratch[BASES + 5] = mixed_hash(ne, scratch[NEAR + NW])
    scratch[BASES + 6] = mixed_hash(w, ne)
    scratch[BASES + 7] = mixed_hash(w, scratch[NEAR + WW])
    scratch[BASES + 8] = mixed_hash(n, scratch[NEAR + NN])
    node = np.int64(1)
    for j in range(plan[BITS]):
        place = plan[BITS] - 1 - j
        for i in range(9):
            scratch[CONTEXTS + i] = mixed_hash(scratch[BASES + i], node * 16 + i)
        bit = decided(
            decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, np.int64(TREE),
            (value >> place) & 1, np.int64(9), np.int64(0), place, node & 255, escapes,
        )
        node = node << 1 | bit
    node -= np.int64(1) << plan[BITS]
    return node if node < plan[COLOURS] else np.int64(0)


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
def looked_around(scratch, plan, rows, place, memory, x):
    """The neighbours, hashes of them, and what followed them: the widest surroundings that are known speak."""
    w = rows[place[4] + x]
    mixed = differs = np.int64(0)
    scratch[COLOUR], scratch[LEVEL], scratch[BY], scratch[CERTAINTY] = w, NONE, 0, 0
    memory_bits = plan[MEMORY_BITS]
    for j in range(MEMORIES):
        for i in range(plan[LEVELS + j], plan[LEVELS + j + 1]):
            v = rows[place[4 + i] + x]
            scratch[NEAR + i] = v
            differs |= v ^ w
            mixed += (v * plan[KEYS + i]) & MASK
        if j == 2:
            scratch[FLAT_HERE] = differs == 0
        h = mixed_hash(mixed & MASK, mixed >> 32)
        m = ((np.int64(j) << memory_bits) + (h >> (32 - memory_bits))) * 2
        scratch[HASHES + j], scratch[CELLS + j] = h, m
        e = np.int64(memory[m + 1])
        c = e & 63
        if e >> 8 == h & 0xFFFFFF and c:
            scratch[COLOUR], scratch[LEVEL] = np.int64(memory[m]), min(j * 12 + min(c, 11), 63)
            scratch[BY], scratch[CERTAINTY] = j + 1, min(c, 3)


@compiled_loops
def remembered(scratch, memory, value):
    """What followed the surroundings, kept for the next time."""
    for i in range(MEMORIES):
        m, check = scratch[CELLS + i], scratch[HASHES + i] & 0xFFFFFF
        e = np.int64(memory[m + 1])
        c = e & 63
        right = np.int64(memory[m]) == value
        if e >> 8 != check or c == 0 or (c <= 3 and not right):
            memory[m], memory[m + 1] = value, check << 8 | 1
        elif right:
            memory[m + 1] = e + np.int64(c < 30)
        else:
            memory[m + 1] = e - ((c >> 1) + 1)


@compiled_loops
def goes_on(
    decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, kind, ahead, w, expected, value,
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
        decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, np.int64(FLAT), value,
        np.int64(6), np.int64(0), kind, long * 19 + ahead, known * 8 + kind,
    )


@compiled_loops
def ranked(decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, number, alike, value):
    """The rank of the colour among the candidates: the first? any? the second? ... -1 where it is none."""
    w, run, by, escapes = scratch[NEAR], scratch[RUN_HERE], scratch[BY], scratch[ESCAPES]
    long = min(run, 8) if run < 8 else 8 + min(magnitude(run) - 3, 6)
    scratch[BASES] = scratch[HASHES]
    scratch[BASES + 1] = scratch[HASHES + 2]
    scratch[BASES + 2] = scratch[HASHES + 4]
    scratch[BASES + 3] = scratch[HASHES + 5]
    scratch[BASES + 4] = w
    scratch[BASES + 5] = mixed_hash(scratch[NEAR + N], scratch[NEAR + NE])
    scratch[BASES + 6] = escapes
    scratch[BASES + 7] = scratch[HASHES + 1]
    if scratch[PREVIOUS]:
        scratch[BASES + 7] = mixed_hash(scratch[EARLIER], scratch[AS_BEFORE])
    of = plan[OF_RANKS]
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
        for i in range(of):
            scratch[CONTEXTS + i] = mixed_hash(scratch[BASES + i] ^ colour, kind * 16 + i)
        scratch[CONTEXTS + of] = mixed_hash(votes * 4 + kind, kind * 16 + 8)
        scratch[CONTEXTS + of + 1] = mixed_hash(told * 8 + (votes & 1) * 2 + ((votes >> BY_MATCH) & 1), kind * 16 + 9)
        scratch[CONTEXTS + of + 2] = mixed_hash((long * 64 + close) * 8 + (alike >> 6 & 7), kind * 16 + 10)
        scratch[CONTEXTS + of + 3] = mixed_hash(alike * 16 + escapes, close * 64 + kind * 16 + 11)
        first = kind * 512 + (votes & 31) * 16 + spoken * 4 + min(number - 1, 3)
        extra = np.int64(tables[scratch[SCORES + k] >> 4])
        bit = decided(
            decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, np.int64(LIST), bit,
            of + 4, extra, kind, first, kind * 1024 + alike,
        )
        if d == 1:
            if not bit:
                return np.int64(-1)
        elif bit:
            return k
    return np.int64(-1)


@compiled_loops
def named(
    decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, trust, chances, known, rows, place,
    x, possible, value,
):
    """A colour by its rank among the candidates, or by itself; whether it was one is left in `scratch`."""
    w = scratch[NEAR]
    scratch[HASHES + 5] = mixed_hash(w, scratch[NEAR + N])
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
            decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, number, alike, value,
        )
    if rank >= 0:
        value = scratch[CANDIDATES + rank]
    elif plan[COLOURS]:
        value = coded_index(
            decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, scratch[ESCAPES], value,
        )
    else:
        value = coded_channels(
            decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, chances, known, rows,
            place, x, value,
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


@compiled_loops
def followed(state, names, trail, memory_bits, position, value):
    """Goes on with the long match: what came when these 32 pixels came last."""
    rolling = (((state[ROLLING] * 0x5E16988E) & MASK) + (((value + 1) * 0x1E3779B1) & MASK)) & MASK
    state[ROLLING] = rolling
    if state[MATCH] and np.int64(names[state[MATCH_AT]]) == value:
        state[MATCH] += 1
        state[MATCH_AT] += 1
    else:
        state[MATCH] = 0
    a = ((rolling * 0x5E3779B1) & MASK) >> (32 - memory_bits)
    found = np.int64(trail[a])
    if state[MATCH] == 0 and found:
        j = np.int64(0)
        while j < 32 and j < found and names[found - 1 - j] == names[position - j]:
            j += 1
        if j >= 24:
            state[MATCH], state[MATCH_AT] = j, found
    trail[a] = position + 1


@compiled_loops
def begin_row(plan, rows, flags, place, x, y):
    """Where the neighbours are; at a row's first pixel, its left margin."""
    stride = plan[WIDTH] + 2 * PAD
    for i in range(NEIGHBOURS):
        place[4 + i] = ((y - plan[ROWS + i]) & 3) * stride + PAD + plan[COLUMNS + i]
    for i in range(4):
        place[i] = ((y - i) & 3) * stride + PAD
    if x == 0:
        if y == 0:
            rows[:] = 0
            flags[:] = 0
        for i in range(1, PAD + 1):
            rows[place[0] - i] = rows[place[1]] if y else 0


@compiled_loops
def code_strip(
    decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, names, rows, flags, place, memory,
    trail, trust, chances, known,
):
    """Code pixels from where `state` says until a strip's decisions are made, or the picture ends.

    Args:
        decisions, ..., scratch: (room,) int32, written where encoded, each as bit << 16 | chance; words (n,) uint32
        decisions, ..., scratch: (room,) int32, written where encoded, each as bit << 16 | chance; words (n,) uint32 of
            the rANS
            strip to strip; plan (256,) int64, sizes, flags and small tables; slots uint32 and weights int32, all that
            is learned of decisions; inputs (128,) int32; tables int32; scratch (256,) int64.
        names: (frames * height * width) uint32, of which those from the position on are written where decoded.
        rows, flags: (4 * (width + 2 PAD),) int64, the last rows; flags: 1 escaped, 2 as in the frame before.
        place: (32,) int64, where the neighbours of a row's first pixel are.
        memory: (MEMORIES * 2**MEMORY_BITS * 2,) uint32: a colour, and check << 8 | confidence.
        trail: (2**MEMORY_BITS,) uint32, a position + 1 by the hash of the 32 pixels before.
        trust: (SOURCES * 64 + 1024,) int64: how often each source was right, and how often the list held the colour.
        chances, known: int64 (256,) and uint16 (3 * 2**16,), of escapes.
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
            matched = np.int64(names[state[MATCH_AT]])
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
            differs = np.int64(0)
            for i in range(1, NEIGHBOURS):
                differs |= rows[place[4 + i] + x] ^ w
            quick = differs == 0
        hit, asked = np.int64(0), quick
        if quick:
            ahead = max(state[AHEAD], x + 1)
            while ahead < width and ahead < x + 64 and (
                flags[up + ahead] & 2 != 0 if still else rows[up + ahead] == w
            ):
                ahead += 1
            state[AHEAD] = ahead
            if state[DUE] == 0 and state[RUN] >= BLOCK and ahead - x > BLOCK and x + BLOCK <= width:
                bit = np.int64(1)
                if not decoding:
                    for at in range(position, position + BLOCK):
                        if names[at] != (names[at - area] if still else names[position - 1]):
                            bit = np.int64(0)
                hit = goes_on(
                    decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, BLOCKS + still,
                    ahead - x, w, w, bit,
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
                    decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, ALL + still,
                    ahead - x, w, expected, bit,
                )
                state[DUE] = max(state[DUE] - 1, 0) if hit else 0
        if not hit:
            state[AHEAD] = 0
            looked_around(scratch, plan, rows, place, memory, x)
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
                    decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, np.int64(FEW),
                    ahead - x, w, w, bit,
                )
                asked = True
            if hit:
                value, scratch[ESCAPES] = w, 0
            else:
                scratch[EARLIER], scratch[PREVIOUS], scratch[RUN_HERE] = earlier, previous, state[RUN]
                scratch[COLOUR + BY_MATCH], scratch[COLOUR + BEFORE] = matched, earlier
                north, around = flags[above] & 1, (flags[above + 1] & 1) << 2 | (flags[above - 1] & 1) << 3
                scratch[ESCAPES] = flags[here - 1] & 1 | north << 1 | around
                value = named(
                    decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, trust, chances,
                    known, rows, place, x, listed and not asked, value,
                )
            remembered(scratch, memory, value)
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
