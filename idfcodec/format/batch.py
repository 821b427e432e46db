"""Many small pictures in one file: the container of a batch, bytes to values and back. FORMAT.md, 10, specifies it.

Each picture stays readable on its own. What a picture adds to its coded pixels is its length, two bytes as a rule, and
its share of a checksum of each BLOCK of pictures.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from idfcodec.errors import CorruptFile, IDFError
from idfcodec.format.container import CHECKSUM_SIZE, MODEL_SIZE, Mode
from idfcodec.format.container import MAGIC as SINGLE

if TYPE_CHECKING:
    from idfcodec.types import Buffer

__all__ = ["BLOCK", "MAGIC", "MAX_SIDE", "OTHERS", "Batch", "is_batch", "pack_batch", "refuse_batch", "unpack_batch"]

MAGIC = b"\x89IDB"
VERSION = 1
BLOCK = 64  # pictures whose payloads share a checksum
MAX_SIDE = 512  # pixels of a picture
MAX_COUNT = 2**24
OTHERS = frozenset({Mode.PALETTE, Mode.CMYK, Mode.CMYK_16})  # modes of pictures that a batch does not hold
_MAX_LENGTH = 2**28 - 1  # bytes of a payload: what four bytes of a length hold
_FIXED = struct.Struct(f"<4sB{MODEL_SIZE}s{CHECKSUM_SIZE}sIII")
_CRC = struct.Struct("<I")
_RUN = struct.Struct("<IBHH")

Shape = tuple[Mode, int, int]  # mode, height, width


@dataclass(frozen=True)
class Batch:
    """All that a batch holds.

    Args:
        model: content hash of the model, 8 bytes.
        checksum: of all pixels, see `pixels_checksum` in `codec.py`, 8 bytes.
        shapes: of each picture.
        payloads: of each picture, without the zero bytes at its end.
        overhead: bytes of the file that are no payloads. Set when reading, not compared.
    """

    model: bytes
    checksum: bytes
    shapes: tuple[Shape, ...]
    payloads: tuple[bytes, ...]
    overhead: int = field(default=0, compare=False)


def is_batch(data: Buffer) -> bool:
    """Whether a file begins as a batch does."""
    return bytes(data[: len(MAGIC)]) == MAGIC


def refuse_batch(data: bytes) -> bytes:
    """The same bytes, if they are no batch, which would be taken for a damaged file of one picture (`CorruptFile`)."""
    if is_batch(data):
        raise CorruptFile("the file is a batch of pictures, which decode_batch reads")
    return data


def _digest(payloads: Sequence[bytes]) -> bytes:
    digest = hashlib.blake2b(digest_size=CHECKSUM_SIZE)
    for payload in payloads:
        digest.update(payload)
    return digest.digest()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def pack_batch(batch: Batch) -> bytes:
    """The bytes of a batch's file.

    Raises:
        IDFError: it has no pictures, too many, or one too large, or a field breaks another rule of the format.
    """
    for name, value, size in (("model", batch.model, MODEL_SIZE), ("checksum", batch.checksum, CHECKSUM_SIZE)):
        if len(value) != size:
            raise IDFError(f"the {name} field has {len(value)} bytes instead of {size}")
    if len(batch.shapes) != len(batch.payloads):
        raise IDFError(f"{len(batch.payloads)} payloads, but {len(batch.shapes)} shapes")
    for index, payload in enumerate(batch.payloads):
        if len(payload) > _MAX_LENGTH:
            raise IDFError(f"the payload of picture {index} has {len(payload)} bytes")
    if not 1 <= len(batch.payloads) <= MAX_COUNT:
        raise IDFError(f"a batch of {len(batch.payloads)} pictures: from 1 to {MAX_COUNT} are possible")
    for mode, height, width in batch.shapes:
        if mode in OTHERS:
            raise IDFError(f"a batch holds no pictures of mode {mode.name}")
        if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
            raise IDFError(f"a picture of {width}x{height} pixels in a batch: sides from 1 to {MAX_SIDE} are possible")
    runs = [(len(list(group)), *shape) for shape, group in groupby(batch.shapes)]
    blocks = [batch.payloads[i : i + BLOCK] for i in range(0, len(batch.payloads), BLOCK)]
    header = b"".join(
        (
            _FIXED.pack(MAGIC, VERSION, batch.model, batch.checksum, len(batch.payloads), len(runs), 0),
            *(_RUN.pack(*run) for run in runs),
            *(_digest(block) for block in blocks),
            *(_varint(len(payload)) for payload in batch.payloads),
        )
    )
    return b"".join((header, _CRC.pack(zlib.crc32(header)), *batch.payloads))


class _Cursor:
    """Reads a header from the front."""

    def __init__(self, data: Buffer) -> None:
        self.view = memoryview(data).cast("B")
        self.position = 0

    def need(self, size: int, what: str) -> int:
        """Where a field of so many bytes ends.

        Raises:
            CorruptFile: the file ends before.
        """
        end = self.position + size
        if end > len(self.view):
            raise CorruptFile(f"the file is truncated: {what} ends at byte {end}, the file has {len(self.view)} bytes")
        return end

    def take(self, size: int, what: str) -> bytes:
        end = self.need(size, what)
        part = bytes(self.view[self.position : end])
        self.position = end
        return part

    def varint(self, what: str) -> int:
        number = 0
        for shift in range(0, 28, 7):
            byte = self.take(1, what)[0]
            number |= (byte & 127) << shift
            if byte < 128:
                if byte == 0 and shift:
                    break
                return number
        raise CorruptFile(f"{what} is not a number as this format writes it")


def unpack_batch(data: Buffer) -> Batch:
    """Read the bytes of a batch's file; payloads are checked by their blocks' checksums.

    Time and memory are bounded by the size of `data`.

    Raises:
        CorruptFile: the bytes break a rule of the format.
    """
    cursor = _Cursor(data)
    if bytes(cursor.view[: len(MAGIC)]) != MAGIC[: len(cursor.view)] or not len(cursor.view):
        one = "; it is a file of one picture, which decode reads" if bytes(cursor.view[:4]) == SINGLE else ""
        raise CorruptFile(f"not a batch of pictures{one}")
    _, version, model, checksum, count, run_count, reserved = _FIXED.unpack(
        cursor.take(_FIXED.size, "the fixed part of the header")
    )
    if version != VERSION:
        raise CorruptFile(f"the batch has format version {version}: this release reads version {VERSION}")
    if not 1 <= count <= MAX_COUNT:
        raise CorruptFile(f"a batch of {count} pictures")
    if reserved:
        raise CorruptFile("the reserved field of the header is not zero")
    block_count = -(-count // BLOCK)
    least = run_count * _RUN.size + block_count * CHECKSUM_SIZE + count + _CRC.size  # a length takes a byte or more
    cursor.need(least, "the least that such a header announces")
    shapes = _shapes(cursor, count, run_count)
    sums = [cursor.take(CHECKSUM_SIZE, "a block's checksum") for _ in range(block_count)]
    lengths = [cursor.varint(f"the length of picture {i}") for i in range(count)]
    end = cursor.position
    (crc,) = _CRC.unpack(cursor.take(_CRC.size, "the header checksum"))
    if zlib.crc32(cursor.view[:end]) != crc:
        raise CorruptFile("the header checksum does not match: the header is damaged")
    overhead = cursor.position
    payloads = [cursor.take(length, f"picture {i}") for i, length in enumerate(lengths)]
    if cursor.position != len(cursor.view):
        raise CorruptFile(f"{len(cursor.view) - cursor.position} bytes follow the last picture")
    for index, wanted in enumerate(sums):
        if _digest(payloads[index * BLOCK : (index + 1) * BLOCK]) != wanted:
            last = min((index + 1) * BLOCK, count) - 1
            raise CorruptFile(f"the checksum of pictures {index * BLOCK} to {last} does not match")
    return Batch(model, checksum, tuple(shapes), tuple(payloads), overhead)


def _shapes(cursor: _Cursor, count: int, run_count: int) -> list[Shape]:
    shapes: list[Shape] = []
    for _ in range(run_count):
        length, number, height, width = _RUN.unpack(cursor.take(_RUN.size, "a run of shapes"))
        if not 1 <= length <= count - len(shapes):
            raise CorruptFile("the runs of shapes do not add up to the number of pictures")
        if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
            raise CorruptFile(f"a picture of {width}x{height} pixels in a batch")
        try:
            shape = Mode(number), height, width
        except ValueError as ex:
            raise CorruptFile(f"a run of shapes has the unknown mode {number}") from ex
        if shape[0] in OTHERS:
            raise CorruptFile(f"a run of shapes has the mode {shape[0].name}, which a batch does not hold")
        if shapes and shapes[-1] == shape:
            raise CorruptFile("two runs of shapes are one")
        shapes += [shape] * length
    if len(shapes) != count:
        raise CorruptFile("the runs of shapes do not add up to the number of pictures")
    return shapes
