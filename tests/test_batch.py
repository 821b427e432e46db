"""Batches: from many small pictures to bytes and back, and what must never come back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from idfcodec import batch as module
from idfcodec.batch import decode_batch
from idfcodec.code_length import batch_code_lengths
from idfcodec.codec import MAX_PIXELS, encode
from idfcodec.errors import CorruptFile, IDFError, ModelError, UnsupportedImage
from idfcodec.format.batch import Batch, pack_batch, unpack_batch
from idfcodec.format.container import Mode
from idfcodec.format.payload import PATCHED, UNCONVERTED, with_small_patches
from idfcodec.models import load_model
from idfcodec.picture.conversion.table import JFIF
from tests.golden import batch_pictures
from tests.pictures import GENERATORS, Pixels, generate

MODEL = "photo-fast"


def encode_batch(pictures: Any, **options: Any) -> bytes:
    return module.encode_batch(pictures, model=MODEL, **options)


def mixed() -> list[Pixels]:
    sizes = [(1, 1), (8, 8), (2, 1), (17, 12), (1, 30), (8, 8)]
    pictures = [generate(kind, *sizes[i % len(sizes)], i) for i, kind in enumerate(sorted(GENERATORS))]
    black = [np.zeros(shape, np.uint8) for shape in ((1, 1), (1, 1, 3), (9, 7), (9, 7, 3), (1, 5, 3))]
    one_colour = np.full((6, 5, 3), (1, 2, 0), np.uint8)  # its payload ends with a zero byte
    return [*pictures, *black, one_colour, *(generate("gray", 16, 16, i) for i in range(3))]


@pytest.fixture(scope="session")
def photos() -> bytes:
    """70 pictures, of more than one block."""
    return encode_batch([generate("photo", 6, 4, i) for i in range(70)])


@pytest.fixture(scope="session")
def few() -> bytes:
    return encode_batch([generate("photo", 12, 9, i) for i in range(5)])


def same(found: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]) -> bool:
    return len(found) == len(wanted) and all(
        a.dtype == np.uint8 and a.shape == b.shape and (a == b).all() for a, b in zip(found, wanted, strict=True)
    )


def changed(data: bytes, **change: Any) -> bytes:
    """The file with other fields, and with checksums of the container that are right."""
    return pack_batch(dataclasses.replace(unpack_batch(data), **change))


# --- Round trips ---------------------------------------------------------------------------------------------------


def test_mixed_pictures_come_back() -> None:
    pictures = mixed()
    data = encode_batch(pictures)
    assert same(decode_batch(data), pictures)
    batch = unpack_batch(data)
    assert batch.model == load_model(MODEL).id
    assert {mode for mode, _, _ in batch.shapes} == {Mode.GRAY, Mode.RGB, Mode.GRAY_AS_RGB, Mode.JFIF}
    assert same(decode_batch(memoryview(data)), pictures)


def test_random_access_is_the_whole() -> None:
    pictures = mixed()
    data = encode_batch(pictures)
    for index, picture in enumerate(pictures):
        assert same(decode_batch(data, pictures=[index]), [picture])
    numbers = [5, 0, 5, len(pictures) - 1]
    assert same(decode_batch(data, pictures=numbers), [pictures[i] for i in numbers])
    assert same(decode_batch(data, pictures=iter(np.array(numbers))), [pictures[i] for i in numbers])
    assert decode_batch(data, pictures=[]) == []


@settings(deadline=None, max_examples=10)
@given(data=st.data())
def test_round_trip_of_anything(data: st.DataObject) -> None:
    sides = st.integers(1, 20)
    kinds = st.tuples(st.sampled_from(sorted(GENERATORS)), sides, sides, st.integers(0, 99))
    pictures = [generate(*kind) for kind in data.draw(st.lists(kinds, min_size=1, max_size=5))]
    assert same(decode_batch(encode_batch(pictures)), pictures)


def test_bytes_do_not_depend_on_threads() -> None:
    pictures = mixed()
    data = encode_batch(pictures, threads=1)
    assert encode_batch(pictures, threads=3) == encode_batch(pictures) == data
    assert same(decode_batch(data, threads=3), decode_batch(data, threads=1))


def test_parts_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = mixed()
    data = encode_batch(pictures)
    monkeypatch.setattr(module, "PART", 4)
    calls: list[tuple[int, int]] = []
    assert encode_batch(pictures, progress=lambda *call: calls.append(call)) == data
    assert calls == [(i + 1, len(pictures)) for i in range(len(pictures))]
    assert same(decode_batch(data), pictures)


def test_pillow_images() -> None:
    pictures = [generate("photo", 9, 7), generate("gray", 9, 7)]
    assert encode_batch([Image.fromarray(picture) for picture in pictures]) == encode_batch(pictures)


def test_black_pictures_take_no_bytes() -> None:
    batch = unpack_batch(encode_batch([np.zeros((1, 1), np.uint8), np.zeros((1, 1, 3), np.uint8)]))
    assert all(len(payload) <= 4 for payload in batch.payloads)


def test_pictures_cost_little_beside_their_pixels() -> None:
    pictures = [generate("photo", 8, 8, i) for i in range(200)]
    data = encode_batch(pictures)
    assert unpack_batch(data).overhead / len(pictures) < 4
    alone = [len(encode(picture, model=MODEL)) for picture in pictures[:5]]
    assert len(data) / len(pictures) < 0.8 * sum(alone) / len(alone)


# --- Limits and wrong calls ----------------------------------------------------------------------------------------


def test_what_cannot_be_a_batch_is_refused() -> None:
    with pytest.raises(IDFError, match="at least one picture"):
        encode_batch([])
    for shape in ((513, 1), (1, 513, 3)):
        with pytest.raises(IDFError, match="too large for a batch"):
            encode_batch([np.zeros(shape, np.uint8)])
    with pytest.raises(UnsupportedImage):
        encode_batch([np.zeros((4, 4, 5), np.uint8)])
    with pytest.raises(IDFError, match="effort and model exclude each other"):
        encode_batch([np.zeros((4, 4), np.uint8)], effort="fast")
    with pytest.raises(IDFError, match="0 threads"):
        encode_batch([np.zeros((4, 4), np.uint8)], threads=0)


@pytest.mark.parametrize("number", [-1, 70, 2**40])
def test_pictures_that_there_are_not(photos: bytes, number: int) -> None:
    with pytest.raises(IDFError, match="the batch has 70 pictures, numbered from 0"):
        decode_batch(photos, pictures=[0, number])


def test_the_model_is_the_files(photos: bytes) -> None:
    with pytest.raises(ModelError, match="was made with model"):
        decode_batch(photos, model="photo")
    with pytest.raises(ModelError, match="there is no model '0102030405060708'"):
        decode_batch(changed(photos, model=bytes(range(1, 9))))


def test_max_pixels(photos: bytes) -> None:
    assert len(decode_batch(photos, max_pixels=70 * 24)) == 70
    assert len(decode_batch(photos, pictures=[3, 4], max_pixels=2 * 24)) == 2
    for options in ({"max_pixels": 70 * 24 - 1}, {"pictures": [3, 3, 3], "max_pixels": 2 * 24}):
        with pytest.raises(IDFError, match="more than the limit") as caught:
            decode_batch(photos, **options)
        assert not isinstance(caught.value, CorruptFile)


def test_millions_of_large_pictures_without_bytes_are_refused() -> None:
    count = MAX_PIXELS // 512**2 + 1
    hostile = Batch(load_model(MODEL).id, bytes(8), ((Mode.RGB, 512, 512),) * count, (b"",) * count)
    with pytest.raises(IDFError, match="more than the limit"):
        decode_batch(pack_batch(hostile))


# --- Damage --------------------------------------------------------------------------------------------------------


def test_every_truncation_is_refused(few: bytes) -> None:
    for length in range(len(few)):
        with pytest.raises(CorruptFile):
            decode_batch(few[:length])


def test_flipped_bytes_are_refused(few: bytes) -> None:
    """Wherever they are, and whichever picture is wanted: no pixels come back."""
    for position in [*range(40), *range(40, len(few), len(few) // 40), len(few) - 1]:
        damaged = bytearray(few)
        damaged[position] ^= 1 << position % 8
        for pictures in (None, [0]):
            with pytest.raises(IDFError):
                decode_batch(bytes(damaged), pictures=pictures)


@settings(deadline=None, max_examples=40)
@given(payload=st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda rest: b"\0" + rest)))
def test_other_payloads_are_refused(few: bytes, payload: bytes) -> None:
    """A container that is in order around a picture that is not."""
    batch = unpack_batch(few)
    if payload != batch.payloads[0]:
        with pytest.raises(CorruptFile):
            decode_batch(changed(few, shapes=batch.shapes[:1], payloads=(payload,)))


def test_a_payload_is_written_in_one_way_only(few: bytes) -> None:
    """No zero bytes at the end, no flags but those of FORMAT.md, 10.3: not even of a picture alone."""
    payloads = unpack_batch(few).payloads
    black = encode_batch([np.zeros((1, 1), np.uint8)])
    for first in (payloads[0] + b"\0", payloads[0] + bytes(4), b"\4" + payloads[0][1:], b"\x08" + payloads[0][1:]):
        with pytest.raises(CorruptFile):
            decode_batch(changed(few, payloads=(first, *payloads[1:])), pictures=[0])
    for payload in (b"\0", bytes(5), b"\x80", b"\x80\0\0", b"\x81\0"):
        with pytest.raises(CorruptFile):
            decode_batch(changed(black, payloads=(payload,)), pictures=[0])


def test_noise_is_stored() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    pictures = [noise[0], generate("photo", 16, 16), noise[1], noise[2]]
    data = encode_batch(pictures)
    payloads = unpack_batch(data).payloads
    assert [len(payloads[i]) for i in (0, 2, 3)] == [1 + noise[0].size] * 3
    assert all(np.array_equal(a, b) for a, b in zip(decode_batch(data), pictures, strict=True))
    gray = np.repeat(noise[0, ..., :1], 3, 2)
    assert len(unpack_batch(encode_batch([gray])).payloads[0]) == 1 + gray[..., 0].size
    assert np.array_equal(decode_batch(encode_batch([gray]))[0], gray)


def test_the_checksum_binds_order_shapes_and_pixels(few: bytes) -> None:
    batch = unpack_batch(few)
    with pytest.raises(CorruptFile, match="do not match the file's checksum"):
        decode_batch(changed(few, checksum=bytes(8)))
    with pytest.raises(CorruptFile, match="do not match the file's checksum"):
        decode_batch(changed(few, payloads=batch.payloads[::-1]))
    with pytest.raises(CorruptFile):
        decode_batch(changed(few, shapes=((Mode.RGB, 12, 9), *batch.shapes[1:])))
    gray = encode_batch([generate("gray", 9, 7)])
    with pytest.raises(CorruptFile, match="do not match the file's checksum"):
        decode_batch(changed(gray, shapes=((Mode.GRAY_AS_RGB, 7, 9),)))


def test_files_of_one_picture_are_no_batches() -> None:
    with pytest.raises(CorruptFile, match="not a batch"):
        decode_batch(encode(generate("photo", 9, 7), model=MODEL))


# --- Conversions ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def converted() -> tuple[list[Pixels], bytes]:
    """What a JPEG's colours made, chroma halved and not, with and without exceptions, and a picture of other origin."""
    kinds = {"kinds": ["was 1", "was 1 of 14", "nearly 1", "photo"], "width": 40, "height": 32}
    pictures = batch_pictures(kinds)
    return pictures, encode_batch(pictures)


