"""What a payload of coefficients begins with: the JPEG's flags, tables, crop, exceptions. FORMAT.md, 13.1.

`picture.jpeg.source` reads and writes it; here are its numbers.
"""

from __future__ import annotations

__all__ = ["BYTES", "COLOURED", "CROPPED", "PATCHED", "SAME", "SMOOTH", "WORDS"]

SMOOTH, COLOURED, CROPPED, PATCHED = 4, 8, 16, 32
"""Flags; the sampling is in the two bits below."""
BYTES, SAME, WORDS = 0, 101, 102
"""How a table is written, where it is not that of a quality from 1 to 100."""
