"""The arrays that the package hands around, and what a plane of a picture is."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["WHOLE", "Buffer", "Grid", "Pixels", "Plane", "PlaneType", "Planes", "Progress", "Role", "Shape"]

Pixels = NDArray[np.uint8 | np.uint16]
"""Samples as users see them: (H, W) or (H, W, C), C from 2 to 4."""
Plane = NDArray[np.int32]
"""One component of a picture as a family codes it: (H, W)."""
Planes = Sequence[Plane]
"""The planes of one picture, which may differ in size; a (C, H, W) array is read as C planes as well."""
Shape = tuple[int, int]
"""Height and width in pixels."""
Buffer = bytes | bytearray | memoryview
Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do in all."""


class Role(enum.Enum):
    """What a plane is to the other planes of its picture."""

    LUMA = "luma"
    DIFFERENCE = "difference"
    CHROMA = "chroma"
    ALPHA = "alpha"
    INDEPENDENT = "independent"


@dataclass(frozen=True)
class Grid:
    """Which pixels the samples of a plane stand for: sample i of an axis for `step` of them from step i + first on.

    Args:
        step: rows and columns, 1 or 2.
        first: row and column, from -2 on.
    """

    step: tuple[int, int] = (1, 1)
    first: tuple[int, int] = (0, 0)


WHOLE = Grid()
"""A sample for every pixel."""


@dataclass(frozen=True)
class PlaneType:
    """What a family must know of a plane before it sees one.

    Args:
        role: what it is to the others.
        low: its smallest value.
        high: its largest value.
        grid: which pixels its samples stand for.
    """

    role: Role
    low: int = 0
    high: int = 255
    grid: Grid = WHOLE
