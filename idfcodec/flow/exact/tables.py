"""The conditional prior: discretized mixtures of logistics, as a likelihood to train and as integer tables to code.

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

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = [
    "CELLS",
    "CLASSES",
    "EXCESS",
    "LOCATION_BITS",
    "SCALES",
    "SCALE_MAX",
    "SCALE_MIN",
    "SCALE_STEPS",
    "SHAPES",
    "SHAPE_STEPS",
    "STARTS",
    "TOTAL",
    "WidthClass",
    "bits",
    "build_tables",
]

LOCATION_BITS = 4  # locations are multiples of 2**-4 of a pixel value
SCALE_STEPS = 4  # scales per octave
SCALE_MIN, SCALE_MAX = -3, 6  # log2 of the smallest and the largest scale
SHAPE_STEPS = 4  # shapes per unit of t
SCALES = (SCALE_MAX - SCALE_MIN) * SCALE_STEPS + 1
SHAPES = 2 * SHAPE_STEPS + 1
FLOOR = 2.0**-9
SUPPORT = 511  # values that a difference of two 8-bit values takes


def _mass(distance: Tensor, inverse_scale: Tensor) -> Tensor:
    """Probability of the unit interval at `distance` from the centre of a logistic."""
    distance = distance.abs()
    return torch.sigmoid((0.5 - distance) * inverse_scale) - torch.sigmoid((-0.5 - distance) * inverse_scale)


def bits(residual: Tensor, log_scale: Tensor, shape: Tensor) -> Tensor:
    """Cost in bits of integers at `residual` (value minus location) under scale `2**log_scale` and `shape` t."""
    scale = torch.exp2(log_scale.clamp(SCALE_MIN, SCALE_MAX))
    inverse = 1 / scale
    shape = shape.clamp(0, 2)
    light, heavy = (1 - shape).clamp_min(0), (shape - 1).clamp_min(0) / 2
    spread = 1.1 * scale
    narrow = inverse / 0.7
    p = (1 - light - heavy) * _mass(residual, inverse) + heavy * _mass(residual, inverse / 4)
    p = p + light / 2 * (_mass(residual - spread, narrow) + _mass(residual + spread, narrow))
    return -torch.log2((1 - FLOOR) * p + FLOOR / SUPPORT)


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
# An escaped latent is a sign and its excess over the window, in [0, EXCESS), with the heavy tail's decay.
EXCESS = 512
ESCAPE_SPREAD = 4


def _row(location: float, scale: float, shape: float, width: int) -> NDArray[np.int32]:
    """Weights of one table: they sum to TOTAL - width, so that the coder's frequencies are each weight plus one."""
    z = torch.arange(1 - width // 2, width // 2, dtype=torch.float64) - location
    cost = bits(z, torch.tensor(math.log2(scale)), torch.tensor(shape)).numpy()
    p = np.exp2(-cost)
    p = np.concatenate(([max(1 - p.sum(), 0) + 2.0**-16], p))
    weights = np.maximum(np.floor(p / p.sum() * (TOTAL - width)), 1).astype(np.int64)
    weights[1 + weights[1:].argmax()] += TOTAL - width - weights.sum()
    row: NDArray[np.int32] = weights.astype(np.int32)
    return row


def build_tables() -> dict[str, NDArray[np.int32]]:
    """The integer tables of all scales, shapes and locations: `prior.WIDTH`, (rows, width) int32.

    Rows are ordered by scale, then shape, then location from -1/2 upwards. Made once, at export: the model file
    carries them, since `exp` differs between machines.
    """
    tables = {}
    for group in CLASSES:
        step = 2.0**-group.location_bits
        half = (1 << group.location_bits) // 2
        rows = [
            _row(f * step, 2.0 ** (s / SCALE_STEPS + SCALE_MIN), k / SHAPE_STEPS, group.width)
            for s in range(group.first, group.first + group.scales)
            for k in range(SHAPES)
            for f in range(-half, max(half, 1))
        ]
        tables[f"prior.{group.width}"] = np.stack(rows)
    scales = 2.0 ** (np.arange(SCALES)[:, None] / SCALE_STEPS + SCALE_MIN)
    p = np.exp(-np.arange(EXCESS) / (ESCAPE_SPREAD * scales))
    p = p / p.sum(1, keepdims=True) + 2.0**-13
    weights = np.floor(p / p.sum(1, keepdims=True) * (TOTAL - EXCESS)).astype(np.int32)
    weights[:, 0] += TOTAL - EXCESS - weights.sum(1, dtype=np.int32)
    tables["prior.escape"] = weights
    return tables
