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

from idfcodec.errors import IDFError, UnsupportedImage
from idfcodec.picture.checks import MAX_PICTURE_PIXELS, SIGNATURE_SIZE, check_image, open_image
from idfcodec.picture.metadata import begins_picture, metadata_of_image, read_metadata, write_metadata
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
    "TIFF": {"compression": "raw"},
    "WEBP": {"lossless": True, "exact": True, "quality": 50, "method": 4},
}


_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as the codec takes it and gives it back.

    Attributes:
        pixels: (H, W) for gray, (H, W, 2) for gray with alpha, (H, W, 3) for RGB or (H, W, 4) for RGB with alpha, of
            uint8 or uint16, not empty. It may be read-only.
        metadata: Raw blocks by name; a block that is not there has no key. "icc" is an ICC profile, "exif" a TIFF
            structure, without the "Exif" prefix that it has in a JPEG, "xmp" a packet, normally UTF-8, "iptc"
            datasets of IPTC-IIM, "photoshop" its image resources, "comment" what a JPEG, GIF or PNM is commented
            with (several are joined by line breaks). "png", "tiff", "jpeg" and "gif" hold what else was in such a
            file, chunk by chunk, tag by tag: `idfcodec.format.metadata.unpack_entries` takes them apart.
        notes: What the file that it was read from held and this does not, a sentence each.
        jpeg: The file that the pixels were decoded from, where it was a JPEG, without its metadata.
    """

    pixels: Pixels
    metadata: Mapping[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    jpeg: bytes = field(default=b"", repr=False)


def from_image(image: NDArray[Any] | Image.Image) -> Picture:
    """Take an array or a Pillow image.

    An array is taken as it is, without a copy where it is contiguous and of this machine's byte order. A Pillow image
    of mode L or RGB is taken with the ICC profile, EXIF, XMP, comment, texts, resolution and the like in its `info`;
    notes say what else is there. One that Pillow has opened but not loaded is loaded.
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
            pixels = _pixels(image)
            return Picture(pixels, *metadata_of_image(image))  # texts behind the pixels are known by now
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

    Pixels come as the file stores them, and orientation stays a tag. Gray PNG and TIFF of 2 or 4 bits are accepted as
    the 8-bit values that they stand for. A JPEG in MPO format counts as its primary picture. Metadata is kept byte
    for byte (of a TIFF value by value), and never keeps a picture from being read: the picture's notes say what is
    left out.

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
            return _from_file(file)
    with _wrapped("read the picture"):
        return _from_file(source)


def write_picture(picture: Picture, file: BinaryIO, format: str) -> tuple[str, ...]:
    """Write a picture losslessly.

    Args:
        picture: What to write. WebP has no gray: it is written as RGB with equal channels.
        file: Open for writing in binary mode; need not be seekable. It is left open.
        format: A key of `FORMATS`, in any case, with or without a leading dot.

    Returns:
        The metadata that the format cannot hold and that was left out, by the names of blocks or of what is in
        them, such as "png gAMA": all for PNM, all but a resolution for BMP; EXIF that is not valid for TIFF, which
        has its tags among its own and no thumbnail.

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
    options = dict(_OPTIONS[kind])
    if kind == "WEBP":
        for name, option in (("icc", "icc_profile"), ("exif", "exif"), ("xmp", "xmp")):
            options |= {option: picture.metadata[name]} if name in picture.metadata else {}
    with _wrapped(f"write the picture as {extension}"):
        buffer = io.BytesIO()
        Image.fromarray(picture.pixels).save(buffer, kind, **options)
        data, left_out = write_metadata(buffer.getvalue(), kind, picture.metadata)
        file.write(data)
    return left_out


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


def _from_file(file: BinaryIO) -> Picture:
    """The picture in a file from its current position on."""
    start = file.read(SIGNATURE_SIZE)
    if not begins_picture(start):
        open_image(io.BytesIO(start))
    found = read_metadata(start + file.read())
    image = open_image(io.BytesIO(found.bare))
    jpeg = bytes(found.bare) if start.startswith(_JPEG) else b""
    return Picture(_pixels(image), found.blocks, found.notes, jpeg)


def _pixels(image: Image.Image) -> Pixels:
    check_image(image)
    image.load()
    check_image(image)  # some facts come after the pixels
    return np.asarray(image)
