"""What a network's last layer learns from a symbol: how the code length falls with each output."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called
from idfcodec.flow.causal.kernels.numbers import HALF, ONE, ZERO, f4

__all__ = ["slopes"]

WHOLE = 1 << 30  # of the table of the distribution function
MOMENT = f4(2.0**-42 * 0.6931472)  # the table's unit, that of its argument, and ln 2
INVERSE = f4(2.0**-51)  # the table's unit, and that of inverse scales
SHARE = f4(2.0**-16)
LEAST = f4(2.0**10)  # probability that is divided by, in the table's unit
STEEPEST = f4(4)


@called
def slopes(symbol, last, mixture, logistic, sigma, bits, rates, y, steps):
    """How far to move each of nine outputs: the slope of the logarithm of a symbol's probability, times its rate.

    Args:
        symbol, last: the bin that the pixel fell into, of [0, last].
        mixture: what `mixture_of` wrote.
        sigma: the local error in values; a bin has 2^bits of them.
        rates: (>= 9,), see `code_plane`.
        y: (>= 9,) float32 scratch.
        steps: (>= 9,) int16, written.
    """
    total = ZERO
    lowest, highest = symbol <= 0, symbol >= last
    for k in range(3):
        scale = mixture[3 + k]
        place = 64 * symbol - mixture[k]
        t = min(max((place * scale) >> 15, -65536), 65535)
        cell = (t + 65536) >> 6
        low = logistic[cell]
        low += ((logistic[cell + 1] - low) * (t & 63)) >> 6
        low = 0 if lowest else low
        moment = f4(low) * f4(WHOLE - low) * f4(t)
        t = min(max(((place + 64) * scale) >> 15, -65536), 65535)
        cell = (t + 65536) >> 6
        high = logistic[cell]
        high += ((logistic[cell + 1] - high) * (t & 63)) >> 6
        high = WHOLE if highest else high
        share = f4(mixture[6 + k]) * SHARE
        mass = share * f4(high - low)
        y[k] = f4(low + high - WHOLE) * f4(scale)
        y[3 + k] = share * (moment - f4(high) * f4(WHOLE - high) * f4(t))
        y[6 + k] = mass
        total += mass
    inverse = ONE / max(total, LEAST)
    across = (sigma * INVERSE) / f4(1 << bits)
    for k in range(3):
        posterior = y[6 + k] * inverse
        slope = posterior * (y[k] * across)
        steps[k] = np.int16(np.floor(min(max(slope, -STEEPEST), STEEPEST) * rates[0] + HALF))
        slope = y[3 + k] * MOMENT * inverse
        steps[3 + k] = np.int16(np.floor(min(max(slope, -STEEPEST), STEEPEST) * rates[3] + HALF))
        slope = posterior - f4(mixture[6 + k]) * SHARE
        steps[6 + k] = np.int16(np.floor(slope * rates[6] + HALF))
