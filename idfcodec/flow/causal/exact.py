"""The causal flow's network in exact arithmetic. All arrays are of pixels in rows: (N, ...)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idfcodec.errors import ModelError
from idfcodec.flow.causal.config import COMPONENTS, MIX_LIMIT, MIX_STEPS, SHARE_BITS, CausalConfig, head_outputs
from idfcodec.flow.exact.quantisable import HEAD_BITS
from idfcodec.flow.exact.quantised import Convolution

Values = NDArray[np.int32]

__all__ = ["SHARES", "CausalExactNetwork", "head_bits", "known_answer", "shares"]

SHARES = 2 * MIX_STEPS * MIX_LIMIT + 1


def head_bits(plane: int) -> Tensor:
    """(head_outputs,) fractional bits that each output of a plane's head keeps."""
    location, scale, shape, colour = HEAD_BITS
    bits = [location] * COMPONENTS + [scale] * COMPONENTS + [shape] * COMPONENTS
    return torch.tensor([*bits, MIX_STEPS.bit_length(), *[colour] * plane])


def shares() -> Tensor:
    """(33,) int32: the first component's share for each logit, of 2**SHARE_BITS. Made at export, once and for all."""
    logits = torch.arange(-MIX_STEPS * MIX_LIMIT, MIX_STEPS * MIX_LIMIT + 1, dtype=torch.float64) / MIX_STEPS
    return torch.round(torch.sigmoid(logits) * 2**SHARE_BITS).to(torch.int32)


class CausalExactNetwork:
    """The integer twin of `CausalNetwork`.

    Args:
        tensors: `NAME.weight`, `NAME.bias` and `NAME.exponent` of every convolution, named as there.
        config: sizes.
        kernel: one of `exact.KERNELS`.
        device: "cpu" or "cuda"; "int8" runs on the processor only.

    Raises:
        ModelError: a tensor is missing or has the wrong shape, or arithmetic would not be exact.
    """

    def __init__(self, tensors: Mapping[str, Tensor], config: CausalConfig, *, kernel: str, device: str) -> None:
        def build(name: str, inputs: int, outputs: int) -> Convolution:
            try:
                weight, bias, exponent = (tensors[f"{name}.{kind}"] for kind in ("weight", "bias", "exponent"))
            except KeyError as ex:
                raise ModelError(f"the model lacks the tensor {ex.args[0]}") from ex
            if tuple(weight.shape) != (outputs, inputs, 1, 1):
                raise ModelError(f"the convolution {name} of the model has the wrong shape")
            return Convolution.build(weight, bias, exponent, padding=0, kernel=kernel, device=device)

        def block(name: str, width: int) -> tuple[Convolution, Convolution]:
            return build(f"{name}.inner", width, width), build(f"{name}.outer", width, width)

        width, own = config.channels, config.colour_channels
        self.config = config
        self.inputs = 4 * (config.rows * (2 * config.columns + 1) + config.columns)
        self._type = torch.uint8 if kernel == "int8" else torch.float32
        self._device = device
        self._first = build("first", self.inputs, width)
        self._blocks = [block(f"blocks.{i}", width) for i in range(config.blocks)]
        self._into = [build(f"into.{p}", width + p, own) for p in range(3)]
        self._middle = [block(f"middle.{p}", own) for p in range(3)]
        self._heads = [build(f"heads.{p}", own, head_outputs(p)) for p in range(3)]

    def _wide(self, pixels: NDArray[np.uint8]) -> Tensor:
        """(N, C) as a picture (1, C, 1, N) of what the kernel takes."""
        return torch.from_numpy(pixels).to(self._device, self._type)[None, None].permute(0, 3, 1, 2)

    def trunk(self, seen: NDArray[np.uint8]) -> Tensor:
        """What all planes have in common, for `plane`; `seen` (N, inputs), see `see`."""
        h = self._first(self._wide(seen))
        for inner, outer in self._blocks:
            h = outer(inner(h), h)
        return h

    def plane(self, plane: int, h: Tensor, known: NDArray[np.uint8]) -> Values:
        """(N, head_outputs) outputs of a plane's head in their fixed point; `known` (N, plane), as `see` shows them."""
        if plane:
            h = torch.cat((h, self._wide(known)), 1).contiguous(memory_format=torch.channels_last)
        own = self._into[plane](h)
        inner, outer = self._middle[plane]
        own = outer(inner(own), own)
        said = self._heads[plane].scaled(own).round_()[0, :, 0].T
        return np.ascontiguousarray(said.cpu().numpy().astype(np.int32))


def known_answer(network: CausalExactNetwork) -> bytes:
    """Hash of what a network says of 512 neighbourhoods with every extreme in them: the same on every exact device."""
    state = np.arange(1, 512 * network.inputs + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    seen = (state >> np.uint64(56)).astype(np.uint8).reshape(512, -1)
    seen[:64] = 255 * (seen[:64] & 1)
    digest = hashlib.sha256()
    h = network.trunk(seen)
    for p in range(3):
        digest.update(network.plane(p, h, np.ascontiguousarray(seen[:, :p])).astype("<i4").tobytes())
    return digest.digest()[:8]
