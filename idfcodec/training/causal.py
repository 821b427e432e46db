"""The causal flow as the trainer sees it: its samples are pixels, a pool of them that is renewed little by little.

What a network sees of a pixel costs more to compute than a step of training on it. So the kernels look at the crops of
one batch in `RENEWAL`, and every step learns from pixels drawn from the pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.optim import AdamW, Optimizer

from idfcodec.errors import IDFError, ModelError
from idfcodec.flow.causal.config import HALVED, NETWORKS, PLACES, SETS, CausalConfig, Predictor
from idfcodec.flow.causal.exact import ExactPlane, exact_plane
from idfcodec.flow.causal.network import Samples, TrainableCausalFlow, bits, samples
from idfcodec.format.container import Mode
from idfcodec.picture.colour import KINDS
from idfcodec.training.config import TrainConfig
from idfcodec.training.export import export, read_exported, restore
from idfcodec.training.families import Crops, Family
from idfcodec.types import Grid, Planes, PlaneType, Role

__all__ = ["PRESETS", "CausalFamily"]

RENEWAL = 20  # steps
PIXELS = 8192  # of each plane, that a step learns from
POOL = 2**21  # pixels of each plane
LEARNING = (105, 105, 315)  # rates, while pictures are coded
_RGB = KINDS[Mode.RGB]
_YCC = (PlaneType(Role.LUMA), PlaneType(Role.CHROMA), PlaneType(Role.CHROMA))
_HALVED = (_YCC[0], *[PlaneType(Role.CHROMA, grid=Grid((2, 2)))] * 2)


def _predictor(own: int, cross: int, every: int, forget: float) -> Predictor:
    return Predictor(own, (cross, cross), every, forget, ridge=0.04)


_LUMA = _predictor(18, 0, 4, 0.88), _predictor(24, 0, 4, 0.93)
_CHROMA = _predictor(10, 7, 4, 0.88), _predictor(14, 9, 4, 0.93)
PRESETS = {
    "fast": CausalConfig((_predictor(12, 0, 4, 0.86),), (_predictor(6, 5, 4, 0.86),), 6, 4, 6, 5, (16, 16), 2.0),
    "default": CausalConfig(_LUMA[:1], _CHROMA[:1], 14, 6, 8, 5, (64, 32), 2.0, LEARNING),
    "max": CausalConfig(_LUMA, _CHROMA, 14, 6, 10, 5, (128, 64), 2.0, LEARNING),
    "thumbnail": CausalConfig(
        (_predictor(10, 0, 2, 0.92), _predictor(6, 0, 2, 0.8)),
        (_predictor(6, 7, 2, 0.92), _predictor(3, 3, 2, 0.8)),
        20, 8, 8, 5, (96, 96, 48), 8.0,
    ),
}  # fmt: skip
"""The shipped models. A network of `default` makes some 6,000 products a subpixel."""


class CausalFamily(Family[TrainableCausalFlow]):
    """The family `causal`; its settings are `preset`, one of `PRESETS`, or a whole architecture."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        self.architecture = _architecture(config.settings)
        self._pools: dict[str, list[tuple[Tensor, Tensor]]] = {}
        self._steps = 0

    @property
    def validation_size(self) -> int:
        return 32 if self.config.kind == "thumbnails" else 256

    def build(self) -> TrainableCausalFlow:
        torch.manual_seed(self.config.seed)
        return TrainableCausalFlow(self.architecture)

    def optimisers(self, model: TrainableCausalFlow) -> list[Optimizer]:
        return [AdamW(model.parameters(), self.config.learning_rate, betas=(0.9, 0.98), weight_decay=1e-4)]

    def begin(self, model: TrainableCausalFlow, batch: Tensor) -> None:
        """The mean sums of the first crops are what predictions start from."""
        for which, places in NETWORKS.items():
            models = _models(model, which)
            found = [samples(*_planes(crop, which), models, totals=True)[1] for crop in _crops(batch)]
            for place in places:
                mean = np.mean([sums[place] for sums in found], 0)
                model.prior(f"{which}{place}").copy_(torch.from_numpy(mean))

    def loss(self, model: TrainableCausalFlow, batch: Tensor) -> Tensor:
        if self._steps % RENEWAL == 0:
            self._renew(model, batch)
        self._steps += 1
        total = torch.zeros((), device=batch.device)
        for name, network in model.networks.items():
            inputs, targets = self._draw(name)
            total = total + bits(network(inputs), targets).mean()
        return total / len(model.networks)

    def _renew(self, model: TrainableCausalFlow, batch: Tensor) -> None:
        for which, places in NETWORKS.items():
            models = _models(model, which)
            seen = [samples(*_planes(crop, which), models)[0] for crop in _crops(batch)]
            for place in places:
                pool = self._pools.setdefault(f"{which}{place}", [])
                pool.append(_tensors([crop[place] for crop in seen], batch.device))
                while len(pool) > 1 and sum(len(targets) for _, targets in pool) > POOL:
                    del pool[0]

    def _draw(self, name: str) -> tuple[Tensor, Tensor]:
        pool = self._pools[name]
        inputs, targets = pool[int(torch.randint(len(pool), ()))]
        where = torch.randint(len(targets), (PIXELS,), device=targets.device)
        return inputs[where], targets[where]

    @torch.no_grad()
    def validate(self, model: TrainableCausalFlow, crops: Crops, device: str) -> list[float]:
        """By plane: G, R-G, B-G."""
        models = _models(model, SETS[0])
        total, count = torch.zeros(PLACES), 0
        for crop in crops:
            seen, _ = samples(*_planes(crop, SETS[0]), models)
            count += crop.shape[0] * crop.shape[1]
            for place in range(PLACES):
                inputs, targets = _tensors([seen[place]], torch.device(device))
                total[place] += bits(model.networks[f"{SETS[0]}{place}"](inputs), targets).sum().cpu()
        return [value / (PLACES * count) for value in total.tolist()]

    def restore(self, model: TrainableCausalFlow, folder: Path) -> str:
        exported = read_exported(folder)
        restore(model, exported)
        return exported.id.hex()

    def export(self, model: TrainableCausalFlow, out: Path, *, summary: dict[str, Any]) -> str:
        return export(model, out, note={"training": summary})


