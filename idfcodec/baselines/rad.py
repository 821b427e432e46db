"""RAD: a flow with a discrete latent beside the real ones, here by folding space along learned planes.

A fold lays one side of a plane on the other. With t = w.x - b, |w| = 1, and a stretch s(t) = log(e^(ct) - 1) / c of the
positive reals to all reals, which is nearly the identity where ct is large,

    z = x + (s(|t|) - t) w,    k = [t < 0],    log |det dz/dx| = -log(1 - e^(-c|t|))
    log p(x) = log p(z) + log p(k | z) + log |det dz/dx|

It is a bijection between x and the pairs (z, k), each of the two branches reaching all z: the sum over branches has one
term for each x, and the density is exact. A gating network tells p(k | z). At the plane itself, where z is infinite,
the density falls to 0 from both sides: it has no jump, which gradients would miss. F folds make 2^F branches; affine
couplings follow them. (The paper's own maps are piecewise linear in each dimension by itself, with three pieces.)

References:
    Dinh, Sohl-Dickstein, Larochelle and Pascanu, *A RAD approach to deep mixture models*, 2019,
    https://arxiv.org/abs/1903.07714
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.baselines.contract import Density
from idfcodec.baselines.networks import Dense, check_sizes
from idfcodec.baselines.realnvp import RealNVP, RealNVPConfig
from idfcodec.errors import IDFError

__all__ = ["RAD", "Fold", "RADConfig"]

NEAREST = 1e-6  # what |t| is at least: on the plane itself z would be infinite


@dataclass(frozen=True)
class RADConfig:
    """Sizes of the model.

    Args:
        shape: (D,).
        folds: F.
        layers: affine couplings after the folds.
        hidden: units of each hidden layer of the couplings' networks, and of a gating network's only one.
        depth: the couplings' hidden layers.
        condition: channels of a condition, fed to every network.
    """

    shape: tuple[int, ...] = (2,)
    folds: int = 3
    layers: int = 8
    hidden: int = 64
    depth: int = 2
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "folds", "layers", "hidden", "depth")
        if len(self.shape) != 1 or self.shape[0] < 2:
            raise IDFError(f"data must be vectors (D,) of at least two dimensions, not {self.shape}")


class Fold(nn.Module):
    """The fold above, of (B, D).

    Args:
        features: D.
        hidden: units of the gating network.
        condition: channels of its condition.
    """

    def __init__(self, features: int, *, hidden: int, condition: int = 0) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(features))
        self.b = nn.Parameter(0.1 * torch.randn(()))
        # c is 1 at first: where it is large, latents as small as -1 lie on the plane all but exactly, in a spike.
        self.log_c = nn.Parameter(torch.zeros(()))
        self.gate = Dense(features, 1, hidden=hidden, depth=1, condition=condition)

    def _distance(self, x: Tensor) -> tuple[Tensor, Tensor]:
        w = F.normalize(self.w, dim=0)
        return x @ w - self.b, w

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """z (B, D), k (B,) bool, and log |det dz/dx| in nats, (B,)."""
        t, w = self._distance(x)
        ct = torch.exp(self.log_c) * t.abs().clamp_min(NEAREST)
        volume = torch.log(-torch.expm1(-ct))
        s = (ct + volume) * torch.exp(-self.log_c)
        return x + (s - t)[:, None] * w, t < 0, -volume

    def inverse(self, z: Tensor, k: Tensor) -> Tensor:
        """The x on the side k of the plane."""
        s, w = self._distance(z)
        t = F.softplus(torch.exp(self.log_c) * s) * torch.exp(-self.log_c)
        return z + (torch.where(k, -t, t) - s)[:, None] * w

    def logit(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """log p(k = 1 | z) - log p(k = 0 | z), (B,)."""
        logit: Tensor = self.gate(z, condition)
        return logit[:, 0]


class RAD(Density):
    """The model, on (B, D).

    Example:
        >>> model = RAD(RADConfig(shape=(2,), folds=3, layers=4))
        >>> z, k = model.latents(torch.randn(8, 2))  # (8, 2), and the branch taken at every fold, (8, 3) bool
        >>> x = model.inverse(z, k)
    """

    family: ClassVar[str] = "rad"
    config_type: ClassVar[type] = RADConfig

    def __init__(self, config: RADConfig) -> None:
        super().__init__(config)
        sizes = {name: getattr(config, name) for name in ("hidden", "condition")}
        self.folds = nn.ModuleList(Fold(config.shape[0], **sizes) for _ in range(config.folds))
        sizes |= {name: getattr(config, name) for name in ("shape", "layers", "depth")}
        self.couplings = RealNVP(RealNVPConfig(**sizes))

    def _folded(self, x: Tensor, condition: Tensor | None) -> tuple[Tensor, list[Tensor], Tensor]:
        """What the couplings see, the branches, and the folds' part of log p."""
        total, branches = x.new_zeros(len(x)), []
        for fold in self.folds:
            x, k, log_det = fold(x, condition)
            logit = fold.logit(x, condition)  # type: ignore[operator]
            total = total + log_det + F.logsigmoid(torch.where(k, logit, -logit))
            branches.append(k)
        return x, branches, total

    def log_prob(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        self._check_shape(x)
        condition = self._check_condition(condition, len(x))
        h, _, total = self._folded(x, condition)
        return total + self.couplings.log_prob(h, condition)

    def latents(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z (B, D) and k (B, F) bool."""
        self._check_shape(x)
        condition = self._check_condition(condition, len(x))
        h, branches, _ = self._folded(x, condition)
        return self.couplings.latents(h, condition)[0], torch.stack(branches, 1)

    def inverse(self, z: Tensor, k: Tensor, condition: Tensor | None = None) -> Tensor:
        """The x (B, D) whose latents these are."""
        x = self.couplings.inverse([z], self._check_condition(condition, len(z)))
        for fold, branch in zip(reversed(self.folds), reversed(k.unbind(1)), strict=True):
            x = fold.inverse(x, branch)  # type: ignore[operator]
        return x

    @torch.no_grad()
    def sample(
        self,
        n: int,
        temperature: float = 1.0,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        self._check_draw(n, temperature)
        condition = self._check_condition(condition, n)
        x = self.couplings.sample(n, temperature, condition, generator)
        for fold in reversed(self.folds):
            logit = fold.logit(x, condition)  # type: ignore[operator]
            u = torch.rand(n, generator=generator, dtype=x.dtype, device=x.device)
            x = fold.inverse(x, u < torch.sigmoid(logit / max(temperature, 1e-9)))  # type: ignore[operator]
        return x
