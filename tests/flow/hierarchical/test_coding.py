"""Tiles: round trips, sizes against the likelihood, and data that is none."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.entropy import Encoder
from idfcodec.errors import CorruptFile
from idfcodec.flow.exact.tables import HIGHEST
from idfcodec.flow.hierarchical.code_length import of_tile
from idfcodec.flow.hierarchical.coding import decode_tile, encode_tile
from idfcodec.flow.hierarchical.plane import Plane
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.walk import LOWEST, Values
from idfcodec.format.payload import PLAIN
from tests.flow.hierarchical.steps import planes_of, shape_of
from tests.pictures import GENERATORS, generate

SIZES = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 300), (300, 1), (3, 5), (33, 65), (64, 64)]
kinds = st.sampled_from(sorted(GENERATORS))


def check_round_trip(flow: Prepared, planes: Values) -> bytes:
    before = planes.copy()
    data = encode_tile(flow, planes)
    decoded = decode_tile(flow, data, shape_of(planes))
    assert decoded.dtype == np.int32
    assert np.array_equal(decoded, before)
    assert np.array_equal(planes, before), "the tile's planes were changed"
    return data


def decode_damaged(flow: Prepared, data: bytes, shape: tuple[int, int, int]) -> Values | None:
    """What damaged data decodes to, or None where it is refused; any other exception is a failure."""
    started = time.monotonic()
    try:
        planes = decode_tile(flow, data, shape)
    except CorruptFile:
        return None
    finally:
        assert time.monotonic() - started < 60
    assert planes.shape == shape
    assert all(LOWEST[p] <= planes[p].min() and planes[p].max() <= HIGHEST for p in range(shape[0]))
    return planes


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["photo", "gray", "lattice", "extremes"])
def test_round_trip(flow: Prepared, kind: str, size: tuple[int, int]) -> None:
    check_round_trip(flow, planes_of(generate(kind, size[1], size[0])))


@settings(deadline=None, max_examples=25)
@given(kind=kinds, width=st.integers(1, 40), height=st.integers(1, 40), seed=st.integers(0, 2**16))
def test_round_trip_of_anything(flow: Prepared, kind: str, width: int, height: int, seed: int) -> None:
    planes = planes_of(generate(kind, width, height, seed))
    data = check_round_trip(flow, planes)
    # The prior's floor bounds what the worst of pictures costs.
    assert len(data) <= 64 + 3 * planes.size


def test_every_pair_of_extremes(flow: Prepared) -> None:
    """All corners of the colour cube beside each other, and each alone."""
    corners = np.array([[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)], np.uint8)
    check_round_trip(flow, planes_of(np.tile(corners.reshape(2, 4, 3), (5, 7, 1))))
    for corner in corners:
        check_round_trip(flow, planes_of(np.broadcast_to(corner, (3, 3, 3)).copy()))


def test_strided_planes(flow: Prepared) -> None:
    planes = planes_of(generate("lattice", 41, 30))
    data = encode_tile(flow, planes)
    for other in (np.asfortranarray(planes), planes.transpose(0, 2, 1).copy().transpose(0, 2, 1)):
        assert encode_tile(flow, other) == data


@pytest.mark.parametrize(
    ("kind", "width", "height"),
    [
        ("photo", 32, 32),
        ("lattice", 96, 64),
        ("noise", 40, 30),
        ("gray", 200, 100),
        ("constant", 64, 64),
        ("extremes", 64, 48),
        ("gradient", 90, 70),
        ("gray", 1, 1),
    ],
)
def test_size_is_what_the_model_says(flow: Prepared, kind: str, width: int, height: int) -> None:
    planes = planes_of(generate(kind, width, height))
    bits, size = of_tile(flow, planes).total, 8 * len(encode_tile(flow, planes))
    assert size <= 1.002 * bits + 8 * 64
    assert size >= 0.998 * bits


def test_escapes_are_exercised(flow: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lone bright pixel in a flat picture falls outside of its table's window, on either side."""
    escapes = []
    of = Plane.columns

    def columns(self: Plane, values: Values) -> tuple[Values, np.ndarray, Values]:
        out = of(self, values)
        escapes.extend(out[2].tolist())
        return out

    monkeypatch.setattr(Plane, "columns", columns)
    pixels = np.full((32, 32, 3), 120, np.uint8)
    pixels[9, 17], pixels[20, 5], pixels[21, 22] = 255, 0, (255, 0, 255)
    check_round_trip(flow, planes_of(pixels))
    assert min(escapes) < -8
    assert max(escapes) > 8


