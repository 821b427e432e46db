"""The file around the coded tiles: bytes to values and back, nothing more.

FORMAT.md is the specification; this module is the whole of its container part. It reads no pixels and no model: tile
payloads pass through as they are.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from idfcodec.errors import CorruptFile, IDFError, Truncated, UnsupportedImage
from idfcodec.format.metadata import MAX_METADATA, METADATA_TYPES, block_problem, metadata_of
from idfcodec.format.mode import Mode
from idfcodec.format.structure import FIRST_TYPE, STILL, Structure, pack_structure, unpack_structure
from idfcodec.format.tiles import tile_count

__all__ = [
    "CHECKSUM_SIZE",
    "LENGTH_SIZE",
    "MAGIC",
    "MAX_PIXELS",
    "MAX_SIDE",
    "MODEL_SIZE",
    "NO_MODEL",
    "TILE_STEP",
    "VERSION",
    "Container",
    "Mode",
    "pack",
    "pixel_checksum",
    "unpack",
]

MAGIC = b"\x89IDF"
"""The first four bytes of every file."""
VERSION = 1
"""The format version that this release writes, and the only one it reads."""
MODEL_SIZE = 8
"""Bytes of the model's content hash that a file names its model by."""
NO_MODEL = bytes(MODEL_SIZE)
"""What a file names in place of a model where none of its tiles needs one."""
CHECKSUM_SIZE = 8
"""Bytes of the checksum of the pixels."""
LENGTH_SIZE = 4
"""Bytes of the length of a tile."""
MAX_SIDE = 2**24
"""Largest width or height in pixels."""
MAX_PIXELS = 2**32
"""Largest width times height in pixels: a limit of the format, whatever memory the reader has."""
TILE_STEP, MIN_TILE, MAX_TILE = 64, 64, 1024

_FIXED = struct.Struct(f"<4sBBIIH{MODEL_SIZE}s{CHECKSUM_SIZE}sB")
_BLOCK = struct.Struct("<BI")
_CRC = struct.Struct("<I")
_SHAPE = struct.Struct("<BII")

BytesLike = bytes | bytearray | memoryview


@dataclass(frozen=True)
class Container:
    """All that a file holds.

    Attributes:
        mode: What the samples are.
        width: Width of the picture in pixels, in [1, 2**24].
        height: Height of the picture in pixels, in [1, 2**24]; `width * height` of all frames is at most 2**32.
        tile: Nominal side of a tile in pixels, a multiple of 64 in [64, 1024], or 0: the picture, all frames of it, is
            one tile; see `idfcodec.format.tiles`.
        model: The first 8 bytes of the content hash of the model, or `NO_MODEL`.
        checksum: `pixel_checksum` of the decoded picture, 8 bytes.
        metadata: Blocks by the names in `idfcodec.format.metadata.METADATA_TYPES`, each of 1 byte to 64 MiB.
        tiles: The payloads of the tiles in the order of `tile_grid`, frame after frame, each of 1 to 2**32 - 1 bytes.
            `unpack` gives views of its input; empty if it was asked for the header only.
        structure: Palette, frames and white level.
        tile_lengths: Sizes of the payloads in bytes. Set by `unpack`, ignored by `pack` and by comparisons.
        header_size: Bytes before the first payload. Set by `unpack`, ignored by `pack` and by comparisons.
    """

    mode: Mode
    width: int
    height: int
    tile: int
    model: bytes
    checksum: bytes
    metadata: Mapping[str, bytes]
    tiles: tuple[BytesLike, ...]
    structure: Structure = STILL
    tile_lengths: tuple[int, ...] = field(default=(), compare=False)
    header_size: int = field(default=0, compare=False)

    def __getstate__(self) -> dict[str, object]:
        """For pickles and copies: views of a file become bytes."""
        return {**self.__dict__, "tiles": tuple(map(bytes, self.tiles))}


