"""The compiled loop of the categorical family: whole colours, one after the other, by mixed binary decisions.

All numbers are integers. Hashes are of 32 bits, in int64: their multipliers have 31, so that no product overflows, with
or without compiling. Chances are of 2**16. A slot of 32 bits holds a chance (16), how often it was used (8) and the
last decisions after a leading one (8). FORMAT.md, 9, specifies all of it.

Several small arrays are one each (`slots`, `weights`, `tables`, `plan`), so that calls stay cheap.
"""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import compiled

__all__ = ["DECODE", "ENCODE", "PAD", "code_strip"]

ENCODE, DECODE = 0, 1
MASK = 0xFFFFFFFF
TOTAL = 1 << 24  # quantiles of the entropy coder
PAD = 8  # columns beside a row
MOST = 3071  # of a logit, in units of 1/256
STRETCH, SQUASH, RATE, INVERSE = 0, 4096, 10240, 10496  # where tables begin
FLAT, LIST, TREE, CHANNEL = range(4)  # groups of decisions
GROUP = 8  # numbers of a group in `plan`
BASE, SIZE, PAST, FIRST, SECOND, SPEED, LIMIT, INPUTS = range(GROUP)
SCALARS = 4 * GROUP
WIDTH, HEIGHT, FRAMES, CHANNELS, COLOURS, BITS, LISTED, FAST, MEMORY_BITS, STRIP = range(SCALARS, SCALARS + 10)
POSITION, RUN, AHEAD, MATCH, MATCH_AT, ROLLING, COUNT = range(7)  # of `state`
MEMORIES = 5
SOURCES = 9  # memory, W, N, NE, NW, WW, NN, match, frame before
BY_MATCH, BEFORE = 7, 8
PREDICTIONS = 6


@compiled
def mixed_hash(a, b):
    """A hash of two numbers of 32 bits."""
    h = (a * 0x45EBCA6B) ^ ((b ^ 0x7F4A7C15) * 0x5E3779B1)
    h = ((h >> 31) ^ h) & MASK
    return ((h * 0x2C1B3C6D) >> 29) & MASK


@compiled
def coded(mode, state, coder, words, starts, lengths, bit, chance):
    """A decision that is 1 with a chance of so many 65536ths."""
    size = chance << 8
    if mode == DECODE:
        s = coder[0]
        quantile = np.int64(s & np.uint64(TOTAL - 1))
        if quantile < size:
            bit, start = 1, 0
        else:
            bit, start, size = 0, size, TOTAL - size
        s = (s >> np.uint64(24)) * np.uint64(size) + np.uint64(quantile - start)
        if s < np.uint64(1 << 32) and coder[1] > np.uint64(0):
            coder[1] -= np.uint64(1)
            s = (s << np.uint64(32)) | np.uint64(words[coder[1]])
        coder[0] = s
    else:
        n = np.uint64(state[COUNT])
        if bit:
            starts[n], lengths[n] = 0, size
        else:
            starts[n], lengths[n] = size, TOTAL - size
    state[COUNT] += 1
    return bit


