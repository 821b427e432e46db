"""Opening picture files through Pillow without losing anything silently.

Pillow shows some files with fewer bits or without a part of what they hold, and does not notice some kinds of damage.
Such files are refused here, with a sentence that says why, or said to be `deep`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from idfcodec.errors import IDFError, UnsupportedImage

__all__ = ["MAX_PICTURE_PIXELS", "SIGNATURE_SIZE", "check_image", "frame_count", "is_deep", "open_image"]

MAX_PICTURE_PIXELS = 2**28
"""Largest width times height of a picture file, of all frames."""
SIGNATURE_SIZE = 12
"""Bytes by which kinds of files are told apart."""

_READABLE = "PNG, JPEG, WebP, TIFF, GIF, BMP or PNM"
_HELD = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I;16L", "I;16B", "I;16N"})
_OTHERS = {
    "I": "whole numbers of 32 bits",
    "F": "floating point",
    "LAB": "CIE L*a*b*",
    "HSV": "hue, saturation, value",
    "YCbCr": "luma and chroma",
    "RGBX": "RGB and a channel of no known meaning",
    "RGBa": "RGB multiplied by its alpha",
    "La": "gray multiplied by its alpha",
}
_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BITS_PER_SAMPLE, _SAMPLES_PER_PIXEL, _COLOR_MAP, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 258, 277, 320, 338, 339


def open_image(file: BinaryIO) -> Image.Image:
    """Open a picture file, told apart by content, and check all that can be checked before its pixels are decoded.

    The readers are called directly and not through `Image.open`, whose size limit is a global variable and warns
    where it should not: see `idfcodec.picture.pillow.read_picture`.

    Args:
        file: Seekable and at its start; stays open, and the image reads from it later.

    Returns:
        An image, not loaded.

    Raises:
        UnsupportedImage: The picture is of a kind that is not coded, or too large.
        IDFError: The file is no picture, or is truncated or damaged.
        Exception: Whatever a reader of Pillow raises at a damaged file.
    """
    start = file.read(SIGNATURE_SIZE)
    if not start:
        raise IDFError("the file is empty")
    opener: Callable[[BinaryIO], Image.Image]
    check: Callable[[BinaryIO, Image.Image], None] = _check_nothing
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        opener, check = PngImageFile, _check_png
    elif start.startswith(b"\xff\xd8\xff"):
        opener = jpeg_factory
    elif start.startswith(b"RIFF") and start[8:] == b"WEBP":
        opener = WebPImageFile
    elif start.startswith(_TIFF_SIGNATURES):
        opener = TiffImageFile
    elif start.startswith(b"BM"):
        opener, check = BmpImageFile, _check_bmp
    elif start.startswith((b"GIF87a", b"GIF89a")):
        opener = GifImageFile
    else:
        raise IDFError(f"it is not a {_READABLE} file")
    file.seek(0)
    image = opener(file)
    if (pixels := image.width * image.height * frame_count(image)) > MAX_PICTURE_PIXELS:
        frames = f"{frame_count(image)} frames of " if pixels > image.width * image.height else ""
        raise UnsupportedImage(
            f"{frames}{image.width}x{image.height} pixels are more than the limit of {MAX_PICTURE_PIXELS}"
        )
    check_image(image)
    position = file.tell()
    check(file, image)
    file.seek(position)
    return image


def frame_count(image: Image.Image) -> int:
    """Of an animation, or pages; 1 for the primary picture of a JPEG with others, as many phones write it."""
    return 1 if image.format in ("MPO", "JPEG") else getattr(image, "n_frames", 1)


def is_deep(image: Image.Image) -> bool:
    """Whether Pillow would show 8 bits of samples of 16, before the image is loaded."""
    if isinstance(image, TiffImageFile):
        bits: int = max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,)))
        return bits == 16 and int(image.tag_v2.get(_SAMPLES_PER_PIXEL, 1)) > 1
    raw = [_rawmode(arguments) for _, _, _, arguments in getattr(image, "tile", ())]
    return image.format == "PNG" and image.mode in ("RGB", "RGBA", "LA") and any(";16" in mode for mode in raw)


def check_image(image: Image.Image) -> None:
    """Refuse an image of which the pixels that Pillow gives are not all, or are of a kind that is not coded.

    Before an image is loaded more can be seen than after, and in some files transparency only after: check twice.

    Raises:
        UnsupportedImage: It is so.
    """
    if image.mode not in _HELD:
        meaning = f" ({_OTHERS[image.mode]})" if image.mode in _OTHERS else ""
        raise UnsupportedImage(f"a picture of mode {image.mode}{meaning}, which this release does not code")
    if image.width < 1 or image.height < 1:
        raise UnsupportedImage(f"{image.width}x{image.height} pixels: there are none")
    if image.mode != "P" and isinstance(image.info.get("transparency"), int | tuple | bytes):
        raise UnsupportedImage("it has a transparent colour, which this release does not keep")
    if getattr(image, "default_image", False):
        raise UnsupportedImage("its first picture is not one of the frames, which this release does not keep")
    if isinstance(image, TiffImageFile):
        _check_tiff(image)
    for _, _, _, arguments in getattr(image, "tile", ()):
        if image.format == "BMP" and _rawmode(arguments) in ("BGRX", "XBGR", "BGXR"):
            raise UnsupportedImage("a 32-bit BMP has a fourth channel, which this release does not keep")


def _rawmode(arguments: object) -> str:
    """How the samples lie in a file, of the arguments of Pillow's decoder."""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _check_tiff(image: TiffImageFile) -> None:
    tags = image.tag_v2
    bits = set(tags.get(_BITS_PER_SAMPLE, (1,)))
    if len(bits) > 1 or max(bits) not in (1, 2, 4, 8, 16):
        raise UnsupportedImage(f"a TIFF with samples of {max(bits)} bits, which this release does not code")
    if set(tags.get(_SAMPLE_FORMAT, (1,))) != {1}:
        raise UnsupportedImage("samples are not unsigned integers, which this release does not code")
    extra = tags.get(_EXTRA_SAMPLES, ())
    extra = extra if isinstance(extra, tuple) else (extra,)
    bands = len(image.getbands())
    if 1 in extra:
        raise UnsupportedImage("a TIFF whose colours are multiplied by alpha, which this release does not keep")
    alpha = extra == (2,) and image.mode in ("LA", "RGBA")
    if (extra and not alpha) or tags.get(_SAMPLES_PER_PIXEL, 1) > bands:
        raise UnsupportedImage("a TIFF with extra samples per pixel, which this release does not keep")
    if image.mode == "P" and any(value % 256 and value % 257 for value in tags.get(_COLOR_MAP, ())):
        raise UnsupportedImage("a TIFF with a palette of 16 bits, which this release does not keep")


