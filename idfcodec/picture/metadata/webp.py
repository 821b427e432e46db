"""Metadata of WebP: the chunks of its RIFF container. https://developers.google.com/speed/webp/docs/riff_container"""

from __future__ import annotations

import struct

from idfcodec.picture.metadata.found import EXIF_PREFIX, Found, Gathering

__all__ = ["read_webp"]

FOR_PIXELS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
BLOCKS = {b"ICCP": "icc", b"EXIF": "exif", b"XMP ": "xmp"}


def read_webp(data: bytes) -> Found:
    """The blocks in it; its reader takes the file as it is."""
    gathering, position = Gathering(), 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        content = data[position + 8 : position + 8 + length]
        name = kind.decode("latin-1").strip()
        if kind == b"VP8 " or (kind == b"ANMF" and b"VP8 " in (content[16:20], _behind_alpha(content))):
            gathering.note("it is a lossy WebP: its pixels are kept, not the file")
        if len(content) < length:
            if kind not in FOR_PIXELS:
                gathering.note(f"its {name} chunk is cut off and left out")
        elif kind in BLOCKS:
            block = content.removeprefix(EXIF_PREFIX) if kind == b"EXIF" else content
            if content and not gathering.add(BLOCKS[kind], block):
                gathering.note(f"its second {name} chunk is left out")
        elif kind not in FOR_PIXELS:
            gathering.note(f"its unknown chunk {name!r} is left out")
        position += 8 + length + length % 2
    return gathering.found("", data)


def _behind_alpha(frame: bytes) -> bytes:
    """The type of the chunk behind that of a lossy frame's alpha."""
    if frame[16:20] != b"ALPH" or len(frame) < 24:
        return b""
    (length,) = struct.unpack_from("<I", frame, 20)
    start: int = 24 + length + length % 2
    return frame[start : start + 4]
