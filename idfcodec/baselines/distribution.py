"""A network as distribution function: monotone, trained on the empirical distribution function, density by derivative.

    H_i(x_i | x_<i) = sigmoid(l_i),  l_i = e^a x_i + v.h_2 + c,   v > 0
    h_1 = tanh(W_1 x_i + U_1 h_0),   h_2 = tanh(W_2 h_1 + U_2 h_0),   W > 0,   h_0 of x_<i by another network
    p(x) = prod_i dH_i/dx_i

All weights that x_i passes are positive, so H_i rises from 0 to 1 whatever they are, and z_i = l_i makes a flow. What
is trained is not the likelihood but the squared distance to the empirical distribution function at the samples,

    E (H_i(t | x_<i) - [x_i <= t])^2,   t another sample's x_i,

which is least, for t anywhere, where H_i is the distribution function itself. No density is looked at in training, and
where few samples are nothing holds its logarithm: that is the method. The paper's network has one dimension; here there
is one for each, given those before it.

References:
    Magdon-Ismail and Atiya, *Neural Networks for Density Estimation*, 1998,
    https://papers.nips.cc/paper/1624-neural-networks-for-density-estimation
    Gneiting and Raftery, *Strictly Proper Scoring Rules, Prediction, and Estimation*, 2007,
    https://doi.org/10.1198/016214506000001437 (the squared distance as a score of conditional distributions)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from idfcodec.baselines.bases import Logistic
from idfcodec.baselines.contract import FlowModel, Transform
from idfcodec.baselines.networks import Dense, check_sizes
from idfcodec.errors import IDFError

__all__ = ["DistributionConfig", "DistributionNetwork", "MonotoneConditionals"]

OTHERS = 8  # thresholds t of every sample in a step
BISECTIONS = 60


@dataclass(frozen=True)
class DistributionConfig:
    """Sizes of the model.

    Args:
        shape: (D,).
        hidden: units of each hidden layer, of the monotone networks and of those that tell h_0.
        condition: channels of a condition, which h_0 sees.
    """

    shape: tuple[int, ...] = (2,)
    hidden: int = 32
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "hidden")
        if len(self.shape) != 1:
            raise IDFError(f"data must be vectors (D,), not {self.shape}")


class _Monotone(nn.Module):
    """l and log dl/dx of x (B,), rising in x; what comes before is (B, `before`)."""

    def __init__(self, before: int, hidden: int) -> None:
        super().__init__()
        # Of nothing at all the network's output is its bias.
        self.context = Dense(before, 2 * hidden, hidden=hidden, depth=2, zero=False)
        self.first = nn.Parameter(torch.randn(hidden).abs().log())
        self.places = nn.Parameter(torch.linspace(-3, 3, hidden))
        self.second = nn.Parameter(torch.randn(hidden, hidden) - torch.tensor(hidden / 2).log())
        self.last = nn.Parameter(torch.randn(hidden) - torch.tensor(hidden / 8).log())
        self.slope = nn.Parameter(torch.tensor(-1.0))
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        one, two = self.context(before).chunk(2, 1)
        W, V, v = self.first.exp(), self.second.exp(), self.last.exp()
        h = torch.tanh(W * (x[:, None] - self.places) + one)
        dh = W * (1 - h.square())
        h = torch.tanh(h @ V.T + two)
        dh = (1 - h.square()) * (dh @ V.T)
        slope = self.slope.exp()
        return slope * x + h @ v + self.offset, torch.log(slope + dh @ v)


class MonotoneConditionals(Transform):
    """z_i = logit H_i(x_i | x_<i) on (B, D).

    Args:
        features: D.
        hidden: units of each hidden layer.
        condition: channels of the condition.
    """

    def __init__(self, features: int, *, hidden: int, condition: int = 0) -> None:
        super().__init__()
        # A constant beside what comes before, for the first dimension has nothing before it.
        self.networks = nn.ModuleList(_Monotone(1 + i + condition, hidden) for i in range(features))

    @staticmethod
    def _before(x: Tensor, i: int, condition: Tensor | None) -> Tensor:
        known = [x.new_ones(len(x), 1), x[:, :i]]
        return torch.cat(known if condition is None else [*known, condition], 1)

    def one(self, i: int, value: Tensor, x: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """logit H_i(value | x_<i) and the logarithm of its slope, (B,) each."""
        z, log_slope = self.networks[i](value, self._before(x, i, condition))
        return z, log_slope

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        parts = [self.one(i, x[:, i], x, condition) for i in range(x.shape[1])]
        z, log_slopes = (torch.stack(part, 1) for part in zip(*parts, strict=True))
        return z, log_slopes.sum(1)

    @torch.no_grad()
    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        x = torch.zeros_like(z)
        for i, module in enumerate(self.networks):
            network = cast(_Monotone, module)
            # l = e^a x + something of at most |v| + |c| in size.
            size = network.last.exp().sum() + network.offset.abs()
            reach = (z[:, i].abs() + size) / network.slope.exp()
            low, high = -reach, reach
            for _ in range(BISECTIONS):
                middle = (low + high) / 2
                below = self.one(i, middle, x, condition)[0] < z[:, i]
                low, high = torch.where(below, middle, low), torch.where(below, high, middle)
            x[:, i] = (low + high) / 2
        return x


class DistributionNetwork(FlowModel):
    """The model, on (B, D)."""

    family: ClassVar[str] = "distribution"
    config_type: ClassVar[type] = DistributionConfig
    nats: ClassVar[bool] = False

    def __init__(self, config: DistributionConfig) -> None:
        conditionals = MonotoneConditionals(config.shape[0], hidden=config.hidden, condition=config.condition)
        super().__init__(config, [conditionals], [Logistic()])

    def loss(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The mean squared distance to the samples' distribution functions, summed over dimensions; no nats."""
        self._check_shape(x)
        condition = self._check_condition(condition, len(x))
        conditionals = cast(MonotoneConditionals, self.levels[0])
        many = x.repeat(OTHERS, 1)
        given = None if condition is None else condition.repeat(OTHERS, 1)
        total = x.new_zeros(())
        # The samples are independent, so those that come after are as good as any that are drawn.
        others = torch.cat([x.roll(1 + i, 0) for i in range(OTHERS)])
        for i in range(x.shape[1]):
            logit, _ = conditionals.one(i, others[:, i], many, given)
            below = (many[:, i] <= others[:, i]).to(x.dtype)
            total = total + (torch.sigmoid(logit) - below).square().mean()
        return total
