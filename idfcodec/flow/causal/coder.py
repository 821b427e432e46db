"""Coding pictures by the causal flow: diagonal by diagonal, all pictures of a shape side by side.

Pixel (row, column) belongs to diagonal `column + row * (columns + 1)`, with `columns` the reach of the network to
either side: its neighbours belong to earlier ones, so that all pixels of a diagonal are coded at once, first G, then
R-G, then B-G. Each picture is a stream of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from idfcodec.entropy import Decoder, Encoder
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.flow.causal.config import INSIDE, CausalConfig, neighbours
from idfcodec.flow.causal.exact import CausalExactNetwork, known_answer
from idfcodec.flow.causal.pixels import (
    BUCKET,
    bucket_frequencies,
    gather_context,
    intervals,
    mixture_parameters,
    within_bucket,
)
from idfcodec.flow.contract import Capabilities, CodeLength, Coder, Latents
from idfcodec.flow.exact.tables import OF_SCALE, ONE, TOTAL
from idfcodec.format.payload import PLAIN, restored, trimmed
from idfcodec.types import Buffer, Planes, PlaneType, Shape

__all__ = ["CausalFlow", "PlanePrior", "Visitor"]

Values = NDArray[np.int32]
PIECE = 2**14  # pixels that the network sees at a time when all are known
_INSIDE = 128 + int(32 * INSIDE)


@dataclass(frozen=True)
class PlanePrior:
    """What the network says of one plane of N pixels, the planes before it known.

    Args:
        plane: 0 for G, 1 for R-G, 2 for B-G.
        mixture: (N, 8) int32, see `pixels.mixture_parameters`.
        byte_offset: (N,) what makes a value a byte: 0 for G, G for the differences.
    """

    plane: int
    mixture: Values
    byte_offset: Values

    @property
    def shift(self) -> Values:
        """(N,) of the coupling: the mean location, rounded."""
        shift: Values = (self.mixture[:, 1] + ONE // 2) // ONE
        return shift


class Visitor(Protocol):
    """What a walk calls for each plane of each diagonal."""

    def __call__(self, where: NDArray[np.int64], prior: PlanePrior) -> Values:
        """(N,) values of a plane of the pixels at `where` (N, 3): picture after picture, rows downwards."""


def _read_only(array: NDArray[np.int64]) -> NDArray[np.int64]:
    """What a cache may hand out to several threads."""
    array.flags.writeable = False
    return array


@lru_cache(maxsize=2)
def _offsets(config: CausalConfig) -> NDArray[np.int64]:
    """(M, 2) row and column of the neighbours, relative to a pixel's."""
    return _read_only(np.array(neighbours(config)))


