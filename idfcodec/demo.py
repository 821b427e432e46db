"""A picture to try the codec on, drawn with integers only: the same pixels on every machine.

A landscape in the manner of a photograph: a sky that grows lighter towards the horizon, clouds and rock from fractal
value noise (octaves of half the amplitude and twice the frequency, a 1/f spectrum), ranges of hills that pale with
distance, soft edges, and a sensor's grain that grows with the light.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw"]

Grid = NDArray[np.int64]

ONE = 1 << 12  # fixed-point unit of everything below
BAND = 128  # rows drawn at a time
SKY_ABOVE, SKY_BELOW, CLOUD = (62, 104, 170), (196, 214, 226), (244, 240, 236)
RANGES = (  # height of the ridge in 1/100 of the picture, how far it varies, colour, strength of the texture
    (46, 16, (142, 158, 176), 18),
    (58, 20, (96, 112, 104), 44),
    (74, 24, (62, 74, 44), 90),
)


def draw(width: int = 768, height: int = 512, *, seed: int = 1) -> NDArray[np.uint8]:
    """Draws the picture.

    Args:
        width: in pixels, at least 1.
        height: in pixels, at least 1.
        seed: another seed, another landscape.

    Returns:
        (height, width, 3) uint8.
    """
    picture = np.empty((height, width, 3), np.uint8)
    for first in range(0, height, BAND):  # bands bound the memory
        picture[first : first + BAND] = _draw_band(width, height, first, min(BAND, height - first), seed)
    return picture


def _draw_band(width: int, height: int, first: int, count: int, seed: int) -> NDArray[np.uint8]:
    """Rows `first` to `first + count` of the picture, (count, width, 3)."""
    y = np.arange(first, first + count, dtype=np.int64)[:, None]
    x = np.arange(width, dtype=np.int64)[None, :]
    unit = max(height, width, 2)
    canvas = _mix(_flat(SKY_ABOVE), _flat(SKY_BELOW), (y * ONE // height)[:, :, None] + 0 * x[:, :, None])
    clouds = _fractal(x, 3 * y, unit // 3, seed)
    canvas = _mix(canvas, _flat(CLOUD), np.clip((clouds - ONE // 2) * 3, 0, ONE)[:, :, None])
    for index, (ridge, variation, colour, texture) in enumerate(RANGES):
        outline = _fractal(x, 0 * x, unit // (2 + index), seed + 10 + index) - ONE // 2
        top = height * (ridge * ONE + variation * outline) // 100  # the ridge in 1 / ONE pixels
        coverage = np.clip(y * ONE - top + ONE // 2, 0, ONE)  # a soft edge, one pixel wide
        rock = _fractal(x, y, unit // 12, seed + 20 + index) - ONE // 2
        leaves = _fractal(x, y, max(unit // 90, 2), seed + 30 + index) - ONE // 2
        light = ONE + ((rock + leaves) * texture >> 6) - (outline >> 2)
        ground = (_flat(colour) * light[:, :, None]) >> 12
        canvas = _mix(canvas, ground, coverage[:, :, None])
    canvas = np.clip(canvas, 0, 255 * 16)
    grain = sum(_hash(x + 0 * y, y + 0 * x, seed + 90 + i) & 255 for i in range(4)) - 510
    tint = [_hash(x + 0 * y, y + 0 * x, seed + 95 + i) & 255 for i in range(3)]
    noise = np.stack([grain + (t - 128) for t in tint], axis=2) * (canvas + 800) // (3 << 13)
    picture: NDArray[np.uint8] = np.clip((canvas + noise + 8) >> 4, 0, 255).astype(np.uint8)
    return picture


def _flat(colour: tuple[int, int, int]) -> Grid:
    """A colour in sixteenths of a grey level, (1, 1, 3)."""
    return np.array(colour, np.int64).reshape(1, 1, 3) * 16


def _mix(below: Grid, above: Grid, share: Grid) -> Grid:
    """`share` of `above` in units of 1 / ONE, the rest of `below`."""
    return below + ((above - below) * share >> 12)


def _fractal(x: Grid, y: Grid, cell: int, seed: int) -> Grid:
    """Value noise of cells of `cell` pixels and its octaves, in [0, ONE)."""
    total, amplitude = np.zeros(np.broadcast(x, y).shape, np.int64), ONE // 2
    while cell >= 2 and amplitude:
        total += amplitude * _value_noise(x, y, cell, seed) >> 12
        cell, amplitude, seed = cell // 2, amplitude // 2, seed + 1000
    return total


def _value_noise(x: Grid, y: Grid, cell: int, seed: int) -> Grid:
    """Random values on a grid of `cell` pixels with smooth steps between them, in [0, ONE)."""
    column, row = x // cell, y // cell
    across, down = (_smooth((v % cell) * ONE // cell) for v in (x, y))
    corners = [[_hash(column + i, row + j, seed) % ONE for i in (0, 1)] for j in (0, 1)]
    upper, lower = (left + ((right - left) * across >> 12) for left, right in corners)
    value: Grid = upper + ((lower - upper) * down >> 12)
    return value


def _smooth(t: Grid) -> Grid:
    """3t^2 - 2t^3 in fixed point."""
    return t * t // ONE * (3 * ONE - 2 * t) // ONE


def _hash(x: Grid, y: Grid, seed: int) -> Grid:
    """A well-mixed value of 32 bits for each position."""
    mask = 0xFFFFFFFF
    h = (x * 0x9E3779B1 + y * 0x85EBCA77 + seed * 0xC2B2AE3D) & mask
    for shift, factor in ((16, 0x45D9F3B), (15, 0x2C1B3C6D)):
        h = ((h ^ (h >> shift)) * factor) & mask
    return h ^ (h >> 16)
