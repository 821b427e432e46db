"""Blocks of metadata: their kinds and numbers, and the generic ones, lists of entries. FORMAT.md, 2."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from idfcodec.errors import CorruptFile

__all__ = [
    "GENERIC",
    "MAX_METADATA",
    "METADATA_TYPES",
    "TIFF_SIZES",
    "Entry",
    "block_problem",
    "metadata_of",
    "pack_entries",
    "unpack_entries",
]

MAX_METADATA = 64 * 2**20
"""Largest size in bytes of a metadata block."""
METADATA_TYPES: Mapping[str, int] = {
    "icc": 1,
    "exif": 2,
    "xmp": 3,
    "iptc": 4,
    "photoshop": 5,
    "comment": 6,
    "png": 16,
    "tiff": 17,
    "jpeg": 18,
    "gif": 19,
}
"""The kinds of metadata and the numbers they have in a file, in the order in which a file holds them."""
TIFF_SIZES: Mapping[int, int] = dict.fromkeys((1, 2, 6, 7, 129), 1) | {
    **dict.fromkeys((3, 8), 2),
    **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}
"""Bytes of a value of each field type of TIFF and EXIF."""

_ENTRY = struct.Struct("<4sBI")
_NAMES = {number: name for name, number in METADATA_TYPES.items()}


@dataclass(frozen=True)
class Entry:
    """A part of a generic block.

    Args:
        name: four bytes: a PNG chunk's type, a TIFF tag's number or the marker of a segment, little-endian.
        kind: a PNG chunk's place (0 before the palette, 1 behind it, 2 behind the pixels), a TIFF tag's field type.
        content: of a TIFF tag its values, little-endian.
    """

    name: bytes
    kind: int
    content: bytes

    @property
    def number(self) -> int:
        """Of a tag or a marker."""
        return int.from_bytes(self.name, "little")


def pack_entries(entries: Sequence[Entry]) -> bytes:
    """A generic block's content."""
    return b"".join(_ENTRY.pack(entry.name, entry.kind, len(entry.content)) + entry.content for entry in entries)


def unpack_entries(content: bytes | memoryview) -> Iterator[Entry]:
    """What `pack_entries` was given.

    Raises:
        CorruptFile: an entry is not whole.
    """
    position = 0
    while position < len(content):
        if len(content) - position < _ENTRY.size:
            raise CorruptFile("a metadata entry is cut off")
        name, kind, length = _ENTRY.unpack_from(content, position)
        position += _ENTRY.size
        if length > len(content) - position:
            raise CorruptFile("a metadata entry is longer than its block")
        yield Entry(name, kind, bytes(content[position : position + length]))
        position += length


def block_problem(name: str, content: bytes | memoryview) -> str | None:
    """What rule of the format a block breaks, if it breaks one."""
    if name not in METADATA_TYPES:
        return f"metadata of the unknown kind {name!r}: the format holds {', '.join(METADATA_TYPES)}"
    if not 1 <= len(content) <= MAX_METADATA:
        return f"the {name} metadata has {len(content)} bytes: it must have 1 to {MAX_METADATA}"
    if name not in GENERIC:
        return None
    before = None
    try:
        for entry in unpack_entries(content):
            if not GENERIC[name](before, entry):
                return f"the {name} metadata has an entry that must not be there"
            before = entry
    except CorruptFile as ex:
        return f"the {name} metadata breaks off: {ex}"
    return None


def _png_rule(before: Entry | None, entry: Entry) -> bool:
    if entry.name == b"IHDR":
        return before is None and entry.kind == 0 and len(entry.content) == 13
    ancillary = entry.name.isalpha() and entry.name[:1].islower()
    return ancillary and entry.kind <= 2 and (before is None or before.kind <= entry.kind)


def _tiff_rule(before: Entry | None, entry: Entry) -> bool:
    size = TIFF_SIZES.get(entry.kind, 0)
    ascending = before is None or before.number < entry.number
    return ascending and entry.number < 2**16 and size > 0 and len(entry.content) % size == 0


def _jpeg_rule(before: Entry | None, entry: Entry) -> bool:
    return 0xE0 <= entry.number <= 0xEF and entry.kind == 0 and len(entry.content) < 2**16 - 2


def _gif_rule(before: Entry | None, entry: Entry) -> bool:
    return entry.number <= 0xFF and entry.kind == 0


GENERIC = {"png": _png_rule, "tiff": _tiff_rule, "jpeg": _jpeg_rule, "gif": _gif_rule}
"""The blocks that are lists of entries: whether an entry, after the one before it, keeps the rules of the format."""


def metadata_of(blocks: Sequence[tuple[int, bytes | memoryview]]) -> dict[str, bytes]:
    """Blocks by name, given type and content of each in the order of a file.

    Raises:
        CorruptFile: a type is unknown, types do not ascend, or a block breaks a rule of its own.
    """
    metadata: dict[str, bytes] = {}
    previous = 0
    for kind, content in blocks:
        if kind not in _NAMES:
            raise CorruptFile(f"a metadata block has the unknown type {kind}")
        if kind <= previous:
            raise CorruptFile(f"a metadata block of type {kind} after one of type {previous}: types must ascend")
        name = _NAMES[kind]
        if not content:
            raise CorruptFile(f"the {name} metadata is empty")
        if problem := block_problem(name, content):
            raise CorruptFile(problem)
        metadata[name] = bytes(content)
        previous = kind
    return metadata
