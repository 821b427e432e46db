"""The compiled loops that say between what bounds the planes of a pixel lie, given its colour and other planes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called, compiled

__all__ = ["FREE", "bound_chroma", "bound_lumas", "bound_pixels"]

FREE = 10000  # a bound that bounds nothing
OUTSIDE = 230  # by how much a colour may be out of range: 1.772 times 128, and more
RED, GREEN_FIRST, GREEN_SECOND, BLUE = 91881, 22554, 46802, 116130  # libjpeg's factors, in 1 / 65536

Shorts = NDArray[np.int16]


@called
def _least(value: int, factor: int) -> int:
    """The least number whose product with factor / 65536, rounded, is at least `value`."""
    return -((65536 * -value + 32768) // factor)


@called
def _box(red: int, green: int, blue: int, y: int, box: NDArray[np.int64]) -> bool:
    """Least and greatest Cb and Cr, less 128, of a pixel whose luma is y; False if there are none.

    All that makes it lies between, some of what lies between does not.
    """
    b0, b1, r0, r1 = np.int64(-128), np.int64(127), np.int64(-128), np.int64(127)
    if blue < 255:
        b1 = min(b1, _least(blue - y + 1, BLUE) - 1)
    if blue > 0:
        b0 = max(b0, _least(blue - y, BLUE))
    if red < 255:
        r1 = min(r1, _least(red - y + 1, RED) - 1)
    if red > 0:
        r0 = max(r0, _least(red - y, RED))
    if b0 > b1 or r0 > r1:
        return False
    if green < 255:  # the share of green falls as both rise
        most = 65536 * (green - y + 1) - 32769
        r0 = max(r0, -((most + GREEN_FIRST * b1) // GREEN_SECOND))
        b0 = max(b0, -((most + GREEN_SECOND * r1) // GREEN_FIRST))
    if green > 0:
        least = 65536 * (green - y) - 32768
        r1 = min(r1, (-least - GREEN_FIRST * b0) // GREEN_SECOND)
        b1 = min(b1, (-least - GREEN_SECOND * r0) // GREEN_FIRST)
    box[0], box[1], box[2], box[3] = b0, b1, r0, r1
    return bool(b0 <= b1 and r0 <= r1)


@called
def _lumas(red: int, green: int, blue: int) -> tuple[int, int]:
    """Between what the luma of a pixel lies, from what a clipped channel may have been.

    The luma is 0.299 R + 0.587 G + 0.114 B of what R, G and B were, but for the rounding of them and of the luma: 1.
    """
    low, high = 0, 0
    for value, share in ((red, 299), (green, 587), (blue, 114)):
        low += share * (value if value > 0 else -OUTSIDE)
        high += share * (value if value < 255 else 255 + OUTSIDE)
    return max(low // 1000 - 2, 0), min(high // 1000 + 3, 255)


@compiled
def bound_pixels(rgb: NDArray[np.uint8], exact: NDArray[np.bool_], low: Shorts, high: Shorts) -> None:
    """Between what Y, Cb and Cr of clipped pixels lie, each on its own.

    Args:
        rgb: (H, W, 3).
        exact: (H, W) where `low` and `high` say the one colour that there is; nothing is done there.
        low, high: (3, H, W) from 0 to 255, written elsewhere; (−FREE, FREE) where nothing makes the pixel.
    """
    before = np.full(3, -1, np.int64)
    box, least, most = np.empty(4, np.int64), np.empty(3, np.int64), np.empty(3, np.int64)
    for r in range(rgb.shape[0]):
        for c in range(rgb.shape[1]):
            if exact[r, c]:
                continue
            red, green, blue = np.int64(rgb[r, c, 0]), np.int64(rgb[r, c, 1]), np.int64(rgb[r, c, 2])
            if red != before[0] or green != before[1] or blue != before[2]:
                before[0], before[1], before[2] = red, green, blue
                least[:] = FREE
                most[:] = -FREE
                first, last = _lumas(red, green, blue)
                for y in range(first, last + 1):
                    if _box(red, green, blue, y, box):
                        least[0], most[0] = min(least[0], y), max(most[0], y)
                        for k in range(2):
                            least[1 + k] = min(least[1 + k], box[2 * k] + 128)
                            most[1 + k] = max(most[1 + k], box[2 * k + 1] + 128)
                if least[0] > most[0]:
                    least[:] = -FREE
                    most[:] = FREE
            for k in range(3):
                low[k, r, c], high[k, r, c] = least[k], most[k]


@compiled
def bound_lumas(
    rgb: NDArray[np.uint8], first: NDArray[np.int32], second: NDArray[np.int32], low: Shorts, high: Shorts
) -> None:
    """Narrow bounds of luma to what the chroma leaves, `first` and `second` (less 128); not where it leaves nothing."""
    for r in range(rgb.shape[0]):
        for c in range(rgb.shape[1]):
            if low[r, c] == high[r, c]:
                continue
            c1, c2 = np.int64(first[r, c]), np.int64(second[r, c])
            least, most = np.int64(low[r, c]), np.int64(high[r, c])
            for k in range(3):
                share = (RED * c2 + 32768) >> 16
                if k == 1:
                    share = (-GREEN_FIRST * c1 - GREEN_SECOND * c2 + 32768) >> 16
                elif k == 2:
                    share = (BLUE * c1 + 32768) >> 16
                value = np.int64(rgb[r, c, k])
                if value > 0:
                    least = max(least, value - share)
                if value < 255:
                    most = min(most, value - share)
            if least <= most:
                low[r, c], high[r, c] = least, most


@compiled
def bound_chroma(rgb: NDArray[np.uint8], luma: NDArray[np.int32], low: Shorts, high: Shorts) -> None:
    """Narrow bounds of chroma, (2, H, W) from 0 to 255, to what the luma leaves; not where it leaves nothing."""
    box = np.empty(4, np.int64)
    for r in range(rgb.shape[0]):
        for c in range(rgb.shape[1]):
            if low[0, r, c] == high[0, r, c] and low[1, r, c] == high[1, r, c]:
                continue
            red, green, blue = np.int64(rgb[r, c, 0]), np.int64(rgb[r, c, 1]), np.int64(rgb[r, c, 2])
            if not _box(red, green, blue, np.int64(luma[r, c]), box):
                continue
            for k in range(2):
                least = max(np.int64(low[k, r, c]), box[2 * k] + 128)
                most = min(np.int64(high[k, r, c]), box[2 * k + 1] + 128)
                if least <= most:
                    low[k, r, c], high[k, r, c] = least, most
