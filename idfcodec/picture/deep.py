"""PNG and TIFF files of 16 bits in several channels, through the extra `deep`: Pillow would show 8 of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import IDFError, UnsupportedImage
from idfcodec.picture.picture import Frames, Picture
from idfcodec.picture.png import SIGNATURE, chunk, chunks

__all__ = ["read_deep", "write_deep_tiff"]

_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
_CHANNELS = {2: 3, 4: 2, 6: 4}
_PHOTOMETRIC = {"MINISBLACK": (1, 2), "RGB": (3, 4), "SEPARATED": (4,)}
_ORIENTATION = 274


def _library(name: str) -> Any:
    """A library of the extra.

    Raises:
        UnsupportedImage: it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as ex:
        raise UnsupportedImage("samples have 16 bits in several channels: pip install 'idfcodec[deep]'") from ex


def read_deep(file: BinaryIO, *, png: bool) -> Picture:
    """The picture in a PNG or TIFF file of 16 bits in 2 to 4 channels, without its metadata.

    Raises:
        UnsupportedImage: another kind of samples; pages that differ; the extra is not installed.
        Exception: whatever a reader raises at a damaged file.
    """
    file.seek(0)
    if png:
        return Picture(_png(file.read()))
    pages, cmyk = _tiff(file)
    return Picture(pages, cmyk=cmyk, frames=Frames(len(pages))) if len(pages) > 1 else Picture(pages[0], cmyk=cmyk)


def _png(data: bytes) -> NDArray[np.uint16]:
    """The samples (H, W, C) of a sound file."""
    decode = _library("imagecodecs").png_decode
    parts = [(kind, content) for kind, content in chunks(data) if kind in (b"IHDR", b"IDAT", b"IEND")]
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", parts[0][1])
    if not interlaced:
        plain: NDArray[np.uint16] = decode(SIGNATURE + b"".join(chunk(*part) for part in parts))
        return plain
    # The library reads interlaced files wrongly, with a message of its own: each pass becomes a file.
    channels = _CHANNELS[colour]
    rows = zlib.decompress(b"".join(content for kind, content in parts if kind == b"IDAT"))
    pixels = np.zeros((height, width, channels), np.uint16)
    for part, size in _passes(pixels, channels * depth // 8):
        if len(rows) < size:
            raise IDFError("the file is damaged: pixels are missing")
        head = struct.pack(">IIBBBBB", part.shape[1], part.shape[0], depth, colour, 0, 0, 0)
        whole = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows[:size], 1)), chunk(b"IEND", b""))
        part[:] = decode(SIGNATURE + b"".join(whole))
        rows = rows[size:]
    return pixels


def _passes(pixels: NDArray[np.uint16], size: int) -> Iterator[tuple[NDArray[np.uint16], int]]:
    """The pixels of each pass of an interlaced file, and its bytes."""
    for top, left, down, right in _ADAM7:
        part = pixels[top::down, left::right]
        if part.size:
            yield part, part.shape[0] * (part.shape[1] * size + 1)


def _tiff(file: BinaryIO) -> tuple[NDArray[np.uint16], bool]:
    """The samples (F, H, W, C) of all pages, turned upright, and whether they are inks."""
    with _library("tifffile").TiffFile(file) as tiff:
        first = tiff.pages[0]
        photometric = getattr(first.photometric, "name", str(first.photometric))
        if first.samplesperpixel not in _PHOTOMETRIC.get(photometric, ()):
            raise UnsupportedImage(f"a TIFF of {first.samplesperpixel} channels of the kind {photometric}")
        if any((page.shape, page.dtype, page.photometric) != (first.shape, first.dtype, first.photometric)
               for page in tiff.pages):  # fmt: skip
            raise UnsupportedImage("its pages differ in size or kind, which this release does not keep")
        pages = [np.moveaxis(p.asarray(), 0, -1) if first.planarconfig == 2 else p.asarray() for p in tiff.pages]
        turns = [page.tags.valueof(_ORIENTATION, 1) for page in tiff.pages]
        found = [_upright(pixels, turn) for pixels, turn in zip(pages, turns, strict=True)]
    return np.stack(found), photometric == "SEPARATED"


def _upright(pixels: NDArray[np.uint16], orientation: int) -> NDArray[np.uint16]:
    """What Pillow does for other TIFF files."""
    turned = np.swapaxes(pixels, 0, 1) if orientation >= 5 else pixels
    down = -1 if orientation in (3, 4, 7, 8) else 1
    right = -1 if orientation in (2, 3, 6, 7) else 1
    return turned[::down, ::right]


def write_deep_tiff(picture: Picture, file: BinaryIO) -> None:
    """Write a picture of 16 bits in several channels, without metadata.

    Raises:
        UnsupportedImage: the extra is not installed.
    """
    photometric = "separated" if picture.cmyk else "rgb" if picture.channels > 2 else "minisblack"
    alpha = picture.channels in (2, 4) and not picture.cmyk
    options: dict[str, Any] = {"extrasamples": ["unassalpha"]} if alpha else {}
    library = _library("tifffile")
    with library.TiffWriter(file) as writer:
        for page in picture.pixels if picture.frames else picture.pixels[None]:
            writer.write(
                page, photometric=photometric, planarconfig="contig", metadata=None, software="", contiguous=False,
                **options,
            )  # fmt: skip
