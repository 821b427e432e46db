"""The densities of latents: what a flow makes of the data.

References:
    Dinh et al., *NICE: Non-linear Independent Components Estimation*, 2015, https://arxiv.org/abs/1410.8516
    Kingma and Dhariwal, *Glow: Generative Flow with Invertible 1x1 Convolutions*, 2018,
    https://arxiv.org/abs/1807.03039
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.errors import IDFError

__all__ = ["Base", "Circle", "Gaussian", "Logistic", "SplitGaussian", "make_base"]


class Base(nn.Module):
    """A density p(z | rest) of latents z (B, *shape); `rest` is the half that goes on, (B, *shape), or None."""

    def __init__(self) -> None:
        super().__init__()
        # Says what samples are made of, where there are no parameters to tell.
        self.register_buffer("_like", torch.zeros(()), persistent=False)

    _like: Tensor

    def log_prob(self, z: Tensor, rest: Tensor | None = None) -> Tensor:
        """Nats, (B,)."""
        raise NotImplementedError

    def sample(
        self,
        shape: tuple[int, ...],
        temperature: float = 1.0,
        rest: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Samples of `shape`, the batch included; the scale is multiplied by `temperature`."""
        raise NotImplementedError

    def _normal(self, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=self._like.dtype, device=self._like.device)

    def _uniform(self, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=self._like.dtype, device=self._like.device)


def _gaussian(z: Tensor) -> Tensor:
    return -0.5 * (z.square() + math.log(2 * math.pi))


class Gaussian(Base):
    """Independent standard Gaussians."""

    def log_prob(self, z: Tensor, rest: Tensor | None = None) -> Tensor:
        return _gaussian(z).flatten(1).sum(1)

    def sample(
        self,
        shape: tuple[int, ...],
        temperature: float = 1.0,
        rest: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return temperature * self._normal(shape, generator)


class Logistic(Base):
    """Independent standard logistics: log p(z) = -log(1 + e^z) - log(1 + e^-z)  (NICE, section 3.4)."""

    def log_prob(self, z: Tensor, rest: Tensor | None = None) -> Tensor:
        return (-F.softplus(z) - F.softplus(-z)).flatten(1).sum(1)

    def sample(
        self,
        shape: tuple[int, ...],
        temperature: float = 1.0,
        rest: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        u = self._uniform(shape, generator).clamp(1e-7, 1 - 1e-7)
        return temperature * torch.logit(u)


class Circle(Base):
    """Independent uniform angles in [-pi, pi); there is no temperature on a circle but 1."""

    def log_prob(self, z: Tensor, rest: Tensor | None = None) -> Tensor:
        return z.new_full((len(z),), -math.log(2 * math.pi) * z[0].numel())

    def sample(
        self,
        shape: tuple[int, ...],
        temperature: float = 1.0,
        rest: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        if temperature != 1:
            raise IDFError("a uniform density has no temperature")
        return 2 * math.pi * self._uniform(shape, generator) - math.pi


class SplitGaussian(Base):
    """Gaussians whose mean and log-scale a convolution of the half that goes on tells, zero to begin with.

    Args:
        channels: C of both halves, (B, C, H, W).

    References:
        Kingma and Dhariwal 2018, the split of figure 2b, as their implementation has it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.network = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        nn.init.zeros_(self.network.weight)
        nn.init.zeros_(self.network.bias)  # type: ignore[arg-type]

    def _parameters_of(self, rest: Tensor | None) -> tuple[Tensor, Tensor]:
        if rest is None:
            raise IDFError("a split's density needs the half that goes on")
        mean, log_scale = self.network(rest).chunk(2, 1)
        return mean, log_scale

    def log_prob(self, z: Tensor, rest: Tensor | None = None) -> Tensor:
        mean, log_scale = self._parameters_of(rest)
        return (_gaussian((z - mean) * torch.exp(-log_scale)) - log_scale).flatten(1).sum(1)

    def sample(
        self,
        shape: tuple[int, ...],
        temperature: float = 1.0,
        rest: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        mean, log_scale = self._parameters_of(rest)
        return mean + temperature * torch.exp(log_scale) * self._normal(shape, generator)


def make_base(name: str) -> Base:
    """`gaussian` or `logistic`.

    Raises:
        IDFError: another name.
    """
    if name == "gaussian":
        return Gaussian()
    if name == "logistic":
        return Logistic()
    raise IDFError(f"there is no prior {name!r}; choose gaussian or logistic")
