"""RealNVP: affine couplings under masks, multi-scale.

With a binary mask b, what it keeps tells how the rest is scaled and shifted:

    z = b * x + (1 - b) * (x * exp(s(b * x)) + t(b * x)),     log |det| = sum (1 - b) * s(b * x)
    x = b * z + (1 - b) * (z - t(b * z)) * exp(-s(b * z))

Masks alternate between couplings: the even and the odd dimensions of vectors; of pictures the two colours of a
checkerboard and, after a squeeze, the two halves of the channels. Half of the dimensions are factored out after each
scale but the last: of every colour, the pixels off the diagonals of blocks of 2x2.

References:
    Dinh et al., *Density estimation using Real NVP*, 2017, https://arxiv.org/abs/1605.08803
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from idfcodec.baselines.bases import make_base
from idfcodec.baselines.contract import FlowModel, Sequential, Shape, Transform
from idfcodec.baselines.networks import check_sizes, coupling_network
from idfcodec.baselines.reshaping import Diagonals, Logit, Squeeze
from idfcodec.errors import IDFError

__all__ = ["AffineCoupling", "BatchNormalisation", "RealNVP", "RealNVPConfig", "mask_of"]


@dataclass(frozen=True)
class RealNVPConfig:
    """Sizes of the model.

    Args:
        shape: of the data, (D,) or (C, H, W).
        layers: couplings; of pictures, those of each kind of mask at each scale (the paper has 3), and the last scale
            has one more under checkerboards and none under channels.
        hidden: units or channels of the networks s and t.
        depth: their hidden layers or residual blocks.
        scales: of pictures; each but the last factors out half of the dimensions.
        prior: "gaussian" or "logistic".
        batch_norm: a normalisation after each coupling, as the paper has for pictures. In the plane it costs likelihood
            (`experiments/density`, table).
        logit: alpha of the logit in front, for data in [0, 1]; 0 for none. The paper has 0.05 for pictures.
        condition: channels K of a condition, fed to every s and t.
    """

    shape: Shape = (2,)
    layers: int = 8
    hidden: int = 64
    depth: int = 2
    scales: int = 1
    prior: str = "gaussian"
    batch_norm: bool = False
    logit: float = 0.0
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "layers", "hidden", "depth", "scales")


def mask_of(kind: str, shape: Shape, parity: int) -> Tensor:
    """A mask b of ones (kept) and zeros, of `shape`.

    Args:
        kind: "vector" (dimensions by parity), "checkerboard" (pixels by the parity of row + column), or "channels"
            (the first or the second half of them).
        shape: (D,) or (C, H, W).
        parity: 0 or 1; the two masks are each other's complement.

    Raises:
        IDFError: another kind.
    """
    if kind == "vector":
        b = (torch.arange(shape[0]) + parity) % 2
    elif kind == "checkerboard":
        rows, columns = torch.arange(shape[1])[:, None], torch.arange(shape[2])
        b = ((rows + columns + parity) % 2).expand(shape)
    elif kind == "channels":
        first = torch.arange(shape[0]) < shape[0] // 2
        b = (first ^ bool(parity))[:, None, None].expand(shape)
    else:
        raise IDFError(f"there is no mask {kind!r}; choose vector, checkerboard or channels")
    return b.contiguous().float()


class AffineCoupling(Transform):
    """The coupling above; s = g * tanh(.) with a learned bound g for each channel, as in the paper's section 4.1.

    Args:
        mask: b, of the data's shape.
        hidden: units or channels of the network.
        depth: its hidden layers or residual blocks.
        condition: channels of the condition.
    """

    mask: Tensor

    def __init__(self, mask: Tensor, *, hidden: int, depth: int, condition: int = 0) -> None:
        super().__init__()
        shape = tuple(mask.shape)
        self.register_buffer("mask", mask)
        self.network = coupling_network(shape)(shape[0], 2 * shape[0], hidden=hidden, depth=depth, condition=condition)
        self.bound = nn.Parameter(torch.ones(shape[0], *[1] * (len(shape) - 1)))

    def _scale_and_shift(self, known: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        s, t = self.network(known, condition).chunk(2, 1)
        free = 1 - self.mask
        return free * self.bound * torch.tanh(s), free * t

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        s, t = self._scale_and_shift(self.mask * x, condition)
        return x * torch.exp(s) + t, s.flatten(1).sum(1)  # s and t are 0 under the mask: this keeps b * x as it is

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        s, t = self._scale_and_shift(self.mask * z, condition)
        return (z - t) * torch.exp(-s)


class BatchNormalisation(Transform):
    """z = (x - mean) / sqrt(variance + e) by channel; log |det| = -1/2 sum log(variance + e), for each pixel.

    In training the statistics are the batch's, and gradients go through them; running averages of them serve in
    `eval` and for the inverse. (The paper's appendix E averages in training too, for the sake of tiny batches. The
    scales before the layer then drift, for most of the gradient that would hold them does not arrive.)

    Args:
        channels: D or C.
        momentum: share of the old average that stays.
        epsilon: e.
    """

    mean: Tensor
    variance: Tensor
    started: Tensor

    def __init__(self, channels: int, *, momentum: float = 0.98, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.epsilon = momentum, epsilon
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.register_buffer("started", torch.tensor(False))

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if not self.training:
            return self.mean, self.variance
        axes = [0, *range(2, x.ndim)]
        variance, mean = torch.var_mean(x, axes, correction=0)
        with torch.no_grad():
            kept = self.momentum if bool(self.started) else 0.0  # the first batch has no average to be mixed with
            self.mean.lerp_(mean, 1 - kept)
            self.variance.lerp_(variance, 1 - kept)
            self.started.fill_(True)
        return mean, variance

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        mean, variance = self._statistics(x)
        shape = (-1, *[1] * (x.ndim - 2))
        log_scale = -0.5 * torch.log(variance + self.epsilon)
        z = (x - mean.view(shape)) * torch.exp(log_scale).view(shape)
        return z, (x[0, 0].numel() * log_scale.sum()).expand(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """By the running averages, which stay as they are."""
        shape = (-1, *[1] * (z.ndim - 2))
        return z * (self.variance + self.epsilon).sqrt().view(shape) + self.mean.view(shape)


class RealNVP(FlowModel):
    """The model, on vectors or pictures.

    Example:
        >>> model = RealNVP(RealNVPConfig(shape=(3, 32, 32), layers=3, scales=2, logit=0.05))
        >>> [z.shape for z in model.latents(torch.rand(8, 3, 32, 32))]
        [torch.Size([8, 6, 16, 16]), torch.Size([8, 6, 16, 16])]
    """

    family: ClassVar[str] = "realnvp"
    config_type: ClassVar[type] = RealNVPConfig

    def __init__(self, config: RealNVPConfig) -> None:
        coupling_network(config.shape)  # refuses other shapes
        shape = config.shape
        if len(shape) == 1 and (config.scales != 1 or shape[0] < 2):
            raise IDFError("vectors need at least two dimensions, and have one scale")
        levels: list[Transform] = []
        for scale in range(config.scales):
            layers: list[Transform] = [Logit(config.logit)] if config.logit and not scale else []
            if len(shape) == 1:
                layers += _couplings("vector", shape, config.layers, config)
            elif scale + 1 == config.scales:
                layers += _couplings("checkerboard", shape, config.layers + 1, config)
            else:
                layers += _couplings("checkerboard", shape, config.layers, config)
                squeeze = Squeeze()
                layers.append(squeeze)
                shape = squeeze.output_shape(shape)
                layers += _couplings("channels", shape, config.layers, config)
                layers.append(Diagonals(shape[0]))
                shape = (shape[0] // 2, *shape[1:])
            levels.append(Sequential(layers))
        super().__init__(config, levels, [make_base(config.prior) for _ in levels])


def _couplings(kind: str, shape: Shape, count: int, config: RealNVPConfig) -> list[Transform]:
    layers: list[Transform] = []
    for i in range(count):
        layers.append(
            AffineCoupling(
                mask_of(kind, shape, i % 2), hidden=config.hidden, depth=config.depth, condition=config.condition
            )
        )
        if config.batch_norm:
            layers.append(BatchNormalisation(shape[0]))
    return layers
