"""The networks of the couplings and of their conditional prior, in the form that is trained.

At level l the squeeze gives four phases of the picture: A (even row, even column), D (odd, odd), B (even, odd) and
C (odd, even). A is the next level's picture, hence known; D, B and C are coded in that order, each given the ones
before it. One trunk of residual blocks runs through the three steps:

    h_D = blocks(first_D(A) + up(coarser))      ->  coupling and prior of D
    h_B = blocks(first_B(A, D) + h_D)           ->  coupling and prior of B
    h_C = blocks(first_C(A, D, B) + h_B)        ->  coupling and prior of C, and `coarser` of the level below

Every tensor between two convolutions is an 8-bit unsigned integer over 2**ACTIVATION_BITS, every weight an 8-bit
signed integer times a power of two of its output channel: what `exact.py` runs on integers is this network to the
letter once `quantised` is on.

References:
    Hoogeboom et al., *Integer Discrete Flows and Lossless Compression*, 2019, https://arxiv.org/abs/1905.07376
    Jacob et al., *Quantization and Training of Neural Networks*, 2018, https://arxiv.org/abs/1712.05877
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "ACCUMULATOR_LIMIT",
    "ACTIVATION_BITS",
    "HEAD_BITS",
    "WEIGHT_LIMIT",
    "Activation",
    "ContextNetwork",
    "NetworkConfig",
    "QuantConv",
    "Quantisable",
    "exponents",
]

ACTIVATION_BITS = 5  # activations are u / 2**5 with u an integer in [0, 255]
ACTIVATION_LIMIT = 255 / 2**ACTIVATION_BITS
# Two products of an activation and a weight fit into 16 bits: what 8-bit kernels need where there is no VNNI.
WEIGHT_LIMIT = 64
ACCUMULATOR_LIMIT = 2**24
MAX_EXPONENT = 14
# Fractional bits that the head keeps of each of its outputs, in the order location, log-scale, shape, colour.
HEAD_BITS = (7, 3, 3, 5)


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the networks.

    Args:
        channels: of the trunk.
        blocks: residual blocks of each group.
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


def exponents(weight: Tensor, bias: Tensor) -> Tensor:
    """The largest power-of-two scale of each output channel that keeps its integers within all bounds.

    Args:
        weight: (O, I, kh, kw) real weights.
        bias: (O,) real biases.

    Returns:
        (O,) exponents e: `round(weight * 2**e)` is in [-64, 64], and with activations up to 255, one residual of
        up to 255 and an input offset of 128 folded into the bias, the accumulator stays below 2**24 in magnitude.
    """
    weight = weight.detach().float()
    peak = weight.abs().amax((1, 2, 3)).clamp_min(1e-9)
    # A residual counts 255 * 2**e, and a head keeps up to two bits more: 1020. A channel of n weights rounds by at most
    # n / 2 in total.
    norm = 384 * weight.abs().sum((1, 2, 3)) + (2**ACTIVATION_BITS) * bias.detach().abs().float() + 1024
    slack = 192 * weight[0].numel()
    by_peak = torch.floor(torch.log2(WEIGHT_LIMIT / peak))
    by_norm = torch.floor(torch.log2((ACCUMULATOR_LIMIT - slack) / norm))
    least: Tensor = torch.minimum(by_peak, by_norm).clamp(0, MAX_EXPONENT)
    return least


def _through(value: Tensor, rounded: Tensor) -> Tensor:
    """`rounded`, with the gradient of `value` (the straight-through estimator)."""
    return value + (rounded - value).detach()


class _Round(torch.autograd.Function):
    """Rounding to the grid of the activations, straight through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        rounded: Tensor = (x * 2**ACTIVATION_BITS).round_().mul_(2**-ACTIVATION_BITS)
        return rounded

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


class QuantConv(nn.Module):
    """A convolution whose weights are integers times a power of two per output channel when `quantised`."""

    def __init__(self, inputs: int, outputs: int, size: int, *, padding: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size) * gain / (inputs * size * size) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.padding = padding
        self.quantised = False

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.weight
        bias: Tensor = self.bias
        if self.quantised:
            scale = torch.exp2(exponents(weight, bias))
            kernel = scale.view(-1, 1, 1, 1)
            weight = _through(weight, torch.round(weight * kernel) / kernel)
            unit = scale * 2**ACTIVATION_BITS
            bias = _through(bias, torch.round(bias * unit) / unit)
        if x.ndim == 2:  # pixels in rows: a convolution of one pixel is a matrix product
            return F.linear(x, weight.flatten(1), bias)
        return F.conv2d(x, weight, bias, padding=self.padding)


class Activation(nn.Module):
    """ReLU, clamped to the range of 8 bits and rounded to them when `quantised`."""

    def __init__(self) -> None:
        super().__init__()
        self.quantised = False

    def forward(self, x: Tensor) -> Tensor:
        if self.quantised:
            x = _Round.apply(x)  # type: ignore[no-untyped-call]
        return F.hardtanh(x, 0.0, ACTIVATION_LIMIT)


class Quantisable(nn.Module):
    """A flow as it is trained, which can run with the integers that will be exported."""

    def __init__(self) -> None:
        super().__init__()
        self.quantised = False

    def quantise(self, on: bool = True) -> None:
        """Run with the integers that will be exported (straight-through gradients) from now on."""
        self.quantised = on
        for module in self.modules():
            if isinstance(module, (QuantConv, Activation)):
                module.quantised = on

    def grid(self, value: Tensor, steps: int) -> Tensor:
        """`value`, rounded to so many steps per unit if `quantised`."""
        return _through(value, torch.round(value * steps) / steps) if self.quantised else value


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

    def __init__(self, planes: int, config: NetworkConfig, blocks: int) -> None:
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

    def __init__(self, config: NetworkConfig) -> None:
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
