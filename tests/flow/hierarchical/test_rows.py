"""The rows of weights against a slow reference: tables, bytes, values, pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from idfcodec import entropy
from idfcodec.flow.exact.tables import TOTAL
from idfcodec.flow.hierarchical.lattice import BLURS, EXPECTED_BITS, FRACTION, LIMIT
from idfcodec.flow.hierarchical.rows import Ingredients, intervals, rows

COUNT = 60
UNIT = 2.0**-FRACTION


def made_rows(of: Ingredients, where: NDArray[np.int64], width: int) -> NDArray[np.float64]:
    """The rows, written over what was there before, with room to spare."""
    room = np.full(len(where) * width + 5, np.nan)
    made = rows(of, where, width, room)
    assert np.isnan(room[made.size :]).all()
    return made


@dataclass(frozen=True)
class Given:
    """Which weights there are, and how wide the rows are."""

    width: int = 16
    values: bool = False
    pair: bool = False
    blurred: bool = False


CASES = [
    Given(16),
    Given(512),
    Given(16, values=True),
    Given(512, values=True),
    Given(16, pair=True),
    Given(64, blurred=True),
    Given(32, values=True, blurred=True),
    Given(64, values=True, pair=True, blurred=True),
]


def ingredients(case: Given, rng: np.random.Generator, *, spread: int = 300) -> Ingredients:
    """Random ones, with positions on both sides of each array's ends."""

    def integers(low: int, high: int, size: int | tuple[int, ...] = COUNT) -> NDArray[np.int32]:
        return rng.integers(low, high + 1, size, dtype=np.int32)

    number = 9
    shift = integers(-spread, spread)
    of = Ingredients(
        tables=integers(0, TOTAL // case.width, number * case.width),
        cells=integers(0, number - 1) * case.width,
        shift=shift,
        low=integers(0, 255),
    )
    if case.values:
        of = of._replace(values=integers(0, 3 << FRACTION, 256))
    if case.pair:
        x, y = (int(value) for value in rng.integers(-30, 10, 2))
        pair = integers(0, 3 << FRACTION, (14, 21))
        of = of._replace(known=integers(x - 4, x + 18), pair=pair, pair_x=x, pair_y=y)
        shift[: COUNT // 2] = integers(y - 30, y + 40, COUNT // 2)
    if case.blurred:
        x, y = (int(value) for value in rng.integers(-30, 10, 2))
        slope = integers(-192 * 16, 192 * 16)
        at = (integers(y - 5, y + 25) << EXPECTED_BITS) + integers(-256, 256) - slope * (x + 9)
        blurred = integers(0, 3 << FRACTION, (BLURS, 17, 19))
        blur = integers(0, BLURS - 1)
        of = of._replace(blurred=blurred, blurred_x=x, blurred_y=y, blur=blur, at=at, slope=slope)
        shift[COUNT // 3 :] = integers(x - 20, x + 40, COUNT - COUNT // 3)
    return of


def inside(array: NDArray[np.int32], x: int, y: int) -> int:
    """A cell, or one where there is none."""
    return int(array[x, y]) if 0 <= x < array.shape[0] and 0 <= y < array.shape[1] else 1 << FRACTION


def reference(of: Ingredients, i: int, width: int) -> list[float]:
    """The row of latent i: of each column, table times weights, rounded down after each."""
    cell, shift = int(of.cells[i]), int(of.shift[i])
    out = [float(of.tables[cell] + 1)]
    for j in range(1, width):
        value = shift - width // 2 + j
        byte = value + int(of.low[i])
        if not 0 <= byte <= 255:
            out.append(0.0)
            continue
        weight = float(of.tables[cell + j])
        if len(of.values):
            weight = float(math.floor(weight * int(of.values[byte]) * UNIT))
        if of.blurred.size:
            y = math.floor((int(of.at[i]) + int(of.slope[i]) * value) / 2**EXPECTED_BITS + 0.5) - of.blurred_y
            y = min(max(y, 0), of.blurred.shape[1] - 1)
            v = inside(of.blurred[of.blur[i]], y, value - of.blurred_x)
            weight = float(math.floor(weight * v * UNIT))
        if of.pair.size:
            w = inside(of.pair, int(of.known[i]) - of.pair_x, value - of.pair_y)
            weight = float(math.floor(weight * w * UNIT))
        out.append(weight)
    return out


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rows_equal_the_reference(case: Given, rng: np.random.Generator) -> None:
    of = ingredients(case, rng)
    where = rng.permutation(COUNT)[: COUNT - 7]
    made = made_rows(of, where, case.width)
    assert made.dtype == np.float64
    assert made.tolist() == [reference(of, i, case.width) for i in where]
    assert (made.sum(1) > 0).all()


@pytest.mark.parametrize("name", ["values", "pair", "blurred"])
def test_the_cases_tell_the_weights_apart(name: str, rng: np.random.Generator) -> None:
    """The comparisons above mean little where a weight has no part in a row, or all of them lie within its array."""
    case = Given(64, values=True, pair=True, blurred=True)
    of = ingredients(case, rng)
    everywhere = np.arange(COUNT)
    empty = np.zeros((0,) * getattr(of, name).ndim, np.int32)
    replaced: dict[str, Any] = {name: empty}
    changed = (made_rows(of, everywhere, 64) != made_rows(of._replace(**replaced), everywhere, 64)).mean(1)
    assert changed.max() > 0.1
    assert changed.min() == 0


@pytest.mark.parametrize("case", CASES, ids=str)
def test_spans_are_those_of_the_rows(case: Given, rng: np.random.Generator) -> None:
    of = ingredients(case, rng)
    where = rng.permutation(COUNT)[: COUNT - 7]
    columns = rng.integers(0, case.width, COUNT).astype(np.int32)
    start, size = intervals(of, where, case.width, columns)
    want = entropy.intervals(made_rows(of, where, case.width), columns[where])
    assert start.dtype == size.dtype == np.int32
    assert np.array_equal(start, want[0])
    assert np.array_equal(size, want[1])


@pytest.mark.parametrize("width", [16, 512])
def test_a_column_is_empty_where_its_value_is_no_byte(width: int, rng: np.random.Generator) -> None:
    """With every shift there is, 255 + 255 from the byte on either side; the escape is left."""
    shift = np.arange(-510, 511, dtype=np.int32)
    number = len(shift)
    zeros = np.zeros(number, np.int32)
    of = Ingredients(np.full(width, 7, np.int32), zeros, shift, zeros, rng.integers(1, 2**18, 256).astype(np.int32))
    made = made_rows(of, np.arange(number), width)
    value = shift[:, None] - width // 2 + np.arange(width)
    assert (made[:, 0] == 8).all()
    assert ((made[:, 1:] == 0) >= ((value < 0) | (value > 255))[:, 1:]).all()
    plain = made_rows(of._replace(values=np.zeros(0, np.int32)), np.arange(number), width)
    assert ((plain[:, 1:] == 7) == ((value >= 0) & (value <= 255))[:, 1:]).all()
    # What counts is the byte: a difference that is as much smaller as its green is larger has the same row.
    for green in (1, 255):
        again = made_rows(of._replace(shift=shift - green, low=zeros + green), np.arange(number), width)
        assert np.array_equal(again, made)


def test_a_line_that_leaves_the_array_of_v_on_either_side() -> None:
    """Where the next plane's expected value is beyond the array, however far, V is that of its edge."""
    blurred = np.repeat(np.array([2, 3, 4], np.int32)[:, None] << FRACTION, 200, 1)
    of = Ingredients(
        tables=np.full(16, 1000, np.int32),
        cells=np.zeros(6, np.int32),
        shift=np.full(6, 100, np.int32),
        low=np.zeros(6, np.int32),
        blurred=np.repeat(blurred[None], BLURS, 0),
        blurred_x=0,
        blurred_y=50,
        blur=np.zeros(6, np.int32),
        at=np.array([49, 50, 51, 52, 53, -(2**21)], np.int32) << EXPECTED_BITS,
        slope=np.zeros(6, np.int32),
    )
    assert made_rows(of, np.arange(6), 16)[:, 1].tolist() == [2000, 2000, 3000, 4000, 4000, 2000]
    rising = of._replace(at=of.at[:1] - (99 << EXPECTED_BITS), slope=np.array([1 << EXPECTED_BITS], np.int32))
    assert made_rows(rising, np.zeros(1, np.int64), 16)[0, 1:].tolist() == [2000.0] * 8 + [3000.0] + [4000.0] * 6


def test_the_largest_weights_stay_exact(rng: np.random.Generator) -> None:
    """All of a table in one column, and the largest weights: sums below 2**53, slices within the quantiles."""
    width = 64
    tables = np.zeros(width, np.int32)
    tables[20:22] = TOTAL // 2
    most = np.full((300, 600), LIMIT, np.int32)
    zeros = np.zeros(1, np.int32)
    values = np.full(256, LIMIT, np.int32)
    of = Ingredients(tables, zeros, zeros + 100, zeros, values, zeros, most, -50, -50, most[None], 0, -9, *[zeros] * 3)
    row = made_rows(of, np.zeros(1, np.int64), width)[0]
    assert row.tolist() == reference(of, 0, width)
    assert row.sum() < 2**53
    assert row[20] == TOTAL // 2 * (LIMIT >> FRACTION) ** 3
    for column in (0, 1, 20, 21, 63):
        start, size = intervals(of, np.zeros(1, np.int64), width, np.full(1, column, np.int32))
        assert 0 <= start[0] < start[0] + size[0] <= TOTAL


def test_no_latents() -> None:
    nothing = np.zeros(0, np.int32)
    of = Ingredients(np.ones(16, np.int32), nothing, nothing, nothing)
    assert made_rows(of, np.zeros(0, np.int64), 16).shape == (0, 16)
    assert [len(part) for part in intervals(of, np.zeros(0, np.int64), 16, nothing)] == [0, 0]
