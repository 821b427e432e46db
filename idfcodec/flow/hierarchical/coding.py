"""Coding one tile: the walk's steps through the tables, weighted by what the tile has taught, to rANS and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import Decoder, Encoder
from idfcodec.errors import CorruptFile
from idfcodec.flow.exact.tables import HIGHEST
from idfcodec.flow.hierarchical import correction
from idfcodec.flow.hierarchical.adaptive import Adaptation, Switches
from idfcodec.flow.hierarchical.choosing import choose, correct, with_corrections
from idfcodec.flow.hierarchical.config import Search
from idfcodec.flow.hierarchical.correction import MOST_CLASSES, Corrections
from idfcodec.flow.hierarchical.palette import colours_of, decode_palette, encode_palette
from idfcodec.flow.hierarchical.plane import HALF, PAIR_WIDTH, SPLIT_WIDTH, Plane, place, planes_of
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.rows import PART, group_rows, part_rows, rows
from idfcodec.flow.hierarchical.walk import Step, StepPrior, Values, record, walk
from idfcodec.format.payload import CORRECTED, LEARNED, PALETTE, first_byte, restored, trimmed
from idfcodec.types import Buffer

__all__ = [
    "decode_small",
    "decode_tile",
    "encode_small",
    "encode_tile",
    "fit_small",
    "read_corrections",
    "write_corrections",
]

PIECE = 2**17  # weights made at a time: few enough for the cache
FITTED = 512  # of many small pictures tell which common corrections there are to be
SMALL_SEARCH = Search(classes=(MOST_CLASSES, 2, 1), samples=2**16, rounds=3)


def _pieces(start: int, end: int, width: int) -> Iterator[slice]:
    """A range, some PIECE weights of `width` columns at a time."""
    count = PIECE // width
    return (slice(i, min(i + count, end)) for i in range(start, end, count))


def encode_tile(model: Prepared, planes: Values) -> bytes:
    """Code (C, H, W) int32 planes (G, R-G, B-G, or G alone) of any size: a byte of flags, then what they say."""
    steps = record(model, planes)
    colours = colours_of(planes)
    few = [bytes([PALETTE]) + encode_palette(model, steps, colours)] if colours is not None else []
    return min([*few, _encode(model, steps)], key=len)


def _encode(model: Prepared, steps: Sequence[Step]) -> bytes:
    corrections, (steps,) = correct(model, [steps], model.config.search)
    return _write(model, steps, choose(model, steps), corrections)


def _write(model: Prepared, steps: Sequence[Step], switches: Switches, corrections: Corrections) -> bytes:
    """Flags, and the latents of the steps with the `corrections` made that are to stand before them."""
    planes = len(steps[0][-1])
    symbols = []
    for plane, (column, escaped, latent) in planes_of(model, steps, switches):
        symbols.append((plane, escaped, latent, plane.all_intervals(column, switches)))
    encoder = Encoder()
    # rANS is a stack: what is to be decoded first goes on it last.
    for plane, escaped, latent, slices in reversed(symbols):
        excess = np.abs(latent) - HALF[plane.classes[escaped]]
        encoder.push_uniform((latent > 0).astype(np.int32), 2)
        encoder.push(excess % PART, plane.escape_parts(escaped, excess // PART))
        encoder.push(excess // PART, plane.escape_groups(escaped))
        encoder.push_intervals(slices)
    if corrections:
        correction.push(encoder, corrections, planes)
    return bytes([switches | CORRECTED if corrections else switches]) + encoder.finish()


def fit_small(model: Prepared, pictures: Sequence[Values]) -> Corrections:
    """The common corrections that pay for many small pictures, each (C, H, W) planes, C the same for all."""
    count = min(len(pictures), FITTED)
    chosen = [record(model, pictures[i * len(pictures) // count]) for i in range(count)]
    return correct(model, chosen, SMALL_SEARCH, share=count / len(pictures))[0]


def write_corrections(corrections: Corrections, planes: int) -> bytes:
    """Common corrections of pictures of so many planes, to be read by `read_corrections`."""
    encoder = Encoder()
    correction.push(encoder, corrections, planes)
    return encoder.finish()


def encode_small(model: Prepared, planes: Values, corrections: Corrections) -> bytes:
    """Code one of many small pictures, whose common corrections are sent elsewhere: a byte of flags, what they say."""
    steps = record(model, planes)
    data = trimmed(_write(model, with_corrections(steps, corrections), Switches(0), {}))
    colours = colours_of(planes)
    if colours is not None and colours.size < len(data):
        data = min(data, bytes([PALETTE]) + encode_palette(model, steps, colours), key=len)
    return data


class _Reader:
    """Visitor that decodes."""

    def __init__(self, model: Prepared, data: Buffer, planes: int, corrections: Corrections | None = None) -> None:
        allowed = CORRECTED | (LEARNED if planes == 3 else int(Switches.VALUES))  # ~ of a flag knows no other bits
        if not len(data) or data[0] & ~allowed:
            raise CorruptFile("a tile has unknown flags")
        self._model = model
        self._switches = Switches(data[0] & ~CORRECTED)
        self._adaptation = Adaptation(model, planes, self._switches)
        self._scratch = np.empty(PIECE)
        self.decoder = Decoder(data[1:])
        self._corrections = correction.pop(self.decoder, planes) if data[0] & CORRECTED else corrections or {}

    def __call__(self, level: int, group: int, prior: StepPrior) -> Values:
        values: Values = np.empty(prior.location.shape, np.int32)
        learned = self._adaptation.learned(level)
        for p in range(len(values)):
            if (level, group, p) in self._corrections:
                prior = correction.corrected(prior, group, p, self._corrections[level, group, p])
        for p in range(len(values)):
            plane = Plane.of(self._model, prior, p, values, learned)
            order, decoded = self._columns(plane)
            column, low = np.empty_like(decoded), plane.low()
            good, escapes = place(order, decoded, plane.shift, plane.classes, HALF, low, column, values[p])
            self._adaptation.add_columns(p, plane.cells, column)
            if escapes:
                escaped = np.flatnonzero(column == 0)
                groups = self.decoder.pop(plane.escape_groups(escaped))
                excess = PART * groups + self.decoder.pop(plane.escape_parts(escaped, groups))
                excess += HALF[plane.classes[escaped]]
                latent = np.where(self.decoder.pop_uniform(len(escaped), 2) > 0, excess, -excess)
                values[p, escaped] = latent + plane.shift[escaped]
                byte = values[p, escaped] + low[escaped]
                good = good and int(byte.min()) >= 0 and int(byte.max()) <= HIGHEST
            if not good:
                raise CorruptFile("a tile decodes to values outside of their range")
        self._adaptation.add_values(values)
        return values

    def _columns(self, plane: Plane) -> tuple[NDArray[np.int64], Values]:
        """The positions of a plane's latents, and their columns, in coding order."""
        narrow, wide = plane.ingredients(self._switches)
        order, classes = plane.order()
        decoded = np.empty(len(order), np.int32)
        pop, scratch = self.decoder.pop, self._scratch
        for width, start, end in classes:
            of = narrow if width <= PAIR_WIDTH else wide
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


