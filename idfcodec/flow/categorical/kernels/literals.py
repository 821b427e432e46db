"""A colour that is none of the candidates: channel by channel, or as a number of a list."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import compiled_loops
from idfcodec.flow.categorical.kernels.decisions import coded, decided
from idfcodec.flow.categorical.kernels.numbers import (
    BASES,
    BITS,
    CHANNEL,
    CHANNELS,
    COLOURS,
    CONTEXTS,
    HASHES,
    INVERSE,
    LINE,
    LINES,
    MASK,
    NE,
    NEAR,
    NN,
    NW,
    OF_CHANNELS,
    PREDICTIONS,
    TREE,
    WINDOW,
    WW,
    N,
    W,
    byte,
    coarse,
    magnitude,
    mixed_hash,
)

__all__ = ["coded_channels", "coded_index"]


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
):
    """What is left of a prediction: zero? sign, unary up to 8, then exponential Golomb."""
    size, step, bits = abs(rest), np.int64(0), np.int64(0)
    negative = np.int64(prediction == 255)
    most = np.int64(0)
    count, lines = plan[OF_CHANNELS], plan[LINES] != 0
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
            b = scratch[np.uint64(BASES + i)]
            if lines:
                b = (mixed_hash(b, node // LINE) if node >= LINE else b) ^ (node & (LINE - 1))
            else:
                b = mixed_hash(b, node)
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
            np.int64(0),
            c * 3 + kind,
            c * 40 + node,
            (c * 11 + level) * 3 + kind,
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
    rows,
    place,
    x,
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
    node, within, lines = np.int64(1), np.int64(1), plan[LINES] != 0
    for j in range(plan[BITS]):
        place = plan[BITS] - 1 - j
        if lines and (j & 3) == 0:
            within = np.int64(1)
            for i in range(9):
                scratch[np.uint64(BASES + i)] = mixed_hash(scratch[np.uint64(BASES + i)], node * 16 + i)
        for i in range(9):
            b = scratch[np.uint64(BASES + i)]
            scratch[np.uint64(CONTEXTS + i)] = b ^ within if lines else mixed_hash(b, node * 16 + i)
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
            np.int64(TREE),
            (value >> place) & 1,
            np.int64(9),
            np.int64(0),
            place,
            node & 255,
            escapes,
        )
        node, within = node << 1 | bit, within << 1 | bit
    node -= np.int64(1) << plan[BITS]
    return node if node < plan[COLOURS] else np.int64(0)
