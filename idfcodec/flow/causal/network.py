"""The networks of the causal flow as they are trained: rounded as they will be exported, from the first step on.

Their samples are pixels: what the kernels put before a network (`features`), and what the pixel was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from idfcodec.errors import ModelError
from idfcodec.flow.causal.config import (
    ACTIVATION_BITS,
    COMPONENTS,
    HALVED,
    INPUT_BITS,
    NETWORKS,
    OUTPUT_BITS,
    SETS,
    WEIGHT_BITS,
    CausalConfig,
    build_tables,
)
from idfcodec.flow.causal.exact import TOP, ExactPlane, run_plane
from idfcodec.flow.causal.planes import Tile
from idfcodec.types import Planes, PlaneType

__all__ = ["PlaneNetwork", "Samples", "TrainableCausalFlow", "bits", "samples"]

FLOOR = 2.0**-24  # the least probability that the coder gives


@dataclass(frozen=True)
class Samples:
    """Pixels of one plane.

    Args:
        inputs: (N, I) int8, see `kernels.code_row`.
        targets: (N, 6) float32: prediction, log2 of sigma in sixteenths, value, sigma, least and greatest value.
    """

    inputs: NDArray[np.int8]
    targets: NDArray[np.float32]


def _through(value: Tensor, rounded: Tensor) -> Tensor:
    """`rounded`, with the gradient of `value` (the straight-through estimator)."""
    return value + (rounded - value).detach()


def bits(outputs: Tensor, targets: Tensor) -> Tensor:
    """Bits of each pixel, (N,), of (N, 9) outputs: what `kernels.mixture_of` makes of them, in floating point."""
    prediction, log_sigma, value, sigma, low, high = targets.unbind(-1)
    location = prediction[:, None] + outputs[:, :COMPONENTS] * sigma[:, None]
    log_scale = outputs[:, COMPONENTS : 2 * COMPONENTS]
    log_scale = _through(log_scale, torch.floor(16 * log_scale) / 16)
    inverse = torch.exp2(-(log_sigma[:, None] / 16 + log_scale).clamp(-6, 17.9))
    share = torch.log_softmax(outputs[:, 2 * COMPONENTS :], -1)
    above = (value[:, None] + 0.5 - location) * inverse
    below = (value[:, None] - 0.5 - location) * inverse
    above = torch.where(value[:, None] >= high[:, None] - 0.5, 60.0, above)
    below = torch.where(value[:, None] <= low[:, None] + 0.5, -60.0, below)
    flip = above + below > 0  # the smaller tail is the more exact one
    above, below = torch.where(flip, -below, above), torch.where(flip, -above, below)
    mass = torch.sigmoid(above.clamp(-40, 40)) - torch.sigmoid(below.clamp(-40, 40))
    mixed = torch.exp(torch.logsumexp(share + torch.log(mass.clamp_min(1e-12)), -1))
    found: Tensor = -torch.log2(mixed * (1 - (high - low + 1) * FLOOR) + FLOOR)
    return found


class PlaneNetwork(nn.Module):
    """A perceptron whose weights, activations and outputs lie on the grids of its exported integers.

    Args:
        layers: inputs and outputs of each layer.
    """

    def __init__(self, layers: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        last = len(layers) - 1
        self.weights = nn.ParameterList(
            torch.randn(i, o) * i**-0.5 * (0.3 if k == last else 1.0) for k, (i, o) in enumerate(layers)
        )
        self.biases = nn.ParameterList(torch.zeros(o) for _, o in layers)
        with torch.no_grad():
            self.biases[last][COMPONENTS : 2 * COMPONENTS] = torch.tensor([-1.5, -0.5, 0.7])

    def integers(self) -> list[tuple[Tensor, Tensor]]:
        """Weights (I, O) and biases (O,) of each layer, int32."""
        weight, bias = 2**WEIGHT_BITS, 2 ** (WEIGHT_BITS + ACTIVATION_BITS)
        return [
            (torch.round(w.detach() * weight).int(), torch.round(b.detach() * bias).int())
            for w, b in zip(self.weights, self.biases, strict=True)
        ]

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, 9) outputs of (N, I) inputs in sixteenths."""
        h: Tensor = inputs.float() / 2**INPUT_BITS
        last = len(self.weights) - 1
        for k, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            w = _through(w, torch.round(w * 2**WEIGHT_BITS) / 2**WEIGHT_BITS)
            grid = 2 ** (WEIGHT_BITS + ACTIVATION_BITS)
            h = torch.addmm(_through(b, torch.round(b * grid) / grid), h, w)
            if k < last:
                h = h.clamp(0, TOP / 2**ACTIVATION_BITS)
            step = 2 ** (OUTPUT_BITS if k == last else ACTIVATION_BITS)
            h = _through(h, torch.floor(h * step) / step)
        return h


