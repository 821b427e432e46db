"""Coding one tile: the walk's steps through the tables, weighted by the colour lattice, to rANS and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import Decoder, Encoder
from idfcodec.errors import CorruptFile
from idfcodec.flow.adaptive import Adaptation, Tables
from idfcodec.flow.hierarchy import COLOUR_BITS, HIGHEST, LOWEST, ONE, StepPrior, Values
from idfcodec.flow.hierarchy import steps as values_by_step
from idfcodec.flow.lattice import FRACTION, Lattice
from idfcodec.flow.prior import CLASSES, EXCESS, TOTAL

if TYPE_CHECKING:
    from idfcodec.flow.runtime import Flow

__all__ = ["decode_tile", "encode_tile", "tile_bits"]

CELLS = 2**19  # weights made at a time: few enough for the cache, many enough that threads seldom wait for each other
LATTICE_WIDTH = 64  # wider tables are of latents too uncertain to gain
PLAIN, WEIGHTED = 0, 1


def _pieces(where: NDArray[np.int64], width: int) -> list[NDArray[np.int64]]:
    """Positions, some CELLS weights of `width` columns at a time."""
    count = CELLS // width
    return [where[start : start + count] for start in range(0, len(where), count)]


@dataclass(frozen=True)
class _Plane:
    """The latents of one colour of one coding step: everything both sides know before decoding them."""

    flow: Flow
    prior: StepPrior
    plane: int
    known: list[Values]
    weights_by_width: Tables
    lattice: Lattice | None
    location: Values
    classes: Values
    rows: Values
    shift: Values

    @staticmethod
    def of(flow: Flow, prior: StepPrior, plane: int, values: Values, tables: Tables, lattice: Lattice | None) -> _Plane:
        """A plane of the step whose `values` (C, N) are known for the planes before it."""
        known = [values[p] for p in range(plane)]
        location = prior.located(plane, known)
        return _Plane(flow, prior, plane, known, tables, lattice, location, *prior.tables(plane, location))

    def chunks(self) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """(width, positions) in coding order: by width class, then position."""
        for index, kind in enumerate(CLASSES):
            where = np.flatnonzero(self.classes == index)
            for piece in _pieces(where, kind.width):
                yield kind.width, piece

    def weights(self, width: int, where: NDArray[np.int64]) -> NDArray[np.float64]:
        """(N, width) weights of the latents at `where`, column 0 the escape."""
        weights: NDArray[np.float64] = self.weights_by_width[width].take(self.rows[where], 0)
        if self.lattice is None or not self.plane or width > LATTICE_WIDTH:
            return weights
        first = self.shift[where] - width // 2
        if self.plane == 2:
            factor = self.lattice.row_weights(self.known[1][where], first, width)
        else:
            factor = self._single(where, first, width)
        factor[:, 0] = 1 << FRACTION
        weights *= factor
        return weights

    def _single(self, where: NDArray[np.int64], first: Values, width: int) -> NDArray[np.float64]:
        prior, colour = self.prior, self.prior.colour
        if colour is None or self.lattice is None:
            raise ValueError("a lattice needs three planes")
        green = prior.residual(0, self.known)[where]
        location = (prior.location[2][where] << COLOUR_BITS) + colour[1][where] * green
        location += colour[2][where] * (first * ONE - self.location[where])
        blur = self.flow.blur_of[prior.scale[2][where]]
        return self.lattice.single_weights(blur, first, location, colour[2][where] * ONE, width)

    def escape_weights(self, where: NDArray[np.int64]) -> NDArray[np.float64]:
        weights: NDArray[np.float64] = self.flow.escapes.take(self.prior.scale[self.plane][where], 0)
        return weights

    def columns(self, values: Values) -> tuple[Values, NDArray[np.int64], Values]:
        """Column of each value (0 where it escapes), positions of the escapes, and their latents."""
        latent = values - self.shift
        half = _HALF[self.classes]
        column = latent + half
        escaped = np.abs(latent) >= half
        column[escaped] = 0
        where = np.flatnonzero(escaped)
        return column, where, latent[where]


_HALF = np.array([c.width // 2 for c in CLASSES], np.int32)


class _Recorder:
    """Visitor that answers with the picture's own values and keeps what was said of them."""

    def __init__(self, flow: Flow, planes: Values) -> None:
        self.steps: list[tuple[int, int, StepPrior, Values]] = []
        self._values = values_by_step(planes, flow.config.levels)

    def __call__(self, level: int, group: int, prior: StepPrior) -> Values:
        values = self._values[level, group]
        self.steps.append((level, group, prior, values))
        return values


def _cost(plane: _Plane, width: int, where: NDArray[np.int64], column: Values) -> NDArray[np.float64]:
    """Share of the quantiles that each column gets, in units of 1: (N,)."""
    weights = plane.weights(width, where)
    scale = (TOTAL - width) / weights.sum(1)
    share: NDArray[np.float64] = (weights[np.arange(len(where)), column[where]] * scale + 1) / TOTAL
    return share


def _log2(p: NDArray[np.float64]) -> int:
    """Sum of log2(p), piecewise linear and in units of 2**-20: the same integer on every machine."""
    mantissa, exponent = np.frexp(p)
    return int(((exponent - 2) * 2**20 + np.floor(mantissa * 2**21).astype(np.int64)).sum())


