"""What a causal model is: the sizes of its network, and which neighbours it sees."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "COMPONENTS",
    "INSIDE",
    "LARGEST",
    "MIX_LIMIT",
    "MIX_STEPS",
    "SHARE_BITS",
    "CausalConfig",
    "head_outputs",
    "neighbours",
]

COMPONENTS = 2  # of the mixture
MIX_STEPS = 4  # of the logit of the first component's share, per unit
MIX_LIMIT = 4  # largest logit
SHARE_BITS = 8  # of a component's share of the mixture
# The largest sizes that a model may have.
LARGEST = {"channels": 1024, "blocks": 32, "colour_channels": 1024, "rows": 8, "columns": 8}
INSIDE = 2.0  # what the network sees where there is a neighbour, in place of 0


@dataclass(frozen=True)
class CausalConfig:
    """Sizes of the network.

    Args:
        channels: of the trunk.
        blocks: residual blocks of the trunk.
        colour_channels: of the part that each colour has of its own.
        rows: of neighbours above a pixel.
        columns: of neighbours to either side of it.
    """

    channels: int = 128
    blocks: int = 3
    colour_channels: int = 64
    rows: int = 3
    columns: int = 3


def neighbours(config: CausalConfig) -> list[tuple[int, int]]:
    """Row and column, relative to a pixel's, of what the network sees: from the nearest row upwards, then its own."""
    above = [(-r, c) for r in range(1, config.rows + 1) for c in range(-config.columns, config.columns + 1)]
    return above + [(0, -c) for c in range(1, config.columns + 1)]


def head_outputs(plane: int) -> int:
    """Numbers that the head of a plane gives: locations, log-scales, shapes, a logit, and a weight of each residual."""
    return 3 * COMPONENTS + 1 + plane