@lru_cache(maxsize=2)
def _diagonals(height: int, width: int, reach: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(H * W, 2) rows and columns in coding order, and where each diagonal begins and the last one ends."""
    rows, columns = np.divmod(np.arange(height * width), width)
    diagonal = columns + rows * (reach + 1)
    order = np.argsort(diagonal, kind="stable")
    ends = np.searchsorted(diagonal[order], np.arange(diagonal.max() + 2))
    return _read_only(np.stack((rows, columns), 1)[order]), _read_only(np.unique(ends))


@lru_cache(maxsize=2)
def _symbols(height: int, width: int, reach: int, planes: int) -> NDArray[np.int64]:
    """Order of the symbols of a picture in (planes, 2, H * W): by diagonal, plane, bucket before value, pixel."""
    _, ends = _diagonals(height, width, reach)
    count = height * width
    first = np.arange(2 * planes)[:, None] * count
    return _read_only(np.concatenate([(first + np.arange(a, b)).ravel() for a, b in pairwise(ends)]))


@dataclass(frozen=True)
class CausalFlow(Coder):
    """A causal flow, ready to code.

    Args:
        id: content hash, 8 bytes.
        name: for people.
        config: sizes.
        network: what is said of pixels.
        share_of: (33,) int32, see `pixels.shares`.
        tables: (CELLS,) int32, the rows of all width classes.
        escapes: (SCALES, EXCESS) int32, the weights of the excesses of escapes.
        kernel: one of `quantised.KERNELS`.
    """

    id: bytes
    name: str
    config: CausalConfig
    network: CausalExactNetwork
    share_of: Values
    tables: Values
    escapes: Values
    kernel: str
    capabilities: ClassVar[Capabilities] = Capabilities(density=True, side_by_side=64)

    def _priors(self, planes: Values, where: NDArray[np.int64], visit: Visitor) -> None:
        """Visit each plane of some pixels of (B, C, H, W) planes, whose neighbours are known."""
        offsets = _offsets(self.config)
        seen = np.empty((len(where), self.network.inputs), np.uint8)
        base = np.empty((len(where), planes.shape[1]), np.int32)
        gather_context(planes, where, offsets, _INSIDE, seen, base)
        picture, row, column = where.T
        known = np.full((len(where), 2), 128, np.uint8)
        residuals = np.zeros((len(where), 2), np.int32)
        byte_offset = np.zeros(len(where), np.int32)
        h = self.network.trunk(seen)
        for p in range(planes.shape[1]):
            mixture = np.empty((len(where), 8), np.int32)
            head = self.network.plane(p, h, np.ascontiguousarray(known[:, :p]))
            mixture_parameters(p, head, np.ascontiguousarray(base[:, p]), residuals, self.share_of, mixture)
            values = visit(where, PlanePrior(p, mixture, byte_offset))
            planes[picture, p, row, column] = values
            if p < 2:
                residuals[:, p] = values * ONE - mixture[:, 1]
                known[:, p] = np.clip(values + (128 if p else 0), 0, 255)
            byte_offset = values if p == 0 else byte_offset

    def walk(self, shape: tuple[int, int, int], count: int, visit: Visitor) -> Values:
        """Visit the diagonals of `count` pictures of `shape` (C, H, W) in order; return (count, C, H, W) planes."""
        planes = np.zeros((count, *shape), np.int32)
        order, ends = _diagonals(shape[1], shape[2], self.config.columns)
        with torch.inference_mode():
            for start, end in pairwise(ends):
                where = np.empty((count, end - start, 3), np.int64)
                where[..., 0] = np.arange(count)[:, None]
                where[..., 1:] = order[start:end]
                self._priors(planes, where.reshape(-1, 3), visit)
        return planes

    def _known(self, planes: Values, visit: Visitor) -> None:
        """Visit all pixels of one picture of (C, H, W) planes in coding order, a PIECE at a time."""
        order, _ = _diagonals(planes.shape[1], planes.shape[2], self.config.columns)
        where = np.concatenate((np.zeros((len(order), 1), np.int64), order), 1)
        pictures = planes[None].copy()
        with torch.inference_mode():
            for start in range(0, len(where), PIECE):
                self._priors(pictures, where[start : start + PIECE], visit)

    def _intervals(self, planes: Values) -> tuple[Values, Values]:
        """First quantile and size of the slice of each symbol, (C, 2, H * W) each: of buckets, and of values within."""
        count, height, width = planes.shape
        starts, sizes = (np.empty((count, 2, height * width), np.int32) for _ in range(2))
        done = [0] * count

        def visit(where: NDArray[np.int64], prior: PlanePrior) -> Values:
            p, n = prior.plane, done[prior.plane]
            values: Values = planes[p, where[:, 1], where[:, 2]]
            found = intervals(prior.mixture, prior.byte_offset, values, self.tables, self.escapes, OF_SCALE)
            starts[p, :, n : n + len(where)], sizes[p, :, n : n + len(where)] = found
            done[p] += len(where)
            return values

        self._known(planes, visit)
        return starts, sizes

    def _encode(self, planes: Values) -> bytes:
        starts, sizes = self._intervals(planes)
        order = _symbols(planes.shape[1], planes.shape[2], self.config.columns, len(planes))
        encoder = Encoder()
        encoder.push_intervals((starts.ravel()[order], sizes.ravel()[order]))
        return encoder.finish()

    def _decode(self, streams: Sequence[Buffer], shape: tuple[int, int, int]) -> Values:
        decoders = [Decoder(stream) for stream in streams]
        count = len(decoders)

        def visit(where: NDArray[np.int64], prior: PlanePrior) -> Values:
            n, each = len(where), len(where) // count
            rows, buckets, parts = np.empty((n, 256)), np.empty((n, 256 // BUCKET)), np.empty((n, BUCKET))
            bucket, part = np.empty(n, np.int32), np.empty(n, np.int32)
            bucket_frequencies(prior.mixture, prior.byte_offset, self.tables, self.escapes, OF_SCALE, rows, buckets)
            pieces = [slice(i * each, (i + 1) * each) for i in range(count)]
            for decoder, piece in zip(decoders, pieces, strict=True):
                bucket[piece] = decoder.pop(buckets[piece])
            within_bucket(rows, bucket, parts)
            for decoder, piece in zip(decoders, pieces, strict=True):
                part[piece] = decoder.pop(parts[piece])
            values: Values = bucket * BUCKET + part - prior.byte_offset
            return values

        planes = self.walk(shape, count, visit)
        for decoder in decoders:
            decoder.finish()
        return planes

    def encode(
        self, pictures: Sequence[Planes], types: Sequence[PlaneType], shared: bytes | None = None
    ) -> list[bytes]:
        payloads = [bytes([PLAIN]) + self._encode(_stacked(picture)) for picture in pictures]
        return payloads if shared is None else [trimmed(payload) for payload in payloads]

    def decode(
        self,
        payloads: Sequence[Buffer],
        shapes: Sequence[Shape],
        types: Sequence[PlaneType],
        shared: bytes | None = None,
    ) -> list[Planes]:
        if shared:
            raise CorruptFile("the file has common corrections, and its model makes none")
        if shared is not None:
            payloads = [restored(payload) for payload in payloads]
        if any(not len(payload) or payload[0] != PLAIN for payload in payloads):
            raise CorruptFile("a tile has unknown flags")
        decoded = self._decode([memoryview(payload)[1:] for payload in payloads], _common_shape(shapes))
        return [[*planes] for planes in decoded]

    def code_length(self, picture: Planes, types: Sequence[PlaneType], shared: bytes | None = None) -> CodeLength:
        planes = _stacked(picture)
        _, sizes = self._intervals(planes)
        order, _ = _diagonals(planes.shape[1], planes.shape[2], self.config.columns)
        bits = np.empty(planes.shape)
        bits[:, order[:, 0], order[:, 1]] = -np.log2(sizes / TOTAL).sum(1)
        return CodeLength(bits.sum(0), 0.0, {f"0/0/{p}": float(plane.sum()) for p, plane in enumerate(bits)})

    def known_answers(self) -> list[str]:
        with torch.inference_mode():
            return [known_answer(self.network).hex()]

    def latents(self, picture: Planes, types: Sequence[PlaneType]) -> Latents:
        """(H, W) of each plane."""
        planes = _stacked(picture)
        z = np.empty_like(planes)

        def visit(where: NDArray[np.int64], prior: PlanePrior) -> Values:
            row, column = where[:, 1], where[:, 2]
            values: Values = planes[prior.plane, row, column]
            z[prior.plane, row, column] = values - prior.shift
            return values

        self._known(planes, visit)
        return [*z]

    def inverse(self, latents: Latents, shapes: Sequence[Shape], types: Sequence[PlaneType]) -> Planes:
        def visit(where: NDArray[np.int64], prior: PlanePrior) -> Values:
            values: Values = latents[prior.plane][where[:, 1], where[:, 2]] + prior.shift
            return values

        return [*self.walk(_common_shape(shapes), 1, visit)[0]]

    def sample(
        self, n: int, shapes: Sequence[Shape], types: Sequence[PlaneType], temperature: float = 1.0, *, seed: int = 0
    ) -> list[Planes]:
        if not temperature > 0:
            raise IDFError(f"a temperature of {temperature} is not above 0")
        rng = np.random.default_rng(seed)

        def visit(where: NDArray[np.int64], prior: PlanePrior) -> Values:
            rows, buckets = np.empty((len(where), 256)), np.empty((len(where), 256 // BUCKET))
            bucket_frequencies(prior.mixture, prior.byte_offset, self.tables, self.escapes, OF_SCALE, rows, buckets)
            cumulative = np.power(rows / rows.max(1, keepdims=True), 1 / temperature).cumsum(1)
            drawn = (cumulative < rng.random((len(where), 1)) * cumulative[:, -1:]).sum(1)
            values: Values = drawn.astype(np.int32) - prior.byte_offset
            return values

        return [[*picture] for picture in self.walk(_common_shape(shapes), n, visit)]


def _stacked(picture: Planes) -> Values:
    """(C, H, W) int32.

    Raises:
        IDFError: the planes are neither one nor three of a size.
    """
    if len(picture) not in (1, 3) or len({plane.shape for plane in picture}) != 1:
        raise IDFError("a causal flow codes one or three planes of one size")
    return np.stack([np.asarray(plane, np.int32) for plane in picture])


def _common_shape(shapes: Sequence[Shape]) -> tuple[int, int, int]:
    if len(shapes) not in (1, 3) or len(set(shapes)) != 1:
        raise IDFError("a causal flow codes one or three planes of one size")
    return len(shapes), *shapes[0]
