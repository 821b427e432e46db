"""Bijections on integers, one small contract: `inverse(forward(x))` is `x`, to the bit, for all integers of any size.

The flow composes them: colours, then on each level a squeeze, a permutation and the couplings, whose shifts the
networks give. None has a Jacobian to account for: integers have no volume.

References:
    Hoogeboom et al., *Integer Discrete Flows and Lossless Compression*, 2019, https://arxiv.org/abs/1905.07376
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["PHASES", "AdditiveCoupling", "ColourTransform", "Composition", "Layer", "Permutation", "Squeeze"]

# Frequencies and columns of the four phases in coding order: A, D, B, C.
PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))


class Layer(ABC):
    """A bijection on integer tensors (B, C, H, W) of any integer type; floats that hold integers pass, too."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """From pictures to latents."""

    @abstractmethod
    def inverse(self, y: Tensor) -> Tensor:
        """From latents to pictures."""


class Composition(Layer):
    """Layers one after the other."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def inverse(self, y: Tensor) -> Tensor:
        for layer in reversed(self.layers):
            y = layer.inverse(y)
        return y


class Permutation(Layer):
    """A fixed permutation of the channels: channel i of the result is channel `order[i]` of the input."""

    def __init__(self, order: Sequence[int]) -> None:
        if sorted(order) != list(range(len(order))):
            raise ValueError(f"{list(order)} is not a permutation")
        self.order = list(order)
        self._back = sorted(range(len(order)), key=self.order.__getitem__)

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.order]

    def inverse(self, y: Tensor) -> Tensor:
        return y[:, self._back]


class AdditiveCoupling(Layer):
    """`[a, b] -> [a, b - round(t(a))]` for any function t; `a` are the first `known` channels.

    The rounding passes gradients straight through, so that t learns as if it were not there.
    """

    def __init__(self, known: int, translation: Callable[[Tensor], Tensor]) -> None:
        self.known = known
        self.translation = translation

    def _shift(self, a: Tensor, dtype: torch.dtype) -> Tensor:
        t = self.translation(a)
        if t.is_floating_point():
            t = t + (torch.round(t) - t).detach()
        return t.to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        a, b = x[:, : self.known], x[:, self.known :]
        return torch.cat((a, b - self._shift(a, x.dtype)), 1)

    def inverse(self, y: Tensor) -> Tensor:
        a, b = y[:, : self.known], y[:, self.known :]
        return torch.cat((a, b + self._shift(a, y.dtype)), 1)


class ColourTransform(Composition):
    """R, G, B to G, R-G, B-G."""

    def __init__(self) -> None:
        super().__init__((Permutation((1, 0, 2)), AdditiveCoupling(1, lambda green: green)))


class Squeeze(Layer):
    """Space to depth: (B, C, height, width) to the four phases A, D, B, C, (B, 4C, ceil(height/2), ceil(width/2)).

    Where an odd picture ends before the last cell does, the missing phases repeat that cell's A; the inverse drops
    them.
    """

    def __init__(self, height: int, width: int) -> None:
        self.size = height, width
        self.grid = -(-height // 2), -(-width // 2)

    def extent(self, phase: int) -> tuple[int, int]:
        """Frequencies and columns of the grid in which a phase has pixels of the picture."""
        row, column = PHASES[phase]
        return (self.size[0] + 1 - row) // 2, (self.size[1] + 1 - column) // 2

    def forward(self, x: Tensor) -> Tensor:
        a = x[..., 0::2, 0::2]
        phases = [a]
        for phase, (row, column) in enumerate(PHASES[1:], 1):
            height, width = self.extent(phase)
            full = x[..., row::2, column::2]
            if (height, width) != self.grid:
                full = a.clone()
                full[..., :height, :width] = x[..., row::2, column::2]
            phases.append(full)
        return torch.cat(phases, 1)

    def inverse(self, y: Tensor) -> Tensor:
        channels = y.shape[1] // 4
        x = y.new_empty((y.shape[0], channels, *self.size))
        for phase, (row, column) in enumerate(PHASES):
            height, width = self.extent(phase)
            x[..., row::2, column::2] = y[:, phase * channels : (phase + 1) * channels, :height, :width]
        return x
