"""Which ways a picture is coded in before the smallest is taken."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import log_likelihood
from idfcodec.flow.categorical.config import BUDGETS, Budget, Way
from idfcodec.flow.categorical.kernels import ENCODE
from idfcodec.flow.categorical.work import Work

__all__ = ["cost", "likely_ways", "sample"]

TINY = 2**15  # pixels up to which all ways are tried
SMALL = 300_000  # pixels up to which a sample is larger
SAMPLES = 8, 12  # one pixel in so many of a small picture, and of a large one
BANDS = 8
FLAT = 0.94, 0.7  # shares of pixels that repeat a neighbour, from which candidates pay for sure: many colours, few
CLOSE = 1.1  # a second way is tried for effort max if its sample takes up to so many times the first one's


def sample(names: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Some bands of rows of each frame, (F, h, W)."""
    height = names.shape[1]
    rows = max(height // (SAMPLES[names.size > SMALL] * BANDS), 1)
    tops = [(2 * i + 1) * height // (2 * BANDS) - rows // 2 for i in range(BANDS)]
    return np.ascontiguousarray(np.concatenate([names[:, max(top, 0) : top + rows] for top in tops], 1))


def cost(names: NDArray[np.uint32], channels: int, colours: int, way: Way, budget: Budget) -> float:
    """Bits that a way takes for names, without what a payload says besides."""
    work = Work(ENCODE, names, channels, colours if way.tree else 0, way, budget=budget)
    total = 0
    while not work.done:
        total -= log_likelihood(work.intervals()[1])
    return total / 2**20


def likely_ways(
    choices: Mapping[Way, NDArray[np.uint32]], channels: int, colours: int, effort: str
) -> list[tuple[Way, Budget]]:
    """The ways that are worth trying on the whole of a picture.

    Args:
        choices: (F, H, W) names as each way sees them.
        channels: of a name.
        colours: how many there are, 0 for many.
        effort: "fast" and "default" try one, unless the picture is tiny, after samples that take a third of its time
            or less; "max" the two between which a sample leaves doubt; "sample" takes the one for photographs.
    """
    ways = list(choices)
    budget = BUDGETS[5] if effort == "fast" else BUDGETS[4] if 0 < colours <= 2 else BUDGETS[3]
    if effort == "sample":
        return [(ways[-1], budget)]
    if choices[ways[0]].size > TINY:
        parts = {way: sample(names) for way, names in choices.items()}
        if effort != "max" and _repeats(parts[ways[0]]) >= FLAT[colours > 0]:
            ways = [way for way in ways if way.listed]
        if len(ways) > 1:
            costs = [cost(parts[way], 1 if way.ramp else channels, colours, way, budget) for way in ways]
            first, second = np.argsort(costs, kind="stable")[:2]
            also = effort == "max" and costs[second] <= CLOSE * costs[first]
            ways = [ways[first], *[ways[second]] * also]
    budgets = BUDGETS[3:5] if effort == "max" and colours else (budget,)
    return [(way, budget) for way in ways for budget in budgets if way.listed or budget != BUDGETS[4]]


def _repeats(names: NDArray[np.uint32]) -> float:
    """The share of pixels that equal the left one or one of the three above."""
    here, above = names[:, 1:, 1:-1], names[:, :-1]
    same = (here == names[:, 1:, :-2]) | (here == above[..., 1:-1])
    same |= (here == above[..., :-2]) | (here == above[..., 2:])
    return float(same.mean()) if same.size else 1.0
