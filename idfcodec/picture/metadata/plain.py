"""Metadata of BMP, PNM and GIF: resolution and profile, comments, extensions."""

from __future__ import annotations

import re
import struct

from idfcodec.format.metadata import Entry
from idfcodec.picture.metadata.found import Found, Gathering
from idfcodec.picture.metadata.resolution import Resolution

__all__ = ["read_bmp", "read_gif", "read_pnm", "write_bmp"]

_PER_METRE = 38  # where a BMP has its pixels a metre, across and down
_COMMENT, _APPLICATION, _CONTROL = 0xFE, 0xFF, 0xF9
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_PNM_PART = re.compile(rb"\s*(?:#([^\n\r]*)[\n\r]|(\d+))")  # of a header: a comment or a number
_XMP_TRAILER = 257  # bytes that lead a reader who takes XMP for sub-blocks to its end


def read_bmp(data: bytes) -> Found:
    """Pixels a metre, and a profile that is in the file."""
    gathering = Gathering()
    (header,) = struct.unpack_from("<I", data, 14)
    if header >= 40:
        across, down = struct.unpack_from("<ii", data, _PER_METRE)
        if across > 0 and down > 0:
            gathering.entries.append(Entry(b"pHYs", 0, Resolution(across, down, 3).physical))
    if header >= 124 and data[14 + 56 : 14 + 60] == b"DEBM":  # PROFILE_EMBEDDED
        start, length = struct.unpack_from("<II", data, 14 + 112)
        profile = data[14 + start : 14 + start + length]
        if len(profile) == length:
            gathering.add("icc", profile)
        else:
            gathering.note("its ICC profile is cut off and left out")
    return gathering.found("png", data)


def write_bmp(data: bytes, resolution: Resolution | None) -> bytes:
    """A BMP that says this resolution, or none."""
    per_metre = (resolution and resolution.per_metre) or (0, 0)
    return data[:_PER_METRE] + struct.pack("<ii", *per_metre) + data[_PER_METRE + 8 :]


def read_pnm(data: bytes) -> Found:
    """The comments in its header."""
    gathering = Gathering()
    comments = []
    position, numbers = 2, 2 if data[1:2] in b"14" else 3
    while numbers:
        match = _PNM_PART.match(data, position)
        if not match:
            break
        if match[2]:
            numbers -= 1
        else:
            comments.append(match[1])
        position = match.end()
    if comments:
        gathering.add("comment", b"\n".join(comments))
    return gathering.found("", data)


def read_gif(data: bytes) -> Found:
    """Comments and extensions of applications, but those that make it loop."""
    gathering = Gathering()
    comments = []
    position = 13 + _table(data[10])
    while position < len(data) and data[position] in (0x21, 0x2C):
        if data[position] == 0x2C:
            position = _behind_blocks(data, position + 11 + _table(data[position + 9]))
            continue
        label, start = data[position + 1], position + 2
        position = _behind_blocks(data, start)
        content = data[start:position]
        if label == _COMMENT:
            comments.append(_joined(content))
        elif label not in (_APPLICATION, _CONTROL) or (label == _APPLICATION and not _application(content, gathering)):
            gathering.entries.append(Entry(bytes([label, 0, 0, 0]), 0, content))
    if comments:
        gathering.add("comment", b"\n".join(comments))
    return gathering.found("gif", data)


def _application(content: bytes, gathering: Gathering) -> bool:
    """Whether an application's extension needs not be kept: it makes the picture loop, or its block is gathered."""
    name, body = content[1:12], content[12:]
    if name == b"XMP DataXMP" and body[-_XMP_TRAILER - 1 : -_XMP_TRAILER + 1] == b"\1\xff":
        return gathering.add("xmp", body[: -_XMP_TRAILER - 1])
    if name == b"ICCRGBG1012":
        return gathering.add("icc", _joined(body))
    return name in _LOOPS


def _table(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _behind_blocks(data: bytes, position: int) -> int:
    while data[position]:
        position += 1 + data[position]
    return position + 1


def _joined(blocks: bytes) -> bytes:
    """The contents of sub-blocks, one after the other."""
    joined, position = bytearray(), 0
    while blocks[position]:
        joined += blocks[position + 1 : position + 1 + blocks[position]]
        position += 1 + blocks[position]
    return bytes(joined)
