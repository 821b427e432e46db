"""The compiled loops of the causal flow: least squares a cell, a network and a symbol a pixel.

Everything that decides about bits is either an integer or binary32, one correctly rounded operation at a time in a
fixed order: no loop sums anything that a vectoriser could sum otherwise. The arithmetic is specified in FORMAT.md, 6.

Planes lie in one array (planes, height + 2 MARGIN, width + 2 MARGIN) of binary32 with integer values, so that every
neighbour has an address. The margins of finished planes repeat their edges; those of the plane in hand hold what both
sides know (`code_plane`).

Functions that one place calls are `inlined`: machine code is optimised anew in every caller, which is what a first use
waits for. Loops run from 0 over slices and not over shifted indices: so the compiler knows that none is negative, and
vectorises.
"""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import compiled, compiled_sums, inlined

__all__ = ["ANALYSE", "DECODE", "ENCODE", "INVERT", "LANES", "MARGIN", "code_plane"]

f4 = np.float32
ANALYSE, ENCODE, DECODE, INVERT = range(4)
MARGIN = 8
LANES = 64  # systems of equations that are solved side by side
ZEROS = 16  # before and after a row of sums, for what a filter sees beyond its ends
FADE = f4(0.8)  # of the local mean of absolute errors, per pixel along both axes
HALF, ONE, ZERO, SIXTEEN = f4(0.5), f4(1), f4(0), f4(16)
LEAST = f4(1e-3)  # added to the diagonal
TINY = f4(1e-9)
TOTAL = 1 << 24  # quantiles of the entropy coder
LEAST_SCALE, MOST_SCALE = -96, 287  # log2 of a logistic's scale in bins, in sixteenths


@inlined
def solve(sums, prior, n, first, lanes, belief, ridge, system, inverse, pivot, coefficients):
    """Solve the normal equations of `lanes` neighbouring cells from `first` on, by elimination, lane by lane.

    Args:
        sums: (n (n + 3) / 2, cells) upper triangle of x x', each row followed by its x y.
        prior: (N, N + 1) mean sums, added `belief` times.
        system, inverse, pivot: scratch, (n (n + 3) / 2, LANES), (LANES,), (N + 1, LANES).
        coefficients: (N, cells), written.
    """
    e = 0
    for i in range(n):
        for j in range(i, n + 1):
            t = belief * prior[i, j]
            row = sums[e]
            source, target = row[first : first + lanes], system[e]
            for k in range(lanes):
                target[k] = source[k] + t
            if i == j:
                for k in range(lanes):
                    target[k] = target[k] * (ONE + ridge) + LEAST
            e += 1
    head = 0
    for i in range(n):
        length = n + 1 - i
        diagonal = system[head]
        for k in range(lanes):
            inverse[k] = ONE / max(diagonal[k], TINY)
        for j in range(1, length):
            source, target = system[head + j], pivot[j]
            for k in range(lanes):
                target[k] = source[k] * inverse[k]
        e = head + length
        for h in range(1, length - 1):
            factor = system[head + h]
            for j in range(h, length):
                target, source = system[e], pivot[j]
                for k in range(lanes):
                    target[k] -= factor[k] * source[k]
                e += 1
        for j in range(1, length):
            target, source = system[head + j], pivot[j]
            for k in range(lanes):
                target[k] = source[k]
        head += length
    for back in range(n):
        i = n - 1 - back
        length = n + 1 - i
        head -= length
        right = system[head + length - 1]
        for j in range(i + 1, n):
            row, factor = coefficients[j], system[head + j - i]
            source = row[first : first + lanes]
            for k in range(lanes):
                right[k] -= factor[k] * source[k]
        row = coefficients[i]
        target = row[first : first + lanes]
        for k in range(lanes):
            target[k] = right[k]


