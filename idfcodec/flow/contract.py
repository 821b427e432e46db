"""What a family of models is, and what a model of any family can do once it is loaded.

A family codes pictures that are given as planes. The pictures of one call are alike: same planes, same sizes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import IDFError
from idfcodec.types import Buffer, Planes, PlaneType, Shape

__all__ = ["Capabilities", "CodeLength", "Coder", "Family", "Latents", "Model"]

Latents = Sequence[NDArray[np.int32]]
C = TypeVar("C")


@dataclass(frozen=True)
class Model:
    """A model as its folder holds it: data and nothing else.

    Args:
        id: content hash, 8 bytes.
        name: for people.
        family: one of `registry.names()`.
        architecture: the family's configuration, as JSON has it.
        arrays: integers by name.
        answers: what the model's networks say of a fixed input, in hexadecimal; see `Coder.known_answers`.
    """

    id: bytes
    name: str
    family: str
    architecture: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class CodeLength:
    """What a model says that a picture takes, in bits.

    Args:
        pixels: (H, W) float64 of each pixel, all its planes together.
        rest: of what stands beside the pixels, such as exceptions.
        parts: the bits of the pixels by the family's own names of its coding steps, plane after plane.
    """

    pixels: NDArray[np.float64]
    rest: float = 0.0
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """All of it."""
        return self.rest + float(self.pixels.sum())


@dataclass(frozen=True)
class Capabilities:
    """What a family can do besides coding.

    Args:
        previews: a coarse picture comes before the whole one.
        density: it has latents, inverses and samples.
        side_by_side: how many small pictures are best coded in one call.
        any_planes: it codes any number of planes of any role, of 8 to 16 bits.
    """

    previews: bool = False
    density: bool = False
    side_by_side: int = 1
    any_planes: bool = False


class Coder(ABC):
    """A model, ready to code.

    A `small` picture is one of many of a file, whose payloads leave out zero bytes at their ends.

    Args:
        id: content hash of the model, 8 bytes.
        name: for people.
        kernel: which of the family's kernels computes it.
    """

    id: bytes
    name: str
    kernel: str
    capabilities: ClassVar[Capabilities] = Capabilities()

    @abstractmethod
    def encode(self, pictures: Sequence[Planes], types: Sequence[PlaneType], *, small: bool = False) -> list[bytes]:
        """One payload for each picture. Its first byte is below `format.payload.STORED`.

        Raises:
            IDFError: the family does not code planes of these types.
        """

    def encode_either(self, choices: Sequence[tuple[Planes, Sequence[PlaneType]]], limit: float = inf) -> list[bytes]:
        """The payload of each of several choices of planes and types for one picture.

        Those that are found to take more than `limit` bytes may be missing: b"".
        """
        return [self.encode([planes], types)[0] for planes, types in choices]

    @abstractmethod
    def decode(
        self, payloads: Sequence[Buffer], shapes: Sequence[Shape], types: Sequence[PlaneType], *, small: bool = False
    ) -> list[Planes]:
        """The pictures that `encode` coded; `shapes` and `types` are of the planes of each.

        Raises:
            CorruptFile: a payload is not that of such a picture.
        """

    def preview(
        self, payload: Buffer, shapes: Sequence[Shape], types: Sequence[PlaneType], level: int
    ) -> Planes | None:
        """Every 2**level-th row and column of a picture, from the first one; None where a family has to decode all.

        Raises:
            CorruptFile: the payload is not that of such a picture; damage of what is not decoded is not noticed.
        """
        return None

    @abstractmethod
    def code_length(self, picture: Planes, types: Sequence[PlaneType]) -> CodeLength:
        """What the model says that `encode` takes."""

    def known_answers(self) -> list[str]:
        """What the model says of a fixed input, in hexadecimal: the same wherever it is computed exactly."""
        return []

    def log_prob(self, picture: Planes, types: Sequence[PlaneType]) -> float:
        """Log-likelihood in bits; negative."""
        return -self.code_length(picture, types).total

    def latents(self, picture: Planes, types: Sequence[PlaneType]) -> Latents:
        """The flow's latents, an array of integers for each coding step."""
        raise IDFError(f"{self.name} has no latents")

    def inverse(self, latents: Latents, shapes: Sequence[Shape], types: Sequence[PlaneType]) -> Planes:
        """The picture that has these latents, to the bit."""
        raise IDFError(f"{self.name} has no latents")

    def sample(
        self, n: int, shapes: Sequence[Shape], types: Sequence[PlaneType], temperature: float = 1.0, *, seed: int = 0
    ) -> list[Planes]:
        """Pictures drawn from the prior, whose probabilities are raised to 1 / temperature.

        Raises:
            IDFError: the temperature is not above 0, or the family does not sample.
        """
        raise IDFError(f"{self.name} draws no samples")


def _processor(device: str) -> Sequence[str]:
    return ("exact",) if device == "cpu" else ()


@dataclass(frozen=True)
class Family(Generic[C]):
    """A family of models; `registry` has them by name.

    Args:
        name: as architectures have it.
        configure: makes the configuration of an architecture; raises `ModelError` if this release does not run it,
            and `KeyError`, `ValueError` or `TypeError` if it is damaged.
        build: makes a coder of a model, its configuration, a kernel and a device; raises as `configure` does if the
            arrays are wrong or not proved to be exact.
        kernels: what computes models on a device exactly, fastest first; raises `ModelError` if there is no such
            device.
        network: "module:attribute" of the network as it is trained, called with a configuration; see
            `exact.quantisable.Quantisable`. Empty if it is not trained here.
    """

    name: str
    configure: Callable[[Mapping[str, Any]], C]
    build: Callable[[Model, C, str, str], Coder]
    kernels: Callable[[str], Sequence[str]] = _processor
    network: str = ""
