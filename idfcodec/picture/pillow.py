"""Pictures in and out: arrays, Pillow images and picture files on one side, `Picture` on the other."""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from idfcodec.errors import IDFError, UnsupportedImage
from idfcodec.picture import checks
from idfcodec.picture.checks import (
    MAX_PICTURE_PIXELS,
    SIGNATURE_SIZE,
    check_image,
    frame_count,
    is_deep,
    open_image,
)
from idfcodec.picture.deep import read_deep, write_deep_tiff
from idfcodec.picture.frames import read_frames, saved_frames, still
from idfcodec.picture.metadata import begins_picture, metadata_of_image, read_metadata, write_metadata
from idfcodec.picture.netpbm import is_netpbm, read_netpbm, write_netpbm
from idfcodec.picture.picture import Picture
from idfcodec.picture.png import write_png
from idfcodec.source import Source, opened

__all__ = ["FORMATS", "MAX_PICTURE_PIXELS", "Picture", "from_image", "read_picture", "write_picture"]

FORMATS: dict[str, str] = {
    "png": "PNG",
    "ppm": "PPM",
    "pgm": "PPM",
    "pbm": "PPM",
    "pnm": "PPM",
    "pam": "PPM",
    "bmp": "BMP",
    "tif": "TIFF",
    "tiff": "TIFF",
    "webp": "WEBP",
    "gif": "GIF",
}
"""File name extensions (lower case, no dot) that `write_picture` knows, all lossless, with the formats' names."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 6},
    "GIF": {"optimize": False, "disposal": 2},
    "BMP": {},
    "TIFF": {"compression": "raw"},
    "WEBP": {"lossless": True, "exact": True, "quality": 50, "method": 4},
}


_JPEG = b"\xff\xd8\xff"


def from_image(image: NDArray[Any] | Image.Image) -> Picture:
    """Take an array or a Pillow image.

    An array is taken as it is, without a copy where it is contiguous and of this machine's byte order. A Pillow image
    is taken with its palette and frames, and with the ICC profile, EXIF, XMP, comment, texts, resolution and the like
    in its `info`; notes say what else is there. One that is not loaded is loaded. What a file held beyond the pixels
    that Pillow made of it can be seen (and is refused) only before that: `read_picture` is the strict way for files.
    The primary picture of a JPEG in MPO format, as many phones write it, counts as the picture.

    Args:
        image: (H, W) bool; (H, W) or (H, W, C) uint8 or uint16, C from 1 to 4; or a Pillow image of mode 1, L, LA, P,
            PA (as RGBA), RGB, RGBA, CMYK, I;16, or I with values that 16 bits hold.

    Returns:
        The picture.

    Raises:
        UnsupportedImage: Another dtype, shape or mode.
        IDFError: Pillow cannot load the image.
    """
    if isinstance(image, Image.Image):
        with _wrapped("load the image"):
            picture = _from_pillow(image)
            blocks, notes = metadata_of_image(image)  # texts behind the pixels are known by now
            return replace(picture, metadata=blocks, notes=notes)
    if not isinstance(image, np.ndarray):
        raise UnsupportedImage(f"a picture must be a NumPy array or a Pillow image, not {type(image).__name__}")
    native = image if image.dtype.isnative else image.astype(image.dtype.newbyteorder("="))
    one_channel = native.ndim == 3 and native.shape[2] == 1
    return Picture(np.ascontiguousarray(native[..., 0] if one_channel else native))


def read_picture(source: Source) -> Picture:
    """Read a picture file: PNG, JPEG, WebP, TIFF, GIF, BMP, PNM or PAM, told apart by content.

    Pixels come as the file stores them, and orientation stays a tag. Gray PNG and TIFF of 2 or 4 bits are accepted as
    the 8-bit values that they stand for. Frames come as Pillow shows them, whole; those of a GIF in the one kind that
    holds all. PNG and TIFF of 16 bits in several channels need the extra `deep`. A JPEG in MPO format counts as its
    primary picture. Metadata is kept byte for byte (of a TIFF value by value), and never keeps a picture from being
    read: the picture's notes say what is left out.

    The size is limited by `MAX_PICTURE_PIXELS`. Pillow's own limit is not consulted, as the readers are called
    directly and not through `Image.open`; only for TIFF (warning above `Image.MAX_IMAGE_PIXELS`, error above twice
    that) and WebP (error above twice that) it is part of the reader. A program that wants larger ones sets that
    global; a library must not.

    Args:
        source: A path, a URL that fsspec knows, or a file open for reading in binary mode, which is read from its
            current position and left open.

    Returns:
        The picture.

    Raises:
        UnsupportedImage: A readable picture of a kind that is not coded, or too large.
        IDFError: The file cannot be opened, is no picture, is truncated or is damaged.
    """
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        with _wrapped(f"read {name}"), opened(name) as file:
            return _from_file(file)
    with _wrapped("read the picture"):
        return _from_file(source)


def _from_file(file: BinaryIO) -> Picture:
    """The picture in a file from its current position on."""
    start = file.read(SIGNATURE_SIZE)
    if not begins_picture(start):
        open_image(io.BytesIO(start))
    found = read_metadata(start + file.read())
    bare = io.BytesIO(found.bare)
    if is_netpbm(start[:4]):
        picture = read_netpbm(bare, checks.MAX_PICTURE_PIXELS)
    else:
        picture = _from_pillow(open_image(bare), bare)
    jpeg = bytes(found.bare) if start.startswith(_JPEG) else b""
    return replace(picture, metadata=found.blocks, notes=found.notes, jpeg=jpeg)


def write_picture(picture: Picture, file: BinaryIO, format: str) -> tuple[str, ...]:
    """Write a picture losslessly.

    Args:
        picture: What to write. WebP has no gray: it is written as RGB with equal channels. Whatever else is not plain
            gray or RGB is read again, and refused if the file does not hold it.
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
    kind = FORMATS[extension]
    if picture.white not in (None, picture.most) and kind != "PPM":
        raise UnsupportedImage(
            f"a {extension} file does not hold samples whose white is {picture.white}: pgm, ppm and pam do"
        )
    with _wrapped(f"write the picture as {extension}"):
        data = _saved(picture, extension) if picture.plain and kind != "GIF" else _exactly(picture, extension)
        data, left_out = write_metadata(data, kind, picture.metadata)
        file.write(data)
    return left_out