def _architecture(settings: Mapping[str, Any]) -> CausalConfig:
    if set(settings) <= {"preset"}:
        preset = settings.get("preset", "default")
        if preset not in PRESETS:
            raise IDFError(f"a causal flow has no preset {preset!r}; it has {', '.join(PRESETS)}")
        return PRESETS[preset]
    try:
        return CausalConfig.of(settings)
    except (KeyError, TypeError, ValueError) as ex:
        if isinstance(ex, ModelError):
            raise
        raise IDFError(f"no settings of a causal flow: {ex}") from ex


def _crops(batch: Tensor) -> list[NDArray[np.uint8]]:
    """(H, W, 3) crops of a (B, 3, H, W) batch."""
    return list(batch.permute(0, 2, 3, 1).cpu().numpy())


def _planes(crop: NDArray[np.uint8], which: str) -> tuple[Planes, Sequence[PlaneType]]:
    crop = np.ascontiguousarray(crop)
    if which == SETS[0]:
        return _RGB.split(crop), _RGB.types
    ycc = np.asarray(Image.fromarray(crop).convert("YCbCr"))
    planes = [np.ascontiguousarray(ycc[..., c], np.int32) for c in range(3)]
    if which == HALVED:  # each sample the mean of the four pixels that the luma is reduced over, too
        planes[1:] = [
            plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2] + 2 >> 2 for plane in planes[1:]
        ]
        return planes, _HALVED
    return planes, _YCC


def _models(model: TrainableCausalFlow, which: str) -> list[ExactPlane]:
    arrays = {name: tensor.cpu().numpy() for name, tensor in model.integers().items()}
    return [
        exact_plane(
            model.config,
            arrays,
            which if place in NETWORKS[which] else SETS[-1],
            place,
            place,
            list(range(place))[::-1],
        )
        for place in range(PLACES)
    ]


def _tensors(parts: Sequence[Samples], device: torch.device) -> tuple[Tensor, Tensor]:
    inputs = np.concatenate([part.inputs for part in parts])
    targets = np.concatenate([part.targets for part in parts])
    return torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device)
