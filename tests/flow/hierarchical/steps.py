"""Planes, steps and corrections that several of the flow's tests are about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.flow.exact.tables import ONE, SCALES, SHAPES
from idfcodec.flow.hierarchical.correction import MOST_CLASSES, NEIGHBOURS, Correction, Part
from idfcodec.flow.hierarchical.walk import StepPrior, Values
from idfcodec.format.container import Mode
from idfcodec.picture.colour import KINDS
from tests.pictures import Pixels

__all__ = ["planes_of", "random_correction", "random_prior", "shape_of"]


def planes_of(pixels: Pixels) -> Values:
    """(C, H, W) planes: three of RGB, one of gray."""
    return np.stack((KINDS[Mode.GRAY] if pixels.ndim == 2 else KINDS[Mode.RGB]).split(pixels))


def shape_of(planes: Values) -> tuple[int, int, int]:
    channels, height, width = planes.shape
    return channels, height, width


def random_part(rng: np.random.Generator, group: int, plane: int) -> Part:
    """Any that can be coded, the extremes among them."""

    def number(size: int | None = None) -> NDArray[np.int64]:
        numbers = rng.integers(-128, 128, size)
        return np.where(rng.random(size) < 0.2, rng.choice([-128, 127], size), numbers)

    coefficients = number(len(NEIGHBOURS[group]) + 1 + plane).astype(np.int32)
    return Part(coefficients, int(number()) + 32, int(number()))


def random_correction(rng: np.random.Generator, group: int, plane: int, *, lowest: int = -128) -> Correction:
    classes = int(rng.integers(1, MOST_CLASSES + 1))
    thresholds = rng.choice(np.arange(lowest, 128), classes - 1, replace=False)
    return Correction(tuple(sorted(thresholds.tolist())), tuple(random_part(rng, group, plane) for _ in range(classes)))


def random_prior(
    rng: np.random.Generator, group: int, planes: int, grid: tuple[int, int], extent: tuple[int, int]
) -> StepPrior:
    """A step whose pixels are `extent` (h, w) of the cells of `grid`."""

    def phase() -> Values:
        green = rng.integers(0, 256, (1, *grid))
        rest = rng.integers(-255, 256, (planes - 1, *grid))
        return np.concatenate((green, rest)).astype(np.int32)

    count = extent[0] * extent[1]

    def integers(low: int, high: int, rows: int) -> Values:
        return rng.integers(low, high, (rows, count)).astype(np.int32)

    return StepPrior(
        location=integers(-300 * ONE, 300 * ONE, planes),
        scale=integers(0, SCALES, planes),
        shape=integers(0, SHAPES, planes),
        colour=integers(-64, 65, 3) if planes == 3 else None,
        phases=tuple(phase() for _ in range(group + 1)),
        width=extent[1],
    )
