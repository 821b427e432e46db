"""Pictures in and out: arrays, Pillow images and picture files on one side, `Picture` on the other."""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import TiffImageFile

from idfcodec.errors import IDFError, UnsupportedImage
from idfcodec.picture import checks
from idfcodec.picture.checks import MAX_PICTURE_PIXELS, check_image, frame_count, is_deep, open_image
from idfcodec.picture.deep import read_deep, write_deep_tiff
from idfcodec.picture.frames import read_frames, saved_frames, still
from idfcodec.picture.netpbm import is_netpbm, read_netpbm, write_netpbm
from idfcodec.picture.picture import Picture
from idfcodec.picture.png import write_png

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


def from_image(image: NDArray[Any] | Image.Image) -> Picture:
    """Take an array or a Pillow image.

    An array is taken as it is, without a copy where it is contiguous and of this machine's byte order. A Pillow image
    is taken with its ICC profile, EXIF and XMP, palette and frames; one that is not loaded is loaded. What a file held
    beyond the pixels that Pillow made of it can be seen (and is refused) only before that: `read_picture` is the strict
    way for files. The primary picture of a JPEG in MPO format, as many phones write it, counts as the picture.

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
            return _from_pillow(image)
    if not isinstance(image, np.ndarray):
        raise UnsupportedImage(f"a picture must be a NumPy array or a Pillow image, not {type(image).__name__}")
    native = image if image.dtype.isnative else image.astype(image.dtype.newbyteorder("="))
    one_channel = native.ndim == 3 and native.shape[2] == 1
    return Picture(np.ascontiguousarray(native[..., 0] if one_channel else native))


def read_picture(source: str | os.PathLike[str] | BinaryIO) -> Picture:
    """Read a picture file: PNG, JPEG, WebP, TIFF, GIF, BMP, PNM or PAM, told apart by content.

    Pixels come as the file stores them, and EXIF orientation stays a tag, but for TIFF, where Pillow applies it and
    the tag is left out. Gray PNG and TIFF of 2 or 4 bits are accepted as the 8-bit values that they stand for. Frames
    come as Pillow shows them, whole; those of a GIF in the one kind that holds all. PNG and TIFF of 16 bits in several
    channels need the extra `deep`. A JPEG in MPO format counts as its primary picture. ICC, EXIF and XMP are kept; text
    chunks, gamma, resolution and the like are not. Of a TIFF the descriptive tags are kept as EXIF.

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
        UnsupportedImage: A readable picture of a kind that is not coded, or too large.
        IDFError: The file cannot be opened, is no picture, is truncated or is damaged.
    """
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        with _wrapped(f"read {name}"), open(name, "rb") as file:
            return _from_file(file)
    with _wrapped("read the picture"):
        if source.seekable() and source.tell() == 0:
            return _from_file(source)
        return _from_file(io.BytesIO(source.read()))


def _from_file(file: BinaryIO) -> Picture:
    start = file.read(4)
    file.seek(0)
    return read_netpbm(file, checks.MAX_PICTURE_PIXELS) if is_netpbm(start) else _from_pillow(open_image(file), file)


def write_picture(picture: Picture, file: BinaryIO, format: str) -> tuple[str, ...]:
    """Write a picture losslessly.

    Args:
        picture: What to write. WebP has no gray: it is written as RGB with equal channels. Whatever else is not plain
            gray or RGB is read again, and refused if the file does not hold it.
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
    kind = FORMATS[extension]
    if picture.white not in (None, picture.most) and kind != "PPM":
        raise UnsupportedImage(
            f"a {extension} file does not hold samples whose white is {picture.white}: pgm, ppm and pam do"
        )
    metadata = dict(picture.metadata)
    with _wrapped(f"write the picture as {extension}"):
        if kind == "PPM":
            write_netpbm(picture, file, extension)
        elif kind != "GIF" and picture.plain:
            _save(picture, kind, metadata, file)
        else:
            file.write(_exactly(picture, extension, metadata))
    return tuple(metadata)


def _exactly(picture: Picture, extension: str, metadata: dict[str, bytes]) -> bytes:
    """A file that was read again; empties `metadata` of what it holds."""
    buffer, held = io.BytesIO(), False
    try:
        _save(picture, FORMATS[extension], metadata, buffer)
    except IDFError:
        raise
    except (OSError, KeyError, ValueError, struct.error):
        pass  # how Pillow says what a format does not hold
    else:
        with contextlib.suppress(IDFError):
            held = read_picture(io.BytesIO(buffer.getvalue())).same(picture)
    if not held:
        best = "tiff" if picture.cmyk or (picture.frames and not picture.frames.durations) else "png"
        raise UnsupportedImage(f"a {extension} file does not hold {picture.text} exactly: {best} does")
    return buffer.getvalue()


def _save(picture: Picture, kind: str, metadata: dict[str, bytes], file: BinaryIO) -> None:
    """Writes a picture through Pillow, or where Pillow would lose something without it; empties `metadata`."""
    options = dict(_OPTIONS[kind])
    deep = picture.pixels.dtype == np.uint16 and picture.channels > 1
    if kind == "TIFF" and deep:
        write_deep_tiff(picture, file, metadata)
        return
    if kind in ("PNG", "TIFF", "WEBP") and "icc" in metadata:
        options["icc_profile"] = metadata.pop("icc")
    if kind == "PNG":
        options |= _png_options(metadata)
    elif kind == "TIFF":
        options |= _tiff_options(metadata)
    elif kind == "WEBP":
        options |= {name: metadata.pop(name) for name in ("exif", "xmp") if name in metadata}
    if kind == "PNG" and (deep or picture.frames):
        described = io.BytesIO()
        Image.new("L", (1, 1)).save(described, kind, **options)
        write_png(picture, file, described.getvalue())
        return
    image, frames = saved_frames(picture, kind)
    if kind == "TIFF":  # its writer wants to seek
        buffer = io.BytesIO()
        image.save(buffer, kind, **options, **frames)
        file.write(buffer.getbuffer())
    else:
        image.save(file, kind, **options, **frames)


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
    tiff_exif = _tiff_exif(image)
    image.load()
    check_image(image)  # some facts come after the pixels
    metadata = _metadata(image.info, tiff_exif)
    if deep and file is not None:
        return replace(read_deep(file, png=image.format == "PNG"), metadata=metadata)
    return replace(read_frames(image) if frame_count(image) > 1 else still(image), metadata=metadata)


def _of_16_bits(image: Image.Image) -> Image.Image:
    low, high = image.getextrema()
    if not 0 <= float(low) <= float(high) < 65536:  # type: ignore[arg-type]
        raise UnsupportedImage("a picture of mode I (whole numbers of 32 bits) with values that 16 bits do not hold")
    return Image.fromarray(np.asarray(image).astype(np.uint16))


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
