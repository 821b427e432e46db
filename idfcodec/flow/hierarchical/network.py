"""The networks of the couplings and of their conditional prior, in the form that is trained.

At level l the squeeze gives four phases of the picture: A (even row, even column), D (odd, odd), B (even, odd) and
C (odd, even). A is the next level's picture, hence known; D, B and C are coded in that order, each given the ones
before it. One trunk of residual blocks runs through the three steps:

    h_D = blocks(first_D(A) + up(coarser))      ->  coupling and prior of D
    h_B = blocks(first_B(A, D) + h_D)           ->  coupling and prior of B
    h_C = blocks(first_C(A, D, B) + h_B)        ->  coupling and prior of C, and `coarser` of the level below

References:
    Hoogeboom et al., *Integer Discrete Flows and Lossless Compression*, 2019, https://arxiv.org/abs/1905.07376
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.flow.exact.quantisable import Activation, QuantConv
from idfcodec.flow.hierarchical.config import HierarchicalConfig

__all__ = ["ContextNetwork"]


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = QuantConv(channels, channels, 3, padding=1, gain=1.4)
        self.outer = QuantConv(channels, channels, 3, padding=1, gain=0.3)
        self.activation = Activation()

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = self.activation(h + self.outer(self.activation(self.inner(h))))
        return out


class _Group(nn.Module):
    """One coding step: known phases and the trunk in, trunk and 12 head outputs out."""

    def __init__(self, planes: int, config: HierarchicalConfig, blocks: int) -> None:
        super().__init__()
        self.first = QuantConv(planes, config.channels, 3, padding=0)
        self.blocks = nn.ModuleList(_Block(config.channels) for _ in range(blocks))
        self.head = QuantConv(config.channels, 12, 1, padding=0, gain=0.1)
        self.activation = Activation()

    def forward(self, known: Tensor, trunk: Tensor | None) -> tuple[Tensor, Tensor]:
        h = self.first(F.pad(known, (1, 1, 1, 1), mode="replicate"))
        h = self.activation(h if trunk is None else h + trunk)
        for block in self.blocks:
            h = block(h)
        return h, self.head(h)


class ContextNetwork(nn.Module):
    """The three coding steps of one level.

    `forward(phases, coarser)` takes the phases A, D and B as (B, 3, h, w) real planes (see `normalise`), and the
    trunk of the coarser level, (B, channels, ceil(h/2), ceil(w/2)) or None at the coarsest. It returns the head
    outputs of D, B and C, each (B, 12, h, w), and this level's trunk.
    """

    def __init__(self, config: HierarchicalConfig) -> None:
        super().__init__()
        self.up = QuantConv(config.channels, 4 * config.channels, 1, padding=0)
        self.activation = Activation()
        self.groups = nn.ModuleList(_Group(3 * (i + 1), config, n) for i, n in enumerate(config.blocks))

    def forward(self, phases: list[Tensor], coarser: Tensor | None) -> tuple[list[Tensor], Tensor]:
        height, width = phases[0].shape[-2:]
        h: Any = None
        if coarser is not None:
            h = F.pixel_shuffle(self.activation(self.up(coarser)), 2)[..., :height, :width]
        heads = []
        for i, group in enumerate(self.groups):
            h, head = group(torch.cat(phases[: i + 1], 1), h)
            heads.append(head)
        return heads, h
