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
    "Pixels", "as_rgb", "as_rgba", "avif_encode", "decoder", "encoder", "hp1", "jpeg2k_encode", "jpegls_decode",
    "jpegls_encode", "oxipng_encode", "plain", "png_encode", "tiff_encode", "undo_hp1",
    "webp_encode",
]  # fmt: skip

Pixels = NDArray[Any]
"""(H, W) or (H, W, C) uint8 or uint16, C from 2 to 4, contiguous."""


def as_rgb(pixels: Pixels) -> Pixels:
    """Gray as RGB with equal channels, and alpha where there is one; RGB as it is."""
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(pixels[..., [0, 0, 0, 1]]) if pixels.shape[2] == 2 else pixels


def as_rgba(pixels: Pixels) -> Pixels:
    """(H, W, 4) of 16 bits."""
    deep = as_rgb(pixels if pixels.dtype == np.uint16 else pixels * np.uint16(257))
    return deep if deep.shape[2] == 4 else np.dstack((deep, np.full(deep.shape[:2], 65535, np.uint16)))


def plain(encode: Callable[[Pixels], bytes]) -> Callable[[Pixels], bytes]:
    """An encoder that says what it does not take."""

    def checked(pixels: Pixels) -> bytes:
        if pixels.dtype != np.uint8 or pixels.shape[2:] not in ((), (3,)):
            raise ValueError("8-bit gray and RGB only")
        return encode(pixels)

    return checked


def _imagecodecs() -> Any:
    return import_module("imagecodecs")


def png_encode(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def oxipng_encode(pixels: Pixels, threads: int) -> bytes:
    os.environ.setdefault("RAYON_NUM_THREADS", str(threads))  # read when it is first used
    import oxipng

    kinds = oxipng.ColorType.grayscale, oxipng.ColorType.grayscale_alpha, oxipng.ColorType.rgb, oxipng.ColorType.rgba
    kind, bits = kinds[(*pixels.shape, 1)[2] - 1](), 8 * pixels.itemsize
    samples = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    raw = oxipng.RawImage(samples, pixels.shape[1], pixels.shape[0], color_type=kind, bit_depth=bits)
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


def webp_encode(pixels: Pixels, *, quality: int, method: int, threads: int) -> bytes:
    shown, how = as_rgb(pixels), {"lossless": True, "method": method}
    if shown.shape[2] == 3 or shown.dtype != np.uint8:
        return bytes(_imagecodecs().webp_encode(shown, level=quality, numthreads=threads, **how))
    stream = io.BytesIO()  # imagecodecs cannot ask for colours without alpha to be kept
    Image.fromarray(shown).save(stream, "WEBP", quality=quality, exact=True, **how)
    return stream.getvalue()


def tiff_encode(pixels: Pixels, *, compression: str, level: int) -> bytes:
    strips = {"rowsperstrip": len(pixels), "predictor": True}
    return bytes(_imagecodecs().tiff_encode(pixels, level=level, compression=compression, **strips))


def encoder(name: str, prepare: Callable[[Pixels], Pixels] = lambda p: p, **options: Any) -> Callable[[Pixels], bytes]:
    return lambda pixels: bytes(getattr(_imagecodecs(), f"{name}_encode")(prepare(pixels), **options))


def decoder(name: str, **options: Any) -> Callable[[bytes], Pixels]:
    return lambda data: np.asarray(getattr(_imagecodecs(), f"{name}_decode")(data, **options))
