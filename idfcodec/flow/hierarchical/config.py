"""What a hierarchical model is: the sizes of its networks, and how hard its encoder looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["HierarchicalConfig", "Search"]


@dataclass(frozen=True)
class Search:
    """How hard the encoder looks; part of a model, so that a picture has one file.

    Args:
        classes: numbers of classes of corrections to try for each plane of a step, in this order, until one pays.
        samples: latents of a step that a fit looks at.
        rounds: of reweighting.
        weights: the weights to try, see `adaptive.Switches`.
    """

    classes: tuple[int, ...] = (2, 1)
    samples: int = 2**12
    rounds: int = 2
    weights: int = 7

    @staticmethod
    def of(values: Mapping[str, Any]) -> Search:
        """The search that `values` say, as they stand in an architecture."""
        return Search(**{**values, "classes": tuple(values["classes"])})


@dataclass(frozen=True)
class HierarchicalConfig:
    """Sizes of the networks, and the encoder's search.

    Args:
        channels: of the trunk.
        blocks: residual blocks of each group.
        levels: of the hierarchy.
        networks: how many there are; the first ones serve a level each, finest first, the last one all coarser levels.
        search: how hard the encoder looks.
    """

    channels: int = 64
    blocks: tuple[int, int, int] = (3, 2, 2)
    levels: int = 6
    networks: int = 3
    search: Search = Search()

    def network_of(self, level: int) -> int:
        """Which of the networks serves a level, 0 the finest."""
        return min(level, self.networks - 1)