@compiled
def decided(
    mode, state, coder, words, starts, lengths, slots, weights, inputs, contexts, tables, plan, group, bit, count, extra,
    past, first, second,
):  # fmt: skip
    """A decision whose chance is mixed from those of `count` hashed contexts.

    Args:
        contexts: int64 scratch; the hashes first.
        group: which kind of decision.
        bit: what is coded; ignored where it is decoded.
        extra: a further logit.
        past, first, second: set of the chances by history, and of the two weights.
    """
    g = group * GROUP
    base, size, speed, limit, n = plan[g + BASE], plan[g + SIZE], plan[g + SPEED], plan[g + LIMIT], plan[g + INPUTS]
    history = plan[g + PAST] + (past << 12)
    w1, w2, x = plan[g + FIRST] + first * n, plan[g + SECOND] + second * n, group << 5
    for i in range(count):
        a = base + (contexts[np.uint64(i)] & (size - 1))
        v = np.int64(slots[np.uint64(a)])
        h = history + (i << 8) + (v & 255)
        contexts[np.uint64(i)] = a
        contexts[np.uint64(i + 16)] = h
        inputs[np.uint64(x + 2 * i)] = tables[np.uint64(v >> 20)]
        inputs[np.uint64(x + 2 * i + 1)] = tables[np.uint64(np.int64(slots[np.uint64(h)]) >> 20)]
    inputs[np.uint64(x + 2 * count)] = 256
    inputs[np.uint64(x + 2 * count + 1)] = extra
    total = np.int64(0)
    for i in range(n):
        total += np.int64(inputs[np.uint64(x + i)]) * (
            np.int64(weights[np.uint64(w1 + i)]) + np.int64(weights[np.uint64(w2 + i)])
        )
    logit = min(max(total >> 16, -MOST), MOST)
    chance = np.int64(tables[np.uint64(SQUASH + MOST + logit)])
    bit = coded(mode, state, coder, words, starts, lengths, bit, chance)
    goal = 65535 * bit
    error = ((goal - chance) * speed) >> 4
    for i in range(n):
        change = (np.int64(inputs[np.uint64(x + i)]) * error + 0x8000) >> 16
        weights[np.uint64(w1 + i)] = min(max(np.int64(weights[np.uint64(w1 + i)]) + change, -262143), 262143)
        weights[np.uint64(w2 + i)] = min(max(np.int64(weights[np.uint64(w2 + i)]) + change, -262143), 262143)
    for i in range(count):
        a = np.uint64(contexts[np.uint64(i)])
        v = np.int64(slots[a])
        p, k, h = v >> 16, (v >> 8) & 255, (v & 255) << 1 | bit
        p += ((goal - p) * np.int64(tables[np.uint64(RATE + k)])) >> 16
        if h > 255:
            h = h & 127 | 128
        slots[a] = p << 16 | min(k + 1, limit) << 8 | h
        a = np.uint64(contexts[np.uint64(i + 16)])
        v = np.int64(slots[a])
        p, k = v >> 16, v & 255
        p += ((goal - p) * np.int64(tables[np.uint64(RATE + k)])) >> 16
        slots[a] = p << 16 | min(k + 1, 250)
    return bit


@compiled
def magnitude(value):
    """Bits of a number: 0 of 0."""
    n = 0
    while value > 0:
        value >>= 1
        n += 1
    return n


@compiled
def bounded(value, low, high):
    return min(max(value, low), high)


@compiled
def coarse(d):
    """A difference in one of 15 classes."""
    a = abs(d)
    q = a if a < 3 else 3 if a < 5 else 4 if a < 9 else 5 if a < 17 else 6 if a < 33 else 7
    return -q if d < 0 else q


@compiled
def predicted(window, p, which):
    """A simple prediction of the window's value at p (rows of 8) from those before it."""
    west, north, northwest = window[p - 1], window[p - 8], window[p - 9]
    if which == 0:
        low, high = min(west, north), max(west, north)
        return bounded(west + north - northwest, low, high)
    if which == 1:
        return west
    if which == 2:
        return north
    if which == 3:
        return west + window[p - 7] - north
    if which == 4:
        return bounded(2 * north - window[p - 16], -255, 255)
    return bounded(2 * west - window[p - 2], -255, 255)


