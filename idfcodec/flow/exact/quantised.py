"""The context networks in exact arithmetic: the same integers on every machine.

Activations are integers in [0, 255], weights integers in [-64, 64], and a convolution is

    y = clamp(round_half_even((sum w x + b) * 2**-e [+ residual]), 0, 255)

with one exponent e per output channel. Every accumulator is proved to stay below 2**24 in magnitude whatever the
activations, so float32 holds each partial sum exactly and any order of summation gives the same result; the same
holds for 32-bit integer accumulators. Two kernels compute it: plain float32 convolutions, which run everywhere, and
oneDNN's fused 8-bit ones, several times faster where the processor has VNNI or AMX. `known_answer` in `runtime.py`
decides which of them is fit for use. Weights stop at 64 so that a pair of products, at most 2 * 255 * 64, fits into 16
bits: without VNNI the 8-bit kernels add in pairs, and would saturate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from idfcodec.errors import ModelError
from idfcodec.flow.hierarchical.network import (
    ACCUMULATOR_LIMIT,
    ACTIVATION_BITS,
    HEAD_BITS,
    WEIGHT_LIMIT,
    NetworkConfig,
)

__all__ = ["KERNELS", "Convolution", "ExactNetwork", "fold", "gemm_convolution", "head_exponents", "unfold"]

KERNELS = ("int8", "float32")


def head_exponents() -> Tensor:
    """(12,) fractional bits that each head output keeps: 3 locations, 3 log-scales, 3 shapes, 3 colour weights."""
    return torch.tensor([bits for bits in HEAD_BITS for _ in range(3)])


def gemm_convolution(x: Tensor, weight: Tensor, bias: Tensor, padding: int) -> Tensor:
    """`conv2d` as one matrix product, whose partial sums are those of the products and no others."""
    size = weight.shape[-1]
    height, width = (side + 2 * padding - size + 1 for side in x.shape[-2:])
    columns = F.unfold(x, size, padding=padding)
    y = weight.reshape(len(weight), -1) @ columns
    return y.view(len(x), -1, height, width) + bias.view(-1, 1, 1)


@dataclass(frozen=True)
class Convolution:
    """One integer convolution.

    Args:
        kernel: one of `KERNELS`.
        padding: zeros around the picture, each side.
        packed: the weights as the kernel wants them.
        scale: 2**-e of each output channel.
        offset: the biases, in units of the accumulator, or of the output for "int8".
        zeros: (O,) int64, the weights' zero points.
    """

    kernel: str
    padding: int
    packed: Tensor
    scale: Tensor
    offset: Tensor
    zeros: Tensor

    @staticmethod
    def build(weight: Tensor, bias: Tensor, exponent: Tensor, *, padding: int, kernel: str, device: str) -> Convolution:
        """Check the bounds, then lay the weights out for `kernel`.

        Args:
            weight: (O, I, k, k) int8 in [-64, 64].
            bias: (O,) int32, in units of the accumulator.
            exponent: (O,) int8, the power of two e that divides the accumulator.
            padding: zeros around the picture, each side.
            kernel: one of `KERNELS`.
            device: "cpu" or "cuda".

        Raises:
            ModelError: a tensor has the wrong type or shape, or an accumulator could reach 2**24.
        """
        if weight.dtype != torch.int8 or bias.dtype != torch.int32 or exponent.dtype != torch.int8:
            raise ModelError("a convolution of the model has tensors of the wrong type")
        outputs = weight.shape[0]
        if weight.ndim != 4 or bias.shape != (outputs,) or exponent.shape != (outputs,):
            raise ModelError("a convolution of the model has tensors of the wrong shape")
        wide = weight.to(torch.int64)
        reach = 255 * wide.abs().sum((1, 2, 3)) + bias.to(torch.int64).abs()
        reach += 255 * torch.exp2(exponent.double().clamp_min(0)).to(torch.int64)
        if wide.abs().max() > WEIGHT_LIMIT or int(reach.max()) >= ACCUMULATOR_LIMIT:
            raise ModelError("a convolution of the model could leave the range of exact arithmetic")
        scale = torch.exp2(-exponent.float())
        zeros = torch.zeros(outputs, dtype=torch.int64)
        if kernel == "int8":
            sides = [1, 1], [padding, padding], [1, 1]
            packed = torch.ops.onednn.qconv_prepack(weight, scale, 1.0, 0, *sides, 1, None)
            offset = bias.float() * scale
            return Convolution(kernel, padding, packed, scale, offset, zeros)
        packed = weight.float().to(device, memory_format=torch.channels_last)
        scale = scale.view(-1, 1, 1).to(device)
        return Convolution(kernel, padding, packed, scale, bias.float().to(device), zeros)

    def _int8(self, x: Tensor, residual: Tensor | None, dtype: torch.dtype) -> Tensor:
        sides = [1, 1], [self.padding, self.padding], [1, 1]
        common = (self.packed, self.scale, self.zeros)
        out: Tensor
        if residual is not None:
            out = torch.ops.onednn.qconv2d_pointwise.binary(
                x, 1.0, 0, *common, residual, self.offset, *sides, 1, 1.0, 0, dtype, 1.0, 0, "sum", 1.0, "relu", [], ""
            )
        else:
            post = "none" if dtype == torch.float32 else "relu"
            out = torch.ops.onednn.qconv2d_pointwise(
                x, 1.0, 0, *common, self.offset, *sides, 1, 1.0, 0, dtype, post, [], ""
            )
        return out

    def scaled(self, x: Tensor) -> Tensor:
        """`(sum w x + b) * 2**-e`, exactly, as float32 (B, O, h, w)."""
        if self.kernel == "int8":
            return self._int8(x, None, torch.float32)
        if x.is_cuda:  # its convolutions may be Winograd's, which do not keep to integers; matrix products do
            return gemm_convolution(x, self.packed, self.offset, self.padding) * self.scale
        return F.conv2d(x, self.packed, self.offset, padding=self.padding) * self.scale

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """(B, I, h, w) activations to (B, O, h', w') activations; `residual` may be overwritten."""
        if self.kernel == "int8":
            return self._int8(x, residual, torch.uint8)
        y = self.scaled(x)
        if residual is not None:
            y += residual
        return y.round_().clamp_(0, 255)


class ExactNetwork:
    """The integer twin of `ContextNetwork`: one coding step at a time.

    Args:
        tensors: `NAME.weight`, `NAME.bias` and `NAME.exponent` for every convolution, named as in `ContextNetwork`.
        config: sizes.
        kernel: one of `KERNELS`.
        device: "cpu" or "cuda"; "int8" runs on the processor only.
    """

    def __init__(self, tensors: Mapping[str, Tensor], config: NetworkConfig, *, kernel: str, device: str) -> None:
        def build(name: str, padding: int, phases: int = 1) -> Convolution:
            try:
                parts = [tensors[f"{name}.{part}"] for part in ("weight", "bias", "exponent")]
            except KeyError as ex:
                raise ModelError(f"the model lacks the tensor {ex.args[0]}") from ex
            if len(parts[0]) % phases:
                raise ModelError(f"the convolution {name} of the model has {len(parts[0])} outputs")
            parts = [torch.cat([part[i::phases] for i in range(phases)]) for part in parts]
            return Convolution.build(*parts, padding=padding, kernel=kernel, device=device)

        self._type = torch.uint8 if kernel == "int8" else torch.float32
        self._device = device
        self._up = build("up", 0, phases=4)  # the channels of each of the four phases stand together
        self._groups = [
            (
                build(f"groups.{g}.first", 0),
                [
                    (build(f"groups.{g}.blocks.{i}.inner", 1), build(f"groups.{g}.blocks.{i}.outer", 1))
                    for i in range(count)
                ],
                build(f"groups.{g}.head", 0),
            )
            for g, count in enumerate(config.blocks)
        ]

    def upsample(self, trunk: Tensor, height: int, width: int) -> Tensor:
        """The coarser level's trunk on this level's grid of (height, width)."""
        y = self._up(trunk).permute(0, 2, 3, 1)  # whole runs of channels are moved, as channels_last keeps them
        count, rows, columns, channels = y.shape
        y = y.reshape(count, rows, columns, 2, -1).transpose(2, 3).reshape(count, 2 * rows, 2 * columns, channels // 4)
        return y[:, :height, :width].contiguous().permute(0, 3, 1, 2)

    def step(self, group: int, known: Tensor, trunk: Tensor | None) -> tuple[Tensor, Tensor]:
        """One coding step.

        Args:
            group: 0, 1 or 2, for the phases D, B and C.
            known: (B, 3 * (group + 1), h + 2, w + 2) integers in [0, 255], edges replicated, any dtype.
            trunk: (B, channels, h, w) of the step before, or None.

        Returns:
            The trunk, and the head's outputs (B, 12, h, w) in their fixed point: float32 integers below 2**24.
        """
        first, blocks, head = self._groups[group]
        x = known.to(self._device, self._type, memory_format=torch.channels_last)
        h = first(x, trunk)
        for inner, outer in blocks:
            h = outer(inner(h), h)
        return h, head.scaled(h).round_()


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