@inlined
def accumulate(sums, x, weighted, n, every, cells, forget, a, b):
    """Move the sums one row down: what was, and this row's products spread along it, forgotten a bit.

    The products of `every` pixels are summed to a cell. A cell at distance d counts forget^(every d) times, as far as
    eight cells: a filter to the right and one to the left, each in three doublings.

    Args:
        sums: (n (n + 3) / 2, cells), changed.
        x, weighted: (n + 1, width) regressors and the value itself; times their weights.
        a, b: scratch, (>= cells + 2 ZEROS,), zero beyond the cells.
    """
    f1 = ONE
    for _ in range(every):
        f1 *= forget
    f2 = f1 * f1
    f4_ = f2 * f2
    norm = ONE - f2
    a0, b0 = a[ZEROS : ZEROS + cells], b[ZEROS : ZEROS + cells]
    a_left1, b_left2, a_left4 = a[ZEROS - 1 : -1], b[ZEROS - 2 : -2], a[ZEROS - 4 : -4]
    b_right1, a_right2, b_right4 = b[ZEROS + 1 :], a[ZEROS + 2 :], b[ZEROS + 4 :]
    e = 0
    for i in range(n):
        left = weighted[i]
        for j in range(i, n + 1):
            right = x[j]
            if every == 2:
                for c in range(cells):
                    a0[c] = left[2 * c] * right[2 * c] + left[2 * c + 1] * right[2 * c + 1]
            else:
                for c in range(cells):
                    a0[c] = (left[4 * c] * right[4 * c] + left[4 * c + 1] * right[4 * c + 1]) + (
                        left[4 * c + 2] * right[4 * c + 2] + left[4 * c + 3] * right[4 * c + 3]
                    )
            for c in range(cells):
                b0[c] = a0[c] + f1 * a_left1[c]
            for c in range(cells):
                a0[c] = b0[c] + f2 * b_left2[c]
            for c in range(cells):
                b0[c] = a0[c] + f4_ * a_left4[c]
            for c in range(cells):
                a0[c] = b0[c] + f1 * b_right1[c]
            for c in range(cells):
                b0[c] = a0[c] + f2 * a_right2[c]
            row = sums[e]
            for c in range(cells):
                row[c] = forget * (row[c] + norm * (b0[c] + f4_ * b_right4[c]))
            e += 1


@inlined
def regressors(planes, plane, near, n, row, width, weight, x, weighted):
    """The regressors of a row and, last, the values: each less the mean of its plane's left and upper neighbour.

    Both are wanted as they are and times `weight`, (width,).
    Columns past the width, up to a whole cell, are zero.
    """
    r = row + MARGIN
    for i in range(n + 1):
        q, dr, dc = (near[i, 0], near[i, 1], near[i, 2]) if i < n else (plane, 0, 0)
        line, here, above = planes[q, r + dr], planes[q, r], planes[q, r - 1]
        source, left, up = line[MARGIN + dc :], here[MARGIN - 1 :], above[MARGIN:]
        target, times = x[i], weighted[i]
        for c in range(width):
            target[c] = source[c] - HALF * (left[c] + up[c])
        for c in range(width):
            times[c] = target[c] * weight[c]


@compiled
def spread_out(cells, every, count, pixels):
    """Each cell's number to its pixels."""
    if every == 2:
        for c in range(count):
            pixels[2 * c] = cells[c]
            pixels[2 * c + 1] = cells[c]
    else:
        for c in range(count):
            pixels[4 * c] = cells[c]
            pixels[4 * c + 1] = cells[c]
            pixels[4 * c + 2] = cells[c]
            pixels[4 * c + 3] = cells[c]


