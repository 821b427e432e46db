"""A file taken apart byte by byte, as text: `python -m idfcodec.format.dissect FILE` or `idfcodec info --bytes FILE`.

Each line gives a field's offset, its bytes and what they say. Where the fields lie and what they hold is what
`idfcodec.format.container` reads; a file that it refuses is refused here.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from idfcodec.format.container import CHECKSUM_SIZE, MAGIC, MODEL_SIZE, NO_MODEL, Container, unpack
from idfcodec.format.metadata import GENERIC, METADATA_TYPES, unpack_entries
from idfcodec.format.tiles import tile_grid

__all__ = ["Field", "dissect", "fields"]

SHOWN = 8  # bytes of a field that a line shows


@dataclass(frozen=True)
class Field:
    """A part of a file: `data` begins at the byte `offset`, and `meaning` says what it holds."""

    offset: int
    data: bytes
    name: str
    meaning: str


def dissect(data: bytes) -> str:
    """The fields of a file of one picture as a table, a line for each; it ends with a line break.

    Raises:
        CorruptFile: the bytes break a rule of the format.
    """
    lines = ["offset  size  bytes                     field            meaning"]
    for field in fields(data):
        shown = field.data[:SHOWN].hex(" ") + ("…" if len(field.data) > SHOWN else "")
        lines.append(f"{field.offset:6}  {len(field.data):4}  {shown:24}  {field.name:15}  {field.meaning}".rstrip())
    return "\n".join(lines) + "\n"


def fields(data: bytes) -> Iterator[Field]:
    """The fields of a file of one picture in the order of its bytes, all of them.

    Raises:
        CorruptFile: the bytes break a rule of the format.
    """
    file = unpack(data)
    position = 0
    for size, name, meaning in _parts(file):
        yield Field(position, bytes(data[position : position + size]), name, meaning)
        position += size


def _parts(file: Container) -> Iterator[tuple[int, str, str]]:
    """Size in bytes, name and meaning of each field."""
    yield len(MAGIC), "magic", "an idfcodec file"
    yield 1, "version", "of the format"
    yield 1, "mode", file.mode.name
    yield 4, "width", f"{file.width} pixels"
    yield 4, "height", f"{file.height} pixels"
    yield 2, "tile", f"tiles of at most {file.tile}x{file.tile} pixels" if file.tile else "one tile"
    yield MODEL_SIZE, "model", "none is needed" if file.model == NO_MODEL else "content hash of the model"
    yield CHECKSUM_SIZE, "checksum", "BLAKE2b of the decoded pixels"
    yield 1, "blocks", f"{len(file.metadata)} of metadata"
    for name, content in file.metadata.items():
        yield 1, "block type", f"{METADATA_TYPES[name]} is {name}"
        yield 4, "block length", f"{len(content)} bytes"
        if name not in GENERIC:
            yield len(content), "block", f"{name}, as it is"
        for entry in unpack_entries(content) if name in GENERIC else ():
            yield 4, "entry name", entry.name.decode() if name == "png" else str(entry.number)
            yield 1, "entry kind", str(entry.kind)
            yield 4, "entry length", f"{len(entry.content)} bytes"
            yield len(entry.content), "entry", f"of {name}, as it is"
    for index, length in enumerate(file.tile_lengths):
        yield struct.calcsize("<I"), "tile table", f"the payload of tile {index} has {length} bytes"
    yield struct.calcsize("<I"), "header checksum", "CRC-32 of all bytes before"
    for index, tile in enumerate(tile_grid(file.height, file.width, file.tile)):
        where = f"tile {index}: {tile.width}x{tile.height} pixels from row {tile.top}, column {tile.left}"
        yield 1, "tile kind", where
        yield file.tile_lengths[index] - 1, "payload", "what is coded of it"


if __name__ == "__main__":
    sys.stdout.write(dissect(Path(sys.argv[1]).read_bytes()))
