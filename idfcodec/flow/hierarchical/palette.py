"""Tiles of few colours: every pixel coded at once, as one of the tile's own colours.

The network's probability of each colour is the product of those of its planes, each given the ones before it, with
scales wider or narrower than the network's by numbers that the tile begins with: reducing a picture to few colours
makes noise. The colours that the tile does not have take no share. With H the times that a colour came and E the times
that it was expected in the steps before, its probability is weighted by (H + BELIEF) / (E + BELIEF).

Products and quotients are binary64, one correctly rounded operation at a time, hence the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled
from idfcodec.entropy import Decoder, Encoder, Frequencies, Intervals, intervals, log_likelihood
from idfcodec.errors import CorruptFile
from idfcodec.flow.exact.tables import OF_SCALE, SCALES, TOTAL
from idfcodec.flow.hierarchical.lookup import weigh
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.walk import Step, StepPrior, Values, walk
from idfcodec.types import Buffer

Widths = tuple[int, int]  # of G and of the differences

__all__ = ["MOST", "colours_of", "decode_palette", "encode_palette", "list_bits", "palette_bits"]

MOST = 256  # colours of a tile that is coded this way
BELIEF = 4.0  # pixels' worth of trust in the network
WIDTHS = range(-4, 13, 2)  # by how many scales wider the encoder tries
SAMPLED = 15  # one pixel in so many of a step tells which is best
PIECE = 1024  # pixels whose weights are made at a time


@compiled
def _expect(rows: Frequencies, expected: NDArray[np.int64]) -> None:
    """Add each row's shares, in units of 2**-20."""
    for n in range(len(rows)):
        total = 0.0
        for k in range(rows.shape[1]):
            total += rows[n, k]
        for k in range(rows.shape[1]):
            expected[k] += np.int64(rows[n, k] / total * 2.0**20)


class _Colours:
    """The colours of a tile and what the steps so far have taught of them."""

    def __init__(self, model: Prepared, colours: Values, widths: Widths) -> None:
        self._model = model
        self._wider = np.array([widths[0], widths[1], widths[1]], np.int32)[: len(colours), None]
        self.colours = colours
        self._seen = np.zeros(colours.shape[1], np.int64)
        self._expected = np.zeros(colours.shape[1], np.int64)

    def rows(self, prior: StepPrior) -> Iterator[tuple[slice, Frequencies]]:
        """The weights of a step's pixels, (N, K) at a time."""
        count = self.colours.shape[1]
        factor = (self._seen + BELIEF) / (self._expected * 2.0**-20 + BELIEF)
        move = prior.colour if prior.colour is not None else np.zeros((3, prior.location.shape[1]), np.int32)
        scale = np.clip(prior.scale + self._wider, 0, SCALES - 1)
        parts = [np.ascontiguousarray(a, np.int32) for a in (prior.location, scale, prior.shape, move)]
        expected = np.zeros_like(self._expected)
        for start in range(0, prior.location.shape[1], PIECE):
            piece = slice(start, start + PIECE)
            location, scale, shape, colour = (np.ascontiguousarray(a[:, piece]) for a in parts)
            out = np.empty((location.shape[1], count))
            weigh(location, scale, shape, colour, self.colours, self._model.tables, OF_SCALE, factor, out)
            _expect(out, expected)
            yield piece, out
        self._expected += expected

    def learn(self, indices: Values) -> None:
        """Add a step's pixels."""
        self._seen += np.bincount(indices, minlength=len(self._seen))


@compiled
def _distinct(keys: Values) -> tuple[Values, bool]:
    """The different ones of (N,) keys, unless there are more than MOST."""
    slots = np.full(4 * MOST, -1, np.int32)
    found = np.empty(MOST, np.int32)
    count = 0
    for key in keys:
        slot = (key * 2654435761 >> 16) % len(slots)
        while slots[slot] != key and slots[slot] >= 0:
            slot = (slot + 1) % len(slots)
        if slots[slot] < 0:
            if count == MOST:
                return found, False
            slots[slot] = found[count] = key
            count += 1
    return found[:count], True


def colours_of(planes: Values) -> Values | None:
    """(C, K) the different colours of (C, H, W) planes, sorted by G, R-G, B-G; None if there are more than MOST."""
    keys, few = _distinct(_keys(planes.reshape(len(planes), -1)))
    if not few:
        return None
    keys.sort()
    if len(planes) == 1:
        return keys[None].astype(np.int32)
    return np.stack((keys >> 18, (keys >> 9 & 511) - 255, (keys & 511) - 255)).astype(np.int32)


