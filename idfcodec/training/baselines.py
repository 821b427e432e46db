"""The real-valued flows, and whatever else is in `baselines/`, as the trainer sees them.

They have pictures of one size. What is learned from, logged and validated is what `dequantization.bits` gives: the
likelihood itself where the model has one for integers, else a bound on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from idfcodec.baselines.contract import Density
from idfcodec.baselines.dequantization import bits
from idfcodec.baselines.families import build
from idfcodec.training.families import Crops, Family

__all__ = ["PICTURES", "Baseline"]

# What families of pictures are like unless they are told otherwise; what is not here is as the family has it.
PICTURES: dict[str, dict[str, Any]] = {
    "nice": {"layers": 4, "hidden": 64, "logit": 0.05},
    "realnvp": {"layers": 3, "hidden": 32, "scales": 3, "batch_norm": True, "logit": 0.05},
    "glow": {"layers": 8, "hidden": 48, "depth": 1, "scales": 3, "logit": 0.05},
}
BATCH = 64  # of a validation


class Baseline(Family[Density]):
    """A family of `baselines.families.FAMILIES`, of pictures (3, size, size); Adam for all parameters."""

    @property
    def validation_size(self) -> int:
        return self.config.size * (2 if self.config.kind == "photos" else 1)

    def build(self) -> Density:
        config = self.config
        torch.manual_seed(config.seed)
        settings = {**PICTURES.get(config.family, {}), **config.settings}
        return build(config.family, (3, config.size, config.size), **settings)

    def optimisers(self, model: Density) -> list[Optimizer]:
        return [torch.optim.Adam(model.parameters(), lr=self.config.learning_rate, betas=(0.9, 0.99))]

    @torch.no_grad()
    def begin(self, model: Density, batch: Tensor) -> None:
        bits(model, batch)

    def loss(self, model: Density, batch: Tensor) -> Tensor:
        return bits(model, batch).mean()

    @torch.no_grad()
    def validate(self, model: Density, crops: Crops, device: str) -> list[float]:
        """In one part, over the squares of the model's size that each crop is cut into."""
        size = self.config.size
        squares = [
            torch.from_numpy(crop[top : top + size, left : left + size].copy()).permute(2, 0, 1)
            for crop in crops
            for top in range(0, crop.shape[0] - size + 1, size)
            for left in range(0, crop.shape[1] - size + 1, size)
        ]
        generator = torch.Generator(device).manual_seed(0)
        parts = torch.split(torch.stack(squares).to(device), BATCH)
        return [float(torch.cat([bits(model, part, generator=generator) for part in parts]).mean())]

    def export(self, model: Density, out: Path, *, summary: dict[str, Any]) -> str:
        path = out / f"{self.config.family}.safetensors"
        model.cpu().save(path)
        return str(path)
