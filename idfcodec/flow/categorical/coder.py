"""Pictures as names of colours to payloads and back. FORMAT.md, 12."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import UNSEEN, Encoder, least_growth
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.flow.categorical.choosing import likely_ways
from idfcodec.flow.categorical.colours import by_luminance, by_significance, few_colours, packed
from idfcodec.flow.categorical.config import BUDGETS, STRIP, WAYS, Budget, Way
from idfcodec.flow.categorical.kernels import DECODE, ENCODE
from idfcodec.flow.categorical.work import Work
from idfcodec.flow.contract import CodeLength
from idfcodec.format.payload import CATEGORICAL, first_byte
from idfcodec.types import Buffer

__all__ = ["code_length", "decode", "encode"]

BUDGET = 16  # the number of a way is below it; a budget's stands above
PLAIN_WAY = WAYS[1]
PARTS = 2**12  # of a picture of one decision a pixel, whose bits are told apart
STEP = 2**11  # decisions after which it is asked whether a limit is passed
HOPELESS = 0.88, 0.5
"""The share of the pixels, of many colours and of few, before which a way must not pass the limit if the same without
candidates is still to be tried: that takes a tenth less at most."""
ENOUGH, WORSE = 0.25, 1.04  # of many colours: from which share on the two are compared, and what tells enough
FEW = 2**14  # pixels up to which few colours are also tried as what they are


_Course: TypeAlias = Sequence[tuple[float, float]]
"""Bytes of a way after shares of the pixels."""


@dataclass(frozen=True)
class _Try:
    """A way to code a picture.

    Args:
        head: what a payload says first.
        names: as the way sees them.
        channels, colours: of a name.
        way, budget: how.
    """

    head: bytes
    names: NDArray[np.uint32]
    channels: int
    colours: int
    way: Way
    budget: Budget

    def payload(self, limit: float, usual: _Course = ()) -> tuple[bytes, _Course]:
        """What it makes of the names, nothing where it is given up as `_coded` says; and its course."""
        work, course = _work(ENCODE, self.names, self.channels, self.colours, self.way, self.budget), [(0.0, 0.0)]
        coded = _coded(work, limit - len(self.head), course, usual)
        return self.head + coded if coded else b"", course

    def length(self) -> CodeLength:
        """What it takes: the bits of some decisions are told evenly of the pixels that they are about."""
        size = self.names.size
        strip = max(size // PARTS, 1)
        work = _work(ENCODE, self.names, self.channels, self.colours, self.way, self.budget, strip)
        pixels, start = np.empty(size), 0
        while not work.done:
            bits = float((24 - np.log2(work.intervals()[1])).sum())
            pixels[start : work.position] = bits / (work.position - start)
            start = work.position
        return CodeLength(pixels.reshape(-1, self.names.shape[2]), 8.0 * len(self.head), {"names": float(pixels.sum())})


def _tries(names: NDArray[np.uint32], channels: int, palette: NDArray[np.uint8] | None, effort: str) -> Iterator[_Try]:
    """See `encode`."""
    names = np.ascontiguousarray(names, np.uint32)
    number = 2 ** (8 * channels) if palette is None else len(palette)
    if names.size == 0 or int(names.max()) >= number:
        raise IDFError(f"a picture of names needs pixels, and all of them below {number}")
    colours = few_colours(names) if palette is None else packed(palette)
    if colours is None:
        choices = dict.fromkeys(WAYS[:2], names)
    else:
        numbers = names if palette is not None else np.searchsorted(colours, names).astype(np.uint32)
        choices = {way: _ranks(numbers, _order(colours, channels, way)) for way in WAYS[2:]}
        if palette is None and (effort == "max" or names.size <= FEW):
            choices = dict.fromkeys(WAYS[:2], names) | choices
    number, listed = 0 if colours is None else len(colours), b""
    for way, budget in likely_ways(choices, channels, number, effort):
        head = bytes([CATEGORICAL, WAYS.index(way) + BUDGET * BUDGETS.index(budget)])
        if (way.tree or way.ramp) and colours is not None and palette is None:
            listed = listed or _coded_colours(colours[by_significance(colours, channels)], channels)
            head += listed
        yield _Try(head, choices[way], channels, number, way, budget)


def encode(
    names: NDArray[np.uint32],
    *,
    channels: int,
    palette: NDArray[np.uint8] | None = None,
    effort: str = "default",
    limit: float = inf,
) -> bytes:
    """The payload of a picture.

    Args:
        names: (F, H, W), of F frames: colours of `channels` channels, channel c at bits 8 c; with a palette, numbers of
            its colours.
        channels: 1 to 4.
        palette: (n, channels) of at most 256 colours, which the decoder has as well; some may be equal.
        effort: "fast", "default", "max": which ways are tried; "sample": the likeliest one of a photograph, unseen.
        limit: bytes; what is found to take more is not coded to its end, and there may then be no payload: b"".

    Raises:
        IDFError: a name is none of these.
    """
    found, courses = b"", dict[Way, _Course]()
    for one in _tries(names, channels, palette, effort):
        usual = courses.get(one.way, ())
        if usual and usual[-1][0] < HOPELESS[one.colours > 0]:
            continue
        payload, course = one.payload(limit, () if one.colours else usual)
        if effort != "max" and not payload:
            courses[replace(one.way, listed=False)] = course
        if payload and not 0 < len(found) <= len(payload):
            found, limit = payload, min(limit, len(payload))
    return found


def code_length(
    names: NDArray[np.uint32], *, channels: int, palette: NDArray[np.uint8] | None = None, effort: str = "default"
) -> CodeLength:
    """What `encode` takes for a picture; its pixels are (F * H, W), of all frames, one below the other.

    Raises:
        IDFError: a name is none of these.
    """
    return min((one.length() for one in _tries(names, channels, palette, effort)), key=lambda length: length.total)


def decode(
    payload: Buffer, shape: tuple[int, int, int], *, channels: int, palette: NDArray[np.uint8] | None = None
) -> NDArray[np.uint32]:
    """The names of a payload, (F, H, W); see `encode`.

    Raises:
        CorruptFile: it is damaged.
    """
    data = memoryview(payload)
    if len(data) < 2 or first_byte(data) != CATEGORICAL:
        raise CorruptFile("a payload of names does not say how it is coded")
    which, how_much = data[1] % BUDGET, data[1] // BUDGET
    if which >= len(WAYS) or how_much >= len(BUDGETS):
        raise CorruptFile("a payload of names does not say how it is coded")
    way, budget = WAYS[which], BUDGETS[how_much]
    position = 2
    needs_colours = way.tree or way.ramp
    colours = None if palette is None else packed(palette)
    if needs_colours and palette is None:
        colours, position = _read_colours(data, position, channels)
    elif palette is not None and not needs_colours:
        raise CorruptFile("a payload of names has no palette, and the picture one")
    number = 0 if colours is None else len(colours)
    coded = _decoded(data[position:], shape, channels, number, way, budget)
    if colours is None:
        return coded
    if int(coded.max()) >= number:
        raise CorruptFile("a payload of names has more colours than its palette")
    order = _order(colours, channels, way)
    table = order.astype(np.uint32) if palette is not None else colours[order]
    return table[coded]


def _order(colours: NDArray[np.uint32], channels: int, way: Way) -> NDArray[np.intp]:
    return by_luminance(colours, channels) if way.ramp else by_significance(colours, channels)


def _ranks(names: NDArray[np.uint32], order: NDArray[np.intp]) -> NDArray[np.uint32]:
    """Names as their places in an order of the colours."""
    rank = np.empty(len(order), np.uint32)
    rank[order] = np.arange(len(order), dtype=np.uint32)
    return rank[names]


def _work(
    mode: int, names: NDArray[np.uint32], channels: int, colours: int, way: Way, budget: Budget, strip: int = STRIP
) -> Work:
    channels, colours = 1 if way.ramp else channels, colours if way.tree else 0
    return Work(mode, names, channels, colours, way, budget=budget, strip=strip)


def _coded(
    work: Work, limit: float = inf, course: list[tuple[float, float]] | None = None, usual: _Course = ()
) -> bytes:
    """Strips: how many after the first, the words in each but the last, the words; without zero bytes at the end.

    Nothing once it is known to take more bytes than the limit, or goes to it by the course of a similar way.

    Args:
        work: at its beginning.
        limit: in bytes.
        course: is continued.
        usual: that of a way that was given up.
    """
    least, streams = 0.0, list[bytes]()
    while not work.done:
        parts, count = [], 0
        while count < STRIP and not work.done:
            start, size = work.intervals(STRIP - count if limit == inf else min(STEP, STRIP - count))
            parts.append((start, size))
            count += len(size)
            if limit < inf and course is not None:
                least += least_growth(size)
                course.append((work.share, least))
                if least - UNSEEN * (len(streams) + 1) > limit or _goes_beyond(course[-1], usual):
                    return b""
        encoder = Encoder()
        starts, sizes = zip(*parts, strict=True)
        encoder.push_intervals((np.concatenate(starts), np.concatenate(sizes)))
        streams.append(encoder.finish())
    lengths = b"".join(_number(len(stream) // 4) for stream in streams[:-1])
    return _number(len(streams) - 1) + lengths + b"".join(streams).rstrip(b"\0")


def _goes_beyond(now: tuple[float, float], usual: _Course) -> bool:
    """Whether a way will pass the limit that a similar one passed, unless it becomes better beside it."""
    if not usual or now[0] < ENOUGH:
        return False
    shares, sizes = np.transpose(usual)
    return bool(now[1] > WORSE * shares[-1] * np.interp(now[0], shares, sizes))


def _decoded(
    data: memoryview, shape: tuple[int, int, int], channels: int, colours: int, way: Way, budget: Budget
) -> NDArray[np.uint32]:
    more, position = _read_number(data, 0)
    if more > len(data):
        raise CorruptFile("a payload of names ends too early")
    lengths = []
    for _ in range(more):
        length, position = _read_number(data, position)
        lengths.append(4 * length)
    names = np.empty(shape, np.uint32)
    work = _work(DECODE, names, channels, colours, way, budget)
    for stream in _cut(data[position:], lengths):
        if work.done:
            raise CorruptFile("a payload of names has more strips than its picture")
        work.decode(np.frombuffer(stream, "<u4").astype(np.uint32))
    if not work.done:
        raise CorruptFile("a payload of names has fewer strips than its picture")
    return names


def _cut(data: memoryview, lengths: list[int]) -> Iterator[bytes]:
    """The strips' words; the last one gets the zero bytes back that were left out."""
    start = 0
    if len(data) and not data[-1]:
        raise CorruptFile("a payload of names ends in a zero byte that is to be left out")
    for length in lengths:
        yield bytes(data[start : start + length]).ljust(length, b"\0")
        start += length
    last = bytes(data[start:])
    yield last + bytes(-len(last) % 4)