@inlined
def prepare(planes, plane, near, n, every, row, width, coefficients, wide, known, along):
    """What of a row's predictions is known before the row: all but the terms of the four pixels to the left.

    Args:
        known: (width,), written.
        wide: scratch, (width + 4,), zero from the width on.
        along: (5, cells), written: coefficients of the pixels to the left, the nearest first, base included.
    """
    r = row + MARGIN
    cells = (width + every - 1) // every
    upper = planes[plane, r - 1]
    up = upper[MARGIN:]
    share = along[4]
    for c in range(cells):
        share[c] = ZERO
    for k in range(4):
        zeros = along[k]
        for c in range(cells):
            zeros[c] = ZERO
    for c in range(width):
        known[c] = ZERO
    for i in range(n):
        q, dr, dc = near[i, 0], near[i, 1], near[i, 2]
        a = coefficients[i]
        line = planes[q, r + dr]
        source = line[MARGIN + dc :]
        if q == plane:
            for c in range(cells):
                share[c] += a[c]
            if dr == 0:
                target = along[-1 - dc]
                for c in range(cells):
                    target[c] = a[c]
            else:
                spread_out(a, every, cells, wide)
                for c in range(width):
                    known[c] += wide[c] * source[c]
        else:
            here, above = planes[q, r], planes[q, r - 1]
            left, top = here[MARGIN - 1 :], above[MARGIN:]
            spread_out(a, every, cells, wide)
            for c in range(width):
                known[c] += wide[c] * (source[c] - HALF * (left[c] + top[c]))
    nearest = along[0]
    spread_out(share, every, cells, wide)
    for c in range(width):
        known[c] += HALF * (ONE - wide[c]) * up[c]
    for c in range(width, every * cells):
        wide[c] = ZERO
    for c in range(cells):
        nearest[c] += HALF * (ONE - share[c])


@compiled
def logarithm(value, real, bits):
    """log2 of a positive binary32 in sixteenths, linear between powers of two: exponent and leading mantissa bits."""
    real[0] = value
    return (bits[0] >> 19) - 2032


@compiled_sums
def layer(weights, n, outputs, scale, top, x, y):
    """y = clip(floor((w x + b) scale), 0, top), top 0: unclipped; weights (outputs, I), the bias in column n.

    All are integers in binary32, and so is every partial sum: the model's bounds are proved when it is loaded.
    """
    for o in range(0, outputs, 4):
        w0, w1, w2, w3 = weights[o], weights[o + 1], weights[o + 2], weights[o + 3]
        y0, y1, y2, y3 = w0[n], w1[n], w2[n], w3[n]
        for i in range(n):
            y0 += w0[i] * x[i]
            y1 += w1[i] * x[i]
            y2 += w2[i] * x[i]
            y3 += w3[i] * x[i]
        y[o], y[o + 1], y[o + 2], y[o + 3] = y0, y1, y2, y3
    for o in range(outputs):
        y[o] = np.floor(y[o] * scale)
    if top > ZERO:
        for o in range(outputs):
            y[o] = min(max(y[o], ZERO), top)


@compiled
def cumulative(i, last, mixture, logistic):
    """First quantile of bin i of [0, last], of a mixture of three logistics (see `mixture_of`)."""
    if i <= 0:
        return 0
    if i > last:
        return TOTAL
    total = 0
    for k in range(3):
        t = ((64 * i - mixture[k]) * mixture[3 + k]) >> 15
        t = min(max(t, -65536), 65535) + 65536
        cell = t >> 6
        low = logistic[cell]
        total += mixture[6 + k] * (low + (((logistic[cell + 1] - low) * (t & 63)) >> 6))
    return (((total >> 22) * (TOTAL - 1 - last)) >> 24) + i


