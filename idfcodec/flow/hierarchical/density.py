"""The flow as a density: latents and back, samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idfcodec.errors import IDFError
from idfcodec.flow.exact.layers import ColourTransform
from idfcodec.flow.exact.tables import CLASSES
from idfcodec.flow.hierarchical.walk import HIGHEST, LOWEST, StepPrior, Values, steps

if TYPE_CHECKING:
    from idfcodec.flow.hierarchical.runtime import Flow

__all__ = ["Latents", "inverse", "latents", "sample", "to_pixels", "to_planes"]

Latents = dict[tuple[int, int], Values]


def to_planes(x: Tensor) -> Values:
    """(3, H, W) RGB or (1, H, W) gray integers in [0, 255] to (C, H, W) int32 planes.

    Raises:
        IDFError: another shape or range.
    """
    if x.ndim != 3 or x.shape[0] not in (1, 3) or not x.numel():
        raise IDFError(f"expected (3, H, W) or (1, H, W) integers, got {tuple(x.shape)}")
    if x.is_floating_point() or int(x.min()) < 0 or int(x.max()) > 255:
        raise IDFError("expected integers in [0, 255]")
    y = x.to(torch.int32)[None]
    planes: Values = (ColourTransform().forward(y) if len(x) == 3 else y)[0].contiguous().numpy()
    return planes


def to_pixels(planes: Values) -> Tensor:
    """The inverse of `to_planes`, (C, H, W) int32; not clamped."""
    y = torch.from_numpy(planes)[None]
    return (ColourTransform().inverse(y) if len(planes) == 3 else y)[0]


def _shifts(prior: StepPrior, plane: int, known: Values) -> Values:
    return prior.tables(plane, known)[3]


def latents(flow: Flow, planes: Values) -> Latents:
    """(C, N) latents z of every coding step, by (level, group): values less the couplings' integer shifts."""
    values = steps(planes, flow.config.levels)
    out: Latents = {}

    def visit(level: int, group: int, prior: StepPrior) -> Values:
        x = values[level, group]
        out[level, group] = np.stack([x[p] - _shifts(prior, p, x) for p in range(len(x))])
        return x

    flow.walk(planes.shape, visit)
    return out


def inverse(flow: Flow, z: Mapping[tuple[int, int], Values], shape: tuple[int, int, int]) -> Values:
    """The (C, H, W) planes whose latents are `z`, to the bit."""

    def visit(level: int, group: int, prior: StepPrior) -> Values:
        x = np.empty_like(z[level, group])
        for p in range(len(x)):
            x[p] = z[level, group][p] + _shifts(prior, p, x)
        return x

    return flow.walk(shape, visit)


def _draw(weights: NDArray[np.float64], temperature: float, rng: np.random.Generator) -> NDArray[np.int64]:
    p = np.power(weights[:, 1:] / weights.max(1, keepdims=True), 1 / temperature)
    cumulative = p.cumsum(1)
    point = rng.random((len(p), 1)) * cumulative[:, -1:]
    drawn: NDArray[np.int64] = (cumulative < point).sum(1) + 1
    return drawn


def sample(flow: Flow, shape: tuple[int, int, int], temperature: float, rng: np.random.Generator) -> Values:
    """Planes drawn from the prior; their tables' probabilities are raised to 1 / temperature.

    Args:
        flow: the model.
        shape: (C, H, W), C 1 or 3.
        temperature: above 0; 1 samples the model itself.
        rng: where the randomness comes from.
    """

    def visit(level: int, group: int, prior: StepPrior) -> Values:
        x = np.empty(prior.location.shape, np.int32)
        for p in range(len(x)):
            _, classes, cells, shift = prior.tables(p, x)
            for index, kind in enumerate(CLASSES):
                where = np.flatnonzero(classes == index)
                if len(where):
                    weights = flow.tables[cells[where, None] + np.arange(kind.width)].astype(np.float64)
                    x[p, where] = _draw(weights, temperature, rng) - kind.width // 2 + shift[where]
            # The planes are differences of bytes: keep each within what the ones before it leave.
            low, high = (LOWEST[0], HIGHEST) if p == 0 else (-x[0], HIGHEST - x[0])
            np.clip(x[p], low, high, out=x[p])
        return x

    return flow.walk(shape, visit)
