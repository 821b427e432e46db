"""The hierarchical flow as the codec sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from idfcodec.errors import IDFError
from idfcodec.flow.contract import Capabilities, CodeLength, Coder, Latents
from idfcodec.flow.hierarchical import code_length, coding, density
from idfcodec.flow.hierarchical.exact import known_answer
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.settings import own_settings
from idfcodec.flow.hierarchical.walk import Values
from idfcodec.format.payload import restored, trimmed
from idfcodec.types import Buffer, Planes, PlaneType, Shape

__all__ = ["HierarchicalFlow"]


@dataclass(frozen=True)
class HierarchicalFlow(Coder):
    """An integer discrete flow of several levels, ready to code planes G, R-G and B-G of a size, or G alone.

    Args:
        id: content hash, 8 bytes.
        name: for people.
        kernel: one of `quantised.KERNELS`.
        prepared: the model.
    """

    id: bytes
    name: str
    kernel: str
    prepared: Prepared
    capabilities: ClassVar[Capabilities] = Capabilities(previews=True, density=True)

    def encode(self, pictures: Sequence[Planes], types: Sequence[PlaneType], *, small: bool = False) -> list[bytes]:
        with own_settings():
            found = [coding.encode_tile(self.prepared, _stacked(picture)) for picture in pictures]
        return [trimmed(payload) for payload in found] if small else found

    def decode(
        self, payloads: Sequence[Buffer], shapes: Sequence[Shape], types: Sequence[PlaneType], *, small: bool = False
    ) -> list[Planes]:
        shape = _common_shape(shapes)
        whole = [restored(payload) if small else payload for payload in payloads]
        with own_settings():
            return [[*coding.decode_tile(self.prepared, payload, shape)] for payload in whole]

    def preview(
        self, payload: Buffer, shapes: Sequence[Shape], types: Sequence[PlaneType], level: int
    ) -> Planes | None:
        if level > self.prepared.config.levels:
            return None
        with own_settings():
            return [*coding.decode_tile(self.prepared, payload, _common_shape(shapes), level)]

    def code_length(self, picture: Planes, types: Sequence[PlaneType]) -> CodeLength:
        with own_settings():
            return code_length.of_tile(self.prepared, _stacked(picture))

    def known_answers(self) -> list[str]:
        with own_settings(), torch.inference_mode():
            return [known_answer(network).hex() for network in self.prepared.networks]

    def latents(self, picture: Planes, types: Sequence[PlaneType]) -> Latents:
        """Coarse to fine, phase by phase: (C, N) each."""
        with own_settings():
            return density.latents(self.prepared, _stacked(picture))

    def inverse(self, latents: Latents, shapes: Sequence[Shape], types: Sequence[PlaneType]) -> Planes:
        with own_settings():
            return [*density.inverse(self.prepared, latents, _common_shape(shapes))]

    def sample(
        self, n: int, shapes: Sequence[Shape], types: Sequence[PlaneType], temperature: float = 1.0, *, seed: int = 0
    ) -> list[Planes]:
        if not temperature > 0:
            raise IDFError(f"a temperature of {temperature} is not above 0")
        rng, shape = np.random.default_rng(seed), _common_shape(shapes)
        with own_settings():
            return [[*density.sample(self.prepared, shape, temperature, rng)] for _ in range(n)]


def _stacked(picture: Planes) -> Values:
    """(C, H, W) int32.

    Raises:
        IDFError: the planes are neither one nor three of a size.
    """
    if len(picture) not in (1, 3) or len({plane.shape for plane in picture}) != 1:
        raise IDFError("a hierarchical flow codes one or three planes of one size")
    return np.stack([np.asarray(plane, np.int32) for plane in picture])


def _common_shape(shapes: Sequence[Shape]) -> tuple[int, int, int]:
    if len(shapes) not in (1, 3) or len(set(shapes)) != 1:
        raise IDFError("a hierarchical flow codes one or three planes of one size")
    return len(shapes), *shapes[0]
