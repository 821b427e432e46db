"""Lists of colours: which there are, how they are ordered, and how a payload holds them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_COLOURS", "by_luminance", "by_significance", "few_colours", "packed"]

MOST_COLOURS = 256
"""Of a list."""
CHUNK = 2**18  # pixels looked at before it is asked whether there are too many colours


def packed(palette: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(n, C) colours as (n,) names: channel c at bits 8 c."""
    shifts = np.arange(palette.shape[1], dtype=np.uint32) * np.uint32(8)
    names: NDArray[np.uint32] = (palette.astype(np.uint32) << shifts).sum(1, dtype=np.uint32)
    return names


def few_colours(names: NDArray[np.uint32]) -> NDArray[np.uint32] | None:
    """The distinct names, ascending, if there are no more than `MOST_COLOURS`."""
    flat = names.reshape(-1)
    found = flat[:0]
    for start in range(0, len(flat), CHUNK):
        part = flat[start : start + CHUNK]
        changes = part[1:][part[1:] != part[:-1]]
        found = np.unique(np.concatenate((found, part[:1], changes)))
        if len(found) > MOST_COLOURS:
            return None
    return found


def _channel(colours: NDArray[np.uint32], c: int) -> NDArray[np.int64]:
    return (colours.astype(np.int64) >> (8 * c)) & 255


def by_significance(colours: NDArray[np.uint32], channels: int) -> NDArray[np.intp]:
    """The order of colours by alpha, green, blue, red, or by alpha and gray; equal ones stay as they are."""
    values = [_channel(colours, c) for c in range(channels)]
    keys = values if channels < 3 else [values[0], values[2], values[1], *values[3:]]
    return np.lexsort(keys)


def by_luminance(colours: NDArray[np.uint32], channels: int) -> NDArray[np.intp]:
    """The order of colours by 2 red + 5 green + blue, or by gray, and then by their names; alpha does not count."""
    red = _channel(colours, 0)
    luminance = red if channels < 3 else 2 * red + 5 * _channel(colours, 1) + _channel(colours, 2)
    return np.lexsort((colours, luminance))
