"""Predictions of a channel by least squares, learned while it is coded, and the logistic distribution about them.

All that is learned is in one array of binary64 numbers, `fits`. Each operation is rounded by itself, in this order.
"""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called
from idfcodec.flow.categorical.kernels.numbers import MOST, NEAR, PAD, SQUASH, channel_at, magnitude

__all__ = ["FITTED", "chance_below", "errors_at", "joins", "learned", "regressed", "slope_of", "spread_at"]

ROW = 16  # of sums of products: at most 15 regressors, and the value
MOST_REGRESSORS = ROW - 1
ROUND = 7  # neighbours that are regressors, but the left one
WEIGHTS, SUMS, SINCE = ROW, 2 * ROW, 2 * ROW + MOST_REGRESSORS * ROW  # of a channel, after its regressors
COUNT = SINCE + 1  # of regressors; the others are 0, and so is all that is learned of them
SPREADS = COUNT + 1
REGRESSED = SPREADS + ROW  # mean error of values that were coded, and after it that of the other predictions
CHANNEL = REGRESSED + 2
SYSTEM = 4 * CHANNEL  # normal equations, while they are solved
FITTED = SYSTEM + MOST_REGRESSORS * ROW  # two rows of errors for each channel follow
KEPT = 0.998  # of what was learned, at each value
EVERY = 4.0  # values after which the equations are solved
RIDGE, SCALE = 0.5, 1.0001  # added to the diagonal, which is multiplied first
MOST_WEIGHT = 64.0
SHARP = 444.0  # of a logit's units: 1.25 times 256 times 2 log 2, by which a mean absolute error becomes a slope
TAUGHT, TAUGHT_OF_ALL = 0.02, 0.001  # what an error moves the mean of those like it, and that of all
BETTER = 0.8  # times the other predictions' error, below which that of the regression has it join them
LEAST_SPREAD = 0.1


@called
def regressed(fits, scratch, c, k, channels, so_far):
    """The value of channel c, the k-th, as regression sees it; leaves the regressors.

    They are differences to the left pixel: those of other neighbours, and those of the pixel and of three neighbours in
    each channel before, but alpha.
    """
    base, shift, n = c * CHANNEL, 8 * c, np.int64(ROUND)
    west = (scratch[NEAR] >> shift) & 255
    for i in range(ROUND):
        fits[base + i] = np.float64(((scratch[NEAR + 1 + i] >> shift) & 255) - west)
    for before in range(k):
        of = channel_at(before, channels)
        if of < 3:
            left = (scratch[NEAR] >> 8 * of) & 255
            fits[base + n] = np.float64(((so_far >> 8 * of) & 255) - left)
            for i in range(1, 4):
                fits[base + n + i] = np.float64(((scratch[NEAR + i] >> 8 * of) & 255) - left)
            n += 4
    fits[base + COUNT] = np.float64(n)
    value = np.float64(west)
    for i in range(n):
        value += fits[base + i] * fits[base + WEIGHTS + i]
    return min(max(value, 0.0), 255.0)


@called
def joins(fits, c):
    """Whether the regression is good enough to be one of the predictions."""
    return fits[c * CHANNEL + REGRESSED] <= BETTER * fits[c * CHANNEL + REGRESSED + 1]


@called
def learned(fits, c, actual, west, expected, weighted, here, spread):
    """What a value teaches.

    Args:
        fits: all that is learned.
        c: the channel.
        actual, west: the value, and that of the left pixel.
        expected, weighted: what the regression and the other predictions said.
        here, spread: see `errors_at` and `spread_at`.
    """
    base, error = c * CHANNEL, abs(actual - expected)
    fits[here] = error
    fits[spread] += (error - fits[spread]) * TAUGHT
    of = base + REGRESSED
    fits[of] += (error - fits[of]) * TAUGHT_OF_ALL
    fits[of + 1] += (abs(actual - weighted) - fits[of + 1]) * TAUGHT_OF_ALL
    fits[base + MOST_REGRESSORS] = np.float64(actual - west)
    for i in range(np.int64(fits[base + COUNT])):
        row, factor = base + SUMS + i * ROW, fits[base + i]
        for j in range(ROW):
            fits[np.uint64(row + j)] = fits[np.uint64(row + j)] * KEPT + factor * fits[np.uint64(base + j)]
    fits[base + SINCE] += 1.0
    if fits[base + SINCE] >= EVERY:
        fits[base + SINCE] = 0.0
        solved(fits, base)


@called
def solved(fits, base):
    """Solves the normal equations of a channel: by elimination, and then from the last unknown on."""
    count = np.int64(fits[base + COUNT])
    for i in range(count * ROW):
        fits[np.uint64(SYSTEM + i)] = fits[np.uint64(base + SUMS + i)]
    for i in range(count):
        pivot = SYSTEM + i * ROW
        fits[pivot + i] = fits[pivot + i] * SCALE + RIDGE
    for i in range(count):
        pivot = SYSTEM + i * ROW
        inverse = 1.0 / max(fits[pivot + i], 1e-6)
        for h in range(i + 1, count):
            row = SYSTEM + h * ROW
            factor = fits[row + i] * inverse
            if factor != 0.0:
                for j in range(ROW):
                    fits[np.uint64(row + j)] -= factor * fits[np.uint64(pivot + j)]
    for back in range(count):
        i = count - 1 - back
        pivot = SYSTEM + i * ROW
        weight = fits[pivot + MOST_REGRESSORS] / max(fits[pivot + i], 1e-6)
        if not abs(weight) <= MOST_WEIGHT:
            weight = 0.0
        fits[base + WEIGHTS + i] = weight
        for h in range(i):
            row = SYSTEM + h * ROW
            fits[row + MOST_REGRESSORS] -= fits[row + i] * weight


@called
def errors_at(place, stride, c, x, above):
    """Where the error of the last value of channel c, there or in the row above, is kept; 0 where none was coded."""
    return FITTED + (2 * c + (place[above] // stride & 1)) * stride + PAD + x


@called
def spread_at(fits, c, near):
    """Where the mean error of values is kept whose neighbours' errors sum to as much; a fifth of it at first."""
    at = c * CHANNEL + SPREADS + min(magnitude(np.int64(near * 2.0)), ROW - 1)
    if fits[at] == 0.0:
        fits[at] = near * 0.2 + 0.3
    return at


@called
def slope_of(fits, spread):
    """Of a logistic distribution, in units of a logit."""
    return SHARP / max(fits[spread], LEAST_SPREAD)


@called
def chance_below(tables, distance, slope):
    """The chance, of 65536, that a value is more than so far below the middle of a logistic distribution."""
    return np.int64(tables[SQUASH + MOST + np.int64(min(max(distance * slope, -MOST), MOST))])