@inlined
def mixture_of(y, origin, sigma, log_sigma, inverse_scale, exponential, mixture):
    """The mixture that the outputs y say: locations in 1/64 bin, inverse scales, shares; returns the bits of a bin.

    Args:
        y: (>= 9,) three locations in sigma / 32, three scales in log2 / 32 to sigma, three logits in 1 / 32.
        origin: the prediction less the least value.
        mixture: (9,) int64, written: locations, inverse scales, shares of 2^16.
    """
    least = 1 << 20
    for k in range(3):
        s = min(max(log_sigma + (np.int64(y[3 + k]) >> 1), LEAST_SCALE), MOST_SCALE)
        mixture[3 + k] = s
        least = min(least, s)
    bits = max((least >> 4) - 3, 0)
    scale = f4(64 >> bits) if bits <= 6 else ONE / f4(1 << (bits - 6))
    best = max(y[6], y[7], y[8])
    total = 0
    for k in range(3):
        place = (origin + HALF + y[k] * sigma * f4(0.03125)) * scale
        mixture[k] = np.int64(np.floor(min(max(place, f4(-8388608)), f4(8388608)) + HALF))
        mixture[3 + k] = inverse_scale[max(mixture[3 + k] - 16 * bits - LEAST_SCALE, 0)]
        mixture[6 + k] = exponential[min(np.int64(best - y[6 + k]), 511)]
        total += mixture[6 + k]
    rest = 65536
    for k in range(3):
        share = (mixture[6 + k] << 16) // total
        mixture[6 + k] = share
        rest -= share
    mixture[6] += rest
    return bits


@inlined
def find(quantile, last, guess, mixture, logistic):
    """The bin of [0, last] that holds a quantile, searched outwards from a guess; and its first and next quantile."""
    low = min(max(guess, 0), last)
    start = cumulative(low, last, mixture, logistic)
    step = 1
    if start <= quantile:
        high = low + 1
        end = cumulative(high, last, mixture, logistic)
        while end <= quantile:
            low, start = high, end
            step *= 2
            high = min(low + step, last + 1)
            end = cumulative(high, last, mixture, logistic)
    else:
        high, end = low, start
        low = max(high - 1, 0)
        start = cumulative(low, last, mixture, logistic)
        while start > quantile:
            high, end = low, start
            step *= 2
            low = max(high - step, 0)
            start = cumulative(low, last, mixture, logistic)
    while high - low > 1:
        middle = (low + high) >> 1
        value = cumulative(middle, last, mixture, logistic)
        if value <= quantile:
            low, start = middle, value
        else:
            high, end = middle, value
    return low, start, end


@compiled
def advance(coder, words, quantile, start, size):
    """Take a symbol off the state, and a word from the stack where the state has room for one."""
    state = (coder[0] >> np.uint64(24)) * np.uint64(size) + np.uint64(quantile - start)
    if state < np.uint64(1 << 32) and coder[1] > np.uint64(0):
        coder[1] -= np.uint64(1)
        state = (state << np.uint64(32)) | np.uint64(words[coder[1]])
    coder[0] = state


