"""Metadata of JPEG: what its segments say.

ITU-T T.81, annex B; Exif 2.32; XMP specification, part 3; ICC.1, annex B.4.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence

from idfcodec.format.metadata import Entry
from idfcodec.picture.metadata.found import EXIF_PREFIX, Found, Gathering, is_exif
from idfcodec.picture.metadata.iptc import unwrapped

__all__ = ["read_jpeg", "segment_name"]

COM, APP0, APP1, APP2, APP13, APP14, EOI = 0xFE, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xD9
XMP_PREFIX, PHOTOSHOP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0"
EXTENDED_XMP, ICC_PREFIX = b"http://ns.adobe.com/xmp/extension/\0", b"ICC_PROFILE\0"
MARKER = re.compile(rb"\xff([^\0\x01\xd0-\xd8\xff])", re.DOTALL)  # of a segment; the others stand alone, or in a scan


def segment_name(entry: Entry) -> str:
    """What a person calls it."""
    if entry.content.startswith(EXTENDED_XMP):
        return "extended XMP"
    start = entry.content.split(b"\0", 1)[0][:12].decode("latin-1")
    return f"APP{entry.number - APP0}" + (f" {start}" if start.isalnum() else "")


def read_jpeg(data: bytes) -> Found:
    """All segments that are not about how pixels are coded."""
    gathering, bare = Gathering(), bytearray()
    gathering.note("it is a JPEG: its pixels are kept, not the file")
    segments: list[Entry] = []
    comments: list[bytes] = []
    copied = end = 0
    for marker, content, start, end in _segments(data):
        if marker != COM and not APP0 <= marker <= 0xEF:
            continue
        colours = (marker, content[:5]) in ((APP14, b"Adobe"), (APP0, b"JFIF\0"))  # how they are to be read
        if not colours:
            bare += data[copied:start]
            copied = end
        if marker == COM:
            comments.append(content)
        elif marker == APP2 and content.startswith(b"MPF\0"):
            gathering.note("the further pictures in it are left out")
        elif not colours or (marker == APP0 and content[7:] != b"\0\0\1\0\1\0\0"):
            segments.append(Entry(bytes([marker, 0, 0, 0]), 0, content))
    bare += data[copied:end]
    if behind := len(data[end:].strip(b"\0")):
        gathering.note(f"{behind:,} bytes behind its end are left out")
    if comments:
        gathering.add("comment", b"\n".join(comments))
    gathering.entries = _interpret(segments, gathering)
    return gathering.found("jpeg", bytes(bare))


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int, int]]:
    """Marker, content, start and end of each segment; the last one is the end of the picture, or all that is left."""
    position = 2
    while match := MARKER.search(data, position):
        marker, start = match[1][0], match.start()
        if marker == EOI:
            yield marker, b"", start, match.end()
            return
        (length,) = struct.unpack(">H", data[match.end() : match.end() + 2].rjust(2, b"\0"))
        position = match.end() + length
        if length < 2 or position > len(data):
            break
        yield marker, data[match.end() + 2 : position], start, position
    yield EOI, b"", len(data), len(data)


def _interpret(segments: Sequence[Entry], gathering: Gathering) -> list[Entry]:
    """Gathers the blocks in segments; gives the segments that none of them holds."""
    left: list[Entry] = []
    exif, photoshop = bytearray(), bytearray()
    parts = [segment for segment in segments if segment.number == APP2 and segment.content.startswith(ICC_PREFIX)]
    profile = gathering.add("icc", _profile(parts))
    if parts and not profile:
        gathering.note("the parts of its ICC profile do not fit together: they are kept as they are")
    for segment in segments:
        marker, content = segment.number, segment.content
        rest = content[len(EXIF_PREFIX) :]
        if marker == APP1 and content.startswith(b"Exif\0") and (not exif or not is_exif(rest)) and rest:
            exif += rest  # what is longer than a segment goes on in the next one
        elif marker == APP13 and content.startswith(PHOTOSHOP_PREFIX):
            photoshop += content[len(PHOTOSHOP_PREFIX) :]
        elif marker == APP1 and content.startswith(XMP_PREFIX):
            left += [] if gathering.add("xmp", content[len(XMP_PREFIX) :]) else [segment]
        elif not (profile and marker == APP2 and content.startswith(ICC_PREFIX)):
            left.append(segment)
    gathering.add("exif", bytes(exif))
    if photoshop:
        gathering.add(*unwrapped(bytes(photoshop)))
    return left


def _profile(parts: Sequence[Entry]) -> bytes:
    """The parts of a profile in their order; empty if some are missing."""
    numbered = {part.content[12]: part.content[14:] for part in parts if len(part.content) > 14}
    total = {part.content[13] for part in parts if len(part.content) > 14}
    if len(numbered) != len(parts) or total != {len(parts)} or set(numbered) != set(range(1, len(parts) + 1)):
        return b""
    return b"".join(numbered[number] for number in sorted(numbered))