def _pays(planes: list[_Plane], values: Values) -> bool:
    """Whether the lattice saves bits in a step; a sample of its latents tells."""
    gain = 0
    for weighted in planes[1:]:
        plain = replace(weighted, lattice=None)
        column, _, _ = weighted.columns(values[weighted.plane])
        for width, where in weighted.chunks():
            if width <= LATTICE_WIDTH:
                some = where[::4]
                gain += _log2(_cost(weighted, width, some, column)) - _log2(_cost(plain, width, some, column))
    return gain > 0


def _steps(flow: Flow, planes: Values, *, lattice: bool = True) -> tuple[bool, list[tuple[list[_Plane], Values]]]:
    """Whether the lattice is worth its while for these planes, and every coding step with its values."""
    recorder = _Recorder(flow, planes)
    flow.walk(planes.shape, recorder)

    adaptation = Adaptation(flow, len(planes), lattice=lattice and len(planes) == 3)
    steps = []
    for level, group, prior, x in recorder.steps:
        tables, pairs = adaptation.tables(level), adaptation.lattice(level, group)
        step = [_Plane.of(flow, prior, p, x, tables[p], pairs) for p in range(len(x))]
        steps.append((step, x))
        for plane in step:
            adaptation.add_column(plane.plane, plane.classes, plane.rows, plane.columns(x[plane.plane])[0])
        adaptation.add_pairs(x)
    if lattice and len(planes) == 3 and _pays(*steps[-3]):  # asked of the first step of the finest level
        return True, steps
    return False, [([replace(plane, lattice=None) for plane in step], x) for step, x in steps]


def encode_tile(flow: Flow, planes: Values) -> bytes:
    """Code (C, H, W) int32 planes (G, R-G, B-G, or G alone) of any size: a byte of flags, then the rANS words."""
    weighted, steps = _steps(flow, planes)
    encoder = Encoder()
    # rANS is a stack: what is to be decoded first goes on it last.
    for step, values in reversed(steps):
        for plane in reversed(step):
            column, escaped, latent = plane.columns(values[plane.plane])
            excess = np.zeros_like(column)
            excess[escaped] = np.abs(latent) - _HALF[plane.classes[escaped]]
            encoder.push_uniform((latent > 0).astype(np.int32), 2)
            for piece in reversed(_pieces(escaped, EXCESS)):
                encoder.push(excess[piece], plane.escape_weights(piece))
            for width, where in reversed(list(plane.chunks())):
                encoder.push(column[where], plane.weights(width, where))
    return bytes([WEIGHTED if weighted else PLAIN]) + encoder.finish()


class _Reader:
    """Visitor that decodes."""

    def __init__(self, flow: Flow, data: bytes | memoryview, planes: int) -> None:
        if not len(data) or data[0] not in (PLAIN, WEIGHTED):
            raise CorruptFile("a tile has unknown flags")
        if data[0] == WEIGHTED and planes == 1:
            raise CorruptFile("a tile of one plane claims a colour lattice")
        self._flow = flow
        self._adaptation = Adaptation(flow, planes, lattice=data[0] == WEIGHTED)
        self.decoder = Decoder(data[1:])

    def __call__(self, level: int, group: int, prior: StepPrior) -> Values:
        values: Values = np.empty(prior.location.shape, np.int32)
        tables, pairs = self._adaptation.tables(level), self._adaptation.lattice(level, group)
        for p in range(len(values)):
            plane = _Plane.of(self._flow, prior, p, values, tables[p], pairs)
            column = np.empty(values.shape[1], np.int32)
            for width, where in plane.chunks():
                column[where] = self.decoder.pop(plane.weights(width, where))
            self._adaptation.add_column(p, plane.classes, plane.rows, column)
            latent = column - _HALF[plane.classes]
            escaped = np.flatnonzero(column == 0)
            if len(escaped):
                pieces = [self.decoder.pop(plane.escape_weights(piece)) for piece in _pieces(escaped, EXCESS)]
                excess = np.concatenate(pieces) + _HALF[plane.classes[escaped]]
                latent[escaped] = np.where(self.decoder.pop_uniform(len(escaped), 2) > 0, excess, -excess)
            values[p] = latent + plane.shift
            if values[p].min(initial=0) < LOWEST[p] or values[p].max(initial=0) > HIGHEST:
                raise CorruptFile("a tile decodes to values outside of their range")
        self._adaptation.add_pairs(values)
        return values


def decode_tile(flow: Flow, data: bytes | memoryview, shape: tuple[int, int, int]) -> Values:
    """The (C, H, W) int32 planes of `shape` that `encode_tile` coded.

    Raises:
        CorruptFile: the data is not a tile of that shape.
    """
    reader = _Reader(flow, data, shape[0])
    planes = flow.walk(shape, reader)
    reader.decoder.finish()
    return planes


def tile_bits(flow: Flow, planes: Values, *, lattice: bool = True) -> float:
    """What the model says that (C, H, W) planes cost, in bits, the lattice included where it pays unless it is off."""
    bits = 0.0
    for step, values in _steps(flow, planes, lattice=lattice)[1]:
        for plane in step:
            column, escaped, latent = plane.columns(values[plane.plane])
            for width, where in plane.chunks():
                bits -= float(np.log2(_cost(plane, width, where, column)).sum())
            excess = np.abs(latent) - _HALF[plane.classes[escaped]]
            weights = plane.escape_weights(escaped)
            p = (weights[np.arange(len(escaped)), excess] + 1) / TOTAL
            bits += float(len(escaped) - np.log2(p).sum())
    return bits
