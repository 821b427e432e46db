"""The conditional prior: discretized mixtures of logistics as integer tables; `mixture.py` makes them.

A latent z is coded given a location (the remainder of the coupling's shift, less than half a step), a scale and a
shape. The shape t in [0, 2] walks through three mixtures of logistics with a common centre:

    t = 0   light tails:  1/2 L(-s', 0.7 s) + 1/2 L(+s', 0.7 s),  s' = 1.1 s
    t = 1   one logistic: L(0, s)
    t = 2   heavy tails:  1/2 L(0, s) + 1/2 L(0, 4 s)

linearly in between; a uniform floor of weight 2**-9 bounds the cost of what the network did not foresee.

References:
    Salimans et al., *PixelCNN++*, 2017, https://arxiv.org/abs/1701.05517 (the discretized logistic mixture)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import ModelError

__all__ = [
    "CELLS",
    "CLASSES",
    "COLOUR_BITS",
    "EXCESS",
    "HIGHEST",
    "LOCATION_BITS",
    "OF_SCALE",
    "ONE",
    "SCALES",
    "SCALE_MAX",
    "SCALE_MIN",
    "SCALE_STEPS",
    "SHAPES",
    "SHAPE_STEPS",
    "STARTS",
    "TOTAL",
    "WidthClass",
    "checked_tables",
]

Values = NDArray[np.int32]

LOCATION_BITS = 4  # locations are multiples of 2**-4 of a pixel value
ONE = 1 << LOCATION_BITS
COLOUR_BITS = 5  # fractional bits of how much the residual of a plane moves the location of another
HIGHEST = 255  # of the values of a plane
SCALE_STEPS = 4  # scales per octave
SCALE_MIN, SCALE_MAX = -3, 6  # log2 of the smallest and the largest scale
SHAPE_STEPS = 4  # shapes per unit of t
SCALES = (SCALE_MAX - SCALE_MIN) * SCALE_STEPS + 1
SHAPES = 2 * SHAPE_STEPS + 1


@dataclass(frozen=True)
class WidthClass:
    """The scales whose tables share a width.

    Args:
        width: columns; column 0 is the escape, column j stands for the latent j - width / 2.
        first: index of the first scale.
        scales: how many scales.
        location_bits: fractional bits of the location that its tables tell apart.
    """

    width: int
    first: int
    scales: int
    location_bits: int

    @property
    def rows(self) -> int:
        return self.scales * SHAPES << self.location_bits


# Windows of some 8 scales either side; what falls outside is escaped. Wide tables need no fine locations.
CLASSES = (
    WidthClass(16, 0, 11, 4),
    WidthClass(32, 11, 6, 3),
    WidthClass(64, 17, 5, 2),
    WidthClass(128, 22, 5, 1),
    WidthClass(256, 27, 5, 0),
    WidthClass(512, 32, 5, 0),
)
# All tables of a plane lie in one array of CELLS, class after class, row after row.
STARTS = tuple(sum(c.rows * c.width for c in CLASSES[:i]) for i in range(len(CLASSES)))
CELLS = STARTS[-1] + CLASSES[-1].rows * CLASSES[-1].width
TOTAL = 2**24
# An escaped latent is a sign and its excess over the window, in [0, EXCESS).
EXCESS = 512

# For each scale: its class, and the class's location bits, first scale, first cell and width.
OF_SCALE = np.array(
    [(i, c.location_bits, c.first, STARTS[i], c.width) for i, c in enumerate(CLASSES) for _ in range(c.scales)],
    np.int32,
)


def checked_tables(arrays: Mapping[str, NDArray[Any]]) -> tuple[Values, Values]:
    """A model's tables of all width classes, (CELLS,), and of the excesses of escapes, (SCALES, EXCESS).

    Raises:
        ModelError: one has the wrong shape or type, or its rows are not frequencies less one.
        KeyError: one is missing.
    """
    tables = []
    for name, rows, width in [(str(c.width), c.rows, c.width) for c in CLASSES] + [("escape", SCALES, EXCESS)]:
        table = arrays[f"prior.{name}"]
        if table.shape != (rows, width) or table.dtype != np.int32:
            raise ModelError(f"the model's table prior.{name} has the wrong shape or type")
        if table.min() < 0 or (table.sum(1, dtype=np.int64) != TOTAL - width).any():
            raise ModelError(f"the model's table prior.{name} does not sum to the coder's total")
        tables.append(table)
    escapes = tables.pop()
    return np.concatenate([table.ravel() for table in tables]), escapes
