"""IPTC-IIM and the image resources of Photoshop that it is wrapped in, in JPEG and as text in PNG.

Adobe Photoshop File Formats Specification, image resource blocks.
"""

from __future__ import annotations

import struct

__all__ = ["unwrapped", "wrapped"]

_HEAD = b"8BIM\x04\x04\0\0"


def wrapped(iptc: bytes) -> bytes:
    """Datasets as the one resource of Photoshop, padded to an even length."""
    return _HEAD + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)


def unwrapped(block: bytes) -> tuple[str, bytes]:
    """The kind of a block, and its content: bare datasets, or resources of which they are but a part."""
    if block.startswith(b"\x1c"):
        return "iptc", block
    if block.startswith(_HEAD) and len(block) > 12:
        (length,) = struct.unpack_from(">I", block, 8)
        iptc = block[12 : 12 + length]
        if len(iptc) == length and block[12 + length :] in (b"", b"\0") and iptc:
            return ("iptc", iptc) if block == wrapped(iptc) or length % 2 else ("photoshop", block)
    return "photoshop", block
