"""How many pixels a length has, which PNG says in whole pixels a metre, JPEG an inch or a centimetre, TIFF in any."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["INCH", "Resolution", "of_jfif", "of_physical", "of_tiff"]

INCH, CENTIMETRE = Fraction(10000, 254), Fraction(100)  # how many are in a metre
_UNITS = {1: INCH, 2: CENTIMETRE}


@dataclass(frozen=True)
class Resolution:
    """Pixels across and down a length: 0 for a length unknown (their ratio counts), 1 an inch, 2 a cm, 3 a metre."""

    across: int
    down: int
    unit: int

    @property
    def per_metre(self) -> tuple[int, int] | None:
        """The nearest whole numbers of pixels a metre, from which rounding gives back what was meant."""
        if not self.unit:
            return None
        scale = _UNITS.get(self.unit, Fraction(1))
        return round(self.across * scale), round(self.down * scale)

    @property
    def physical(self) -> bytes:
        """The content of a pHYs chunk."""
        across, down = self.per_metre or (self.across, self.down)
        return struct.pack(">IIB", across, down, self.unit > 0)

    @property
    def tiff(self) -> tuple[tuple[int, int, bytes], ...]:
        """Tags 282, 283 and 296: number, field type and little-endian values; exact."""
        divisor, unit = {0: (1, 1), 1: (1, 2), 2: (1, 3), 3: (100, 3)}[self.unit]
        across, down = (struct.pack("<II", value, divisor) for value in (self.across, self.down))
        return (282, 5, across), (283, 5, down), (296, 3, struct.pack("<H", unit))


def of_physical(content: bytes) -> Resolution | None:
    """Of a pHYs chunk."""
    if len(content) != 9 or content[8] > 1:
        return None
    across, down, unit = struct.unpack(">IIB", content)
    return Resolution(across, down, 3 * unit)


def of_jfif(content: bytes) -> Resolution | None:
    """Of an APP0 segment."""
    if not content.startswith(b"JFIF\0") or len(content) < 12 or content[7] > 2:
        return None
    across, down = struct.unpack_from(">HH", content, 8)
    return Resolution(across, down, content[7])


def of_tiff(across: bytes, down: bytes, unit: int) -> tuple[int, int] | None:
    """Pixels a metre, of the little-endian values of tags 282 and 283 and the value of 296."""
    if len(across) != 8 or len(down) != 8 or unit not in (2, 3):
        return None
    (a, b), (c, d) = struct.unpack("<II", across), struct.unpack("<II", down)
    if not b or not d:
        return None
    return round(Fraction(a, b) * _UNITS[unit - 1]), round(Fraction(c, d) * _UNITS[unit - 1])
