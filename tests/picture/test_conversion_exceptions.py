"""Exceptions as bytes: what they cost, and what hostile bytes do."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.errors import CorruptFile
from idfcodec.picture.conversion import Exceptions
from idfcodec.picture.conversion.exceptions import pack_exceptions, unpack_exceptions

HEADER = 4 + 28
MOST = 2**31 - 1
GOLDEN = "04000000f0f0000000f000000f00000000000000f0c00000df00000df00c0000deeb0df239015efbe9170000"


def made(positions: list[int], differences: list[tuple[int, int, int]]) -> Exceptions:
    return Exceptions(np.array(positions, np.int64), np.array(differences, np.int16).reshape(-1, 3))


def random(count: int, pixels: int, seed: int = 0, largest: int = 1) -> Exceptions:
    rng = np.random.default_rng(seed)
    positions = np.sort(rng.choice(pixels, count, replace=False)).astype(np.int64)
    differences = rng.integers(-largest, largest, (count, 3), endpoint=True).astype(np.int16)
    differences[~differences.any(axis=1), 1] = -1
    return Exceptions(positions, differences)


def assert_same(exceptions: Exceptions, pixels: int) -> bytes:
    data = pack_exceptions(exceptions)
    back = unpack_exceptions(data, pixels)
    assert (back.positions.dtype, back.differences.dtype) == (np.int64, np.int16)
    np.testing.assert_array_equal(back.positions, exceptions.positions)
    np.testing.assert_array_equal(back.differences, exceptions.differences)
    assert pack_exceptions(back) == data
    return data


channel = st.one_of(st.integers(-4, 4), st.integers(-255, 255))


@settings(deadline=None, max_examples=200)
@given(
    gaps=st.lists(st.one_of(st.integers(1, 40), st.integers(1, 2**24)), max_size=20),
    differences=st.lists(st.tuples(channel, channel, channel).filter(any), min_size=20, max_size=20),
)
def test_any_exceptions_come_back(gaps: list[int], differences: list[tuple[int, int, int]]) -> None:
    positions = np.cumsum(gaps).tolist()
    pixels = int(positions[-1]) + 1 if positions else 1
    assert_same(made(positions, differences[: len(gaps)]), pixels)


def test_none_takes_no_byte() -> None:
    assert assert_same(made([], []), 7) == b""


@pytest.mark.parametrize("positions", [[0], [MOST - 1], [0, MOST - 1], [2**30 - 1, 2**30]])
def test_far_positions(positions: list[int]) -> None:
    assert_same(made(positions, [(1, 255, -255)] * len(positions)), MOST)


def test_more_than_are_coded_at_a_time() -> None:
    assert_same(random(200_000, 300_000, largest=5), 300_000)


@pytest.mark.parametrize(("count", "pixels"), [(1_000, 400_000), (20_000, 400_000), (100_000, 400_000)])
def test_they_cost_what_they_are_worth(count: int, pixels: int) -> None:
    """Random places, two kinds of difference: within 4 % and the tables of the entropy."""
    exceptions = random(count, pixels)
    sign = np.random.default_rng(1).integers(0, 2, count) * 2 - 1
    exceptions = Exceptions(exceptions.positions, np.outer(sign, [0, 1, 0]).astype(np.int16))
    share = count / pixels
    entropy = pixels * -(share * np.log2(share) + (1 - share) * np.log2(1 - share)) + count
    assert 8 * len(assert_same(exceptions, pixels)) < 1.04 * entropy + 8 * (HEADER + 8)


def test_bytes_are_those_of_before() -> None:
    """A change here is a change of the format."""
    data = pack_exceptions(made([3, 4, 900, 70_000], [(0, -1, 0), (0, -1, 0), (1, 0, -2), (0, 90, 0)]))
    assert data.hex() == GOLDEN
    assert_same(unpack_exceptions(data, 70_001), 70_001)


# --- hostile bytes ---------------------------------------------------------------------------------------------------

GOOD = random(50, 5_000, largest=6)


def test_cut_at_every_length() -> None:
    data = pack_exceptions(GOOD)
    for end in range(1, len(data)):
        with pytest.raises(CorruptFile):
            unpack_exceptions(data[:end], 5_000)


@pytest.mark.parametrize("more", [b"\0", b"\0\0\0\0", b"\1\0\0\0", b"abcdefgh"])
def test_trailing_bytes(more: bytes) -> None:
    with pytest.raises(CorruptFile):
        unpack_exceptions(pack_exceptions(GOOD) + more, 5_000)


@pytest.mark.parametrize("count", [0, 51, 5_001, 2**32 - 1])
def test_wrong_count(count: int) -> None:
    data = struct.pack("<I", count) + pack_exceptions(GOOD)[4:]
    with pytest.raises(CorruptFile):
        unpack_exceptions(data, 5_000)


def test_outside_the_picture() -> None:
    with pytest.raises(CorruptFile, match="outside the picture"):
        unpack_exceptions(pack_exceptions(GOOD), int(GOOD.positions[-1]))


@pytest.mark.parametrize("table", range(4))
def test_empty_table(table: int) -> None:
    data = bytearray(pack_exceptions(GOOD))
    start, size = [(4, 16), (20, 4), (24, 4), (28, 4)][table]
    data[start : start + size] = bytes(size)
    with pytest.raises(CorruptFile, match="empty"):
        unpack_exceptions(bytes(data), 5_000)


def test_differences_that_are_none() -> None:
    with pytest.raises(CorruptFile, match="is none"):
        unpack_exceptions(pack_exceptions(made([1, 2], [(0, 0, 0), (0, 1, 0)])), 5_000)


def test_escapes_must_be_large() -> None:
    """A small difference has one way of being coded."""
    from idfcodec.entropy import Encoder

    data = pack_exceptions(made([5], [(0, 90, 0)]))
    encoder = Encoder()
    weights = np.zeros((1, 8))
    weights[0, 0] = 512
    escape = np.zeros((1, 8))
    escape[0, 7] = 512
    encoder.push(np.array([0], np.int32), weights)
    encoder.push_uniform(np.array([255 + 2], np.int32), 511)
    encoder.push(np.array([7], np.int32), escape)
    encoder.push(np.array([0], np.int32), weights)
    encoder.push_uniform(np.array([1], np.int32), 4)
    lengths = np.zeros((1, 32))
    lengths[0, 3] = 512
    encoder.push(np.array([3], np.int32), lengths)
    with pytest.raises(CorruptFile, match="escape"):
        unpack_exceptions(data[:HEADER] + encoder.finish(), 5_000)


@settings(deadline=None, max_examples=300)
@given(data=st.binary(max_size=120), pixels=st.integers(0, 10_000))
def test_any_bytes(data: bytes, pixels: int) -> None:
    """Exceptions that fit the picture, or an error."""
    try:
        exceptions = unpack_exceptions(data, pixels)
    except CorruptFile:
        return
    assert_fitting(exceptions, pixels)


@settings(deadline=None, max_examples=300)
@given(place=st.integers(4, len(pack_exceptions(GOOD)) - 1), flip=st.integers(1, 255))
def test_flipped_bytes(place: int, flip: int) -> None:
    data = bytearray(pack_exceptions(GOOD))
    data[place] ^= flip
    try:
        exceptions = unpack_exceptions(bytes(data), 5_000)
    except CorruptFile:
        return
    assert_fitting(exceptions, 5_000)


def assert_fitting(exceptions: Exceptions, pixels: int) -> None:
    positions = exceptions.positions
    assert len(positions) == len(exceptions.differences) <= pixels
    assert (np.diff(positions) > 0).all()
    assert ((positions >= 0) & (positions < pixels)).all()
    assert (np.abs(exceptions.differences) <= 255).all()
    assert exceptions.differences.any(axis=1).all()
