"""Planar and radial flows: many simple steps, each of which bends space along one plane or about one point.

    planar    z = x + u tanh(w.x + b),                det = 1 + u.w (1 - tanh^2(w.x + b)),   u.w >= -1
    radial    z = x + c (x - x_0) / (a + r),          det = (1 + c h)^(D-1) (1 + c h - c r h^2),
              with r = |x - x_0|, h = 1 / (a + r), c >= -a

The inverse of a planar step has no formula: w.x is the root of a monotone function of one variable, found by bisection.
That of a radial step is a quadratic equation for r.

References:
    Rezende and Mohamed, *Variational Inference with Normalizing Flows*, 2015, https://arxiv.org/abs/1505.05770
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.baselines.bases import Gaussian
from idfcodec.baselines.contract import FlowModel, Sequential, Transform
from idfcodec.baselines.networks import check_sizes
from idfcodec.errors import IDFError

__all__ = ["Planar", "PlanarConfig", "PlanarStep", "Radial", "RadialStep"]


@dataclass(frozen=True)
class PlanarConfig:
    """Sizes of planar and radial flows.

    Args:
        shape: (D,).
        layers: steps.
        condition: none is taken, always 0.
    """

    shape: tuple[int, ...] = (2,)
    layers: int = 32
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "layers")
        if len(self.shape) != 1 or self.condition:
            raise IDFError("planar and radial flows take vectors (D,), and no condition")


class PlanarStep(Transform):
    """A planar step, with u bent so that u.w > -1 (appendix A.1 of the paper).

    Args:
        features: D.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(features) / features**0.5)
        # log(e - 1) along w is what bending turns to zero: a fresh step is nearly the identity.
        along = math.log(math.e - 1) * self.w.detach() / self.w.detach().square().sum()
        self.u = nn.Parameter(along + 0.1 * torch.randn(features))
        self.b = nn.Parameter(torch.randn(()))

    def _bent(self) -> tuple[Tensor, Tensor]:
        """u, and u.w > -1."""
        product = self.w @ self.u
        u = self.u + (F.softplus(product) - 1 - product) * self.w / (self.w.square().sum() + 1e-12)
        return u, F.softplus(product) - 1

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        u, product = self._bent()
        h = torch.tanh(x @ self.w + self.b)
        return x + h[:, None] * u, torch.log1p(product * (1 - h.square()))

    @torch.no_grad()
    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        u, product = self._bent()
        target = z @ self.w  # = a + u.w tanh(a + b) with a = w.x, increasing in a
        reach = product.abs() + 1
        low, high = target - reach, target + reach
        for _ in range(60):
            a = (low + high) / 2
            below = a + product * torch.tanh(a + self.b) < target
            low, high = torch.where(below, a, low), torch.where(below, high, a)
        return z - torch.tanh((low + high) / 2 + self.b)[:, None] * u


class RadialStep(Transform):
    """A radial step, with c bent so that c > -a (appendix A.2 of the paper).

    Args:
        features: D.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.randn(features))
        self.a_raw = nn.Parameter(torch.zeros(()))
        self.c_raw = nn.Parameter(torch.zeros(()))  # with a_raw: c = 0, the identity

    def _bent(self) -> tuple[Tensor, Tensor]:
        a = F.softplus(self.a_raw)
        return a, F.softplus(self.c_raw) - a

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        a, c = self._bent()
        away = x - self.centre
        r = _length(away)
        h = 1 / (a + r)
        log_det = (x.shape[1] - 1) * torch.log1p(c * h) + torch.log1p(c * h - c * r * h.square())
        return x + (c * h)[:, None] * away, log_det

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        a, c = self._bent()
        away = z - self.centre
        s = _length(away)
        # s = r (1 + c / (a + r)):  r^2 + (a + c - s) r - a s = 0, whose positive root is wanted.
        p = a + c - s
        root = torch.sqrt(p.square() + 4 * a * s)
        r = torch.where(p > 0, 2 * a * s / (p + root), (root - p) / 2)  # neither subtracts what is nearly equal
        return self.centre + away / (1 + c / (a + r))[:, None]


def _length(away: Tensor) -> Tensor:
    # The gradient of a norm is not defined at 0.
    return torch.sqrt(away.square().sum(1) + 1e-24)


class Planar(FlowModel):
    """Planar steps from the data to a Gaussian, on (B, D).

    The paper uses them from the Gaussian to a posterior, where no inverse is needed.
    """

    family: ClassVar[str] = "planar"
    config_type: ClassVar[type] = PlanarConfig

    def __init__(self, config: PlanarConfig) -> None:
        steps = [PlanarStep(config.shape[0]) for _ in range(config.layers)]
        super().__init__(config, [Sequential(steps)], [Gaussian()])


class Radial(FlowModel):
    """Radial steps from the data to a Gaussian, on (B, D)."""

    family: ClassVar[str] = "radial"
    config_type: ClassVar[type] = PlanarConfig

    def __init__(self, config: PlanarConfig) -> None:
        steps = [RadialStep(config.shape[0]) for _ in range(config.layers)]
        super().__init__(config, [Sequential(steps)], [Gaussian()])
