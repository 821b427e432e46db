"""The tables of the mixtures, made by integer recurrences: logits, chances, rates. FORMAT.md, 13.4, defines them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from idfcodec.flow.coefficients.kernels.decisions import (
    LIMIT,
    OCTAVES,
    QUARTERS,
    RATES,
    SHORT,
    SQUASH,
    STRETCH,
    TOP,
    TRUST,
)

__all__ = ["BASIS", "squash", "stretch", "tables"]

BASIS = np.array([1448, 2162, 2446, 2754, 2896, 2711, 2122, 1168], np.float64) / 4096.0
"""What each basis function of the DCT is at a block's edge, half a sample outside: drawn on through two samples."""


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


@cache
def tables() -> NDArray[np.uint16]:
    """All of them, each where `kernels.decisions` says: logits, chances, how far a counter that has seen n counts (in
    1 / 256) and how far it moves towards a bit (in 1 / 65536), octaves and their quarters."""
    seen, short = np.arange(LIMIT + 1), np.arange(SHORT)
    octaves = np.frexp(short)[1]
    quarters = np.where(short < 4, short, 4 * (octaves - 2) + (short >> np.maximum(octaves - 3, 0) & 3))
    found = np.zeros(QUARTERS + SHORT, np.uint16)
    for place, part in (
        (STRETCH, stretch() + TOP),
        (SQUASH, squash()),
        (TRUST, 256 - 160 // (1 + seen)),
        (RATES, 131072 // (2 * seen + 3)),
        (OCTAVES, octaves),
        (QUARTERS, quarters),
    ):
        found[place : place + len(part)] = part
    return found
