"""Gated convolutions and gated self-attention: the networks inside the couplings of Flow++.

    x + a * sigmoid(b)  with (a, b) = 1x1 convolution of [what a 3x3 convolution, or attention over all pixels, gives],

each followed by a normalisation over the channels of every pixel. The paper's dropout is left out: models here are
small, and do not repeat their data often.

References:
    Ho et al., *Flow++*, 2019, https://arxiv.org/abs/1902.00275, section 3.3
    Shang et al., *Understanding and Improving Convolutional Neural Networks via Concatenated Rectified Linear Units*,
    2016, https://arxiv.org/abs/1603.05201
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.errors import IDFError

__all__ = ["GatedAttention", "GatedConvolution", "GatedNetwork", "concatenated_elu", "gate"]


def concatenated_elu(x: Tensor) -> Tensor:
    """elu of x and of -x: (B, C, ...) to (B, 2 C, ...)."""
    return F.elu(torch.cat((x, -x), 1))


def gate(x: Tensor) -> Tensor:
    """a * sigmoid(b) of the two halves: (B, 2 C, ...) to (B, C, ...)."""
    a, b = x.chunk(2, 1)
    return a * torch.sigmoid(b)


class _ChannelNorm(nn.Module):
    """Layer normalisation over the channels of (B, C, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.norm(x.movedim(1, -1))).movedim(-1, 1)


class GatedConvolution(nn.Module):
    """norm(x + gated 3x3 convolution of x), (B, C, h, w).

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.outer = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.norm = _ChannelNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inner(concatenated_elu(x))
        out: Tensor = self.norm(x + gate(self.outer(concatenated_elu(h))))
        return out


class GatedAttention(nn.Module):
    """norm(x + gated self-attention of all pixels with each other), (B, C, h, w), with learned positions.

    Args:
        channels: C, a multiple of `heads`.
        heads: of the attention.
        size: (h, w).
    """

    def __init__(self, channels: int, heads: int, size: tuple[int, int]) -> None:
        super().__init__()
        if channels % heads:
            raise IDFError(f"{channels} channels cannot be shared out among {heads} heads")
        self.heads = heads
        self.position = nn.Parameter(0.01 * torch.randn(channels, *size))
        self.projections = nn.Conv2d(channels, 3 * channels, 1)
        self.outer = nn.Conv2d(channels, 2 * channels, 1)
        self.norm = _ChannelNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        # (3, B, heads, pixels, channels of a head)
        parts = (
            self.projections(x + self.position).view(b, 3, self.heads, c // self.heads, h * w).permute(1, 0, 2, 4, 3)
        )
        seen = F.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        seen = seen.transpose(2, 3).reshape(b, c, h, w)
        out: Tensor = self.norm(x + gate(self.outer(seen)))
        return out


class GatedNetwork(nn.Module):
    """Blocks of both between two 3x3 convolutions, (B, inputs, h, w) to (B, outputs, h, w); zero to begin with.

    Args:
        inputs: channels.
        outputs: channels.
        size: (h, w).
        hidden: channels inside.
        depth: blocks.
        heads: of the attention; 0 leaves attention out.
    """

    def __init__(
        self, inputs: int, outputs: int, size: tuple[int, int], *, hidden: int, depth: int, heads: int
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, hidden, 3, padding=1)
        blocks: list[nn.Module] = []
        for _ in range(depth):
            blocks.append(GatedConvolution(hidden))
            if heads:
                blocks.append(GatedAttention(hidden, heads, size))
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Conv2d(hidden, outputs, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.blocks(self.first(x)))
        return out
