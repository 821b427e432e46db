"""The rows of weights against a slow reference."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from idfcodec import entropy
from idfcodec.flow.exact.tables import TOTAL
from idfcodec.flow.hierarchical.rows import Ingredients, intervals, rows

COUNT = 60
WIDTHS = (16, 64, 512)


def made_rows(of: Ingredients, where: NDArray[np.int64], width: int) -> NDArray[np.float64]:
    """The rows, written over what was there before, with room to spare."""
    room = np.full(len(where) * width + 5, np.nan)
    made = rows(of, where, width, room)
    assert np.isnan(room[made.size :]).all()
    return made


def ingredients(width: int, rng: np.random.Generator) -> Ingredients:
    """Random ones, with positions on both sides of the range of bytes."""

    def integers(low: int, high: int, size: int) -> NDArray[np.int32]:
        return rng.integers(low, high + 1, size, dtype=np.int32)

    number = 9
    return Ingredients(
        tables=integers(0, TOTAL // width, number * width),
        cells=integers(0, number - 1, COUNT) * width,
        shift=integers(-300, 300, COUNT),
        low=integers(0, 255, COUNT),
    )


def reference(of: Ingredients, i: int, width: int) -> list[float]:
    """The row of latent i: the table's, where a column stands for a byte."""
    cell, shift = int(of.cells[i]), int(of.shift[i])
    out = [float(of.tables[cell] + 1)]
    for j in range(1, width):
        byte = shift - width // 2 + j + int(of.low[i])
        out.append(float(of.tables[cell + j]) if 0 <= byte <= 255 else 0.0)
    return out


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_equal_the_reference(width: int, rng: np.random.Generator) -> None:
    of = ingredients(width, rng)
    where = rng.permutation(COUNT)[: COUNT - 7]
    made = made_rows(of, where, width)
    assert made.dtype == np.float64
    assert made.tolist() == [reference(of, i, width) for i in where]
    assert (made.sum(1) > 0).all()


@pytest.mark.parametrize("width", WIDTHS)
def test_spans_are_those_of_the_rows(width: int, rng: np.random.Generator) -> None:
    of = ingredients(width, rng)
    where = rng.permutation(COUNT)[: COUNT - 7]
    columns = rng.integers(0, width, COUNT).astype(np.int32)
    start, size = intervals(of, where, width, columns)
    want = entropy.intervals(made_rows(of, where, width), columns[where])
    assert start.dtype == size.dtype == np.int32
    assert np.array_equal(start, want[0])
    assert np.array_equal(size, want[1])


@pytest.mark.parametrize("width", [16, 512])
def test_a_column_is_empty_where_its_value_is_no_byte(width: int) -> None:
    """With every shift there is, 255 + 255 from the byte on either side; the escape is left."""
    shift = np.arange(-510, 511, dtype=np.int32)
    number = len(shift)
    zeros = np.zeros(number, np.int32)
    of = Ingredients(np.full(width, 7, np.int32), zeros, shift, zeros)
    made = made_rows(of, np.arange(number), width)
    value = shift[:, None] - width // 2 + np.arange(width)
    assert (made[:, 0] == 8).all()
    assert ((made[:, 1:] == 7) == ((value >= 0) & (value <= 255))[:, 1:]).all()
    # What counts is the byte: a difference that is as much smaller as its green is larger has the same row.
    for green in (1, 255):
        again = made_rows(of._replace(shift=shift - green, low=zeros + green), np.arange(number), width)
        assert np.array_equal(again, made)


def test_no_latents() -> None:
    nothing = np.zeros(0, np.int32)
    of = Ingredients(np.ones(16, np.int32), nothing, nothing, nothing)
    assert made_rows(of, np.zeros(0, np.int64), 16).shape == (0, 16)
    assert [len(part) for part in intervals(of, np.zeros(0, np.int64), 16, nothing)] == [0, 0]
