"""Monotone maps of one dimension as splines of rational quadratics, each dimension with knots of its own.

Between two knots (x_k, y_k) and (x_k+1, y_k+1) with slopes d_k and d_k+1, s = (y_k+1 - y_k) / (x_k+1 - x_k) and
t = (x - x_k) / (x_k+1 - x_k),

    y = y_k + (y_k+1 - y_k) (s t^2 + d_k t (1 - t)) / q,                      q = s + (d_k + d_k+1 - 2 s) t (1 - t)
    dy/dx = s^2 (d_k+1 t^2 + 2 s t (1 - t) + d_k (1 - t)^2) / q^2

and lines of slopes d_1 and d_K beyond the outermost knots. zuko's splines are the identity beyond a box, which a map
that is itself fitted to data cannot be.

References:
    Gregory and Delbourgo, *Piecewise Rational Quadratic Interpolation to Monotonic Data*, 1982,
    https://doi.org/10.1093/imanum/2.2.123
    Durkan et al., *Neural Spline Flows*, 2019, https://arxiv.org/abs/1906.04032
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from idfcodec.baselines.contract import Transform

__all__ = ["Marginal"]

LEVELS = (0.001, 0.999)  # the probabilities of the outermost knots
LEAST_WIDTH = 1e-3  # between two knots, in standard deviations: what tied samples cannot undercut


class Marginal(Transform):
    """z_i = spline_i(x_i) for every dimension of (B, D).

    The heights of the knots are fixed: the logits, or the normal scores, of evenly spaced probabilities. So a fresh
    map is the identity, and `fit` turns samples into standard logistics or Gaussians.

    Args:
        features: D.
        knots: K of each dimension, at least 3.
        scores: "logistic" or "gaussian".
        learned: whether gradients go to the knots; else `fit` alone sets them.
    """

    heights: Tensor

    def __init__(self, features: int, knots: int, *, scores: str = "logistic", learned: bool = True) -> None:
        super().__init__()
        levels = torch.linspace(*LEVELS, knots, dtype=torch.float64)
        heights = torch.logit(levels) if scores == "logistic" else torch.special.ndtri(levels)
        self.register_buffer("levels", levels.float(), persistent=False)
        self.register_buffer("heights", heights.float())
        gaps = torch.log(heights.diff()).float().expand(features, -1)
        self.start = nn.Parameter(heights[:1].float().expand(features, 1).clone(), requires_grad=learned)
        self.log_widths = nn.Parameter(gaps.clone(), requires_grad=learned)
        self.log_slopes = nn.Parameter(torch.zeros(features, knots), requires_grad=learned)

    levels: Tensor

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Set the knots to the quantiles of samples (N, D), the slopes to those of parabolas through three knots."""
        found = torch.quantile(x, self.levels.to(x.dtype), dim=0).T
        widths = found.diff(dim=1)
        widths = torch.maximum(widths, LEAST_WIDTH * x.std(0)[:, None] + 1e-12)
        secants = self.heights.diff() / widths
        inner = (secants[:, :-1] * widths[:, 1:] + secants[:, 1:] * widths[:, :-1]) / (widths[:, :-1] + widths[:, 1:])
        self.start.copy_(found[:, :1])
        self.log_widths.copy_(widths.log())
        self.log_slopes.copy_(torch.cat((secants[:, :1], inner, secants[:, -1:]), 1).log())

    def _knots(self) -> tuple[Tensor, Tensor]:
        """Where they are and the slopes there, (D, K) each."""
        places = self.start + torch.cat((torch.zeros_like(self.start), self.log_widths.exp().cumsum(1)), 1)
        return places, self.log_slopes.exp()

    def _pieces(self, value: Tensor, *, places_given: bool) -> tuple[tuple[Tensor, ...], tuple[Tensor, Tensor]]:
        """The piece that each of (B, D) values lies in: its x, its y, its width, height and two slopes, all (B, D).

        Also whether the value is below the first knot and above the last one. Values are x, or else heights.
        """
        places, slopes = self._knots()
        edges = places if places_given else self.heights.expand_as(places)
        inner = torch.searchsorted(edges.detach().contiguous(), value.detach().T.contiguous(), right=True)
        piece = (inner - 1).clamp(0, edges.shape[1] - 2)
        heights = self.heights.expand_as(places)

        def at(of: Tensor, offset: int) -> Tensor:
            return of.gather(1, piece + offset).T

        x, y = at(places, 0), at(heights, 0)
        outside = (value < edges[:, 0], value > edges[:, -1])
        return (x, y, at(places, 1) - x, at(heights, 1) - y, at(slopes, 0), at(slopes, 1)), outside

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        (left, low, width, height, first, last), (below, above) = self._pieces(x, places_given=True)
        s = height / width
        t = ((x - left) / width).clamp(0, 1)
        both = t * (1 - t)
        q = s + (first + last - 2 * s) * both
        inside = low + height * (s * t.square() + first * both) / q
        slope = s.square() * (last * t.square() + 2 * s * both + first * (1 - t).square()) / q.square()
        line = torch.where(below, low + first * (x - left), low + height + last * (x - left - width))
        beyond = below | above
        z = torch.where(beyond, line, inside)
        slope = torch.where(below, first, torch.where(above, last, slope))
        return z, slope.log().sum(1)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        (left, low, width, height, first, last), (below, above) = self._pieces(z, places_given=False)
        s = height / width
        rise = (z - low).clamp_min(0)
        bend = first + last - 2 * s
        a = height * (s - first) + rise * bend
        b = height * first - rise * bend
        c = -s * rise
        root = (b.square() - 4 * a * c).clamp_min(0).sqrt()
        inside = left + width * (-2 * c / (b + root)).clamp(0, 1)
        line = torch.where(below, left + (z - low) / first, left + width + (z - low - height) / last)
        return torch.where(below | above, line, inside)
