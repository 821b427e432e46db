"""Directories of TIFF, which EXIF has too: bytes to tags and back, nothing converted but the order of bytes.

TIFF 6.0; BigTIFF (https://libtiff.gitlab.io/libtiff/specification/bigtiff.html) is read only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from idfcodec.errors import IDFError
from idfcodec.format.metadata import TIFF_SIZES

__all__ = [
    "EXIF_IFD",
    "GPS_IFD",
    "Directory",
    "Form",
    "Tag",
    "lay_out",
    "read_directory",
    "read_entries",
    "read_form",
    "swapped",
]

EXIF_IFD, GPS_IFD, INTEROPERABILITY_IFD = 0x8769, 0x8825, 0xA005
_POINTERS = frozenset({EXIF_IFD, GPS_IFD, INTEROPERABILITY_IFD})
_UNITS = {**TIFF_SIZES, 5: 4, 10: 4}  # what is swapped at a time: a fraction is two numbers


@dataclass(frozen=True)
class Form:
    """How a file writes numbers: "<" or ">", in directories of 32 or 64 bits; and where its first directory is."""

    order: str
    big: bool
    first: int

    @property
    def head(self) -> struct.Struct:
        """The number of tags."""
        return struct.Struct(self.order + ("Q" if self.big else "H"))

    @property
    def entry(self) -> struct.Struct:
        """Tag, type, number of values, and the values or where they are."""
        return struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))

    @property
    def offset(self) -> struct.Struct:
        """A place in the file."""
        return struct.Struct(self.order + ("Q" if self.big else "I"))


@dataclass(frozen=True)
class Tag:
    """A tag: its number, field type and values as a file has them, or the tags of the directory that it points to."""

    number: int
    type: int
    content: bytes
    nested: tuple[Tag, ...] = ()


@dataclass(frozen=True)
class Directory:
    """What is in a file's directory.

    Args:
        tags: those that can be read.
        problems: the numbers of the others.
        next: where the next directory is; 0 if this is the last.
    """

    tags: tuple[Tag, ...]
    problems: tuple[int, ...]
    next: int


def read_form(data: bytes) -> Form:
    """The form of a TIFF structure.

    Raises:
        IDFError: this is none.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
    magic = int.from_bytes(data[2:4], "little" if order == "<" else "big")
    if not order or magic not in (42, 43) or len(data) < (8 if magic == 42 else 16):
        raise IDFError("it is no TIFF structure")
    big = magic == 43
    (first,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    return Form(order, big, first)


def read_entries(data: bytes, offset: int, form: Form) -> tuple[tuple[bytes, ...], int]:
    """The entries of the directory at a place, 12 bytes each (20 in BigTIFF), and where the next directory is.

    Raises:
        IDFError: it is not within the file.
    """
    start = offset + form.head.size
    if not 0 < offset <= len(data) - form.head.size:
        raise IDFError("a directory of tags is outside of the file")
    (count,) = form.head.unpack_from(data, offset)
    end = start + count * form.entry.size
    if end > len(data):
        raise IDFError("a directory of tags is cut off")
    following = data[end : end + form.offset.size]
    entries = tuple(data[position : position + form.entry.size] for position in range(start, end, form.entry.size))
    return entries, form.offset.unpack(following)[0] if len(following) == form.offset.size else 0


def read_directory(data: bytes, offset: int, form: Form, depth: int = 0) -> Directory:
    """The directory at a place, and those of EXIF, GPS and interoperability that it points to.

    Raises:
        IDFError: it is not within the file.
    """
    entries, following = read_entries(data, offset, form)
    tags: list[Tag] = []
    problems: list[int] = []
    seen: set[int] = set()
    left = len(data)  # values that overlap must not take more memory than the file
    for entry in entries:
        number, kind, values, field = form.entry.unpack(entry)
        size = TIFF_SIZES.get(kind, 0) * values
        content = field[:size]
        if len(field) < size <= left:
            (place,) = form.offset.unpack(field)
            content = data[place : place + size]
        left -= len(content)
        if kind not in TIFF_SIZES or len(content) < size or number in seen:
            problems.append(number)
        elif number in _POINTERS and len(content) in (4, 8) and depth < 2:
            try:
                place = int.from_bytes(content, "little" if form.order == "<" else "big")
                nested = read_directory(data, place, form, depth + 1)
            except IDFError:
                problems.append(number)
                continue
            tags.append(Tag(number, 4, b"", nested.tags))
            problems += nested.problems
        else:
            tags.append(Tag(number, kind, content))
        seen.add(number)
    return Directory(tuple(tags), tuple(problems), following)


def swapped(tag: Tag) -> Tag:
    """A tag with the bytes of its values in the other order."""
    size = _UNITS[tag.type]
    content = b"".join(tag.content[i : i + size][::-1] for i in range(0, len(tag.content), size))
    return replace(tag, content=content if size > 1 else tag.content, nested=tuple(map(swapped, tag.nested)))


def lay_out(tags: Iterable[Tag], start: int, order: str, following: int = 0) -> bytes:
    """A directory at the place `start` of a file, with the values and the directories that it points to behind it."""
    listed: Sequence[Tag] = sorted(tags, key=lambda tag: tag.number)
    table = bytearray(struct.pack(order + "H", len(listed)))
    behind = start + 2 + 12 * len(listed) + 4
    values = bytearray()
    for tag in listed:
        content, count = tag.content, len(tag.content) // TIFF_SIZES[tag.type]
        if tag.nested:
            content, count = struct.pack(order + "I", behind + len(values)), 1
            values += lay_out(tag.nested, behind + len(values), order)
        elif len(content) > 4:
            place = behind + len(values)
            values += content + bytes(len(content) % 2)
            content = struct.pack(order + "I", place)
        table += struct.pack(order + "HHI", tag.number, tag.type, count) + content.ljust(4, b"\0")
    return bytes(table + struct.pack(order + "I", following) + values)
