"""What a picture was made of, where it was a JPEG: coefficients, a crop, pixels that are otherwise. FORMAT.md, 13.1.

As bytes: all but the coefficients themselves.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile
from idfcodec.format.coefficients import BYTES, COLOURED, CROPPED, PATCHED, SAME, SMOOTH, WORDS
from idfcodec.format.payload import COEFFICIENTS, first_byte
from idfcodec.picture.conversion.exceptions import pack_exceptions, unpack_exceptions
from idfcodec.picture.conversion.undoing import Exceptions, patch
from idfcodec.picture.jpeg.forward import pixels_of
from idfcodec.picture.jpeg.layout import SAMPLINGS, ZIGZAG, Jpeg, blocks_of
from idfcodec.picture.jpeg.quality import quality_of, table_of
from idfcodec.types import Buffer, Shape

__all__ = ["NO_EXCEPTIONS", "JpegSource", "jpeg_of", "pack_source", "render", "unpack_source"]

NO_EXCEPTIONS = Exceptions(np.empty(0, np.int64), np.empty((0, 3), np.int16))
_NAMES = dict(zip(SAMPLINGS, ("4:4:4", "4:2:2", "4:2:0", "4:4:0"), strict=True))
_MARGIN = 31
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, eq=False)
class JpegSource:
    """Where a picture's pixels come from.

    Attributes:
        jpeg: decodes to the picture, or to one around it.
        offset: rows and columns that the crop leaves out before the picture, 0 to 31.
        exceptions: pixels that are not what the JPEG decodes to. Of gray, the first difference counts.
    """

    jpeg: Jpeg
    offset: tuple[int, int] = (0, 0)
    exceptions: Exceptions = NO_EXCEPTIONS


def render(source: JpegSource, shape: Shape) -> NDArray[np.uint8]:
    """The picture of this shape, (H, W) or (H, W, 3) uint8.

    Raises:
        CorruptFile: an exception lies outside, or leads to no sample.
    """
    (top, left), (height, width) = source.offset, shape
    pixels = np.ascontiguousarray(pixels_of(source.jpeg)[top : top + height, left : left + width])
    if pixels.ndim == 3 or not len(source.exceptions):
        patch(pixels, source.exceptions)
        return pixels
    three = np.repeat(pixels[..., None], 3, 2)
    patch(three, source.exceptions)
    gray: NDArray[np.uint8] = three[..., 0].copy()
    return gray


def pack_source(source: JpegSource, shape: Shape) -> bytes:
    """All of it but the coefficients."""
    jpeg = source.jpeg
    margins = [jpeg.shape[i] - shape[i] - source.offset[i] for i in range(2)]
    crop = bytes([*source.offset, *margins]) if any(source.offset) or any(margins) else b""
    exceptions = pack_exceptions(source.exceptions)
    flags = SAMPLINGS.index(jpeg.sampling) | jpeg.smooth * SMOOTH | (len(jpeg.planes) > 1) * COLOURED
    flags |= bool(crop) * CROPPED | bool(exceptions) * PATCHED
    parts = [bytes([flags])]
    for plane, table in enumerate(jpeg.tables):
        before = jpeg.tables[plane - 1] if plane > 1 else None
        parts.append(_packed_table(table, plane, before))
    parts.append(crop)
    if exceptions:
        parts += [_LENGTH.pack(len(exceptions)), exceptions]
    return b"".join(parts)


def _packed_table(table: NDArray[np.int64], plane: int, before: NDArray[np.int64] | None) -> bytes:
    if before is not None and np.array_equal(table, before):
        return bytes([SAME])
    if quality := quality_of(table, plane):
        return bytes([quality])
    if table.max() < 256:
        return bytes([BYTES, *table[ZIGZAG].tolist()])
    return bytes([WORDS]) + table[ZIGZAG].astype("<u2").tobytes()


class _Cursor:
    def __init__(self, data: Buffer) -> None:
        self.view, self.place = memoryview(data), 0

    def take(self, size: int) -> memoryview:
        part = self.view[self.place : self.place + size]
        if len(part) != size:
            raise CorruptFile("what the file says of a JPEG ends too early")
        self.place += size
        return part


def unpack_source(data: Buffer, shape: Shape) -> tuple[JpegSource, list[Shape], memoryview]:
    """A source whose planes are still missing, the block rows and columns of each, and the bytes that follow.

    Raises:
        CorruptFile: it breaks a rule of the format.
    """
    cursor = _Cursor(data)
    flags = cursor.take(1)[0]
    if flags >= 64 or (not flags & COLOURED and flags & 7):
        raise CorruptFile("what the file says of a JPEG has unknown flags")
    tables: list[NDArray[np.int64]] = []
    for plane in range(3 if flags & COLOURED else 1):
        tables.append(_table(cursor, plane, tables[-1] if plane > 1 else None))
    top, left, bottom, right = cursor.take(4) if flags & CROPPED else bytes(4)
    if max(top, left, bottom, right) > _MARGIN:
        raise CorruptFile("a picture is cropped by more than it can be")
    exceptions = NO_EXCEPTIONS
    if flags & PATCHED:
        (length,) = _LENGTH.unpack(cursor.take(4))
        exceptions = unpack_exceptions(bytes(cursor.take(length)), shape[0] * shape[1])
    whole = top + shape[0] + bottom, left + shape[1] + right
    sampling = SAMPLINGS[flags & 3]
    jpeg = Jpeg(whole, sampling, bool(flags & SMOOTH), tables, [])
    blocks = [blocks_of(whole, sampling, plane) for plane in range(len(tables))]
    return JpegSource(jpeg, (top, left), exceptions), blocks, cursor.view[cursor.place :]


def jpeg_of(payload: Buffer, shape: Shape) -> str | None:
    """What a payload says of a picture's JPEG, as people say it; None of other and of damaged payloads.

    "JPEG: quality about 95, 4:2:0, offset (3, 5), 99.2 % of blocks exact": of the blocks of luma that have pixels.
    """
    if first_byte(payload) != COEFFICIENTS:
        return None
    try:
        source, blocks, _ = unpack_source(memoryview(payload)[1:], shape)
    except CorruptFile:
        return None
    quality = quality_of(source.jpeg.tables[0], 0)
    down, across = source.jpeg.sampling
    (top, left), (height, width) = source.offset, shape
    rows, columns = (-(-(begin + size) // 8) - begin // 8 for begin, size in ((top, height), (left, width)))
    y, x = np.divmod(source.exceptions.positions, width)
    wrong = len(np.unique((y + top) // 8 * (columns + 4) + (x + left) // 8))
    parts = [f"quality about {quality}" if quality else "tables of its own"]
    parts.append(_NAMES[down, across] if len(blocks) > 1 else "gray")
    parts += [f"offset ({top}, {left})"] if top or left else []
    return f"JPEG: {', '.join(parts)}, {100 * (1 - wrong / (rows * columns)):.1f} % of blocks exact"


def _table(cursor: _Cursor, plane: int, before: NDArray[np.int64] | None) -> NDArray[np.int64]:
    kind = cursor.take(1)[0]
    if 1 <= kind <= 100:
        return table_of(kind, plane)
    if kind == SAME and before is not None:
        return before
    if kind not in (BYTES, WORDS):
        raise CorruptFile("a quantisation table is of an unknown kind")
    part = cursor.take(64 if kind == BYTES else 128)
    table = np.empty(64, np.int64)
    table[ZIGZAG] = np.frombuffer(part, np.uint8 if kind == BYTES else "<u2")
    if table.min() < 1:
        raise CorruptFile("a quantisation table has a step of 0")
    return table
