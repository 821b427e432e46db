"""Densities in the plane, on the circle and on the torus whose exact value is known, to draw from and compare with.

Every sample has a class (which moon, ring, square or bump it is of). The entropy is the integral of -p log p over a
grid that holds all but about 1e-8 of the mass.

References:
    Rezende et al., *Normalizing Flows on Tori and Spheres*, 2020, https://arxiv.org/abs/2002.02428 (the torus)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from idfcodec.errors import IDFError

__all__ = [
    "TOYS",
    "Chain",
    "Checkerboard",
    "CircleMixture",
    "EightGaussians",
    "Moons",
    "Rings",
    "Torus",
    "Toy",
    "grid",
    "toy",
]

LOG_2_PI = math.log(2 * math.pi)


def grid(low: float, high: float, size: int, dimensions: int = 2) -> tuple[Tensor, float]:
    """Centres of `size`**dimensions cells of [low, high]**dimensions, (N, dimensions) float64, and a cell's volume."""
    step = (high - low) / size
    axis = low + step * (torch.arange(size, dtype=torch.float64) + 0.5)
    points = torch.cartesian_prod(*[axis] * dimensions)
    return points.reshape(-1, dimensions), step**dimensions


class Toy:
    """A density p(x) of x (N, D).

    Attributes:
        name: as `toy` takes it.
        dimensions: D.
        classes: how many there are.
        low, high: every coordinate is in [low, high], but for a negligible mass.
        angles: whether the coordinates are angles in [-pi, pi).
    """

    name: str
    dimensions = 2
    classes: int
    low, high = -4.0, 4.0
    angles = False

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """(n, D) float32 samples and (n,) int64 classes."""
        raise NotImplementedError

    def log_prob(self, x: Tensor, label: int | None = None) -> Tensor:
        """log p(x), or log p(x | label), in nats: (N,) float64 of (N, D)."""
        per_class = self._log_prob_by_class(x.double())
        if label is not None:
            return per_class[:, label]
        return torch.logsumexp(per_class, 1) - math.log(self.classes)

    def _log_prob_by_class(self, x: Tensor) -> Tensor:
        """(N, classes): log p(x | class), float64; all classes are equally likely."""
        raise NotImplementedError

    def entropy(self, size: int = 320) -> float:
        """-E log p(x) in nats, by the grid; accurate to some 1e-4 for smooth densities."""
        points, cell = grid(self.low, self.high, size, self.dimensions)
        log_p = torch.cat([self.log_prob(part) for part in torch.split(points, 65536)])
        return float(-(torch.exp(log_p) * log_p).nan_to_num(0.0).sum() * cell)


@dataclass(frozen=True)
class Moons(Toy):
    """Two interleaved half circles with Gaussian noise, scaled and centred.

        p(x | moon) = 1/pi integral_0^pi N(x; arc(t), noise**2) dt,

    by Gauss-Legendre quadrature, to better than 1e-9 for noise of 0.05 and more.

    Args:
        noise: standard deviation.
    """

    noise: float = 0.1
    name = "moons"
    classes = 2
    low, high = -3.0, 3.0

    @staticmethod
    def _arc(t: Tensor, label: Tensor) -> Tensor:
        upper = torch.stack((torch.cos(t), torch.sin(t)), -1)
        lower = torch.stack((1 - torch.cos(t), 0.5 - torch.sin(t)), -1)
        return torch.where(label[..., None] == 0, upper, lower) - torch.tensor([0.5, 0.25], dtype=t.dtype)

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        label = torch.randint(2, (n,), generator=generator)
        t = math.pi * torch.rand(n, generator=generator)
        return self._arc(t, label) + self.noise * torch.randn(n, 2, generator=generator), label

    def _log_prob_by_class(self, x: Tensor) -> Tensor:
        nodes, weights = np.polynomial.legendre.leggauss(160)
        t = torch.from_numpy(math.pi / 2 * (nodes + 1))
        log_weight = torch.from_numpy(np.log(weights / 2))
        parts = []
        for label in range(2):
            centres = self._arc(t, torch.full_like(t, label, dtype=torch.int64))
            squares = x.square().sum(1, keepdim=True) + centres.square().sum(1) - 2 * x @ centres.T
            parts.append(torch.logsumexp(log_weight - squares / (2 * self.noise**2), 1))
        return torch.stack(parts, 1) - LOG_2_PI - 2 * math.log(self.noise)