def _exactly(picture: Picture, extension: str) -> bytes:
    """A file without metadata that was read again."""
    if FORMATS[extension] == "PPM":
        return _saved(picture, extension)
    data, held = b"", False
    try:
        data = _saved(picture, extension)
    except IDFError:
        raise
    except (OSError, KeyError, ValueError, struct.error):
        pass  # how Pillow says what a format does not hold
    else:
        with contextlib.suppress(IDFError):
            held = read_picture(io.BytesIO(data)).same(picture)
    if not held:
        best = "tiff" if picture.cmyk or (picture.frames and not picture.frames.durations) else "png"
        raise UnsupportedImage(f"a {extension} file does not hold {picture.text} exactly: {best} does")
    return data


def _saved(picture: Picture, extension: str) -> bytes:
    """A file written through Pillow, or where Pillow would lose something without it; without metadata."""
    kind, file = FORMATS[extension], io.BytesIO()
    if kind == "PPM":
        write_netpbm(picture, file, extension)
        return file.getvalue()
    options = dict(_OPTIONS[kind])
    deep = picture.pixels.dtype == np.uint16 and picture.channels > 1
    if kind == "TIFF" and deep:
        write_deep_tiff(picture, file)
    elif kind == "PNG" and (deep or picture.frames):
        write_png(picture, file)
    else:
        if kind == "WEBP":
            for name, option in (("icc", "icc_profile"), ("exif", "exif"), ("xmp", "xmp")):
                options |= {option: picture.metadata[name]} if name in picture.metadata else {}
        image, frames = saved_frames(picture, kind)
        image.save(file, kind, **options, **frames)
    return file.getvalue()


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


def _from_pillow(image: Image.Image, file: BinaryIO | None = None) -> Picture:
    """What an image shows; with its file, all 16 bits of several channels, too."""
    if image.mode == "I" and file is None:
        image = _of_16_bits(image)
    if image.mode == "PA":
        image = image.convert("RGBA")
    check_image(image)
    deep = is_deep(image)
    if deep and (file is None or (image.format == "PNG" and frame_count(image) > 1)):
        raise UnsupportedImage("samples have 16 bits, and Pillow shows 8: read the file with `read_picture`")
    image.load()
    check_image(image)  # some facts come after the pixels
    if deep and file is not None:
        return read_deep(file, png=image.format == "PNG")
    return read_frames(image) if frame_count(image) > 1 else still(image)


def _of_16_bits(image: Image.Image) -> Image.Image:
    low, high = image.getextrema()
    if not 0 <= float(low) <= float(high) < 65536:  # type: ignore[arg-type]
        raise UnsupportedImage("a picture of mode I (whole numbers of 32 bits) with values that 16 bits do not hold")
    return Image.fromarray(np.asarray(image).astype(np.uint16))
