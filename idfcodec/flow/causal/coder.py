"""Coding pictures by the causal flow: plane by plane, pixel by pixel."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from math import inf
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import UNSEEN, Encoder, least_growth
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.flow.causal.config import HALVED, CausalConfig
from idfcodec.flow.causal.exact import Arrays, ExactPlane, exact_plane, run_plane
from idfcodec.flow.causal.kernels import ANALYSE, DECODE, ENCODE, INVERT
from idfcodec.flow.causal.planes import Tile, names_of, places_of
from idfcodec.flow.causal.turning import is_tall, turned, turned_shapes, turned_types
from idfcodec.flow.contract import Capabilities, CodeLength, Coder, Latents
from idfcodec.format.payload import PLAIN, TURNED, first_byte, restored, trimmed
from idfcodec.types import WHOLE, Buffer, Grid, Plane, Planes, PlaneType, Role, Shape

__all__ = ["CausalFlow"]

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

    def _each(self, tile: Tile, types: Sequence[PlaneType]) -> Iterator[tuple[int, ExactPlane]]:
        """The planes of a tile in order, what comes before each done."""
        names = names_of(types, self._arrays)
        for plane, (place, earlier) in enumerate(places_of(types)):
            if plane == 1:
                tile.descend()
            yield plane, self.plane(names[plane], place, plane, earlier)

    def _run(self, tile: Tile, types: Sequence[PlaneType]) -> None:
        for plane, model in self._each(tile, types):
            run_plane(tile.work(plane), model, plane, types[plane])

    def _tile(self, picture: Planes, types: Sequence[PlaneType], mode: int) -> Tile:
        tile = Tile([(plane.shape[0], plane.shape[1]) for plane in picture], types, mode)
        for number, (plane, kind) in enumerate(zip(picture, types, strict=True)):
            if mode != INVERT and plane.size and not kind.low <= plane.min() <= plane.max() <= kind.high:
                raise IDFError(f"a plane has values outside of {kind.low} to {kind.high}")
            tile.inside(number)[:] = plane
        return tile

    def _intervals(self, picture: Planes, types: Sequence[PlaneType]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        tile = self._tile(picture, types, ENCODE)
        self._run(tile, types)
        count = int(tile.main.coder[2])
        return tile.main.starts[:count], tile.main.lengths[:count]

    def encode(self, pictures: Sequence[Planes], types: Sequence[PlaneType], *, small: bool = False) -> list[bytes]:
        payloads = []
        for picture in pictures:
            tall = not small and is_tall([plane.shape for plane in picture])
            encoder = Encoder()
            lying = (turned(picture), turned_types(types)) if tall else (picture, types)
            encoder.push_intervals(self._intervals(*lying))
            payload = bytes([TURNED if tall else PLAIN]) + encoder.finish()
            payloads.append(trimmed(payload) if small else payload)
        return payloads

    def encode_either(self, choices: Sequence[tuple[Planes, Sequence[PlaneType]]], limit: float = inf) -> list[bytes]:
        """See `Coder`; planes that choices begin with alike are coded once, for the choice of most planes."""
        shapes = {plane.shape for planes, _ in choices for plane in planes}
        plain = all(kind.role is not Role.CHROMA for _, types in choices for kind in types)
        if (len(choices) == 1 and limit == inf) or len(shapes) != 1 or is_tall([*shapes]) or not plain:
            return super().encode_either(choices)
        found, ends = [b""] * len(choices), [0]
        before: tuple[Planes, Sequence[PlaneType]] = [], []
        tile: Tile | None = None
        for number in sorted(range(len(choices)), key=lambda number: -len(choices[number][0])):
            planes, types = choices[number]
            alike = min(_alike(choices[number], before), len(ends) - 1)
            if alike < len(planes):
                if tile is not None and len(planes) == len(before[0]):
                    tile.refill(planes, alike)
                else:
                    tile, alike = self._tile(planes, types, ENCODE), 0
                before, ends = choices[number], ends[: alike + 1]
                tile.main.coder[2] = ends[alike]
                for plane, model in self._each(tile, types):
                    if plane >= alike and least_growth(tile.main.lengths[: ends[-1]]) - UNSEEN <= limit:
                        run_plane(tile.main, model, plane, types[plane])
                        ends.append(int(tile.main.coder[2]))
                starts, lengths = tile.main.starts, tile.main.lengths
            if len(ends) > len(planes):
                encoder, end = Encoder(), ends[len(planes)]
                encoder.push_intervals((starts[:end], lengths[:end]))
                found[number] = bytes([PLAIN]) + encoder.finish()
        return found

    def decode(
        self, payloads: Sequence[Buffer], shapes: Sequence[Shape], types: Sequence[PlaneType], *, small: bool = False
    ) -> list[Planes]:
        return [self._decode(restored(payload) if small else payload, shapes, types) for payload in payloads]

    def _decode(self, payload: Buffer, shapes: Sequence[Shape], types: Sequence[PlaneType]) -> Planes:
        if first_byte(payload) == TURNED:
            return turned(self._decode(bytes([PLAIN]) + payload[1:], turned_shapes(shapes), turned_types(types)))
        data = memoryview(payload)
        if not len(data) or data[0] != PLAIN or len(data) % 4 != 1:
            raise CorruptFile(_DAMAGED)
        words = np.frombuffer(data[1:], "<u4").astype(np.uint32)
        if len(words) and not words[-1]:
            raise CorruptFile(_DAMAGED)
        tile = Tile(shapes, types, DECODE, words)
        if len(words):
            tile.main.coder[0] = int(words[-1]) << 32 | int(words[-2]) if len(words) > 1 else int(words[-1])
            tile.main.coder[1] = max(len(words) - 2, 0)
        self._run(tile, types)
        if tile.main.coder[0] or tile.main.coder[1]:
            raise CorruptFile(_DAMAGED)
        return _planes(tile, len(types))

    def code_length(self, picture: Planes, types: Sequence[PlaneType]) -> CodeLength:
        if is_tall([plane.shape for plane in picture]):
            lying = self.code_length(turned(picture), turned_types(types))
            return replace(lying, pixels=np.ascontiguousarray(lying.pixels.T))
        tile = self._tile(picture, types, ENCODE)
        pixels, parts, begin = np.zeros(tile.main.local.shape), {}, 0
        for plane, model in self._each(tile, types):
            work = tile.work(plane)
            work.targets = np.zeros((work.local.size, 4), np.float32)
            run_plane(work, model, plane, types[plane])
            end = int(work.coder[2])
            intervals = 1 + (work.targets[:, 0] > 0)  # a pixel's low bits, if sent as they are, have one of their own
            bits = np.add.reduceat(24 - np.log2(work.lengths[begin:end]), np.cumsum(intervals) - intervals)
            parts[f"{types[plane].role.value} {plane}"] = float(bits.sum())
            if work is tile.main:
                pixels += bits.reshape(pixels.shape)
            else:
                rows, columns = tile.pixels()
                np.add.at(pixels, (rows[0][:, None], columns[0]), bits.reshape(work.local.shape))
            begin = end
        return CodeLength(pixels, 0.0, parts)

    def known_answers(self) -> list[str]:
        """The payloads of a drawn picture, by each set of networks."""
        y, x = np.mgrid[:24, :40]
        first = (96 + 3 * x + 2 * y + (x * y * 7919 % 13) + 40 * ((x - 20) ** 2 + (y - 12) ** 2 < 64)) % 256
        picture = [first.astype(np.int32), (first // 3 - 40).astype(np.int32), (x - y + first // 5).astype(np.int32)]
        found = [(picture, _types(Role.DIFFERENCE)), (picture, _types(Role.CHROMA))]
        if f"{HALVED}1.prior" in self._arrays:
            quarters = [picture[0], *(np.ascontiguousarray(plane[:13, :21]) for plane in picture[1:])]
            found.append((quarters, _types(Role.CHROMA, Grid((2, 2), (-2, -1)))))
        return [hashlib.sha256(self.encode([planes], types)[0]).hexdigest()[:16] for planes, types in found]

    def latents(self, picture: Planes, types: Sequence[PlaneType]) -> Latents:
        """What is left of each plane when the rounded prediction is taken off: (H * W,) each."""
        tile = self._tile(picture, types, ANALYSE)
        found = []
        for plane, model in self._each(tile, types):
            work = tile.work(plane)
            work.dump = np.zeros((work.local.size, model.inputs), np.int8)
            work.targets = np.zeros((work.local.size, 4), np.float32)
            run_plane(work, model, plane, types[plane])
            shift = np.floor(work.targets[:, 0] + np.float32(0.5))
            found.append((picture[plane].ravel() - shift).astype(np.int32))
        return found

    def inverse(self, latents: Latents, shapes: Sequence[Shape], types: Sequence[PlaneType]) -> Planes:
        arrays = [np.asarray(z).reshape(shape) for z, shape in zip(latents, shapes, strict=True)]
        tile = self._tile(arrays, types, INVERT)
        self._run(tile, types)
        for plane, kind in enumerate(types):
            values = tile.inside(plane)
            if values.size and not kind.low <= values.min() <= values.max() <= kind.high:
                raise IDFError("these are latents of no picture")
        return _planes(tile, len(types))

    def sample(
        self, n: int, shapes: Sequence[Shape], types: Sequence[PlaneType], temperature: float = 1.0, *, seed: int = 0
    ) -> list[Planes]:
        """Pictures drawn from the prior: what random words decode to. The temperature multiplies the scales."""
        if not temperature > 0:
            raise IDFError(f"the temperature must be above 0, not {temperature}")
        rng = np.random.default_rng(seed)
        colder = np.round(self._arrays["inverse_scale"] / max(temperature, 2.0**-40))
        inverse = np.clip(colder, 0, 2**28).astype(np.int64)
        drawn = CausalFlow(self.id, self.name, self.config, {**self._arrays, "inverse_scale": inverse}, self.kernel)
        found: list[Planes] = []
        for _ in range(n):
            words = rng.integers(1, 2**32, 2 * sum(height * width for height, width in shapes) + 2, np.uint32)
            tile = Tile(shapes, types, DECODE, words)
            tile.main.coder[:2] = int(words[-1]) << 32 | int(words[-2]), len(words) - 2
            drawn._run(tile, types)
            found.append(_planes(tile, len(types)))
        return found


def _types(role: Role, grid: Grid = WHOLE) -> list[PlaneType]:
    low, high = (-255, 255) if role is Role.DIFFERENCE else (-128, 255)
    return [PlaneType(Role.LUMA), PlaneType(role, low, high, grid), PlaneType(role, low, high, grid)]


def _alike(first: tuple[Planes, Sequence[PlaneType]], second: tuple[Planes, Sequence[PlaneType]]) -> int:
    """How many planes two choices begin with alike."""
    pairs = zip(zip(*first, strict=True), zip(*second, strict=True), strict=False)
    same = (a[1] == b[1] and np.array_equal(a[0], b[0]) for a, b in pairs)
    return sum(takewhile(bool, same))


def _planes(tile: Tile, count: int) -> list[Plane]:
    return [np.ascontiguousarray(tile.inside(plane), np.int32) for plane in range(count)]
