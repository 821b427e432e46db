"""Pictures in and out: arrays, Pillow images and picture files on one side, `Picture` on the other."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import TiffImageFile

from idfcodec.errors import IDFError, UnsupportedImage
from idfcodec.picture.checks import MAX_PICTURE_PIXELS, check_image, open_image
from idfcodec.types import Pixels

__all__ = ["FORMATS", "MAX_PICTURE_PIXELS", "Picture", "from_image", "read_picture", "write_picture"]

FORMATS: dict[str, str] = {
    "png": "PNG",
    "ppm": "PPM",
    "pgm": "PPM",
    "pnm": "PPM",
    "bmp": "BMP",
    "tif": "TIFF",
    "tiff": "TIFF",
    "webp": "WEBP",
}
"""File name extensions (lower case, no dot) that `write_picture` knows, all lossless, with Pillow's format names."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 6},
    "PPM": {},
    "BMP": {},
    "TIFF": {"compression": "raw"},  # Pillow writes nested EXIF tags only to uncompressed TIFF
    "WEBP": {"lossless": True, "exact": True, "quality": 50, "method": 4},
}
_EXIF_PREFIX = b"Exif\0\0"
_PNG_XMP = "XML:com.adobe.xmp"
_ORIENTATION, _XMP, _EXIF_IFD, _GPS_IFD = 274, 700, 0x8769, 0x8825
# TIFF keeps EXIF among the tags that describe its own layout; these describe the picture: caption, make, model,
# resolution and its unit, software, date, artist, host, rating, copyright, EXIF, GPS, the Windows titles.
_DESCRIPTIVE = frozenset(
    {270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 18246, 18249, 33432, _EXIF_IFD, _GPS_IFD, *range(40091, 40096)}
)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as the codec takes it and gives it back.

    Attributes:
        pixels: (H, W) for gray, (H, W, 2) for gray with alpha, (H, W, 3) for RGB or (H, W, 4) for RGB with alpha, of
            uint8 or uint16, not empty. It may be read-only.
        metadata: Raw blocks by the names "icc" (an ICC profile), "exif" (a TIFF structure, without the "Exif" prefix
            that it has in a JPEG) and "xmp" (a packet, normally UTF-8); a block that is not there has no key.
        jpeg: The bytes of the file that the pixels were decoded from, where it was a JPEG.
    """

    pixels: Pixels
    metadata: Mapping[str, bytes] = field(default_factory=dict)
    jpeg: bytes = field(default=b"", repr=False)


def from_image(image: NDArray[Any] | Image.Image) -> Picture:
    """Take an array or a Pillow image.

    An array is taken as it is, without a copy where it is contiguous and of this machine's byte order. A Pillow image
    of mode L or RGB is taken with its ICC profile, EXIF and XMP; one that Pillow has opened but not loaded is loaded.
    What a file held beyond the pixels that Pillow made of it can be seen (and is refused) only before it is loaded:
    `read_picture` is the strict way for files. The primary picture of a JPEG in MPO format, as many phones write it,
    counts as the picture.

    Args:
        image: (H, W), (H, W, 2), (H, W, 3) or (H, W, 4) uint8 or uint16, or a Pillow image of mode L or RGB.

    Returns:
        The picture.

    Raises:
        UnsupportedImage: Another dtype, shape or mode; transparency; more than one frame; samples of more than
            8 bits.
        IDFError: Pillow cannot load the image.
    """
    if isinstance(image, Image.Image):
        with _wrapped("load the image"):
            return _from_pillow(image)
    if not isinstance(image, np.ndarray):
        raise UnsupportedImage(f"a picture must be a NumPy array or a Pillow image, not {type(image).__name__}")
    if image.dtype.kind != "u" or image.dtype.itemsize > 2:
        raise UnsupportedImage(f"an array of dtype {image.dtype}: this release codes uint8 and uint16")
    if image.ndim == 3 and image.shape[2] == 1:
        raise UnsupportedImage(f"an array of shape {image.shape}: a gray picture has two dimensions, (H, W)")
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (2, 3, 4))):
        raise UnsupportedImage(f"an array of shape {image.shape}: a picture has (H, W) or (H, W, C), C from 2 to 4")
    if image.size == 0:
        raise UnsupportedImage(f"an array of shape {image.shape} has no pixels")
    native = image if image.dtype.isnative else image.astype(image.dtype.newbyteorder("="))
    return Picture(np.ascontiguousarray(native))


def read_picture(source: str | os.PathLike[str] | BinaryIO) -> Picture:
    """Read a picture file: PNG, JPEG, WebP, TIFF, BMP or PNM, told apart by content.

    Pixels come as the file stores them, and EXIF orientation stays a tag, but for TIFF, where Pillow applies it and
    the tag is left out. Gray PNG and TIFF of 2 or 4 bits are accepted as the 8-bit values that they stand for. A
    JPEG in MPO format counts as its primary picture. ICC, EXIF and XMP are kept; text chunks, gamma, resolution and
    the like are not. Of a TIFF the descriptive tags are kept as EXIF.

    The size is limited by `MAX_PICTURE_PIXELS`. Pillow's own limit is not consulted, as the readers are called
    directly and not through `Image.open`; only for TIFF (warning above `Image.MAX_IMAGE_PIXELS`, error above twice
    that) and WebP (error above twice that) it is part of the reader. A program that wants larger ones sets that
    global; a library must not.

    Args:
        source: A path, or a file open for reading in binary mode, which is read from its current position and left
            open.

    Returns:
        The picture.

    Raises:
        UnsupportedImage: A readable picture that is not 8-bit RGB or gray, or is an animation or too large.
        IDFError: The file cannot be opened, is no picture, is truncated or is damaged.
    """
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        with _wrapped(f"read {name}"), open(name, "rb") as file:
            return _from_pillow(open_image(file))
    with _wrapped("read the picture"):
        if source.seekable() and source.tell() == 0:
            return _from_pillow(open_image(source))
        return _from_pillow(open_image(io.BytesIO(source.read())))


def write_picture(picture: Picture, file: BinaryIO, format: str) -> tuple[str, ...]:
    """Write a picture losslessly.

    Args:
        picture: What to write. WebP has no gray: it is written as RGB with equal channels.
        file: Open for writing in binary mode; need not be seekable. It is left open.
        format: A key of `FORMATS`, in any case, with or without a leading dot.

    Returns:
        The kinds of metadata that the format cannot hold and that were left out: all for BMP and PNM, and EXIF that
        is not valid for TIFF, which merges its descriptive tags with its own and drops the thumbnail.

    Raises:
        UnsupportedImage: The format is unknown, is lossy, or cannot hold the picture.
        IDFError: Writing failed.
    """
    extension = format.lower().removeprefix(".")
    if extension not in FORMATS:
        raise UnsupportedImage(f"pictures are not written as {format!r}: known are {', '.join(FORMATS)}")
    if picture.pixels.dtype != np.uint8 or picture.pixels.shape[2:] not in ((), (3,)):
        raise UnsupportedImage("this release writes picture files of 8-bit gray and RGB only: take the array instead")
    if extension == "pgm" and picture.pixels.ndim == 3:
        raise UnsupportedImage("a pgm file holds gray only and the picture is RGB: ppm and pnm hold it")
    kind = FORMATS[extension]
    metadata = dict(picture.metadata)
    options = dict(_OPTIONS[kind])
    with _wrapped(f"write the picture as {extension}"):
        if kind in ("PNG", "TIFF", "WEBP") and "icc" in metadata:
            options["icc_profile"] = metadata.pop("icc")
        if kind == "PNG":
            options |= _png_options(metadata)
        elif kind == "TIFF":
            options |= _tiff_options(metadata)
        elif kind == "WEBP":
            options |= {name: metadata.pop(name) for name in ("exif", "xmp") if name in metadata}
        image = Image.fromarray(picture.pixels)
        if kind == "TIFF":  # its writer wants to seek
            buffer = io.BytesIO()
            image.save(buffer, kind, **options)
            file.write(buffer.getbuffer())
        else:
            image.save(file, kind, **options)
    return tuple(metadata)


@contextlib.contextmanager
def _wrapped(action: str) -> Iterator[None]:
    """Turn whatever Pillow raises into an `IDFError` of one line."""
    try:
        yield
    except IDFError as ex:
        raise type(ex)(f"cannot {action}: {ex}") from ex
    except OSError as ex:
        raise IDFError(f"cannot {action}: {ex.strerror or ex}") from ex
    except MemoryError as ex:
        raise IDFError(f"cannot {action}: not enough memory") from ex
    except Exception as ex:  # damaged files make the readers raise nearly anything: SyntaxError, struct.error, ...
        reason = str(ex).split("\n", 1)[0] or type(ex).__name__
        raise IDFError(f"cannot {action}: {reason}") from ex


def _from_pillow(image: Image.Image) -> Picture:
    check_image(image)
    tiff_exif = _tiff_exif(image)
    jpeg = _jpeg_file(image)
    image.load()
    check_image(image)  # some facts come after the pixels
    return Picture(np.asarray(image), _metadata(image.info, tiff_exif), jpeg)


def _jpeg_file(image: Image.Image) -> bytes:
    """The bytes of a JPEG's file, of one that is not loaded yet; empty for others."""
    file = getattr(image, "fp", None)
    if not isinstance(image, JpegImageFile) or file is None or not file.seekable():
        return b""
    place = file.tell()
    file.seek(0)
    data: bytes = file.read()
    file.seek(place)
    return data


