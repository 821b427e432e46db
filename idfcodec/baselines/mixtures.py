"""Mixtures of logistics: as a monotone function of a real, and as probabilities of 8-bit values.

    F(x) = sum_k pi_k sigmoid((x - mu_k) / s_k)

Everywhere the components are axis 1: x is (B, *shape), the parameters are (B, K, *shape).

References:
    Salimans et al., *PixelCNN++*, 2017, https://arxiv.org/abs/1701.05517
    Ho et al., *Flow++*, 2019, https://arxiv.org/abs/1902.00275
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["LOG_SCALES", "cell_log_prob", "mixture_logit", "mixture_logit_inverse"]

LOG_SCALES = (-7.0, 7.0)  # what log s is clamped to; the lower end is that of both papers' implementations
BISECTIONS = 60


def mixture_logit(x: Tensor, log_weights: Tensor, means: Tensor, log_scales: Tensor) -> tuple[Tensor, Tensor]:
    """z = logit F(x), and log dz/dx = log f - log F - log(1 - F) with the density f = F', both (B, *shape).

    log F and log(1 - F) are summed apart, so neither tail is lost.

    Args:
        x: (B, *shape).
        log_weights: log pi, (B, K, *shape).
        means: mu.
        log_scales: log s.
    """
    w = (x[:, None] - means) * torch.exp(-log_scales)
    below, above = F.logsigmoid(w), F.logsigmoid(-w)
    log_below = torch.logsumexp(log_weights + below, 1)
    log_above = torch.logsumexp(log_weights + above, 1)
    log_density = torch.logsumexp(log_weights - log_scales + below + above, 1)
    return log_below - log_above, log_density - log_below - log_above


@torch.no_grad()
def mixture_logit_inverse(z: Tensor, log_weights: Tensor, means: Tensor, log_scales: Tensor) -> Tensor:
    """The x with logit F(x) = z, by bisection in float64 whatever the dtype, in which it comes back.

    One component alone would have it at mu_k + s_k z. Where all of these are above x, all components' logits are below
    z and so is the mixture's: the root lies between the smallest and the largest. What error remains is that of z
    itself, divided by dz/dx, which is small only where hardly any data are.
    """
    target, log_weights, means, log_scales = (t.double() for t in (z, log_weights, means, log_scales))
    alone = means + torch.exp(log_scales) * target[:, None]
    low, high = alone.amin(1), alone.amax(1)
    scales = torch.exp(-log_scales)
    for _ in range(BISECTIONS):
        x = (low + high) / 2
        w = (x[:, None] - means) * scales
        log_below = torch.logsumexp(log_weights + F.logsigmoid(w), 1)
        log_above = torch.logsumexp(log_weights + F.logsigmoid(-w), 1)
        below = log_below - log_above < target
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
