"""Which ways a picture is coded in before the smallest is taken."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import log_likelihood
from idfcodec.flow.categorical.config import FAST, FEW, MANY, Budget, Way
from idfcodec.flow.categorical.kernels import ENCODE
from idfcodec.flow.categorical.work import Work

__all__ = ["budgets_of", "cost", "likely_ways", "sample"]

TINY = 2**13  # pixels up to which all ways are tried
SMALL = 150_000  # pixels up to which a sample is larger
SAMPLES, ENOUGH = (8, 12), 2**17  # one pixel in so many of a small picture, and of a large one; at most so many
BANDS = 8
STEP = 2**12  # decisions after which it is asked whether a way can still be the best one
FLAT = 0.94, 0.7  # shares of pixels that repeat a neighbour, from which candidates pay for sure: many colours, few
DENSE, DENSE_COLOURS = 0.75, 17  # the share of gray values that occur, and how many, from which ranks gain nothing
VARIED = 0.5  # where fewer pixels repeat a neighbour
CLOSE = 1.1  # a second way is tried for effort max if its sample takes up to so many times the first one's


def sample(names: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Some bands of rows of each frame, (F, h, W)."""
    height = names.shape[1]
    rows = max(height // (max(SAMPLES[names.size > SMALL], names.size // ENOUGH) * BANDS), 1)
    tops = [(2 * i + 1) * height // (2 * BANDS) - rows // 2 for i in range(BANDS)]
    return np.ascontiguousarray(np.concatenate([names[:, max(top, 0) : top + rows] for top in tops], 1))


def cost(
    names: NDArray[np.uint32], channels: int, colours: int, way: Way, budget: Budget, limit: float = float("inf")
) -> float:
    """Bits that a way takes for names, without what a payload says besides; beyond the limit, no more is asked."""
    work = Work(ENCODE, names, channels, colours if way.tree else 0, way, budget=budget, strip=STEP)
    bits = 0.0
    while not work.done and bits <= limit:
        bits -= log_likelihood(work.intervals()[1]) / 2**20
    return bits


def budgets_of(way: Way, colours: int, effort: str) -> tuple[Budget, ...]:
    """Those that are tried: what few colours repeat is told by wide surroundings, and the narrow ones only cost."""
    few = way.tree or 0 < colours <= 2
    if effort == "fast":
        return (FAST,)
    return (FEW, MANY) if effort == "max" and way.listed and colours else (FEW,) if few else (MANY,)


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
    if effort == "sample":
        return [(ways[-1], MANY)]
    if choices[ways[0]].size > TINY:
        parts = {way: sample(names) for way, names in choices.items()}
        if effort != "max" and _repeats(parts[ways[0]]) >= FLAT[colours > 0]:
            ways = [way for way in ways if way.listed]
        if len(ways) > 1:
            slack, costs = CLOSE if effort == "max" else 1.0, [float("inf")]
            for way in ways:
                of, budget = 1 if way.ramp else channels, budgets_of(way, colours, effort)[0]
                costs.append(cost(parts[way], of, colours, way, budget, slack * min(costs)))
            first, second = np.argsort(costs[1:], kind="stable")[:2]
            also = effort == "max" and costs[second + 1] <= slack * costs[first + 1]
            ways = [ways[first], *[ways[second]] * also]
    elif effort != "max" and channels == 1 and not ways[0].ramp | ways[0].tree and _dense(choices[ways[0]], colours):
        ways = [way for way in ways if not way.ramp]  # which comes to the same
    return [(way, budget) for way in ways for budget in budgets_of(way, colours, effort)]


def _dense(names: NDArray[np.uint32], colours: int) -> bool:
    """Whether values of gray leave few out between the least and the greatest, and repeat little: ranks are like it."""
    span = int(names.max()) - int(names.min()) + 1
    return colours >= max(DENSE * span, DENSE_COLOURS) and _repeats(names) < VARIED


def _repeats(names: NDArray[np.uint32]) -> float:
    """The share of pixels that equal the left one or one of the three above."""
    here, above = names[:, 1:, 1:-1], names[:, :-1]
    same = (here == names[:, 1:, :-2]) | (here == above[..., 1:-1])
    same |= (here == above[..., :-2]) | (here == above[..., 2:])
    return float(same.mean()) if same.size else 1.0
