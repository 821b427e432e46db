"""Kinds of picture, drawn, and the files that hold them: the table in README."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.picture import Frames, Picture
from tests.pictures import generate

__all__ = ["ARRAYS", "HELD", "KINDS", "METADATA"]

WIDTH, HEIGHT = 37, 22
_SHOWN = (Fraction(40), Fraction(40), Fraction(1000))


def _samples(channels: int, bits: int = 8) -> NDArray[np.uint8 | np.uint16]:
    drawn = np.dstack([generate("photo", WIDTH, HEIGHT, seed) for seed in (1, 2)])[..., :channels]
    if bits > 8:
        wide = drawn.astype(np.uint16)
        drawn = (wide << (bits - 8)) + (wide[::-1] >> (16 - bits))
    return drawn[..., 0] if channels == 1 else drawn


def _palette(channels: int) -> Picture:
    colours = generate("noise", 16, 2, 3).reshape(32, 3)
    alpha = np.arange(32, dtype=np.uint8)[:, None] * np.uint8(8)
    palette = colours if channels == 3 else np.concatenate((colours, alpha), axis=1)
    return Picture(np.ascontiguousarray(generate("photo", WIDTH, HEIGHT)[..., 0] % 32), palette=palette)


def _moving(pixels: NDArray[np.uint8 | np.uint16]) -> NDArray[np.uint8 | np.uint16]:
    return np.stack([pixels, np.roll(pixels, 2, 0), np.roll(pixels, 5, 0)])


def _under_zero_alpha() -> Picture:
    pixels = _samples(4)
    pixels[3:12, 4:20, 3] = 0
    return Picture(pixels)


KINDS: Mapping[str, Callable[[], Picture]] = {
    "gray": lambda: Picture(_samples(1)),
    "gray and alpha": lambda: Picture(_samples(2)),
    "RGB": lambda: Picture(_samples(3)),
    "RGB and alpha": _under_zero_alpha,
    "palette": lambda: _palette(3),
    "palette with alpha": lambda: _palette(4),
    "1 bit": lambda: Picture(generate("photo", WIDTH, HEIGHT)[..., 0] > 99),
    "gray, 16 bits": lambda: Picture(_samples(1, 16)),
    "gray and alpha, 16 bits": lambda: Picture(_samples(2, 16)),
    "RGB, 16 bits": lambda: Picture(_samples(3, 16)),
    "RGB and alpha, 16 bits": lambda: Picture(_samples(4, 16)),
    "10 or 12 bits in 16": lambda: Picture(_samples(3, 12), white=4095),
    "CMYK": lambda: Picture(_samples(4), cmyk=True),
    "CMYK, 16 bits": lambda: Picture(_samples(4, 16), cmyk=True),
    "animation, RGB": lambda: Picture(_moving(_samples(3)), frames=Frames(3, _SHOWN, 0)),
    "animation, RGB and alpha": lambda: Picture(_moving(_samples(4)), frames=Frames(3, _SHOWN, 2)),
    "animation of few colours": lambda: Picture(_moving(_samples(3) & np.uint8(192)), frames=Frames(3, _SHOWN, 3)),
    "pages": lambda: Picture(_moving(_samples(1)), frames=Frames(3)),
}
"""A drawn picture of each kind."""

HELD: Mapping[str, tuple[str, ...]] = {
    "gray": ("png", "tiff", "bmp", "gif", "pgm", "pam"),
    "gray and alpha": ("png", "tiff", "pam"),
    "RGB": ("png", "tiff", "webp", "bmp", "ppm", "pam"),
    "RGB and alpha": ("png", "tiff", "webp", "pam"),
    "palette": ("png", "gif", "bmp"),
    "palette with alpha": ("png",),
    "1 bit": ("png", "tiff", "bmp", "pbm", "pam"),
    "gray, 16 bits": ("png", "tiff", "pgm", "pam"),
    "gray and alpha, 16 bits": ("png", "pam"),
    "RGB, 16 bits": ("png", "tiff", "ppm", "pam"),
    "RGB and alpha, 16 bits": ("png", "tiff", "pam"),
    "10 or 12 bits in 16": ("ppm", "pam"),
    "CMYK": ("tiff",),
    "CMYK, 16 bits": ("tiff",),
    "animation, RGB": ("png", "webp"),
    "animation, RGB and alpha": ("png",),
    "animation of few colours": ("png", "webp", "gif"),
    "pages": ("tiff",),
}
"""The formats that each kind is read from and restored to, all of it; every other one refuses it in a line."""

METADATA: Mapping[str, tuple[str, ...]] = {
    "png": ("icc", "exif", "xmp"),
    "webp": ("icc", "exif", "xmp"),
    "tiff": ("icc", "exif", "xmp"),
}
"""The metadata that a format gives back; TIFF of 16 bits in several channels has no EXIF."""

ARRAYS: Mapping[str, str] = {
    "gray": "(H, W) uint8",
    "gray and alpha": "(H, W, 2) uint8",
    "RGB": "(H, W, 3) uint8",
    "RGB and alpha": "(H, W, 4) uint8",
    "palette": "`Picture` with (N, 3) colours",
    "palette with alpha": "`Picture` with (N, 4) colours",
    "1 bit": "(H, W) bool",
    "gray, 16 bits": "(H, W) uint16",
    "gray and alpha, 16 bits": "(H, W, 2) uint16",
    "RGB, 16 bits": "(H, W, 3) uint16",
    "RGB and alpha, 16 bits": "(H, W, 4) uint16",
    "10 or 12 bits in 16": "uint16; `Picture` with a white",
    "CMYK": "`Picture`, (H, W, 4) uint8",
    "CMYK, 16 bits": "`Picture`, (H, W, 4) uint16",
    "animation, RGB": "`Picture`, (F, H, W, 3)",
    "animation, RGB and alpha": "`Picture`, (F, H, W, 4)",
    "animation of few colours": "`Picture`, (F, H, W, 3)",
    "pages": "`Picture`, (F, H, W) or (F, H, W, C)",
}
"""What the library takes and gives for each kind."""
