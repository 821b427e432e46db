"""The tables of the mixtures, made by integer recurrences: logits, chances, rates. FORMAT.md, 13.4, defines them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from idfcodec.flow.coefficients.kernels.decisions import TOP

__all__ = ["BASIS", "RATES", "squash", "stretch"]

BASIS = np.array([1448, 2162, 2446, 2754, 2896, 2711, 2122, 1168], np.float64) / 4096.0
"""What each basis function of the DCT is at a block's edge, half a sample outside: drawn on through two samples."""
RATES = np.array([131072 // (2 * n + 3) for n in range(1024)], np.int64)
"""How far, of 65,536, a counter moves towards a bit when it has seen n before."""


@cache
def squash() -> NDArray[np.int64]:
    """Chances in 1 / 65536 of the logits from −TOP to TOP, in 1 / 256."""
    found = np.empty(2 * TOP + 1, np.int64)
    power, factor = 1 << 32, 4278222842  # exp(−1 / 256), times 2 ** 32
    for k in range(TOP + 1):
        whole = (1 << 32) + power
        chance = min(max(((1 << 48) + whole // 2) // whole, 1), 65535)
        found[TOP + k], found[TOP - k] = chance, 65536 - chance
        power = power * factor >> 32
    return found


@cache
def stretch() -> NDArray[np.int32]:
    """Logits of the chances (16 i + 8) / 65536: the least whose chance is not below."""
    found = np.searchsorted(squash(), np.arange(4096) * 16 + 8) - TOP
    return np.clip(found, -TOP, TOP).astype(np.int32)