@compiled
def code_row(
    mode, planes, plane, row, width, low, high, start_error, most_unit, every, known, along, predicted, errors,
    absolute, sigma, spread, local, seen, layers, sizes, scales, tops, x, y, inverse_scale, exponential, logistic,
    mixture, real, bits, earlier, raw, residuals, coder, words, starts, lengths, dump, targets,
):  # fmt: skip
    """Code the pixels of a row, from left to right; see `code_plane` for the arguments."""
    r = row + MARGIN
    here = planes[plane, r]
    e0, e1 = errors[plane, r], errors[plane, r - 1]
    range_inverse = f4(4) / (high - low)
    values, differences = planes.reshape(planes.size), errors.reshape(errors.size)
    first_at = (plane * planes.shape[1] + r) * planes.shape[2] + MARGIN
    running = seen_running = ZERO
    number = every.shape[0]
    for c in range(width):
        m = c + MARGIN
        west = here[m - 1]
        for k in range(number):
            if row:
                a = along[k]
                cell = c >> (every[k] >> 1)  # every is 2 or 4
                value = known[k, c] + (
                    (a[0, cell] * west + a[1, cell] * here[m - 2])
                    + (a[2, cell] * here[m - 3] + a[3, cell] * here[m - 4])
                )
            else:
                value = west
            if not value >= low:  # of what is not a number, too
                value = low
            predicted[k] = value if value <= high else high
        p0 = predicted[0]
        scale = (local[c] + running + start_error) / (seen[c] + seen_running + f4(0.2))
        sigma[c] = scale
        inverse = ONE / scale
        log_scale = logarithm(scale, real, bits)
        unit = f4(log_scale) * f4(0.0625)
        at = first_at + c
        n = raw.shape[0]
        for i in range(n):
            reference = p0 if raw[i, 1] == 0 else values[at + raw[i, 1]]
            x[i] = (values[at + raw[i, 0]] - reference) * inverse
        for i in range(residuals.shape[0]):
            x[n + i] = differences[at + residuals[i]] * inverse
        n += residuals.shape[0]
        x[n] = min(unit, most_unit) * HALF
        short = (abs(e0[m - 1]) + abs(e1[m])) + (abs(e1[m - 1]) + abs(e1[m + 1])) + f4(0.25)
        x[n + 1] = f4(logarithm(short, real, bits)) * f4(0.0625) - f4(2) - unit
        x[n + 2] = min((p0 - low) * inverse, f4(8))
        x[n + 3] = min((high - p0) * inverse, f4(8))
        x[n + 4] = (p0 - np.floor(p0 + HALF)) * f4(4)
        x[n + 5] = (p0 - low) * range_inverse - f4(2)
        n += 6
        if number > 1:
            first = f4(0)
            for k in range(number):
                b0, b1, b2 = absolute[k, row & 1], absolute[k, (row & 1) ^ 1], absolute[k, 2]
                near = (b0[m - 1] + b1[m]) + (b1[m - 1] + b1[m + 1]) + (b0[m - 2] + b2[m]) + HALF
                if k == 0:
                    first = f4(logarithm(near, real, bits))
                else:
                    x[n] = (predicted[k] - p0) * inverse
                    x[n + 1] = (f4(logarithm(near, real, bits)) - first) * f4(0.125)
                    n += 2
        for q in range(earlier.shape[0]):
            o = earlier[q]
            x[n] = spread[o, row, c] - unit
            x[n + 1] = spread[o + planes.shape[0], row, c] - unit
            n += 2
        for i in range(n):
            x[i] = min(max(np.floor(x[i] * SIXTEEN + HALF), f4(-128)), f4(127))
        actual = here[m]
        if mode in (ANALYSE, INVERT):
            if mode == INVERT:
                actual += np.floor(p0 + HALF)
                here[m] = actual
            if dump.shape[0]:
                at = row * width + c
                for i in range(n):
                    dump[at, i] = np.int8(x[i])
                targets[at, 0], targets[at, 1], targets[at, 2] = p0, f4(log_scale), actual
                targets[at, 3] = scale
        else:
            inputs, outputs = x, y[0]
            for k in range(layers.shape[0]):
                outputs = y[k]
                layer(layers[k], sizes[k, 0], sizes[k, 1], scales[k], tops[k], inputs, outputs)
                inputs = outputs
            width_of = mixture_of(outputs, p0 - low, scale, log_scale, inverse_scale, exponential, mixture)
            last = np.int64(high - low) >> width_of
            at = np.int64(coder[2])
            if mode == ENCODE:
                if targets.shape[0]:
                    targets[row * width + c, 0] = f4(width_of)
                offset = np.int64(actual - low)
                symbol = offset >> width_of
                start = cumulative(symbol, last, mixture, logistic)
                starts[at] = start
                lengths[at] = cumulative(symbol + 1, last, mixture, logistic) - start
                at += 1
                if width_of:
                    starts[at] = (offset & ((1 << width_of) - 1)) << (24 - width_of)
                    lengths[at] = 1 << (24 - width_of)
                    at += 1
                coder[2] = np.uint64(at)
            else:
                quantile = np.int64(coder[0] & np.uint64(TOTAL - 1))
                symbol, start, end = find(quantile, last, mixture[0] >> 6, mixture, logistic)
                advance(coder, words, quantile, start, end - start)
                if width_of:
                    quantile = np.int64(coder[0] & np.uint64(TOTAL - 1))
                    rest = quantile >> (24 - width_of)
                    advance(coder, words, quantile, rest << (24 - width_of), 1 << (24 - width_of))
                    symbol = (symbol << width_of) + rest
                actual = min(f4(symbol) + low, high)
                here[m] = actual
        error = actual - p0
        e0[m] = error
        size = abs(error)
        running = FADE * (running + size)
        seen_running = FADE * (seen_running + ONE)
        if number > 1:
            for k in range(number):
                absolute[k, row & 1, m] = abs(actual - predicted[k])