def test_conversions_are_undone(converted: tuple[list[Pixels], bytes]) -> None:
    pictures, data = converted
    assert same(decode_batch(data), pictures)
    assert same(decode_batch(data, pictures=[4, 11]), [pictures[4], pictures[11]])
    batch = unpack_batch(data)
    assert [mode for mode, _, _ in batch.shapes] == [Mode.JFIF] * 9 + [Mode.RGB] * 3
    plain = encode_batch(pictures, conversion=False)
    assert same(decode_batch(plain), pictures)
    assert {mode for mode, _, _ in unpack_batch(plain).shapes} == {Mode.RGB}
    assert len(data) < 0.9 * len(plain)
    for payload, bits in zip(batch.payloads, batch_code_lengths(pictures, model=MODEL), strict=True):
        assert abs(8 * len(payload) - bits) < 0.002 * bits + 8 * 64


def test_what_is_not_converted_after_all_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of which the sample misled is coded as red, green and blue."""
    pixels = generate("photo", 24, 17, 1)
    monkeypatch.setattr(module, "detect_any", lambda pictures: (JFIF,))
    monkeypatch.setattr("idfcodec.picture.colour.detect", lambda pixels, conversions: JFIF)
    data = encode_batch([pixels])
    assert unpack_batch(data).payloads[0][:4] == bytes([PATCHED, UNCONVERTED, 0, 0])
    assert same(decode_batch(data), [pixels])


def test_exceptions_that_are_too_long_are_not_written() -> None:
    assert with_small_patches(b"\1" * (1 << 16), b"x") is None


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("81", "ends before"),
        ("810e00", "ends before"),
        ("81000000", "neither layout nor exceptions"),
        ("810effff", "ends before"),
        ("81100000", "layout 16"),
        ("810e0000", "damaged"),
        ("81ff0400aabbccdd", "not converted has exceptions"),
        ("81000500ffffffff00", "end too early"),
    ],
)
def test_hostile_conversions_are_refused(converted: tuple[list[Pixels], bytes], start: str, message: str) -> None:
    _, data = converted
    payloads = list(unpack_batch(data).payloads)
    payloads[0] = bytes.fromhex(start) + payloads[0] * (len(start) > 6 and start[2:] != "0effff")
    with pytest.raises(CorruptFile, match=message):
        decode_batch(changed(data, payloads=tuple(payloads)))


def test_only_converted_pictures_have_layouts(converted: tuple[list[Pixels], bytes]) -> None:
    _, data = converted
    batch = unpack_batch(data)
    shapes = tuple((Mode.RGB, height, width) for _, height, width in batch.shapes)
    with pytest.raises(CorruptFile, match="flags"):
        decode_batch(changed(data, shapes=shapes), pictures=[4])
