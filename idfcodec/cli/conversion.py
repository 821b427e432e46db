"""What converted pictures were, for people."""

import itertools
from collections import Counter

from idfcodec.format.mode import Mode

__all__ = ["conversion_of", "was"]

CONVERSIONS = {
    "JFIF": "JFIF YCbCr",
    "PHOTOCD": "PhotoCD YCC",
    "JFIF_SHORT": "JFIF YCbCr, short",
    "BT601": "BT.601 video",
    "BT601_FINE": "BT.601 video, fine",
    "BT709": "BT.709 video",
    "BT709_FINE": "BT.709 video, fine",
    "BT709_FULL": "BT.709 YCbCr",
}
"""What pictures of these modes were: a name for people."""


def was(mode: Mode, chroma: str | None) -> str | None:
    """What a picture of a mode was, whose chroma is called so; None where no conversion is undone.

    Args:
        mode: of the picture.
        chroma: see `chroma_of`, None where it was not converted after all.
    """
    name = CONVERSIONS.get(mode.name)
    return None if name is None or chroma is None else name if chroma == "4:4:4" else f"{name} {chroma}"


def conversion_of(data: bytes) -> str | None:
    """What the picture in a file was, where a conversion has been undone, with the chroma of most of its tiles."""
    from idfcodec.format.container import unpack
    from idfcodec.format.payload import COEFFICIENTS, chroma_of, first_byte

    file = unpack(data, header_only=True)
    if file.mode.name not in CONVERSIONS:
        payload = memoryview(data)[file.header_size :]
        if first_byte(payload) != COEFFICIENTS:
            return None
        from idfcodec.picture.jpeg.source import jpeg_of

        return jpeg_of(payload, (file.height, file.width))
    ends = itertools.accumulate(file.tile_lengths, initial=file.header_size)
    found = Counter(chroma for start in list(ends)[:-1] if (chroma := chroma_of(data[start : start + 10])))
    return was(file.mode, found.most_common(1)[0][0] if found else "4:4:4")
