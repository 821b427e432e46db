"""Planes that several of the flow's tests are about."""

from __future__ import annotations

import numpy as np

from idfcodec.flow.hierarchical.walk import Values
from idfcodec.format.container import Mode
from idfcodec.picture.colour import KINDS
from tests.pictures import Pixels

__all__ = ["planes_of", "shape_of"]


def planes_of(pixels: Pixels) -> Values:
    """(C, H, W) planes: three of RGB, one of gray."""
    return np.stack((KINDS[Mode.GRAY] if pixels.ndim == 2 else KINDS[Mode.RGB]).split(pixels))


def shape_of(planes: Values) -> tuple[int, int, int]:
    channels, height, width = planes.shape
    return channels, height, width
