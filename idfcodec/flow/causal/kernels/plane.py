"""A plane of a tile: one compiled call, whatever is done with it."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called, compiled_loops
from idfcodec.flow.causal.kernels.least_squares import accumulate, prepare, regressors, solve
from idfcodec.flow.causal.kernels.numbers import (
    HALF,
    LANES,
    MARGIN,
    ONE,
    ZERO,
    f4,
    logarithm,
)
from idfcodec.flow.causal.kernels.row import FADE, code_row

__all__ = ["code_plane"]


@called
def finish_plane(planes, plane, errors, local_error, spread, real, bits):
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


@compiled_loops
def code_plane(
    mode, planes, values, plane, low, high, start_error, most_unit, near, counts, every, forget, ridge, belief, prior,
    layers, biases, sizes, rescalings, inverse_scale, exponential, logistic, earlier, reach, raw, residuals, errors,
    differences, spread, local_error, coder, words, starts, lengths, dump, targets, totals, rates, fine, learnt,
    scratch,
):  # fmt: skip
    """Code a plane of a tile.

    Args:
        mode: ANALYSE, ENCODE, DECODE or INVERT.
        planes: (planes, height + 2 MARGIN, width + 2 MARGIN); margins are written.
        values: planes, row by row.
        low, high: least and greatest value.
        start_error: what the local error is taken for where nothing is known yet, times 0.2.
        most_unit: what log2 of sigma is bounded to where the network sees it.
        near: (K, N, 3) of each predictor its regressors: plane, rows down, columns to the right.
        counts, every, forget, ridge, prior: (K,) of each predictor, and (K, N, N + 1).
        layers, biases, sizes, rescalings: the network as `layer` takes it, (L, I / 2, 2 O), (L, O), (L, 2), (L, 3).
        earlier: (Q,) planes whose errors the network sees.
        reach: how far before the pixel in hand, the planes row by row, the first one lies that the network sees.
        raw: (R, 2) uint64 pixels that it sees, counted from that one on; and so the pixel that they are compared with,
            0 for the prediction.
        residuals: (E,) the same of the errors that it sees.
        errors, differences: like planes and values, written; spread, local_error: see `finish_plane`.
        coder: (3,) uint64: state, words left; or number of intervals.
        words, starts, lengths: what a decoder reads, an encoder writes.
        dump, targets: inputs by pixel, and prediction, log2 of sigma, value, sigma, where wanted; of an encoder the
            low bits that it sends as they are.
        totals: (K, N, N + 1) mean sums of products, added to where wanted.
        rates: of each output, at which the last layer learns; zeros if it does not.
        fine, learnt: its weights, see `layer.learn`; changed.
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
        features,
        inputs,
        y,
        outputs,
        sigma,
        mixture,
        real,
        bits,
        predicted,
        slope,
        steps,
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
            mode, planes, values, plane, row, width, low, high, start_error, most_unit, every, known, along, predicted,
            errors, differences, absolute, sigma, spread, local, seen, layers, biases, sizes, rescalings, features,
            inputs, y, outputs, inverse_scale, exponential, logistic, mixture, real, bits, earlier, reach, raw,
            residuals, coder, words, starts, lengths, dump, targets, rates, fine, learnt, slope, steps,
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
    finish_plane(planes, plane, errors, local_error, spread, real, bits)
