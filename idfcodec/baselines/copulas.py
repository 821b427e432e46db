"""Margins first, then what binds them: marginal and copula flows, and the Gaussian copula.

By Sklar's theorem p(x) = c(F_1(x_1), ..., F_D(x_D)) prod_i f_i(x_i), with the density c of a copula on the unit cube.

    margins    l_i = tail(spline_i(x_i)),  u_i = sigmoid(l_i) = F_i(x_i)
               tail(y) = sign(y) log(1 + xi |y|) / xi, one xi >= 0 for each side of each dimension: F then falls off as
               (1 + xi |y|)^(-1 / xi), exponentially where xi is 0
    copula     a flow of the cube, v = g(u), uniform; in logits, so that no corner is lost: splines on [-8, 8] under
               masked networks. Beyond, where 0.03 % of each margin lie on either side, splines are the identity, so
               that tails are the margins' own
    Gaussian   z = L^-1 probit(u), with the Cholesky factor L of a correlation matrix, whose rows have length 1

What the margins are must not depend on the copula: they learn from their own likelihood alone, for gradients of the
copula's part end at u.

References:
    Wiese, Knobloch and Korn, *Copula & Marginal Flows: Disentangling the Marginal from its Joint*, 2019,
    https://arxiv.org/abs/1907.03361
    Wang and Wang, *Neural Gaussian Copula for Variational Autoencoder*, 2019, https://arxiv.org/abs/1909.03569
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.baselines.bases import Base, Gaussian, Logistic
from idfcodec.baselines.contract import FlowModel, Sequential, Transform
from idfcodec.baselines.networks import check_sizes
from idfcodec.baselines.splines import Marginal
from idfcodec.errors import IDFError

__all__ = [
    "CopulaFlow",
    "CopulaFlowConfig",
    "Correlation",
    "GaussianCopula",
    "MarginConfig",
    "Margins",
    "Probit",
    "Tail",
]

BOUND = 8.0  # of the copula flow's splines, in logits
LARGEST = 80.0  # of a logit that becomes a normal score: beyond, float32 has no probability


@dataclass(frozen=True)
class MarginConfig:
    """Sizes of a Gaussian copula.

    Args:
        shape: (D,).
        knots: of each margin.
        condition: none is taken, always 0.
    """

    shape: tuple[int, ...] = (2,)
    knots: int = 24
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "knots")
        if len(self.shape) != 1 or self.condition or self.knots < 3:
            raise IDFError("copulas take vectors (D,), margins of at least 3 knots, and no condition")


@dataclass(frozen=True)
class CopulaFlowConfig(MarginConfig):
    """Sizes of a marginal and copula flow.

    Args:
        layers: autoregressive transforms of the cube, of alternating order.
        hidden: units of each hidden layer of the masked networks.
        depth: their hidden layers.
        bins: of the splines.
    """

    layers: int = 3
    hidden: int = 64
    depth: int = 2
    bins: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(self, "layers", "hidden", "depth", "bins")


class Tail(Transform):
    """l = sign(y) log(1 + xi |y|) / xi on (B, D): how heavy each tail is, learned; xi is softplus(raw).

    Args:
        features: D.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.raw = nn.Parameter(torch.full((2, features), -4.0))  # below, above

    def _index(self, y: Tensor) -> Tensor:
        below, above = F.softplus(self.raw)
        return torch.where(y < 0, below, above)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        xi = self._index(x)
        log = torch.log1p(xi * x.abs())
        return x.sign() * log / xi, -log.sum(1)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        xi = self._index(z)
        return z.sign() * torch.expm1(xi * z.abs()) / xi


