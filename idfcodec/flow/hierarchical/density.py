"""The flow as a density: latents and back, samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from idfcodec.flow.exact.tables import CLASSES, HIGHEST
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.walk import LOWEST, StepPrior, Values, steps, walk

__all__ = ["inverse", "latents", "sample"]


def _shifts(prior: StepPrior, plane: int, known: Values) -> Values:
    return prior.tables(plane, known)[2]


def latents(model: Prepared, planes: Values) -> list[Values]:
    """(C, N) latents z of every coding step, coarse to fine: values less the couplings' integer shifts."""
    values = steps(planes, model.config.levels)
    out: list[Values] = []

    def visit(level: int, phase: int, prior: StepPrior) -> Values:
        x = values[level, phase]
        out.append(np.stack([x[p] - _shifts(prior, p, x) for p in range(len(x))]))
        return x

    walk(model, planes.shape, visit)
    return out


def inverse(model: Prepared, z: Sequence[Values], shape: tuple[int, int, int]) -> Values:
    """The (C, H, W) planes whose latents are `z`, to the bit."""
    left = iter(z)

    def visit(level: int, phase: int, prior: StepPrior) -> Values:
        latents = next(left)
        x = np.empty_like(latents)
        for p in range(len(x)):
            x[p] = latents[p] + _shifts(prior, p, x)
        return x

    return walk(model, shape, visit)


def _draw(weights: NDArray[np.float64], temperature: float, rng: np.random.Generator) -> NDArray[np.int64]:
    p = np.power(weights[:, 1:] / weights.max(1, keepdims=True), 1 / temperature)
    cumulative = p.cumsum(1)
    point = rng.random((len(p), 1)) * cumulative[:, -1:]
    drawn: NDArray[np.int64] = (cumulative < point).sum(1) + 1
    return drawn


def sample(model: Prepared, shape: tuple[int, int, int], temperature: float, rng: np.random.Generator) -> Values:
    """Planes drawn from the prior; their tables' probabilities are raised to 1 / temperature.

    Args:
        model: the model.
        shape: (C, H, W), C 1 or 3.
        temperature: above 0; 1 samples the model itself.
        rng: where the randomness comes from.
    """

    def visit(level: int, phase: int, prior: StepPrior) -> Values:
        x = np.empty(prior.location.shape, np.int32)
        for p in range(len(x)):
            classes, cells, shift = prior.tables(p, x)
            for index, kind in enumerate(CLASSES):
                where = np.flatnonzero(classes == index)
                if len(where):
                    weights = model.tables[cells[where, None] + np.arange(kind.width)].astype(np.float64)
                    x[p, where] = _draw(weights, temperature, rng) - kind.width // 2 + shift[where]
            # The planes are differences of bytes: keep each within what the ones before it leave.
            low, high = (LOWEST[0], HIGHEST) if p == 0 else (-x[0], HIGHEST - x[0])
            np.clip(x[p], low, high, out=x[p])
        return x

    return walk(model, shape, visit)