def _metadata(info: Mapping[str | tuple[int, int], Any], tiff_exif: bytes) -> dict[str, bytes]:
    exif = info.get("exif", tiff_exif)
    profile = info.get("Raw profile type exif")  # as ImageMagick writes it to PNG: a line count, then hexadecimal
    if not exif and isinstance(profile, str):
        exif = bytes.fromhex("".join(profile.split("\n")[3:]))
    xmp = info.get("xmp", info.get(_PNG_XMP))
    if isinstance(xmp, str):
        xmp = xmp.encode()
    found = {"icc": info.get("icc_profile"), "exif": exif, "xmp": xmp}
    metadata = {name: bytes(block) for name, block in found.items() if isinstance(block, bytes | bytearray)}
    if "exif" in metadata:
        metadata["exif"] = metadata["exif"].removeprefix(_EXIF_PREFIX)
    return {name: block for name, block in metadata.items() if block}


def _tiff_exif(image: Image.Image) -> bytes:
    """The descriptive tags of a TIFF as an EXIF block; empty for other files."""
    if not isinstance(image, TiffImageFile):
        return b""
    exif = _descriptive(image.getexif())
    return exif.tobytes() if len(exif) else b""


def _descriptive(tags: Image.Exif) -> Image.Exif:
    exif = Image.Exif()
    for tag in tags:
        if tag in (_EXIF_IFD, _GPS_IFD):
            if nested := tags.get_ifd(tag):
                exif[tag] = nested
        elif tag in _DESCRIPTIVE:
            exif[tag] = tags[tag]
    return exif


