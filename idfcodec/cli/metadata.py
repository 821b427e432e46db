"""What `info` shows of metadata: each block, each chunk and tag of the generic ones, and the start of texts."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from idfcodec.format.metadata import GENERIC, Entry, unpack_entries

__all__ = ["Shown", "shorten", "shown"]

WIDTH = 60  # characters of a text that are shown
INFLATED = 4096  # bytes of a compressed text that are looked at
ASCII = 2  # the field type of TIFF


@dataclass(frozen=True)
class Shown:
    """A block or a part of one: what it is called, its size in bytes, and the start of its text."""

    block: str
    part: str
    size: int
    text: str

    @property
    def line(self) -> str:
        """For a person."""
        return f"{self.block}{f' {self.part}' if self.part else ''} {self.size:,} bytes" + (
            f": {self.text}" if self.text else ""
        )


def shown(metadata: Mapping[str, bytes]) -> Iterator[Shown]:
    """All blocks in the order of a file, the generic ones by their entries."""
    for name, block in metadata.items():
        if name not in GENERIC:
            yield Shown(name, "", len(block), readable(block) if name in ("xmp", "comment") else "")
            continue
        for entry in unpack_entries(block):
            part, text = _entry(name, entry)
            yield Shown(name, part, len(entry.content), readable(text))


def shorten(names: tuple[str, ...]) -> str:
    """Names for a sentence, many of them cut."""
    most = 8
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def readable(text: bytes) -> str:
    """The start of a text on one line, without anything that a terminal would obey."""
    start = text[: 4 * WIDTH].decode("utf-8", "replace")
    letters = "".join(c if c.isprintable() else " " if c in "\r\n\t" else f"\\x{ord(c):02x}" for c in start)
    words = " ".join(letters.split())
    return words if len(words) <= WIDTH and len(text) <= 4 * WIDTH else words[: WIDTH - 1] + "…"


def _entry(name: str, entry: Entry) -> tuple[str, bytes]:
    """What an entry is called, and the text in it."""
    if name == "tiff":
        return f"tag {entry.number}", entry.content.rstrip(b"\0") if entry.kind == ASCII else b""
    if name == "gif":
        return f"extension {entry.number}", entry.content[1:12] if entry.content[:1] == b"\x0b" else b""
    if name == "jpeg":
        return f"APP{entry.number - 0xE0}", entry.content.split(b"\0", 1)[0][:WIDTH]
    keyword, _, rest = entry.content.partition(b"\0")
    if entry.name == b"zTXt":
        rest = _inflated(rest[1:])
    elif entry.name == b"iTXt":
        parts = rest[2:].split(b"\0", 2)
        rest = _inflated(parts[-1]) if rest[:1] == b"\1" else parts[-1]
    elif entry.name != b"tEXt":
        return entry.name.decode(), b""
    return entry.name.decode(), keyword + b": " + rest


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, INFLATED)
    except zlib.error:
        return b"(cannot be read)"
