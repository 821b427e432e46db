"""A row of pixels, from left to right: prediction, what the network sees, symbol, error."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called
from idfcodec.flow.causal.kernels.layer import layer, learn, sixteenths
from idfcodec.flow.causal.kernels.learning import slopes
from idfcodec.flow.causal.kernels.numbers import DECODE, ENCODE, HALF, INVERT, MARGIN, ONE, ZERO, f4, logarithm
from idfcodec.flow.causal.kernels.symbols import TOTAL, advance, cumulative, find, mixture_of

__all__ = ["FADE", "code_row"]

FADE = f4(0.8)  # of the local mean of absolute errors, per pixel along both axes


@called
def code_row(
    mode, planes, values, plane, row, width, low, high, start_error, most_unit, every, known, along, predicted, errors,
    differences, absolute, sigma, spread, local, seen, layers, biases, sizes, rescalings, x, inputs, y, outputs,
    inverse_scale, exponential, logistic, mixture, real, bits, earlier, reach, raw, residuals, coder, words, starts,
    lengths, dump, targets, rates, fine, learnt, slope, steps,
):  # fmt: skip
    """Code the pixels of a row, from left to right; see `code_plane` for the arguments."""
    r = row + MARGIN
    here = planes[plane, r]
    e0, e1 = errors[plane, r], errors[plane, r - 1]
    range_inverse = f4(4) / (high - low)
    first_at = np.uint64((plane * planes.shape[1] + r) * planes.shape[2] + MARGIN - reach)  # and so never negative
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
        at = first_at + np.uint64(c)
        n = raw.shape[0]
        for i in range(n):
            reference = values[at + raw[i, 1]] if raw[i, 1] else p0
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
        sixteenths(x, n, inputs)
        actual = here[m]
        if mode != ENCODE and mode != DECODE:
            if mode == INVERT:
                actual += np.floor(p0 + HALF)
                here[m] = actual
            if dump.shape[0]:
                at = row * width + c
                for i in range(n):
                    dump[at, i] = np.int8(inputs[i])
                targets[at, 0], targets[at, 1], targets[at, 2] = p0, f4(log_scale), actual
                targets[at, 3] = scale
        else:
            last_layer = layers.shape[0] - 1
            odd = (row * width + c) & 1
            seen_by = inputs
            for k in range(last_layer):
                hidden = y[k + odd] if k == last_layer - 1 else y[k]
                layer(layers[k], biases[k], sizes[k, 0], sizes[k, 1], rescalings[k], seen_by, hidden)
                seen_by = hidden
            layer(learnt, biases[last_layer], sizes[last_layer, 0], sizes[last_layer, 1], rescalings[last_layer],
                  seen_by, outputs)  # fmt: skip
            if rates[0] and not odd:
                learn(fine, learnt, learnt.shape[0], y[last_layer], steps)
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
            if rates[0] and odd:
                slopes(
                    np.int64(actual - low) >> width_of, last, mixture, logistic, scale, width_of, rates, slope, steps
                )
        error = actual - p0
        e0[m] = error
        size = abs(error)
        running = FADE * (running + size)
        seen_running = FADE * (seen_running + ONE)
        if number > 1:
            for k in range(number):
                absolute[k, row & 1, m] = abs(actual - predicted[k])