def _png_options(metadata: dict[str, bytes]) -> dict[str, Any]:
    """Pillow's arguments for PNG; takes what they hold out of `metadata`."""
    options: dict[str, Any] = {}
    if "exif" in metadata:
        options["exif"] = metadata.pop("exif")
    if "xmp" in metadata:
        chunks = PngInfo()
        # Keyword, then no compression, no language and no translated keyword. Raw, so that any bytes survive.
        chunks.add(b"iTXt", _PNG_XMP.encode() + b"\0\0\0\0\0" + metadata.pop("xmp"))
        options["pnginfo"] = chunks
    return options


def _tiff_options(metadata: dict[str, bytes]) -> dict[str, Any]:
    """Pillow's arguments for TIFF; takes what they hold out of `metadata`."""
    tags = Image.Exif()
    if "exif" in metadata:
        source = Image.Exif()
        with contextlib.suppress(Exception):  # an EXIF block is the camera's, and may be anything
            source.load(_EXIF_PREFIX + metadata["exif"])
            described = _descriptive(source)
            if _ORIENTATION in source:
                described[_ORIENTATION] = source[_ORIENTATION]
            if described.tobytes() and len(described):
                tags = described
                del metadata["exif"]
    if "xmp" in metadata:
        tags[_XMP] = metadata.pop("xmp")
    return {"exif": tags.tobytes()} if len(tags) else {}
