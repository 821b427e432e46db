"""Discrete flows: bijections of categories, without a Jacobian.

A category x in {0, ..., K - 1} is moved round the circle of categories by what others tell,

    z_d = (mu_d + sigma_d * x_d) mod K,     sigma_d coprime to K, so that it can be undone,

where mu and sigma are the argmax of a network's outputs: for half of the dimensions given the other half (bipartite),
or for each given those before it (autoregressive). Probabilities are only renamed, P(x) = P(z): there is no volume.
Everything happens on one-hot vectors, through which the gradient of softmax(logits / temperature) goes straight.

References:
    Tran et al., *Discrete Flows: Invertible Generative Models of Discrete Data*, 2019,
    https://arxiv.org/abs/1905.10347
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.baselines.bases import Base
from idfcodec.baselines.contract import FlowModel, Latent, Sequential, Transform
from idfcodec.baselines.networks import Dense, check_sizes
from idfcodec.entropy import Decoder, Encoder
from idfcodec.errors import CorruptFile, IDFError

__all__ = ["Categorical", "DiscreteConfig", "DiscreteFlow", "ModuloLayer", "decode", "encode"]

KINDS = ("bipartite", "autoregressive")


@dataclass(frozen=True)
class DiscreteConfig:
    """Sizes of the model.

    Args:
        shape: (D,).
        categories: K, of every dimension.
        layers: modulo layers; their masks or orders alternate.
        hidden: units of each hidden layer of the networks.
        depth: their hidden layers.
        kind: "bipartite" or "autoregressive".
        scale: with sigma; else it is 1.
        temperature: of the softmax whose gradient stands in for the argmax's.
        condition: channels K of a condition.
    """

    shape: tuple[int, ...] = (2,)
    categories: int = 2
    layers: int = 1
    hidden: int = 64
    depth: int = 1
    kind: str = "bipartite"
    scale: bool = False
    temperature: float = 0.1
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "layers", "hidden", "depth", "categories")
        if len(self.shape) != 1 or self.shape[0] < 2 or self.categories < 2:
            raise IDFError("data must be vectors (D,) of at least two dimensions and two categories")
        if self.kind not in KINDS or not self.temperature > 0:
            raise IDFError(f"kind must be one of {', '.join(KINDS)}, and the temperature above 0")


def _hard(logits: Tensor, temperature: float) -> Tensor:
    """One-hot argmax over the last axis, with the gradient of the softmax."""
    hard = F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    if not torch.is_grad_enabled():
        return hard
    soft = torch.softmax(logits / temperature, -1)
    return hard + (soft - soft.detach())  # the bracket is exactly 0: the result is exactly one-hot


class ModuloLayer(Transform):
    """z = (mu + sigma * x) mod K on one-hot x (B, D, K); the log-determinant is 0.

    Args:
        config: sizes.
        turn: number of the layer: bipartite layers move the odd, then the even dimensions; autoregressive ones go up,
            then down.
    """

    allowed: Tensor
    products: Tensor

    def __init__(self, config: DiscreteConfig, turn: int) -> None:
        super().__init__()
        self.config = config
        features, categories = config.shape[0], config.categories
        per_dimension = categories * (1 + config.scale)
        self.order = list(range(features))[:: -1 if turn % 2 else 1]
        if config.kind == "bipartite":
            self.kept = list(range(turn % 2, features, 2))
            self.moved = [i for i in range(features) if i not in self.kept]
            inputs, outputs = len(self.kept) * categories, len(self.moved) * per_dimension
            self.network: nn.Module = Dense(
                inputs, outputs, hidden=config.hidden, depth=config.depth, condition=config.condition
            )
        else:
            self.kept = self.moved = list(range(features))
            self.network = _masked(config, self.order, per_dimension)
        s = torch.arange(categories)
        # products[s, j, k] = 1 where s * j = k mod K
        products = F.one_hot(s[:, None] * s % categories, categories)
        self.register_buffer("products", products.float(), persistent=False)
        coprime = torch.tensor([math.gcd(i, categories) == 1 for i in range(categories)])
        self.register_buffer("allowed", coprime, persistent=False)

    def _parameters_of(self, x: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """One-hot mu and sigma of the moved dimensions, (B, moved, K), given x."""
        known = x[:, self.kept].flatten(1)
        if self.config.kind == "bipartite":
            out = self.network(known, condition)
        else:
            out = self.network(known if condition is None else torch.cat((known, condition), 1))
        out = out.reshape(len(x), len(self.moved), -1, self.config.categories)
        mu = _hard(out[:, :, 0], self.config.temperature)
        if not self.config.scale:
            return mu, None
        logits = out[:, :, 1].clone()
        logits[..., 1] = logits[..., 1] + 1e-3  # of equal ones, 1 wins: a fresh layer is the identity
        logits = logits.masked_fill(~self.allowed, -math.inf)
        return mu, _hard(logits, self.config.temperature)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        mu, sigma = self._parameters_of(x, condition)
        moved = x[:, self.moved]
        if sigma is not None:
            moved = torch.einsum("bds,bdj,sjk->bdk", sigma, moved, self.products)
        z = x.clone()
        z[:, self.moved] = _convolved(mu, moved)
        return z, x.new_zeros(len(x))

    @torch.no_grad()
    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        if self.config.kind == "bipartite":
            return self._undone(z, z, self.moved, condition)
        x = z.clone()
        for dimension in self.order:  # what it depends on is known by now
            x = self._undone(x, z, [dimension], condition)
        return x

    def _undone(self, known: Tensor, z: Tensor, dimensions: list[int], condition: Tensor | None) -> Tensor:
        """`known` with x at `dimensions` made from z."""
        mu, sigma = self._parameters_of(known, condition)
        rows = [self.moved.index(i) for i in dimensions]
        categories = self.config.categories
        value = (z[:, dimensions].argmax(-1) - mu[:, rows].argmax(-1)) % categories
        if sigma is not None:
            inverses = torch.tensor([pow(i, -1, categories) if ok else 0 for i, ok in enumerate(self.allowed.tolist())])
            value = value * inverses.to(value.device)[sigma[:, rows].argmax(-1)] % categories
        x = known.clone()
        x[:, dimensions] = F.one_hot(value, categories).to(z.dtype)
        return x


def _convolved(a: Tensor, b: Tensor) -> Tensor:
    """One-hot sum modulo K of two one-hot (..., K): a circular convolution, c_k = sum_j a_j b_(k - j)."""
    categories = a.shape[-1]
    k = torch.arange(categories, device=a.device)
    return torch.einsum("...j,...kj->...k", a, b[..., (k[:, None] - k) % categories])


def _masked(config: DiscreteConfig, order: list[int], per_dimension: int) -> nn.Module:
    """A network whose outputs for a dimension see the one-hot inputs of those before it, and the condition."""
    try:
        from zuko.nn import MaskedMLP
    except ImportError as ex:
        raise IDFError("autoregressive flows need zuko: pip install 'idfcodec[baselines]'") from ex
    place = torch.tensor(order).argsort()
    sees = place[:, None] > place
    sees = sees.repeat_interleave(per_dimension, 0).repeat_interleave(config.categories, 1)
    sees = torch.cat((sees, torch.ones(len(sees), config.condition, dtype=torch.bool)), 1)
    network: nn.Module = MaskedMLP(sees, hidden_features=[config.hidden] * config.depth, activation=nn.SiLU)
    return network


class Categorical(Base):
    """Independent categories with a learned table each.

    Args:
        features: D.
        categories: K.
    """

    def __init__(self, features: int, categories: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(features, categories))

    def log_prob(self, z: Tensor, rest: Tensor | None = None) -> Tensor:
        """Nats, (B,), of one-hot z (B, D, K)."""
        return (z * torch.log_softmax(self.logits, -1)).flatten(1).sum(1)

    def sample(
        self,
        shape: tuple[int, ...],
        temperature: float = 1.0,
        rest: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """(n, D) int64; probabilities are raised to 1 / temperature."""
        if temperature == 0:
            return self.logits.argmax(-1).expand(shape)
        p = torch.softmax(self.logits / temperature, -1)
        return torch.multinomial(p, shape[0], replacement=True, generator=generator).T

    def weights(self) -> NDArray[np.float64]:
        """(D, K) integer weights for the entropy coder, each at least 1."""
        p = torch.softmax(self.logits.detach().double(), -1).cpu().numpy()
        integers: NDArray[np.float64] = np.floor(p * 2**20) + 1
        return integers


class DiscreteFlow(FlowModel):
    """A model of (B, D) int64 categories; latents are such too, and samples.

    Example:
        >>> model = DiscreteFlow(DiscreteConfig(shape=(2,), categories=2))
        >>> model.log_prob(torch.tensor([[0, 1]])).shape  # log P, (1,) nats
        torch.Size([1])
    """

    family: ClassVar[str] = "discrete"
    config_type: ClassVar[type] = DiscreteConfig
    integers: ClassVar[bool] = True

    def __init__(self, config: DiscreteConfig) -> None:
        layers = [ModuloLayer(config, turn) for turn in range(config.layers)]
        super().__init__(config, [Sequential(layers)], [Categorical(config.shape[0], config.categories)])

    def _one_hot(self, x: Tensor) -> Tensor:
        categories = self.config.categories
        if x.is_floating_point() or (x.numel() and not 0 <= int(x.min()) <= int(x.max()) < categories):
            raise IDFError(f"expected integers in [0, {categories})")
        return F.one_hot(x.long(), categories).to(next(self.parameters()).dtype)

    def transform(self, x: Tensor, condition: Tensor | None = None) -> tuple[list[Latent], Tensor]:
        """One-hot latents (B, D, K), and zeros."""
        self._check_shape(x)
        z, log_det = self.levels[0](self._one_hot(x), self._check_condition(condition, len(x)))
        return [Latent(z, None)], log_det

    def latents(self, x: Tensor, condition: Tensor | None = None) -> list[Tensor]:
        """z as one (B, D) int64."""
        return [self.transform(x, condition)[0][0].z.argmax(-1)]

    @torch.no_grad()
    def inverse(self, latents: Sequence[Tensor], condition: Tensor | None = None) -> Tensor:
        """The (B, D) int64 whose latents are these."""
        if len(latents) != 1:
            raise IDFError(f"expected one level of latents, got {len(latents)}")
        self._check_shape(latents[0])
        condition = self._check_condition(condition, len(latents[0]))
        x: Tensor = self.levels[0].inverse(self._one_hot(latents[0]), condition)  # type: ignore[operator]
        return x.argmax(-1)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        temperature: float = 1.0,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        self._check_draw(n, temperature)
        z = self.bases[0].sample((n, *self.config.shape), temperature, None, generator)  # type: ignore[operator]
        return self.inverse([z], condition)


@torch.no_grad()
def encode(model: DiscreteFlow, x: Tensor) -> bytes:
    """(N, D) categories as bytes: their latents by rANS under the base's tables, about -sum log2 P(x) bits.

    No format for exchange: who decodes must compute the same argmax, which only the same machine is sure to.
    """
    z = model.latents(x)[0].to(torch.int32).cpu().numpy()
    rows = np.broadcast_to(_weights(model), (*z.shape, model.config.categories))
    encoder = Encoder()
    encoder.push(np.ascontiguousarray(z.reshape(-1)), np.ascontiguousarray(rows.reshape(-1, rows.shape[-1])))
    return encoder.finish()


@torch.no_grad()
def decode(model: DiscreteFlow, data: bytes, n: int) -> Tensor:
    """The (n, D) categories that `encode` was given.

    Raises:
        CorruptFile: the bytes are not of so many.
    """
    if n < 0:
        raise CorruptFile("a negative number of rows")
    weights = _weights(model)
    rows = np.broadcast_to(weights, (n, *weights.shape)).reshape(-1, weights.shape[1])
    decoder = Decoder(data)
    z = decoder.pop(np.ascontiguousarray(rows))
    decoder.finish()
    return model.inverse([torch.from_numpy(z.astype(np.int64)).reshape(n, -1)])


def _weights(model: DiscreteFlow) -> NDArray[np.float64]:
    base = model.bases[0]
    if not isinstance(base, Categorical):
        raise IDFError("only tables of categories can be coded with")
    return base.weights()
