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
from torch import Tensor

from idfcodec.entropy import Decoder, Encoder
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.flow.causal.exact import GROUP, CausalExactNetwork, group_rows, located, part_rows, see, spans
from idfcodec.flow.causal.network import INSIDE, CausalConfig, neighbours
from idfcodec.flow.contract import Costs, IntegerFlow, Latents, with_zeros, without_zeros
from idfcodec.flow.exact.tables import TOTAL
from idfcodec.flow.hierarchical import density
from idfcodec.flow.hierarchical.walk import OF_SCALE, ONE, Values

__all__ = ["CausalFlow", "PlanePrior", "Visitor"]

PIECE = 2**14  # pixels that the network sees at a time when all are known
_INSIDE = 128 + int(32 * INSIDE)


@dataclass(frozen=True)
class PlanePrior:
    """What the network says of one plane of N pixels, the planes before it known.

    Args:
        plane: 0 for G, 1 for R-G, 2 for B-G.
        mixture: (N, 8) int32, see `causal_exact.located`.
        low: (N,) what makes a value a byte: 0 for G, G for the differences.
    """

    plane: int
    mixture: Values
    low: Values

    @property
    def shift(self) -> Values:
        """(N,) of the coupling: the mean location, rounded."""
        shift: Values = (self.mixture[:, 1] + ONE // 2) // ONE
        return shift


class Visitor(Protocol):
    """What a walk calls for each plane of each diagonal."""

    def __call__(self, where: NDArray[np.int64], prior: PlanePrior) -> Values:
        """(N,) values of a plane of the pixels at `where` (N, 3): picture after picture, rows downwards."""


@lru_cache(maxsize=16)
def _offsets(config: CausalConfig) -> NDArray[np.int64]:
    """(M, 2) row and column of the neighbours, relative to a pixel's."""
    return np.array(neighbours(config))


@lru_cache(maxsize=16)
def _diagonals(height: int, width: int, reach: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(H * W, 2) rows and columns in coding order, and where each diagonal begins and the last one ends."""
    rows, columns = np.divmod(np.arange(height * width), width)
    diagonal = columns + rows * (reach + 1)
    order = np.argsort(diagonal, kind="stable")
    ends = np.searchsorted(diagonal[order], np.arange(diagonal.max() + 2))
    return np.stack((rows, columns), 1)[order], np.unique(ends)


@lru_cache(maxsize=16)
def _symbols(height: int, width: int, reach: int, planes: int) -> NDArray[np.int64]:
    """Order of the symbols of a picture in (planes, 2, H * W): by diagonal, plane, group before value, pixel."""
    _, ends = _diagonals(height, width, reach)
    count = height * width
    first = np.arange(2 * planes)[:, None] * count
    return np.concatenate([(first + np.arange(a, b)).ravel() for a, b in pairwise(ends)])


@dataclass(frozen=True)
class CausalFlow(IntegerFlow):
    """A causal flow, ready to code.

    Args:
        id: content hash, 8 bytes.
        name: of its folder.
        config: sizes.
        network: what is said of pixels.
        share_of: (33,) int32, see `causal_exact.shares`.
        tables: (CELLS,) int32, the rows of all width classes.
        escapes: (SCALES, EXCESS) int32, the weights of the excesses of escapes.
        kernel: which of `exact.KERNELS` runs.
    """

    id: bytes
    name: str
    config: CausalConfig
    network: CausalExactNetwork
    share_of: Values
    tables: Values
    escapes: Values
    kernel: str
    side_by_side: ClassVar[int] = 64

    def _priors(self, planes: Values, where: NDArray[np.int64], visit: Visitor) -> None:
        """Visit each plane of some pixels of (B, C, H, W) planes, whose neighbours are known."""
        offsets = _offsets(self.config)
        seen = np.empty((len(where), self.network.inputs), np.uint8)
        base = np.empty((len(where), planes.shape[1]), np.int32)
        see(planes, where, offsets, _INSIDE, seen, base)
        picture, row, column = where.T
        known = np.full((len(where), 2), 128, np.uint8)
        residuals = np.zeros((len(where), 2), np.int32)
        low = np.zeros(len(where), np.int32)
        h = self.network.trunk(seen)
        for p in range(planes.shape[1]):
            mixture = np.empty((len(where), 8), np.int32)
            head = self.network.plane(p, h, np.ascontiguousarray(known[:, :p]))
            located(p, head, np.ascontiguousarray(base[:, p]), residuals, self.share_of, mixture)
            values = visit(where, PlanePrior(p, mixture, low))
            planes[picture, p, row, column] = values
            if p < 2:
                residuals[:, p] = values * ONE - mixture[:, 1]
                known[:, p] = np.clip(values + (128 if p else 0), 0, 255)
            low = values if p == 0 else low

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

    def _spans(self, planes: Values) -> tuple[Values, Values]:
        """First quantile and size of the slice of each symbol, (C, 2, H * W) each: of groups, and of values within."""
        count, height, width = planes.shape
        starts, sizes = (np.empty((count, 2, height * width), np.int32) for _ in range(2))
        done = [0] * count

        def visit(where: NDArray[np.int64], prior: PlanePrior) -> Values:
            p, n = prior.plane, done[prior.plane]
            values: Values = planes[p, where[:, 1], where[:, 2]]
            found = spans(prior.mixture, prior.low, values, self.tables, self.escapes, OF_SCALE)
            starts[p, :, n : n + len(where)], sizes[p, :, n : n + len(where)] = found
            done[p] += len(where)
            return values

        self._known(planes, visit)
        return starts, sizes

    def _encode(self, planes: Values) -> bytes:
        starts, sizes = self._spans(planes)
        order = _symbols(planes.shape[1], planes.shape[2], self.config.columns, len(planes))
        encoder = Encoder()
        encoder.push_spans((starts.ravel()[order], sizes.ravel()[order]))
        return encoder.finish()

    def _decode(self, streams: Sequence[bytes | memoryview], shape: tuple[int, int, int]) -> Values:
        decoders = [Decoder(stream) for stream in streams]
        count = len(decoders)

        def visit(where: NDArray[np.int64], prior: PlanePrior) -> Values:
            n, each = len(where), len(where) // count
            rows, groups, parts = np.empty((n, 256)), np.empty((n, 256 // GROUP)), np.empty((n, GROUP))
            group, part = np.empty(n, np.int32), np.empty(n, np.int32)
            group_rows(prior.mixture, prior.low, self.tables, self.escapes, OF_SCALE, rows, groups)
            pieces = [slice(i * each, (i + 1) * each) for i in range(count)]
            for decoder, piece in zip(decoders, pieces, strict=True):
                group[piece] = decoder.pop(groups[piece])
            part_rows(rows, group, parts)
            for decoder, piece in zip(decoders, pieces, strict=True):
                part[piece] = decoder.pop(parts[piece])
            values: Values = group * GROUP + part - prior.low
            return values

        planes = self.walk(shape, count, visit)
        for decoder in decoders:
            decoder.finish()
        return planes

    def encode_tile(self, planes: Values) -> bytes:
        return b"\0" + self._encode(planes)

    def decode_tile(self, data: bytes | memoryview, shape: tuple[int, int, int]) -> Values:
        if not len(data) or data[0]:
            raise CorruptFile("a tile has unknown flags")
        planes: Values = self._decode([data[1:]], shape)[0]
        return planes

    def tile_costs(self, planes: Values, *, weights: bool = True, lattice: bool = True) -> Costs:
        """Nothing is learned from the tile, so that `weights` and `lattice` change nothing."""
        _, sizes = self._spans(planes)
        order, _ = _diagonals(planes.shape[1], planes.shape[2], self.config.columns)
        bits = np.empty(planes.shape)
        bits[:, order[:, 0], order[:, 1]] = -np.log2(sizes / TOTAL).sum(1)
        return Costs({(0, 0): bits.reshape(len(planes), -1)}, 0.0, bits.sum(0))

    def fit_small(self, pictures: Sequence[Values]) -> bytes:
        return b""

    def encode_small(self, pictures: Sequence[Values], common: bytes) -> list[bytes]:
        return [without_zeros(self.encode_tile(planes)) for planes in pictures]

    def decode_small(self, payloads: Sequence[bytes], shape: tuple[int, int, int], common: bytes) -> list[Values]:
        if common:
            raise CorruptFile("the file has common corrections, and its model makes none")
        return list(self._decode([with_zeros(payload)[1:] for payload in payloads], shape))

    def small_costs(self, pictures: Sequence[Values], common: bytes) -> list[float]:
        return [self.tile_costs(planes).total for planes in pictures]

    def latents(self, x: Tensor) -> Latents:
        planes = density.to_planes(x)
        z = np.empty_like(planes)

        def visit(where: NDArray[np.int64], prior: PlanePrior) -> Values:
            row, column = where[:, 1], where[:, 2]
            values: Values = planes[prior.plane, row, column]
            z[prior.plane, row, column] = values - prior.shift
            return values

        self._known(planes, visit)
        return {(0, 0): z.reshape(len(z), -1)}

    def inverse(self, latents: Latents, size: tuple[int, int]) -> Tensor:
        z = latents[0, 0].reshape(-1, *size)

        def visit(where: NDArray[np.int64], prior: PlanePrior) -> Values:
            values: Values = z[prior.plane, where[:, 1], where[:, 2]] + prior.shift
            return values

        return density.to_pixels(self.walk((len(z), *size), 1, visit)[0])

    def sample(self, n: int, size: tuple[int, int], temperature: float = 1.0, *, seed: int = 0) -> Tensor:
        if not temperature > 0:
            raise IDFError(f"a temperature of {temperature} is not above 0")
        rng = np.random.default_rng(seed)

        def visit(where: NDArray[np.int64], prior: PlanePrior) -> Values:
            rows, groups = np.empty((len(where), 256)), np.empty((len(where), 256 // GROUP))
            group_rows(prior.mixture, prior.low, self.tables, self.escapes, OF_SCALE, rows, groups)
            cumulative = np.power(rows / rows.max(1, keepdims=True), 1 / temperature).cumsum(1)
            drawn = (cumulative < rng.random((len(where), 1)) * cumulative[:, -1:]).sum(1)
            values: Values = drawn.astype(np.int32) - prior.low
            return values

        planes = self.walk((3, *size), n, visit)
        return torch.stack([density.to_pixels(picture) for picture in planes]).to(torch.uint8)
