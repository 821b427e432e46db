"""What every baseline is: a density of data of a fixed shape, nearly always one that is made of bijections.

A density has log p, samples and a file; that is all an autoregressive model of pixels has. A flow adds its latents. A
transform maps x to z = f(x) and knows log |det df/dx|. A model sends data through levels of transforms. Behind each
level but the last, half of the channels are factored out as latents, the other half goes on:

    (z_1, h_1) = split(f_1(x)),  (z_2, h_2) = split(f_2(h_1)),  ...,  z_L = f_L(h_{L-1})
    log p(x) = sum_i log p_i(z_i | h_i) + sum_i log |det df_i|

References:
    Rezende and Mohamed, *Variational Inference with Normalizing Flows*, 2015, https://arxiv.org/abs/1505.05770
    Dinh et al., *Density estimation using Real NVP*, 2017, https://arxiv.org/abs/1605.08803
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from idfcodec.baselines.bases import Base
from idfcodec.errors import IDFError
from idfcodec.files import write_target

__all__ = ["FORMAT", "Density", "FlowModel", "Latent", "Sequential", "Shape", "Transform"]

FORMAT = "idfcodec-baseline-1"  # what the metadata of a saved model begin with
Shape = tuple[int, ...]


class Transform(nn.Module):
    """A bijection z = f(x), possibly given a condition.

    Shapes are (B, *shape); a condition is (B, K), for pictures (B, K, h, w) too, and whoever has no use for it ignores
    it. A transform computes in the dtype of its parameters.
    """

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z of shape (B, *output_shape) and log |det dz/dx| in nats, (B,)."""
        raise NotImplementedError

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """The x with `forward(x)[0] == z`, (B, *shape)."""
        raise NotImplementedError

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of z, without the batch, for x of `shape`."""
        return shape


class Sequential(Transform):
    """f = f_n o ... o f_1: the log-determinants add up.

    Example:
        >>> from idfcodec.baselines.reshaping import Logit, Squeeze
        >>> f = Sequential(Logit(), Squeeze())
        >>> z, log_det = f(torch.full((5, 3, 8, 6), 0.5))  # (B, C, H, W) in (0, 1) -> (B, 4 C, H / 2, W / 2) and (B,)
        >>> z.shape, log_det.shape
        (torch.Size([5, 12, 4, 3]), torch.Size([5]))
    """

    def __init__(self, *transforms: Transform | Iterable[Transform]) -> None:
        super().__init__()
        flat: list[Transform] = []
        for transform in transforms:
            flat.extend([transform] if isinstance(transform, Transform) else transform)
        self.transforms = nn.ModuleList(flat)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(len(x))
        for transform in self.transforms:
            x, log_det = transform(x, condition)
            total = total + log_det
        return x, total

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        for transform in reversed(self.transforms):
            z = transform.inverse(z, condition)  # type: ignore[operator]
        return z

    def output_shape(self, shape: Shape) -> Shape:
        for transform in self.transforms:
            shape = transform.output_shape(shape)  # type: ignore[operator]
        return shape


class Latent(NamedTuple):
    """Latents of one level, (B, *latent_shape), and what goes on to the next one, which its prior may look at."""

    z: Tensor
    rest: Tensor | None


class Density(nn.Module):
    """A density of reals, or the probabilities of integers, of a fixed shape: what every family is.

    Args:
        config: a frozen dataclass that JSON can hold, with `shape` (D,) or (C, H, W) and `condition`, the number of
            channels K of the condition, 0 for none. A family's class takes this as its one argument.

    Raises:
        IDFError: here and below, an argument's shape is not the model's.
    """

    family: ClassVar[str]
    config_type: ClassVar[type]
    integers: ClassVar[bool] = False  # whether data are int64, and `log_prob` is a probability; else reals
    nats: ClassVar[bool] = True  # whether `loss` is the mean of -log p
    gradients: ClassVar[bool] = True  # whether it learns by those of `loss`; else by `learn`, from samples as they are

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    def log_prob(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log p(x | condition) in nats, (B,), of x (B, *shape)."""
        raise NotImplementedError

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """`log_prob`, so that wrappers around modules work."""
        return self.log_prob(x, condition)

    def loss(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """What gradients minimise, (): the mean of -log p in nats, unless a family says otherwise."""
        return -self.log_prob(x, condition).mean()

    def learn(self, x: Tensor) -> list[float]:
        """Fit a model whose family has no `gradients` to samples (N, *shape); the mean of -log p after each stage."""
        raise NotImplementedError

    def sample(
        self,
        n: int,
        temperature: float = 1.0,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """(n, *shape) samples.

        Args:
            n: how many.
            temperature: at least 0; below 1, samples are likelier and less various. Of flows, what the priors' scales
                are multiplied by (Kingma and Dhariwal 2018, section 6).
            condition: (n, K), or (1, K) for all.
            generator: where the randomness comes from, on the model's device; None for torch's own.
        """
        raise NotImplementedError

    def save(self, path: Path) -> None:
        """Write weights, family and configuration to a safetensors file, as a whole or not at all.

        `families.load` reads it.
        """
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in self.state_dict().items()}
        metadata = {"format": FORMAT, "family": self.family, "config": json.dumps(asdict(self.config))}
        write_target(path, to_bytes(tensors, metadata), force=True)

    def _check_shape(self, x: Tensor) -> None:
        if tuple(x.shape[1:]) != tuple(self.config.shape):
            raise IDFError(f"expected (B, {', '.join(map(str, self.config.shape))}), got {tuple(x.shape)}")

    def _check_condition(self, condition: Tensor | None, count: int) -> Tensor | None:
        width = self.config.condition
        if not width:
            if condition is not None:
                raise IDFError("this model takes no condition")
            return None
        if condition is None or condition.ndim < 2 or condition.shape[1] != width:
            got = None if condition is None else tuple(condition.shape)
            raise IDFError(f"expected a condition of shape (B, {width}), got {got}")
        if len(condition) == 1 and count != 1:
            return condition.expand(count, *condition.shape[1:])
        if len(condition) != count:
            raise IDFError(f"{len(condition)} conditions for {count} samples")
        return condition

    def _check_draw(self, n: int, temperature: float) -> None:
        if n < 1 or not temperature >= 0:
            raise IDFError(f"cannot draw {n} samples at a temperature of {temperature}")


class FlowModel(Density):
    """A density made of bijections.

    Args:
        config: see `Density`.
        levels: the transforms f_1 ... f_L.
        bases: the prior of each level's latents.
    """

    def __init__(self, config: Any, levels: Sequence[Transform], bases: Sequence[Base]) -> None:
        super().__init__(config)
        self.levels = nn.ModuleList(levels)
        self.bases = nn.ModuleList(bases)
        self.latent_shapes = self._shapes(tuple(config.shape))

    def _shapes(self, shape: Shape) -> list[Shape]:
        shapes = []
        for i, level in enumerate(self.levels):
            shape = level.output_shape(shape)  # type: ignore[operator]
            if i + 1 < len(self.levels):
                if shape[0] % 2:
                    raise IDFError(f"{shape[0]} channels cannot be halved between two levels")
                shape = (shape[0] // 2, *shape[1:])
            shapes.append(shape)
        return shapes

    def transform(self, x: Tensor, condition: Tensor | None = None) -> tuple[list[Latent], Tensor]:
        """Latents of every level, and the log-determinant in nats, (B,)."""
        self._check_shape(x)
        condition = self._check_condition(condition, len(x))
        total = x.new_zeros(len(x))
        out = []
        for i, level in enumerate(self.levels):
            x, log_det = level(x, condition)
            total = total + log_det
            if i + 1 < len(self.levels):
                x, z = x.chunk(2, 1)
                out.append(Latent(z, x))
            else:
                out.append(Latent(x, None))
        return out, total

    def log_prob(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        latents, total = self.transform(x, condition)
        for base, (z, rest) in zip(self.bases, latents, strict=True):
            total = total + base.log_prob(z, rest)  # type: ignore[operator]
        return total

    def latents(self, x: Tensor, condition: Tensor | None = None) -> list[Tensor]:
        """z of every level, finest first: (B, *latent_shapes[i])."""
        return [z for z, _ in self.transform(x, condition)[0]]

    def inverse(self, latents: Sequence[Tensor], condition: Tensor | None = None) -> Tensor:
        """The (B, *shape) data whose latents are these."""
        if [tuple(z.shape[1:]) for z in latents] != self.latent_shapes:
            raise IDFError(f"expected latents of {self.latent_shapes}, got {[tuple(z.shape[1:]) for z in latents]}")
        condition = self._check_condition(condition, len(latents[0]))
        rest: Tensor | None = None
        for level, z in zip(reversed(self.levels), reversed(latents), strict=True):
            rest = level.inverse(z if rest is None else torch.cat((rest, z), 1), condition)  # type: ignore[operator]
        return _present(rest)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        temperature: float = 1.0,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        self._check_draw(n, temperature)
        condition = self._check_condition(condition, n)
        rest: Tensor | None = None
        for level, base, shape in zip(
            reversed(self.levels), reversed(self.bases), reversed(self.latent_shapes), strict=True
        ):
            z = base.sample((n, *shape), temperature, rest, generator)  # type: ignore[operator]
            rest = level.inverse(z if rest is None else torch.cat((rest, z), 1), condition)  # type: ignore[operator]
        return _present(rest)


def _present(x: Tensor | None) -> Tensor:
    if x is None:
        raise IDFError("a model needs at least one level")
    return x
