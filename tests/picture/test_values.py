"""Tables of the values that occur: they come back, they are found where they pay, and damage is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from idfcodec.codec import encode
from idfcodec.errors import CorruptFile
from idfcodec.format.container import unpack
from idfcodec.picture.depth import Scale
from idfcodec.picture.picture import Picture
from idfcodec.picture.values import Table, Values, pack_values, unpack_values, values_of
from tests.pictures import generate

MODEL = "photo-fast"


@settings(deadline=None)
@given(depth=st.sampled_from([1, 8, 16]), data=st.data())
def test_values_come_back(depth: int, data: st.DataObject) -> None:
    value = st.integers(0, (1 << depth) - 1)
    table = st.sets(value, min_size=1, max_size=300).map(lambda found: Table(tuple(sorted(found))))
    values: list[Values] = data.draw(st.lists(st.one_of(table, st.just(Scale(depth, depth))), min_size=1, max_size=4))
    values[len(values) // 2] = values[0]
    packed = pack_values(values, depth)
    assert unpack_values(packed, len(values), depth) == values
    for length in range(1, len(packed)):
        with pytest.raises(CorruptFile):
            unpack_values(packed[:length], len(values), depth)
    with pytest.raises(CorruptFile):
        unpack_values(packed + b"\0", len(values), depth)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=40), st.integers(1, 4), st.sampled_from([1, 8, 16]))
def test_any_bytes_are_values_or_refused(data: bytes, channels: int, depth: int) -> None:
    try:
        found = unpack_values(data, channels, depth)
    except CorruptFile:
        return
    assert len(found) == channels
    assert all(one.most < 1 << depth for one in found)


def test_every_value_costs_nothing() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert values_of(pixels, 8) == [Scale(8, 8)] * 3


def test_noise_of_16_bits_has_no_table() -> None:
    """Few samples leave out most values; to list them would cost more than it saves."""
    pixels = np.random.default_rng(2).integers(0, 65536, (80, 80, 1), dtype=np.uint16)
    assert values_of(pixels, 16) == [Scale(16, 16)]


def test_stretched_8_bits_in_12_cost_what_8_bits_cost() -> None:
    gray = generate("photo", 160, 120)[..., 1]
    stretched = ((gray.astype(int) * 4095 + 100) // 255).astype(np.uint16)
    assert len(encode(stretched, model=MODEL)) <= 1.01 * len(encode(gray, model=MODEL)) + 160


@pytest.mark.parametrize("channels", [1, 3])
def test_12_bits_in_16_cost_what_12_bits_cost(channels: int) -> None:
    """Whether they are the lower ones, the upper ones, or the upper ones repeated below."""
    noise = np.random.default_rng(6).integers(0, 16, (120, 160, 3), dtype=np.uint16)
    deep = generate("photo", 160, 120).astype(np.uint16) * 16 + noise
    deep = deep[..., 1] if channels == 1 else deep
    size = len(encode(Picture(deep, white=4095), model=MODEL))
    for in_16 in (deep, deep << 4, deep << 4 | deep >> 8):
        assert abs(len(encode(in_16.astype(np.uint16), model=MODEL)) - size) <= 0.001 * size + 16


def test_a_histogram_with_gaps_pays() -> None:
    photo = generate("photo", 160, 120).astype(int)
    full = (photo * 170 // 255).astype(np.uint8)
    gaps = (photo * 170 // 255 * 255 // 170).astype(np.uint8)
    assert len(encode(gaps, model=MODEL)) <= 1.02 * len(encode(full, model=MODEL)) + 100


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_constant_alpha_and_planes_cost_next_to_nothing(dtype: type) -> None:
    photo: NDArray[np.uint8 | np.uint16] = generate("photo", 160, 120).astype(dtype)
    opaque = np.dstack([photo, np.full(photo.shape[:2], np.iinfo(dtype).max, dtype)])
    assert len(encode(opaque, model=MODEL)) <= len(encode(photo, model=MODEL)) + 24
    assert len(encode(np.full((300, 400, 4), 77, dtype), model=MODEL)) <= 80


def test_colours_under_no_alpha_stay() -> None:
    pixels = np.dstack([generate("photo", 40, 30), np.zeros((30, 40), np.uint8)])
    assert unpack(encode(pixels, model=MODEL, verify=True)).mode.name == "RGBA"
