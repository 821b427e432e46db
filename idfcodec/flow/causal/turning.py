"""Tall and narrow tiles, which are coded lying: a row's own cost is then paid a few times only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from idfcodec.types import Grid, Plane, PlaneType, Shape

__all__ = ["is_tall", "turned", "turned_shapes", "turned_types"]

NARROW = 16  # pixels: from here on rows cost little beside their pixels
TALL = 4  # times the width


def is_tall(shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether planes of these sizes are coded lying; a turned tile is not."""
    height = max(shape[0] for shape in shapes)
    width = max(shape[1] for shape in shapes)
    return width < NARROW and height >= TALL * width


def turned(picture: Sequence[Plane]) -> list[Plane]:
    """Rows as columns; twice, and all is as it was."""
    return [np.ascontiguousarray(plane.T) for plane in picture]


def turned_shapes(shapes: Sequence[Shape]) -> list[Shape]:
    """The same for sizes."""
    return [(width, height) for height, width in shapes]


def turned_types(types: Sequence[PlaneType]) -> list[PlaneType]:
    """The same for what planes are: of a halved one, which pixels its samples stand for."""
    return [replace(kind, grid=Grid(kind.grid.step[::-1], kind.grid.first[::-1])) for kind in types]
