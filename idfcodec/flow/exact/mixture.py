"""The prior's mixtures in floating point: bits to train on, and the tables that a model file carries.

References:
    Salimans et al., *PixelCNN++*, 2017, https://arxiv.org/abs/1701.05517 (the discretized logistic mixture)
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idfcodec.flow.exact.tables import (
    CLASSES,
    EXCESS,
    SCALE_MAX,
    SCALE_MIN,
    SCALE_STEPS,
    SCALES,
    SHAPE_STEPS,
    SHAPES,
    TOTAL,
)

__all__ = ["bits", "build_tables"]

FLOOR = 2.0**-9
SUPPORT = 511  # values that a difference of two 8-bit values takes
ESCAPE_SPREAD = 4  # of the excess of an escape, in scales: the heavy tail's decay


def _mass(distance: Tensor, inverse_scale: Tensor) -> Tensor:
    """Probability of the unit interval at `distance` from the centre of a logistic."""
    distance = distance.abs()
    return torch.sigmoid((0.5 - distance) * inverse_scale) - torch.sigmoid((-0.5 - distance) * inverse_scale)


def bits(residual: Tensor, log_scale: Tensor, shape: Tensor) -> Tensor:
    """Bits of integers at `residual` (value minus location) under scale `2**log_scale` and `shape` t."""
    scale = torch.exp2(log_scale.clamp(SCALE_MIN, SCALE_MAX))
    inverse = 1 / scale
    shape = shape.clamp(0, 2)
    light, heavy = (1 - shape).clamp_min(0), (shape - 1).clamp_min(0) / 2
    spread = 1.1 * scale
    narrow = inverse / 0.7
    p = (1 - light - heavy) * _mass(residual, inverse) + heavy * _mass(residual, inverse / 4)
    p = p + light / 2 * (_mass(residual - spread, narrow) + _mass(residual + spread, narrow))
    return -torch.log2((1 - FLOOR) * p + FLOOR / SUPPORT)


def _row(location: float, scale: float, shape: float, width: int) -> NDArray[np.int32]:
    """Weights of one table: they sum to TOTAL - width, so that the coder's frequencies are each weight plus one."""
    z = torch.arange(1 - width // 2, width // 2, dtype=torch.float64) - location
    length = bits(z, torch.tensor(math.log2(scale)), torch.tensor(shape)).numpy()
    p = np.exp2(-length)
    p = np.concatenate(([max(1 - p.sum(), 0) + 2.0**-16], p))
    weights = np.maximum(np.floor(p / p.sum() * (TOTAL - width)), 1).astype(np.int64)
    weights[1 + weights[1:].argmax()] += TOTAL - width - weights.sum()
    row: NDArray[np.int32] = weights.astype(np.int32)
    return row


def build_tables() -> dict[str, NDArray[np.int32]]:
    """The integer tables of all scales, shapes and locations: `prior.WIDTH`, (rows, width) int32.

    Frequencies are ordered by scale, then shape, then location from -1/2 upwards. Made once, at export: the model file
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
