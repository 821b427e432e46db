"""Coding one tile: the walk's steps through the tables, to rANS and back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import Decoder, Encoder
from idfcodec.errors import CorruptFile
from idfcodec.flow.exact.tables import HIGHEST
from idfcodec.flow.hierarchical.plane import HALF, SPLIT_WIDTH, Plane, place, planes_of
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.rows import PART, group_rows, part_rows, rows
from idfcodec.flow.hierarchical.walk import StepPrior, Values, record, walk
from idfcodec.format.payload import PLAIN
from idfcodec.types import Buffer

__all__ = ["decode_tile", "encode_tile"]

PIECE = 2**17  # weights made at a time: few enough for the cache


def _pieces(start: int, end: int, width: int) -> Iterator[slice]:
    """A range, some PIECE weights of `width` columns at a time."""
    count = PIECE // width
    return (slice(i, min(i + count, end)) for i in range(start, end, count))


def encode_tile(model: Prepared, planes: Values) -> bytes:
    """Code (C, H, W) int32 planes (G, R-G, B-G, or G alone) of any size: the byte PLAIN, then whole words."""
    symbols = []
    for plane, (column, escaped, latent) in planes_of(model, record(model, planes)):
        symbols.append((plane, escaped, latent, plane.all_intervals(column)))
    encoder = Encoder()
    # rANS is a stack: what is to be decoded first goes on it last.
    for plane, escaped, latent, slices in reversed(symbols):
        excess = np.abs(latent) - HALF[plane.classes[escaped]]
        encoder.push_uniform((latent > 0).astype(np.int32), 2)
        encoder.push(excess % PART, plane.escape_parts(escaped, excess // PART))
        encoder.push(excess // PART, plane.escape_groups(escaped))
        encoder.push_intervals(slices)
    return bytes([PLAIN]) + encoder.finish()


class _Reader:
    """Visitor that decodes."""

    def __init__(self, model: Prepared, data: Buffer) -> None:
        if not len(data) or data[0] != PLAIN:
            raise CorruptFile("a tile has unknown flags")
        self._model = model
        self._scratch = np.empty(PIECE)
        self.decoder = Decoder(data[1:])

    def __call__(self, level: int, phase: int, prior: StepPrior) -> Values:
        values: Values = np.empty(prior.location.shape, np.int32)
        for p in range(len(values)):
            plane = Plane.of(self._model, prior, p, values)
            order, decoded = self._columns(plane)
            column, shift, low = np.empty_like(decoded), plane.rows.shift, plane.rows.low
            good, escapes = place(order, decoded, shift, plane.classes, HALF, low, column, values[p])
            if escapes:
                escaped = np.flatnonzero(column == 0)
                groups = self.decoder.pop(plane.escape_groups(escaped))
                excess = PART * groups + self.decoder.pop(plane.escape_parts(escaped, groups))
                excess += HALF[plane.classes[escaped]]
                latent = np.where(self.decoder.pop_uniform(len(escaped), 2) > 0, excess, -excess)
                values[p, escaped] = latent + shift[escaped]
                byte = values[p, escaped] + low[escaped]
                good = good and int(byte.min()) >= 0 and int(byte.max()) <= HIGHEST
            if not good:
                raise CorruptFile("a tile decodes to values outside of their range")
        return values

    def _columns(self, plane: Plane) -> tuple[NDArray[np.int64], Values]:
        """The positions of a plane's latents, and their columns, in coding order."""
        order, classes = plane.order()
        decoded = np.empty(len(order), np.int32)
        pop, of, scratch = self.decoder.pop, plane.rows, self._scratch
        for width, start, end in classes:
            if width < SPLIT_WIDTH:
                for piece in _pieces(start, end, width):
                    decoded[piece] = pop(rows(of, order[piece], width, scratch))
                continue
            for piece in _pieces(start, end, width // PART):
                decoded[piece] = pop(group_rows(of, order[piece], width, scratch))
            for piece in _pieces(start, end, PART):
                within = pop(part_rows(of, order[piece], decoded[piece], width, scratch))
                decoded[piece] = PART * decoded[piece] + within
        return order, decoded


def decode_tile(model: Prepared, data: Buffer, shape: tuple[int, int, int], level: int = 0) -> Values:
    """The (C, H, W) int32 planes of `shape` that `encode_tile` coded; of a level above 0, the picture of that level.

    Raises:
        CorruptFile: the data is not a tile of that shape.
    """
    reader = _Reader(model, data)
    planes = walk(model, shape, reader, level)
    if not level:
        reader.decoder.finish()
    return planes
