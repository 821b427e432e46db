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
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.flow.causal.config import COMPONENTS, INSIDE, MIX_LIMIT, MIX_STEPS, CausalConfig, head_outputs, neighbours
from idfcodec.flow.causal.exact import head_bits, shares
from idfcodec.flow.exact import mixture
from idfcodec.flow.exact import tables as prior
from idfcodec.flow.exact.layers import ColourTransform
from idfcodec.flow.exact.quantisable import Activation, Meaning, QuantConv, Quantisable, normalise

__all__ = ["TrainableCausalFlow"]


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

    family: ClassVar[str] = "causal"
    config: CausalConfig

    def __init__(self, config: CausalConfig) -> None:
        super().__init__()
        self.config = config
        self.network = CausalNetwork(config)

    def meaning(self, name: str, module: QuantConv) -> Meaning:
        _, kind, *rest = name.split(".")
        if kind == "first":
            return module.weight.shape[1], None
        if kind == "into":
            return int(rest[0]), None
        return 0, head_bits(int(rest[0])) if kind == "heads" else None

    def further(self) -> dict[str, Tensor]:
        return {"shares": shares()}

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
        lengths: list[Tensor] = []
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
            length = mixture.bits(values[:, p : p + 1] - location, log_scale, shape) * math.log(2)
            shares_of = torch.cat((F.logsigmoid(logit), F.logsigmoid(-logit)), 1)
            lengths.append(-torch.logsumexp(shares_of - length, 1).sum() / math.log(2))
            residuals.append(values[:, p : p + 1] - (shares_of.exp() * location).sum(1, keepdim=True))
        return torch.stack(lengths)


def _base(y: Tensor) -> Tensor:
    """Half the sum of the left and the upper neighbour, twice the one there is, or gray; (B, 3, H, W)."""
    left, above = F.pad(y[..., :-1], (1, 0)), F.pad(y[..., :-1, :], (0, 0, 1, 0))
    base = (left + above) / 2
    base[..., 0, :] = left[..., 0, :]
    base[..., 0] = above[..., 0]
    base[..., 0, 0] = y.new_tensor([128, 0, 0])
    return base
