"""Pictures to test with, made of integers only: the same pixels on every machine and with every release of NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from idfcodec.demo import draw

__all__ = ["GENERATORS", "Generator", "Pixels", "generate", "through_ycbcr"]

Pixels = NDArray[np.uint8]
Generator = Callable[[int, int, int], Pixels]


def _bits(count: int, seed: int) -> NDArray[np.uint64]:
    """`count` well-mixed values of 64 bits: SplitMix64, https://prng.di.unimi.it/splitmix64.c."""
    z = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def through_ycbcr(pixels: Pixels) -> Pixels:
    """(H, W, 3) RGB as it comes back from the 8-bit YCbCr of JPEG, in 16-bit fixed point."""
    r, g, b = (pixels[..., c].astype(np.int64) for c in range(3))
    half = 1 << 15
    luma = (19595 * r + 38470 * g + 7471 * b + half) >> 16
    blue = ((-11059 * r - 21709 * g + 32768 * b + half) >> 16).clip(-128, 127)
    red = ((32768 * r - 27439 * g - 5329 * b + half) >> 16).clip(-128, 127)
    back = (
        luma + ((91881 * red + half) >> 16),
        luma - ((22554 * blue + 46802 * red + half) >> 16),
        luma + ((116130 * blue + half) >> 16),
    )
    return np.stack(back, 2).clip(0, 255).astype(np.uint8)


def _photo(width: int, height: int, seed: int) -> Pixels:
    return draw(width, height, seed=seed)


def _lattice(width: int, height: int, seed: int) -> Pixels:
    return through_ycbcr(draw(width, height, seed=seed))


def _gray(width: int, height: int, seed: int) -> Pixels:
    return np.ascontiguousarray(draw(width, height, seed=seed)[..., 1])


def _gray_as_rgb(width: int, height: int, seed: int) -> Pixels:
    return np.repeat(_gray(width, height, seed)[..., None], 3, 2)


def _noise(width: int, height: int, seed: int) -> Pixels:
    return (_bits(width * height * 3, seed) >> np.uint64(56)).astype(np.uint8).reshape(height, width, 3)


def _gray_noise(width: int, height: int, seed: int) -> Pixels:
    return (_bits(width * height, seed) >> np.uint64(56)).astype(np.uint8).reshape(height, width)


def _grainy(width: int, height: int, seed: int) -> Pixels:
    grain = _noise(width, height, seed).astype(np.int64) % 33 - 16
    return (draw(width, height, seed=seed) + grain).clip(0, 255).astype(np.uint8)


def _extremes(width: int, height: int, seed: int) -> Pixels:
    return (_noise(width, height, seed) & 1) * np.uint8(255)


def _constant(width: int, height: int, seed: int) -> Pixels:
    return np.broadcast_to(_noise(1, 1, seed), (height, width, 3)).copy()


def _gradient(width: int, height: int, seed: int) -> Pixels:
    across, down = np.arange(width)[None, :] * 255 // max(width - 1, 1), np.arange(height)[:, None] * 255
    down = down // max(height - 1, 1)
    planes = (across + 0 * down, down + 0 * across, (across + down + seed) % 256)
    return np.stack(planes, 2).astype(np.uint8)


GENERATORS: dict[str, Generator] = {
    "photo": _photo,
    "lattice": _lattice,
    "gray": _gray,
    "gray_as_rgb": _gray_as_rgb,
    "noise": _noise,
    "gray_noise": _gray_noise,
    "grainy": _grainy,
    "extremes": _extremes,
    "constant": _constant,
    "gradient": _gradient,
}
"""Kinds of pictures: `f(width, height, seed)` gives (height, width, 3) or (height, width) uint8."""


def generate(kind: str, width: int, height: int, seed: int = 1) -> Pixels:
    """The picture of a kind in `GENERATORS`."""
    return GENERATORS[kind](width, height, seed)
