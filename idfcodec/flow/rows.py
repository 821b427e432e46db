"""The weights of each latent's columns, made row by row: the innermost loops of coding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import Rows, Spans, span_of
from idfcodec.flow.compiled import compiled, compiled_sums, inlined
from idfcodec.flow.hierarchy import HIGHEST, Values
from idfcodec.flow.lattice import EXPECTED_BITS, UNIT

__all__ = ["Ingredients", "rows", "spans"]

_NOTHING = np.zeros(0, np.int32)


class Ingredients(NamedTuple):
    """What the rows of the latents of a plane are made of. Arrays (N,) are int32, one number a latent.

    Args:
        tables: (CELLS,) weights of the plane.
        cells: (N,) where each latent's row begins in them.
        shift: (N,) of the coupling: column j of a row of n stands for the value shift - n / 2 + j.
        low: (N,) what makes a value a byte: 0 for G, G for the differences.
        values: (256,) weight of each byte, or empty.
        known: (N,) value of the plane before, with `pair`.
        pair, pair_x, pair_y: weights W of the pairs of the plane before with this one, see `lattice.PairWeights`, and
            their smallest values; or empty.
        blurred, blurred_x, blurred_y: weights V of this plane's values, over their pairs with the next plane; or empty.
        blur: (N,) which of `blurred` is right for the scale of the next plane.
        at, slope: (N,) where the next plane is expected if this one is 0, in units of 2**-EXPECTED_BITS, and what one
            step of this one adds to it.
    """

    tables: Values
    cells: Values
    shift: Values
    low: Values
    values: Values = _NOTHING
    known: Values = _NOTHING
    pair: Values = _NOTHING.reshape(0, 0)
    pair_x: int = 0
    pair_y: int = 0
    blurred: Values = _NOTHING.reshape(0, 0, 0)
    blurred_x: int = 0
    blurred_y: int = 0
    blur: Values = _NOTHING
    at: Values = _NOTHING
    slope: Values = _NOTHING


@inlined
def _make_row(out: Rows, n: int, i: int, width: int, of: Ingredients) -> None:
    """Row n of `out` for latent i; no views, which cost more than what is done with them."""
    cell = of.cells[i]
    for j in range(width):
        out[n, j] = of.tables[cell + j]
    out[n, 0] += 1  # no row is empty
    first = of.shift[i] - width // 2
    byte = first + of.low[i]
    least, end = min(max(1, -byte), width), max(1, min(width, HIGHEST + 1 - byte))
    for j in range(1, least):
        out[n, j] = 0
    for j in range(end, width):
        out[n, j] = 0
    if len(of.values):
        for j in range(least, end):
            out[n, j] = np.floor(out[n, j] * of.values[byte + j] * UNIT)
    if of.blurred.size:
        start = first - of.blurred_x
        blur = of.blur[i]
        slope = of.slope[i]
        expected = of.at[i] + slope * first + (1 << EXPECTED_BITS >> 1)
        last = np.int32(of.blurred.shape[1] - 1)
        for j in range(max(least, -start), min(end, of.blurred.shape[2] - start)):
            y = np.int32((expected + slope * j) >> EXPECTED_BITS) - of.blurred_y
            out[n, j] = np.floor(out[n, j] * of.blurred[blur, min(max(y, 0), last), start + j] * UNIT)
    if of.pair.size:
        x = of.known[i] - of.pair_x
        if 0 <= x < of.pair.shape[0]:
            start = first - of.pair_y
            for j in range(max(least, -start), min(end, of.pair.shape[1] - start)):
                out[n, j] = np.floor(out[n, j] * of.pair[x, start + j] * UNIT)


@compiled
def _make_rows(where: NDArray[np.int64], of: Ingredients, out: Rows) -> None:
    for n in range(len(where)):
        _make_row(out, n, where[n], out.shape[1], of)


@compiled_sums
def _make_spans(
    where: NDArray[np.int64], width: int, columns: Values, of: Ingredients, starts: Values, sizes: Values
) -> None:
    row = np.empty((1, width))
    for n in range(len(where)):
        _make_row(row, 0, where[n], width, of)
        starts[n], sizes[n] = span_of(row, 0, columns[where[n]])


def rows(of: Ingredients, where: NDArray[np.int64], width: int) -> Rows:
    """(N, width) weights of the latents at `where`, column 0 the escape."""
    out = np.empty((len(where), width))
    _make_rows(where, of, out)
    return out


def spans(of: Ingredients, where: NDArray[np.int64], width: int, columns: Values) -> Spans:
    """The slices of the quantiles of a column (N,) of each latent at `where`; `columns` are of all latents."""
    starts, sizes = np.empty(len(where), np.int32), np.empty(len(where), np.int32)
    _make_spans(where, width, columns, of, starts, sizes)
    return starts, sizes
