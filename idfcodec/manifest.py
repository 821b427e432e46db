"""The list of what a folder of results holds: `SHA256SUMS`, which `sha256sum -c SHA256SUMS` reads as well.

A line of checksum and name for each file; before it, in a comment, what it was made from and how. Lines are appended as
files come into being, so that a run that is killed leaves its list behind; of lines with one name the last one counts,
and one without an end, which `mend` removes, is none.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from idfcodec.errors import CorruptFile
from idfcodec.files import write_target

__all__ = ["NAME", "Entry", "Origin", "append", "checksum_of", "compact", "mend", "read_manifest"]

NAME = "SHA256SUMS"
_ORIGIN = b"#idfcodec "
_LINE = re.compile(rb"(\\?)([0-9a-f]{64}) [ *](.+)")


@dataclass(frozen=True)
class Origin:
    """What a result was made from.

    Attributes:
        source: name of the file, within its folder.
        size: of it, in bytes.
        changed: when that was, in nanoseconds.
        sha256: of its bytes, in hexadecimal.
        made: how, in words that differ where results may.
        verified: whether the result was decoded and compared.
    """

    source: str
    size: int
    changed: int
    sha256: str
    made: str
    verified: bool


@dataclass(frozen=True)
class Entry:
    """A file of the list: its name within the folder, with slashes, its checksum, and where it comes from if known."""

    name: str
    sha256: str
    origin: Origin | None = None


def checksum_of(path: str | Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal (`OSError`)."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def read_manifest(folder: Path) -> dict[str, Entry]:
    """The list of a folder by names; empty where there is none.

    Raises:
        CorruptFile: it is no such list.
        OSError: it cannot be read.
    """
    try:
        lines = (folder / NAME).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return {}
    found: dict[str, Entry] = {}
    origin = None
    for number, line in enumerate(lines, 1):
        if line.startswith(_ORIGIN):
            origin = _origin(line[len(_ORIGIN) :])
        elif line and not line.startswith(b"#"):
            match = _LINE.fullmatch(line)
            if match is None:
                raise CorruptFile(f"line {number} of {folder / NAME} is no checksum and name")
            name = os.fsdecode(_plain(match[3]) if match[1] else match[3])
            found[name] = Entry(name, match[2].decode(), origin)
            origin = None
    return found


def mend(folder: Path) -> None:
    """Removes a last line that has no end, of a run that was killed while it wrote it (`OSError`)."""
    path = folder / NAME
    if path.is_file() and not (data := path.read_bytes()).endswith(b"\n"):
        write_target(path, data[: data.rfind(b"\n") + 1], force=True)


def append(folder: Path, entry: Entry) -> None:
    """Adds a file to the list (`OSError`)."""
    with (folder / NAME).open("ab") as file:
        file.write(_lines(entry))


def compact(folder: Path, entries: Mapping[str, Entry]) -> None:
    """Writes the whole list, sorted by names (`OSError`)."""
    data = b"".join(_lines(entries[name]) for name in sorted(entries))
    write_target(folder / NAME, data, force=True)


def _lines(entry: Entry) -> bytes:
    name = os.fsencode(entry.name)
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    line = (b"\\" if escaped != name else b"") + entry.sha256.encode() + b"  " + escaped + b"\n"
    if entry.origin is None:
        return line
    return _ORIGIN + json.dumps(asdict(entry.origin), sort_keys=True).encode() + b"\n" + line


def _plain(name: bytes) -> bytes:
    escapes = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}
    return re.sub(rb"\\[\\nr]", lambda match: escapes[match[0]], name)


def _origin(text: bytes) -> Origin | None:
    """What a comment says; None where it says something else."""
    try:
        origin = Origin(**json.loads(text))
    except (ValueError, TypeError):
        return None
    types: Iterable[tuple[object, type]] = (
        (origin.source, str), (origin.size, int), (origin.changed, int), (origin.sha256, str), (origin.made, str),
        (origin.verified, bool),
    )  # fmt: skip
    return origin if all(isinstance(value, kind) for value, kind in types) else None
