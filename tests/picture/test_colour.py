"""Kinds of picture: every array that is one comes back from planes, payloads and files; all else is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from idfcodec.codec import decode, decode_picture, encode
from idfcodec.demo import draw
from idfcodec.errors import CorruptFile, UnsupportedImage
from idfcodec.format.container import Mode, unpack
from idfcodec.format.payload import STORED, with_patches
from idfcodec.picture.colour import KINDS, Kind, kind_of
from idfcodec.picture.depth import REPEATED, SHIFTED, STRETCHED, Scale, pack_scales, scale_of, unpack_scales
from idfcodec.picture.picture import Picture
from idfcodec.picture.values import Table, pack_values
from idfcodec.types import Pixels, Role

MODEL = "photo-fast"
PLAIN = [kind for kind in KINDS.values() if kind.conversion is None]
DEEP = [kind for kind in PLAIN if kind.depth == 16]
each = pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.mode.name)
SCALES = [Scale(12, 12), Scale(12, 16), Scale(12, 16, REPEATED), Scale(8, 10, STRETCHED), Scale(10, 16, STRETCHED)]


def drawn(kind: Kind, height: int, width: int, seed: int = 1, bits: int | None = None) -> Pixels:
    """A picture of a kind, with values of so many bits."""
    rng = np.random.default_rng(seed)
    wide = draw(width, height, seed=seed).astype(np.int64) * 257 + rng.integers(0, 4000, (height, width, 3))
    samples = (wide.clip(0, 65535) >> 16 - (bits or kind.depth)).astype(kind.empty(1, 1).dtype)
    if kind.channels == 1:
        return np.ascontiguousarray(samples[..., 0])
    if kind.distinct == 1:
        return np.repeat(samples[..., :1], 3, axis=2)
    return np.concatenate((samples, samples[..., :1] // 2), axis=2)[..., 4 - kind.channels :]


def picture_of(kind: Kind, pixels: Pixels) -> Picture:
    """The picture with what makes it one of this kind."""
    palette = np.arange(768, dtype=np.uint8).reshape(256, 3) if kind.mode is Mode.PALETTE else None
    return Picture(pixels, palette=palette, cmyk=kind.mode in (Mode.CMYK, Mode.CMYK_16))


def planes_and_back(kind: Kind, pixels: Pixels) -> bytes:
    planes, extra = kind.planes(pixels)
    types = kind.types_with(extra)
    for plane, of in zip(planes, types, strict=True):
        assert of.low <= plane.min() <= plane.max() <= of.high
    out = kind.empty(*pixels.shape[:2])
    kind.write(planes, out, extra)
    np.testing.assert_array_equal(out, pixels)
    return extra


@each
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), height=st.integers(1, 9), width=st.integers(1, 9), data=st.data())
def test_planes_and_stored_samples_come_back(
    kind: Kind, seed: int, height: int, width: int, data: st.DataObject
) -> None:
    rng, dtype = np.random.default_rng(seed), kind.empty(1, 1).dtype
    bits = data.draw(st.integers(1, kind.depth))
    shape = (height, width) if kind.channels == 1 else (height, width, kind.channels)
    shift = data.draw(st.integers(0, kind.depth - bits))
    pixels: Pixels = (rng.integers(0, 1 << bits, shape) << shift).astype(dtype)
    if kind.channels > kind.distinct:
        pixels[:] = pixels[..., :1]
    planes_and_back(kind, pixels)
    out = kind.empty(height, width)
    kind.write_stored(kind.stored(pixels), out)
    np.testing.assert_array_equal(out, pixels)
    with pytest.raises(CorruptFile, match="wrong length"):
        kind.write_stored(kind.stored(pixels) + b"\0", out)


@each
def test_files_come_back(kind: Kind) -> None:
    pixels = drawn(kind, 41, 67)
    picture = picture_of(kind, pixels)
    data = encode(picture, model=MODEL, verify=True)
    assert unpack(data).mode is kind.mode
    assert unpack(data).tiles[0][0] != STORED
    back = decode_picture(data)
    assert (back.pixels.dtype, back.pixels.shape) == (pixels.dtype, pixels.shape)
    assert back.same(picture)


@pytest.mark.parametrize("kind", [kind for kind in PLAIN if kind.named], ids=lambda kind: kind.mode.name)
def test_names_stand_for_pixels(kind: Kind) -> None:
    pixels = drawn(kind, 12, 31)
    names = kind.names(pixels)
    assert (names.dtype, names.shape) == (np.uint32, (12, 31))
    samples = kind.samples(pixels).reshape(-1, kind.distinct)
    assert len(np.unique(names)) == len(np.unique(samples, axis=0))
    assert names[3, 4] == int.from_bytes(samples[3 * 31 + 4].tobytes(), "little")
    out = kind.empty(12, 31)
    kind.write_names(names, out)
    np.testing.assert_array_equal(out, pixels)
    if kind.parts < 4:
        names[0, 0] = 2 if kind.depth == 1 else 256**kind.parts
        with pytest.raises(CorruptFile, match="colours outside of their range"):
            kind.write_names(names, out)


@settings(deadline=None, max_examples=25)
@given(
    channels=st.integers(1, 4),
    order=st.sampled_from(["u1", "<u2", ">u2"]),
    steps=st.tuples(*[st.sampled_from([-2, -1, 1, 2])] * 2),
    turned=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_any_memory_comes_back(channels: int, order: str, steps: tuple[int, int], turned: bool, seed: int) -> None:
    shape = (9, 11) if channels == 1 else (9, 11, channels)
    pixels = np.random.default_rng(seed).integers(0, 256, shape).astype(order)[:: steps[0], :: steps[1]]
    pixels = np.asfortranarray(pixels.swapaxes(0, 1) if turned else pixels)
    pixels.flags.writeable = False
    back = decode(encode(pixels, model=MODEL))
    assert back.dtype == (np.uint8 if order == "u1" else np.uint16)
    np.testing.assert_array_equal(back, pixels)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "u4", "u8", "c8", "O"])
def test_other_samples_are_refused_in_a_line(dtype: str) -> None:
    with pytest.raises(UnsupportedImage, match=r"^an array of dtype \w+: this release codes bool, uint8 and uint16$"):
        encode(np.zeros((3, 4), dtype), model=MODEL)


@each
def test_a_hierarchical_model_says_what_it_does_not_code(kind: Kind) -> None:
    pixels = drawn(kind, 9, 12)
    if kind.common:
        np.testing.assert_array_equal(decode(encode(pixels, model="idf")), pixels)
        return
    message = f"codes 8-bit gray and RGB only, and the picture is {kind.mode.name}"
    with pytest.raises(UnsupportedImage, match=message):
        encode(picture_of(kind, pixels), model="idf")


def test_types_of_planes() -> None:
    types = KINDS[Mode.RGBA_16].types
    assert [plane.role for plane in types] == [Role.LUMA, Role.DIFFERENCE, Role.DIFFERENCE, Role.ALPHA]
    assert [(plane.low, plane.high) for plane in types] == [(0, 65535), (-65535, 65535), (-65535, 65535), (0, 65535)]
    types = KINDS[Mode.RGBA_16].types_with(pack_scales([Scale(12, 12), Scale(1, 16, STRETCHED)]))
    assert [(plane.low, plane.high) for plane in types] == [(0, 4095), (-4095, 4095), (-4095, 4095), (0, 1)]


# --- samples of fewer bits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [SHIFTED, REPEATED, STRETCHED])
def test_every_scale_is_found_and_comes_back(form: int) -> None:
    for top in range(2, 17):
        for bits in range(-(-top // 2), top):
            scale = Scale(bits, top, form)
            values = np.arange(1 << bits, dtype=np.int32).reshape(1, -1, 1)
            samples: NDArray[np.uint16] = scale.samples(values).astype(np.uint16)
            assert (np.diff(samples[0, :, 0].astype(int)) > 0).all()
            assert int(samples.max()) < 1 << top
            assert scale.fits(samples)
            found = scale_of(samples)
            assert found.bits == bits
            assert found.fits(samples)
            assert unpack_scales(pack_scales([scale]), 1) == [scale]


@pytest.mark.parametrize("scale", SCALES, ids=str)
@pytest.mark.parametrize("kind", DEEP, ids=lambda kind: kind.mode.name)
def test_empty_bits_are_not_paid_for(kind: Kind, scale: Scale) -> None:
    values = drawn(kind, 48, 64, bits=scale.bits)
    pixels: NDArray[np.uint16] = scale.samples(values.astype(np.int32)).astype(np.uint16)
    assert planes_and_back(kind, pixels)
    assert len(encode(pixels, model=MODEL, verify=True)) <= 1.01 * len(encode(values, model=MODEL)) + 16


def test_full_depth_says_nothing() -> None:
    pixels = drawn(KINDS[Mode.RGB_16], 30, 30)
    assert planes_and_back(kind_of(pixels), pixels) == b""
    pixels = drawn(KINDS[Mode.RGBA_16], 30, 30)
    pixels[..., 3] = 65535
    extra = planes_and_back(kind_of(pixels), pixels)
    assert extra == pack_values([Scale(16, 16)] * 3 + [Table((65535,))], 16)
    assert [of.role for of in kind_of(pixels).types_with(extra)] == [Role.LUMA, Role.DIFFERENCE, Role.DIFFERENCE]
    pixels[::2, :, 3] = 0
    assert planes_and_back(kind_of(pixels), pixels)[-2:] == b"\x01\x2f"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x0c", "1 bytes instead of 2"),
        (b"\x0c\x0b\x0c\x0b", "4 bytes instead of 2"),
        (b"\x0d\x0b", "13 bits in 12"),
        (b"\x0c\x1b", "12 bits in 12 of form 1"),
        (b"\x05\x1b", "5 bits in 12 of form 1"),
        (b"\x08\x3f", "8 bits in 16 of form 3"),
    ],
)
def test_unknown_scales_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        KINDS[Mode.GRAY_16].types_with(data)


@pytest.mark.parametrize("value", [-1, 4096])
def test_values_beyond_a_scale_are_refused(value: int) -> None:
    out = KINDS[Mode.GRAY_16].empty(1, 1)
    with pytest.raises(CorruptFile, match="outside of their range"):
        KINDS[Mode.GRAY_16].write([np.full((1, 1), value, np.int32)], out, pack_scales([Scale(12, 12)]))


def test_pictures_of_8_bits_have_no_scales() -> None:
    out = KINDS[Mode.GRAY].empty(1, 1)
    with pytest.raises(CorruptFile, match="the picture neither"):
        KINDS[Mode.GRAY].write([np.zeros((1, 1), np.int32)], out, b"\x08\x07")
    assert with_patches(b"", b"\0") == b"\0"
