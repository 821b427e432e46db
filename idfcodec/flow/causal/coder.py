"""Coding pictures by the causal flow: plane by plane, pixel by pixel."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import Encoder
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.flow.causal.config import CausalConfig
from idfcodec.flow.causal.exact import Arrays, ExactPlane, Work, exact_plane, places_of, run_plane, set_of
from idfcodec.flow.causal.kernels import ANALYSE, DECODE, ENCODE, INVERT
from idfcodec.flow.contract import Capabilities, CodeLength, Coder, Latents
from idfcodec.format.payload import PLAIN, restored, trimmed
from idfcodec.types import Buffer, Plane, Planes, PlaneType, Role, Shape

__all__ = ["CausalFlow"]

WIDEST = 2**17  # values of a plane: a difference of 16 bits
_DAMAGED = "the entropy-coded data is damaged"


class CausalFlow(Coder):
    """A causal flow, ready to code.

    Args:
        id: content hash, 8 bytes.
        name: for people.
        config: what it is.
        arrays: of the model.
        kernel: "exact", the only one.
    """

    capabilities: ClassVar[Capabilities] = Capabilities(density=True, any_planes=True)

    def __init__(self, id: bytes, name: str, config: CausalConfig, arrays: Arrays, kernel: str = "exact") -> None:
        self.id, self.name, self.kernel = id, name, kernel
        self.config, self._arrays = config, arrays
        self._planes: dict[tuple[str, int, int, tuple[int, ...]], ExactPlane] = {}

    def plane(self, which: str, place: int, plane: int, earlier: list[int]) -> ExactPlane:
        """What codes a plane; made once."""
        key = which, place, plane, tuple(earlier)
        found = self._planes.get(key)
        if found is None:
            found = self._planes[key] = exact_plane(self.config, self._arrays, which, place, plane, earlier)
        return found

    def _run(self, work: Work, types: Sequence[PlaneType]) -> None:
        which = set_of(types)
        for plane, (place, earlier) in enumerate(places_of(types)):
            run_plane(work, self.plane(which, place, plane, earlier), plane, types[plane])

    def _work(self, picture: Planes, types: Sequence[PlaneType], mode: int) -> Work:
        shape = _shape([plane.shape for plane in picture], types)
        work = Work(shape, len(types), mode)
        for inside, plane, kind in zip(work.inside, picture, types, strict=True):
            if mode != INVERT and plane.size and not kind.low <= plane.min() <= plane.max() <= kind.high:
                raise IDFError(f"a plane has values outside of {kind.low} to {kind.high}")
            inside[:] = plane
        return work

    def _intervals(self, picture: Planes, types: Sequence[PlaneType]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        work = self._work(picture, types, ENCODE)
        self._run(work, types)
        count = int(work.coder[2])
        return work.starts[:count], work.lengths[:count]

    def encode(self, pictures: Sequence[Planes], types: Sequence[PlaneType], *, small: bool = False) -> list[bytes]:
        payloads = []
        for picture in pictures:
            encoder = Encoder()
            encoder.push_intervals(self._intervals(picture, types))
            payload = bytes([PLAIN]) + encoder.finish()
            payloads.append(trimmed(payload) if small else payload)
        return payloads

    def decode(
        self, payloads: Sequence[Buffer], shapes: Sequence[Shape], types: Sequence[PlaneType], *, small: bool = False
    ) -> list[Planes]:
        shape = _shape(shapes, types)
        return [self._decode(restored(payload) if small else payload, shape, types) for payload in payloads]

    def _decode(self, payload: Buffer, shape: Shape, types: Sequence[PlaneType]) -> Planes:
        data = memoryview(payload)
        if not len(data) or data[0] != PLAIN or len(data) % 4 != 1:
            raise CorruptFile(_DAMAGED)
        words = np.frombuffer(data[1:], "<u4").astype(np.uint32)
        if len(words) and not words[-1]:
            raise CorruptFile(_DAMAGED)
        work = Work(shape, len(types), DECODE, words)
        if len(words):
            work.coder[0] = int(words[-1]) << 32 | int(words[-2]) if len(words) > 1 else int(words[-1])
            work.coder[1] = max(len(words) - 2, 0)
        self._run(work, types)
        if work.coder[0] or work.coder[1]:
            raise CorruptFile(_DAMAGED)
        return _planes(work)

    def code_length(self, picture: Planes, types: Sequence[PlaneType]) -> CodeLength:
        work = self._work(picture, types, ENCODE)
        work.targets = np.zeros((work.local.size, 4), np.float32)
        pixels, parts, begin = np.zeros(work.local.size), {}, 0
        which = set_of(types)
        for plane, (place, earlier) in enumerate(places_of(types)):
            run_plane(work, self.plane(which, place, plane, earlier), plane, types[plane])
            end = int(work.coder[2])
            intervals = 1 + (work.targets[:, 0] > 0)  # a pixel's low bits, if sent as they are, have one of their own
            bits = np.add.reduceat(24 - np.log2(work.lengths[begin:end]), np.cumsum(intervals) - intervals)
            parts[f"{types[plane].role.value} {plane}"] = float(bits.sum())
            pixels += bits
            begin = end
        return CodeLength(pixels.reshape(work.local.shape), 0.0, parts)

    def known_answers(self) -> list[str]:
        """The payloads of a drawn picture, by each set of networks."""
        y, x = np.mgrid[:24, :40]
        first = (96 + 3 * x + 2 * y + (x * y * 7919 % 13) + 40 * ((x - 20) ** 2 + (y - 12) ** 2 < 64)) % 256
        picture = [first.astype(np.int32), (first // 3 - 40).astype(np.int32), (x - y + first // 5).astype(np.int32)]
        return [
            hashlib.sha256(self.encode([picture], types)[0]).hexdigest()[:16]
            for types in (_types(Role.DIFFERENCE), _types(Role.CHROMA))
        ]

    def latents(self, picture: Planes, types: Sequence[PlaneType]) -> Latents:
        """What is left of each plane when the rounded prediction is taken off: (H * W,) each."""
        work = self._work(picture, types, ANALYSE)
        found = []
        which = set_of(types)
        for plane, (place, earlier) in enumerate(places_of(types)):
            model = self.plane(which, place, plane, earlier)
            work.dump = np.zeros((work.local.size, model.inputs), np.int8)
            work.targets = np.zeros((work.local.size, 4), np.float32)
            run_plane(work, model, plane, types[plane])
            shift = np.floor(work.targets[:, 0] + np.float32(0.5))
            found.append((picture[plane].ravel() - shift).astype(np.int32))
        return found

    def inverse(self, latents: Latents, shapes: Sequence[Shape], types: Sequence[PlaneType]) -> Planes:
        shape = _shape(shapes, types)
        work = self._work([np.asarray(z).reshape(shape) for z in latents], types, INVERT)
        self._run(work, types)
        for plane, kind in zip(work.inside, types, strict=True):
            if plane.size and not kind.low <= plane.min() <= plane.max() <= kind.high:
                raise IDFError("these are latents of no picture")
        return _planes(work)

    def sample(
        self, n: int, shapes: Sequence[Shape], types: Sequence[PlaneType], temperature: float = 1.0, *, seed: int = 0
    ) -> list[Planes]:
        """Pictures drawn from the prior: what random words decode to. The temperature multiplies the scales."""
        if not temperature > 0:
            raise IDFError(f"the temperature must be above 0, not {temperature}")
        shape = _shape(shapes, types)
        rng = np.random.default_rng(seed)
        colder = np.round(self._arrays["inverse_scale"] / max(temperature, 2.0**-40))
        inverse = np.clip(colder, 0, 2**28).astype(np.int64)
        drawn = CausalFlow(self.id, self.name, self.config, {**self._arrays, "inverse_scale": inverse}, self.kernel)
        found: list[Planes] = []
        for _ in range(n):
            words = rng.integers(1, 2**32, 2 * len(types) * shape[0] * shape[1] + 2, np.uint32)
            work = Work(shape, len(types), DECODE, words)
            work.coder[:2] = int(words[-1]) << 32 | int(words[-2]), len(words) - 2
            drawn._run(work, types)
            found.append(_planes(work))
        return found


def _types(role: Role) -> list[PlaneType]:
    low, high = (-255, 255) if role is Role.DIFFERENCE else (-128, 255)
    return [PlaneType(Role.LUMA), PlaneType(role, low, high), PlaneType(role, low, high)]


def _shape(shapes: Sequence[tuple[int, ...]], types: Sequence[PlaneType]) -> Shape:
    """The one size of all planes.

    Raises:
        IDFError: the family does not code such planes.
    """
    if len({*shapes}) != 1 or len(shapes) != len(types):
        raise IDFError("the causal flow codes planes of one size")
    if any(not 0 < kind.high - kind.low < WIDEST or max(-kind.low, kind.high) > WIDEST for kind in types):
        raise IDFError("the causal flow codes planes of 2 to 131,072 values")
    height, width = shapes[0]
    return height, width


def _planes(work: Work) -> list[Plane]:
    return [np.ascontiguousarray(plane, np.int32) for plane in work.inside]