def _coded_colours(colours: NDArray[np.uint32], channels: int) -> bytes:
    """A list of colours: their number less 1, the size of what follows, and that; size 0: bytes as they are."""
    plain = colours.view(np.uint8).reshape(-1, 4)[:, :channels].tobytes()
    coded = _coded(_work(ENCODE, colours[None, None], channels, 0, PLAIN_WAY, BUDGETS[0]))
    if len(coded) >= len(plain):
        return bytes([len(colours) - 1, 0]) + plain
    return bytes([len(colours) - 1]) + _number(len(coded)) + coded


def _read_colours(data: memoryview, position: int, channels: int) -> tuple[NDArray[np.uint32], int]:
    """What `_coded_colours` wrote, ascending by name, and where it ends."""
    if position >= len(data):
        raise CorruptFile("a payload of names ends too early")
    count = data[position] + 1
    size, position = _read_number(data, position + 1)
    end = position + (size or count * channels)
    if end > len(data):
        raise CorruptFile("a payload of names ends too early")
    if size:
        colours = _decoded(data[position:end], (1, 1, count), channels, 0, PLAIN_WAY, BUDGETS[0]).reshape(-1)
    else:
        colours = packed(np.frombuffer(data[position:end], np.uint8).reshape(count, channels))
    ordered = np.sort(colours)
    if (ordered[1:] == ordered[:-1]).any() or not np.array_equal(colours[by_significance(colours, channels)], colours):
        raise CorruptFile("the colours of a payload of names are not ascending")
    return ordered, end


def _number(value: int) -> bytes:
    """A number in groups of 7 bits, the lowest first; the highest bit of a byte says that another one follows."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _read_number(data: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        if position >= len(data):
            raise CorruptFile("a payload of names ends too early")
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if shift and not byte:
                raise CorruptFile("a number in a payload of names is longer than it need be")
            return value, position
    raise CorruptFile("a number in a payload of names is too large")
