"""What 8-bit pictures cost under each model, and of what kind the figure is.

A model of integers says it exactly. A density of reals needs noise: pixels v in {0, ..., n - 1} become x = (v + u) / n
with u in [0, 1) of density q(u | v). By Jensen's inequality

    log P(v) = log integral p(v + u) du >= E_q [log p(x) - D log n - log q(u | v)],

and the right side is what is reported: a bound from above on the bits, never the model's exact likelihood. Uniform
noise has q = 1; variational noise is a conditional flow's, trained with the model. The mean over several draws of u
inside the logarithm tightens the bound (importance samples). The integer flow needs none of this.

References:
    Theis et al., *A note on the evaluation of generative models*, 2016, https://arxiv.org/abs/1511.01844
    Burda et al., *Importance Weighted Autoencoders*, 2016, https://arxiv.org/abs/1509.00519
    Ho et al., *Flow++*, 2019, https://arxiv.org/abs/1902.00275
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from idfcodec.baselines.contract import Density
from idfcodec.errors import IDFError

__all__ = ["VALUES", "Bound", "Dequantization", "Uniform", "bits", "bits_per_dimension", "bound_of", "to_pixels"]

Bound = Literal["exact", "uniform dequantization", "variational dequantization"]
VALUES = 256  # of 8-bit pixels


class Dequantization(nn.Module):
    """Noise for pixels.

    Args:
        values: n, how many a pixel can take.
    """

    kind: ClassVar[Bound]

    def __init__(self, values: int = VALUES) -> None:
        super().__init__()
        self.values = values

    def forward(self, pixels: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """x in [0, 1) and log q(u | v) in nats, (B,), of (B, ...) integers in [0, n)."""
        raise NotImplementedError


class Uniform(Dequantization):
    """u uniform in [0, 1): log q = 0."""

    kind: ClassVar[Bound] = "uniform dequantization"

    def forward(self, pixels: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        if pixels.is_floating_point():
            raise IDFError("expected integer pixels")
        u = torch.rand(pixels.shape, generator=generator, device=pixels.device)
        # 255 + 0.9999999 rounds to 256 in float32, which would be outside.
        x = ((pixels + u) / self.values).clamp_max(1 - 2**-24)
        return x, x.new_zeros(len(x))


def bits_per_dimension(log_prob: Tensor, dimensions: int, *, values: int = VALUES) -> Tensor:
    """Nats of x in [0, 1)**D to bits per dimension of the pixels, (B,): -(log p(x) - D log n) / (D log 2).

    An upper bound on what the model's own code would cost, see the module.
    """
    return (math.log(values) - log_prob / dimensions) / math.log(2)


def bits(
    model: Density,
    pixels: Tensor,
    *,
    condition: Tensor | None = None,
    samples: int = 1,
    generator: torch.Generator | None = None,
    dequantization: Dequantization | None = None,
) -> Tensor:
    """Bits per subpixel of 8-bit pictures, (B,): what to report, and what to minimise; `bound_of` names its kind.

    Under noise it is -log2 [1/S sum_s p(x_s) n**-D / q(u_s | v)] / D, an upper bound on the model's own code length,
    and tighter with more samples; a model of integers gives its code length itself.

    Args:
        model: of any family; in `train` or in `eval`, as it is.
        pixels: (B, C, H, W) uint8, or other integers in [0, 255]. In the shape of the model's data.
        condition: (B, K), if the model takes one.
        samples: S, of the noise, each a pass of its own; without effect on a model of integers.
        generator: of the noise, on the pixels' device; None for torch's own.
        dequantization: in place of the model's own.

    Raises:
        IDFError: the pixels are no integers, or a shape is not the model's.
    """
    if pixels.is_floating_point() or samples < 1:
        raise IDFError("expected integer pixels, and at least one sample")
    dimensions = pixels[0].numel()
    if model.integers:
        return -model.log_prob(pixels.long(), condition) / (dimensions * math.log(2))
    noise = dequantization or _dequantization_of(model)
    dtype = next(model.parameters()).dtype
    draws = []
    for _ in range(samples):
        x, log_q = noise(pixels, generator)
        draws.append(model.log_prob(x.to(dtype), condition) - log_q)
    mean = torch.logsumexp(torch.stack(draws), 0) - math.log(samples)
    return bits_per_dimension(mean, dimensions, values=noise.values)


def bound_of(model: Density) -> Bound:
    """What the figure of `bits` is: the model's exact likelihood, or a bound from above by which noise."""
    return "exact" if model.integers else _dequantization_of(model).kind


def _dequantization_of(model: Density) -> Dequantization:
    own = getattr(model, "dequantization", None)  # a submodule of families whose noise is learned
    return own if isinstance(own, Dequantization) else Uniform()


def to_pixels(x: Tensor, *, values: int = VALUES) -> Tensor:
    """Samples as uint8 of their shape: of a density of reals the cell that x lies in, of integers themselves."""
    cells = (x * values).floor() if x.is_floating_point() else x
    return cells.clamp(0, values - 1).to(torch.uint8)
