"""The causal flow: a coupling for every pixel, whose shift depends on the pixels before it. For small pictures.

Pixels are coded row by row. What is known of a pixel's neighbourhood, `rows` rows above it and `columns` columns to
either side, goes through a network of 1 x 1 convolutions; then each colour is shifted, the ones before it known:

    h   = blocks(first(neighbours))
    o_p = head_p(middle_p(into_p(h, colours before p)))   for p = G, R-G, B-G
    z_p = x_p - round(location_p)                          scored by a mixture of two rows of the prior's tables

It is an additive coupling a pixel, triangular as a whole, and so an integer discrete flow as the hierarchical one is:
each step costs more time in decoding, for there are as many as diagonals in a picture, and knows nearer neighbours.

References:
    van den Oord et al., *Pixel Recurrent Neural Networks*, 2016, https://arxiv.org/abs/1601.06759
    Zhang et al., *On the Out-of-distribution Generalization of Probabilistic Image Modelling*, 2021,
    https://arxiv.org/abs/2109.02639 (a local model is enough, and generalises)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.flow.exact import tables as prior
from idfcodec.flow.exact.layers import ColourTransform
from idfcodec.flow.hierarchical.model import normalise
from idfcodec.flow.hierarchical.network import Activation, QuantConv, Quantisable

__all__ = [
    "COMPONENTS",
    "INSIDE",
    "LARGEST",
    "MIX_LIMIT",
    "MIX_STEPS",
    "CausalConfig",
    "TrainableCausalFlow",
    "head_outputs",
    "neighbours",
]

COMPONENTS = 2  # of the mixture
MIX_STEPS = 4  # of the logit of the first component's share, per unit
MIX_LIMIT = 4  # largest logit
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


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = _linear(channels, channels, gain=1.4)
        self.outer = _linear(channels, channels, gain=0.3)
        self.activation = Activation()

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = self.activation(h + self.outer(self.activation(self.inner(h))))
        return out


def _linear(inputs: int, outputs: int, *, gain: float = 1.0) -> QuantConv:
    return QuantConv(inputs, outputs, 1, padding=0, gain=gain)


class CausalNetwork(nn.Module):
    """The convolutions; pixels stand in rows, (N, channels)."""

    def __init__(self, config: CausalConfig) -> None:
        super().__init__()
        self.first = _linear(4 * len(neighbours(config)), config.channels)
        self.blocks = nn.ModuleList(_Block(config.channels) for _ in range(config.blocks))
        self.into = nn.ModuleList(_linear(config.channels + p, config.colour_channels) for p in range(3))
        self.middle = nn.ModuleList(_Block(config.colour_channels) for _ in range(3))
        self.heads = nn.ModuleList(_linear(config.colour_channels, head_outputs(p), gain=0.1) for p in range(3))
        self.activation = Activation()

    def trunk(self, seen: Tensor) -> Tensor:
        """(N, 4 * neighbours) to (N, channels)."""
        h: Tensor = self.activation(self.first(seen))
        for block in self.blocks:
            h = block(h)
        return h

    def plane(self, plane: int, h: Tensor, known: Tensor) -> Tensor:
        """(N, head_outputs) of a plane, given the trunk and the (N, plane) planes before it, normalised."""
        own = self.activation(self.into[plane](torch.cat((h, known), 1)))
        out: Tensor = self.heads[plane](self.middle[plane](own))
        return out


class TrainableCausalFlow(Quantisable):
    """The flow as it is trained: all pixels in one pass, since all are known."""

    def __init__(self, config: CausalConfig) -> None:
        super().__init__()
        self.config = config
        self.network = CausalNetwork(config)

    def _gather(self, shown: Tensor, where: Tensor) -> Tensor:
        """What is seen of the pixels at `where`, plane by plane, (N, 4 * neighbours); 0 outside of a picture."""
        rows, columns = self.config.rows, self.config.columns
        height, width = shown.shape[-2:]
        inside = torch.full_like(shown[:, :1], INSIDE)
        padded = F.pad(torch.cat((shown, inside), 1), (columns, columns, rows, 0))
        flat = padded.permute(1, 0, 2, 3).flatten(1)
        picture, row, column = where // (height * width), where // width % height, where % width
        at = (picture * (height + rows) + row + rows) * (width + 2 * columns) + column + columns
        offsets = torch.tensor([r * (width + 2 * columns) + c for r, c in neighbours(self.config)], device=where.device)
        return flat[:, at[:, None] + offsets].permute(1, 0, 2).flatten(1)

    def forward(self, pixels: Tensor, where: Tensor | None = None) -> Tensor:
        """Bits of each colour plane.

        Args:
            pixels: (B, 3, H, W) RGB in [0, 255].
            where: (N,) the pixels to be looked at, numbered row by row and picture after picture; None is all.

        Returns:
            (3,) of G, R-G and B-G.
        """
        y = ColourTransform().forward(pixels.float())
        shown = normalise(y)
        if where is None:
            where = torch.arange(pixels.numel() // 3, device=pixels.device)
        h = self.network.trunk(self._gather(shown, where))
        base, values, known = (x.permute(0, 2, 3, 1).flatten(0, 2)[where] for x in (_base(y), y, shown))
        costs: list[Tensor] = []
        residuals: list[Tensor] = []
        for p in range(3):
            head = self.network.plane(p, h, known[:, :p])
            location, log_scale, shape, logit, colours = torch.split(head, [*[COMPONENTS] * 3, 1, p], 1)
            location = self.grid(base[:, p : p + 1] + 8 * location, 2**prior.LOCATION_BITS)
            log_scale = self.grid(2 * log_scale + 0.5, prior.SCALE_STEPS)
            shape = self.grid(2 * shape + 1, prior.SHAPE_STEPS)
            logit = self.grid(2 * logit, MIX_STEPS).clamp(-MIX_LIMIT, MIX_LIMIT)
            colours = self.grid(colours, 32).clamp(-2, 2)
            for q, residual in enumerate(residuals):
                location = location + colours[:, q : q + 1] * residual
            cost = prior.bits(values[:, p : p + 1] - location, log_scale, shape) * math.log(2)
            shares = torch.cat((F.logsigmoid(logit), F.logsigmoid(-logit)), 1)
            costs.append(-torch.logsumexp(shares - cost, 1).sum() / math.log(2))
            residuals.append(values[:, p : p + 1] - (shares.exp() * location).sum(1, keepdim=True))
        return torch.stack(costs)


def _base(y: Tensor) -> Tensor:
    """Half the sum of the left and the upper neighbour, twice the one there is, or gray; (B, 3, H, W)."""
    left, above = F.pad(y[..., :-1], (1, 0)), F.pad(y[..., :-1, :], (0, 0, 1, 0))
    base = (left + above) / 2
    base[..., 0, :] = left[..., 0, :]
    base[..., 0] = above[..., 0]
    base[..., 0, 0] = y.new_tensor([128, 0, 0])
    return base