@compiled
def coded_channels(
    mode, state, coder, words, starts, lengths, slots, weights, inputs, contexts, tables, plan, window, known, chances,
    rows, r0, r1, r2, r3, x, value,
):  # fmt: skip
    """A colour channel by channel, each as what is left of a prediction."""
    channels = plan[CHANNELS]
    west_colour, north_colour = np.int64(rows[r0 + x - 1]), np.int64(rows[r1 + x])
    so_far = np.int64(0)
    before = np.int64(0)  # what was left of the channel before
    before2 = np.int64(0)
    before3 = np.int64(0)
    for k in range(channels):
        # alpha first, then green, red, blue
        c = k
        if channels == 2:
            c = 1 - k
        elif channels == 3:
            c = 1 if k == 0 else 0 if k == 1 else 2
        elif channels == 4:
            c = 3 if k == 0 else 1 if k == 1 else 0 if k == 2 else 2
        shift = 8 * c
        relative = channels >= 3 and (c == 0 or c == 2)
        offset = (so_far >> 8) & 255 if relative else np.int64(0)
        for j in range(4):
            r = r3 if j == 0 else r2 if j == 1 else r1 if j == 2 else r0
            for i in range(8):
                pixel = np.int64(rows[r + x - 4 + i])
                v = (pixel >> shift) & 255
                if relative:
                    v -= (pixel >> 8) & 255
                window[np.uint64(j * 8 + i)] = v
        # the pixel is at 28, row 3, column 4
        least, least_cost = np.int64(0), np.int64(1 << 30)
        costs = numerator = denominator = np.int64(0)
        for i in range(PREDICTIONS):
            cost = np.int64(0)
            for j in range(5):
                p = 27 if j == 0 else 20 if j == 1 else 19 if j == 2 else 21 if j == 3 else 26
                cost += abs(window[p] - predicted(window, p, i))
            s = predicted(window, 28, i)
            if cost < least_cost:
                least, least_cost = s, cost
            costs += cost
            w = np.int64(tables[INVERSE + 2 * min(cost, 1023)])
            w = ((w * w) >> 12) + 1
            numerator += w * s
            denominator += w
        half = denominator // 2
        if numerator >= 0:
            prediction = (numerator + half) // denominator
        else:
            prediction = -((half - numerator) // denominator)
        prediction = bounded(prediction + offset, 0, 255)
        best = bounded(least + offset, 0, 255)
        level, level2 = min(magnitude(least_cost), 7), min(magnitude(costs >> 1), 10)
        gradient = bounded(predicted(window, 28, 0) + offset, 0, 255)
        place = mixed_hash(so_far, k * 8 + c)
        k0 = place >> 16
        k1 = (1 << 16) + (mixed_hash(place, west_colour) >> 16)
        k2 = (2 << 16) + (mixed_hash(place, north_colour) >> 16)
        t0, t1, t2 = np.int64(known[k0]), np.int64(known[k1]), np.int64(known[k2])
        d0 = (t0 & 255) - prediction + 256 if t0 >> 8 else np.int64(0)
        d1 = (t1 & 255) - prediction + 256 if t1 >> 8 else np.int64(0)
        d2 = (t2 & 255) - prediction + 256 if t2 >> 8 else np.int64(0)
        west = ((np.int64(rows[r0 + x - 1]) >> shift) & 255) - prediction
        north = ((np.int64(rows[r1 + x]) >> shift) & 255) - prediction
        northeast = ((np.int64(rows[r1 + x + 1]) >> shift) & 255) - prediction
        northwest = ((np.int64(rows[r1 + x - 1]) >> shift) & 255) - prediction
        seed = mixed_hash(c * 64, 77)
        for i in range(10):
            if i == 0:
                v = (west + 256) * 1024 + north + 256
            elif i == 1:
                v = mixed_hash((before + 256) * 512 + before2 + 256, (before3 + 256) * 8 + level)
            elif i == 2:
                v = (gradient - prediction + 256) * 1024 + best - prediction + 256
            elif i == 3:
                v = mixed_hash(mixed_hash(west_colour, north_colour), mixed_hash(so_far, prediction))
            elif i == 4:
                v = d0 * 64 + min(t0 >> 8, 7)
            elif i == 5:
                v = d1 * 1024 + d2
            elif i == 6:
                v = (northeast + 256) * 1024 + northwest + 256
            elif i == 7:
                v = prediction * 16 + level
            elif i == 8:
                v = (coarse(before) + 8) * 256 + level2 * 16 + coarse(west - northwest) + 8
            else:
                v = (
                    (coarse(west) + 8) * 4096
                    + (coarse(north) + 8) * 256
                    + (coarse(northeast) + 8) * 16
                    + coarse(northwest)
                    + 8
                )
            contexts[32 + i] = mixed_hash((seed + i) & MASK, v)
        # zero, sign, unary up to 8, then exponential Golomb
        actual = (value >> shift) & 255
        rest = actual - prediction
        size, step, node = abs(rest), np.int64(0), np.int64(0)
        stage, negative, most, bits = 0, np.int64(0), np.int64(0), np.int64(0)
        while True:
            if stage == 0:
                node, bit = np.int64(0), np.int64(rest == 0)
            elif stage == 1:
                node, bit = np.int64(1), np.int64(rest < 0)
            elif stage == 2:
                node, bit = 1 + negative * 16 + step, np.int64(size == step)
            else:
                node = 11 + negative * 16 + min(bits, 5)
                bit = np.int64(size - 9 < (2 << bits) - 1)
            for i in range(10):
                contexts[i] = mixed_hash(contexts[32 + i], node)
            bit = decided(
                mode, state, coder, words, starts, lengths, slots, weights, inputs, contexts, tables, plan, CHANNEL,
                bit, 10, 0, c * 3 + min(node, 2), c * 40 + node, (c * 11 + level2) * 3 + min(node, 2),
            )  # fmt: skip
            if stage == 0:
                if bit:
                    rest = np.int64(0)
                    break
                stage = 1
                if prediction == 0 or prediction == 255:
                    negative = np.int64(prediction == 255)
                    stage = 2
            elif stage == 1:
                negative = np.int64(bit)
                stage = 2
            elif stage == 2:
                if bit:
                    rest = -step if negative else step
                    break
            elif bit:
                stage = 4
            else:
                bits += 1
            if stage == 2:
                most = prediction if negative else 255 - prediction
                step += 1
                if step >= most:
                    rest = -step if negative else step
                    break
                if step == 9:
                    stage = 3
            if stage == 3 and ((2 << bits) - 1 > most - 9 or bits == 7):
                stage = 4
            if stage == 4:
                low = (np.int64(1) << bits) - 1
                found = np.int64(0)
                for j in range(bits):
                    place = bits - 1 - j
                    a = (c * 8 + bits) * 8 + place
                    p = np.int64(chances[a])
                    bit = coded(
                        mode, state, coder, words, starts, lengths, ((size - 9 - low) >> place) & 1,
                        bounded(p, 32, 65500),
                    )  # fmt: skip
                    chances[a] = p + ((65535 * bit - p) >> 6)
                    found |= bit << place
                step = 9 + low + found
                rest = -step if negative else step
                break
        actual = (prediction + rest) & 255
        before3, before2, before = before2, before, rest
        so_far |= actual << shift
        known[k0] = min((t0 >> 8) + 1, 15) << 8 | actual if t0 & 255 == actual else 256 | actual
        known[k1] = min((t1 >> 8) + 1, 15) << 8 | actual if t1 & 255 == actual else 256 | actual
        known[k2] = min((t2 >> 8) + 1, 15) << 8 | actual if t2 & 255 == actual else 256 | actual
    return so_far


@compiled
def code_strip(
    mode, names, rows, flags, state, coder, words, starts, lengths, slots, weights, inputs, contexts, tables, plan,
    memory, trail, trust, chances, known, window, candidates,
):  # fmt: skip
    """Code pixels from where `state` says until a strip's decisions are made, or the picture ends.

    Args:
        mode: ENCODE or DECODE.
        names: (frames * height * width) uint32, of which those from the position on are written where decoded.
        rows, flags: (4 * (width + 2 PAD),) uint32 and uint8: the last rows; flags: 1 escaped, 2 as in the frame before.
        state: int64, see above; what goes on from strip to strip.
        coder, words: uint64 state and words left of the rANS decoder, and its words.
        starts, lengths: int32, written where encoded: intervals of 2**24.
        slots, weights: all that is learned of decisions; see `decided`.
        memory: (MEMORIES * 2**MEMORY_BITS * 2,) uint32: a colour, and check << 8 | confidence.
        trail: (2**MEMORY_BITS,) uint32, a position + 1 by the hash of the 32 pixels before.
        trust: (SOURCES * 64 + 1024,) int64: how often each source was right, and how often the list held the colour.
        chances, known, window, candidates: of escapes; scratch.
    """
    width, height, frames, colours = plan[WIDTH], plan[HEIGHT], plan[FRAMES], plan[COLOURS]
    memory_bits, listed = plan[MEMORY_BITS], plan[LISTED] != 0
    area, stride = width * height, width + 2 * PAD
    position, total = state[POSITION], width * height * frames
    frame = position // area
    y = (position - frame * area) // width
    x = position - frame * area - y * width
    run, ahead, match, match_at, rolling = state[RUN], state[AHEAD], state[MATCH], state[MATCH_AT], state[ROLLING]
    state[COUNT] = 0
    r0 = r1 = r2 = r3 = np.int64(0)
    fresh = True
    while position < total and state[COUNT] < plan[STRIP]:
        if fresh or x == 0:
            if x == 0 and y == 0:
                for i in range(4 * stride):
                    rows[i] = 0
                    flags[i] = 0
            r0, r1 = (y & 3) * stride + PAD, ((y + 3) & 3) * stride + PAD
            r2, r3 = ((y + 2) & 3) * stride + PAD, ((y + 1) & 3) * stride + PAD
            fresh = False
        if x == 0:
            run, ahead = np.int64(0), np.int64(0)
            first = rows[r1] if y else np.uint32(0)
            for i in range(1, PAD + 1):
                rows[r0 - i] = first
        a, b = r0 + x, r1 + x
        value = np.int64(names[position]) if mode == ENCODE else np.int64(0)
        w, n, nw, ne = np.int64(rows[a - 1]), np.int64(rows[b]), np.int64(rows[b - 1]), np.int64(rows[b + 1])
        ww, nn = np.int64(rows[a - 2]), np.int64(rows[r2 + x])
        nee, nww = np.int64(rows[b + 2]), np.int64(rows[b - 2])
        nne, nnw = np.int64(rows[r2 + x + 1]), np.int64(rows[r2 + x - 1])
        www, nnn = np.int64(rows[a - 3]), np.int64(rows[r3 + x])
        ne3, nw3 = np.int64(rows[b + 3]), np.int64(rows[b - 3])
        h1 = mixed_hash(mixed_hash(w, n), mixed_hash(nw, ne))
        h2 = mixed_hash(h1, mixed_hash(ww, nn))
        h3 = mixed_hash(h2, mixed_hash(mixed_hash(nee, nww), mixed_hash(nne, nnw)))
        h4 = mixed_hash(h3, mixed_hash(mixed_hash(www, nnn), mixed_hash(ne3, nw3)))
        h5 = mixed_hash(
            mixed_hash(
                h4,
                mixed_hash(
                    mixed_hash(np.int64(rows[a - 4]), np.int64(rows[b - 4])),
                    mixed_hash(np.int64(rows[b + 4]), np.int64(rows[b + 5])),
                ),
            ),
            mixed_hash(
                mixed_hash(
                    mixed_hash(np.int64(rows[r2 + x - 2]), np.int64(rows[r2 + x + 2])),
                    mixed_hash(np.int64(rows[r2 + x - 3]), np.int64(rows[r2 + x + 3])),
                ),
                mixed_hash(
                    mixed_hash(np.int64(rows[r3 + x - 1]), np.int64(rows[r3 + x + 1])),
                    mixed_hash(np.int64(rows[r3 + x - 2]), np.int64(rows[r3 + x + 2])),
                ),
            ),
        )
        # what followed these surroundings: the widest that are known speak
        recalled, confidence, certainty, by = w, np.int64(0), np.int64(0), np.int64(MEMORIES)
        for i in range(MEMORIES):
            h = h5 if i == 0 else h4 if i == 1 else h3 if i == 2 else h2 if i == 3 else h1
            m = ((np.int64(i) << memory_bits) + (h >> (32 - memory_bits))) * 2
            contexts[48 + i] = m
            contexts[56 + i] = h & 0xFFFFFF
            e = np.int64(memory[m + 1])
            if by == MEMORIES and e >> 8 == h & 0xFFFFFF and e & 63:
                recalled, by = np.int64(memory[m]), np.int64(i)
                confidence = min(1 + (MEMORIES - 1 - i) * 12 + min(e & 63, 11), 63)
                certainty = min(e & 63, 3)
        matched, match_level = w, np.int64(0)
        if match:
            match_level = min(1 if match < 16 else 2 if match < 32 else magnitude(match) - 3, 10)
            matched = np.int64(names[match_at])
        previous = frame > 0
        earlier = np.int64(names[position - area]) if previous else w
        around = flags[a - 1] & flags[b] & flags[b - 1] & flags[b + 1] & flags[a - 2] & flags[r2 + x]
        still = previous and (around & 2) != 0
        flat = (
            listed and w == n and n == nw and n == ne and n == ww and n == nn and n == nee and n == nww
            and n == nne and n == nnw and n == ne3 and n == www
        )  # fmt: skip
        expected = earlier if still else w
        done, excluded = False, False
        if (
            listed
            and (still or (flat and earlier == w))
            and (match == 0 or matched == expected)
            and (by == MEMORIES or recalled == expected)
        ):
            # all around is alike
            if ahead <= x + 3:
                ahead = x + 4
            while ahead < width and ahead < x + 64 and np.int64(rows[r1 + ahead]) == w:
                ahead += 1
            distance = ahead - x
            distance = distance if distance < 16 else 16 if distance < 32 else 17 if distance < 64 else 18
            long = run if run < 16 else min(11 + magnitude(run), 24)
            memories = by * 4 + certainty
            salt = np.int64(still)
            contexts[0] = mixed_hash(expected, 101 + salt)
            contexts[1] = mixed_hash(long * 32 + distance, 103 + salt)
            contexts[2] = mixed_hash(mixed_hash(expected, long), 105 + salt)
            contexts[3] = mixed_hash(expected, distance * 2 + 1000 + salt)
            contexts[4] = mixed_hash(memories * 4 + 2 * np.int64(nnn == n) + np.int64(nw3 == n), 107 + salt)
            contexts[5] = mixed_hash(
                mixed_hash(w, np.int64(rows[a - 4])),
                mixed_hash(mixed_hash(np.int64(rows[a - 5]), np.int64(rows[b - 4])), np.int64(long > 20) * 2 + salt),
            )
            bit = decided(
                mode, state, coder, words, starts, lengths, slots, weights, inputs, contexts, tables, plan, FLAT,
                np.int64(value == expected), 6, 0, salt, long * 19 + distance, memories * 2 + salt,
            )  # fmt: skip
            done, excluded = bit == 1, True
        if done:
            value = expected
            flags[a] = 2 if previous and value == earlier else 0
            run = run + 1 if value == w else np.int64(0)
            for i in range(MEMORIES):
                m, check = contexts[48 + i], contexts[56 + i]
                e = np.int64(memory[m + 1])
                if e >> 8 == check:
                    if np.int64(memory[m]) == value and e & 63 < 30:
                        memory[m + 1] = e + 1
                else:
                    memory[m], memory[m + 1] = value, check << 8 | 1
        else:
            ahead = np.int64(0)
            alike = (
                np.int64(w == n) | np.int64(n == nw) << 1 | np.int64(n == ne) << 2 | np.int64(w == ww) << 3
                | np.int64(n == nn) << 4 | np.int64(w == nw) << 5 | np.int64(ne == nee) << 6
                | np.int64(ne == nne) << 7 | np.int64(w == ne) << 8 | np.int64(nw == nww) << 9
            )  # fmt: skip
            # candidates: colour, votes, score; joined where alike, best first
            number = np.int64(0)
            for s in range(SOURCES):
                candidates[48 + s] = 64
            if not excluded and listed:
                for s in range(SOURCES):
                    level = alike & 63
                    if s == 0:
                        colour, level = recalled, confidence
                    elif s == 1:
                        colour = w
                    elif s == 2:
                        colour = n
                    elif s == 3:
                        colour = ne
                    elif s == 4:
                        colour = nw
                    elif s == 5:
                        colour = ww
                    elif s == 6:
                        colour = nn
                    elif s == BY_MATCH:
                        colour, level = matched, match_level
                    else:
                        colour, level = earlier, np.int64(0)
                        if previous:
                            level = np.int64(1 + (flags[a - 1] >> 1) + (flags[b] >> 1) * 2 + (flags[b + 1] >> 1) * 4)
                    if level == 0 and (s == 0 or s >= BY_MATCH):
                        continue
                    candidates[36 + s] = colour
                    candidates[48 + s] = level
                    score = trust[s * 64 + level]
                    j = np.int64(0)
                    while j < number and candidates[j] != colour:
                        j += 1
                    if j == number:
                        candidates[j], candidates[12 + j], candidates[24 + j] = colour, 0, 0
                        number += 1
                    candidates[12 + j] |= np.int64(1) << s
                    candidates[24 + j] = max(candidates[24 + j], score)
                for i in range(1, number):
                    colour, votes, score = candidates[i], candidates[12 + i], candidates[24 + i]
                    j = np.int64(i)
                    while j > 0 and candidates[24 + j - 1] < score:
                        candidates[j] = candidates[j - 1]
                        candidates[12 + j] = candidates[12 + j - 1]
                        candidates[24 + j] = candidates[24 + j - 1]
                        j -= 1
                    candidates[j], candidates[12 + j], candidates[24 + j] = colour, votes, score
            else:
                for s in range(SOURCES):
                    level = alike & 63
                    if s == 0:
                        level = confidence
                    elif s == BY_MATCH:
                        level = match_level
                    elif s == BEFORE:
                        level = np.int64(0)
                    if level or 0 < s < BY_MATCH:
                        candidates[48 + s] = level
                candidates[36], candidates[37], candidates[38], candidates[39] = recalled, w, n, ne
                candidates[40], candidates[41], candidates[42], candidates[43] = nw, ww, nn, matched
            escapes = np.int64(
                flags[a - 1] & 1 | (flags[b] & 1) << 1 | (flags[b + 1] & 1) << 2 | (flags[b - 1] & 1) << 3
            )
            top = candidates[24] >> 13 if number else np.int64(0)
            hope = SOURCES * 64 + (escapes * 8 + min(number, 7)) * 8 + top
            tried = number if trust[hope] >= 40 * 256 else np.int64(0)
            both = mixed_hash(w, n)
            right = mixed_hash(n, ne)
            long = run if run < 8 else 8 + min(magnitude(run) - 3, 6)
            hit = np.int64(-1)
            for d in range(tried + 1):
                # the first? any? the second? ...
                if tried == 0 or (d == 1 and tried == 1):
                    break
                k = np.int64(0)
                if d == 1:
                    colour, k = np.int64(0x12345678), np.int64(1)
                    votes = candidates[12]
                    bit = np.int64(0)
                    for j in range(1, tried):
                        bit |= np.int64(value == candidates[j])
                else:
                    k = np.int64(max(d - 1, 0))
                    if d and k == tried - 1:
                        hit = k
                        break
                    colour, votes = candidates[k], candidates[12 + k]
                    bit = np.int64(value == colour)
                kind = np.int64(min(d, 3))
                close = (votes >> 1) & 63
                contexts[0] = mixed_hash(close | (votes & 1) << 8 | (votes & 256) << 1, kind)
                contexts[1] = mixed_hash(h1 ^ colour, kind + 4)
                contexts[2] = mixed_hash(h2 ^ colour, kind + 8)
                contexts[3] = mixed_hash(h3 ^ colour, kind + 12)
                contexts[4] = mixed_hash(both ^ colour, kind + 16)
                contexts[5] = mixed_hash(mixed_hash(w, colour), kind + 20)
                contexts[6] = mixed_hash(right ^ colour, kind + 24)
                contexts[7] = mixed_hash(colour, kind + 28 + (escapes << 8))
                contexts[8] = mixed_hash(
                    by * 4 + certainty + (votes & 1) * 64 + ((votes >> BY_MATCH) & 1) * 128 + match_level * 256,
                    kind + 32,
                )
                contexts[9] = mixed_hash(
                    long * 64 + close,
                    kind + 36 + (np.int64(n == ne) << 8) + (np.int64(ne == nee) << 9) + (np.int64(nee == ne3) << 10),
                )
                contexts[10] = mixed_hash(alike * 16 + escapes, close * 64 + kind + 40)
                contexts[11] = mixed_hash(h4 ^ colour, kind + 44)
                contexts[12] = mixed_hash(h5 ^ colour, kind + 48)
                count = 13
                if previous:
                    contexts[13] = mixed_hash(mixed_hash(earlier, colour), kind + 52 + (candidates[56] << 8))
                    count = 14
                some = votes & 1 | (votes & 30)
                weight1 = some << 4 | (0 if by > 3 else 1 if by == 3 else 2 if by >= 1 else 3) << 2 | min(tried - 1, 3)
                bit = decided(
                    mode, state, coder, words, starts, lengths, slots, weights, inputs, contexts, tables, plan, LIST,
                    bit, count, np.int64(tables[candidates[24 + (k if k < tried else 0)] >> 4]), kind,
                    kind * 512 + weight1, kind * 1024 + alike,
                )  # fmt: skip
                if d == 0 and bit:
                    hit = np.int64(0)
                    break
                if d == 1 and not bit:
                    break
                if d > 1 and bit:
                    hit = k
                    break
            if hit >= 0:
                value = candidates[hit]
            elif colours:
                node = np.int64(1)
                for j in range(plan[BITS]):
                    place = plan[BITS] - 1 - j
                    contexts[0] = mixed_hash(node, 1)
                    contexts[1] = mixed_hash(node + 0x1000, w)
                    contexts[2] = mixed_hash(node + 0x2000, n)
                    contexts[3] = mixed_hash(node + 0x3000, both)
                    contexts[4] = mixed_hash(node + 0x4000, h1)
                    contexts[5] = mixed_hash(node + 0x5000, mixed_hash(ne, nw))
                    contexts[6] = mixed_hash(node + 0x6000, mixed_hash(w, ne))
                    contexts[7] = mixed_hash(node + 0x7000, mixed_hash(w, ww))
                    contexts[8] = mixed_hash(node + 0x8000, mixed_hash(n, nn))
                    bit = decided(
                        mode, state, coder, words, starts, lengths, slots, weights, inputs, contexts, tables, plan, TREE,
                        (value >> place) & 1, 9, 0, place, node & 255, escapes,
                    )  # fmt: skip
                    node = node << 1 | bit
                node -= np.int64(1) << plan[BITS]
                value = node
            else:
                value = coded_channels(
                    mode, state, coder, words, starts, lengths, slots, weights, inputs, contexts, tables, plan, window,
                    known, chances, rows, r0, r1, r2, r3, x, value,
                )  # fmt: skip
            inside = False
            for j in range(number):
                inside = inside or candidates[j] == value
            trust[hope] += ((65535 if inside else 0) - trust[hope]) >> 5
            flags[a] = (0 if inside else 1) | (2 if previous and value == earlier else 0)
            run = run + 1 if value == w else np.int64(0)
            for s in range(SOURCES):
                if candidates[48 + s] < 64:
                    t = s * 64 + candidates[48 + s]
                    if candidates[36 + s] == value:
                        trust[t] += (65535 - trust[t]) >> 6
                    else:
                        trust[t] -= trust[t] >> 6
            for i in range(MEMORIES):
                m, check = contexts[48 + i], contexts[56 + i]
                e = np.int64(memory[m + 1])
                c = e & 63
                if e >> 8 == check and c:
                    if np.int64(memory[m]) == value:
                        memory[m + 1] = e + np.int64(c < 30)
                    elif c > 3:
                        memory[m + 1] = e - ((c >> 1) + 1)
                    else:
                        memory[m], memory[m + 1] = value, check << 8 | 1
                else:
                    memory[m], memory[m + 1] = value, check << 8 | 1
        rows[a] = value
        if mode == DECODE:
            names[position] = value
        # the long match: where the 32 pixels before came last
        if listed:
            rolling = (((rolling * 0x5E16988E) & MASK) + (((value + 1) * 0x1E3779B1) & MASK)) & MASK
            if match and np.int64(names[match_at]) == value:
                match += 1
                match_at += 1
            else:
                match = np.int64(0)
            t = ((rolling * 0x5E3779B1) & MASK) >> (32 - memory_bits)
            found = np.int64(trail[t])
            if match == 0 and found:
                j = np.int64(0)
                while j < 32 and j < found and names[found - 1 - j] == names[position - j]:
                    j += 1
                if j >= 24:
                    match, match_at = j, found
            trail[t] = position + 1
        position += 1
        x += 1
        if x == width:
            for i in range(PAD):
                rows[r0 + width + i] = rows[r0 + width - 1]
            x = np.int64(0)
            y += 1
            if y == height:
                y = np.int64(0)
                frame += 1
    state[POSITION], state[RUN], state[AHEAD] = position, run, ahead
    state[MATCH], state[MATCH_AT], state[ROLLING] = match, match_at, rolling
    return position
