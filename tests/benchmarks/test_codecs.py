"""Every codec that others made gives back what it was given, with the settings that it says it has."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.adapters import hp1, undo_hp1
from benchmarks.codecs import library_codecs
from idfcodec.demo import draw

imagecodecs = pytest.importorskip("imagecodecs", reason="the peers need imagecodecs, of the extra bench")
pytest.importorskip("oxipng", reason="the peers need pyoxipng, of the extra bench")

Pixels = NDArray[np.uint8]
PICTURES: dict[str, Pixels] = {
    "photo": draw(72, 48),
    "gray": np.ascontiguousarray(draw(41, 33)[..., 1]),
    "gray as RGB": np.repeat(draw(20, 21)[..., 1:2], 3, axis=2),
    "few colours": (draw(40, 24) // 128 * 255).astype(np.uint8),
    "black and white": (draw(24, 24)[..., 1] // 128 * 255).astype(np.uint8),
    "pixel": draw(1, 1),
    "gray pixel": draw(1, 1)[..., 0],
    "row": draw(37, 1),
    "noise": np.random.default_rng(1).integers(0, 256, (17, 19, 3), dtype=np.uint8),
}
KEYS = [codec.key for codec in library_codecs(1)]


@pytest.mark.parametrize("key", KEYS)
def test_what_comes_back_is_what_went_in(key: str) -> None:
    (codec,) = library_codecs(2, key)
    assert not codec.missing
    assert codec.version
    for name, pixels in PICTURES.items():
        if (key, name) == ("jxl-e1", "row"):
            continue  # spoiled by libjxl 0.11: https://github.com/libjxl/libjxl/issues/4287
        again = codec.decode(codec.encode(pixels))
        assert codec.matches(pixels, again), name
        assert again.dtype == np.uint8
        if codec.keeps_channels:
            assert again.shape == pixels.shape, name


@pytest.mark.parametrize("key", KEYS)
def test_alpha_and_16_bits_come_back_or_are_an_error(key: str) -> None:
    (codec,) = library_codecs(1, key)
    rng = np.random.default_rng(2)
    for shape, deep in (((9, 8, 2), False), ((9, 8, 4), False), ((9, 8), True), ((9, 8, 3), True), ((9, 8, 4), True)):
        pixels = rng.integers(0, 65536 if deep else 256, shape).astype(np.uint16 if deep else np.uint8)
        if key.startswith("jxl") or key == "png-oxipng" or (key.startswith("webp") and not deep):
            assert codec.matches(pixels, codec.decode(codec.encode(pixels)))
        else:
            with pytest.raises(ValueError, match=r"only|dtype"):
                codec.encode(pixels)


def test_the_codecs_that_are_wanted_are_there() -> None:
    wanted = {"png", "png-oxipng", "webp-m4", "webp-m6", "jpegls-rct", "j2k-rct", "avif", "qoi"}
    wanted |= {"tiff-deflate", "tiff-zstd", *(f"jxl-e{effort}" for effort in (1, 3, 7, 9, 10))}
    assert wanted <= set(KEYS)
    assert len(set(KEYS)) == len(KEYS)


def test_the_colour_transform_of_jpeg_ls_can_be_undone_for_all_differences() -> None:
    values = np.arange(0, 256, 5, dtype=np.uint8)
    cube = np.stack(np.meshgrid(values, values, values, indexing="ij"), axis=-1).reshape(1, -1, 3)
    np.testing.assert_array_equal(undo_hp1(hp1(cube)), cube)
    np.testing.assert_array_equal(hp1(np.array([[[10, 20, 40]]], np.uint8)).ravel(), [20, 118, 148])


def test_colour_transforms_make_photographs_smaller() -> None:
    pixels = draw(192, 128)
    (jpeg_ls,), (jpeg_2000,) = library_codecs(1, "jpegls-rct"), library_codecs(1, "j2k-rct")
    assert len(jpeg_ls.encode(pixels)) < 0.9 * len(imagecodecs.jpegls_encode(pixels))
    without = imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, mct=False)
    assert len(jpeg_2000.encode(pixels)) < 0.9 * len(without)


def test_avif_says_that_its_planes_are_the_colours_themselves() -> None:
    (avif,) = library_codecs(1, "avif")
    data = avif.encode(draw(24, 16))
    start = data.index(b"nclx") + 4
    _primaries, _transfer, matrix = (int.from_bytes(data[start + i : start + i + 2], "big") for i in (0, 2, 4))
    assert matrix == 0  # identity
    assert data[start + 6] & 0x80  # full range


def test_an_optimised_png_may_have_a_palette() -> None:
    (oxipng,) = library_codecs(1, "png-oxipng")
    data = oxipng.encode(PICTURES["few colours"])
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "P"
    assert oxipng.matches(PICTURES["few colours"], oxipng.decode(data))


def test_threads_are_those_that_a_codec_can_use() -> None:
    threads = {codec.key: codec.threads for codec in library_codecs(2)}
    assert threads["jxl-e7"] == 2
    assert threads["png"] == threads["qoi"] == 1


def test_a_build_without_a_codec_is_listed_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagecodecs, "AVIF", SimpleNamespace(available=False))
    (avif,) = library_codecs(1, "avif")
    assert avif.missing == "this build of imagecodecs has no AVIF"
    assert avif.version == ""


def test_without_imagecodecs_its_codecs_are_listed_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    missing = {codec.key: codec.missing for codec in library_codecs(1)}
    assert set(missing) == set(KEYS)
    assert missing["png"] == ""
    assert missing["jxl-e7"].startswith("imagecodecs cannot be imported")
