"""RNADE: every dimension a mixture whose parameters one hidden layer tells of the dimensions before it.

The layer's sums are shared: from one dimension to the next, one column of W is added,

    a_1 = c,   a_d+1 = a_d + x_d W_d,   h_d = f(rho_d a_d)
    p(x_d | x_<d) = sum_k alpha_dk p_L((x_d - mu_dk) / s_dk) / s_dk
    alpha_d = softmax(V_d^alpha h_d + b_d^alpha),   mu_d = V_d^mu h_d + b_d^mu,   s_d = exp(V_d^s h_d + b_d^s)

so that a density takes O(D H K) operations. The components are logistics, where the paper has Gaussians or Laplacians:
their distribution functions are summed in closed form in both tails, and z_d = logit F(x_d | x_<d) makes a flow of the
model. f is smooth (SiLU), where the paper has rectifiers.

References:
    Uria, Murray and Larochelle, *RNADE: The real-valued neural autoregressive density-estimator*, 2013,
    https://arxiv.org/abs/1306.0186
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.baselines.bases import Logistic
from idfcodec.baselines.contract import FlowModel, Transform
from idfcodec.baselines.mixtures import LOG_SCALES, mixture_logit, mixture_logit_inverse
from idfcodec.baselines.networks import check_sizes
from idfcodec.errors import IDFError

__all__ = ["RNADE", "MixtureConditionals", "RNADEConfig"]


@dataclass(frozen=True)
class RNADEConfig:
    """Sizes of the model.

    Args:
        shape: (D,).
        hidden: H, units of the one hidden layer.
        components: K of each mixture.
        condition: channels of a condition, which the first sums a_1 see.
    """

    shape: tuple[int, ...] = (2,)
    hidden: int = 64
    components: int = 10
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "hidden", "components")
        if len(self.shape) != 1:
            raise IDFError(f"data must be vectors (D,), not {self.shape}")


class MixtureConditionals(Transform):
    """z_d = logit F(x_d | x_<d) on (B, D), F the distribution function of a mixture of logistics.

    Args:
        features: D.
        hidden: H.
        components: K.
        condition: channels of the condition.
    """

    def __init__(self, features: int, *, hidden: int, components: int, condition: int = 0) -> None:
        super().__init__()
        self.components = components
        self.c = nn.Parameter(torch.randn(hidden))
        self.given = nn.Linear(condition, hidden, bias=False) if condition else None
        self.W = nn.Parameter(torch.randn(features - 1, hidden))  # of the last dimension nothing is asked
        self.rho = nn.Parameter(torch.ones(features))
        self.V = nn.Parameter(torch.randn(features, 3 * components, hidden) * 0.1 / hidden**0.5)
        # Components that are alike stay alike: spread them over what standardised data has.
        means = torch.linspace(-2, 2, components) if components > 1 else torch.zeros(1)
        b = torch.cat((torch.zeros(components), means, torch.full((components,), -1.0)))
        self.b = nn.Parameter(b.repeat(features, 1))

    def _first(self, x: Tensor, condition: Tensor | None) -> Tensor:
        a = self.c.expand(len(x), -1)
        return a if self.given is None or condition is None else a + self.given(condition)

    def _mixture(self, d: int, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log alpha_d, mu_d and log s_d, (B, K) each."""
        out = F.silu(self.rho[d] * a) @ self.V[d].T + self.b[d]
        alpha, mu, log_s = out.chunk(3, 1)
        return F.log_softmax(alpha, 1), mu, log_s.clamp(*LOG_SCALES)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        a = self._first(x, condition)
        z, log_det = [], x.new_zeros(len(x))
        for d in range(x.shape[1]):
            value, log_slope = mixture_logit(x[:, d], *self._mixture(d, a))
            z.append(value)
            log_det = log_det + log_slope
            if d + 1 < x.shape[1]:
                a = a + x[:, d, None] * self.W[d]
        return torch.stack(z, 1), log_det

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        a = self._first(z, condition)
        x: list[Tensor] = []
        for d in range(z.shape[1]):
            x.append(mixture_logit_inverse(z[:, d], *self._mixture(d, a)))
            if d + 1 < z.shape[1]:
                a = a + x[d][:, None] * self.W[d]
        return torch.stack(x, 1)


class RNADE(FlowModel):
    """The model, on (B, D): density in D steps that share their sums, samples likewise.

    Example:
        >>> model = RNADE(RNADEConfig(shape=(5,), hidden=32))
        >>> model.log_prob(torch.zeros(8, 5)).shape
        torch.Size([8])
    """

    family: ClassVar[str] = "rnade"
    config_type: ClassVar[type] = RNADEConfig

    def __init__(self, config: RNADEConfig) -> None:
        sizes = {name: getattr(config, name) for name in ("hidden", "components", "condition")}
        super().__init__(config, [MixtureConditionals(config.shape[0], **sizes)], [Logistic()])
