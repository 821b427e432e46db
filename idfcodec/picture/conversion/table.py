"""The conversions there are: one row each. A conversion takes three source planes to red, green and blue.

With the luma Y and the chroma C1, C2, integers in the ranges of the row,

    R = clip(⌊(y Y + r(C2)) / d⌋)      B = clip(⌊(y Y + b(C1)) / d⌋)      G = clip(⌊(y Y − p(C1) − q(C2)) / d⌋)

where clip bounds to [0, 255], y and d are positive integers, and r, b, p, q are tables of integers that increase
strictly. This is what a reader does; FORMAT.md, 7, defines them. Rows are added, never changed: files have the numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile

__all__ = ["CONVERSIONS", "JFIF", "JFIF_SHORT", "PHOTO_CD", "Conversion", "numbered"]

Ints = NDArray[np.int64]
_SHIFT = 40  # a quotient by d is a product by ⌈2^40 / d⌉, shifted


@dataclass(frozen=True, eq=False)
class Conversion:
    """A row of the table.

    Attributes:
        name: what people call it.
        number: what stands for it in a file, 1 to 255; 0 is no conversion.
        low: least values of Y, C1 and C2.
        high: their greatest values; the two chroma planes have as many values.
        luma: y above.
        divisor: d above.
        tables: r, b, p and q at each value of their plane, from the lowest: (4, values) int64.
        guess: Y is about (guess · (R, G, B, 1)) >> 16, to 2 where nothing is clipped.
    """

    name: str
    number: int
    low: tuple[int, int, int]
    high: tuple[int, int, int]
    luma: int
    divisor: int
    tables: Ints
    guess: tuple[int, int, int, int]

    @cached_property
    def constants(self) -> Ints:
        """(14,) int64 for the compiled loops: y, d, ⌈2^40 / d⌉, 40, low, high, guess."""
        reciprocal = -(-(2**_SHIFT) // self.divisor)
        return np.array([self.luma, self.divisor, reciprocal, _SHIFT, *self.low, *self.high, *self.guess], np.int64)

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        """(4,): steps for a unit of each table, on average."""
        return np.asarray((self.tables.shape[1] - 1) / (self.tables[:, -1] - self.tables[:, 0]), np.float64)


def _row(functions: tuple[Callable[[Ints], Ints], ...], c1: int, c2: int, values: int = 256) -> Ints:
    """(4, values): r, b, p, q at C2, C1, C1, C2, counted from the lowest values."""
    first, second = c1 + np.arange(values, dtype=np.int64), c2 + np.arange(values, dtype=np.int64)
    return np.stack([f(c) for f, c in zip(functions, (second, first, first, second), strict=True)])


JFIF = Conversion(
    name="JFIF YCbCr",
    number=1,
    low=(0, -128, -128),
    high=(255, 127, 127),
    luma=65536,
    divisor=65536,
    tables=_row(
        (
            lambda c: 91881 * c + 32768,
            lambda c: 116130 * c + 32768,
            lambda c: 22554 * c - 32768,
            lambda c: 46802 * c,
        ),
        -128,
        -128,
    ),
    guess=(19595, 38470, 7471, 32768),
)
"""A decoded JPEG: libjpeg's fixed point, on the full range, with rounding."""

PHOTO_CD = Conversion(
    name="PhotoCD YCC",
    number=2,
    low=(0, -156, -137),
    high=(255, 99, 118),
    luma=89024,
    divisor=65536,
    tables=_row(
        (
            lambda c: 119374 * c,
            lambda c: 145352 * c,
            lambda c: 12714 * (145352 * c >> 16),
            lambda c: 33358 * (119374 * c >> 16),
        ),
        -156,
        -137,
    ),
    guess=(14420, 28329, 5496, 32768 + 14207),
)
"""Kodak's 24 pictures: 1.3584, 1.8215, 2.2179, 0.194 and 0.509 in sixteen bits, rounded down throughout; green from
what is rounded down already."""

JFIF_SHORT = Conversion(
    name="JFIF YCbCr, short",
    number=3,
    low=(0, -128, -128),
    high=(255, 127, 127),
    luma=65536,
    divisor=65536,
    tables=_row(
        (
            lambda c: 91881 * c + 32768,
            lambda c: 116130 * c + 32768,
            lambda c: -(-22554 * c >> 10 << 10) - 32768,
            lambda c: -(-46802 * c >> 10 << 10),
        ),
        -128,
        -128,
    ),
    guess=(19595, 38470, 7471, 32768),
)
"""A JPEG of another decoder, which rounds both chroma shares of green down to six bits (scikit-image's `ihc`)."""

CONVERSIONS = (JFIF, PHOTO_CD, JFIF_SHORT)


def numbered(number: int) -> Conversion:
    """The conversion that a file names.

    Raises:
        CorruptFile: there is none of this number.
    """
    for conversion in CONVERSIONS:
        if conversion.number == number:
            return conversion
    raise CorruptFile(f"the file names conversion {number}, which this version does not know")
