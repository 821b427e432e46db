"""The causal flow as the trainer sees it: small pictures, of each batch a part of the pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from idfcodec.errors import IDFError
from idfcodec.flow.causal.config import LARGEST, CausalConfig
from idfcodec.flow.causal.network import TrainableCausalFlow
from idfcodec.training.config import TrainConfig
from idfcodec.training.export import export, read_exported, restore
from idfcodec.training.families import Crops, Family
from idfcodec.training.hierarchical import optimisers_of

__all__ = ["CausalFamily"]

SHARE = 4  # one pixel in so many is learned from: pixels of one picture are alike, those of more pictures are not
BATCH = 32  # of a validation


class CausalFamily(Family[TrainableCausalFlow]):
    """The family `causal`; its settings are those of `CausalConfig`."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        self.sizes = _sizes(config.settings)

    @property
    def validation_size(self) -> int:
        return self.config.size

    def build(self) -> TrainableCausalFlow:
        torch.manual_seed(self.config.seed)
        return TrainableCausalFlow(self.sizes)

    def optimisers(self, model: TrainableCausalFlow) -> list[Optimizer]:
        return optimisers_of(model, self.config.learning_rate)

    def prepare(self, model: TrainableCausalFlow, progress: float) -> None:
        model.quantise(progress >= self.config.quantise_from)

    def loss(self, model: TrainableCausalFlow, batch: Tensor) -> Tensor:
        pixels = batch.numel() // 3
        where = torch.randint(pixels, (max(1, pixels // SHARE),), device=batch.device)
        mean: Tensor = model(batch, where).sum() / (3 * len(where))
        return mean

    @torch.no_grad()
    def validate(self, model: TrainableCausalFlow, crops: Crops, device: str) -> list[float]:
        """By plane: G, R-G, B-G."""
        total: Tensor = torch.zeros(3)
        subpixels = 0
        for crop in crops:
            x = torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].to(device)
            total += model(x).cpu()
            subpixels += x.numel()
        return [value / subpixels for value in total.tolist()]

    def restore(self, model: TrainableCausalFlow, folder: Path) -> tuple[str, Mapping[str, Any]]:
        exported = read_exported(folder)
        restore(model, exported)
        return exported.id.hex(), {}

    def export(self, model: TrainableCausalFlow, out: Path, *, summary: dict[str, Any], kept: Mapping[str, Any]) -> str:
        return export(model, out, note={"training": summary}, **kept)


def _sizes(settings: Mapping[str, Any]) -> CausalConfig:
    known = [field.name for field in fields(CausalConfig)]
    for name, value in settings.items():
        if name not in known:
            raise IDFError(f"a causal flow has no setting {name!r}; it has {', '.join(known)}")
        if not isinstance(value, int) or not 0 < value <= LARGEST[name]:
            raise IDFError(f"{name} of a causal flow is a number from 1 to {LARGEST[name]}, not {value!r}")
    return CausalConfig(**settings)
