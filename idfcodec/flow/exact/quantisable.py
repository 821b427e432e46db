"""Quantised layers as they are trained: integers times powers of two, with straight-through gradients.

Every tensor between two convolutions is an 8-bit unsigned integer over 2**ACTIVATION_BITS, every weight an 8-bit
signed integer times a power of two of its output channel: what `quantised.py` runs on integers is this to the letter
once `quantised` is on.

References:
    Jacob et al., *Quantization and Training of Neural Networks*, 2018, https://arxiv.org/abs/1712.05877
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.errors import ModelError
from idfcodec.flow.exact.mixture import build_tables

__all__ = [
    "ACCUMULATOR_LIMIT",
    "ACTIVATION_BITS",
    "HEAD_BITS",
    "WEIGHT_LIMIT",
    "Activation",
    "Meaning",
    "QuantConv",
    "Quantisable",
    "exponents",
    "fold",
    "normalise",
    "unfold",
]

Meaning = tuple[int, Tensor | None]
"""Of a convolution: how many of its inputs, at their end, are centred, and the fractional bits that a head keeps."""

ACTIVATION_BITS = 5  # activations are u / 2**5 with u an integer in [0, 255]
ACTIVATION_LIMIT = 255 / 2**ACTIVATION_BITS
# Two products of an activation and a weight fit into 16 bits: what 8-bit kernels need where there is no VNNI.
WEIGHT_LIMIT = 64
ACCUMULATOR_LIMIT = 2**24
MAX_EXPONENT = 14
# Fractional bits that the head keeps of each of its outputs, in the order location, log-scale, shape, colour.
HEAD_BITS = (7, 3, 3, 5)
_PARTS = ("weight", "bias", "exponent")


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
    """A flow as it is trained, which can run with the integers that will be exported.

    Attributes:
        family: name of its family.
        config: the family's configuration, a dataclass.
    """

    family: ClassVar[str]
    config: Any

    def __init__(self) -> None:
        super().__init__()
        self.quantised = False

    def quantise(self, on: bool = True) -> None:
        """Run with the integers that will be exported (straight-through gradients) from now on."""
        self.quantised = on
        for module in self.modules():
            if isinstance(module, (QuantConv, Activation)):
                module.quantised = on

    @abstractmethod
    def meaning(self, name: str, module: QuantConv) -> Meaning:
        """What the inputs and outputs of one of its convolutions stand for."""

    def integers(self) -> dict[str, Tensor]:
        """What an exported model holds: the tensors of all convolutions, the tables, and what else the family has.

        Raises:
            ModelError: a convolution breaks the bound of exact arithmetic.
        """
        tensors = {name: torch.from_numpy(table) for name, table in build_tables().items()}
        for name, module in self.named_modules():
            if isinstance(module, QuantConv):
                weight, bias = module.weight.detach(), module.bias.detach()
                centred, head = self.meaning(name, module)
                folded = fold(weight, bias, exponents(weight, bias), centred=centred, head=head)
                tensors |= {f"{name}.{part}": tensor.contiguous() for part, tensor in zip(_PARTS, folded, strict=True)}
        return tensors | self.further()

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take what the integers of an exported model mean.

        Where the network differs in size, networks that the exported model lacks start as its coarsest one, blocks
        that it lacks start without effect, and its surplus blocks are left out. The channels must be the same.

        Raises:
            ModelError: the model is not one from which such a network can start.
        """
        with torch.no_grad():
            for name, module in self.named_modules():
                if not isinstance(module, QuantConv):
                    continue
                source = self.source(name, tensors)
                if f"{source}.weight" not in tensors:
                    self.start_without(name, module, source)
                    continue
                centred, head = self.meaning(name, module)
                weight, bias = unfold(*(tensors[f"{source}.{part}"] for part in _PARTS), centred=centred, head=head)
                if weight.shape != module.weight.shape:
                    raise ModelError(f"the model to start from has other sizes than were asked for, in {name}")
                module.weight.copy_(weight)
                module.bias.copy_(bias)
            self.restore_further(tensors)

    def further(self) -> dict[str, Tensor]:
        """What is exported besides convolutions and tables: integers by name."""
        return {}

    def restore_further(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes from an exported model what `further` gave."""
        return

    def exported_config(self, **changes: Any) -> Any:
        """The configuration of the exported model, with `changes` that need no training."""
        return self.config

    def source(self, name: str, tensors: Mapping[str, Tensor]) -> str:
        """The convolution of an exported model from which the one of that name starts."""
        return name

    def start_without(self, name: str, module: QuantConv, source: str) -> None:
        """Prepares a convolution that the exported model lacks.

        Raises:
            ModelError: it must not lack it.
        """
        raise ModelError(f"the model to start from lacks the tensor {source}.weight")

    def grid(self, value: Tensor, steps: int) -> Tensor:
        """`value`, rounded to so many steps per unit if `quantised`."""
        return _through(value, torch.round(value * steps) / steps) if self.quantised else value


def fold(
    weight: Tensor, bias: Tensor, exponent: Tensor, *, centred: int = 0, head: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Real weights to the integers of `Convolution`.

    Args:
        weight: (O, I, k, k) real.
        bias: (O,) real.
        exponent: (O,) from `network.exponents`.
        centred: so many of the inputs, at their end, are meant as `u - 128`: their offset goes into the bias.
        head: (O,) fractional bits that the output keeps instead of those of an activation.

    Returns:
        weight int8, bias int32 and exponent int8.
    """
    scale = torch.exp2(exponent.double())
    integers = torch.round(weight.double() * scale.view(-1, 1, 1, 1))
    offset = torch.round(bias.double() * scale * 2**ACTIVATION_BITS)
    offset -= 128 * integers[:, weight.shape[1] - centred :].sum((1, 2, 3))
    if head is not None:
        exponent = exponent + ACTIVATION_BITS - head
    return integers.to(torch.int8), offset.to(torch.int32), exponent.to(torch.int8)


def unfold(
    weight: Tensor, bias: Tensor, exponent: Tensor, *, centred: int = 0, head: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The inverse of `fold`: the real weight and bias that a convolution's integers stand for."""
    power = exponent.double()
    if head is not None:
        power = power - ACTIVATION_BITS + head
    offset = bias.double() + 128 * weight[:, weight.shape[1] - centred :].double().sum((1, 2, 3))
    scale = torch.exp2(-power)
    return (weight.double() * scale.view(-1, 1, 1, 1)).float(), (offset * scale / 2**ACTIVATION_BITS).float()


def normalise(planes: Tensor) -> Tensor:
    """(B, 3, h, w) integers (G, R-G, B-G) to the network's input, integers in [-128, 127] over 32."""
    offset = planes.new_tensor([128, 0, 0]).view(3, 1, 1)
    return (planes - offset).clamp(-128, 127) / 32
