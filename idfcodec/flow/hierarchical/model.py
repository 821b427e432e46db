"""The trained model: the hierarchy of levels, its likelihood in floating point, and its quantisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.flow.exact import mixture
from idfcodec.flow.exact import tables as prior
from idfcodec.flow.exact.layers import ColourTransform, Squeeze
from idfcodec.flow.exact.quantisable import Meaning, QuantConv, Quantisable, normalise
from idfcodec.flow.hierarchical.config import HierarchicalConfig
from idfcodec.flow.hierarchical.exact import head_exponents
from idfcodec.flow.hierarchical.network import ContextNetwork

__all__ = ["TrainableFlow", "interpolation"]


def interpolation(known: Sequence[Tensor], phase: int) -> Tensor:
    """Sum of the four nearest known neighbours of `phase` (0: D, 1: B, 2: C), edges replicated."""
    a = F.pad(known[0], (0, 1, 0, 1), mode="replicate")
    if phase == 0:
        return a[..., :-1, :-1] + a[..., :-1, 1:] + a[..., 1:, :-1] + a[..., 1:, 1:]
    d = F.pad(known[1], (1, 0, 1, 0), mode="replicate")
    if phase == 1:
        return a[..., :-1, :-1] + a[..., :-1, 1:] + d[..., :-1, 1:] + d[..., 1:, 1:]
    return a[..., :-1, :-1] + a[..., 1:, :-1] + d[..., 1:, :-1] + d[..., 1:, 1:]


class TrainableFlow(Quantisable):
    """The flow as it is trained: all phases of all levels in one pass, since every phase is known.

    The finest levels have a network each, the others share one.
    """

    family: ClassVar[str] = "hierarchical"
    config: HierarchicalConfig

    def __init__(self, config: HierarchicalConfig) -> None:
        super().__init__()
        self.config = config
        self.networks = nn.ModuleList(ContextNetwork(config) for _ in range(config.networks))
        # location, log2 of the scale and shape of each plane of the last latents
        self.last = nn.Parameter(torch.tensor([[128.0, 0, 0], [5.0, 3.0, 3.0], [0.5, 1.0, 1.0]]))

    def _bits(self, x: Tensor, base: Tensor, head: Tensor) -> Tensor:
        """Bits of one phase: x (B, 3, h, w) values, base the sum of four neighbours, head the 12 outputs."""
        location = self.grid(base / 4 + 8 * head[:, 0:3], 2**prior.LOCATION_BITS)
        log_scale = self.grid(2 * head[:, 3:6] + 0.5, prior.SCALE_STEPS)
        shape = self.grid(2 * head[:, 6:9] + 1, prior.SHAPE_STEPS)
        colour = self.grid(head[:, 9:12], 32).clamp(-2, 2)
        g = x[:, 0] - location[:, 0]
        r = x[:, 1] - location[:, 1] - colour[:, 0] * g
        b = x[:, 2] - location[:, 2] - colour[:, 1] * g - colour[:, 2] * r
        return mixture.bits(torch.stack((g, r, b), 1), log_scale, shape)

    def forward(self, pixels: Tensor) -> Tensor:
        """Bits of each level of (B, 3, H, W) RGB in [0, 255], H and W multiples of 2**levels; (levels + 1,)."""
        y = ColourTransform().forward(pixels.float())
        pyramid = []
        for _ in range(self.config.levels):
            split = Squeeze(*y.shape[2:]).forward(y).chunk(4, 1)
            pyramid.append(split)
            y = split[0]
        location, log_scale, shape = (self.last[i].view(1, 3, 1, 1) for i in range(3))
        lengths = [mixture.bits(y - location, log_scale, shape).sum()]
        trunk = None
        for level in reversed(range(self.config.levels)):
            split = pyramid[level]
            network = self.networks[self.config.network_of(level)]
            inputs = [normalise(p).contiguous(memory_format=torch.channels_last) for p in split[:3]]
            heads, trunk = network(inputs, trunk)
            length = pixels.new_zeros((), dtype=torch.float32)
            for phase, head in enumerate(heads):
                length = length + self._bits(split[phase + 1], interpolation(split, phase), head.float()).sum()
            lengths.append(length)
        return torch.stack(lengths[::-1])

    def meaning(self, name: str, module: QuantConv) -> Meaning:
        centred = module.weight.shape[1] if name.endswith("first") else 0
        return centred, head_exponents() if name.endswith("head") else None

    def further(self) -> dict[str, Tensor]:
        location, log_scale, shape = self.last.detach()
        last = (
            torch.round(location * 2**prior.LOCATION_BITS),
            torch.round((log_scale - prior.SCALE_MIN) * prior.SCALE_STEPS).clamp(0, prior.SCALES - 1),
            torch.round(shape * prior.SHAPE_STEPS).clamp(0, prior.SHAPES - 1),
        )
        return {"last": torch.stack(last).to(torch.int32)}

    def restore_further(self, tensors: Mapping[str, Tensor]) -> None:
        location, scale, shape = tensors["last"].double()
        location, scale = location / 2**prior.LOCATION_BITS, scale / prior.SCALE_STEPS + prior.SCALE_MIN
        self.last.copy_(torch.stack((location, scale, shape / prior.SHAPE_STEPS)))

    def exported_config(self, **changes: Any) -> HierarchicalConfig:
        """With six levels: the coarser ones share weights, so there may be more than in training."""
        config = replace(self.config, **{"levels": 6, **changes})
        return replace(config, levels=max(config.levels, config.networks))

    def source(self, name: str, tensors: Mapping[str, Tensor]) -> str:
        """Networks that the exported model lacks start as its coarsest one."""
        theirs = 1 + max((int(key.split(".")[1]) for key in tensors if key.startswith("networks.")), default=-1)
        first, index, *rest = name.split(".")
        return ".".join((first, str(min(int(index), theirs - 1)), *rest))

    def start_without(self, name: str, module: QuantConv, source: str) -> None:
        """Blocks that the exported model lacks start without effect."""
        if name.endswith("outer"):
            module.weight.zero_()
            module.bias.zero_()
