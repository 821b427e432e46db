"""The values that occur in the channels of a tile, so that only these are coded.

Where a channel has gaps that no scale explains, or one value, a *table* lists what occurs, and the samples are coded as
places in it. As bytes, the values of all channels are a zero and for each channel one of

    bits, form and bits of the samples    a scale, see `depth`
    32, first, count − 1, least − 1, parameter, gaps     a table
    33                                    the same as the channel before

`first`, `count` and `least` have the bytes of a sample, the parameter k is one byte; with one value nothing follows
the count. Gaps are differences of consecutive values. Of each, less `least`, the quotient by 2^k comes first, as so
many 0 bits and a 1; after those of all gaps the k bits of each remainder, highest first. Bits fill bytes from the top,
and zero bits the last of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile
from idfcodec.picture.depth import DEPTH, Scale, scale_of, unpack_scales
from idfcodec.types import Pixels

__all__ = ["Table", "Values", "pack_values", "unpack_values", "values_of"]

_TABLE, _AGAIN = 32, 33
_MOST_BITS = 16  # of a remainder
_APART = 0.15  # bits a sample that tables of their own must save


@dataclass(frozen=True)
class Table:
    """The values that occur.

    Args:
        occurring: strictly ascending, not empty.
    """

    occurring: tuple[int, ...]

    @property
    def most(self) -> int:
        """The largest place."""
        return len(self.occurring) - 1

    def samples(self, places: NDArray[np.int32]) -> NDArray[np.int32]:
        """The samples at these places."""
        return np.array(self.occurring, np.int32)[places]

    def values(self, samples: Pixels) -> NDArray[np.int32]:
        """The places of samples, all of which occur."""
        places = np.zeros(self.occurring[-1] + 1, np.int32)
        places[list(self.occurring)] = np.arange(len(self.occurring), dtype=np.int32)
        return places[samples]


Values: TypeAlias = Scale | Table


def values_of(samples: Pixels, depth: int) -> list[Values]:
    """What occurs in each channel of (h, w, c) samples of colours or of alpha, shared where that is as good.

    Args:
        samples: uint8 or uint16.
        depth: bits of a sample.
    """
    counts = [np.bincount(samples[..., c].ravel(), minlength=1 << depth) for c in range(samples.shape[2])]
    together = np.sum(counts, axis=0)
    sizes = [int(np.count_nonzero(n)) for n in counts]
    apart = float(np.log2(np.count_nonzero(together)) - np.mean(np.log2(sizes)))
    scale = scale_of(samples) if depth == DEPTH else Scale(depth, depth)
    # A table of all colours keeps the differences of channels small; one for each is for channels stretched apart.
    if apart < _APART and max(sizes) > 1:
        return [_table(together) if _pays(together, depth, scale) else scale] * len(sizes)
    return [_table(n) if _pays(n, depth, scale) else scale for n in counts]


def _table(counts: NDArray[np.int64]) -> Table:
    return Table(tuple(np.flatnonzero(counts).tolist()))


def _pays(counts: NDArray[np.int64], depth: int, scale: Scale) -> bool:
    """Whether a table saves more than it takes.

    A sample whose neighbours among the values that occur are g apart takes about log2 g bits less.
    """
    occurring = np.flatnonzero(counts)
    if len(occurring) == 1:
        return True
    wide = scale.values(occurring.astype(np.uint16)).astype(np.float64)
    around = np.concatenate((wide[:1] - 1, wide, wide[-1:] + 1))
    saved = float((counts[occurring] * np.log2((around[2:] - around[:-2]) / 2)).sum())
    return saved > 0 and 0.8 * saved > 8 * (len(_pack_table(_table(counts), depth)) + 8)


def pack_values(values: Sequence[Values], depth: int) -> bytes:
    """The values of all channels as bytes."""
    parts, before = [b"\0"], None
    for one in values:
        if one == before:
            parts.append(bytes([_AGAIN]))
        elif isinstance(one, Table):
            parts.append(_pack_table(one, depth))
        else:
            parts.append(one.packed())
        before = one
    return b"".join(parts)


def _pack_table(table: Table, depth: int) -> bytes:
    values = np.array(table.occurring, np.int64)
    gaps = np.diff(values)
    head = [int(values[0]), len(gaps)]
    if not len(gaps):
        return _head(head, depth)
    least = int(gaps.min())
    rest = gaps - least
    sizes = [int((rest >> k).sum()) + len(gaps) * (1 + k) for k in range(_MOST_BITS)]
    k = int(np.argmin(sizes))
    quotients = np.zeros(int((rest >> k).sum()) + len(gaps), np.uint8)
    quotients[np.cumsum((rest >> k) + 1) - 1] = 1
    remainders = (rest[:, None] >> np.arange(k)[::-1] & 1).astype(np.uint8)
    bits = np.packbits(np.concatenate((quotients, remainders.ravel())))
    return _head([*head, least - 1], depth) + bytes([k]) + bits.tobytes()


def _bytes(depth: int) -> int:
    return (depth + 7) // 8


def _head(numbers: list[int], depth: int) -> bytes:
    return bytes([_TABLE]) + b"".join(number.to_bytes(_bytes(depth), "little") for number in numbers)


def unpack_values(data: bytes, channels: int, depth: int) -> list[Values]:
    """What `pack_values` packed.

    Raises:
        CorruptFile: these cannot be the values of so many channels.
    """
    found: list[Values] = []
    position = 1
    for _ in range(channels):
        mark = data[position] if position < len(data) else 0
        if mark == _TABLE:
            table, position = _unpack_table(data, position + 1, depth)
            found.append(table)
        elif mark == _AGAIN and found:
            found.append(found[-1])
            position += 1
        else:
            (scale,) = unpack_scales(data[position : position + 2], 1)
            if scale.top > depth:
                raise CorruptFile(f"a tile has a scale of {scale.top} bits, and samples of {depth}")
            found.append(scale)
            position += 2
    if position != len(data) or data[0]:
        raise CorruptFile("the values of a tile have the wrong length, or an unknown first byte")
    return found


def _unpack_table(data: bytes, position: int, depth: int) -> tuple[Table, int]:
    """The table at a position, and the position after it."""
    size = _bytes(depth)
    numbers = [int.from_bytes(data[position + i * size : position + (i + 1) * size], "little") for i in range(3)]
    first, count, least = numbers
    if count == 0:
        if len(data) < position + 2 * size:
            raise CorruptFile("a table of values ends too early")
        return Table((first,)), position + 2 * size
    position += 3 * size
    k = data[position] if position < len(data) else _MOST_BITS
    bits: NDArray[Any] = np.unpackbits(np.frombuffer(data[position + 1 : position + 1 + 2**17], np.uint8))
    ends = np.flatnonzero(bits[: 2 ** (depth + 1)])[:count]
    used = (int(ends[-1]) + 1 if len(ends) else 0) + count * k
    end = position + 1 + -(-used // 8)
    if k >= _MOST_BITS or len(ends) < count or used > len(bits) or bits[used : 8 * (end - position - 1)].any():
        raise CorruptFile("a table of values is damaged")
    remainders = bits[int(ends[-1]) + 1 : used].reshape(count, k).astype(np.int64) @ (1 << np.arange(k)[::-1])
    gaps = (np.diff(ends, prepend=-1) - 1 << k) + remainders + least + 1
    values = first + np.concatenate(([0], np.cumsum(gaps)))
    if values[-1] >= 1 << depth:
        raise CorruptFile(f"a table has values of more than {depth} bits")
    return Table(tuple(values.tolist())), end
