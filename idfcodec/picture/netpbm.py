"""PBM, PGM, PPM and PAM files: samples as they are, whatever their maximum.

See https://netpbm.sourceforge.net/doc/pnm.html and pam.html.
"""

from __future__ import annotations

import re
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import IDFError, UnsupportedImage
from idfcodec.picture.picture import Picture
from idfcodec.types import Pixels

__all__ = ["is_netpbm", "read_netpbm", "write_netpbm"]

_TOKEN = re.compile(rb"(?:\s|#[^\n\r]*)*([0-9]+)")
_LINE = re.compile(rb"[ \t]*(?:#[^\n]*|([A-Z]+)(?:[ \t]+([^\n]*?))?)[ \t\r]*\n")
_TUPLES = {"BLACKANDWHITE": 1, "GRAYSCALE": 1, "GRAYSCALE_ALPHA": 2, "RGB": 3, "RGB_ALPHA": 4}
_CHANNELS = {"pbm": (1,), "pgm": (1,), "ppm": (1, 3), "pnm": (1, 3), "pam": (1, 2, 3, 4)}


def is_netpbm(start: bytes) -> bool:
    """Whether a file begins as one of these does."""
    return start[:1] == b"P" and start[1:2] in b"1234567" and len(start) > 2 and start[2:3] in b" \t\n\r#"


def read_netpbm(file: BinaryIO, most: int) -> Picture:
    """Read a picture from a file of these formats.

    Args:
        file: at its start.
        most: pixels that it may have.

    Raises:
        UnsupportedImage: there are several pictures, or it is too large.
        IDFError: the file is truncated or damaged.
    """
    data = file.read()
    kind = data[1:2]
    if kind == b"7":
        width, height, channels, top, start = _pam_header(data)
    else:
        numbers, start = [], 2
        for _ in range(2 if kind in b"14" else 3):
            match = _TOKEN.match(data, start)
            if match is None or len(match[1]) > 9:
                raise IDFError("the file is truncated or damaged in its header")
            numbers.append(int(match[1]))
            start = match.end()
        width, height, top = (*numbers, 1)[:3]
        channels = 3 if kind in b"36" else 1
        start += 1
    if width < 1 or height < 1 or not 1 <= top <= 65535:
        raise UnsupportedImage(f"a picture of {width}x{height} pixels with samples up to {top}: there is none")
    if width * height > most:
        raise UnsupportedImage(f"{width}x{height} pixels are more than the limit of {most}")
    shape = (height, width) if channels == 1 else (height, width, channels)
    bits = kind in b"14" or (kind == b"7" and top == 1 and channels == 1)
    samples: NDArray[Any]
    if kind in b"123":
        samples = _plain(data[start - 1 :], height * width * channels, bits=kind == b"1")
    elif kind == b"4":
        rows = _exactly(data, start, height * -(-width // 8)).reshape(height, -1)
        samples = np.unpackbits(rows, axis=1)[:, :width]
    else:
        size = 2 if top > 255 else 1
        samples = _exactly(data, start, height * width * channels * size).view(">u2" if size == 2 else "u1")
    if samples.size and int(samples.max()) > top:
        raise IDFError(f"the file is damaged: a sample is above the maximum of {top}")
    pixels: Pixels = samples.reshape(shape).astype(np.uint16 if top > 255 else np.uint8)
    if bits:
        return Picture(pixels == (1 if kind == b"7" else 0))
    return Picture(pixels, white=None if top in (255, 65535) else top)


def _exactly(data: bytes, start: int, size: int) -> NDArray[np.uint8]:
    if len(data) < start + size:
        raise IDFError("the file is truncated: samples are missing")
    if len(data) > start + size:
        raise UnsupportedImage("a PNM file with more than one picture, or with bytes after it")
    return np.frombuffer(data, np.uint8, size, start)


def _plain(text: bytes, count: int, *, bits: bool) -> NDArray[np.int64]:
    """The numbers of a file of decimals; those of bits may stand without spaces."""
    text = re.sub(rb"#[^\n\r]*", b" ", text)
    words = list(re.sub(rb"\s", b"", text)) if bits else text.split()
    if len(words) < count:
        raise IDFError("the file is truncated: samples are missing")
    if len(words) > count:
        raise UnsupportedImage("a PNM file with more than one picture, or with bytes after it")
    numbers = np.array([int(word) - 48 if isinstance(word, int) else int(word[:6]) for word in words], np.int64)
    if numbers.min() < 0:
        raise IDFError("the file is damaged: a sample is no number")
    return numbers


def _pam_header(data: bytes) -> tuple[int, int, int, int, int]:
    fields: dict[str, str] = {}
    position = data.index(b"\n") + 1 if b"\n" in data else len(data)
    while (match := _LINE.match(data, position)) and match[1] != b"ENDHDR":
        position = match.end()
        if match[1]:
            fields[match[1].decode()] = (match[2] or b"").decode("latin-1")
    if match is None:
        raise IDFError("the file is truncated or damaged in its header")
    try:
        width, height, depth, top = (int(fields[name][:9]) for name in ("WIDTH", "HEIGHT", "DEPTH", "MAXVAL"))
    except (KeyError, ValueError) as ex:
        raise IDFError("the file is damaged: a field of its header is missing or no number") from ex
    if _TUPLES.get(fields.get("TUPLTYPE", "").upper()) != depth:
        raise UnsupportedImage(f"a PAM file of {depth} channels of the type {fields.get('TUPLTYPE', '')!r}")
    return width, height, depth, top, match.end()


def write_netpbm(picture: Picture, file: BinaryIO, extension: str) -> None:
    """Write a picture: the form that the extension (pbm, pgm, ppm, pnm, pam) asks for.

    Raises:
        UnsupportedImage: it cannot hold the picture.
    """
    pixels, channels = picture.pixels, picture.channels
    bits = pixels.dtype == np.bool_
    if picture.frames or picture.palette is not None or picture.cmyk:
        raise UnsupportedImage(f"a {extension} file does not hold {picture.text}")
    wrong = extension in ("pgm", "ppm") if bits else extension == "pbm"
    if channels not in _CHANNELS[extension] or wrong:
        raise UnsupportedImage(f"a {extension} file does not hold {picture.text}: {_better(picture)} does")
    height, width = picture.shape[:2]
    top = picture.white or picture.most
    if extension == "pam":
        names = {count: name for name, count in _TUPLES.items() if name != "BLACKANDWHITE"}
        name = "BLACKANDWHITE" if bits else names[channels]
        head = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL {top}\nTUPLTYPE {name}\nENDHDR\n"
    else:
        number = 4 if bits else 6 if channels == 3 else 5
        head = f"P{number}\n{width} {height}\n" + ("" if bits else f"{top}\n")
    file.write(head.encode())
    if bits and extension != "pam":
        file.write(np.packbits(~pixels, axis=1).tobytes())
    else:
        file.write(pixels.astype(">u2" if top > 255 else "u1").tobytes())


def _better(picture: Picture) -> str:
    return {1: "pbm" if picture.pixels.dtype == np.bool_ else "pgm", 3: "ppm"}.get(picture.channels, "pam")
