"""Entropy coding: rANS under probability mass functions of integers. The one module that knows `constriction`.

A symbol s in [0, n) is coded under a row of n integer weights w. With C_s the sum of the weights before s and
k = (2**24 - n) / (sum of the row), a binary64 division, its slice of the 2**24 quantiles is

    [floor(C_s * k) + s, floor(C_(s+1) * k) + s + 1),  the last symbol's ends at 2**24,

one correctly rounded IEEE 754 operation each, hence the same on every machine; no symbol has an empty slice.

References:
    Bamler, *Understanding Entropy Coding With Asymmetric Numeral Systems*, 2022, https://arxiv.org/abs/2201.01741
"""

from __future__ import annotations

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled, compiled_sums, inlined
from idfcodec.errors import CorruptFile
from idfcodec.types import Buffer

__all__ = [
    "UNSEEN",
    "Decoder",
    "Encoder",
    "Frequencies",
    "Intervals",
    "interval_of",
    "intervals",
    "least_growth",
    "log_likelihood",
]

Frequencies = NDArray[np.float64]
Intervals = tuple[NDArray[np.int32], NDArray[np.int32]]
_TOTAL = 2**24
_ROWS = constriction.stream.model.Categorical(perfect=False)
UNSEEN = 16  # bytes that a stream may be shorter than the bits of its symbols
_BAD = "the entropy-coded data is damaged"


@inlined
def interval_of(rows: NDArray[np.float64], n: int, column: int) -> tuple[int, int]:
    """First quantile and size of the slice that a `Decoder` takes for a column of row n of integer weights."""
    width = rows.shape[1]
    total = 0.0
    for j in range(width):
        total += rows[n, j]
    before = 0.0
    for j in range(column):
        before += rows[n, j]
    scale = (_TOTAL - width) / total
    start = int(before * scale) + column
    end = int((before + rows[n, column]) * scale) + column + 1 if column < width - 1 else _TOTAL
    return start, end - start


@compiled_sums
def intervals(rows: NDArray[np.float64], columns: NDArray[np.int32]) -> Intervals:
    """`interval_of` each of (N, n) rows: (N,) starts and (N,) sizes."""
    start, size = np.empty(len(rows), np.int32), np.empty(len(rows), np.int32)
    for n in range(len(rows)):
        start[n], size[n] = interval_of(rows, n, columns[n])
    return start, size


@compiled
def _as_three(
    start: NDArray[np.int32], size: NDArray[np.int32], weights: Frequencies, symbols: NDArray[np.int32]
) -> None:
    """Each slice as one of three symbols: those before, this one and those after; weights one less than their shares.

    All but one quantile leaves one of them a weight of -1, which does no harm behind the symbol, but before it: where
    nothing is before the slice it comes first of the three, where nothing is behind it last.
    """
    for n in range(len(start)):
        before, here, after = start[n] - 1, size[n] - 1, _TOTAL - start[n] - size[n] - 1
        if start[n] == 0:
            weights[n, 0], weights[n, 1], weights[n, 2] = here, after - 1, before + 1
            symbols[n] = 0
        elif after < 0 and before > 0:
            weights[n, 0], weights[n, 1], weights[n, 2] = after + 1, before - 1, here
            symbols[n] = 2
        else:
            weights[n, 0], weights[n, 1], weights[n, 2] = before, here, after
            symbols[n] = 1


def log_likelihood(sizes: NDArray[np.int32]) -> int:
    """Sum of log2 of the shares of (N,) sizes of intervals, piecewise linear, in units of 2**-20: alike everywhere.

    No number of symbols is better than another one: what is certain adds nothing.
    """
    mantissa, exponent = np.frexp(sizes.astype(np.float64))
    return int(((exponent.astype(np.int64) - 26) * 2**20 + np.floor(mantissa * 2**21).astype(np.int64)).sum())


def least_growth(sizes: NDArray[np.int32]) -> float:
    """Bytes that a stream grows by at least for intervals of (N,) sizes; `UNSEEN` less for those that it ends with.

    Of the bits of each rANS leaves out one in 256 at most, since a state is 256 times the size or more. The state that
    it begins with, for the last symbols, is zero: those at the bottom of the quantiles then take nothing. That as many
    bits are saved so as `UNSEEN` has is next to impossible.
    """
    return float(24 * len(sizes) - np.log2(sizes).sum()) / 8 * 255 / 256


class Encoder:
    """A stack of symbols: what is pushed last is decoded first."""

    def __init__(self) -> None:
        self._coder = constriction.stream.stack.AnsCoder()

    def push(self, symbols: NDArray[np.int32], weights: NDArray[np.float64]) -> None:
        """Push (N,) symbols in [0, n) under (N, n) integer-valued weights, the last symbol first."""
        if len(symbols):
            self._coder.encode_reverse(symbols, _ROWS, weights)

    def push_intervals(self, intervals: Intervals) -> None:
        """Push symbols by their intervals: (N,) first quantiles and (N,) sizes; the last symbol first."""
        start, size = intervals
        if not len(start):
            return
        weights, symbols = np.empty((len(start), 3)), np.empty(len(start), np.int32)
        _as_three(start, size, weights, symbols)
        self._coder.encode_reverse(symbols, _ROWS, weights)

    def push_uniform(self, symbols: NDArray[np.int32], size: int) -> None:
        """Push (N,) symbols in [0, size), all equally likely."""
        if len(symbols):
            self._coder.encode_reverse(symbols, constriction.stream.model.Uniform(size))

    def finish(self) -> bytes:
        """The stream, a multiple of four bytes."""
        return bytes(self._coder.get_compressed().astype("<u4").tobytes())


class Decoder:
    """Reads what an `Encoder` pushed, in the opposite order.

    Raises:
        CorruptFile: the stream cannot be one, here or in any method.
    """

    def __init__(self, data: Buffer) -> None:
        if len(data) % 4:
            raise CorruptFile(_BAD)
        words = np.frombuffer(data, "<u4").astype(np.uint32)
        try:
            self._coder = constriction.stream.stack.AnsCoder(words)
        except ValueError as ex:
            raise CorruptFile(_BAD) from ex

    def _pop(self, *model: Any) -> NDArray[np.int32]:
        try:
            symbols: NDArray[np.int32] = self._coder.decode(*model)
        except Exception as ex:
            raise CorruptFile(_BAD) from ex
        return symbols

    def pop(self, weights: NDArray[np.float64]) -> NDArray[np.int32]:
        """(N,) symbols under (N, n) integer-valued weights."""
        return self._pop(_ROWS, weights)

    def pop_uniform(self, count: int, size: int) -> NDArray[np.int32]:
        """(count,) symbols in [0, size)."""
        return self._pop(constriction.stream.model.Uniform(size), count)

    def finish(self) -> None:
        """Check that everything was read."""
        if not self._coder.is_empty():
            raise CorruptFile(_BAD)
