"""Maximum likelihood on samples that never repeat, for the densities of `toys.py`: minutes on one core."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from idfcodec.baselines.contract import Density
from idfcodec.errors import IDFError

__all__ = ["Draw", "FitConfig", "evaluate", "fit", "integral"]

AT_ONCE = 100_000  # samples for a family that learns without gradients
# (x, condition) of n samples
Draw = Callable[[int, torch.Generator], tuple[Tensor, Tensor | None]]


@dataclass(frozen=True)
class FitConfig:
    """What a run does.

    Args:
        steps: of Adam.
        seconds: stop by the clock, the schedule with it; None for no such bound.
        batch: fresh samples of a step.
        learning_rate: the first one; it falls to 0 along a cosine.
        seed: of the samples.
    """

    steps: int = 1500
    seconds: float | None = None
    batch: int = 256
    learning_rate: float = 0.003
    seed: int = 0


def fit(model: Density, draw: Draw, config: FitConfig) -> list[float]:
    """Train in place; the loss of every step, mostly -E log p(x | condition) in nats. Leaves the model in `eval`.

    A family without gradients is given the samples of all steps at once, at most AT_ONCE, and has a loss for each of
    its stages.

    Raises:
        IDFError: the loss was not finite in a hundred steps on end.
    """
    generator = torch.Generator().manual_seed(config.seed)
    losses: list[float]
    if not model.gradients:
        losses = model.learn(draw(min(AT_ONCE, config.steps * config.batch), generator)[0])
        model.eval()
        return losses
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    losses = []
    bad = 0
    start = time.monotonic()
    model.train()
    while True:
        spent = time.monotonic() - start
        progress = max(len(losses) / config.steps, spent / config.seconds if config.seconds else 0.0)
        if progress >= 1:
            break
        warm = min(1.0, (len(losses) + 1) / 50)
        optimiser.param_groups[0]["lr"] = config.learning_rate * warm * (0.5 + 0.5 * math.cos(math.pi * progress))
        optimiser.zero_grad(set_to_none=True)
        loss = model.loss(*draw(config.batch, generator))
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        bad = 0 if torch.isfinite(norm) else bad + 1
        if not bad:
            optimiser.step()
        elif bad == 100:
            raise IDFError("training came to nothing: the loss is not finite")
        losses.append(float(loss.detach()))
    model.eval()
    return losses


@torch.no_grad()
def evaluate(model: Density, x: Tensor, condition: Tensor | None = None, *, batch: int = 8192) -> Tensor:
    """log p(x | condition) in nats, (N,), of many samples."""
    parts = []
    for first in range(0, len(x), batch):
        part = None if condition is None else condition[first : first + batch]
        parts.append(model.log_prob(x[first : first + batch], part))
    return torch.cat(parts)


def integral(model: Density, low: float, high: float, size: int, condition: Tensor | None = None) -> float:
    """Sum of the model's density over a grid of `size`**D cells: 1 up to the grid's error, if it is a density.

    Args:
        model: of vectors (D,), D at most 2.
        low: of every coordinate.
        high: of every coordinate.
        size: cells of an axis.
        condition: (1, K), for all points.
    """
    from experiments.plane.toys import grid

    points, cell = grid(low, high, size, model.config.shape[0])
    points = points.to(next(model.parameters()).dtype)
    every = None if condition is None else condition.expand(len(points), -1)
    return float(torch.exp(evaluate(model, points, every).double()).sum() * cell)
