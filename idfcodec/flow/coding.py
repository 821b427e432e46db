"""Coding one tile: the walk's steps through the tables, weighted by what the tile has taught, to rANS and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import Decoder, Encoder, Rows, Spans, likelihood
from idfcodec.entropy import spans as row_spans
from idfcodec.errors import CorruptFile
from idfcodec.flow import correction
from idfcodec.flow.adaptive import Adaptation, Learned, Switches
from idfcodec.flow.compiled import compiled
from idfcodec.flow.contract import Costs, with_zeros, without_zeros
from idfcodec.flow.correction import MOST_CLASSES, Corrections, Search
from idfcodec.flow.hierarchy import COLOUR_BITS, HIGHEST, ONE, Step, StepPrior, Values, placed, record
from idfcodec.flow.lattice import BLURS
from idfcodec.flow.palette import colours_of, decode_palette, encode_palette, palette_bits
from idfcodec.flow.prior import CLASSES, TOTAL
from idfcodec.flow.rows import PART, Ingredients, group_rows, part_rows, rows, spans, split_spans

if TYPE_CHECKING:
    from idfcodec.flow.runtime import Flow

__all__ = [
    "decode_small",
    "decode_tile",
    "encode_small",
    "encode_tile",
    "fit_small",
    "read_corrections",
    "small_costs",
    "tile_costs",
    "write_corrections",
]

PIECE = 2**17  # weights made at a time: few enough for the cache
PAIR_WIDTH = 64  # wider tables are of latents too uncertain to gain from pairs
SPLIT_WIDTH = 64  # tables as wide are coded in two symbols a latent
CORRECTED = 8  # flag: the tile begins with corrections of what the network says
PALETTE = 64  # the first byte of a tile of few colours
MOST_SAMPLED, SAMPLE = 13, 4096  # one latent in so many at most, as long as these remain, tells what pays
FITTED = 512  # of many small pictures tell which common corrections there are to be
SMALL_SEARCH = Search(classes=(MOST_CLASSES, 2, 1), samples=2**16, rounds=3)


# Column of each value (0 where it escapes), positions of the escapes, and their latents.
_Columns = tuple[Values, NDArray[np.int64], Values]


def _pieces(start: int, end: int, width: int) -> Iterator[slice]:
    """A range, some PIECE weights of `width` columns at a time."""
    count = PIECE // width
    return (slice(i, min(i + count, end)) for i in range(start, end, count))


@dataclass(frozen=True)
class _Plane:
    """The latents of one colour of one coding step: everything both sides know before decoding them."""

    flow: Flow
    prior: StepPrior
    plane: int
    known: Values
    learned: Learned
    location: Values
    classes: Values
    cells: Values
    shift: Values

    @staticmethod
    def of(flow: Flow, prior: StepPrior, plane: int, values: Values, learned: Learned) -> _Plane:
        """A plane of the step whose `values` (C, N) are known for the planes before it."""
        return _Plane(flow, prior, plane, values, learned, *prior.tables(plane, values))

    def order(self) -> tuple[NDArray[np.int64], list[tuple[int, int, int]]]:
        """Positions in coding order: by width class, then position; and (width, start, end) of each class."""
        order, ends = _sorted(self.classes, len(CLASSES))
        ranges = zip(CLASSES, ends.tolist(), ends[1:].tolist(), strict=False)
        return order, [(kind.width, start, end) for kind, start, end in ranges if start < end]

    def low(self) -> Values:
        """(N,) what makes a value a byte."""
        return self.known[0] if self.plane else np.zeros_like(self.shift)

    def ingredients(self, switches: Switches) -> tuple[Ingredients, Ingredients]:
        """Of the rows of narrow tables, and of those too wide to gain from pairs."""
        learned = self.learned
        wide = Ingredients(learned.tables[self.plane], self.cells, self.shift, self.low())
        if Switches.VALUES in switches and learned.values is not None:
            wide = wide._replace(values=learned.values[self.plane])
        narrow = wide
        for kind, plane in ((Switches.GREEN, 0), (Switches.DIFFERENCES, 1)):
            pairs = learned.pairs.get(kind) if kind in switches else None
            if pairs is not None and plane == self.plane:
                x, y = pairs.low
                blur, at, slope = self._expected()
                pairs.blur(np.bincount(blur, minlength=BLURS) > 0)
                narrow = narrow._replace(blurred=pairs.blurred, blurred_x=x, blurred_y=y, blur=blur, at=at, slope=slope)
            elif pairs is not None and plane + 1 == self.plane:
                x, y = pairs.low
                narrow = narrow._replace(known=self.known[plane], pair=pairs.pair, pair_x=x, pair_y=y)
        return narrow, wide

    def _expected(self) -> tuple[Values, Values, Values]:
        """Of the next plane: the class of its scale, its location if this one is 0, and how it moves with this one."""
        prior, shape = self.prior, self.location.shape
        blur, at, slope = np.empty(shape, np.int32), np.empty(shape, np.int32), np.empty(shape, np.int32)
        if prior.colour is None:
            raise ValueError("one plane has no pairs")
        _expect(
            self.plane,
            prior.location,
            prior.colour,
            prior.scale,
            self.known,
            self.location,
            self.flow.blur_of,
            blur,
            at,
            slope,
        )
        return blur, at, slope

    def escape_groups(self, where: NDArray[np.int64]) -> Rows:
        """(N, EXCESS / PART) weights of the groups of the excesses of escapes."""
        groups: Rows = self.flow.escape_groups.take(self.prior.scale[self.plane][where], 0)
        return groups

    def escape_parts(self, where: NDArray[np.int64], groups: Values) -> Rows:
        """(N, PART) weights of the excesses within their groups."""
        parts: Rows = self.flow.escape_parts[self.prior.scale[self.plane][where], groups]
        return parts

    def columns(self, values: Values) -> _Columns:
        """Of the values (N,) of this plane."""
        column = np.empty_like(values)
        if not _columns(values, self.shift, self.classes, _HALF, column):
            return column, _NONE, _NONE_VALUES
        where = np.flatnonzero(column == 0)
        return column, where, values[where] - self.shift[where]

    def spans(self, column: Values, switches: Switches) -> Iterator[tuple[NDArray[np.int64], Spans]]:
        """Positions and the slices of the quantiles that their columns have, in coding order."""
        narrow, wide = self.ingredients(switches)
        order, classes = self.order()
        for width, start, end in classes:
            of, where = narrow if width <= PAIR_WIDTH else wide, order[start:end]
            if width < SPLIT_WIDTH:
                yield where, spans(of, where, width, column)
            else:
                yield from ((where, symbol) for symbol in zip(*split_spans(of, where, width, column), strict=True))

    def all_spans(self, column: Values, switches: Switches) -> Spans:
        """The slices of the quantiles of all symbols, in coding order."""
        starts, sizes = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
        for _, (start, size) in self.spans(column, switches):
            starts.append(start)
            sizes.append(size)
        return np.concatenate(starts), np.concatenate(sizes)


_HALF = np.array([c.width // 2 for c in CLASSES], np.int32)
_NONE, _NONE_VALUES = np.zeros(0, np.int64), np.zeros(0, np.int32)


@compiled
def _sorted(classes: Values, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions sorted by class, and where each class begins and the last one ends."""
    ends = np.zeros(count + 2, np.int64)
    for n in range(len(classes)):
        ends[classes[n] + 2] += 1
    for i in range(count):
        ends[i + 2] += ends[i + 1]
    order = np.empty(ends[count + 1], np.int64)
    for n in range(len(classes)):
        order[ends[classes[n] + 1]] = n
        ends[classes[n] + 1] += 1
    return order, ends[: count + 1]


