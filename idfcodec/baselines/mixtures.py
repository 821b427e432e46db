"""Mixtures of logistics: as a monotone function of a real, and as probabilities of 8-bit values.

    F(x) = sum_k pi_k sigmoid((x - mu_k) / s_k)

Everywhere the components are axis 1: x is (B, *shape), the parameters are (B, K, *shape).

References:
    Salimans et al., *PixelCNN++*, 2017, https://arxiv.org/abs/1701.05517
    Ho et al., *Flow++*, 2019, https://arxiv.org/abs/1902.00275
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["LOG_SCALES", "cell_log_prob", "mixture_logit", "mixture_logit_inverse"]

LOG_SCALES = (-7.0, 7.0)  # what log s is clamped to; the lower end is that of both papers' implementations
BISECTIONS = 60


def mixture_logit(
    x: Tensor, log_weights: Tensor, means: Tensor, log_scales: Tensor, slope: float = 0.0
) -> tuple[Tensor, Tensor]:
    """z = logit F(x) + slope x, and log dz/dx, both (B, *shape); of the logit alone it is log f - log F - log(1 - F).

    log F and log(1 - F) are summed apart, so neither tail is lost.

    Args:
        x: (B, *shape).
        log_weights: log pi, (B, K, *shape).
        means: mu.
        log_scales: log s.
        slope: of a line that is added, at least 0.
    """
    w = (x[:, None] - means) * torch.exp(-log_scales)
    below, above = F.logsigmoid(w), F.logsigmoid(-w)
    log_below = torch.logsumexp(log_weights + below, 1)
    log_above = torch.logsumexp(log_weights + above, 1)
    log_density = torch.logsumexp(log_weights - log_scales + below + above, 1)
    log_slope = log_density - log_below - log_above
    if not slope:
        return log_below - log_above, log_slope
    return log_below - log_above + slope * x, torch.logaddexp(log_slope, torch.full_like(log_slope, math.log(slope)))


@torch.no_grad()
def mixture_logit_inverse(
    z: Tensor, log_weights: Tensor, means: Tensor, log_scales: Tensor, slope: float = 0.0
) -> Tensor:
    """The x with logit F(x) + slope x = z, by bisection in float64 whatever the dtype, in which it comes back.

    One component alone would have logit F(x) = z at mu_k + s_k z. Where all of these are above x, all their logits
    are below z and so is the mixture's: without a line, the root lies between the smallest and the largest. With one it
    lies between z / slope and the mu_k, for above all of these the logit is positive, below all of them negative. What
    error remains is that of z itself, divided by dz/dx, which is at least `slope`.
    """
    target, log_weights, means, log_scales = (t.double() for t in (z, log_weights, means, log_scales))
    alone = means if slope else means + torch.exp(log_scales) * target[:, None]
    low, high = alone.amin(1), alone.amax(1)
    if slope:
        low, high = torch.minimum(low, target / slope), torch.maximum(high, target / slope)
    scales = torch.exp(-log_scales)
    for _ in range(BISECTIONS):
        x = (low + high) / 2
        w = (x[:, None] - means) * scales
        log_below = torch.logsumexp(log_weights + F.logsigmoid(w), 1)
        log_above = torch.logsumexp(log_weights + F.logsigmoid(-w), 1)
        below = log_below - log_above + slope * x < target
        low, high = torch.where(below, x, low), torch.where(below, high, x)
    return ((low + high) / 2).to(z.dtype)


def cell_log_prob(x: Tensor, means: Tensor, log_scales: Tensor, *, values: int = 256) -> Tensor:
    """log P(x) of integers under a discretized logistic whose tails belong to the outermost values, of x's shape.

        P(x) = sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - e^(a - b)),   a, b = (x -+ 1/2 - mu) / s,

    with a = -inf at 0 and b = inf at `values` - 1. No difference of nearly equal numbers is taken, and the values'
    probabilities sum to 1.

    Args:
        x: integers in [0, `values`), in a floating dtype; broadcast against the parameters.
        means: mu, in the units of x.
        log_scales: log s, likewise.
        values: how many values there are.
    """
    scales = torch.exp(-log_scales)
    a, b = (x - 0.5 - means) * scales, (x + 0.5 - means) * scales
    first, last = F.logsigmoid(b), F.logsigmoid(-a)
    middle = first + last + torch.log(-torch.expm1(-scales))
    return torch.where(x <= 0, first, torch.where(x >= values - 1, last, middle))
