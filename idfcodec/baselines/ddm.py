"""Deep density model: an encoder whose latents are made independent and a decoder that says it is one to one.

    z = e^s f_L o ... o f_1(x),   f_l(h) = h + W_2 tanh(W_1 h + b_1) + b_2,   |W_2| |W_1| <= c < 1
    log p(x) = log p(z) + sum_i s_i + sum_l log |det(I + W_2 diag(1 - tanh^2) W_1)|

The likelihood is not what is trained. The loss has two parts, as the paper's:

    divergence        the latents' margins, in randomly turned axes, to those of a standard Gaussian: the squared
                      distance of sorted latents to normal scores. Margins that fit in all axes make latents independent
                      (Cramer and Wold); the paper has Beta margins in fixed axes, and a penalty of correlations
    reconstruction    |g(z) - x|^2 of a decoder g, so that no two x share their latents

The paper takes a small reconstruction error, and well-conditioned weights, for a bijection. Here a bound on the norms
of weights makes every layer one to one in any case (Behrmann et al. 2019), for only so does the density integrate to
one; its inverse is the fixed point of h <- z - (f(h) - h), and the decoder is a guess in one pass.

References:
    Rippel and Adams, *High-Dimensional Probability Estimation with Deep Density Models*, 2013,
    https://arxiv.org/abs/1302.5125
    Behrmann et al., *Invertible Residual Networks*, 2019, https://arxiv.org/abs/1811.00995
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from idfcodec.baselines.bases import Gaussian
from idfcodec.baselines.contract import FlowModel, Sequential, Transform
from idfcodec.baselines.networks import Dense, check_sizes
from idfcodec.baselines.nice import DiagonalScaling
from idfcodec.errors import IDFError

__all__ = ["DeepDensityConfig", "DeepDensityModel", "ResidualLayer", "divergence"]

CONTRACTION = 0.9  # c
FIXED_POINT = 200  # rounds: 0.9^200 is 7e-10
RECONSTRUCTION = 0.1  # weight of that part of the loss


@dataclass(frozen=True)
class DeepDensityConfig:
    """Sizes of the model.

    Args:
        shape: (D,).
        layers: L.
        hidden: units of the hidden layer of every f_l, and of the decoder's two.
        condition: none is taken, always 0.
    """

    shape: tuple[int, ...] = (2,)
    layers: int = 8
    hidden: int = 64
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "layers", "hidden")
        if len(self.shape) != 1 or self.condition:
            raise IDFError("deep density models take vectors (D,), and no condition")


class ResidualLayer(Transform):
    """f_l above, on (B, D). The determinant is of D x D numbers a sample: for few dimensions.

    Args:
        features: D.
        hidden: units.
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(hidden, features) / features**0.5)
        self.b_1 = nn.Parameter(torch.randn(hidden))
        self.second = nn.Parameter(0.1 * torch.randn(features, hidden) / hidden**0.5)
        self.b_2 = nn.Parameter(torch.zeros(features))

    def _weights(self) -> tuple[Tensor, Tensor]:
        """W_1 and W_2, the second one shortened where the product of their norms exceeds c."""
        norms = torch.linalg.matrix_norm(self.first, 2) * torch.linalg.matrix_norm(self.second, 2)
        return self.first, self.second * (CONTRACTION / norms).clamp_max(1)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        W_1, W_2 = self._weights()
        h = torch.tanh(x @ W_1.T + self.b_1)
        jacobian = torch.eye(x.shape[1], dtype=x.dtype, device=x.device) + (W_2 * (1 - h.square())[:, None]) @ W_1
        return x + h @ W_2.T + self.b_2, torch.linalg.slogdet(jacobian)[1]

    @torch.no_grad()
    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        W_1, W_2 = self._weights()
        x = z
        for _ in range(FIXED_POINT):
            x = z - torch.tanh(x @ W_1.T + self.b_1) @ W_2.T - self.b_2
        return x


class DeepDensityModel(FlowModel):
    """The model, on (B, D).

    Example:
        >>> model = DeepDensityModel(DeepDensityConfig(shape=(2,), layers=2, hidden=8))
        >>> x = torch.randn(5, 2)
        >>> bool(torch.allclose(model.inverse(model.latents(x)), x, atol=1e-4))
        True
    """

    family: ClassVar[str] = "ddm"
    config_type: ClassVar[type] = DeepDensityConfig
    nats: ClassVar[bool] = False

    def __init__(self, config: DeepDensityConfig) -> None:
        features = config.shape[0]
        layers: list[Transform] = [ResidualLayer(features, config.hidden) for _ in range(config.layers)]
        super().__init__(config, [Sequential(layers, DiagonalScaling(features))], [Gaussian()])
        self.decoder = Dense(features, features, hidden=config.hidden, depth=2)

    def loss(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Divergence and reconstruction, which are no nats."""
        self._check_condition(condition, len(x))
        z = self.latents(x)[0]
        error: Tensor = (self.decoder(z) - x).square().sum(1).mean()
        return divergence(z) + RECONSTRUCTION * error


def divergence(z: Tensor) -> Tensor:
    """How far the margins of (B, D) in a random turn of the axes are from standard Gaussians, summed over the axes."""
    turn = torch.linalg.qr(torch.randn(z.shape[1], z.shape[1], dtype=z.dtype, device=z.device))[0]
    levels = (torch.arange(len(z), dtype=z.dtype, device=z.device) + 0.5) / len(z)
    scores = torch.special.ndtri(levels)[:, None]
    distance: Tensor = ((z @ turn).sort(0).values - scores).square().mean(0).sum()
    return distance
