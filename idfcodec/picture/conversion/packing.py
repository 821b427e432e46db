"""What a reader needs of a converted tile besides its planes, as bytes: the layout of its chroma, and its exceptions.

Nothing for chroma of every pixel without exceptions; exceptions alone for it with some. All else begins with four zero
bytes, which exceptions never do, and the byte of the layout; FORMAT.md, 7.2.
"""

from __future__ import annotations

from idfcodec.errors import CorruptFile
from idfcodec.format.payload import LAYOUT, UNCONVERTED
from idfcodec.picture.conversion.exceptions import pack_exceptions, unpack_exceptions
from idfcodec.picture.conversion.layout import FULL, Layout, layout_of
from idfcodec.picture.conversion.undoing import NONE, Exceptions

__all__ = ["pack_source", "unpack_layout", "unpack_source"]


def pack_source(layout: Layout | None, exceptions: Exceptions = NONE) -> bytes:
    """The bytes of a layout, or of a tile that is not converted, and of exceptions."""
    packed = pack_exceptions(exceptions)
    if layout == FULL:
        return packed
    return LAYOUT + bytes([UNCONVERTED if layout is None else layout.number]) + packed


def unpack_layout(data: bytes) -> Layout | None:
    """The layout, or None of a tile that is not converted.

    Raises:
        CorruptFile: there is none such.
    """
    if data[:4] != LAYOUT:
        return FULL
    if len(data) < 5 or data[4] == FULL.number:
        raise CorruptFile("a tile does not name the layout of its chroma")
    if data[4] != UNCONVERTED:
        return layout_of(data[4])
    if len(data) > 5:
        raise CorruptFile("a tile that is not converted has exceptions")
    return None


def unpack_source(data: bytes, pixels: int) -> tuple[Layout | None, Exceptions]:
    """What was packed of a tile of so many pixels.

    Raises:
        CorruptFile: these cannot be its bytes.
    """
    layout = unpack_layout(data)
    return layout, unpack_exceptions(data if layout == FULL else data[5:], pixels)
