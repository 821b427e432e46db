"""PNG files that Pillow does not write: 16 bits in several channels, and animations with every frame whole.

See https://www.w3.org/TR/png-3/.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import UnsupportedImage
from idfcodec.picture.picture import Picture
from idfcodec.types import Pixels

__all__ = ["SIGNATURE", "chunk", "chunks", "write_png"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_LEVEL = 6


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk as a file holds it."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each chunk of a sound file."""
    position = len(SIGNATURE)
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        yield data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        position += length + 12


def write_png(picture: Picture, file: BinaryIO) -> None:
    """Write a picture of any kind but inks, without metadata.

    Args:
        picture: what to write.
        file: open for writing in binary mode.

    Raises:
        UnsupportedImage: it has pages, or its durations are too long or too fine.
    """
    height, width = picture.shape[:2]
    frames, palette = picture.frames, picture.palette
    depth = 16 if picture.pixels.dtype == np.uint16 else 1 if picture.pixels.dtype == np.bool_ else 8
    colour = 3 if palette is not None else _COLOUR_TYPES[picture.channels]
    parts = [SIGNATURE, chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))]
    if palette is not None:
        parts.append(chunk(b"PLTE", palette[:, :3].tobytes()))
        if palette.shape[1] == 4:
            parts.append(chunk(b"tRNS", palette[:, 3].tobytes()))
    if frames is None:
        parts.append(chunk(b"IDAT", _packed(picture.pixels, depth)))
    else:
        if not frames.durations or frames.loop is None:
            raise UnsupportedImage(f"a png file does not hold {picture.text} without durations: tiff does")
        parts.append(chunk(b"acTL", struct.pack(">II", frames.count, frames.loop)))
        number = 0
        for index, duration in enumerate(frames.durations):
            shown = struct.pack(">IIIIHHBB", width, height, 0, 0, *_seconds(duration), 0, 0)
            parts.append(chunk(b"fcTL", struct.pack(">I", number) + shown))
            data = _packed(picture.pixels[index], depth)
            parts.append(chunk(b"fdAT", struct.pack(">I", number + 1) + data) if index else chunk(b"IDAT", data))
            number += 2 if index else 1
    file.write(b"".join((*parts, chunk(b"IEND", b""))))


def _seconds(milliseconds: Fraction) -> tuple[int, int]:
    seconds = milliseconds / 1000
    if max(seconds.numerator, seconds.denominator) > 65535:
        raise UnsupportedImage(f"a png file does not hold a frame of {float(milliseconds)} ms")
    return seconds.numerator, seconds.denominator


def _packed(pixels: Pixels, depth: int) -> bytes:
    """The content of IDAT: each row by the filter whose result has the smallest sum, as libpng chooses."""
    if depth == 1:
        rows = np.packbits(pixels, axis=1)
    else:
        rows = np.ascontiguousarray(pixels, ">u2" if depth == 16 else "u1").view(np.uint8).reshape(len(pixels), -1)
    step = 1 if pixels.ndim == 2 else pixels.shape[2]
    candidates = _filtered(rows, max(1, step * depth // 8))
    sums = [np.abs(candidate.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64) for candidate in candidates]
    best = np.argmin(sums, axis=0)
    out = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    out[:, 0] = best
    for kind, candidate in enumerate(candidates):
        out[best == kind, 1:] = candidate[best == kind]
    return zlib.compress(out.tobytes(), _LEVEL)


def _filtered(rows: NDArray[np.uint8], step: int) -> list[NDArray[np.uint8]]:
    """All rows by each of the five filters: none, left, up, average, Paeth's."""
    wide = np.pad(rows.astype(np.int16), ((1, 0), (step, 0)))
    left, up, corner = wide[1:, :-step], wide[:-1, step:], wide[:-1, :-step]
    across, down, both = np.abs(up - corner), np.abs(left - corner), np.abs(left + up - 2 * corner)
    nearest = np.where((across <= down) & (across <= both), left, np.where(down <= both, up, corner))
    guesses = (0 * left, left, up, (left + up) >> 1, nearest)
    return [(rows - guess).astype(np.uint8) for guess in guesses]
