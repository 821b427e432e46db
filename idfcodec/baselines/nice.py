"""NICE: additive couplings, and one diagonal scaling at the end.

A coupling leaves the half x_1 as it is and shifts the other: z_1 = x_1, z_2 = x_2 + m(x_1), with determinant 1. The
halves are the even and the odd dimensions and take turns. The last layer, z = exp(s) * h, is all that changes volume:
log |det| = sum_i s_i. Pictures are taken as the vectors of their subpixels, as in the paper.

References:
    Dinh et al., *NICE: Non-linear Independent Components Estimation*, 2015, https://arxiv.org/abs/1410.8516
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from idfcodec.baselines.bases import make_base
from idfcodec.baselines.contract import FlowModel, Sequential, Shape, Transform
from idfcodec.baselines.networks import Dense, check_sizes, coupling_network
from idfcodec.baselines.reshaping import Flatten, Logit
from idfcodec.errors import IDFError

__all__ = ["NICE", "AdditiveCoupling", "DiagonalScaling", "NICEConfig"]


@dataclass(frozen=True)
class NICEConfig:
    """Sizes of the model.

    Args:
        shape: of the data, (D,) or (C, H, W).
        layers: additive couplings; the paper has four.
        hidden: units of each hidden layer of m.
        depth: hidden layers of m.
        prior: "logistic" or "gaussian".
        logit: alpha of the logit in front, for data in [0, 1]; 0 for none, as in the paper.
        condition: channels K of a condition, (B, K), fed to every m.
    """

    shape: Shape = (2,)
    layers: int = 4
    hidden: int = 64
    depth: int = 2
    prior: str = "logistic"
    logit: float = 0.0
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "layers", "hidden", "depth")


class AdditiveCoupling(Transform):
    """z = x, but for the dimensions of the other parity: z_2 = x_2 + m(x_1).

    Args:
        features: D.
        parity: of the dimensions that stay as they are, 0 or 1.
        hidden: units of a hidden layer of m.
        depth: hidden layers of m.
        condition: channels of the condition.
    """

    def __init__(self, features: int, parity: int, *, hidden: int, depth: int, condition: int = 0) -> None:
        super().__init__()
        self.parity = parity
        kept = (features + 1 - parity) // 2
        # On symmetric data the identity is a saddle point that shifts alone do not leave: begin elsewhere.
        self.network = Dense(kept, features - kept, hidden=hidden, depth=depth, condition=condition, zero=False)

    def _moved(self, x: Tensor, condition: Tensor | None, sign: int) -> Tensor:
        z = x.clone()
        shift = self.network(x[:, self.parity :: 2], condition)
        z[:, 1 - self.parity :: 2] = x[:, 1 - self.parity :: 2] + sign * shift
        return z

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self._moved(x, condition, 1), x.new_zeros(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return self._moved(z, condition, -1)


class DiagonalScaling(Transform):
    """z_i = exp(s_i) x_i; log |det| = sum_i s_i (section 3.3)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x * torch.exp(self.log_scale), self.log_scale.sum().expand(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return z * torch.exp(-self.log_scale)


class NICE(FlowModel):
    """The model, on vectors or on pictures taken as vectors.

    Example:
        >>> model = NICE(NICEConfig(shape=(2,), layers=6, prior="gaussian"))
        >>> log_prob = model.log_prob(torch.zeros(8, 2))  # (8,) nats
    """

    family: ClassVar[str] = "nice"
    config_type: ClassVar[type] = NICEConfig

    def __init__(self, config: NICEConfig) -> None:
        coupling_network(config.shape)  # refuses other shapes
        features = math.prod(config.shape)
        if features < 2:
            raise IDFError("a coupling needs at least two dimensions")
        layers: list[Transform] = [Logit(config.logit)] if config.logit else []
        if len(config.shape) > 1:
            layers.append(Flatten(config.shape))
        sizes = {"hidden": config.hidden, "depth": config.depth, "condition": config.condition}
        layers += [AdditiveCoupling(features, i % 2, **sizes) for i in range(config.layers)]
        layers.append(DiagonalScaling(features))
        super().__init__(config, [Sequential(layers)], [make_base(config.prior)])
