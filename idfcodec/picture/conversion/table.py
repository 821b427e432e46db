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

__all__ = [
    "BT601",
    "BT601_FINE",
    "BT709",
    "BT709_FINE",
    "BT709_FULL",
    "CONVERSIONS",
    "JFIF",
    "JFIF_SHORT",
    "PHOTO_CD",
    "Conversion",
    "numbered",
]

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


def _fixed(
    name: str, number: int, bits: int, factors: tuple[int, ...], black: int, guess: tuple[int, ...]
) -> Conversion:
    """YCbCr in fixed point, rounded.

    Args:
        bits: of the fraction.
        factors: of Y, of Cr in red, of Cb in blue, and what is taken off green, of Cb and of Cr.
        black: luma of black.
        guess: of luma, from red, green and blue, in sixteen bits.
    """
    y, red, blue, first, second = factors
    offset = (1 << bits >> 1) - black * y
    functions = (
        lambda c: red * c + offset,
        lambda c: blue * c + offset,
        lambda c: first * c - offset,
        lambda c: second * c,
    )
    r, g, b = guess
    half = 32768 + black * 65536
    low, high = (0, -128, -128), (255, 127, 127)
    return Conversion(name, number, low, high, y, 1 << bits, _row(functions, -128, -128), (r, g, b, half))


_LUMA_601, _LUMA_709 = (16829, 33039, 6416), (11966, 40254, 4064)
BT601 = _fixed("BT.601 video", 4, 8, (298, 409, 516, 100, 208), 16, _LUMA_601)
"""Video of standard definition, luma from 16 to 235, with the usual constants in eight bits."""
BT601_FINE = _fixed("BT.601 video, fine", 5, 16, (76309, 104597, 132201, 25675, 53279), 16, _LUMA_601)
"""The same with constants in sixteen bits, which is what rounded real numbers give."""
BT709 = _fixed("BT.709 video", 6, 8, (298, 459, 541, 55, 136), 16, _LUMA_709)
"""Video of high definition, in eight bits."""
BT709_FINE = _fixed("BT.709 video, fine", 7, 16, (76309, 117489, 138438, 13975, 34925), 16, _LUMA_709)
"""The same in sixteen bits."""
BT709_FULL = _fixed("BT.709 YCbCr", 8, 16, (65536, 103206, 121609, 12276, 30679), 0, (13933, 46871, 4732))
"""BT.709 on the full range."""

CONVERSIONS = (JFIF, PHOTO_CD, JFIF_SHORT, BT601, BT601_FINE, BT709, BT709_FINE, BT709_FULL)


def numbered(number: int) -> Conversion:
    """The conversion that a file names.

    Raises:
        CorruptFile: there is none of this number.
    """
    for conversion in CONVERSIONS:
        if conversion.number == number:
            return conversion
    raise CorruptFile(f"the file names conversion {number}, which this version does not know")
