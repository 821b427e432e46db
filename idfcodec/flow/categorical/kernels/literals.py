"""A colour that is none of the candidates: channel by channel, or as a number of a list."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called
from idfcodec.flow.categorical.kernels.decisions import decided
from idfcodec.flow.categorical.kernels.fitting import errors_at, joins, learned, regressed, slope_of, spread_at
from idfcodec.flow.categorical.kernels.numbers import (
    BASES,
    BITS,
    CANDIDATES,
    CHANNELS,
    COLOURS,
    CONTEXTS,
    FITS,
    HASHES,
    INVERSE,
    LINES,
    MASK,
    NE,
    NEAR,
    NEE,
    NN,
    NW,
    PAD,
    PREDICTIONS,
    TREE,
    WIDTH,
    WINDOW,
    WN,
    WW,
    N,
    W,
    byte,
    channel_at,
    coarse,
    magnitude,
    mixed_hash,
)
from idfcodec.flow.categorical.kernels.rest import coded_rest

__all__ = ["coded_channels", "coded_index"]


@called
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


@called
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
    fits,
    rows,
    place,
    x,
    value,
):
    """A colour channel by channel, each as what is left of a prediction."""
    channels, fitted, stride = plan[CHANNELS], plan[FITS] != 0, plan[WIDTH] + 2 * PAD
    so_far = before = before2 = before3 = np.int64(0)  # the value, and what was left of the channels before
    for k in range(channels):
        c = channel_at(k, channels)
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
        weighted, here, expected, slope = byte(numerator // denominator + offset), np.int64(0), 0.0, 0.0
        spread = np.int64(0)
        if fitted:
            here, above = errors_at(place, stride, c, x, np.int64(0)), errors_at(place, stride, c, x, np.int64(1))
            expected = regressed(fits, scratch, c, k, channels, so_far)
            near = fits[here - 1] + fits[here - 2] + fits[above] + fits[above - 1] + fits[above + 1]
            spread = spread_at(fits, c, near)
            slope = slope_of(fits, spread)
            if joins(fits, c):
                share = np.int64(tables[INVERSE + 2 * min(np.int64(near), 1023)])
                share = 4 * (((share * share) >> 12) + 1)
                numerator += share * (np.int64(expected + 0.5) - offset)
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
        further, higher = (scratch[NEAR + WW] >> shift) & 255, (scratch[NEAR + NN] >> shift) & 255
        beyond = (further - prediction + 256) * 1024 + higher - prediction + 256
        scratch[BASES + 3] = mixed_hash(scratch[HASHES + WN], mixed_hash(so_far, prediction))
        if fitted:
            finely = np.int64(4.0 * expected + 0.5) - 4 * prediction
            scratch[BASES] = ((finely + 1024) * 512 + weighted - prediction + 256) * 16 + level
            scratch[BASES + 3] = beyond
        scratch[BASES + 4] = scratch[WINDOW + 12] * 64 + sure
        scratch[BASES + 5] = scratch[WINDOW + 13] * 1024 + scratch[WINDOW + 14]
        scratch[BASES + 6] = (northeast + 256) * 1024 + northwest + 256
        scratch[BASES + 7] = prediction * 16 + level
        scratch[BASES + 8] = coarse(before) * 256 + level2 * 16 + coarse(west - northwest)
        scratch[BASES + 9] = coarse(west) * 4096 + coarse(north) * 256 + coarse(northeast) * 16 + coarse(northwest)
        scratch[BASES + 10] = mixed_hash(scratch[NEAR + W], mixed_hash(so_far, prediction))
        scratch[BASES + 11] = mixed_hash(mixed_hash(scratch[NEAR + N], scratch[NEAR + NE]), so_far)
        scratch[BASES + 12] = mixed_hash(scratch[HASHES + 1], so_far)
        scratch[BASES + 13] = beyond
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
            expected - prediction,
            slope,
        )
        actual = (prediction + rest) & 255
        if fitted:
            learned(fits, c, actual, (scratch[NEAR] >> shift) & 255, expected, weighted, here, spread)
        before3, before2, before = before2, before, rest
        so_far |= actual << shift
        for i in range(3):
            a = scratch[WINDOW + 8 + i]
            d = np.int64(known[a])
            known[a] = min((d >> 8) + 1, 15) << 8 | actual if d & 255 == actual else 256 | actual
    return so_far


@called
def coded_index(decisions, words, coder, state, plan, slots, weights, inputs, tables, scratch, escapes, value):
    """A number below `COLOURS`, bit by bit along a tree."""
    fitted = plan[FITS] != 0
    count = 13 if fitted else 9
    w, n, ne = scratch[NEAR + W], scratch[NEAR + N], scratch[NEAR + NE]
    scratch[BASES] = 0
    scratch[BASES + 1] = w
    scratch[BASES + 2] = n
    scratch[BASES + 3] = scratch[HASHES + WN]
    scratch[BASES + 4] = scratch[HASHES]
    scratch[BASES + 5] = scratch[NEAR + NW] if fitted else mixed_hash(ne, scratch[NEAR + NW])
    scratch[BASES + 6] = scratch[NEAR + NN] if fitted else mixed_hash(w, ne)
    scratch[BASES + 7] = mixed_hash(w, scratch[NEAR + WW])
    scratch[BASES + 8] = mixed_hash(n, scratch[NEAR + NN])
    scratch[BASES + 9] = ne
    scratch[BASES + 10] = scratch[NEAR + WW]
    scratch[BASES + 11] = scratch[NEAR + NEE]
    scratch[BASES + 12] = scratch[CANDIDATES]
    node, within, lines = np.int64(1), np.int64(1), plan[LINES] != 0
    for j in range(plan[BITS]):
        place = plan[BITS] - 1 - j
        if lines and (j & 3) == 0:
            within = np.int64(1)
            for i in range(count):
                scratch[np.uint64(BASES + i)] = mixed_hash(scratch[np.uint64(BASES + i)], node * 16 + i)
        for i in range(count):
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
            np.int64(count),
            np.int64(0),
            place,
            node & 255,
            escapes,
        )
        node, within = node << 1 | bit, within << 1 | bit
    node -= np.int64(1) << plan[BITS]
    return node if node < plan[COLOURS] else np.int64(0)