def decode_tile(model: Prepared, data: Buffer, shape: tuple[int, int, int]) -> Values:
    """The (C, H, W) int32 planes of `shape` that `encode_tile` coded.

    Raises:
        CorruptFile: the data is not a tile of that shape.
    """
    if first_byte(data) == PALETTE:
        return decode_palette(model, data[1:], shape)
    return _decode(model, _Reader(model, data, shape[0]), shape)


def _decode(model: Prepared, reader: _Reader, shape: tuple[int, int, int]) -> Values:
    planes = walk(model, shape, reader)
    reader.decoder.finish()
    return planes


def read_corrections(data: Buffer, planes: int) -> Corrections:
    """The common corrections that `write_corrections` wrote for pictures of so many planes.

    Raises:
        CorruptFile: the data is not such.
    """
    decoder = Decoder(data)
    corrections = correction.pop(decoder, planes)
    decoder.finish()
    return corrections


def decode_small(model: Prepared, data: Buffer, shape: tuple[int, int, int], corrections: Corrections) -> Values:
    """The (C, H, W) planes of `shape` of a picture that `encode_small` coded, zero bytes at its end left out.

    Raises:
        CorruptFile: the data is not a picture of that shape.
    """
    if first_byte(data) == PALETTE:
        return decode_palette(model, data[1:], shape)
    return _decode(model, _Reader(model, restored(data), shape[0], corrections), shape)
