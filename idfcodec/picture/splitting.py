"""Samples to planes, and planes to samples: what the kinds of picture do in their rows.

Split, (H, W) or (H, W, C) samples are planes of int32; joined, planes are (H, W, C) samples, not yet checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.types import Plane

__all__ = ["alone", "green_and_differences", "one", "one_and_alpha", "rgb", "rgb_and_alpha", "rgba", "stack"]


def green_and_differences(pixels: NDArray[Any]) -> list[Plane]:
    """Of red, green and blue: green, and what red and blue differ from it by."""
    red, green, blue = (pixels[..., c].astype(np.int32) for c in range(3))
    return [green, red - green, blue - green]


def rgb(planes: Sequence[Plane]) -> NDArray[np.int32]:
    """The inverse of `green_and_differences`."""
    green, red, blue = planes
    return np.stack((red + green, green, blue + green), 2)


def one(pixels: NDArray[Any]) -> list[Plane]:
    """The first channel."""
    return [np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[..., 0], np.int32)]


def alone(planes: Sequence[Plane]) -> NDArray[np.int32]:
    """The inverse of `one`, of a picture of one channel."""
    return planes[0][..., None]


def one_and_alpha(pixels: NDArray[Any]) -> list[Plane]:
    """Both channels as they are."""
    return [*one(pixels[..., 0]), *one(pixels[..., 1])]


def rgb_and_alpha(pixels: NDArray[Any]) -> list[Plane]:
    """`green_and_differences`, and the fourth channel."""
    return [*green_and_differences(pixels[..., :3]), *one(pixels[..., 3])]


def rgba(planes: Sequence[Plane]) -> NDArray[np.int32]:
    """The inverse of `rgb_and_alpha`."""
    return np.concatenate((rgb(planes[:3]), planes[3][..., None]), 2)


def stack(planes: Sequence[Plane]) -> NDArray[np.int32]:
    """The inverse of `one_and_alpha`."""
    return np.stack(planes, 2)
