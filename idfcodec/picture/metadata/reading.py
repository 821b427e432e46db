"""Metadata of any picture file, told apart by content."""

from __future__ import annotations

from collections.abc import Callable

from idfcodec.picture.metadata.found import Found
from idfcodec.picture.metadata.jpeg import read_jpeg
from idfcodec.picture.metadata.plain import read_bmp, read_gif, read_pnm
from idfcodec.picture.metadata.png import read_png
from idfcodec.picture.metadata.tiff import read_tiff
from idfcodec.picture.metadata.webp import read_webp

__all__ = ["begins_picture", "read_metadata"]

_READERS: tuple[tuple[bytes, Callable[[bytes], Found]], ...] = (
    (b"\x89PNG\r\n\x1a\n", read_png),
    (b"\xff\xd8\xff", read_jpeg),
    (b"RIFF", read_webp),
    *((start, read_tiff) for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    (b"BM", read_bmp),
    (b"GIF8", read_gif),
    *((b"P%d" % number, read_pnm) for number in range(1, 7)),
)


def begins_picture(start: bytes) -> bool:
    """Whether a file that begins so may have metadata."""
    return any(start.startswith(signature) for signature, _ in _READERS)


def read_metadata(data: bytes) -> Found:
    """What a picture file says beside its pixels.

    Args:
        data: the whole file.

    Returns:
        Its blocks, what is left out of them, and the file without them for a reader of pixels: no text or tag in it
        can keep that from reading. Whatever the bytes are, this does not fail.
    """
    for start, read in _READERS:
        if data.startswith(start):
            try:
                return read(data)
            except MemoryError:
                raise
            except Exception:  # metadata is anybody's, and never a reason to lose a picture
                return Found({}, ("its metadata cannot be read and is left out",), data)
    return Found({}, (), data)
