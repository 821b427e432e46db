"""Trained models of pictures behind one face: what a picture costs, samples, latents and back; all of uint8 pixels."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.density.common import Options
from experiments.density.zoo import CONTENDERS, INTEGER, averaged, fitted, on_gpu
from idfcodec import density
from idfcodec.baselines import dequantization
from idfcodec.baselines.contract import FlowModel
from idfcodec.flow import loading
from idfcodec.format.container import Mode
from idfcodec.picture.colour import KINDS

__all__ = ["Baseline", "Integer", "Loaded", "load"]

BATCH = 64
Latents = list[Tensor]


class Loaded:
    """A trained model.

    Attributes:
        title: for readers.
        kind: what its bits are, as `dequantization.bound_of` has it.
        fit: its parameters, steps and processor seconds.
        has_latents: whether `latents` and `inverse` are there.
    """

    title: str
    kind: str
    fit: dict[str, Any]
    has_latents: bool

    def bits(self, pixels: Tensor, *, samples: int = 1, seed: int = 0) -> Tensor:
        """Bits per dimension, (N,), of (N, 3, side, side) uint8; `samples` of the noise where there is one."""
        raise NotImplementedError

    def sample(self, n: int, temperature: float = 1.0, *, seed: int = 0) -> Tensor:
        """(n, 3, side, side) uint8."""
        raise NotImplementedError

    def latents(self, pixels: Tensor) -> Latents:
        """Reals of some shapes (N, ...); of the integer flow they hold integers."""
        raise NotImplementedError

    def inverse(self, latents: Latents) -> Tensor:
        """(N, 3, side, side) uint8; the integer flow rounds the latents first, and clamps the pixels."""
        raise NotImplementedError


class Baseline(Loaded):
    """A model of `idfcodec.baselines`, in `eval`; elsewhere than on the processor for `bits` alone."""

    def __init__(self, model: Any, title: str, device: str = "cpu") -> None:
        self.model, self.title, self.device = model.to(device), title, device
        self.kind = dequantization.bound_of(model)
        self.has_latents = isinstance(model, FlowModel)

    @torch.no_grad()
    def bits(self, pixels: Tensor, *, samples: int = 1, seed: int = 0) -> Tensor:
        generator = torch.Generator(self.device).manual_seed(seed)
        parts = torch.split(pixels.to(self.device), BATCH)
        costs = [dequantization.bits(self.model, part, samples=samples, generator=generator) for part in parts]
        return torch.cat(costs).cpu()

    def sample(self, n: int, temperature: float = 1.0, *, seed: int = 0) -> Tensor:
        drawn = self.model.sample(n, temperature, generator=torch.Generator().manual_seed(seed))
        return dequantization.to_pixels(drawn.nan_to_num(0.0))

    @torch.no_grad()
    def latents(self, pixels: Tensor) -> Latents:
        """Those of the middle of each pixel's cell."""
        parts = [self.model.latents((part + 0.5) / 256) for part in torch.split(pixels, BATCH)]
        return [torch.cat(level) for level in zip(*parts, strict=True)]

    @torch.no_grad()
    def inverse(self, latents: Latents) -> Tensor:
        return dequantization.to_pixels(self.model.inverse(latents).nan_to_num(0.0))


class Integer(Loaded):
    """The integer flow: likelihoods by the trained network, quantised; the rest by what was exported, as it codes."""

    kind = "exact"
    has_latents = True

    def __init__(self, folder: Path, title: str, side: int) -> None:
        self.title, self.side = title, side
        self.model = averaged(folder)
        self.flow = loading.load(folder)

    @torch.no_grad()
    def bits(self, pixels: Tensor, *, samples: int = 1, seed: int = 0) -> Tensor:
        """Without the weights that the codec learns as it goes; there is no noise to sample."""
        return torch.stack([self.model(picture[None]).sum() / picture.numel() for picture in pixels])

    def sample(self, n: int, temperature: float = 1.0, *, seed: int = 0) -> Tensor:
        drawn = density.sample(self.flow, n, (self.side, self.side), temperature, seed=seed)
        return torch.from_numpy(drawn).permute(0, 3, 1, 2)

    def latents(self, pixels: Tensor) -> Latents:
        each = [density.latents(self.flow, x.permute(1, 2, 0).byte().contiguous().numpy()) for x in pixels]
        return [torch.stack([torch.from_numpy(z) for z in step]).float() for step in zip(*each, strict=True)]

    def inverse(self, latents: Latents) -> Tensor:
        types = KINDS[Mode.RGB].types
        pictures = []
        for steps in zip(*(level.round().int().numpy() for level in latents), strict=True):
            green, red, blue = self.flow.inverse(steps, [(self.side, self.side)] * 3, types)
            pictures.append(torch.from_numpy(np.stack((red + green, green, blue + green))))
        return torch.stack(pictures).clamp(0, 255).byte()


class Causal(Integer):
    """The causal one, whose likelihood is the codec's own: it learns nothing of a picture that could be left out.

    Its latents are residuals. Between those of two pictures lies mostly no picture, and their means show nothing.
    """

    has_latents = False

    def __init__(self, folder: Path, title: str, side: int) -> None:
        self.title, self.side = title, side
        self.flow = loading.load(folder)

    def bits(self, pixels: Tensor, *, samples: int = 1, seed: int = 0) -> Tensor:
        each = [x.permute(1, 2, 0).contiguous().numpy() for x in pixels]
        return torch.tensor([-density.log_prob(self.flow, picture) / picture.size for picture in each])


def load(name: str, seed: int, options: Options) -> Loaded:
    """The trained model of a contender, which is trained first if need be."""
    folder = fitted(name, seed, options)
    fit = json.loads((folder / "fit.json").read_text())
    title = CONTENDERS[name].title
    loaded: Loaded
    if name in INTEGER:
        loaded = (Causal if name == "causal" else Integer)(folder, title, fit["training"]["size"])
    else:
        torch.backends.cudnn.allow_tf32 = False  # judged in full precision, wherever
        loaded = Baseline(averaged(folder), title, options.device if on_gpu(options) else "cpu")
    loaded.fit = {name: value for name, value in fit.items() if name != "training"}
    return loaded


def spread(values: list[float]) -> dict[str, float]:
    """Mean, and the standard deviation of one value, of some seeds."""
    mean = math.fsum(values) / len(values)
    variance = math.fsum((v - mean) ** 2 for v in values) / max(1, len(values) - 1)
    return {"mean": round(mean, 4), "spread": round(math.sqrt(variance), 4)}
