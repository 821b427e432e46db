"""The first byte of a payload, and the zero bytes at its end. FORMAT.md, 4 and 10.

The first byte says how a tile, or a picture of a batch, is coded. Values from 128 on are the container's; what the ones
below mean is the family's. All of them are here.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from idfcodec.errors import CorruptFile

if TYPE_CHECKING:
    from idfcodec.types import Buffer

__all__ = [
    "CATEGORICAL",
    "COEFFICIENTS",
    "LAYOUT",
    "PATCHED",
    "PLAIN",
    "SAME",
    "STORED",
    "TURNED",
    "UNCONVERTED",
    "chroma_of",
    "first_byte",
    "restored",
    "split_patches",
    "split_small",
    "trimmed",
    "with_patches",
    "with_small_patches",
]

STORED = 128
"""Samples as they are, whatever the model."""
PATCHED = 129
"""What else a reader needs: exceptions of a colour conversion, or values that occur; u32 its length first. Then the
payload itself."""
LAYOUT = bytes(4)
"""What exceptions begin with where the layout of the chroma planes, a byte, comes before them."""
UNCONVERTED = 255
"""In place of a layout: the tile is coded as red, green and blue."""
CATEGORICAL = 130
"""Names of colours, by the categorical family, whatever the model; of a whole picture."""
SAME = 131
"""The tile equals the one at its place in the frame before; nothing follows."""
COEFFICIENTS = 132
"""The quantised coefficients of a JPEG, whatever the model; of a whole picture."""
PLAIN = 0
"""Nothing but entropy-coded words; of every family."""
TURNED = 1
"""The same of planes whose rows are the picture's columns; of the causal family."""


def first_byte(payload: Buffer) -> int:
    """The first byte; `PLAIN` of an empty payload, whose bytes were all zero."""
    return payload[0] if len(payload) else PLAIN


def trimmed(payload: bytes) -> bytes:
    """A plain payload without the zero bytes at its end."""
    return payload.rstrip(b"\0")


def restored(payload: Buffer) -> bytes:
    """A plain payload with the zero bytes that `trimmed` left out: a first byte and whole words.

    Raises:
        CorruptFile: it is not plain, or ends in a zero byte.
    """
    data = bytes(payload)
    if first_byte(data) != PLAIN or data.endswith(b"\0"):
        raise CorruptFile("a small picture has unknown flags, or zero bytes at its end that are to be left out")
    return (data or b"\0") + bytes(-(len(data) - 1) % 4 if data else 0)


def with_patches(patches: bytes, payload: bytes) -> bytes:
    """A payload with what else a reader needs before it, if there is anything."""
    return bytes([PATCHED]) + struct.pack("<I", len(patches)) + patches + payload if patches else payload


def split_patches(payload: memoryview) -> tuple[bytes, memoryview]:
    """What else a reader needs and the payload, as `with_patches` put them together.

    Raises:
        CorruptFile: they end too early.
    """
    if first_byte(payload) != PATCHED:
        return b"", payload
    end = 5 + int.from_bytes(payload[1:5], "little")
    if not 5 < end < len(payload):
        raise CorruptFile("the exceptions of a tile end too early")
    return bytes(payload[5:end]), payload[end:]


def with_small_patches(patches: bytes, payload: bytes) -> bytes | None:
    """The same of a converted picture of a batch: the layout, 0 for none, and u16 the length of the exceptions first.

    None where the exceptions are too long for that.
    """
    layout, exceptions = (patches[4], patches[5:]) if patches[:4] == LAYOUT else (0, patches)
    if len(exceptions) >= 1 << 16:
        return None
    return struct.pack("<BBH", PATCHED, layout, len(exceptions)) + exceptions + payload if patches else payload


def split_small(payload: Buffer) -> tuple[bytes, bytes]:
    """What `with_small_patches` put together.

    Raises:
        CorruptFile: nothing is there that would need it, or it ends too early.
    """
    data = bytes(payload)
    if first_byte(data) != PATCHED:
        return b"", data
    layout, count = (data[1], int.from_bytes(data[2:4], "little")) if len(data) >= 4 else (0, 0)
    if len(data) < 4 + count or not (layout or count):
        raise CorruptFile("a small picture ends before its exceptions do, or names neither layout nor exceptions")
    exceptions = data[4 : 4 + count]
    return (LAYOUT + bytes([layout]) if layout else b"") + exceptions, data[4 + count :]


def chroma_of(payload: Buffer, *, small: bool = False) -> str | None:
    """What the chroma of a tile of a converted picture is called, such as 4:2:0; None where it is not converted.

    Args:
        payload: its first ten bytes suffice.
        small: whether it is of a batch.
    """
    place = 1 if small else 9
    patched = first_byte(payload) == PATCHED and (small or bytes(payload[5:9]) == LAYOUT) and len(payload) > place
    layout = payload[place] if patched else 0
    return None if layout == UNCONVERTED else ("4:4:4", "4:4:0", "4:2:2", "4:2:0")[layout >> 2 & 3]