class TrainableCausalFlow(nn.Module):
    """The networks of all places and sets, and the mean sums that their predictions start from."""

    family: ClassVar[str] = "causal"

    def __init__(self, config: CausalConfig) -> None:
        super().__init__()
        self.config = config
        self.networks = nn.ModuleDict(
            {
                f"{name}{place}": PlaneNetwork(config.layers(place))
                for name, places in NETWORKS.items()
                for place in places
            }
        )
        for which, places in NETWORKS.items():
            for place in places:
                n = config.regressors(place)
                start = 0.01 * torch.eye(n, n + 1).expand(len(config.predictors(place)), n, n + 1)
                self.register_buffer(f"{which}{place}_prior", start.clone())

    def prior(self, name: str) -> Tensor:
        """(K, N, N + 1) mean sums of the predictors of set and place `name`."""
        return self.get_buffer(f"{name}_prior")

    def _all(self) -> list[tuple[str, PlaneNetwork]]:
        return [(name, cast(PlaneNetwork, network)) for name, network in self.networks.items()]

    def integers(self) -> dict[str, Tensor]:
        """What an exported model holds."""
        found = {name: torch.from_numpy(table) for name, table in build_tables().items()}
        for name, network in self._all():
            found[f"{name}.prior"] = self.prior(name)
            for k, (w, b) in enumerate(network.integers()):
                found[f"{name}.weight{k}"], found[f"{name}.bias{k}"] = w, b
        return found

    def exported_config(self, **changes: Any) -> CausalConfig:
        """The configuration, with `changes`."""
        return replace(self.config, **changes)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the weights of an exported model of the same configuration, of chroma for halved chroma if it has none.

        Raises:
            ModelError: it has another one.
        """
        with torch.no_grad():
            for name, network in self._all():
                pairs = [(f"{name}.prior", self.prior(name), 1)]
                for k, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
                    pairs.append((f"{name}.weight{k}", w, 2**WEIGHT_BITS))
                    pairs.append((f"{name}.bias{k}", b, 2 ** (WEIGHT_BITS + ACTIVATION_BITS)))
                for key, tensor, grid in pairs:
                    if key not in tensors:
                        key = key.replace(HALVED, SETS[-1], 1)
                    if key not in tensors or tensors[key].shape != tensor.shape:
                        raise ModelError(f"the model to start from has other sizes than were asked for, in {key}")
                    tensor.copy_(tensors[key].float() / grid)


def samples(
    planes: Planes, types: Sequence[PlaneType], models: Sequence[ExactPlane], *, totals: bool = False
) -> tuple[list[Samples], list[NDArray[np.float32]]]:
    """All pixels of a picture as its networks see them; or, with `totals`, the mean sums of its planes instead."""
    from idfcodec.flow.causal.kernels import ANALYSE

    tile = Tile([(plane.shape[0], plane.shape[1]) for plane in planes], types, ANALYSE)
    found: list[Samples] = []
    sums: list[NDArray[np.float32]] = []
    for index, plane in enumerate(planes):
        tile.inside(index)[:] = plane
    for index, (kind, model) in enumerate(zip(types, models, strict=True)):
        if index == 1:
            tile.descend()
        work = tile.work(index)
        count = 0 if totals else work.local.size
        work.dump, work.targets = np.zeros((count, model.inputs), np.int8), np.zeros((count, 4), np.float32)
        work.totals = np.zeros_like(model.prior) if totals else np.zeros((0, 1, 1), np.float32)
        run_plane(work, model, index, kind)
        bounds = np.full((count, 2), (kind.low, kind.high), np.float32)
        found.append(Samples(work.dump, np.concatenate((work.targets, bounds), 1)))
        sums.append(work.totals)
    return found, sums
