"""Screens to test with: flat areas, repeated shapes and ramps, drawn of integers only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.pictures import generate

__all__ = ["screen"]


def screen(width: int, height: int, channels: int, seed: int = 0) -> NDArray[np.uint32]:
    """(1, H, W) names: a background with windows, rows of glyphs, a ramp and a corner of a photograph."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 256, (12, 4))
    picture = np.empty((height, width, 4), np.int64)
    picture[:] = colours[0]
    for i in range(1, 5):
        top, left = rng.integers(0, height), rng.integers(0, width)
        picture[top : top + height // 2, left : left + width // 3] = colours[i]
    glyphs = rng.integers(0, 2, (4, 5, 4)).astype(bool)
    for y in range(1, height - 5, 7):
        for x in range(1, width - 4, 5):
            picture[y : y + 5, x : x + 4][glyphs[(x * y + x) % 4]] = colours[6]
    picture[: height // 6, : width // 2, 0] += np.arange(width // 2) % 64
    photo = generate("photo", max(width // 4, 1), max(height // 4, 1), seed)
    picture[-photo.shape[0] :, -photo.shape[1] :, :3] = photo
    names = (picture & 255) << (8 * np.arange(4)) & (2 ** (8 * channels) - 1)
    return names.sum(2).astype(np.uint32)[None]
