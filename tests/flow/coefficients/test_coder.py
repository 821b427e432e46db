"""Coefficients come back, whatever they are; what is damaged is refused; streams are short; sizes are small."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from idfcodec.demo import draw
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.flow.coefficients import coder, decode_blocks, encode_blocks
from idfcodec.flow.coefficients.kernels.contexts import octave, quarter
from idfcodec.flow.coefficients.kernels.decisions import OCTAVES, RATES, SQUASH, STRETCH, TOP, TRUST
from idfcodec.flow.coefficients.tables import squash, stretch, tables
from idfcodec.picture.jpeg import read_jpeg

STEPS = np.arange(1, 65, dtype=np.int64)


def check(planes: list[np.ndarray], steps: list[np.ndarray]) -> bytes:
    data = encode_blocks(planes, steps)
    found = decode_blocks(data, [plane.shape[:2] for plane in planes], steps)
    for a, b in zip(found, planes, strict=True):
        assert a.dtype == np.int16
        assert np.array_equal(a, b)
    return data


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3), st.integers(0, 15), st.integers(0, 2**32 - 1))
def test_anything_comes_back(rows: int, columns: int, planes: int, bits: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    most = (1 << bits) - 1
    drawn = [rng.integers(-most, most + 1, (rows, columns, 64)).astype(np.int16) for _ in range(planes)]
    for plane in drawn:
        plane[rng.random(plane.shape) < rng.random()] = 0
    check(drawn, [rng.integers(1, 65536, 64) for _ in range(planes)])


def test_extremes() -> None:
    for value in (0, 1, -1, 32767, -32767):
        check([np.full((3, 2, 64), value, np.int16)], [np.full(64, 65535, np.int64)])
    alternating = np.where(np.indices((4, 4, 64)).sum(0) % 2, 32767, -32767).astype(np.int16)
    check([alternating, alternating], [np.ones(64, np.int64)] * 2)
    with pytest.raises(IDFError, match="out of range"):
        encode_blocks([np.full((1, 1, 64), -32768, np.int16)], [STEPS])


@pytest.fixture(scope="module")
def photo() -> tuple[bytes, list[np.ndarray], list[np.ndarray]]:
    """A JPEG file, its planes and its steps."""
    file = io.BytesIO()
    Image.fromarray(draw(192, 144, seed=3)).save(file, "JPEG", quality=85, optimize=True)
    found = read_jpeg(file.getvalue())
    assert found is not None
    return file.getvalue(), list(found.planes), list(found.tables)


def test_streams_do_not_matter_much(photo, monkeypatch: pytest.MonkeyPatch) -> None:
    file, planes, steps = photo
    whole = check(planes, steps)
    assert len(whole) < 0.85 * len(file)
    monkeypatch.setattr(coder, "STREAM", 40)
    short = check(planes, steps)
    assert len(whole) < len(short) < len(whole) + 20 * 24


def test_damage_is_refused_or_gives_other_blocks(photo) -> None:
    _, planes, steps = photo
    small = [plane[:2, :3] for plane in planes]
    data, shapes = encode_blocks(small, steps), [(2, 3)] * 3
    for end in range(len(data)):
        with pytest.raises(CorruptFile):
            decode_blocks(data[:end], shapes, steps)
    with pytest.raises(CorruptFile):
        decode_blocks(data + bytes(4), shapes, steps)
    refused = 0
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x41
        try:
            found = decode_blocks(damaged, shapes, steps)
        except CorruptFile:
            refused += 1
            continue
        assert not all(np.array_equal(a, b) for a, b in zip(found, small, strict=True))
    assert refused > 0.9 * len(data)


def test_little_data_for_much_is_refused_at_once() -> None:
    """A picture of many blocks whose streams are empty: each would decode to the dearest block there is."""
    shape = (512, 4096)
    lengths = shape[0] - 1  # a stream for each row
    with pytest.raises(CorruptFile):
        decode_blocks(bytes(4 * lengths), [shape], [STEPS])


def test_tables() -> None:
    assert squash()[3071] == 32768
    assert (np.diff(squash()) >= 0).all()
    x = np.arange(-3071, 3072) / 256
    assert np.abs(squash() / 65536 - 1 / (1 + np.exp(-x))).max() < 2e-5
    p = (np.arange(4096) * 16 + 8) / 65536
    assert np.abs(stretch() / 256 - np.log(p / (1 - p)))[8:-8].max() < 0.01
    found = tables().astype(np.int64)
    rates = found[RATES:OCTAVES]
    assert rates[0] == 43690
    assert (np.diff(rates) < 0).all()
    assert np.array_equal(found[STRETCH:SQUASH] - TOP, stretch())
    assert np.array_equal(found[SQUASH : SQUASH + 2 * TOP + 1], squash())
    assert (found[TRUST], found[RATES - 1]) == (96, 256)
    octaves: Any = octave
    quarters: Any = quarter
    assert [octaves.py_func(value, tables()) for value in (0, 1, 3, 4, 1023, 1024, 2**40)] == [
        *(0, 1, 2, 3, 10, 11, 41)
    ]
    assert [quarters.py_func(v, 999, tables()) for v in (3, 4, 7, 8, 9, 10, 1023, 1024, 1279, 2**20)] == [
        *(3, 4, 7, 8, 8, 9, 35, 36, 36, 76),
    ]