def pixel_checksum(mode: Mode, width: int, height: int, pixels: BytesLike) -> bytes:
    """The checksum that a file carries of its decoded picture.

    BLAKE2b with a digest of 8 bytes over the mode (u8), the width and the height (u32 each, little-endian), and the
    samples.

    Args:
        mode: What the samples are.
        width: Width in pixels, in [0, 2**32).
        height: Height in pixels, of all frames together, in [0, 2**32).
        pixels: A C-contiguous buffer of `height * width * mode.planes` samples, row by row, those of a pixel next to
            each other, those of 16 bits little-endian. For `Mode.GRAY_AS_RGB` it is the one channel. (For an array:
            `array.data`.)

    Returns:
        8 bytes.

    Raises:
        IDFError: The buffer does not have that size.
    """
    samples = memoryview(pixels)
    size = height * width * mode.planes * mode.bytes
    if samples.nbytes != size:
        raise IDFError(
            f"{samples.nbytes} bytes of samples, but a {width}x{height} picture in mode {mode.name} has {size}"
        )
    digest = hashlib.blake2b(_SHAPE.pack(mode, width, height), digest_size=CHECKSUM_SIZE)
    digest.update(samples)
    return digest.digest()


def pack(container: Container) -> bytes:
    """Write a container as the bytes of a file.

    Args:
        container: What to write; `tile_lengths` and `header_size` are computed, not read.

    Returns:
        The whole file.

    Raises:
        UnsupportedImage: The picture is larger than the format allows.
        IDFError: Another field breaks a rule of the format.
    """
    if problem := _size_problem(container.width, container.height):
        raise UnsupportedImage(problem)
    if problem := _tile_problem(container.tile):
        raise IDFError(problem)
    for name, value, size in (("model", container.model, MODEL_SIZE), ("checksum", container.checksum, CHECKSUM_SIZE)):
        if len(value) != size:
            raise IDFError(f"the {name} field has {len(value)} bytes instead of {size}")
    for name, content in container.metadata.items():
        if problem := block_problem(name, content):
            raise IDFError(problem)
    if problem := _frames_problem(container.width, container.height, container.structure):
        raise UnsupportedImage(problem)
    count = _tile_count(container.height, container.width, container.tile, container.structure)
    if len(container.tiles) != count:
        raise IDFError(f"{len(container.tiles)} tile payloads, but the picture has {count} tiles")
    lengths = [memoryview(payload).nbytes for payload in container.tiles]
    for index, length in enumerate(lengths):
        if not 1 <= length < 2**32:
            raise IDFError(f"the payload of tile {index + 1} of {count} has {length} bytes")

    structural = pack_structure(container.structure, container.mode)
    header = bytearray(
        _FIXED.pack(
            MAGIC,
            VERSION,
            container.mode,
            container.width,
            container.height,
            container.tile,
            container.model,
            container.checksum,
            len(container.metadata) + len(structural),
        )
    )
    known = [(METADATA_TYPES[name], container.metadata[name]) for name in METADATA_TYPES if name in container.metadata]
    for number, content in (*known, *structural):
        header += _BLOCK.pack(number, len(content)) + content
    header += struct.pack(f"<{count}I", *lengths)
    header += _CRC.pack(zlib.crc32(header))
    return b"".join((header, *container.tiles))


