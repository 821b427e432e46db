"""Iterated simple maps: a rotation, then a map of every dimension by itself, and again until a Gaussian is left.

    x_0 = x,   x_n+1 = m_n(R_n x_n),   log p(x) = log N(x_L) + sum_n sum_i log m_ni'

R_n is a random rotation, m_n turns the margins of R_n x_n, the samples as the maps before it have left them, into
standard Gaussians. Each map is fitted by itself, by counting: there are no gradients, and nothing is fitted twice. A
margin that is no Gaussian yet can only bring the samples nearer to one: the likelihood rises with every map. Here m_n
are splines through the samples' quantiles, where the paper has maps of a few parameters that take small steps uphill.

References:
    Tabak and Turner, *A Family of Nonparametric Density Estimation Algorithms*, 2013,
    https://doi.org/10.1002/cpa.21423
    Chen and Gopinath, *Gaussianization*, 2000, https://papers.nips.cc/paper/1856-gaussianization
    Laparra, Camps-Valls and Malo, *Iterative Gaussianization: from ICA to Random Rotations*, 2011,
    https://arxiv.org/abs/1602.00229
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor

from idfcodec.baselines.bases import Gaussian
from idfcodec.baselines.contract import FlowModel, Sequential, Transform
from idfcodec.baselines.networks import check_sizes
from idfcodec.baselines.splines import Marginal
from idfcodec.errors import IDFError

__all__ = ["Gaussianisation", "GaussianisationConfig", "Rotation"]


@dataclass(frozen=True)
class GaussianisationConfig:
    """Sizes of the model.

    Args:
        shape: (D,).
        layers: L, pairs of a rotation and a map.
        knots: of the spline of each dimension; many follow the noise of the samples.
        condition: none is taken, always 0.
    """

    shape: tuple[int, ...] = (2,)
    layers: int = 50
    knots: int = 24
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "layers", "knots")
        if len(self.shape) != 1 or self.condition or self.knots < 3:
            raise IDFError("Gaussianisation takes vectors (D,), maps of at least 3 knots, and no condition")


class Rotation(Transform):
    """z = R x on (B, D), with a random orthogonal R that is drawn once (uniformly) and kept.

    Args:
        features: D.
    """

    R: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        q, r = torch.linalg.qr(torch.randn(features, features, dtype=torch.float64))
        self.register_buffer("R", (q * r.diagonal().sign()).float())  # Haar's measure needs the signs

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        # A rotation but for the rounding of its entries.
        return x @ self.R.T, torch.linalg.slogdet(self.R)[1].expand(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        x: Tensor = torch.linalg.solve(self.R, z.T).T
        return x


class Gaussianisation(FlowModel):
    """The model, on (B, D).

    Example:
        >>> model = Gaussianisation(GaussianisationConfig(shape=(2,), layers=5))
        >>> losses = model.learn(torch.rand(2000, 2))
        >>> losses[-1] < losses[0]
        True
    """

    family: ClassVar[str] = "gaussianisation"
    config_type: ClassVar[type] = GaussianisationConfig
    gradients: ClassVar[bool] = False

    def __init__(self, config: GaussianisationConfig) -> None:
        layers: list[Transform] = []
        for _ in range(config.layers):
            layers += [
                Rotation(config.shape[0]),
                Marginal(config.shape[0], config.knots, scores="gaussian", learned=False),
            ]
        super().__init__(config, [Sequential(layers)], [Gaussian()])

    @torch.no_grad()
    def learn(self, x: Tensor) -> list[float]:
        self._check_shape(x)
        losses, total = [], x.new_zeros(len(x))
        for layer in cast(Sequential, self.levels[0]).transforms:
            if isinstance(layer, Marginal):
                layer.fit(x)
            x, log_det = layer(x)
            total = total + log_det
            if isinstance(layer, Marginal):
                losses.append(-float((total + self.bases[0].log_prob(x)).mean()))  # type: ignore[operator]
        return losses
