"""Opening picture files through Pillow without losing anything silently.

Pillow shows some files with fewer bits, without their transparency or without their later frames, and does not notice
some kinds of damage. Such files are refused here, with a sentence that says why.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from idfcodec.errors import IDFError, UnsupportedImage

__all__ = ["MAX_PICTURE_PIXELS", "SIGNATURE_SIZE", "check_image", "open_image"]

MAX_PICTURE_PIXELS = 2**28
"""Largest width times height of a picture file."""
SIGNATURE_SIZE = 12
"""Bytes by which kinds of files are told apart."""

_READABLE = "PNG, JPEG, WebP, TIFF, BMP or PNM"
_MODES = {
    "1": "black and white",
    "P": "a palette",
    "PA": "a palette with alpha",
    "LA": "gray with alpha",
    "RGBA": "RGB with alpha",
    "I": "gray of more than 8 bits",
    "F": "floating point",
    "LAB": "CIE L*a*b*",
}
_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BITS_PER_SAMPLE, _SAMPLES_PER_PIXEL, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 258, 277, 338, 339


def open_image(file: BinaryIO) -> Image.Image:
    """Open a picture file, told apart by content, and check all that can be checked before its pixels are decoded.

    The readers are called directly and not through `Image.open`, whose size limit is a global variable and warns
    where it should not: see `idfcodec.picture.pillow.read_picture`.

    Args:
        file: Seekable and at its start; stays open, and the image reads from it later.

    Returns:
        An image of mode L or RGB, not loaded.

    Raises:
        UnsupportedImage: The picture is not 8-bit RGB or gray, or is an animation or too large.
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
    elif start[:1] == b"P" and start[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6"):
        opener, check = PpmImageFile, _check_pnm
    elif start.startswith((b"GIF87a", b"GIF89a")):
        raise UnsupportedImage("a GIF picture has a palette: this release codes 8-bit RGB and gray")
    else:
        raise IDFError(f"it is not a {_READABLE} file")
    file.seek(0)
    image = opener(file)
    if image.width * image.height > MAX_PICTURE_PIXELS:
        raise UnsupportedImage(f"{image.width}x{image.height} pixels are more than the limit of {MAX_PICTURE_PIXELS}")
    check_image(image)
    position = file.tell()
    check(file, image)
    file.seek(position)
    return image


def check_image(image: Image.Image) -> None:
    """Refuse an image of which the 8-bit pixels that Pillow gives are not all.

    Before an image is loaded more can be seen than after, and in some files transparency only after: check twice.

    Raises:
        UnsupportedImage: Another mode than L and RGB, several frames, transparency, samples of other than 8 bits.
    """
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise UnsupportedImage("it has several frames or pages: this release codes single pictures")
    if image.mode not in ("L", "RGB"):
        meaning = f" ({_MODES[image.mode]})" if image.mode in _MODES else ""
        raise UnsupportedImage(f"a picture of mode {image.mode}{meaning}: this release codes 8-bit RGB and gray")
    if image.width < 1 or image.height < 1:
        raise UnsupportedImage(f"{image.width}x{image.height} pixels: there are none")
    if isinstance(image.info.get("transparency"), int | tuple | bytes):
        raise UnsupportedImage("it has a transparent colour, which this release does not keep")
    if isinstance(image, TiffImageFile):
        _check_tiff(image)
    for decoder, _, _, arguments in getattr(image, "tile", ()):
        listed = arguments if isinstance(arguments, tuple) else (arguments,)
        if decoder in ("ppm", "ppm_plain") and listed[1] != 255:
            raise UnsupportedImage(f"samples have the maximum {listed[1]}: this release codes 8-bit, with 255")
        rawmode = listed[0] if listed and isinstance(listed[0], str) else ""
        if ";16" in rawmode and image.format != "BMP":
            raise UnsupportedImage("samples have 16 bits: this release codes 8-bit RGB and gray")
        if image.format == "BMP" and rawmode in ("BGRX", "XBGR", "BGXR"):
            raise UnsupportedImage("a 32-bit BMP has a fourth channel, which this release does not keep")


def _check_tiff(image: TiffImageFile) -> None:
    tags = image.tag_v2
    bits = tags.get(_BITS_PER_SAMPLE, (1,))
    if max(bits) > 8:
        raise UnsupportedImage(f"samples have {max(bits)} bits: this release codes 8-bit RGB and gray")
    if set(tags.get(_SAMPLE_FORMAT, (1,))) != {1}:
        raise UnsupportedImage("samples are not unsigned integers: this release codes 8-bit RGB and gray")
    if tags.get(_EXTRA_SAMPLES) or tags.get(_SAMPLES_PER_PIXEL, 1) > len(image.getbands()):
        raise UnsupportedImage("a TIFF with extra samples per pixel, which this release does not keep")


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
        if kind == b"fdAT":
            raise UnsupportedImage("it has several frames: this release codes single pictures")


def _check_bmp(file: BinaryIO, image: Image.Image) -> None:
    """Pillow takes any identity palette for gray, whatever the number of bits."""
    file.seek(14)
    (header,) = struct.unpack("<I", file.read(4))
    file.seek(24 if header == 12 else 28)
    (bits,) = struct.unpack("<H", file.read(2))
    if image.mode == "L" and bits != 8:
        raise UnsupportedImage(f"a gray BMP of {bits} bits: this release reads those of 8")


def _check_pnm(file: BinaryIO, image: Image.Image) -> None:
    """A PNM file may hold several pictures one after the other; Pillow reads the first."""
    for decoder, _, offset, _ in getattr(image, "tile", ()):
        if decoder != "raw":
            continue
        end = offset + image.width * image.height * len(image.getbands())
        if file.seek(0, os.SEEK_END) > end:
            raise UnsupportedImage("a PNM file with more than one picture, or with bytes after it")
