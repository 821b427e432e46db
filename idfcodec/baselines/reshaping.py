"""Transforms without parameters: other shapes, other orders, other ranges.

References:
    Dinh et al., *Density estimation using Real NVP*, 2017, https://arxiv.org/abs/1605.08803, sections 3.6 and 4.1
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from idfcodec.baselines.contract import Shape, Transform
from idfcodec.errors import IDFError

__all__ = ["Diagonals", "Flatten", "Logit", "Squeeze"]

_EDGE = 2**-22


class Squeeze(Transform):
    """Space to depth: (B, C, H, W) to (B, 4 C, H / 2, W / 2); volume is preserved."""

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return F.pixel_unshuffle(x, 2), x.new_zeros(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return F.pixel_shuffle(z, 2)

    def output_shape(self, shape: Shape) -> Shape:
        channels, height, width = shape
        if height % 2 or width % 2:
            raise IDFError(f"{height}x{width} cannot be squeezed: both sides must be even")
        return 4 * channels, height // 2, width // 2


class Diagonals(Transform):
    """Squeezed channels in another order, for factoring out: the first half has every colour, and so has the second.

    Squeezing lays the four pixels of a block one after the other, colour by colour. Now the two on the diagonal come
    first, of all colours, then the two beside it. (The paper's implementation squeezes a second time to this end.)

    Args:
        channels: of the squeezed picture, a multiple of 4.
    """

    order: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        block = torch.arange(channels).reshape(-1, 4)  # rows of (0, 0), (0, 1), (1, 0), (1, 1)
        self.register_buffer("order", torch.cat((block[:, [0, 3]].flatten(), block[:, [1, 2]].flatten())))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x[:, self.order], x.new_zeros(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return z[:, self.order.argsort()]


class Flatten(Transform):
    """(B, *shape) to (B, D).

    Args:
        shape: of x, without the batch.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x.flatten(1), x.new_zeros(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return z.reshape(len(z), *self.shape)

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)


class Logit(Transform):
    """[0, 1] to the real line: z = logit(a + (1 - 2 a) x), with a > 0 so that the edges stay finite.

        log |dz/dx| = log(1 - 2 a) - log y - log(1 - y),  y = a + (1 - 2 a) x

    Args:
        alpha: a, in (0, 1/2). The paper has 0.05, and 1 - a in place of 1 - 2 a, which leaves the upper edge infinite.
    """

    def __init__(self, alpha: float = 0.05) -> None:
        super().__init__()
        if not 0 < alpha < 0.5:
            raise IDFError(f"alpha {alpha} is not between 0 and 0.5")
        self.alpha = alpha

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y = self.alpha + (1 - 2 * self.alpha) * x
        log_det = math.log(1 - 2 * self.alpha) - torch.log(y) - torch.log1p(-y)
        return torch.logit(y), log_det.flatten(1).sum(1)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        # Beyond 17, float32 has no y but 1, whose z is infinite: let samples out there have a density.
        y = torch.sigmoid(z).clamp(_EDGE, 1 - _EDGE)
        return (y - self.alpha) / (1 - 2 * self.alpha)