def _check_nothing(file: BinaryIO, image: Image.Image) -> None:
    pass


def _check_png(file: BinaryIO, image: Image.Image) -> None:
    """Walk over all chunks: Pillow does not check those that hold the pixels, nor that the file is complete."""
    file.seek(8)
    kind = b""
    while kind != b"IEND":
        head = file.read(8)
        if len(head) < 8:
            raise IDFError("the file is truncated or damaged: its last chunk is missing")
        length, kind = struct.unpack(">I4s", head)
        crc = zlib.crc32(kind)
        while length:
            piece = file.read(min(length, 2**20))
            if not piece:
                raise IDFError(f"the file is truncated or damaged in its {kind.decode('latin-1')!r} chunk")
            crc = zlib.crc32(piece, crc)
            length -= len(piece)
        if file.read(4) != struct.pack(">I", crc):
            raise IDFError(f"the file is truncated or damaged: the checksum of a {kind.decode('latin-1')!r} chunk")
        if kind == b"fdAT" and frame_count(image) == 1:
            raise UnsupportedImage("it has frames that it does not announce")


def _check_bmp(file: BinaryIO, image: Image.Image) -> None:
    """Pillow takes any identity palette for gray, whatever the number of bits."""
    file.seek(14)
    (header,) = struct.unpack("<I", file.read(4))
    file.seek(24 if header == 12 else 28)
    (bits,) = struct.unpack("<H", file.read(2))
    if image.mode == "L" and bits != 8:
        raise UnsupportedImage(f"a gray BMP of {bits} bits: this release reads those of 8")
