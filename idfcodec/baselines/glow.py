"""Glow: steps of activation normalisation, an invertible linear map of the channels, and a coupling of halves.

    z = exp(l) * (x + b)           actnorm, l and b by channel;        log |det| = h w sum(l)
    z = W x at every pixel         W = P L (U + diag(s));              log |det| = h w sum log|s|
    z_a = x_a,  z_b = (x_b + t) * sigmoid(r + 2),  (r, t) = network(x_a);     log |det| = sum log sigmoid(r + 2)

(the additive coupling is z_b = x_b + t). Each level squeezes, makes its steps and factors out half of the channels,
whose Gaussian prior depends on the other half. A vector is taken as the channels of one pixel, without a squeeze.

References:
    Kingma and Dhariwal, *Glow: Generative Flow with Invertible 1x1 Convolutions*, 2018,
    https://arxiv.org/abs/1807.03039
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.baselines.bases import Base, Gaussian, SplitGaussian
from idfcodec.baselines.contract import FlowModel, Sequential, Shape, Transform
from idfcodec.baselines.networks import check_sizes, coupling_network
from idfcodec.baselines.reshaping import Logit, Squeeze
from idfcodec.errors import IDFError

__all__ = ["ActNorm", "Glow", "GlowConfig", "HalfCoupling", "InvertibleLinear"]


@dataclass(frozen=True)
class GlowConfig:
    """Sizes of the model.

    Args:
        shape: of the data, (D,) or (C, H, W).
        layers: steps of a level, the paper's K.
        hidden: units or channels of the couplings' networks.
        depth: their hidden layers or residual blocks.
        scales: levels of pictures, the paper's L; vectors have one.
        affine: affine couplings; else additive.
        logit: alpha of a logit in front, for data in [0, 1]; 0 for none, as in the paper.
        condition: channels K of a condition, fed to every coupling.
    """

    shape: Shape = (2,)
    layers: int = 8
    hidden: int = 64
    depth: int = 2
    scales: int = 1
    affine: bool = True
    logit: float = 0.0
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "layers", "hidden", "depth", "scales")


def _by_channel(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *[1] * (like.ndim - 2))


class ActNorm(Transform):
    """z = exp(l) * (x + b) by channel; the first batch in training sets l and b to give zero mean, unit variance.

    Args:
        channels: D or C.
    """

    started: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.register_buffer("started", torch.tensor(False))

    @torch.no_grad()
    def _start(self, x: Tensor) -> None:
        axes = [0, *range(2, x.ndim)]
        self.shift.copy_(-x.mean(axes))
        self.log_scale.copy_(-torch.log(x.std(axes, unbiased=False) + 1e-6))
        self.started.fill_(True)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if self.training and not bool(self.started):
            self._start(x)
        z = (x + _by_channel(self.shift, x)) * torch.exp(_by_channel(self.log_scale, x))
        return z, (x[0, 0].numel() * self.log_scale.sum()).expand(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return z * torch.exp(-_by_channel(self.log_scale, z)) - _by_channel(self.shift, z)


class InvertibleLinear(Transform):
    """The invertible 1x1 convolution z = W x in its LU form, W = P L (U + diag(s)); a rotation to begin with.

    P and the signs of s stay fixed; L, U and log|s| are learned (section 3.2).

    Args:
        channels: D or C.
    """

    permutation: Tensor
    sign: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(channels, channels, dtype=torch.float64))[0]
        permutation, lower, upper = torch.linalg.lu(rotation)
        diagonal = upper.diagonal()
        self.register_buffer("permutation", permutation.float())
        self.register_buffer("sign", diagonal.sign().float())
        self.lower = nn.Parameter(lower.tril(-1).float())
        self.upper = nn.Parameter(upper.triu(1).float())
        self.log_diagonal = nn.Parameter(diagonal.abs().log().float())

    def _factors(self) -> tuple[Tensor, Tensor]:
        lower = self.lower.tril(-1) + torch.eye(len(self.lower), dtype=self.lower.dtype, device=self.lower.device)
        return lower, self.upper.triu(1) + torch.diag(self.sign * torch.exp(self.log_diagonal))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        lower, upper = self._factors()
        weight = self.permutation @ lower @ upper
        z = x @ weight.T if x.ndim == 2 else F.conv2d(x, weight[..., None, None])
        return z, (x[0, 0].numel() * self.log_diagonal.sum()).expand(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        lower, upper = self._factors()
        columns: Tensor = self.permutation.T @ z.transpose(0, 1).flatten(1)
        columns = torch.linalg.solve_triangular(lower, columns, upper=False, unitriangular=True)
        columns = torch.linalg.solve_triangular(upper, columns, upper=True)
        return columns.reshape(z.shape[1], len(z), *z.shape[2:]).transpose(0, 1)


class HalfCoupling(Transform):
    """The first half of the channels stays and tells how the second is shifted and, if `affine`, scaled.

    Args:
        shape: of the data; an odd channel goes to the second half.
        affine: or additive.
        hidden: units or channels of the network.
        depth: its hidden layers or residual blocks.
        condition: channels of the condition.
    """

    def __init__(self, shape: Shape, *, affine: bool, hidden: int, depth: int, condition: int = 0) -> None:
        super().__init__()
        self.affine = affine
        self.kept = shape[0] // 2
        moved = shape[0] - self.kept
        network = coupling_network(shape)
        self.network = network(self.kept, moved * (1 + affine), hidden=hidden, depth=depth, condition=condition)

    def _parameters_of(self, known: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        out = self.network(known, condition)
        if not self.affine:
            return out, torch.zeros_like(out)
        t, r = out.chunk(2, 1)
        return t, F.logsigmoid(r + 2)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        known, moved = x[:, : self.kept], x[:, self.kept :]
        t, log_scale = self._parameters_of(known, condition)
        z = torch.cat((known, (moved + t) * torch.exp(log_scale)), 1)
        return z, log_scale.flatten(1).sum(1)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        known, moved = z[:, : self.kept], z[:, self.kept :]
        t, log_scale = self._parameters_of(known, condition)
        return torch.cat((known, moved * torch.exp(-log_scale) - t), 1)


class Glow(FlowModel):
    """The model, on vectors or pictures.

    Example:
        >>> model = Glow(GlowConfig(shape=(3, 32, 32), layers=8, scales=3))
        >>> pictures = model.sample(16, temperature=0.7)  # (16, 3, 32, 32)
    """

    family: ClassVar[str] = "glow"
    config_type: ClassVar[type] = GlowConfig

    def __init__(self, config: GlowConfig) -> None:
        coupling_network(config.shape)  # refuses other shapes
        shape = config.shape
        if len(shape) == 1 and (config.scales != 1 or shape[0] < 2):
            raise IDFError("vectors need at least two dimensions, and have one scale")
        levels: list[Transform] = []
        bases: list[Base] = []
        for level in range(config.scales):
            layers: list[Transform] = [Logit(config.logit)] if config.logit and not level else []
            if len(shape) == 3:
                squeeze = Squeeze()
                layers.append(squeeze)
                shape = squeeze.output_shape(shape)
            sizes = {"hidden": config.hidden, "depth": config.depth, "condition": config.condition}
            for _ in range(config.layers):
                layers += [
                    ActNorm(shape[0]),
                    InvertibleLinear(shape[0]),
                    HalfCoupling(shape, affine=config.affine, **sizes),
                ]
            levels.append(Sequential(layers))
            if level + 1 < config.scales:
                shape = (shape[0] // 2, *shape[1:])
                bases.append(SplitGaussian(shape[0]))
            else:
                bases.append(Gaussian())
        super().__init__(config, levels, bases)
