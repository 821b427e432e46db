"""The networks inside couplings: from what is known and a condition to the parameters of what is transformed.

Their last layers are zero to begin with, so that a fresh coupling is the identity; NICE's are not, see there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.baselines.contract import Shape
from idfcodec.errors import IDFError

__all__ = ["Convolutional", "Dense", "as_maps", "check_sizes", "coupling_network"]


def check_sizes(config: object, *names: str) -> None:
    """Refuse fields of a configuration that are not positive integers.

    Raises:
        IDFError: one is not.
    """
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise IDFError(f"{name} must be a positive integer, not {value!r}")


class Dense(nn.Module):
    """A perceptron, (B, inputs) and (B, condition) to (B, outputs).

    Its activation is smooth (SiLU, where the papers have rectifiers), and so is the density that it makes.
    """

    def __init__(
        self, inputs: int, outputs: int, *, hidden: int, depth: int, condition: int = 0, zero: bool = True
    ) -> None:
        super().__init__()
        sizes = [inputs + condition] + [hidden] * depth
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.last = nn.Linear(hidden, outputs)
        if zero:
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        if condition is not None and condition.ndim != 2:
            raise IDFError(f"expected a condition of shape (B, K), got {tuple(condition.shape)}")
        h = x if condition is None else torch.cat((x, condition), 1)
        for layer in self.hidden:
            h = F.silu(layer(h))
        out: Tensor = self.last(h)
        return out


def as_maps(condition: Tensor, size: tuple[int, int]) -> Tensor:
    """A condition as maps of the size (h, w) of a picture, (B, K, h, w).

    Args:
        condition: (B, K), the same at every pixel, or (B, K, h', w'), averaged or repeated.
        size: (h, w).
    """
    maps = condition[..., None, None] if condition.ndim == 2 else condition
    return F.adaptive_avg_pool2d(maps, size)  # averaging is repetition where the target is the larger one


class Convolutional(nn.Module):
    """Residual blocks between two 3x3 convolutions, (B, inputs, h, w) to (B, outputs, h, w).

    A condition is as in `as_maps`.

    References:
        Dinh et al. 2017, section 3.7: residual networks, there with batch and weight normalisation.
    """

    def __init__(self, inputs: int, outputs: int, *, hidden: int, depth: int, condition: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs + condition, hidden, 3, padding=1)
        self.inner = nn.ModuleList(nn.Conv2d(hidden, hidden, 3, padding=1) for _ in range(depth))
        self.outer = nn.ModuleList(nn.Conv2d(hidden, hidden, 1) for _ in range(depth))
        self.last = nn.Conv2d(hidden, outputs, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        if condition is not None:
            x = torch.cat((x, as_maps(condition, (x.shape[-2], x.shape[-1]))), 1)
        h = self.first(x)
        for inner, outer in zip(self.inner, self.outer, strict=True):
            h = h + outer(F.silu(inner(F.silu(h))))
        out: Tensor = self.last(F.silu(h))
        return out


def coupling_network(shape: Shape) -> Callable[..., nn.Module]:
    """The class of network for data of `shape`: (D,) or (C, H, W).

    Raises:
        IDFError: another number of axes.
    """
    if len(shape) == 1:
        return Dense
    if len(shape) == 3:
        return Convolutional
    raise IDFError(f"data must be vectors (D,) or pictures (C, H, W), not {shape}")
