"""Which ways a picture is coded in before the smallest is taken."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import log_likelihood
from idfcodec.flow.categorical.config import Way
from idfcodec.flow.categorical.kernels import ENCODE
from idfcodec.flow.categorical.work import Work

__all__ = ["cost", "likely_ways", "sample"]

SMALL = 300_000  # pixels below which all ways are tried
SAMPLE = 12  # one pixel in so many is looked at first
BANDS = 4


def sample(names: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Some bands of rows of each frame, (F, h, W)."""
    height = names.shape[1]
    rows = max(height // (SAMPLE * BANDS), 1)
    tops = [(2 * i + 1) * height // (2 * BANDS) - rows // 2 for i in range(BANDS)]
    return np.ascontiguousarray(np.concatenate([names[:, max(top, 0) : top + rows] for top in tops], 1))


def cost(names: NDArray[np.uint32], channels: int, colours: int, way: Way, *, fast: bool) -> float:
    """Bits that a way takes for names, without what a payload says besides."""
    work = Work(ENCODE, names, channels, colours if way.tree else 0, way, fast=fast)
    total = 0
    while not work.done:
        total -= log_likelihood(work.intervals()[1])
    return total / 2**20


def likely_ways(choices: Mapping[Way, NDArray[np.uint32]], channels: int, colours: int, effort: str) -> list[Way]:
    """The ways that are worth trying on the whole of a picture.

    Args:
        choices: (F, H, W) names as each way sees them.
        channels: of a name.
        colours: how many there are, 0 for many.
        effort: "max" tries all of them.
    """
    ways = list(choices)
    size = choices[ways[0]].size
    if effort == "max" or size < SMALL:
        return ways
    costs = [
        cost(sample(names), 1 if way.ramp else channels, colours, way, fast=effort == "fast")
        for way, names in choices.items()
    ]
    return [ways[int(np.argmin(costs))]]
