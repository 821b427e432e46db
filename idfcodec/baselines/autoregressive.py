"""Autoregressive and spline flows, by way of zuko: MAF, IAF, neural splines, circular splines.

An autoregressive transform changes each dimension by a monotone function whose parameters are a masked network's
(MADE's) outputs for the dimensions before it; its Jacobian is triangular.

    MAF   z_i = (x_i - mu_i(x_<i)) * exp(-a_i(x_<i))      density in one pass, samples in D; one layer is MADE
    IAF   x_i = z_i * exp(a_i(z_<i)) + mu_i(z_<i)         samples in one pass, density in D: the same, turned round
    NSF   z_i = spline(x_i; knots(x_<i))                  rational-quadratic splines on [-5, 5]
    NCSF  the same on the circle, which a shift turns between layers; the network sees (cos x, sin x)

References:
    Germain et al., *MADE*, 2015, https://arxiv.org/abs/1502.03509
    Kingma et al., *Improving Variational Inference with Inverse Autoregressive Flow*, 2016,
    https://arxiv.org/abs/1606.04934
    Papamakarios et al., *Masked Autoregressive Flow for Density Estimation*, 2017, https://arxiv.org/abs/1705.07057
    Durkan et al., *Neural Spline Flows*, 2019, https://arxiv.org/abs/1906.04032
    Rezende et al., *Normalizing Flows on Tori and Spheres*, 2020, https://arxiv.org/abs/2002.02428
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from idfcodec.baselines.bases import Base, Circle, Gaussian
from idfcodec.baselines.contract import FlowModel, Sequential, Transform
from idfcodec.baselines.networks import Dense, check_sizes
from idfcodec.errors import IDFError

try:
    from zuko.flows.autoregressive import MaskedAutoregressiveTransform
    from zuko.transforms import MonotonicRQSTransform
except ImportError as ex:
    raise IDFError("autoregressive flows need zuko: pip install 'idfcodec[baselines]'") from ex

__all__ = [
    "IAF",
    "MAF",
    "NCSF",
    "NSF",
    "AutoregressiveConfig",
    "CircularCoupling",
    "Inverted",
    "SplineConfig",
    "Zuko",
    "spline_layers",
]


@dataclass(frozen=True)
class AutoregressiveConfig:
    """Sizes of MAF and IAF.

    Args:
        shape: (D,).
        layers: autoregressive transforms, of alternating order.
        hidden: units of each hidden layer of the masked networks.
        depth: their hidden layers.
        condition: channels K of a condition.
    """

    shape: tuple[int, ...] = (2,)
    layers: int = 4
    hidden: int = 64
    depth: int = 2
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "layers", "hidden", "depth")
        if len(self.shape) != 1:
            raise IDFError(f"data must be vectors (D,), not {self.shape}")


@dataclass(frozen=True)
class SplineConfig(AutoregressiveConfig):
    """Sizes of NSF and NCSF.

    Args:
        bins: K of each spline.
    """

    bins: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(self, "bins")


class Zuko(Transform):
    """One of zuko's lazy transforms of (B, D), given a condition (B, K)."""

    def __init__(self, lazy: nn.Module) -> None:
        super().__init__()
        self.lazy = lazy

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        z, log_det = self.lazy(condition).call_and_ladj(x)
        return z, log_det

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        x: Tensor = self.lazy(condition).inv(z)
        return x


class Inverted(Transform):
    """One of zuko's lazy transforms turned round: forward takes the D passes."""

    def __init__(self, lazy: nn.Module) -> None:
        super().__init__()
        self.lazy = lazy

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        z, log_det = self.lazy(condition).inv.call_and_ladj(x)
        return z, log_det

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        x: Tensor = self.lazy(condition)(z)
        return x


def _masked(config: AutoregressiveConfig, **kind: Any) -> list[Any]:
    """The lazy transforms of a model, ascending and descending by turns."""
    order = torch.arange(config.shape[0])
    return [
        MaskedAutoregressiveTransform(
            config.shape[0],
            config.condition,
            order=order.flip(0) if i % 2 else order,
            hidden_features=[config.hidden] * config.depth,
            activation=nn.SiLU,
            **kind,
        )
        for i in range(config.layers)
    ]


