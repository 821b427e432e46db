"""A hierarchical model's integers as coding wants them: data, and nothing that codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idfcodec.flow.hierarchical.config import HierarchicalConfig
from idfcodec.flow.hierarchical.exact import ExactNetwork

__all__ = ["Prepared"]


@dataclass(frozen=True)
class Prepared:
    """What every step of coding reads.

    Args:
        config: sizes.
        networks: as `HierarchicalConfig` counts them, finest first.
        last: (3, 3) int32 location, scale and shape (as `StepPrior` has them) of each plane of the last latents.
        tables: (CELLS,) int32, the rows of all width classes.
        escape_groups: (SCALES, EXCESS / PART) float64 integers, the excesses of escapes: sums of groups.
        escape_parts: (SCALES, EXCESS / PART, PART) float64 integers, the excesses' frequencies.
    """

    config: HierarchicalConfig
    networks: tuple[ExactNetwork, ...]
    last: NDArray[np.int32]
    tables: NDArray[np.int32]
    escape_groups: NDArray[np.float64]
    escape_parts: NDArray[np.float64]

    def network_of(self, level: int) -> ExactNetwork:
        """The network that serves a level, 0 the finest."""
        return self.networks[self.config.network_of(level)]
