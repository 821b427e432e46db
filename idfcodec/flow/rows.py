"""The weights of each latent's columns, made row by row: the innermost loops of coding."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import Rows, Spans, span_of
from idfcodec.flow.compiled import compiled
from idfcodec.flow.hierarchy import HIGHEST, Values
from idfcodec.flow.lattice import EXPECTED_BITS, UNIT
from idfcodec.flow.prior import TOTAL

__all__ = ["RowMaker"]

_NO_PAIRS = np.zeros((0, 0), np.int32)
_NO_BLURRED = np.zeros((0, 0, 0), np.int32)
_NO_VALUES = np.zeros(0, np.int32)
_NO_BLUR = np.zeros(0, np.int64)


@dataclass(frozen=True)
class RowMaker:
    """What the rows of the latents of a plane are made of. Arrays (N,) are int32, one number a latent.

    Args:
        tables: (CELLS,) weights of the plane.
        cells: (N,) where each latent's row begins in them.
        shift: (N,) of the coupling: column j of a row of n stands for the value shift - n / 2 + j.
        low: (N,) what makes a value a byte: 0 for G, G for the differences.
        values: (256,) weight of each byte, or empty.
        known: (N,) value of the plane before, with `pair`.
        pair, pair_low: weights W of the pairs of the plane before with this one, see `lattice.PairWeights`; or empty.
        blurred, blurred_low: weights V of this plane's values, over their pairs with the next plane; or empty.
        blur: (N,) which of `blurred` is right for the scale of the next plane.
        at, slope: (N,) where the next plane is expected if this one is 0, in units of 2**-EXPECTED_BITS, and what one
            step of this one adds to it.
    """

    tables: Values
    cells: Values
    shift: Values
    low: Values
    values: Values = field(default_factory=lambda: _NO_VALUES)
    known: Values = field(default_factory=lambda: _NO_VALUES)
    pair: Values = field(default_factory=lambda: _NO_PAIRS)
    pair_low: tuple[int, int] = (0, 0)
    blurred: Values = field(default_factory=lambda: _NO_BLURRED)
    blurred_low: tuple[int, int] = (0, 0)
    blur: NDArray[np.int64] = field(default_factory=lambda: _NO_BLUR)
    at: Values = field(default_factory=lambda: _NO_VALUES)
    slope: Values = field(default_factory=lambda: _NO_VALUES)

    def _arguments(self) -> tuple[object, ...]:
        own = (self.tables, self.cells, self.shift, self.low, self.values, self.known, self.pair, *self.pair_low)
        return (*own, self.blurred, *self.blurred_low, self.blur, self.at, self.slope)

    def rows(self, where: NDArray[np.int64], width: int) -> Rows:
        """(N, width) weights of the latents at `where`, column 0 the escape."""
        out = np.empty((len(where), width))
        _make_rows(where, out, *self._arguments())
        return out

    def spans(self, where: NDArray[np.int64], width: int, columns: Values) -> Spans:
        """The slices of the quantiles of a column (N,) of each latent at `where`, `columns` being of all latents."""
        start, size = np.empty(len(where), np.int32), np.empty(len(where), np.int32)
        _make_spans(where, width, columns, start, size, *self._arguments())
        return start, size


@compiled
def _make_row(
    out, i, tables, cells, shift, low, values, known, pair, pair_x, pair_y, blurred, blurred_x, blurred_y, blur, at, slope
):  # type: ignore[no-untyped-def]
    width = len(out)
    cell = cells[i]
    for j in range(width):
        out[j] = tables[cell + j]
    out[0] += 1  # no row is empty
    first = shift[i] - width // 2
    byte = first + low[i]
    least, end = min(max(1, -byte), width), min(width, HIGHEST + 1 - byte)
    for j in range(1, least):
        out[j] = 0
    for j in range(max(1, end), width):
        out[j] = 0
    if len(values):
        for j in range(least, end):
            out[j] = np.floor(out[j] * values[byte + j] * UNIT)
    if blurred.size:
        start = first - blurred_x
        expected = at[i] + slope[i] * first + (1 << EXPECTED_BITS >> 1)
        for j in range(max(least, -start), min(end, blurred.shape[2] - start)):
            y = ((expected + slope[i] * j) >> EXPECTED_BITS) - blurred_y
            if 0 <= y < blurred.shape[1]:
                out[j] = np.floor(out[j] * blurred[blur[i], y, start + j] * UNIT)
    if pair.size:
        x = known[i] - pair_x
        if 0 <= x < pair.shape[0]:
            start = first - pair_y
            for j in range(max(least, -start), min(end, pair.shape[1] - start)):
                out[j] = np.floor(out[j] * pair[x, start + j] * UNIT)


@compiled
def _make_rows(
    where, out, tables, cells, shift, low, values, known, pair, pair_x, pair_y, blurred, blurred_x, blurred_y, blur, at, slope
):  # type: ignore[no-untyped-def]
    for n in range(len(where)):
        _make_row(
            out[n], where[n], tables, cells, shift, low, values, known, pair, pair_x, pair_y, blurred, blurred_x,
            blurred_y, blur, at, slope,
        )  # fmt: skip


@compiled
def _make_spans(
    where, width, columns, starts, sizes, tables, cells, shift, low, values, known, pair, pair_x, pair_y, blurred,
    blurred_x, blurred_y, blur, at, slope,
):  # type: ignore[no-untyped-def]  # fmt: skip
    row = np.empty(width)
    for n in range(len(where)):
        _make_row(
            row, where[n], tables, cells, shift, low, values, known, pair, pair_x, pair_y, blurred, blurred_x,
            blurred_y, blur, at, slope,
        )  # fmt: skip
        starts[n], sizes[n] = span_of(row, columns[where[n]])