@compiled
def _columns(values: Values, shift: Values, classes: Values, half: Values, columns: Values) -> int:
    """Column of each value, 0 where it escapes; returns how many do."""
    escapes = 0
    for n in range(len(values)):
        middle = half[classes[n]]
        latent = values[n] - shift[n]
        columns[n] = latent + middle if abs(latent) < middle else 0
        escapes += columns[n] == 0
    return escapes


@compiled
def _expect(
    plane: int,
    location: Values,
    colour: Values,
    scale: Values,
    known: Values,
    own: Values,
    blur_of: Values,
    blur: Values,
    at: Values,
    slope: Values,
) -> None:
    for n in range(len(own)):
        by = colour[2 if plane else 0, n]
        at[n] = (location[plane + 1, n] << COLOUR_BITS) - by * own[n]
        if plane:
            green = known[0, n] * ONE - min(max(location[0, n], 0), HIGHEST * ONE)
            at[n] += colour[1, n] * green
        blur[n] = blur_of[scale[plane + 1, n]]
        slope[n] = by * ONE


@compiled
def _place(
    order: NDArray[np.int64],
    decoded: Values,
    shift: Values,
    classes: Values,
    half: Values,
    low: Values,
    columns: Values,
    out: Values,
) -> tuple[bool, int]:
    """Column and value of each latent from its column in coding order; whether all are bytes, how many escape."""
    good = True
    escapes = 0
    for i in range(len(order)):
        n = order[i]
        columns[n] = decoded[i]
        out[n] = decoded[i] - half[classes[n]] + shift[n]
        good &= 0 <= out[n] + low[n] <= HIGHEST or decoded[i] == 0
        escapes += decoded[i] == 0
    return good, escapes


