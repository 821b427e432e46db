"""Metadata of an image that Pillow has opened: what is in its `info`, which its owner may have changed on purpose."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from idfcodec.format.metadata import Entry
from idfcodec.picture.metadata.found import EXIF_PREFIX, Gathering
from idfcodec.picture.metadata.png import XMP_KEYWORD, gather_chunks
from idfcodec.picture.metadata.resolution import INCH
from idfcodec.picture.metadata.tiff import without_orientation

__all__ = ["metadata_of_image"]

_BLOCKS = {"icc_profile": "icc", "exif": "exif", "xmp": "xmp", XMP_KEYWORD.decode(): "xmp", "comment": "comment"}
# Of how the file stored its pixels.
_NO_METADATA = frozenset(
    {"jfif", "jfif_version", "jfif_unit", "jfif_density", "adobe", "adobe_transform", "progressive", "progression"}
    | {"interlace", "compression", "transparency", "background", "loop", "duration", "timestamp", "extension"}
    | {"default_image", "mp", "mpoffset", "version", "resolution", "white_level"}
)


def metadata_of_image(image: Image.Image) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Blocks by the names of the format, and notes on what else there is.

    What Pillow reads from PNG (texts, gamma, chromaticities, resolution) becomes such chunks again. Of a TIFF the tags
    that EXIF has too are an EXIF block, but for the orientation, which Pillow applies.
    """
    gathering = Gathering()
    chunks: list[Entry] = []
    for key, value in image.info.items():
        name = _BLOCKS.get(key) if isinstance(key, str) else None
        block: Any = value.encode("utf-8", "surrogateescape") if name and isinstance(value, str) else value
        if name and isinstance(block, bytes | bytearray):
            gathering.add(name, bytes(block).removeprefix(EXIF_PREFIX if name == "exif" else b""))
        elif value is None or key in _NO_METADATA:
            continue
        elif chunk := _chunk(key, value):
            chunks.append(chunk)
        else:
            gathering.note(f"what Pillow has as {key!r} is left out: compress the file to keep it")
    if isinstance(image, TiffImageFile) and "exif" not in gathering.blocks:
        try:
            exif = image.getexif().tobytes().removeprefix(EXIF_PREFIX)
            gathering.add("exif", without_orientation(exif))
            chunks = []  # the resolution is among its tags
        except Exception:  # anybody's tags
            gathering.note("its tags cannot be read and are left out")
    gather_chunks(chunks, gathering)
    found = gathering.found("png", b"")
    return dict(found.blocks), found.notes


def _chunk(key: Any, value: Any) -> Entry | None:
    """The chunk of a PNG that Pillow reads such a value from."""
    try:
        if key in _NUMBERS:
            kind, content = _NUMBERS[key]
            return Entry(kind, 0, content(value))
        if isinstance(key, str) and isinstance(value, str) and 0 < len(key) < 80 and "\0" not in key:
            return _text(key, value)
    except (TypeError, ValueError, ArithmeticError, struct.error):  # its owner's
        pass
    return None


def _text(key: str, value: str) -> Entry:
    keyword = key.encode("latin-1") + b"\0"
    language, translated = getattr(value, "lang", None), getattr(value, "tkey", None)
    if not (language or translated):
        try:
            return Entry(b"tEXt", 0, keyword + value.encode("latin-1"))
        except UnicodeEncodeError:
            pass
    parts = (part.encode() if isinstance(part, str) else part or b"" for part in (language, translated))
    return Entry(b"iTXt", 0, keyword + b"\0\0" + b"\0".join([*parts, value.encode()]))


def _per_metre(dots: Any) -> bytes:
    """Dots an inch, across and down; of a PNG they are the exact ones but for the last bits."""
    across, down = (round(float(value) * float(INCH)) for value in dots)
    return struct.pack(">IIB", across, down, 1)


def _hundred_thousandths(*values: Any) -> bytes:
    if not all(math.isfinite(value) for value in values):
        raise ValueError("not a number")
    return struct.pack(f">{len(values)}I", *(round(100000 * value) for value in values))


_NUMBERS: dict[str, tuple[bytes, Callable[[Any], bytes]]] = {
    "dpi": (b"pHYs", _per_metre),
    "gamma": (b"gAMA", _hundred_thousandths),
    "chromaticity": (b"cHRM", lambda values: _hundred_thousandths(*values)),
    "srgb": (b"sRGB", lambda value: bytes([value])),
}