@inlined
def finish_plane(planes, plane, errors, local_error, spread):
    """What later planes see of a finished one: edges repeated, and log2 of its errors near and far, by pixel.

    Args:
        local_error: (height, width) the plane's sigma.
        spread: (2 planes, height, width), written: of the mean absolute error of nine pixels, and of sigma.
    """
    height, width = local_error.shape
    for a in (planes[plane], errors[plane]):
        for r in range(height):
            line = a[r + MARGIN]
            for c in range(MARGIN):
                line[c] = line[MARGIN]
                line[c + width + MARGIN] = line[width + MARGIN - 1]
        for r in range(MARGIN):
            for c in range(width + 2 * MARGIN):
                a[r, c] = a[MARGIN, c]
                a[height + MARGIN + r, c] = a[height + MARGIN - 1, c]
    real = np.empty(1, np.float32)
    bits = real.view(np.int32)
    e = errors[plane]
    near, far = spread[plane], spread[plane + planes.shape[0]]
    for r in range(height):
        e0, e1, e2 = e[r + MARGIN - 1], e[r + MARGIN], e[r + MARGIN + 1]
        for c in range(width):
            m = c + MARGIN
            total = HALF
            for d in range(3):
                total += (abs(e0[m + d - 1]) + abs(e1[m + d - 1])) + abs(e2[m + d - 1])
            near[r, c] = f4(logarithm(total, real, bits)) * f4(0.0625) - f4(3)
            far[r, c] = f4(logarithm(local_error[r, c], real, bits)) * f4(0.0625)


