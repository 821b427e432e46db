"""What a causal model is: its predictions, what its networks see, and their sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import ModelError

__all__ = [
    "ACTIVATION_BITS",
    "COMPONENTS",
    "HALVED",
    "INPUT_BITS",
    "NETWORKS",
    "OUTPUTS",
    "OUTPUT_BITS",
    "PLACES",
    "SETS",
    "WEIGHT_BITS",
    "CausalConfig",
    "Predictor",
    "build_tables",
]

SETS = ("rgb", "ycc")
"""Networks by what the planes are: green (or a single plane) and differences, or luma and chroma."""
PLACES = 3
"""Of a plane in its picture: the first, the second, and the third or later; each has a network of its own."""
HALVED = "half"
"""Networks of chroma planes that are smaller than their luma; a model without them takes those of luma and chroma."""
NETWORKS: Mapping[str, tuple[int, ...]] = {**{name: tuple(range(PLACES)) for name in SETS}, HALVED: (1, 2)}
"""The places that there are networks of."""
COMPONENTS = 3
OUTPUTS = 3 * COMPONENTS
INPUT_BITS, ACTIVATION_BITS, WEIGHT_BITS, OUTPUT_BITS = 4, 4, 8, 5
"""Fractional bits of what the networks see, of what is between their layers, of weights, and of what they say."""

# Rows down and columns to the right of a plane's own neighbours, the nearest first; of those in finished planes; and
# of the residuals that the networks see.
_OWN = (
    (0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, 2), (-1, -2), (-2, -1), (-2, 1), (0, -3), (-2, 2),
    (-2, -2), (-1, 3), (-3, 0), (-1, -3), (-3, 1), (-3, -1), (0, -4), (-2, 3), (-2, -3), (-3, 2), (-3, -2), (-4, 0),
    (-1, 4), (-3, 3), (-3, -3), (-2, 4), (-4, 1), (-4, -1),
)  # fmt: skip
_CROSS = (
    (0, 0), (0, -1), (-1, 0), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1), (0, 2), (2, 0), (0, -2), (-2, 0),
)  # fmt: skip
_RESIDUALS = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, 2), (-1, -2), (-2, -1), (-2, 1))
_FIXED = 6  # inputs that every network has
_LEARNT = 240  # inputs of a layer that learns: whatever 16 bits its weights come to have, its sums stay below 2^31


@dataclass(frozen=True)
class Predictor:
    """Local least squares.

    Args:
        own: neighbours in the plane itself.
        cross: neighbours in the plane before it, and in the one before that.
        every: columns that share their coefficients, 2 or 4.
        forget: what a sum keeps of its weight a pixel on.
        ridge: share of the diagonal that is added to it.
    """

    own: int
    cross: tuple[int, int]
    every: int
    forget: float
    ridge: float

    def neighbours(self, plane: int, earlier: Sequence[int]) -> list[tuple[int, int, int]]:
        """Plane, row and column of each regressor."""
        found = [(plane, *offset) for offset in _OWN[: self.own]]
        for other, count in zip(earlier, self.cross, strict=False):
            found += [(other, *offset) for offset in _CROSS[:count]]
        return found


@dataclass(frozen=True)
class CausalConfig:
    """A causal model.

    Args:
        luma: predictors of the first plane; the first of them is what the networks' outputs are relative to.
        chroma: as many predictors of the others.
        values: neighbours whose values a network sees.
        cross_values: the same in each of the two planes before.
        residuals: neighbours whose residuals it sees.
        cross_residuals: the same in each of the two planes before.
        widths: outputs of the hidden layers.
        belief: how many times the mean sums of other pictures count.
        learning: rates at which the last layer learns of locations, scales and shares while it codes, times 2^20; zeros
            if it does not.
    """

    luma: tuple[Predictor, ...]
    chroma: tuple[Predictor, ...]
    values: int
    cross_values: int
    residuals: int
    cross_residuals: int
    widths: tuple[int, ...]
    belief: float
    learning: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        predictors = self.luma + self.chroma
        sound = (
            1 <= len(self.luma) == len(self.chroma) <= 4
            and all(1 <= p.own <= len(_OWN) for p in predictors)
            and all(len(p.cross) == 2 and 0 <= min(p.cross) <= max(p.cross) <= len(_CROSS) for p in predictors)
            and all(p.every in (2, 4) and 0 < p.forget < 1 and 0 < p.ridge < 1 for p in predictors)
            and 1 <= self.values <= len(_OWN)
            and 0 <= self.cross_values < len(_CROSS)
            and 1 <= self.residuals <= len(_RESIDUALS)
            and 1 <= self.cross_residuals <= len(_CROSS)
            and 1 <= len(self.widths) <= 4
            and all(4 <= width <= 512 and width % 4 == 0 for width in self.widths)
            and 0 <= self.belief <= 1000
            and len(self.learning) == 3
            and (not self.learns or all(0 < rate < 2**13 for rate in self.learning))
            and (not self.learns or self.widths[-1] <= _LEARNT)
        )
        if not sound:
            raise ModelError("the model's architecture is not one that this release runs")

    @property
    def learns(self) -> bool:
        """Whether the last layer learns while it codes."""
        return any(self.learning)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> CausalConfig:
        """From an architecture, as JSON has it.

        Raises:
            ModelError: this release does not run it.
        """

        def predictors(rows: Any) -> tuple[Predictor, ...]:
            return tuple(
                Predictor(
                    int(row["own"]),
                    (int(row["cross"][0]), int(row["cross"][1])),
                    int(row["every"]),
                    float(row["forget"]),
                    float(row["ridge"]),
                )
                for row in rows
            )

        locations, scales, shares = map(int, values.get("learning", (0, 0, 0)))
        counts = {name: int(values[name]) for name in ("values", "cross_values", "residuals", "cross_residuals")}
        return cls(
            predictors(values["luma"]),
            predictors(values["chroma"]),
            widths=tuple(map(int, values["widths"])),
            belief=float(values["belief"]),
            learning=(locations, scales, shares),
            **counts,
        )

    def predictors(self, place: int) -> tuple[Predictor, ...]:
        """Of the planes in a place."""
        return self.chroma if place else self.luma

    def seen_values(self, plane: int, earlier: Sequence[int]) -> list[tuple[int, int, int]]:
        """Plane, row and column of the values that a network sees."""
        return [(plane, *o) for o in _OWN[: self.values]] + [
            (other, *o) for other in earlier for o in _CROSS[1 : 1 + self.cross_values]
        ]

    def seen_residuals(self, plane: int, earlier: Sequence[int]) -> list[tuple[int, int, int]]:
        """Plane, row and column of the residuals that a network sees."""
        return [(plane, *o) for o in _RESIDUALS[: self.residuals]] + [
            (other, *o) for other in earlier for o in _CROSS[: self.cross_residuals]
        ]

    def inputs(self, place: int) -> int:
        """Of the network of a place."""
        own = self.values + self.residuals + _FIXED + 2 * (len(self.luma) - 1)
        return own + place * (self.cross_values + self.cross_residuals + 2)

    def layers(self, place: int) -> list[tuple[int, int]]:
        """Inputs and outputs of each layer of the network of a place."""
        sizes = [self.inputs(place), *self.widths, OUTPUTS]
        return list(pairwise(sizes))

    def regressors(self, place: int) -> int:
        """The most that a predictor of a place has."""
        return max(p.own + sum(p.cross[:place]) for p in self.predictors(place))


def build_tables() -> dict[str, NDArray[np.int64]]:
    """The tables that an exported model carries: its decoders look them up and compute none of them.

    Returns:
        `logistic` (2050,): the distribution function from -16 in steps of 1/64, in 2^-30. `inverse_scale` (384,): of
        a logistic with scale 2^((i - 96) / 16) bins, times 2^21. `exponential` (512,): of -i / 32, in 2^-16.
    """
    t = np.arange(2050) / 64 - 16
    return {
        "logistic": np.round(2**30 / (1 + np.exp(-t))).astype(np.int64),
        "inverse_scale": np.round(2**21 / 2.0 ** ((np.arange(384) - 96) / 16)).astype(np.int64),
        "exponential": np.round(2**16 * np.exp(-np.arange(512) / 32)).astype(np.int64),
    }