def _keys(values: Values) -> Values:
    keys: Values = values[0]
    if len(values) > 1:
        keys = (keys << 18) + (values[1] + 255 << 9) + values[2] + 255
    return keys


def _widths(model: Prepared, step: Step, colours: Values) -> Widths:
    """The widths that suit a step: first one of all planes, then one of the differences."""
    _, _, prior, values = step
    some = prior.sampled(SAMPLED)
    indices = np.searchsorted(_keys(colours), _keys(values[:, ::SAMPLED])).astype(np.int32)

    def gain(widths: Widths) -> int:
        pieces = _Colours(model, colours, widths).rows(some)
        return sum(log_likelihood(intervals(rows, indices[piece])[1]) for piece, rows in pieces)

    common = max(WIDTHS, key=lambda width: gain((width, width)))
    return (common, max(WIDTHS, key=lambda width: gain((common, width)))) if len(values) > 1 else (common, 0)


def _coded(model: Prepared, steps: Sequence[Step], colours: Values, widths: Widths) -> Iterator[Intervals]:
    """Start and size of every pixel's interval of the quantiles, piece by piece in coding order."""
    state = _Colours(model, colours, widths)
    keys = _keys(colours)
    for _, _, prior, values in steps:
        indices = np.searchsorted(keys, _keys(values)).astype(np.int32)
        for piece, rows in state.rows(prior):
            yield intervals(rows, indices[piece])
        state.learn(indices)


def encode_palette(model: Prepared, steps: Sequence[Step], colours: Values) -> bytes:
    """Code the pixels of `steps`, which have only `colours` (C, K).

    Returns:
        A byte K - 1, the colours as pixels and, unless K is 1, two bytes of widths and the rANS words.
    """
    encoder, widths = Encoder(), b""
    if colours.shape[1] > 1:
        chosen = _widths(model, steps[-3], colours)
        widths = np.array(chosen, np.int8).tobytes()
        for piece in reversed(list(_coded(model, steps, colours, chosen))):
            encoder.push_intervals(piece)
    stored = colours.copy()
    stored[1:] += stored[0]
    return b"".join((bytes([colours.shape[1] - 1]), stored.T.astype(np.uint8).tobytes(), widths, encoder.finish()))


def list_bits(colours: Values) -> float:
    """Bits of what stands before the pixels of a tile of (C, K) colours: how many, the widths, the colours."""
    return 8.0 * (colours.size + (3 if colours.shape[1] > 1 else 1))


def palette_bits(model: Prepared, steps: Sequence[Step], colours: Values) -> list[NDArray[np.float64]]:
    """What each pixel of each step costs, in bits; the widths and the list of the colours left out."""
    if colours.shape[1] == 1:
        return [np.zeros(values.shape[1]) for _, _, _, values in steps]
    pieces = _coded(model, steps, colours, _widths(model, steps[-3], colours))
    bits = -np.log2(np.concatenate([size for _, size in pieces]) / TOTAL)
    return np.split(bits, np.cumsum([values.shape[1] for _, _, _, values in steps])[:-1])


def decode_palette(model: Prepared, data: Buffer, shape: tuple[int, int, int]) -> Values:
    """The (C, H, W) planes of `shape` that `encode_palette` coded.

    Raises:
        CorruptFile: the data is not a tile of that shape.
    """
    if not len(data) or len(data) < 1 + (data[0] + 1) * shape[0]:
        raise CorruptFile("a tile ends within its colours")
    count = data[0] + 1
    stored = np.frombuffer(data[1 : 1 + count * shape[0]], np.uint8).reshape(count, shape[0])
    colours = np.ascontiguousarray(stored.T, np.int32)
    colours[1:] -= colours[0]
    if (np.diff(_keys(colours)) <= 0).any():
        raise CorruptFile("a tile's colours are not in order")
    rest = data[1 + count * shape[0] :]
    if count == 1:
        Decoder(rest).finish()
        flat: Values = np.broadcast_to(colours[:, :, None], shape).copy()
        return flat
    if len(rest) < 2:
        raise CorruptFile("a tile ends within its colours")
    first, second = (int(width) for width in np.frombuffer(rest[:2], np.int8))
    state, decoder = _Colours(model, colours, (first, second)), Decoder(rest[2:])

    def visit(level: int, group: int, prior: StepPrior) -> Values:
        indices = np.empty(prior.location.shape[1], np.int32)
        for piece, rows in state.rows(prior):
            indices[piece] = decoder.pop(rows)
        state.learn(indices)
        return colours[:, indices]

    planes = walk(model, shape, visit)
    decoder.finish()
    return planes
