"""The context networks in exact arithmetic, one coding step at a time; `exact/quantised.py` has the convolutions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from idfcodec.errors import ModelError
from idfcodec.flow.exact.quantisable import HEAD_BITS
from idfcodec.flow.exact.quantised import Convolution
from idfcodec.flow.hierarchical.config import HierarchicalConfig

__all__ = ["ExactNetwork", "head_exponents", "known_answer"]


def head_exponents() -> Tensor:
    """(12,) fractional bits that each head output keeps: 3 locations, 3 log-scales, 3 shapes, 3 colour weights."""
    return torch.tensor([bits for bits in HEAD_BITS for _ in range(3)])


class ExactNetwork:
    """The integer twin of `ContextNetwork`: one coding step at a time.

    Args:
        tensors: `NAME.weight`, `NAME.bias` and `NAME.exponent` for every convolution, named as in `ContextNetwork`.
        config: sizes.
        kernel: one of `KERNELS`.
        device: "cpu" or "cuda"; "int8" runs on the processor only.
    """

    def __init__(self, tensors: Mapping[str, Tensor], config: HierarchicalConfig, *, kernel: str, device: str) -> None:
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
        self._phases = [
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

    def step(self, phase: int, known: Tensor, trunk: Tensor | None) -> tuple[Tensor, Tensor]:
        """One coding step.

        Args:
            phase: 0, 1 or 2, for D, B and C.
            known: (B, 3 * (phase + 1), h + 2, w + 2) integers in [0, 255], edges replicated, any dtype.
            trunk: (B, channels, h, w) of the step before, or None.

        Returns:
            The trunk, and the head's outputs (B, 12, h, w) in their fixed point: float32 integers below 2**24.
        """
        first, blocks, head = self._phases[phase]
        x = known.to(self._device, self._type, memory_format=torch.channels_last)
        h = first(x, trunk)
        for inner, outer in blocks:
            h = outer(inner(h), h)
        return h, head.scaled(h).round_()


def known_answer(network: ExactNetwork) -> bytes:
    """Hash of what a network says of a fixed picture with every extreme in it: the same on every exact device."""
    state = np.arange(1, 9 * 18 * 25 + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    pixels = (state >> np.uint64(56)).astype(np.uint8).reshape(1, 9, 18, 25)
    pixels[..., :6, :] = 255 * (pixels[..., :6, :] & 1)
    known = torch.from_numpy(pixels)
    digest = hashlib.sha256()
    trunk = None
    for _ in range(2):
        if trunk is not None:
            trunk = network.upsample(trunk[..., :8, :12].contiguous(memory_format=torch.channels_last), 16, 23)
        for phase in range(3):
            trunk, head = network.step(phase, known[:, : 3 * phase + 3], trunk)
            digest.update(head.cpu().numpy().astype("<i4").tobytes())
    return digest.digest()[:8]
