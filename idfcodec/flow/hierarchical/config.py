"""What a hierarchical model is: the sizes of its networks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HierarchicalConfig"]


@dataclass(frozen=True)
class HierarchicalConfig:
    """Sizes of the networks.

    Args:
        channels: of the trunk.
        blocks: residual blocks of each phase.
        levels: of the hierarchy.
        networks: how many there are; the first ones serve a level each, finest first, the last one all coarser levels.
    """

    channels: int = 64
    blocks: tuple[int, int, int] = (3, 2, 2)
    levels: int = 6
    networks: int = 3

    def network_of(self, level: int) -> int:
        """Which of the networks serves a level, 0 the finest."""
        return min(level, self.networks - 1)
