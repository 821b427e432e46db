"""Entropy coding: interval of the quantiles, their likelihood, and streams that are none."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from idfcodec.entropy import UNSEEN, Decoder, Encoder, intervals, least_growth, log_likelihood
from idfcodec.errors import CorruptFile

TOTAL = 2**24
WIDTHS = [2, 3, 16, 64, 128, 512]
LARGEST = 2.0**43  # of a weight: 512 of them sum to less than 2**53


def slices(row: NDArray[np.float64]) -> list[tuple[int, int]]:
    """First quantile and size of every column, as the docstring of `entropy` has them."""
    width, before = len(row), [0, *accumulate(int(weight) for weight in row)]
    scale = (TOTAL - width) / before[width]
    starts = [math.floor(before[j] * scale) + j for j in range(width)] + [TOTAL]
    return [(start, end - start) for start, end in pairwise(starts)]


def edge_rows(width: int) -> NDArray[np.float64]:
    """Frequencies that leave almost everything to one column, to two, or to all alike: (N, width)."""
    rows = [np.ones(width), np.full(width, LARGEST), np.arange(width) + 0.0]
    for column in {0, 1, width // 2, width - 2, width - 1}:
        for weight in (1, TOTAL, LARGEST):
            rows.append(np.zeros(width))
            rows[-1][column] = weight
            rows.append(rows[-1].copy())
            rows[-1][column - 1] = 1
    return np.stack(rows)


def every_column(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Each row once for each of its columns, or for some of many: (N, n) and (N,)."""
    width = rows.shape[1]
    columns = np.unique(np.concatenate([np.arange(min(width, 5)), np.arange(max(width - 5, 0), width), [width // 2]]))
    return np.repeat(rows, len(columns), 0), np.tile(columns, len(rows)).astype(np.int32)


def check_push(rows: NDArray[np.float64], columns: NDArray[np.int32]) -> None:
    """Pushed by their slices, columns give the same bytes as pushed by their rows, and are popped by the rows."""
    last = np.arange(40, dtype=np.int32)
    streams = []
    for by_span in (False, True):
        encoder = Encoder()
        encoder.push_uniform(last, 1000)
        if by_span:
            encoder.push_intervals(intervals(rows, columns))
        else:
            encoder.push(columns, rows)
        streams.append(encoder.finish())
    assert streams[0] == streams[1]
    decoder = Decoder(streams[1])
    assert decoder.pop(rows).tolist() == columns.tolist()
    assert decoder.pop_uniform(len(last), 1000).tolist() == last.tolist()
    decoder.finish()


@pytest.mark.parametrize("width", WIDTHS)
def test_spans_are_those_of_the_formula(width: int, rng: np.random.Generator) -> None:
    random = np.floor(2.0 ** rng.uniform(0, 43, (20, width))) * (rng.random((20, width)) < 0.7)
    random[:, 0] += 1
    for row in (*edge_rows(width), *random):
        want = slices(row)
        assert want[0][0] == 0
        assert all(size > 0 for _, size in want)
        columns = np.arange(width, dtype=np.int32)
        start, size = intervals(np.broadcast_to(row, (width, width)).copy(), columns)
        assert list(zip(start.tolist(), size.tolist(), strict=True)) == want


@pytest.mark.parametrize("width", WIDTHS)
def test_push_spans_at_the_edges(width: int) -> None:
    rows, columns = every_column(edge_rows(width))
    check_push(rows, columns)


@pytest.mark.parametrize("weights", [(TOTAL, 0), (0, TOTAL), (1, 0), (0, 1)])
@pytest.mark.parametrize("column", [0, 1])
def test_push_spans_of_all_quantiles_but_one(weights: tuple[int, int], column: int) -> None:
    """Of two columns one may have but one quantile, the first or the last of all."""
    rows = np.repeat(np.array([weights], np.float64), 50, 0)
    columns = np.full(50, column, np.int32)
    assert set(intervals(rows, columns)[1].tolist()) == {TOTAL - 1 if weights[column] else 1}
    check_push(rows, columns)


@settings(deadline=None, max_examples=100)
@given(data=st.data(), width=st.integers(2, 20), count=st.integers(0, 20))
def test_push_spans_of_any_rows(data: st.DataObject, width: int, count: int) -> None:
    weight = st.sampled_from([0, 0, 1, 2, TOTAL - 1, TOTAL, 2**43]) | st.integers(0, 2**43)
    row = st.lists(weight, min_size=width, max_size=width).filter(any)
    rows = np.array(data.draw(st.lists(row, min_size=count, max_size=count)), np.float64).reshape(count, width)
    columns = data.draw(st.lists(st.integers(0, width - 1), min_size=count, max_size=count))
    check_push(rows, np.array(columns, np.int32))


def test_the_last_symbol_is_pushed_first() -> None:
    """Several calls to push are popped in the opposite order, the symbols of each in their own."""
    rows = np.ones((3, 5))
    encoder = Encoder()
    encoder.push(np.array([1, 2, 3], np.int32), rows)
    encoder.push_intervals(intervals(rows, np.array([4, 0, 2], np.int32)))
    decoder = Decoder(encoder.finish())
    assert decoder.pop(rows).tolist() == [4, 0, 2]
    assert decoder.pop(rows).tolist() == [1, 2, 3]
    decoder.finish()


def test_likelihood_of_powers_of_two_is_exact() -> None:
    for power in range(25):
        assert log_likelihood(np.array([2**power], np.int32)) == (power - 24) * 2**20


def test_likelihood_is_monotone_and_near_the_logarithm(rng: np.random.Generator) -> None:
    near_ends = [*range(1, 5000), *(2**p + d for p in range(13, 24) for d in (-1, 0, 1)), TOTAL - 1]
    sizes = np.unique(np.concatenate([near_ends, rng.integers(1, TOTAL, 5000)])).astype(np.int32)
    each = np.array([log_likelihood(size[None]) for size in sizes])
    assert (np.diff(each) >= 0).all()
    assert (np.diff(each[:5000]) > 0).all()
    short = np.log2(sizes / TOTAL) - each / 2**20
    assert (short > -(2.0**-19)).all()
    assert (short < 0.0861).all()
    assert log_likelihood(sizes) == each.sum()
    assert log_likelihood(np.zeros(0, np.int32)) == 0


def test_nothing_is_an_empty_stream() -> None:
    encoder = Encoder()
    nothing = np.zeros(0, np.int32)
    encoder.push(nothing, np.zeros((0, 7)))
    encoder.push_intervals((nothing, nothing))
    encoder.push_uniform(nothing, 3)
    assert encoder.finish() == b""
    decoder = Decoder(b"")
    assert decoder.pop(np.zeros((0, 7))).tolist() == []
    assert decoder.pop_uniform(0, 3).tolist() == []
    decoder.finish()


@pytest.mark.parametrize("data", [b"\1", b"\1\2\3", bytes(4), b"\1\0\0\0" + bytes(4)], ids=bytes.hex)
def test_streams_that_are_none(data: bytes) -> None:
    """Of odd length, or with a last word of zero."""
    with pytest.raises(CorruptFile, match="damaged"):
        Decoder(data)


def test_streams_with_more_than_was_read() -> None:
    decoder = Decoder(b"\1\2\3\4\5\6\7\x08")
    decoder.pop(np.ones((1, 4)))
    with pytest.raises(CorruptFile, match="damaged"):
        decoder.finish()


@settings(deadline=None, max_examples=60)
@given(words=st.lists(st.integers(0, 2**32 - 1), max_size=8), width=st.sampled_from(WIDTHS))
def test_symbols_of_garbage_are_columns(words: list[int], width: int) -> None:
    """Whatever the stream, columns stay within their rows: compiled loops take them for indices."""
    try:
        decoder = Decoder(np.array(words, "<u4").tobytes())
        symbols = np.concatenate([decoder.pop(edge_rows(width)) for _ in range(3)])
    except CorruptFile:
        return
    assert symbols.min() >= 0
    assert symbols.max() < width


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.floats(0.05, 8))
def test_no_stream_is_shorter_than_its_bits(seed: int, count: int, shape: float) -> None:
    """Of decisions that come as often as their chances say."""
    rng = np.random.default_rng(seed)
    one = (rng.beta(shape, 1, count) * (TOTAL - 2)).astype(np.int32) + 1
    bits = rng.random(count) * TOTAL < one
    start, size = np.where(bits, 0, one).astype(np.int32), np.where(bits, one, TOTAL - one).astype(np.int32)
    encoder = Encoder()
    encoder.push_intervals((start, size))
    length, growth = len(encoder.finish().rstrip(b"\0")), least_growth(size)
    assert growth - UNSEEN <= length <= 1.02 * growth + 8
