"""Exceptions as bytes: where they are and what they are, by rANS under tables that come with them.

Positions are coded as gaps: the pixels between an exception and the one before it. A gap is coded as its length in
bits, then its bits below the first. Each difference is one of seven small values, or an escape and the value itself.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile
from idfcodec.picture.conversion.undoing import Exceptions

if TYPE_CHECKING:
    from idfcodec.entropy import Decoder, Encoder

__all__ = ["pack_exceptions", "unpack_exceptions"]

_LENGTHS = 32  # of a gap in bits: 0 to 31
_KINDS = 8  # of a difference
_SMALL = np.array([0, -1, 1, -2, 2, -3, 3], np.int16)
_ESCAPE = len(_SMALL)
_WEIGHTS = np.array([0, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 362, 512], np.float64)
_TABLES = (_LENGTHS + 3 * _KINDS) // 2  # bytes, two weights in each
_PART = 16  # bits that are coded as one number
_ROWS = 1 << 16  # symbols coded at a time, which bounds memory
_WHAT = "the exceptions of the colour conversion"


def pack_exceptions(exceptions: Exceptions) -> bytes:
    """The bytes of exceptions; none for none."""
    if not len(exceptions):
        return b""
    from idfcodec.entropy import Encoder

    gaps = np.diff(exceptions.positions, prepend=-1) - 1
    lengths = _bit_lengths(gaps)
    kinds = _kinds(exceptions.differences)
    counts = [np.bincount(lengths, minlength=_LENGTHS), *(np.bincount(k, minlength=_KINDS) for k in kinds)]
    tables = np.concatenate([_nibbles(c) for c in counts])
    weights = _split(_WEIGHTS[tables])

    encoder = Encoder()
    for channel in reversed(range(3)):
        escaped = kinds[channel] == _ESCAPE
        encoder.push_uniform((exceptions.differences[escaped, channel] + 255).astype(np.int32), 511)
        _push(encoder, kinds[channel], weights[1 + channel])
    for length in reversed(range(2, _LENGTHS)):
        for shift, size in reversed(_parts(length)):
            encoder.push_uniform((gaps[lengths == length] >> shift & size - 1).astype(np.int32), size)
    _push(encoder, lengths, weights[0])
    packed = (tables[0::2] << 4 | tables[1::2]).astype(np.uint8)
    return b"".join((struct.pack("<I", len(exceptions)), packed.tobytes(), encoder.finish()))


def unpack_exceptions(data: bytes, pixels: int) -> Exceptions:
    """The exceptions of a picture of so many pixels.

    Raises:
        CorruptFile: these cannot be its exceptions.
    """
    if not data:
        return Exceptions(np.empty(0, np.int64), np.empty((0, 3), np.int16))
    if len(data) < 4 + _TABLES:
        raise CorruptFile(f"{_WHAT} end too early")
    (count,) = struct.unpack_from("<I", data)
    if not 0 < count <= pixels:
        raise CorruptFile(f"{_WHAT} are {count}, of a picture of {pixels} pixels")
    packed = np.frombuffer(data, np.uint8, _TABLES, 4)
    weights = _split(_WEIGHTS[np.stack([packed >> 4, packed & 15], axis=1).reshape(-1)])
    if any(not w.any() for w in weights):
        raise CorruptFile(f"a table of {_WHAT} is empty")

    from idfcodec.entropy import Decoder

    decoder = Decoder(data[4 + _TABLES :])
    lengths = _pop(decoder, count, weights[0])
    gaps = np.where(lengths > 0, np.int64(1) << np.maximum(lengths - 1, 0).astype(np.int64), 0)
    for length in range(2, _LENGTHS):
        here = np.flatnonzero(lengths == length)
        for shift, size in _parts(length):
            gaps[here] |= decoder.pop_uniform(len(here), size).astype(np.int64) << shift
    positions = np.cumsum(gaps + 1) - 1
    if positions[-1] >= pixels:
        raise CorruptFile(f"{_WHAT} lie outside the picture")
    differences = np.zeros((count, 3), np.int16)
    for channel in range(3):
        kinds = _pop(decoder, count, weights[1 + channel])
        escaped = kinds == _ESCAPE
        differences[:, channel] = np.append(_SMALL, 0)[kinds]
        differences[escaped, channel] = decoder.pop_uniform(int(escaped.sum()), 511) - 255
        if (np.abs(differences[escaped, channel]) <= 3).any():
            raise CorruptFile(f"{_WHAT} have a small difference as an escape")
    decoder.finish()
    if not differences.any(axis=1).all():
        raise CorruptFile(f"one of {_WHAT} is none")
    return Exceptions(positions, differences)


def _bit_lengths(numbers: NDArray[np.int64]) -> NDArray[np.int32]:
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int32)


def _kinds(differences: NDArray[np.int16]) -> list[NDArray[np.int32]]:
    """The kind of each difference, by channel."""
    wide = differences.astype(np.int32).T
    return [np.where(np.abs(d) <= 3, np.abs(d) * 2 - (d < 0), _ESCAPE).astype(np.int32) for d in wide]


def _nibbles(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The weight nearest to each count by ratio, the greatest count having the last; 0 for what does not occur."""
    edges = _WEIGHTS[1:-1] * _WEIGHTS[2:]  # squares of the geometric means
    found = 1 + np.searchsorted(edges, (counts * 512 // counts.max()) ** 2, side="right")
    return np.where(counts > 0, found, 0)


def _split(weights: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return np.split(weights, [_LENGTHS, _LENGTHS + _KINDS, _LENGTHS + 2 * _KINDS])


def _parts(length: int) -> list[tuple[int, int]]:
    """(shift, values) of the numbers that the length - 1 bits below the first are coded as, the lowest bits first."""
    return [(s, 1 << min(_PART, length - 1 - s)) for s in range(0, length - 1, _PART)]


def _push(encoder: Encoder, symbols: NDArray[np.int32], weights: NDArray[np.float64]) -> None:
    for start in reversed(range(0, len(symbols), _ROWS)):
        part = symbols[start : start + _ROWS]
        encoder.push(part, np.tile(weights, (len(part), 1)))


def _pop(decoder: Decoder, count: int, weights: NDArray[np.float64]) -> NDArray[np.int32]:
    sizes = [min(_ROWS, count - start) for start in range(0, count, _ROWS)]
    return np.concatenate([decoder.pop(np.tile(weights, (size, 1))) for size in sizes])
