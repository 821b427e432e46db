"""The context networks in exact arithmetic: the same integers on every machine.

Activations are integers in [0, 255], weights integers in [-64, 64], and a convolution is

    y = clamp(round_half_even((sum w x + b) * 2**-e [+ residual]), 0, 255)

with one exponent e per output channel. Every accumulator is proved to stay below 2**24 in magnitude whatever the
activations, so float32 holds each partial sum exactly and any order of summation gives the same result; the same
holds for 32-bit integer accumulators. Two kernels compute it: plain float32 convolutions, which run everywhere, and
oneDNN's fused 8-bit ones, several times faster where the processor has VNNI or AMX. `kernels` says which of them a
device has, and a model's known answers whether one computes that model. Weights stop at 64 so that a pair of products,
at most 2 * 255 * 64, fits into 16 bits: without VNNI the 8-bit kernels add in pairs, and would saturate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from idfcodec.errors import ModelError
from idfcodec.flow.exact.quantisable import ACCUMULATOR_LIMIT, WEIGHT_LIMIT

__all__ = ["KERNELS", "Convolution", "gemm_convolution", "kernels"]

KERNELS = ("int8", "float32")


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


def kernels(device: str) -> Sequence[str]:
    """Those of `KERNELS` that a device has, fastest first.

    Raises:
        ModelError: there is no such device.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ModelError("there is no CUDA device here")
    return KERNELS if device == "cpu" and _has_int8() else KERNELS[1:]


@lru_cache(maxsize=1)
def _has_int8() -> bool:
    """Whether this build of PyTorch has the 8-bit operators, and they are exact on this processor."""
    names = ("onednn::qconv_prepack", "onednn::qconv2d_pointwise", "onednn::qconv2d_pointwise.binary")
    known = {schema.name + ("." + schema.overload_name if schema.overload_name else "") for schema in _schemas()}
    if not known.issuperset(names):
        return False
    try:
        return not _saturates("int8", "cpu")
    except RuntimeError:  # what oneDNN says of a processor for which it has no kernel
        return False


def _schemas() -> Sequence[torch.FunctionSchema]:
    schemas: Sequence[torch.FunctionSchema] = torch._C._jit_get_all_schemas()
    return schemas


def _saturates(kernel: str, device: str) -> bool:
    """Whether a kernel's sums of products clip: 8-bit kernels do on processors without VNNI."""
    weight = torch.full((16, 64, 3, 3), WEIGHT_LIMIT, dtype=torch.int8)
    bias, exponent = torch.zeros(16, dtype=torch.int32), torch.zeros(16, dtype=torch.int8)
    weight[:, 48:] = -WEIGHT_LIMIT
    weight[:, :, 0] = 0
    weight[:, :, :, 0] = 0
    convolution = Convolution.build(weight, bias, exponent, padding=0, kernel=kernel, device=device)
    x = torch.full((1, 64, 3, 3), 255, dtype=torch.uint8 if kernel == "int8" else torch.float32, device=device)
    out = convolution.scaled(x.contiguous(memory_format=torch.channels_last))
    return bool((out != 255 * WEIGHT_LIMIT * 4 * 32).any())
