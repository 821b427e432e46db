"""What every integer flow can do once it is loaded: code tiles and small pictures, and be a density of pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from idfcodec.errors import CorruptFile

__all__ = ["Costs", "IntegerFlow", "Latents", "with_zeros", "without_zeros"]

Values = NDArray[np.int32]
Latents = Mapping[tuple[int, int], Values]


@dataclass(frozen=True)
class Costs:
    """What a model says that a tile costs, in bits.

    Args:
        steps: of each latent of each coding step, (C, N) by (level, group); where the tile is coded by its colours,
            a pixel's cost stands with its first plane.
        rest: of flags, corrections and the list of colours.
        pixels: (H, W) of each pixel, all its planes together.
    """

    steps: dict[tuple[int, int], NDArray[np.float64]]
    rest: float
    pixels: NDArray[np.float64]

    @property
    def total(self) -> float:
        """All of it."""
        return self.rest + float(self.pixels.sum())


class IntegerFlow(ABC):
    """A flow ready to code. Planes are G, R-G and B-G, or G alone: (C, H, W) int32.

    Args:
        id: content hash of the model, 8 bytes.
        name: of its folder.
        kernel: which of `exact.KERNELS` runs.
    """

    id: bytes
    name: str
    kernel: str
    side_by_side: ClassVar[int] = 1
    """How many small pictures of a shape are best coded in one call."""

    @abstractmethod
    def encode_tile(self, planes: Values) -> bytes:
        """Code planes of any size: a byte of flags, then what they say."""

    @abstractmethod
    def decode_tile(self, data: bytes | memoryview, shape: tuple[int, int, int]) -> Values:
        """The planes of `shape` that `encode_tile` coded.

        Raises:
            CorruptFile: the data is not a tile of that shape.
        """

    @abstractmethod
    def tile_costs(self, planes: Values, *, weights: bool = True, lattice: bool = True) -> Costs:
        """What the model says that planes cost.

        Args:
            planes: G, R-G and B-G, or G alone.
            weights: with all that a tile teaches and the encoder fits, as far as it pays.
            lattice: with the weights of values and of pairs of values, if `weights`.
        """

    @abstractmethod
    def fit_small(self, pictures: Sequence[Values]) -> bytes:
        """What the encoder tells once of many small pictures of three planes; empty if nothing."""

    @abstractmethod
    def encode_small(self, pictures: Sequence[Values], common: bytes) -> list[bytes]:
        """Code small pictures of one shape, zero bytes at the end left out; `common` is what `fit_small` told."""

    @abstractmethod
    def decode_small(self, payloads: Sequence[bytes], shape: tuple[int, int, int], common: bytes) -> list[Values]:
        """The pictures of `shape` that `encode_small` coded.

        Raises:
            CorruptFile: a payload is not of such a picture, or `common` is damaged.
        """

    @abstractmethod
    def small_costs(self, pictures: Sequence[Values], common: bytes) -> list[float]:
        """What the model says in bits that small pictures cost which `encode_small` would code."""

    @abstractmethod
    def latents(self, x: Tensor) -> Latents:
        """Latents (C, N) of every coding step, by (level, group), of (3, H, W) or (1, H, W) integers in [0, 255]."""

    @abstractmethod
    def inverse(self, latents: Latents, size: tuple[int, int]) -> Tensor:
        """(C, H, W) int32 pixels of `size` (H, W) from their latents, to the bit."""

    @abstractmethod
    def sample(self, n: int, size: tuple[int, int], temperature: float = 1.0, *, seed: int = 0) -> Tensor:
        """(n, 3, H, W) uint8 pictures of `size` (H, W) drawn from the prior.

        Raises:
            IDFError: the temperature is not above 0.
        """

    def log_prob(self, x: Tensor) -> float:
        """Log-likelihood in bits (negative) of (3, H, W) RGB or (1, H, W) gray integers in [0, 255]."""
        from idfcodec.flow.hierarchical.density import to_planes

        return -self.tile_costs(to_planes(x)).total


def without_zeros(tile: bytes) -> bytes:
    """A tile without the zero bytes at its end: those of its last word, as a rule."""
    return tile.rstrip(b"\0")


def with_zeros(payload: bytes) -> bytes:
    """The tile of flag byte 0 from which zero bytes were left out: a flag byte and whole words.

    Raises:
        CorruptFile: it has other flags, or zero bytes at its end.
    """
    if payload[:1] > b"\0" or payload.endswith(b"\0"):
        raise CorruptFile("a small picture has unknown flags, or zero bytes at its end that are to be left out")
    return (payload or b"\0") + bytes(-(len(payload) - 1) % 4 if payload else 0)
