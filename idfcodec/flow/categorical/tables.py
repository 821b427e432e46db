"""Integer tables of the categorical family, made by integer recurrences: no function of real numbers decides a bit."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST", "first_chances", "tables"]

MOST = 3071
"""Largest logit, in units of 1/256."""
DECAY = 4278222842  # exp(-1/256) * 2**32


@cache
def tables() -> NDArray[np.int32]:
    """`stretch` (4096), `squash` (2 MOST + 1, and one zero), `rate` (256) and `inverse` (4096), one after the other.

    squash[MOST + x] is 65536 / (1 + exp(-x / 256)); stretch is its inverse at the middle of 16 chances;
    rate[n] = 65536 * 2 / (2 n + 3) is what a chance used n times learns; inverse[i] = 65536 / (i + 1).
    """
    squash = np.zeros(2 * MOST + 2, np.int32)
    power = 1 << 32
    for k in range(MOST + 1):
        whole = (1 << 32) + power
        chance = min(max(((1 << 48) + whole // 2) // whole, 1), 65535)
        squash[MOST + k], squash[MOST - k] = chance, 65536 - chance
        power = power * DECAY >> 32
    middles = np.arange(4096) * 16 + 8
    stretch = np.minimum(np.searchsorted(squash[:-1], middles), 2 * MOST) - MOST
    rate = 131072 // (2 * np.arange(256) + 3)
    inverse = 65536 // (np.arange(4096) + 1)
    return np.concatenate((stretch, squash, rate, inverse)).astype(np.int32)


@cache
def first_chances() -> NDArray[np.uint32]:
    """(256,) slots that a chance begins with after each history: its ones and zeros, the last three counted twice."""
    found = np.empty(256, np.uint32)
    for history in range(256):
        length = max(history.bit_length() - 1, 0)
        ones = zeros = 0
        for age in range(length):
            weight = 2 if age < 3 else 1
            if history >> age & 1:
                ones += weight
            else:
                zeros += weight
        chance = 65536 * (2 * ones + 1) // (2 * (ones + zeros) + 2)
        found[history] = max(chance, 1) << 16 | 6
    return found