def _steps(flow: Flow, steps: Sequence[Step], switches: Switches) -> Iterator[tuple[_Plane, _Columns]]:
    """Each plane of each coding step as the decoder meets it, with what its values are there."""
    adaptation = Adaptation(flow, len(steps[0][-1]), switches)
    for level, _, prior, values in steps:
        learned = adaptation.learned(level)
        for p in range(len(values)):
            plane = _Plane.of(flow, prior, p, values, learned)
            columns = plane.columns(values[p])
            yield plane, columns
            adaptation.add_columns(p, plane.cells, columns[0])
        adaptation.add_values(values)


def _unlearned(flow: Flow, values: Values) -> Learned:
    return Learned([flow.tables] * len(values), {}, None)


def _sampled(prior: StepPrior, values: Values) -> tuple[int, StepPrior, Values]:
    """One latent in how many, always an odd number so that all columns are seen, and those of a step."""
    every = max(1, min(MOST_SAMPLED, values.shape[1] // SAMPLE)) | 1
    return every, prior.sampled(every), np.ascontiguousarray(values[:, ::every])


def _likely(flow: Flow, prior: StepPrior, plane: int, values: Values, learned: Learned, switches: Switches) -> int:
    """Log-likelihood of a plane's latents, see `entropy.likelihood`."""
    latents = _Plane.of(flow, prior, plane, values, learned)
    return likelihood(latents.all_spans(latents.columns(values[plane])[0], switches)[1])


def _choose(flow: Flow, steps: Sequence[Step]) -> Switches:
    """The weights that pay, one after the other: a sample of the first step of the finest level tells."""
    every = Switches(flow.search.weights) & (Switches(7) if len(steps[0][-1]) == 3 else Switches.VALUES)
    adaptation = Adaptation(flow, len(steps[0][-1]), every)
    for _, _, prior, values in steps[:-3]:
        for p in range(len(values)):
            plane = _Plane.of(flow, prior, p, values, _unlearned(flow, values))
            adaptation.add_columns(p, plane.cells, plane.columns(values[p])[0])
        adaptation.add_values(values)
    level, _, prior, values = steps[-3]
    learned = adaptation.learned(level)
    _, prior, values = _sampled(prior, values)

    def gain(switches: Switches) -> int:
        return sum(_likely(flow, prior, p, values, learned, switches) for p in range(len(values)))

    chosen, best = Switches(0), gain(Switches(0))
    left = [kind for kind in Switches if kind in every]
    while left:
        gains = [gain(chosen | kind) for kind in left]
        index = int(np.argmax(gains))
        if gains[index] <= best:
            break
        best = gains[index]
        chosen |= left.pop(index)
    return chosen


def _correct(
    flow: Flow, pictures: Sequence[Sequence[Step]], search: Search, share: float = 1.0
) -> tuple[Corrections, list[list[Step]]]:
    """The corrections that pay for one or more pictures, a `share` of all, and their steps with them made."""
    planes = len(pictures[0][0][-1])
    corrections: Corrections = {}
    out: list[list[Step]] = [[] for _ in pictures]
    for steps in zip(*pictures, strict=True):
        level, group, _, _ = steps[0]
        known = [(prior, values) for _, _, prior, values in steps]
        if level < correction.LEVELS and search.classes and all(values.size for _, values in known):
            known = _corrected_step(flow, level, group, planes, known, search, share, corrections)
        for steps_of, (prior, values) in zip(out, known, strict=True):
            steps_of.append((level, group, prior, values))
    return corrections, out


def _corrected_step(
    flow: Flow,
    level: int,
    group: int,
    planes: int,
    known: list[tuple[StepPrior, Values]],
    search: Search,
    share: float,
    corrections: Corrections,
) -> list[tuple[StepPrior, Values]]:
    """A step of the pictures with the corrections made that pay, which are added to `corrections`."""
    some = [_sampled(prior, values) for prior, values in known]
    sampled = [prior for _, prior, _ in some]

    def gain(priors: Sequence[StepPrior], plane: int) -> int:
        return sum(
            every * _likely(flow, prior, plane, values, _unlearned(flow, values), Switches(0))
            for prior, (every, _, values) in zip(priors, some, strict=True)
        )

    for p in range(planes):
        plain = gain(sampled, p)
        for classes in search.classes:
            found = {(level, group, p): correction.fit(known, group, p, classes, search)}
            trial = [correction.corrected(prior, group, p, found[level, group, p]) for prior, _ in known]
            trial_sampled = [prior.sampled(every) for prior, (every, _, _) in zip(trial, some, strict=True)]
            if gain(trial_sampled, p) - plain > int(share * correction.bits(found, planes) * 2**20):
                known = [(prior, values) for prior, (_, values) in zip(trial, known, strict=True)]
                sampled = trial_sampled
                corrections |= found
                break
    return known


def encode_tile(flow: Flow, planes: Values) -> bytes:
    """Code (C, H, W) int32 planes (G, R-G, B-G, or G alone) of any size: a byte of flags, then what they say."""
    steps = record(flow, planes)
    colours = colours_of(planes)
    few = [bytes([PALETTE]) + encode_palette(flow, steps, colours)] if colours is not None else []
    return min([*few, _encode(flow, steps)], key=len)


def _encode(flow: Flow, steps: Sequence[Step]) -> bytes:
    corrections, (steps,) = _correct(flow, [steps], flow.search)
    return _write(flow, steps, _choose(flow, steps), corrections)


def _write(flow: Flow, steps: Sequence[Step], switches: Switches, corrections: Corrections) -> bytes:
    """Flags, and the latents of the steps with the `corrections` made that are to stand before them."""
    planes = len(steps[0][-1])
    symbols = []
    for plane, (column, escaped, latent) in _steps(flow, steps, switches):
        symbols.append((plane, escaped, latent, plane.all_spans(column, switches)))
    encoder = Encoder()
    # rANS is a stack: what is to be decoded first goes on it last.
    for plane, escaped, latent, slices in reversed(symbols):
        excess = np.abs(latent) - _HALF[plane.classes[escaped]]
        encoder.push_uniform((latent > 0).astype(np.int32), 2)
        encoder.push(excess % PART, plane.escape_parts(escaped, excess // PART))
        encoder.push(excess // PART, plane.escape_groups(escaped))
        encoder.push_spans(slices)
    if corrections:
        correction.push(encoder, corrections, planes)
    return bytes([switches | CORRECTED if corrections else switches]) + encoder.finish()


def fit_small(flow: Flow, pictures: Sequence[Values]) -> Corrections:
    """The common corrections that pay for many small pictures, each (C, H, W) planes, C the same for all."""
    count = min(len(pictures), FITTED)
    chosen = [record(flow, pictures[i * len(pictures) // count]) for i in range(count)]
    return _correct(flow, chosen, SMALL_SEARCH, share=count / len(pictures))[0]


def write_corrections(corrections: Corrections, planes: int) -> bytes:
    """Common corrections of pictures of so many planes, to be read by `read_corrections`."""
    encoder = Encoder()
    correction.push(encoder, corrections, planes)
    return encoder.finish()


def encode_small(flow: Flow, planes: Values, corrections: Corrections) -> bytes:
    """Code one of many small pictures, whose common corrections are sent elsewhere: a byte of flags, what they say."""
    steps = record(flow, planes)
    data = without_zeros(_write(flow, _with(steps, corrections), Switches(0), {}))
    colours = colours_of(planes)
    if colours is not None and colours.size < len(data):
        data = min(data, bytes([PALETTE]) + encode_palette(flow, steps, colours), key=len)
    return data


def _with(steps: Sequence[Step], corrections: Corrections) -> list[Step]:
    """The steps with corrections made that are known."""
    out = []
    for level, group, prior, values in steps:
        for p in range(len(values)):
            if (level, group, p) in corrections:
                prior = correction.corrected(prior, group, p, corrections[level, group, p])
        out.append((level, group, prior, values))
    return out


class _Reader:
    """Visitor that decodes."""

    def __init__(
        self, flow: Flow, data: bytes | memoryview, planes: int, corrections: Corrections | None = None
    ) -> None:
        allowed = CORRECTED | (7 if planes == 3 else int(Switches.VALUES))  # ~ of a flag knows no other bits
        if not len(data) or data[0] & ~allowed:
            raise CorruptFile("a tile has unknown flags")
        self._flow = flow
        self._switches = Switches(data[0] & ~CORRECTED)
        self._adaptation = Adaptation(flow, planes, self._switches)
        self._room = np.empty(PIECE)
        self.decoder = Decoder(data[1:])
        self._corrections = correction.pop(self.decoder, planes) if data[0] & CORRECTED else corrections or {}

    def __call__(self, level: int, group: int, prior: StepPrior) -> Values:
        values: Values = np.empty(prior.location.shape, np.int32)
        learned = self._adaptation.learned(level)
        for p in range(len(values)):
            if (level, group, p) in self._corrections:
                prior = correction.corrected(prior, group, p, self._corrections[level, group, p])
        for p in range(len(values)):
            plane = _Plane.of(self._flow, prior, p, values, learned)
            order, decoded = self._columns(plane)
            column, low = np.empty_like(decoded), plane.low()
            good, escapes = _place(order, decoded, plane.shift, plane.classes, _HALF, low, column, values[p])
            self._adaptation.add_columns(p, plane.cells, column)
            if escapes:
                escaped = np.flatnonzero(column == 0)
                groups = self.decoder.pop(plane.escape_groups(escaped))
                excess = PART * groups + self.decoder.pop(plane.escape_parts(escaped, groups))
                excess += _HALF[plane.classes[escaped]]
                latent = np.where(self.decoder.pop_uniform(len(escaped), 2) > 0, excess, -excess)
                values[p, escaped] = latent + plane.shift[escaped]
                byte = values[p, escaped] + low[escaped]
                good = good and int(byte.min()) >= 0 and int(byte.max()) <= HIGHEST
            if not good:
                raise CorruptFile("a tile decodes to values outside of their range")
        self._adaptation.add_values(values)
        return values

    def _columns(self, plane: _Plane) -> tuple[NDArray[np.int64], Values]:
        """The positions of a plane's latents, and their columns, in coding order."""
        narrow, wide = plane.ingredients(self._switches)
        order, classes = plane.order()
        decoded = np.empty(len(order), np.int32)
        pop, room = self.decoder.pop, self._room
        for width, start, end in classes:
            of = narrow if width <= PAIR_WIDTH else wide
            if width < SPLIT_WIDTH:
                for piece in _pieces(start, end, width):
                    decoded[piece] = pop(rows(of, order[piece], width, room))
                continue
            for piece in _pieces(start, end, width // PART):
                decoded[piece] = pop(group_rows(of, order[piece], width, room))
            for piece in _pieces(start, end, PART):
                within = pop(part_rows(of, order[piece], decoded[piece], width, room))
                decoded[piece] = PART * decoded[piece] + within
        return order, decoded


def decode_tile(flow: Flow, data: bytes | memoryview, shape: tuple[int, int, int]) -> Values:
    """The (C, H, W) int32 planes of `shape` that `encode_tile` coded.

    Raises:
        CorruptFile: the data is not a tile of that shape.
    """
    if len(data) and data[0] == PALETTE:
        return decode_palette(flow, data[1:], shape)
    return _decode(flow, _Reader(flow, data, shape[0]), shape)


def _decode(flow: Flow, reader: _Reader, shape: tuple[int, int, int]) -> Values:
    planes = flow.walk(shape, reader)
    reader.decoder.finish()
    return planes


def read_corrections(data: bytes | memoryview, planes: int) -> Corrections:
    """The common corrections that `write_corrections` wrote for pictures of so many planes.

    Raises:
        CorruptFile: the data is not such.
    """
    decoder = Decoder(data)
    corrections = correction.pop(decoder, planes)
    decoder.finish()
    return corrections


def decode_small(flow: Flow, data: bytes, shape: tuple[int, int, int], corrections: Corrections) -> Values:
    """The (C, H, W) planes of `shape` of a picture that `encode_small` coded, zero bytes at its end left out.

    Raises:
        CorruptFile: the data is not a picture of that shape.
    """
    if data[:1] == bytes([PALETTE]):
        return decode_palette(flow, data[1:], shape)
    return _decode(flow, _Reader(flow, with_zeros(data), shape[0], corrections), shape)


def tile_costs(flow: Flow, planes: Values, *, weights: bool = True, lattice: bool = True) -> Costs:
    """What the model says that (C, H, W) planes cost.

    Args:
        flow: the model.
        planes: G, R-G and B-G, or G alone.
        weights: with all that a tile teaches and the encoder fits, as far as it pays: weights, corrections, palettes.
        lattice: with the weights of values and of pairs of values, if `weights`.
    """
    steps = record(flow, planes)
    size = (planes.shape[1], planes.shape[2])
    costs = _costs(*_plain_costs(flow, steps, len(planes), weights=weights, lattice=lattice), size)
    colours = colours_of(planes) if weights else None
    if colours is None:
        return costs
    bits = palette_bits(flow, steps, colours)
    by_step = {(level, group): np.zeros(values.shape) for level, group, _, values in steps}
    for pixels, into in zip(bits, by_step.values(), strict=True):
        into[0] = pixels
    few = _costs(by_step, 8.0 * (colours.size + (3 if colours.shape[1] > 1 else 1)), size)
    return min(costs, few, key=lambda c: c.total)


_BySteps = dict[tuple[int, int], NDArray[np.float64]]


def _costs(steps: _BySteps, rest: float, size: tuple[int, int]) -> Costs:
    return Costs(steps, rest, placed({key: bits.sum(0) for key, bits in steps.items()}, size))


def _plain_costs(flow: Flow, steps: list[Step], planes: int, *, weights: bool, lattice: bool) -> tuple[_BySteps, float]:
    rest, switches = 0.0, Switches(0)
    if weights:
        corrections, (steps,) = _correct(flow, [steps], flow.search)
        switches = _choose(flow, steps) if lattice else switches
        rest = correction.bits(corrections, planes) if corrections else 0.0
    return _latent_bits(flow, steps, switches), rest


def _latent_bits(flow: Flow, steps: Sequence[Step], switches: Switches) -> _BySteps:
    """Bits of each latent of steps whose corrections are made."""
    by_step = {(level, group): np.zeros(values.shape) for level, group, _, values in steps}
    lines = iter([line for bits in by_step.values() for line in bits])
    for plane, (column, escaped, latent) in _steps(flow, steps, switches):
        bits = next(lines)
        for where, (_, size) in plane.spans(column, switches):
            bits[where] -= np.log2(size / TOTAL)
        excess = np.abs(latent) - _HALF[plane.classes[escaped]]
        group, part = excess // PART, excess % PART
        for rows_of, symbols in ((plane.escape_groups(escaped), group), (plane.escape_parts(escaped, group), part)):
            bits[escaped] -= np.log2(row_spans(rows_of, symbols)[1] / TOTAL)
        bits[escaped] += 1
    return by_step


def small_costs(flow: Flow, planes: Values, corrections: Corrections) -> float:
    """What the model says in bits that a small picture costs, see `encode_small`."""
    steps = record(flow, planes)
    bits = sum(float(bits.sum()) for bits in _latent_bits(flow, _with(steps, corrections), Switches(0)).values())
    colours = colours_of(planes)
    if colours is None:
        return bits
    few = 8.0 * (colours.size + (3 if colours.shape[1] > 1 else 1))
    return min(bits, few + sum(float(pixels.sum()) for pixels in palette_bits(flow, steps, colours)))
