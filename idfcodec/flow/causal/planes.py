"""The planes of a tile: which network codes each, what it sees of those before it, and halved chroma below a luma.

Halved chroma sees the luma reduced: of each chroma sample, the mean of the 2 x 2 pixels that it stands for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import IDFError
from idfcodec.flow.causal.config import HALVED, PLACES, SETS
from idfcodec.flow.causal.exact import Work
from idfcodec.types import WHOLE, Planes, PlaneType, Role, Shape

__all__ = ["Tile", "names_of", "places_of"]

WIDEST = 2**17  # values of a plane: a difference of 16 bits


def places_of(types: Sequence[PlaneType]) -> list[tuple[int, list[int]]]:
    """The place of each plane, and the planes before it that it sees, the nearest first.

    Luma, differences and chroma see those of their kind before them; alpha and independent planes see none.
    """
    found: list[tuple[int, list[int]]] = []
    coloured: list[int] = []
    for plane, kind in enumerate(types):
        if kind.role in (Role.ALPHA, Role.INDEPENDENT):
            found.append((0, []))
            continue
        if kind.role is Role.LUMA:
            coloured = []
        place = min(len(coloured), PLACES - 1)
        found.append((place, coloured[::-1][:place]))
        coloured.append(plane)
    return found


def names_of(types: Sequence[PlaneType], arrays: Mapping[str, NDArray[Any]]) -> list[str]:
    """Of each plane the networks of its place: of `SETS`, or those of halved chroma if the model has them."""
    which = SETS[any(plane.role is Role.CHROMA for plane in types)]
    halved = HALVED if f"{HALVED}1.prior" in arrays else which
    return [which if kind.grid == WHOLE else halved for kind in types]


class Tile:
    """The arrays of a tile while it is coded.

    Args:
        shapes: of its planes.
        types: of its planes: all of one size, or a luma and two halved planes of chroma.
        mode: one of the modes of `kernels`.
        words: what is decoded.

    Raises:
        IDFError: the family does not code such planes.
    """

    def __init__(
        self, shapes: Sequence[Shape], types: Sequence[PlaneType], mode: int, words: NDArray[np.uint32] | None = None
    ) -> None:
        from idfcodec.flow.causal.kernels import ENCODE

        if len(shapes) != len(types):
            raise IDFError("the causal flow codes planes of one size, each of a type")
        if any(not 0 < kind.high - kind.low < WIDEST or max(-kind.low, kind.high) > WIDEST for kind in types):
            raise IDFError("the causal flow codes planes of 2 to 131,072 values")
        self.grid = types[-1].grid
        grids = [kind.grid for kind in types]
        halves = self.grid != WHOLE
        roles = [kind.role for kind in types] == [Role.LUMA, Role.CHROMA, Role.CHROMA]
        if grids != [WHOLE] + [self.grid] * (len(types) - 1) or (halves and not roles):
            raise IDFError("the causal flow codes planes of one size, or chroma of another one")
        if len({*shapes[halves:]}) != 1:
            raise IDFError("the causal flow codes planes of one size")
        most = 2 * sum(height * width for height, width in shapes) if mode == ENCODE else 0
        self.main = Work(shapes[0], 1 if halves else len(types), mode, words, most=most)
        self.lower = Work(shapes[1], len(types), mode, above=self.main) if halves else None

    def work(self, plane: int) -> Work:
        """The arrays of one plane."""
        return self.main if self.lower is None or plane == 0 else self.lower

    def inside(self, plane: int) -> NDArray[np.float32]:
        """The values of one plane."""
        found: NDArray[np.float32] = self.work(plane).inside[plane]
        return found

    def refill(self, planes: Planes, first: int) -> None:
        """Has other values from the plane `first` on, none of them coded; all planes are of one size."""
        count = len(self.main.planes)
        for plane in range(first, len(planes)):
            for array in (self.main.planes[plane], self.main.errors[plane], *self.main.spread[plane::count]):
                array[:] = 0
            self.inside(plane)[:] = planes[plane]

    def pixels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(2, H) rows and (2, W) columns of the pixels that each halved sample stands for, first and last."""
        found = []
        for side, whole, step, first in zip(
            self.work(1).local.shape, self.main.local.shape, self.grid.step, self.grid.first, strict=True
        ):
            start = step * np.arange(side) + first
            found.append(np.clip(np.stack((start, start + step - 1)), 0, whole - 1))
        return found[0], found[1]

    def descend(self) -> None:
        """Make, of the luma that is coded, the reduced one that halved chroma sees: its values, errors and spreads."""
        if self.lower is None:
            return
        from idfcodec.flow.causal.kernels import MARGIN

        rows, columns = self.pixels()
        quarter, half = np.float32(0.25), np.float32(0.5)

        def mean(plane: NDArray[np.float32]) -> NDArray[np.float32]:
            upper, under = plane[rows[0]], plane[rows[1]]
            total = (upper[:, columns[0]] + upper[:, columns[1]]) + (under[:, columns[0]] + under[:, columns[1]])
            found: NDArray[np.float32] = np.multiply(total, quarter, dtype=np.float32)
            return found

        within = slice(MARGIN, -MARGIN)
        self.lower.planes[0] = np.pad(np.floor(mean(self.main.inside[0]) + half), MARGIN, mode="edge")
        self.lower.errors[0] = np.pad(mean(self.main.errors[0, within, within]), MARGIN, mode="edge")
        count = len(self.lower.planes)
        self.lower.spread[0], self.lower.spread[count] = mean(self.main.spread[0]), mean(self.main.spread[1])
