"""What the readers of metadata give, and what they share."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from idfcodec.format.metadata import MAX_METADATA, Entry, pack_entries

__all__ = ["EXIF_PREFIX", "Found", "Gathering", "inflate", "is_exif"]

EXIF_PREFIX = b"Exif\0\0"
"""What EXIF begins with in a JPEG, and in other files by mistake."""
_MANY = 12  # sentences


@dataclass(frozen=True)
class Found:
    """The metadata of a picture file.

    Args:
        blocks: by the names of the format.
        notes: what the file holds that is not kept, a sentence each.
        bare: the file without them, for a reader of pixels.
    """

    blocks: Mapping[str, bytes]
    notes: tuple[str, ...]
    bare: bytes


@dataclass
class Gathering:
    """Blocks, entries of a generic block and notes while a file is read."""

    blocks: dict[str, bytes] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, content: bytes) -> bool:
        """Keeps a block unless there is one of its name already; whether it does."""
        if name in self.blocks or not content:
            return False
        self.blocks[name] = content
        return True

    def note(self, text: str) -> None:
        """Says once that something is left out; many such sentences end with one for all others."""
        if len(self.notes) == _MANY:
            text = "more is left out"
        if len(self.notes) <= _MANY and text not in self.notes:
            self.notes.append(text)

    def found(self, generic: str, bare: bytes) -> Found:
        """All of it, `generic` being the name for the entries."""
        blocks = dict(self.blocks)
        if self.entries:
            blocks[generic] = pack_entries(self.entries)
        for name in [name for name, block in blocks.items() if len(block) > MAX_METADATA]:
            self.note(f"its {name} metadata of {len(blocks.pop(name)):,} bytes is too large and left out")
        return Found(blocks, tuple(self.notes), bare)


def inflate(data: bytes) -> bytes | None:
    """What zlib compressed; None where it is damaged, incomplete or larger than a block may be."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(data, MAX_METADATA + 1)
    except zlib.error:
        return None
    return content if stream.eof and len(content) <= MAX_METADATA else None


def is_exif(data: bytes) -> bool:
    """Whether this begins as a TIFF structure."""
    return data[:4] in (b"II*\0", b"MM\0*")
