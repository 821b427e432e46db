"""What a payload of coefficients begins with: the JPEG's flags, tables, crop, exceptions. FORMAT.md, 13.1.

`picture.jpeg.source` reads and writes it; here are its numbers, and what a person is told of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from idfcodec.format.payload import COEFFICIENTS, first_byte

if TYPE_CHECKING:
    from idfcodec.types import Buffer

__all__ = ["BYTES", "COLOURED", "CROPPED", "PATCHED", "SAME", "SMOOTH", "WORDS", "jpeg_of"]

SMOOTH, COLOURED, CROPPED, PATCHED = 4, 8, 16, 32
"""Flags; the sampling is in the two bits below."""
BYTES, SAME, WORDS = 0, 101, 102
"""How a table is written, where it is not that of a quality from 1 to 100."""
_SAMPLINGS = ("4:4:4", "4:2:2", "4:2:0", "4:4:0")
_TABLE_SIZES = {BYTES: 64, WORDS: 128}


def jpeg_of(payload: Buffer, pixels: int) -> str | None:
    """As people say it, "JPEG: quality 95, 4:2:0, offset (3, 5), 99.2 % of pixels exact"; None of other payloads."""
    if first_byte(payload) != COEFFICIENTS or len(payload) < 3:
        return None
    flags, place = payload[1], 2
    parts = [f"quality {payload[2]}" if 1 <= payload[2] <= 100 else "tables of its own"]
    for _ in range(3 if flags & COLOURED else 1):
        if place >= len(payload):
            return None
        place += 1 + _TABLE_SIZES.get(payload[place], 0)
    parts.append(_SAMPLINGS[flags & 3] if flags & COLOURED else "gray")
    if flags & CROPPED:
        top, left = bytes(payload[place : place + 2]).ljust(2, b"\0")
        parts += [f"offset ({top}, {left})"] if top or left else []
        place += 4
    count = int.from_bytes(payload[place + 4 : place + 8], "little") if flags & PATCHED else 0
    parts.append(f"{100 * (1 - count / pixels):.1f} % of pixels exact")
    return "JPEG: " + ", ".join(parts)
