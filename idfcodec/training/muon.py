"""Muon: momentum whose step is orthogonalised, for the hidden convolutions.

References:
    Jordan et al., *Muon: An optimizer for hidden layers in neural networks*, 2024,
    https://kellerjordan.github.io/posts/muon/
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["Muon"]


def _orthogonal(gradient: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrix to (m, n) `gradient`, roughly, by five Newton-Schulz steps."""
    x = gradient.bfloat16() if gradient.is_cuda else gradient.float()
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    orthogonal: Tensor = (x.T if tall else x).to(gradient.dtype)
    return orthogonal


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised per matrix (O, I * kh * kw), scaled to the RMS of an Adam step."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.mul_(group["momentum"]).add_(p.grad)
                update = _orthogonal((p.grad + group["momentum"] * buffer).reshape(p.shape[0], -1))
                scale = 0.2 * max(update.shape) ** 0.5
                p.add_(update.view_as(p), alpha=-group["lr"] * scale)
