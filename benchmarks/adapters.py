"""Pixels to bytes and back through Pillow, pyoxipng and imagecodecs.

JPEG-LS has no colour transform in imagecodecs, and its RGB figures without one mean nothing. It is given the planes G,
R - G + 128 and B - G + 128 (modulo 256, HP1 of the JPEG-LS extensions) one below the other as one tall gray picture.
That costs the same as three scans of a file that does not interleave, and less than one that does. JPEG 2000 and AVIF
bring theirs: the reversible colour transform, and the identity matrix, without which AVIF is not lossless on RGB.

JPEG XL at effort 1 is not quite lossless in libjxl up to 0.11: https://github.com/libjxl/libjxl/issues/4287. A picture
that it spoils ends a run, as any other mismatch does.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "Pixels", "as_rgb", "avif_encode", "decoder", "encoder", "hp1", "jpeg2k_encode", "jpegls_decode", "jpegls_encode",
    "oxipng_encode", "png_decode", "png_encode", "tiff_encode", "undo_hp1",
]  # fmt: skip

Pixels = NDArray[np.uint8]
"""(H, W) or (H, W, 3), contiguous."""


def as_rgb(pixels: Pixels) -> Pixels:
    """Gray as RGB with equal channels, RGB as it is."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def _imagecodecs() -> Any:
    return import_module("imagecodecs")


def png_encode(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def png_decode(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        # An optimiser stores few colours as a palette and few grays in fewer bits.
        return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))


def oxipng_encode(pixels: Pixels, threads: int) -> bytes:
    os.environ.setdefault("RAYON_NUM_THREADS", str(threads))  # read when it is first used
    import oxipng

    kind = oxipng.ColorType.rgb() if pixels.ndim == 3 else oxipng.ColorType.grayscale()
    raw = oxipng.RawImage(pixels.tobytes(), pixels.shape[1], pixels.shape[0], color_type=kind)
    return bytes(raw.create_optimized_png(level=4))


def hp1(pixels: Pixels) -> Pixels:
    """(H, W, 3) R, G, B to (3, H, W) G, R - G + 128, B - G + 128 modulo 256."""
    red, green, blue = (pixels[..., channel] for channel in range(3))
    half = np.uint8(128)
    return np.stack((green, red - green + half, blue - green + half))


def undo_hp1(planes: Pixels) -> Pixels:
    """The inverse of `hp1`."""
    green, red, blue = planes
    half = np.uint8(128)
    return np.stack((red + green - half, green, blue + green - half), axis=-1)


def jpegls_encode(pixels: Pixels) -> bytes:
    tall = pixels if pixels.ndim == 2 else hp1(pixels).reshape(-1, pixels.shape[1])
    # A file must say what it holds: one byte for the number of planes, which JPEG-LS has no place for.
    return bytes([1 if pixels.ndim == 2 else 3]) + bytes(_imagecodecs().jpegls_encode(tall))


def jpegls_decode(data: bytes) -> Pixels:
    tall = np.asarray(_imagecodecs().jpegls_decode(data[1:]))
    return tall if data[0] == 1 else undo_hp1(tall.reshape(3, -1, tall.shape[1]))


def jpeg2k_encode(pixels: Pixels, threads: int) -> bytes:
    colour = pixels.ndim == 3
    return bytes(_imagecodecs().jpeg2k_encode(pixels, level=0, reversible=True, mct=colour, numthreads=threads))


def avif_encode(pixels: Pixels, threads: int) -> bytes:
    kind = {"pixelformat": "444", "matrix": 0} if pixels.ndim == 3 else {"pixelformat": "400"}
    return bytes(_imagecodecs().avif_encode(pixels, level=100, speed=6, numthreads=threads, **kind))


def tiff_encode(pixels: Pixels, *, compression: str, level: int) -> bytes:
    strips = {"rowsperstrip": len(pixels), "predictor": True}
    return bytes(_imagecodecs().tiff_encode(pixels, level=level, compression=compression, **strips))


def encoder(name: str, prepare: Callable[[Pixels], Pixels] = lambda p: p, **options: Any) -> Callable[[Pixels], bytes]:
    return lambda pixels: bytes(getattr(_imagecodecs(), f"{name}_encode")(prepare(pixels), **options))


def decoder(name: str, **options: Any) -> Callable[[bytes], Pixels]:
    return lambda data: np.asarray(getattr(_imagecodecs(), f"{name}_decode")(data, **options))
