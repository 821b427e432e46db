"""Metadata of an image that Pillow has opened: what is in its `info`, which its owner may have changed on purpose."""

from __future__ import annotations

from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from idfcodec.errors import IDFError
from idfcodec.picture.metadata.found import EXIF_PREFIX, Gathering
from idfcodec.picture.metadata.png import XMP_KEYWORD
from idfcodec.picture.metadata.tiff import without_orientation

__all__ = ["metadata_of_image"]

_BLOCKS = {"icc_profile": "icc", "exif": "exif", "xmp": "xmp", XMP_KEYWORD.decode(): "xmp", "comment": "comment"}
# Of how the file stored its pixels, and what the blocks say too.
_NO_METADATA = frozenset(
    {"jfif", "jfif_version", "jfif_unit", "jfif_density", "adobe", "adobe_transform", "progressive", "progression"}
    | {"interlace", "compression", "transparency", "background", "loop", "duration", "timestamp", "extension"}
    | {"default_image", "mp", "mpoffset"}
)


def metadata_of_image(image: Image.Image) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Blocks by the names of the format, and notes on what else there is.

    Of a TIFF the tags that EXIF has too are an EXIF block, but for the orientation, which Pillow applies.
    """
    gathering = Gathering()
    for key, value in image.info.items():
        block: Any = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
        name = _BLOCKS.get(key) if isinstance(key, str) else None
        if name and isinstance(block, bytes | bytearray):
            gathering.add(name, bytes(block).removeprefix(EXIF_PREFIX if name == "exif" else b""))
        elif block and key not in _NO_METADATA:
            gathering.note(f"what Pillow has as {key!r} is left out: compress the file to keep it")
    if isinstance(image, TiffImageFile) and "exif" not in gathering.blocks:
        try:
            exif = image.getexif().tobytes().removeprefix(EXIF_PREFIX)
            gathering.add("exif", without_orientation(exif))
        except IDFError:
            raise
        except Exception:  # anybody's tags
            gathering.note("its tags cannot be read and are left out")
    found = gathering.found("", b"")
    return dict(found.blocks), found.notes
