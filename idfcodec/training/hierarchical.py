"""The hierarchical flow as the trainer sees it: Muon for the hidden convolutions, bfloat16 where the device has it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from idfcodec.errors import IDFError
from idfcodec.flow.hierarchical.config import HierarchicalConfig
from idfcodec.flow.hierarchical.model import TrainableFlow
from idfcodec.training.config import TrainConfig
from idfcodec.training.export import export, read_exported, restore
from idfcodec.training.families import Crops, Family
from idfcodec.training.muon import Muon

__all__ = ["HierarchicalFamily", "optimisers_of"]


def _fast_arithmetic(device: str) -> AbstractContextManager[Any]:
    """Autocasting to bfloat16 where the device has it; elsewhere it would be emulated, slowly."""
    native = device != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.autocast(device, torch.bfloat16, enabled=native)


def optimisers_of(model: nn.Module, rate: float) -> list[Optimizer]:
    """Muon for the hidden convolutions of an integer flow, Adam at half its rate for the rest."""
    hidden = [p for name, p in model.named_parameters() if p.ndim == 4 and "head" not in name and "first" not in name]
    chosen = {id(p) for p in hidden}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [Muon(hidden, lr=rate), torch.optim.Adam(others, lr=rate / 2, betas=(0.9, 0.99))]


class HierarchicalFamily(Family[TrainableFlow]):
    """The family `idf`, the codec's own."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        if config.size % 2**config.levels:
            raise IDFError(f"crops of {config.size} pixels do not halve {config.levels} times")
        if config.settings:
            raise IDFError(f"an idf has no setting {next(iter(config.settings))!r}; it has options of its own")

    @property
    def validation_size(self) -> int:
        return 256 if self.config.kind == "photos" else self.config.size

    def build(self) -> TrainableFlow:
        config = self.config
        torch.manual_seed(config.seed)
        return TrainableFlow(HierarchicalConfig(config.channels, config.blocks, config.levels, config.networks))

    def optimisers(self, model: TrainableFlow) -> list[Optimizer]:
        return optimisers_of(model, self.config.learning_rate)

    def prepare(self, model: TrainableFlow, progress: float) -> None:
        model.quantise(progress >= self.config.quantise_from)

    def loss(self, model: TrainableFlow, batch: Tensor) -> Tensor:
        with _fast_arithmetic(batch.device.type):
            mean: Tensor = model(batch).sum() / batch.numel()
        return mean

    @torch.no_grad()
    def validate(self, model: TrainableFlow, crops: Crops, device: str) -> list[float]:
        """By level, the last latents at the end."""
        total: Tensor = torch.zeros(self.config.levels + 1)
        subpixels = 0
        multiple = 2**self.config.levels
        for crop in crops:
            height, width = (side // multiple * multiple for side in crop.shape[:2])
            x = torch.from_numpy(crop[:height, :width].copy()).permute(2, 0, 1)[None].to(device)
            with _fast_arithmetic(device):
                total += model(x).cpu()
            subpixels += x.numel()
        return [value / subpixels for value in total.tolist()]

    def restore(self, model: TrainableFlow, folder: Path) -> str:
        exported = read_exported(folder)
        restore(model, exported)
        return exported.id.hex()

    def export(self, model: TrainableFlow, out: Path, *, summary: dict[str, Any]) -> str:
        return export(model, out, note={"training": summary})