def unpack(data: BytesLike, *, header_only: bool = False) -> Container:
    """Read the bytes of a file.

    Time and memory are bounded by the size of `data`, whatever the header claims. The pixels are not checked here:
    compare `pixel_checksum` after decoding.

    Args:
        data: The whole file; with `header_only` at least the whole header.
        header_only: Leave `tiles` empty and do not look at anything after the header.

    Returns:
        The container, with `tile_lengths` and `header_size` set.

    Raises:
        CorruptFile: The bytes break a rule of the format; the message names the field.
    """
    view = memoryview(data).cast("B")
    _check_signature(view)
    _need(view, 0, _FIXED.size, "the fixed part of the header")
    _, _, mode, width, height, tile, model, checksum, blocks = _FIXED.unpack_from(view)
    # These three decide where the header ends, so they come before the checksum that stands there.
    if problem := _size_problem(width, height) or _tile_problem(tile):
        raise CorruptFile(problem)

    position = _FIXED.size
    contents: list[tuple[int, bytes]] = []
    for index in range(blocks):
        what = f"block {index + 1} of {blocks}"
        start = _need(view, position, _BLOCK.size, what)
        kind, length = _BLOCK.unpack_from(view, position)
        if length > MAX_METADATA:
            raise CorruptFile(f"{what} takes {length} bytes: the limit is {MAX_METADATA}")
        position = _need(view, start, length, what)
        if contents and kind <= contents[-1][0]:
            raise CorruptFile(f"{what} has the type {kind} after {contents[-1][0]}: types must ascend")
        contents.append((kind, bytes(view[start:position])))

    structure = unpack_structure([block for block in contents if block[0] >= FIRST_TYPE], _mode(mode))
    if problem := _frames_problem(width, height, structure):
        raise CorruptFile(problem)
    count = _tile_count(height, width, tile, structure)
    table_end = _need(view, position, count * LENGTH_SIZE, f"the table of {count} tile lengths")
    header_size = _need(view, table_end, _CRC.size, "the header checksum")
    (crc,) = _CRC.unpack_from(view, table_end)
    if zlib.crc32(view[:table_end]) != crc:
        raise CorruptFile("the header checksum does not match: the header is damaged")
    lengths = struct.unpack_from(f"<{count}I", view, position)

    return Container(
        mode=_mode(mode),
        width=width,
        height=height,
        tile=tile,
        model=model,
        checksum=checksum,
        metadata=metadata_of([block for block in contents if block[0] < FIRST_TYPE]),
        structure=structure,
        tiles=_payloads(view, header_size, lengths, cut=not header_only),
        tile_lengths=lengths,
        header_size=header_size,
    )


def _check_signature(view: memoryview) -> None:
    start = bytes(view[: len(MAGIC)])
    if not start:
        raise Truncated("not an idfcodec file (it is empty)")
    if not MAGIC.startswith(start):
        raise CorruptFile(f"not an idfcodec file (it starts with the bytes {start.hex(' ')}, not {MAGIC.hex(' ')})")
    end = _need(view, 0, len(MAGIC) + 1, "the format version")
    if view[end - 1] != VERSION:
        raise CorruptFile(f"the file has format version {view[end - 1]}: this release reads version {VERSION}")


def _need(view: memoryview, start: int, size: int, what: str) -> int:
    """The end of `size` bytes from `start`, all of which are there."""
    end = start + size
    if end > len(view):
        raise Truncated(f"the file is truncated: {what} ends at byte {end}, the file has {len(view)} bytes")
    return end


def _size_problem(width: int, height: int) -> str | None:
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        return f"a picture of {width}x{height} pixels: both sides must be from 1 to {MAX_SIDE}"
    if width * height > MAX_PIXELS:
        return f"a picture of {width}x{height} pixels: the limit is {MAX_PIXELS} pixels"
    return None


def _frames_problem(width: int, height: int, structure: Structure) -> str | None:
    count = structure.count
    if count * width * height > MAX_PIXELS or count * height >= 2**32:
        return f"{count} frames of {width}x{height} pixels: the limit is {MAX_PIXELS} pixels"
    return None


def _tile_count(height: int, width: int, tile: int, structure: Structure) -> int:
    return tile_count(height, width, tile) * structure.count if tile else 1


def _tile_problem(tile: int) -> str | None:
    if tile == 0 or (MIN_TILE <= tile <= MAX_TILE and tile % TILE_STEP == 0):
        return None
    return f"a tile side of {tile} pixels: it must be 0 or a multiple of {TILE_STEP} from {MIN_TILE} to {MAX_TILE}"


def _mode(number: int) -> Mode:
    try:
        return Mode(number)
    except ValueError as ex:
        raise CorruptFile(f"the mode field has the unknown value {number}") from ex


def _payloads(view: memoryview, header_size: int, lengths: tuple[int, ...], *, cut: bool) -> tuple[memoryview, ...]:
    tiles, position = [], header_size
    for index, length in enumerate(lengths):
        what = f"tile {index + 1} of {len(lengths)}"
        if length == 0:
            raise CorruptFile(f"{what} has a length of 0 bytes")
        if cut:
            end = _need(view, position, length, what)
            tiles.append(view[position:end])
            position = end
    if cut and position != len(view):
        raise CorruptFile(f"{len(view) - position} bytes follow the last tile, which ends at byte {position}")
    return tuple(tiles)