class Margins(Transform):
    """l_i = logit F_i(x_i): a spline and two tails for every dimension. Knots start at the first batch's quantiles.

    Args:
        features: D.
        knots: of each spline.
    """

    started: Tensor

    def __init__(self, features: int, knots: int) -> None:
        super().__init__()
        self.spline = Marginal(features, knots)
        self.tail = Tail(features)
        self.register_buffer("started", torch.tensor(False))

    def fit(self, x: Tensor) -> None:
        """Put the splines through the quantiles of samples (N, D)."""
        self.spline.fit(x.detach())
        self.started.fill_(True)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if self.training and not bool(self.started):
            self.fit(x)
        y, log_det = self.spline(x)
        z, more = self.tail(y)
        return z, log_det + more

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.spline.inverse(self.tail.inverse(z))


class Probit(Transform):
    """Logits of probabilities to their normal scores, (B, D): z = Phi^-1(sigmoid(l)); neither tail is lost."""

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = x.clamp(-LARGEST, LARGEST)
        z = -x.sign() * torch.special.ndtri(torch.sigmoid(-x.abs()))
        return z, (Logistic().log_prob(x) - Gaussian().log_prob(z))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        x: Tensor = torch.special.log_ndtr(z) - torch.special.log_ndtr(-z)
        return x


class Correlation(Transform):
    """z = L^-1 y on (B, D), with L of rows of length 1: y of correlation L L' becomes independent.

    Args:
        features: D.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.below = nn.Parameter(torch.zeros(features * (features - 1) // 2))
        self.features = features

    def factor(self) -> Tensor:
        """L, (D, D)."""
        rows, columns = torch.tril_indices(self.features, self.features, -1, device=self.below.device)
        full = torch.eye(self.features, dtype=self.below.dtype, device=self.below.device)
        return F.normalize(full.index_put((rows, columns), self.below), dim=1)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        L = self.factor()
        z = torch.linalg.solve_triangular(L, x.T, upper=False).T
        return z, -L.diagonal().log().sum().expand(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return z @ self.factor().T


class _Bound(FlowModel):
    """Margins, then a copula that is a flow of their logits.

    Args:
        config: see `Density`.
        copula: from logits of uniform margins to the prior's latents.
        base: the prior.
    """

    def __init__(self, config: MarginConfig, copula: Transform, base: Base) -> None:
        super().__init__(config, [Sequential(Margins(config.shape[0], config.knots), copula)], [base])

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-densities of x (B, D) under the margins, as if independent, and of the copula at their ranks; (B,) each.

        No gradient goes from the second to the margins.
        """
        self._check_shape(x)
        margins, copula = cast(Sequential, self.levels[0]).transforms
        uniform = Logistic()  # what a uniform u has as its logits' density
        logits, log_det = margins(x)
        own = log_det + uniform.log_prob(logits)
        ranks = logits.detach()
        z, log_det = copula(ranks)
        return own, log_det + self.bases[0].log_prob(z) - uniform.log_prob(ranks)  # type: ignore[operator]

    def loss(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        self._check_condition(condition, len(x))
        own, joint = self.parts(x)
        return -(own + joint).mean()


class CopulaFlow(_Bound):
    """Marginal flows, and a flow of the unit cube, on (B, D)."""

    family: ClassVar[str] = "copula"
    config_type: ClassVar[type] = CopulaFlowConfig

    def __init__(self, config: CopulaFlowConfig) -> None:
        if config.shape[0] < 2:
            raise IDFError("a copula needs at least two dimensions")
        from idfcodec.baselines.autoregressive import SplineConfig, spline_layers

        sizes = {name: getattr(config, name) for name in ("shape", "layers", "hidden", "depth", "bins")}
        super().__init__(config, Sequential(spline_layers(SplineConfig(**sizes), bound=BOUND)), Logistic())


class GaussianCopula(_Bound):
    """Marginal flows bound by a correlation matrix, on (B, D)."""

    family: ClassVar[str] = "gaussian-copula"
    config_type: ClassVar[type] = MarginConfig

    def __init__(self, config: MarginConfig) -> None:
        super().__init__(config, Sequential(Probit(), Correlation(config.shape[0])), Gaussian())
