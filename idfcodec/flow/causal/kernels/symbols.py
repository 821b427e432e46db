"""Symbols: mixtures of logistics, their quantiles, and the state of a decoder."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called
from idfcodec.flow.causal.kernels.numbers import HALF, ONE, f4

__all__ = ["TOTAL", "advance", "cumulative", "find", "mixture_of"]

TOTAL = 1 << 24  # quantiles of the entropy coder
LEAST_SCALE, MOST_SCALE = -96, 287  # log2 of a logistic's scale in bins, in sixteenths


@called
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


@called
def mixture_of(y, origin, sigma, log_sigma, inverse_scale, exponential, mixture):
    """The mixture that the outputs y say: locations in 1/64 bin, inverse scales, shares; returns the bits of a bin.

    Args:
        y: int32 (>= 9,) three locations in sigma / 32, three scales in log2 / 32 to sigma, three logits in 1 / 32.
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
        place = (origin + HALF + f4(y[k]) * sigma * f4(0.03125)) * scale
        mixture[k] = np.int64(np.floor(min(max(place, f4(-8388608)), f4(8388608)) + HALF))
        mixture[3 + k] = inverse_scale[max(mixture[3 + k] - 16 * bits - LEAST_SCALE, 0)]
        mixture[6 + k] = exponential[min(np.int64(best - y[6 + k]), 511)]
        total += mixture[6 + k]
    rest = 65536
    for k in range(3):
        share = np.int64(np.float64(mixture[6 + k] << 16) / np.float64(total))  # as exact as // and faster
        mixture[6 + k] = share
        rest -= share
    mixture[6] += rest
    return bits


@called
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


@called
def advance(coder, words, quantile, start, size):
    """Take a symbol off the state, and a word from the stack where the state has room for one."""
    state = (coder[0] >> np.uint64(24)) * np.uint64(size) + np.uint64(quantile - start)
    if state < np.uint64(1 << 32) and coder[1] > np.uint64(0):
        coder[1] -= np.uint64(1)
        state = (state << np.uint64(32)) | np.uint64(words[coder[1]])
    coder[0] = state
