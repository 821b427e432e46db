"""Metadata of WebP: the chunks of its RIFF container. https://developers.google.com/speed/webp/docs/riff_container"""

from __future__ import annotations

import struct

from idfcodec.picture.metadata.found import EXIF_PREFIX, Found, Gathering

__all__ = ["read_webp"]

FOR_PIXELS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
HAS_BLOCKS = 0x20 | 0x08 | 0x04  # flags of VP8X: profile, EXIF, XMP
BLOCKS = {b"ICCP": "icc", b"EXIF": "exif", b"XMP ": "xmp"}


def read_webp(data: bytes) -> Found:
    """The blocks in it."""
    gathering, position = Gathering(), 12
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    bare = bytearray(data[:12])
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        content = data[position + 8 : min(position + 8 + length, end)]
        name = kind.decode("latin-1").strip()
        if kind == b"VP8 " or (kind == b"ANMF" and b"VP8 " in (content[16:20], _behind_alpha(content))):
            gathering.note("it is a lossy WebP: its pixels are kept, not the file")
        if kind in FOR_PIXELS:
            flags = bytes([content[0] & ~HAS_BLOCKS]) + content[1:] if kind == b"VP8X" and content else content
            bare += data[position : position + 8] + flags + bytes(length % 2)
        elif len(content) < length:
            gathering.note(f"its {name} chunk is cut off and left out")
        elif kind in BLOCKS:
            block = content.removeprefix(EXIF_PREFIX) if kind == b"EXIF" else content
            if content and not gathering.add(BLOCKS[kind], block):
                gathering.note(f"its second {name} chunk is left out")
        else:
            gathering.note(f"its unknown chunk {name!r} is left out")
        position += 8 + length + length % 2
    if end < len(data):
        gathering.note(f"{len(data) - end:,} bytes behind its end are left out")
    if position < end or end < 8 + int.from_bytes(data[4:8], "little"):  # cut off: its reader is to see it
        return gathering.found("", data)
    struct.pack_into("<I", bare, 4, len(bare) - 8)
    return gathering.found("", bytes(bare))


def _behind_alpha(frame: bytes) -> bytes:
    """The type of the chunk behind that of a lossy frame's alpha."""
    if frame[16:20] != b"ALPH" or len(frame) < 24:
        return b""
    (length,) = struct.unpack_from("<I", frame, 20)
    start: int = 24 + length + length % 2
    return frame[start : start + 4]