@dataclass(frozen=True)
class Rings(Toy):
    """Concentric circles with Gaussian noise: p(x | R) = exp(-(r^2 + R^2) / 2 s^2) I_0(r R / s^2) / (2 pi s^2).

    Args:
        radii: R of each ring.
        noise: s.
    """

    radii: tuple[float, ...] = (0.75, 1.5, 2.25)
    noise: float = 0.1
    name = "rings"
    classes = 3

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        label = torch.randint(len(self.radii), (n,), generator=generator)
        t = 2 * math.pi * torch.rand(n, generator=generator)
        circle = torch.stack((torch.cos(t), torch.sin(t)), 1)
        centre = torch.tensor(self.radii)[label, None] * circle
        return centre + self.noise * torch.randn(n, 2, generator=generator), label

    def _log_prob_by_class(self, x: Tensor) -> Tensor:
        r = x.norm(dim=1, keepdim=True)
        radii = torch.tensor(self.radii, dtype=x.dtype)
        variance = self.noise**2
        # i0e(a) = exp(-a) I_0(a) does not overflow.
        bessel = torch.log(torch.special.i0e(r * radii / variance))
        log_p: Tensor = bessel - (r - radii).square() / (2 * variance) - LOG_2_PI - math.log(variance)
        return log_p


@dataclass(frozen=True)
class Checkerboard(Toy):
    """Uniform on the eight dark squares of a 4x4 board over [-2, 2]^2: log p = -log 8 inside, -inf outside."""

    name = "checkerboard"
    classes = 8
    low, high = -4.0, 4.0

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        label = torch.randint(8, (n,), generator=generator)
        row = label // 2
        column = 2 * (label % 2) + row % 2
        corner = torch.stack((column, row), 1) - 2.0
        return corner + torch.rand(n, 2, generator=generator), label

    def _log_prob_by_class(self, x: Tensor) -> Tensor:
        column, row = torch.floor(x + 2).long().unbind(1)
        inside = ((x >= -2) & (x < 2)).all(1) & ((row + column) % 2 == 0)
        label = torch.where(inside, 2 * row + column // 2, -1)
        log_p = torch.where(label[:, None] == torch.arange(8), 0.0, -math.inf)
        return log_p.double()


@dataclass(frozen=True)
class EightGaussians(Toy):
    """Eight Gaussians on a circle.

    Args:
        radius: of the circle.
        noise: standard deviation.
    """

    radius: float = 2.0
    noise: float = 0.2
    name = "gaussians"
    classes = 8

    def _centres(self) -> Tensor:
        angle = torch.arange(8, dtype=torch.float64) * (math.pi / 4)
        return self.radius * torch.stack((torch.cos(angle), torch.sin(angle)), 1)

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        label = torch.randint(8, (n,), generator=generator)
        return self._centres().float()[label] + self.noise * torch.randn(n, 2, generator=generator), label

    def _log_prob_by_class(self, x: Tensor) -> Tensor:
        squares = torch.cdist(x, self._centres()).square()
        log_p: Tensor = -squares / (2 * self.noise**2) - LOG_2_PI - 2 * math.log(self.noise)
        return log_p


def _von_mises(mean: Tensor, concentration: Tensor | float, generator: torch.Generator | None) -> Tensor:
    """Angles in [-pi, pi) of density exp(k cos(x - mean)) / (2 pi I_0(k)), by rejection under a wrapped Cauchy.

    References:
        Best and Fisher, *Efficient simulation of the von Mises distribution*, 1979,
        https://doi.org/10.2307/2346732
    """
    k = torch.as_tensor(concentration, dtype=torch.float64).expand(mean.shape)
    tau = 1 + torch.sqrt(1 + 4 * k * k)
    rho = (tau - torch.sqrt(2 * tau)) / (2 * k)
    r = (1 + rho * rho) / (2 * rho)
    out = torch.zeros(mean.shape, dtype=torch.float64)
    todo = torch.ones(mean.shape, dtype=torch.bool)
    while bool(todo.any()):
        u = torch.rand(3, *mean.shape, generator=generator, dtype=torch.float64)
        z = torch.cos(math.pi * u[0])
        f = (1 + r * z) / (r + z)
        c = k * (r - f)
        taken = todo & (torch.log(c / u[1]) + 1 - c >= 0)
        out = torch.where(taken, torch.sign(u[2] - 0.5) * torch.acos(f.clamp(-1, 1)), out)
        todo &= ~taken
    return _wrapped(out + mean)


def _wrapped(angle: Tensor) -> Tensor:
    return (torch.remainder(angle + math.pi, 2 * math.pi) - math.pi).float()


def _log_von_mises(angle: Tensor, concentration: Tensor | float) -> Tensor:
    k = torch.as_tensor(concentration, dtype=torch.float64)
    return k * (torch.cos(angle) - 1) - LOG_2_PI - torch.log(torch.special.i0e(k))


@dataclass(frozen=True)
class CircleMixture(Toy):
    """Three von Mises densities on the circle, one of them across the seam at +-pi: x (N, 1)."""

    means: tuple[float, ...] = (-1.5, 0.8, 3.1)
    concentrations: tuple[float, ...] = (20.0, 4.0, 8.0)
    name = "circle"
    dimensions = 1
    classes = 3
    low, high = -math.pi, math.pi
    angles = True

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        label = torch.randint(3, (n,), generator=generator)
        mean = torch.tensor(self.means, dtype=torch.float64)[label]
        return _von_mises(mean, torch.tensor(self.concentrations)[label], generator)[:, None], label

    def _log_prob_by_class(self, x: Tensor) -> Tensor:
        return _log_von_mises(x - torch.tensor(self.means, dtype=x.dtype), torch.tensor(self.concentrations))


@dataclass(frozen=True)
class Torus(Toy):
    """On the torus: a band that winds around it, x_2 = x_1 + noise, and two bumps, one of them across both seams."""

    name = "torus"
    classes = 3
    low, high = -math.pi, math.pi
    angles = True
    concentration = 12.0
    bumps = ((-1.6, 1.6), (3.0, -0.2))

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        label = torch.randint(3, (n,), generator=generator)
        first = 2 * math.pi * torch.rand(n, generator=generator, dtype=torch.float64) - math.pi
        centre = torch.tensor([(0.0, 0.0), *self.bumps], dtype=torch.float64)[label]
        bump = _von_mises(centre, self.concentration, generator)
        second = _von_mises(first, self.concentration, generator)
        band = torch.stack((first.float(), second), 1)
        return torch.where(label[:, None] == 0, band, bump), label

    def _log_prob_by_class(self, x: Tensor) -> Tensor:
        parts = [_log_von_mises(x[:, 1] - x[:, 0], self.concentration) - LOG_2_PI]
        for bump in self.bumps:
            parts.append(_log_von_mises(x - torch.tensor(bump, dtype=x.dtype), self.concentration).sum(1))
        return torch.stack(parts, 1)


@dataclass(frozen=True)
class Chain(Toy):
    """Four dimensions, of which a vine's pairs explain some: two moons, then what follows from one and from both.

        x_3 = sin(2 x_1) + s e_3,   x_4 = x_2 x_3 + s e_4,   e Gaussian

    Args:
        noise: s.
    """

    noise: float = 0.2
    name = "chain"
    dimensions = 4
    classes = 2

    def _means(self, x: Tensor) -> Tensor:
        return torch.stack((torch.sin(2 * x[:, 0]), x[:, 1] * x[:, 2]), 1)

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        x, label = Moons().sample(n, generator)
        for _ in range(2):
            known = torch.cat((x, x.new_zeros(n, 1)), 1)
            mean = self._means(known)[:, x.shape[1] - 2]
            x = torch.cat((x, (mean + self.noise * torch.randn(n, generator=generator))[:, None]), 1)
        return x, label

    def _log_prob_by_class(self, x: Tensor) -> Tensor:
        away = (x[:, 2:] - self._means(x)) / self.noise
        rest = -0.5 * away.square().sum(1) - LOG_2_PI - 2 * math.log(self.noise)
        return Moons()._log_prob_by_class(x[:, :2]) + rest[:, None]


TOYS: dict[str, Toy] = {
    t.name: t for t in (Moons(), Rings(), Checkerboard(), EightGaussians(), CircleMixture(), Torus())
}


def toy(name: str) -> Toy:
    """A toy density by name.

    Raises:
        IDFError: there is none of that name.
    """
    if name not in TOYS:
        raise IDFError(f"there is no toy density {name!r}; choose one of {', '.join(TOYS)}")
    return TOYS[name]
