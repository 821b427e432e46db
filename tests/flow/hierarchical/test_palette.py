"""Tiles of few colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile
from idfcodec.flow.hierarchical import coding
from idfcodec.flow.hierarchical.coding import decode_tile, encode_tile
from idfcodec.flow.hierarchical.palette import MOST, colours_of, decode_palette, encode_palette, palette_bits
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.walk import Values, record
from idfcodec.format.payload import PALETTE
from tests.flow.hierarchical.steps import planes_of, shape_of
from tests.pictures import generate

planes_of_each = pytest.mark.parametrize("planes", [1, 3])


def colours(planes: int, count: int, seed: int = 0) -> NDArray[Any]:
    """(count, planes) different colours, black and white among them if there are two, each green many times."""
    if planes == 1:
        order = np.random.default_rng(seed).permutation(254)[: max(count - 2, 0)] + 1
        return np.concatenate(([0, 255], order))[:count, None].astype(np.uint8)
    number = np.random.default_rng(seed).permutation(2**12 - 2)[: max(count - 2, 0)] + 1
    number = np.concatenate(([0, 2**12 - 1], number))[:count]
    return np.stack([number >> shift & 15 for shift in (8, 4, 0)], 1).astype(np.uint8) * 17


def drawn(planes: int, count: int, height: int, width: int, *, noisy: bool = False, seed: int = 0) -> Values:
    """Planes that have just so many colours: blocks of them, or noise; every colour comes."""
    rng = np.random.default_rng(seed + 1)
    side = 1 if noisy else 6
    index = rng.integers(0, count, (height // side + 1, width // side + 1)).repeat(side, 0).repeat(side, 1)
    index = index[:height, :width].copy()
    index.ravel()[:count] = np.arange(count)
    pixels = colours(planes, count, seed)[index]
    return planes_of(pixels[..., 0] if planes == 1 else pixels)


def found(planes: Values) -> Values:
    out = colours_of(planes)
    assert out is not None
    return out


def check(flow: Prepared, planes: Values) -> bytes:
    before = planes.copy()
    data = encode_palette(flow, record(flow, planes), found(planes))
    decoded = decode_palette(flow, data, shape_of(planes))
    assert decoded.dtype == np.int32
    assert np.array_equal(decoded, before)
    assert np.array_equal(planes, before), "the tile's planes were changed"
    whole = bytes([PALETTE]) + data
    assert np.array_equal(decode_tile(flow, whole, shape_of(planes)), planes)
    return data


@pytest.mark.parametrize("noisy", [False, True], ids=["blocks", "noise"])
@pytest.mark.parametrize("count", [1, 2, 3, 17, 256])
@planes_of_each
def test_round_trip(flow: Prepared, planes: int, count: int, noisy: bool) -> None:
    tile = drawn(planes, count, 37, 50, noisy=noisy)
    assert found(tile).shape == (planes, count)
    data = check(flow, tile)
    assert data[0] == count - 1
    assert (
        abs(
            8 * (len(data) - 1 - planes * count)
            - sum(b.sum() for b in palette_bits(flow, record(flow, tile), found(tile)))
        )
        < 128
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (1, 40), (40, 1), (3, 3)], ids=str)
@planes_of_each
def test_round_trip_of_small_tiles(flow: Prepared, planes: int, size: tuple[int, int]) -> None:
    check(flow, drawn(planes, min(3, size[0] * size[1]), *size))


@pytest.mark.parametrize("background", [0, 255])
@planes_of_each
def test_two_colours_of_which_one_is_certain(flow: Prepared, planes: int, background: int) -> None:
    """A thin line in a flat picture: far from it the other colour has but one quantile, the first or the last."""
    pixels = np.full((64, 64, 3), background, np.uint8)
    pixels[10:12, 10:50] = 255 - background
    data = check(flow, planes_of(pixels if planes == 3 else pixels[..., 0]))
    assert len(data) < 100


@settings(deadline=None, max_examples=40)
@given(
    planes=st.sampled_from([1, 3]),
    count=st.integers(1, 12),
    height=st.integers(4, 24),
    width=st.integers(4, 24),
    noisy=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_round_trip_of_anything(
    flow: Prepared, planes: int, count: int, height: int, width: int, noisy: bool, seed: int
) -> None:
    tile = drawn(planes, count, height, width, noisy=noisy, seed=seed)
    data = check(flow, tile)
    if count > 1:
        assert len(data) <= 1 + planes * count + 2 + 16 + 3 * height * width


@planes_of_each
def test_colours_of(planes: int) -> None:
    tile = drawn(planes, 100, 20, 20)
    every = found(tile)
    assert every.dtype == np.int32
    assert every.T.tolist() == [list(colour) for colour in sorted(set(map(tuple, tile.reshape(planes, -1).T.tolist())))]


def test_the_most_colours_there_may_be(flow: Prepared) -> None:
    assert found(drawn(3, MOST, 30, 30)).shape == (3, MOST)
    assert colours_of(drawn(3, MOST + 1, 30, 30)) is None
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(found(planes_of(gray)), np.arange(256)[None])
    check(flow, planes_of(gray))
    tile = drawn(3, MOST + 1, 30, 30)
    data = encode_tile(flow, tile)
    assert data[0] != PALETTE
    assert np.array_equal(decode_tile(flow, data, shape_of(tile)), tile)


@planes_of_each
def test_a_flat_tile_is_its_colour(flow: Prepared, planes: int) -> None:
    pixel = colours(planes, 3)[2]
    pixels = np.broadcast_to(pixel, (512, 300, planes)).copy()
    data = encode_tile(flow, planes_of(pixels if planes == 3 else pixels[..., 0]))
    stored = pixel[[1, 0, 2]] if planes == 3 else pixel
    assert data == bytes([PALETTE, 0, *stored])
    decoded = decode_tile(flow, data, (planes, 512, 300))
    assert decoded.flags.writeable
    assert (decoded == planes_of(pixels if planes == 3 else pixels[..., 0])).all()


def test_pays_for_a_drawing(flow: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    tile = drawn(3, 6, 96, 96)
    data = encode_tile(flow, tile)
    assert data[0] == PALETTE
    monkeypatch.setattr(coding, "colours_of", lambda planes: None)
    assert len(data) < 0.7 * len(encode_tile(flow, tile))


def test_is_off_where_it_does_not_pay(flow: Prepared) -> None:
    """A small photograph of few colours, each of them new."""
    tile = planes_of(generate("photo", 13, 12))
    assert colours_of(tile) is not None
    assert encode_tile(flow, tile)[0] != PALETTE


@planes_of_each
def test_colours_out_of_order(flow: Prepared, planes: int) -> None:
    tile = drawn(planes, 4, 20, 20)
    data = encode_palette(flow, record(flow, tile), found(tile))
    for first, second in [(0, 1), (2, 3), (0, 3)]:
        for same in (False, True):
            bad = bytearray(data)
            a, b = (slice(1 + planes * i, 1 + planes * (i + 1)) for i in (first, second))
            bad[a], bad[b] = (data[b], data[b]) if same else (data[b], data[a])
            with pytest.raises(CorruptFile, match="not in order"):
                decode_palette(flow, bytes(bad), shape_of(tile))


def refused(flow: Prepared, data: bytes, tile: Values) -> bool:
    """Whether data is; what it decodes to is otherwise not the tile, but within its range."""
    try:
        decoded = decode_palette(flow, data, shape_of(tile))
    except CorruptFile:
        return True
    assert decoded.shape == tile.shape
    assert not np.array_equal(decoded, tile)
    assert decoded.min() >= -255
    assert decoded.max() <= 255
    return False


@pytest.mark.parametrize("count", [1, 2, 5])
@planes_of_each
def test_truncated(flow: Prepared, planes: int, count: int) -> None:
    tile = drawn(planes, count, 25, 25)
    data = encode_palette(flow, record(flow, tile), found(tile))
    head = 1 + planes * count + (2 if count > 1 else 0)
    for length in range(len(data)):
        if length < head:
            with pytest.raises(CorruptFile, match="ends within its colours"):
                decode_palette(flow, data[:length], shape_of(tile))
        else:
            assert refused(flow, data[:length], tile) or (length - head) % 4 == 0
    for more in (b"\0", bytes(4), b"\1\0\0\0"):
        assert refused(flow, data + more, tile) or count > 1


@settings(deadline=None, max_examples=100)
@given(
    data=st.binary(max_size=300) | st.binary(max_size=200).map(lambda rest: b"\1\0\0\0\xff\xff\xff" + rest),
    planes=st.sampled_from([1, 3]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
)
def test_garbage(flow: Prepared, data: bytes, planes: int, height: int, width: int) -> None:
    refused(flow, data, np.full((planes, height, width), 999, np.int32))


@pytest.mark.parametrize("widths", [(-128, -128), (127, 127), (-128, 127), (37, -37)])
@planes_of_each
def test_widths_that_nobody_would_send(flow: Prepared, planes: int, widths: tuple[int, int]) -> None:
    """Scales end where there are no more."""
    tile = drawn(planes, 5, 25, 25)
    data = bytearray(encode_palette(flow, record(flow, tile), found(tile)))
    start = 1 + planes * 5
    data[start : start + 2] = np.array(widths, np.int8).tobytes()
    refused(flow, bytes(data), tile)


def test_flipped_bits(flow: Prepared) -> None:
    tile = drawn(3, 9, 20, 20)
    data = encode_palette(flow, record(flow, tile), found(tile))
    for bit in range(0, 8 * len(data), 23):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        refused(flow, bytes(bad), tile)