@pytest.mark.parametrize("kind", ["lattice", "photo", "gray", "extremes"])
def test_truncated_data(flow: Prepared, kind: str) -> None:
    planes = planes_of(generate(kind, 24, 20))
    data = encode_tile(flow, planes)
    for length in [*range(6), *range(9, len(data), 4 * (len(data) // 128 + 1)), len(data) - 4, len(data) - 1]:
        decoded = decode_damaged(flow, data[:length], shape_of(planes))
        assert decoded is None or not np.array_equal(decoded, planes)


def test_bytes_beyond_the_end(flow: Prepared) -> None:
    planes = planes_of(generate("photo", 24, 20))
    data = encode_tile(flow, planes)
    for more in (b"\0", bytes(4), b"\1\0\0\0", bytes(range(1, 9))):
        decoded = decode_damaged(flow, data + more, shape_of(planes))
        assert decoded is None or not np.array_equal(decoded, planes)


@pytest.mark.parametrize("kind", ["photo", "gray"])
def test_flags_are_checked(flow: Prepared, kind: str) -> None:
    planes = planes_of(generate(kind, 9, 7))
    data, shape = encode_tile(flow, planes), shape_of(planes)
    assert data[0] == PLAIN
    with pytest.raises(CorruptFile, match="unknown flags"):
        decode_tile(flow, b"", shape)
    for flags in range(1, 256):
        with pytest.raises(CorruptFile, match="unknown flags"):
            decode_tile(flow, bytes([flags]) + data[1:], shape)
    for length in (1, 2, 3, 5):
        with pytest.raises(CorruptFile, match="damaged"):
            decode_tile(flow, bytes(1 + length), shape)


@settings(deadline=None, max_examples=150)
@given(
    words=st.one_of(
        st.lists(st.integers(0, 2**32 - 1), max_size=200),
        st.lists(st.sampled_from([0, 1, 2**31, 2**32 - 1]), max_size=80),
    ),
    shape=st.tuples(st.sampled_from([1, 3]), st.integers(1, 40), st.integers(1, 40)),
)
def test_garbage(flow: Prepared, words: list[int], shape: tuple[int, int, int]) -> None:
    decode_damaged(flow, bytes([PLAIN]) + np.array(words, "<u4").tobytes(), shape)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    shape=st.tuples(st.sampled_from([1, 3]), st.integers(1, 70), st.integers(1, 70)),
)
def test_garbage_long_enough_to_be_read(flow: Prepared, seed: int, shape: tuple[int, int, int]) -> None:
    """Noise that goes on for as long as it may."""
    rng = np.random.default_rng(seed)
    encoder = Encoder()
    encoder.push_uniform(rng.integers(0, 2**24, 4 * int(np.prod(shape))).astype(np.int32), 2**24)
    decode_damaged(flow, bytes([PLAIN]) + encoder.finish(), shape)


@pytest.fixture(scope="module")
def tiles(flow: Prepared) -> dict[str, tuple[Values, bytes]]:
    """Small tiles of each kind: planes, and what they are coded as."""
    every = {kind: planes_of(generate(kind, 19, 14)) for kind in GENERATORS}
    return {kind: (planes, encode_tile(flow, planes)) for kind, planes in every.items()}


@settings(deadline=None, max_examples=60)
@given(data=st.data(), kind=st.sampled_from(["photo", "lattice", "gray", "extremes", "gradient", "constant"]))
def test_damage(flow: Prepared, tiles: dict[str, tuple[Values, bytes]], data: st.DataObject, kind: str) -> None:
    """Bytes changed, cut out or put in: refused, or other planes."""
    planes, whole = tiles[kind]
    good = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(good) - 1))
        end = min(position + 4 * data.draw(st.integers(0, 3)), len(good))
        good[position:end] = data.draw(st.binary(min_size=end - position, max_size=end - position + 4))
    decoded = decode_damaged(flow, bytes(good), shape_of(planes))
    if decoded is not None and np.array_equal(decoded, planes):
        assert bytes(good) == whole


@pytest.mark.parametrize("kind", ["lattice", "gradient", "extremes"])
def test_data_of_another_shape(flow: Prepared, kind: str) -> None:
    data = encode_tile(flow, planes_of(generate(kind, 24, 20)))
    for shape in [(3, 20, 23), (3, 21, 24), (3, 1, 1), (3, 200, 240), (3, 24, 20), (1, 20, 24), (1, 3, 1)]:
        decode_damaged(flow, data, shape)


def test_flipped_bits(flow: Prepared) -> None:
    planes = planes_of(generate("lattice", 16, 12))
    data = encode_tile(flow, planes)
    for bit in range(0, 8 * len(data), 61):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        decoded = decode_damaged(flow, bytes(bad), shape_of(planes))
        assert decoded is None or not np.array_equal(decoded, planes)