def spline_layers(config: SplineConfig, *, bound: float) -> list[Transform]:
    """A model's splines on [-bound, bound], beyond which they are the identity."""
    spline: dict[str, Any] = {
        "univariate": partial(MonotonicRQSTransform, bound=bound, slope=1e-3),
        "shapes": [(config.bins,), (config.bins,), (config.bins - 1,)],
    }
    return [Zuko(lazy) for lazy in _masked(config, **spline)]


class MAF(FlowModel):
    """Masked autoregressive flow on (B, D)."""

    family: ClassVar[str] = "maf"
    config_type: ClassVar[type] = AutoregressiveConfig

    def __init__(self, config: AutoregressiveConfig) -> None:
        super().__init__(config, [Sequential(Zuko(lazy) for lazy in _masked(config))], [Gaussian()])


class IAF(FlowModel):
    """Inverse autoregressive flow on (B, D): sampling is what takes one pass."""

    family: ClassVar[str] = "iaf"
    config_type: ClassVar[type] = AutoregressiveConfig

    def __init__(self, config: AutoregressiveConfig) -> None:
        super().__init__(config, [Sequential(Inverted(lazy) for lazy in _masked(config))], [Gaussian()])


class NSF(FlowModel):
    """Neural spline flow on (B, D); outside of [-5, 5] it is the identity."""

    family: ClassVar[str] = "nsf"
    config_type: ClassVar[type] = SplineConfig

    def __init__(self, config: SplineConfig) -> None:
        super().__init__(config, [Sequential(spline_layers(config, bound=5.0))], [Gaussian()])


class CircularCoupling(Transform):
    """Angles (B, D): those of one parity stay, and tell the splines of the others, which are turned beforehand.

        z_b = spline(turn(x_b + phase); network(cos x_a, sin x_a)),

    a bijection of the circle: the spline's ends meet, and so do its derivatives, 1 on both sides. Unlike zuko's NCSF,
    whose networks see the angle itself, the density has no seam at +-pi.

    Args:
        features: D; with D = 1 the spline is the same for all x.
        parity: of the angles that stay.
        bins: of the splines.
        hidden: units of a hidden layer.
        depth: hidden layers.
        condition: channels of the condition.
    """

    def __init__(self, features: int, parity: int, *, bins: int, hidden: int, depth: int, condition: int = 0) -> None:
        super().__init__()
        self.kept = list(range(parity, features, 2)) if features > 1 else []
        self.moved = [i for i in range(features) if i not in self.kept]
        self.bins = bins
        outputs = len(self.moved) * (3 * bins - 1)
        self.network = Dense(2 * len(self.kept) + 1, outputs, hidden=hidden, depth=depth, condition=condition)
        # Spread, so that the seams of successive layers, where derivatives are bound, lie apart.
        self.phase = nn.Parameter(2 * math.pi * torch.rand(len(self.moved)))

    def _spline(self, x: Tensor, condition: Tensor | None) -> Any:
        kept = x[:, self.kept]
        known = torch.cat((torch.cos(kept), torch.sin(kept), x.new_ones(len(x), 1)), 1)
        out = self.network(known, condition).unflatten(1, (len(self.moved), -1))
        widths, heights, slopes = out.split([self.bins, self.bins, self.bins - 1], -1)
        return MonotonicRQSTransform(widths, heights, slopes, bound=math.pi)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        moved, log_det = self._spline(x, condition).call_and_ladj(_turned(x[:, self.moved] + self.phase))
        return self._placed(x, moved), log_det.sum(1)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        moved = self._spline(z, condition).inv(z[:, self.moved])
        return self._placed(z, _turned(moved - self.phase))

    def _placed(self, x: Tensor, moved: Tensor) -> Tensor:
        out = x.clone()
        out[:, self.moved] = moved
        return out


def _turned(angle: Tensor) -> Tensor:
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


class NCSF(FlowModel):
    """Circular neural spline flow on angles (B, D) in [-pi, pi): a density on the circle (D = 1) or the torus."""

    family: ClassVar[str] = "ncsf"
    config_type: ClassVar[type] = SplineConfig

    def __init__(self, config: SplineConfig) -> None:
        sizes = {name: getattr(config, name) for name in ("bins", "hidden", "depth", "condition")}
        layers = [CircularCoupling(config.shape[0], i % 2, **sizes) for i in range(config.layers)]
        bases: list[Base] = [Circle()]
        super().__init__(config, [Sequential(layers)], bases)