@compiled
def code_plane(
    mode, planes, plane, low, high, start_error, most_unit, near, counts, every, forget, ridge, belief, prior, layers,
    sizes, scales, tops, inverse_scale, exponential, logistic, earlier, raw, residuals, errors, spread, local_error,
    coder, words, starts, lengths, dump, targets, totals, scratch,
):  # fmt: skip
    """Code a plane of a tile.

    Args:
        mode: ANALYSE, ENCODE, DECODE or INVERT.
        planes: (planes, height + 2 MARGIN, width + 2 MARGIN); margins are written.
        low, high: least and greatest value.
        start_error: what the local error is taken for where nothing is known yet, times 0.2.
        most_unit: what log2 of sigma is bounded to where the network sees it.
        near: (K, N, 3) of each predictor its regressors: plane, rows down, columns to the right.
        counts, every, forget, ridge, prior: (K,) of each predictor, and (K, N, N + 1).
        layers, sizes, scales, tops: (L, O, I + 1) the network, (L, 2) its inputs and outputs, (L,), (L,).
        earlier: (Q,) planes whose errors the network sees.
        raw: (R, 2) pixels that it sees: how far they are from the one in hand, the planes row by row; and so the pixel
            that they are compared with, 0 for the prediction.
        residuals: (E,) the same of the errors that it sees.
        errors: like planes, written; spread, local_error: see `finish_plane`.
        coder: (3,) uint64: state, words left; or number of intervals.
        words, starts, lengths: what a decoder reads, an encoder writes.
        dump, targets: inputs by pixel, and prediction, log2 of sigma, value, sigma, where wanted; of an encoder the
            low bits that it sends as they are.
        totals: (K, N, N + 1) mean sums of products, added to where wanted.
        scratch: (see `scratch_of`).
    """
    (
        sums,
        x,
        weighted,
        system,
        inverse,
        pivot,
        coefficients,
        a,
        b,
        known,
        along,
        absolute,
        local,
        seen,
        inputs,
        y,
        sigma,
        mixture,
        real,
        bits,
        predicted,
    ) = scratch
    height, width = local_error.shape
    count = len(every)
    fade2 = FADE * FADE
    for c in range(width):
        local[c] = ZERO
        seen[c] = ZERO
    for row in range(height):
        r = row + MARGIN
        here, above = planes[plane, r], planes[plane, r - 1]
        for c in range(MARGIN):
            here[c] = above[MARGIN] if row else f4(np.floor((low + high + ONE) * HALF))
            errors[plane, r, c] = errors[plane, r - 1, MARGIN] if row else ZERO
            for k in range(count):
                absolute[k, row & 1, c] = absolute[k, (row & 1) ^ 1, MARGIN]
        if row:
            for k in range(count):
                cells = (width + every[k] - 1) // every[k]
                for first in range(0, cells, LANES):
                    lanes = min(LANES, cells - first)
                    solve(sums[k], prior[k], counts[k], first, lanes, belief, ridge[k], system, inverse, pivot,
                          coefficients)  # fmt: skip
                prepare(planes, plane, near[k], counts[k], every[k], row, width, coefficients, x[0], known[k],
                        along[k])  # fmt: skip
        code_row(
            mode, planes, plane, row, width, low, high, start_error, most_unit, every, known, along, predicted, errors,
            absolute, sigma, spread, local, seen, layers, sizes, scales, tops, inputs, y, inverse_scale, exponential,
            logistic, mixture, real, bits, earlier, raw, residuals, coder, words, starts, lengths, dump, targets,
        )  # fmt: skip
        e = errors[plane, r]
        for c in range(MARGIN + width, 2 * MARGIN + width):
            here[c] = here[MARGIN + width - 1]
            e[c] = e[MARGIN + width - 1]
            for k in range(count):
                absolute[k, row & 1, c] = absolute[k, row & 1, MARGIN + width - 1]
        if row == 0:
            for up in range(1, MARGIN + 1):
                line = planes[plane, MARGIN - up]
                for c in range(width + 2 * MARGIN):
                    line[c] = here[max(c, MARGIN)]
            for c in range(MARGIN):
                here[c] = here[MARGIN]
        far = local_error[row]
        for c in range(width):
            far[c] = sigma[c]
        # the row above the row above, for the next one but one
        for k in range(count):
            spare, now = absolute[k, 2], absolute[k, (row & 1) ^ 1]
            for c in range(width + 2 * MARGIN):
                spare[c] = now[c]
        running = number = ZERO
        for c in range(width):
            size = abs(e[MARGIN + c])
            running = size + FADE * running
            number = ONE + FADE * number
            local[c] = FADE * (local[c] + running)
            seen[c] = FADE * (seen[c] + number)
        running = number = ZERO
        for back in range(width):
            c = width - 1 - back
            local[c] += fade2 * running
            seen[c] += fade2 * number
            running = abs(e[MARGIN + c]) + FADE * running
            number = ONE + FADE * number
        weight = known[0]
        for c in range(width):
            weight[c] = ONE / (sigma[c] * sigma[c] + ONE)
        for k in range(count):
            cells = (width + every[k] - 1) // every[k]
            regressors(planes, plane, near[k], counts[k], row, width, weight, x, weighted)
            accumulate(sums[k], x, weighted, counts[k], every[k], cells, forget[k], a[k], b[k])
            if totals.shape[0]:
                for i in range(counts[k]):
                    for j in range(i, counts[k] + 1):
                        total = ZERO
                        for c in range(width):
                            total += weighted[i, c] * x[j, c]
                        totals[k, i, j] += total / f4(height * width)
    finish_plane(planes, plane, errors, local_error, spread)
