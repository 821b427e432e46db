"""From pixels to reals: what makes a density of reals a (bound on a) likelihood of integers.

Pixels v in {0, ..., n - 1} become x = (v + u) / n with noise u in [0, 1) of density q(u | v). By Jensen's inequality

    log P(v) = log integral p(v + u) du >= E_q [log p(x) - D log n - log q(u | v)],

and the right side is what is reported: a bound from above on the bits, never the model's exact likelihood. Uniform
noise has q = 1. The mean over several draws of u inside the logarithm tightens it (importance samples).

References:
    Theis et al., *A note on the evaluation of generative models*, 2016, https://arxiv.org/abs/1511.01844
    Ho et al., *Flow++*, 2019, https://arxiv.org/abs/1902.00275
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from idfcodec.baselines.contract import FlowModel
from idfcodec.errors import IDFError

__all__ = ["Dequantization", "Uniform", "bits_per_dimension", "bound"]


class Dequantization(nn.Module):
    """Noise for pixels.

    Args:
        values: n, how many a pixel can take.
    """

    def __init__(self, values: int = 256) -> None:
        super().__init__()
        self.values = values

    def forward(self, pixels: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """x in [0, 1) and log q(u | v) in nats, (B,), of (B, ...) integers in [0, n)."""
        raise NotImplementedError


class Uniform(Dequantization):
    """u uniform in [0, 1): log q = 0."""

    def forward(self, pixels: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        if pixels.is_floating_point():
            raise IDFError("expected integer pixels")
        u = torch.rand(pixels.shape, generator=generator, device=pixels.device)
        # 255 + 0.9999999 rounds to 256 in float32, which would be outside.
        x = ((pixels + u) / self.values).clamp_max(1 - 2**-24)
        return x, x.new_zeros(len(x))


def bits_per_dimension(log_prob: Tensor, dimensions: int, *, values: int = 256) -> Tensor:
    """Nats of x in [0, 1)**D to bits per dimension of the pixels, (B,): -(log p(x) - D log n) / (D log 2).

    An upper bound on what the model's own code would cost, see the module.
    """
    return (math.log(values) - log_prob / dimensions) / math.log(2)


def bound(
    model: FlowModel,
    pixels: Tensor,
    *,
    dequantization: Dequantization | None = None,
    condition: Tensor | None = None,
    samples: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Bits per dimension of (B, C, H, W) pixels, (B,): an upper bound, tighter with more importance samples.

    -log2 [1/S sum_s p(x_s) n**-D / q(u_s | v)] / D
    """
    dequantization = dequantization or Uniform()
    draws = []
    for _ in range(samples):
        x, log_q = dequantization(pixels, generator)
        draws.append(model.log_prob(x, condition) - log_q)
    mean = torch.logsumexp(torch.stack(draws), 0) - math.log(samples)
    return bits_per_dimension(mean, pixels[0].numel(), values=dequantization.values)
