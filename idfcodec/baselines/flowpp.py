"""Flow++: couplings by the distribution functions of mixtures, gated attention inside, learned dequantization.

What one half of the data, x_1, tells of the other is a mixture of logistics for every dimension, and an affine map:

    z_1 = x_1,   z_2 = (logit(F(x_2)) + d x_2) * exp(a) + b,   F(x) = sum_k pi_k sigmoid((x - mu_k) / s_k)
    log |det| = sum_i log(f / (F (1 - F)) + d) + a,   f = F'

with a, b, pi, mu and s a network's outputs given x_1. F has no inverse in formula: it is bisected. The line, d = 1/20,
is not in the paper: between narrow components logit(F) is so flat that in float32 no z would tell x apart. In front of
each coupling are an activation normalisation and an invertible map of the channels, as in Glow. Pictures are split by a
checkerboard, then squeezed and split by channels, then by a checkerboard again; nothing is factored out. Vectors are
split in halves.

The noise that makes reals of pixels comes from a conditional flow of such couplings, u = sigmoid(g(e; v)) for pixels v
and logistic noise e, trained together with the model. (The paper's e is Gaussian; this one's sigmoid is uniform noise,
so that a fresh flow begins near it.)

References:
    Ho et al., *Flow++: Improving Flow-Based Generative Models with Variational Dequantization and Architecture Design*,
    2019, https://arxiv.org/abs/1902.00275
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.baselines.bases import Gaussian, Logistic
from idfcodec.baselines.contract import FlowModel, Sequential, Shape, Transform
from idfcodec.baselines.dequantization import VALUES, Bound, Dequantization
from idfcodec.baselines.gated import GatedConvolution, GatedNetwork
from idfcodec.baselines.glow import ActNorm, InvertibleLinear
from idfcodec.baselines.mixtures import LOG_SCALES, mixture_logit, mixture_logit_inverse
from idfcodec.baselines.networks import Dense, as_maps, check_sizes, coupling_network
from idfcodec.baselines.reshaping import Logit, Squeeze
from idfcodec.errors import IDFError

__all__ = ["SLOPE", "FlowPP", "FlowPPConfig", "MixtureCoupling", "Variational", "checkerboard"]

SLOPE = 0.05  # d


@dataclass(frozen=True)
class FlowPPConfig:
    """Sizes of the model.

    Args:
        shape: of the data, (D,) or (C, H, W) with H even and W a multiple of 4.
        layers: couplings; of pictures, those of each of the three kinds of split (the paper has 4, 2 and 3).
        hidden: units or channels of the couplings' networks.
        depth: their hidden layers or blocks.
        components: K of the mixtures; the paper has 32.
        heads: of the attention, 0 for none; vectors have none.
        noise: couplings of the flow that dequantizes pictures, 0 for uniform noise; vectors have none.
        logit: alpha of a logit in front, for data in [0, 1]; 0 for none. The implementation of the paper has 0.05.
        condition: channels K of a condition, fed to every coupling of the model.
    """

    shape: Shape = (2,)
    layers: int = 4
    hidden: int = 64
    depth: int = 2
    components: int = 8
    heads: int = 4
    noise: int = 4
    logit: float = 0.0
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "layers", "hidden", "depth", "components")
        check_sizes(self, *(name for name in ("heads", "noise") if getattr(self, name) != 0))


def checkerboard(x: Tensor) -> Tensor:
    """(B, C, h, w) to (B, 2 C, h, w / 2): the pixels whose row + column is even, then the odd ones."""
    pairs = x.reshape(*x.shape[:3], -1, 2)
    odd = (torch.arange(x.shape[2], device=x.device) % 2 == 1)[:, None, None]
    pairs = torch.where(odd, pairs.flip(4), pairs)
    return torch.cat((pairs[..., 0], pairs[..., 1]), 1)


def _unboard(halves: Tensor) -> Tensor:
    """The x of `checkerboard(x)`."""
    pairs = torch.stack(halves.chunk(2, 1), 4)
    odd = (torch.arange(pairs.shape[2], device=pairs.device) % 2 == 1)[:, None, None]
    return torch.where(odd, pairs.flip(4), pairs).flatten(3)


class MixtureCoupling(Transform):
    """The coupling above; log s is clamped to [-7, 7], and a = tanh(.) times a learned bound.

    Args:
        shape: of the data.
        split: "checkerboard", or "channels" (an odd one goes to the second half), which is that of vectors too.
        swap: the second half tells and the first is changed.
        components: K of the mixtures.
        hidden: units or channels of the network.
        depth: its hidden layers or blocks.
        heads: of its attention.
        condition: channels of the condition.
    """

    def __init__(
        self,
        shape: Shape,
        split: str,
        *,
        swap: bool,
        components: int,
        hidden: int,
        depth: int,
        heads: int,
        condition: int = 0,
    ) -> None:
        super().__init__()
        self.split, self.swap, self.components = split, swap, components
        if split == "checkerboard":
            if shape[2] % 2:
                raise IDFError(f"a checkerboard cannot halve rows of {shape[2]} pixels")
            shape, condition = (2 * shape[0], shape[1], shape[2] // 2), 2 * condition
        self.first = shape[0] // 2
        kept = shape[0] - self.first if swap else self.first
        moved = shape[0] - kept
        outputs = moved * (2 + 3 * components)
        if len(shape) == 1:
            self.network: nn.Module = Dense(kept, outputs, hidden=hidden, depth=depth, condition=condition)
        else:
            size = (shape[1], shape[2])
            self.network = GatedNetwork(kept + condition, outputs, size, hidden=hidden, depth=depth, heads=heads)
        self.bound = nn.Parameter(torch.ones(moved, *[1] * (len(shape) - 1)))
        with torch.no_grad():  # components that are equal would stay so
            bias = self.network.last.bias.view(-1, moved)  # type: ignore[union-attr]
            bias[2 + components : 2 + 2 * components] = torch.linspace(-1, 1, components)[:, None]

    def _halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What tells, and what is changed."""
        x = checkerboard(x) if self.split == "checkerboard" else x
        first, second = x[:, : self.first], x[:, self.first :]
        return (second, first) if self.swap else (first, second)

    def _whole(self, kept: Tensor, moved: Tensor) -> Tensor:
        x = torch.cat((moved, kept) if self.swap else (kept, moved), 1)
        return _unboard(x) if self.split == "checkerboard" else x

    def _parameters_of(
        self, kept: Tensor, condition: Tensor | None
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
        """a and b, (B, *moved), and log pi, mu and log s, (B, K, *moved)."""
        if kept.ndim == 2:
            out = self.network(kept, condition)
        else:
            if condition is not None:
                height, width = kept.shape[2:]
                if self.split == "checkerboard":
                    maps = checkerboard(as_maps(condition, (height, 2 * width)))
                else:
                    maps = as_maps(condition, (height, width))
                kept = torch.cat((kept, maps), 1)
            out = self.network(kept)
        out = out.reshape(len(out), 2 + 3 * self.components, -1, *out.shape[2:])
        weights, means, scales = out[:, 2:].chunk(3, 1)
        mixture = (torch.log_softmax(weights, 1), means, scales.clamp(*LOG_SCALES))
        return self.bound * torch.tanh(out[:, 0]), out[:, 1], mixture

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        kept, moved = self._halves(x)
        a, b, mixture = self._parameters_of(kept, condition)
        moved, log_slope = mixture_logit(moved, *mixture, slope=SLOPE)
        return self._whole(kept, moved * torch.exp(a) + b), (log_slope + a).flatten(1).sum(1)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        kept, moved = self._halves(z)
        a, b, mixture = self._parameters_of(kept, condition)
        return self._whole(kept, mixture_logit_inverse((moved - b) * torch.exp(-a), *mixture, slope=SLOPE))


class Variational(Dequantization):
    """u = sigmoid(g(e; v)), with a flow g of couplings under checkerboards that are given the pixels v.

        log q(u | v) = log p(e) - log |det dg/de| - sum log(u (1 - u))

    Args:
        config: of the model whose pictures these are; `noise` couplings.
        values: n.
    """

    kind: ClassVar[Bound] = "variational dequantization"

    def __init__(self, config: FlowPPConfig, values: int = VALUES) -> None:
        super().__init__(values)
        self.first = nn.Conv2d(config.shape[0], config.hidden, 3, padding=1)
        self.block = GatedConvolution(config.hidden)
        sizes = {name: getattr(config, name) for name in ("components", "hidden", "depth", "heads")}
        self.flow = Sequential(
            MixtureCoupling(config.shape, "checkerboard", swap=bool(i % 2), condition=config.hidden, **sizes)
            for i in range(config.noise)
        )
        self.base = Logistic()

    def forward(self, pixels: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        if pixels.is_floating_point():
            raise IDFError("expected integer pixels")
        v = pixels.to(self.first.weight.dtype)
        context = self.block(self.first(2 * v / (self.values - 1) - 1))
        e = self.base.sample(tuple(pixels.shape), generator=generator)
        h, log_det = self.flow(e, context)
        log_u = F.logsigmoid(h)
        log_q = self.base.log_prob(e) - log_det - (log_u + log_u - h).flatten(1).sum(1)  # log(1 - u) = log u - h
        # v + 1 - 2**-16 has 24 bits: x stays in its cell in float32.
        return (v + torch.sigmoid(h).clamp_max(1 - 2**-16)) / self.values, log_q


class FlowPP(FlowModel):
    """The model, on vectors or pictures.

    Example:
        >>> from idfcodec.baselines.dequantization import bits
        >>> model = FlowPP(FlowPPConfig(shape=(3, 32, 32), layers=2, hidden=32, logit=0.05))
        >>> pixels = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
        >>> bits(model, pixels).shape  # (B, 3, 32, 32) uint8 to (B,): a bound, by the model's own noise
        torch.Size([2])
    """

    family: ClassVar[str] = "flowpp"
    config_type: ClassVar[type] = FlowPPConfig

    def __init__(self, config: FlowPPConfig) -> None:
        coupling_network(config.shape)  # refuses other shapes
        shape = config.shape
        if len(shape) == 1 and shape[0] < 2:
            raise IDFError("a coupling needs at least two dimensions")
        layers: list[Transform] = [Logit(config.logit)] if config.logit else []
        if len(shape) == 1:
            layers += _couplings("channels", shape, config)
        else:
            layers += _couplings("checkerboard", shape, config)
            squeeze = Squeeze()
            layers.append(squeeze)
            shape = squeeze.output_shape(shape)
            layers += _couplings("channels", shape, config)
            layers += _couplings("checkerboard", shape, config)
        super().__init__(config, [Sequential(layers)], [Gaussian()])
        self.dequantization = Variational(config) if len(shape) == 3 and config.noise else None


def _couplings(split: str, shape: Shape, config: FlowPPConfig) -> list[Transform]:
    sizes = {name: getattr(config, name) for name in ("components", "hidden", "depth", "heads", "condition")}
    layers: list[Transform] = []
    for i in range(config.layers):
        layers += [
            ActNorm(shape[0]),
            InvertibleLinear(shape[0]),
            MixtureCoupling(shape, split, swap=bool(i % 2), **sizes),
        ]
    return layers
