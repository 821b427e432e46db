"""The codec: whole files, from pictures to bytes and back, and what must never come back."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import idfcodec
from idfcodec import codec
from idfcodec.code_length import code_length
from idfcodec.codec import decode, decode_picture, encode
from idfcodec.demo import draw
from idfcodec.errors import CorruptFile, IDFError, ModelError, UnsupportedImage
from idfcodec.flow.causal.coder import CausalFlow
from idfcodec.flow.hierarchical.config import HierarchicalConfig
from idfcodec.flow.hierarchical.model import TrainableFlow
from idfcodec.format.container import NO_MODEL, Mode, pack, unpack
from idfcodec.format.payload import STORED
from idfcodec.models import EFFORTS, VARIABLE, find_model, load_model
from idfcodec.picture.pillow import Picture
from idfcodec.training.export import export
from idfcodec.types import Planes
from tests.pictures import GENERATORS, Pixels, generate

SIZES = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 300), (300, 1), (7, 5), (33, 65), (64, 64)]
METADATA = {"icc": b"profile" * 40, "exif": b"II*\0" + bytes(20), "xmp": "<x:xmpmeta>é</x:xmpmeta>".encode()}


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model that nothing was trained for."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    export(TrainableFlow(HierarchicalConfig(channels=16, blocks=(1, 1, 1), levels=2)), folder, levels=2)
    return folder


@pytest.fixture(autouse=True)
def _torch_threads_stay() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == before


def check(image: Pixels) -> bytes:
    data = encode(image)
    back = decode(data)
    assert back.dtype == np.uint8
    assert np.array_equal(back, image)
    return data


# --- Round trips ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["photo", "gray", "gray_as_rgb", "noise"])
def test_round_trip(kind: str, size: tuple[int, int]) -> None:
    data = check(generate(kind, size[1], size[0]))
    header = unpack(data)
    assert (header.height, header.width) == size
    assert header.model in (load_model().id, NO_MODEL)


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(sorted(GENERATORS)),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    seed=st.integers(0, 2**16),
    threads=st.sampled_from([None, 1, 2]),
)
def test_round_trip_of_anything(kind: str, width: int, height: int, seed: int, threads: int | None) -> None:
    image = generate(kind, width, height, seed)
    data = encode(image, threads=threads)
    assert np.array_equal(decode(data, threads=threads), image)
    assert len(data) <= unpack(data).header_size + 1 + image.size


@settings(deadline=None, max_examples=25)
@given(data=st.data(), gray=st.booleans(), width=st.integers(1, 12), height=st.integers(1, 12))
def test_round_trip_of_any_bytes(data: st.DataObject, gray: bool, width: int, height: int) -> None:
    shape = (height, width) if gray else (height, width, 3)
    count = int(np.prod(shape))
    samples = data.draw(st.binary(min_size=count, max_size=count))
    check(np.frombuffer(samples, np.uint8).reshape(shape))


@pytest.mark.parametrize(
    ("kind", "mode"), [("photo", Mode.RGB), ("gray", Mode.GRAY), ("gray_as_rgb", Mode.GRAY_AS_RGB)]
)
def test_mode(kind: str, mode: Mode) -> None:
    assert unpack(encode(generate(kind, 20, 10))).mode == mode


def test_gray_as_rgb_costs_what_gray_does() -> None:
    gray = generate("gray", 65, 33)
    assert abs(len(encode(np.repeat(gray[..., None], 3, 2))) - len(encode(gray))) <= 4


@pytest.mark.parametrize("kind", ["lattice", "gray"])
def test_arrays_in_any_layout(kind: str) -> None:
    image = generate(kind, 41, 30)
    data = encode(image)
    views = [
        np.asfortranarray(image),
        np.ascontiguousarray(image[::-1])[::-1],
        np.pad(image, [(2, 1), (3, 4), (0, 1)][: image.ndim])[(np.s_[2:-1], np.s_[3:-4], np.s_[:3])[: image.ndim]],
        np.ascontiguousarray(np.swapaxes(image, 0, 1)).swapaxes(0, 1),
    ]
    for view in views:
        assert np.array_equal(view, image)
        assert encode(view) == data
    read_only = image.copy()
    read_only.setflags(write=False)
    assert encode(read_only, verify=True) == data
    decoded = decode(data)
    decoded[0, 0] = 7  # the caller's own


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pillow_images(mode: str, photo: Pixels) -> None:
    image = Image.fromarray(photo).convert(mode)
    before = image.tobytes()
    data = encode(image)
    assert data == encode(np.asarray(image))
    assert image.tobytes() == before
    assert np.array_equal(decode(data), np.asarray(image))


@pytest.mark.parametrize("mode", ["La", "RGBa", "YCbCr", "F"])
def test_other_pillow_modes_are_named(mode: str) -> None:
    with pytest.raises(UnsupportedImage, match=mode):
        encode(Image.new(mode, (4, 3)))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint32),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((4, 4, 3), bool),
    ],
    ids=lambda image: f"{image.dtype} {image.shape}",
)
def test_other_arrays_are_refused(image: np.ndarray) -> None:
    with pytest.raises(UnsupportedImage):
        encode(image)


@pytest.mark.parametrize("kinds", [(), ("icc",), ("exif", "xmp"), ("xmp", "exif", "icc")])
def test_metadata_comes_back(kinds: tuple[str, ...], photo: Pixels) -> None:
    picture = Picture(photo, {kind: METADATA[kind] for kind in kinds})
    data = encode(picture, verify=True)
    back = decode_picture(data)
    assert np.array_equal(back.pixels, photo)
    assert dict(back.metadata) == dict(picture.metadata)
    assert np.array_equal(decode(data), photo)
    assert all(data.count(block) == 1 for block in picture.metadata.values())
    # It changes nothing else.
    assert unpack(data).tiles == unpack(encode(photo)).tiles


def test_stripping_leaves_pixels_alone(photo: Pixels) -> None:
    picture = Picture(photo, {**METADATA, "png": b"gAMA\0\4\0\0\0\0\0\xb1\x8f"})
    assert decode_picture(encode(picture)).metadata == picture.metadata
    assert encode(picture, strip=True, verify=True) == encode(photo)


def test_what_of_an_image_is_not_kept_is_logged(photo: Pixels, caplog: pytest.LogCaptureFixture) -> None:
    image = Image.fromarray(photo)
    image.info["odd"] = 0.5
    encode(image)
    assert [record.getMessage() for record in caplog.records] == [
        "what Pillow has as 'odd' is left out: compress the file to keep it"
    ]


def test_decode_takes_any_buffer(gray_photo: Pixels) -> None:
    data = encode(gray_photo)
    assert np.array_equal(decode(memoryview(data)), gray_photo)
    assert np.array_equal(decode(bytearray(data)), gray_photo)


def test_verify_changes_nothing(photo: Pixels) -> None:
    assert encode(photo, verify=True) == encode(photo)


def test_verify_notices(photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    right = CausalFlow.decode

    def wrong(self: CausalFlow, *arguments: Any) -> list[Planes]:
        pictures = right(self, *arguments)
        pictures[0][0][3, 4] ^= 1
        return pictures

    monkeypatch.setattr(CausalFlow, "decode", wrong)
    encode(photo)
    with pytest.raises(IDFError):
        encode(photo, verify=True)


def test_the_package_offers_the_codec() -> None:
    image = generate("gray", 9, 8)
    assert np.array_equal(idfcodec.decode(idfcodec.encode(image)), image)
    assert idfcodec.load_model().id == idfcodec.read_info(idfcodec.encode(image)).model


# --- Tiles and threads ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "size", "tiles"), [("photo", (520, 600), 4), ("gray", (40, 513), 2)])
def test_several_tiles(kind: str, size: tuple[int, int], tiles: int) -> None:
    image = generate(kind, size[1], size[0])
    calls: list[tuple[int, int]] = []
    data = encode(image, model="photo", threads=1, progress=lambda done, count: calls.append((done, count)))
    assert calls == [(i + 1, tiles) for i in range(tiles)]
    assert len(unpack(data).tiles) == tiles
    assert encode(image, model="photo", threads=2) == data
    assert encode(image, model="photo", threads=5) == data
    calls.clear()
    back = decode(data, threads=2, progress=lambda done, count: calls.append((done, count)))
    assert calls == [(i + 1, tiles) for i in range(tiles)]
    assert np.array_equal(back, image)
    assert np.array_equal(decode(data, threads=1), image)


def test_a_tile_does_not_depend_on_the_others() -> None:
    image = generate("photo", 560, 40)
    changed = image.copy()
    changed[:, :280] = generate("noise", 280, 40)
    before, after = (unpack(encode(pixels, model=EFFORTS["default"])).tiles for pixels in (image, changed))
    assert before[0] != after[0]
    assert before[1] == after[1]


@pytest.mark.parametrize("threads", [0, -1])
def test_too_few_threads(threads: int, gray_photo: Pixels) -> None:
    with pytest.raises(IDFError, match="too few"):
        encode(gray_photo, threads=threads)


def test_several_callers_at_once() -> None:
    images = [generate(kind, 30 + i, 50 - i, i) for i, kind in enumerate(("photo", "gray", "lattice", "noise") * 3)]
    alone = [encode(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda image: encode(image, threads=2), images)) == alone
        assert all(np.array_equal(a, b) for a, b in zip(pool.map(decode, alone), images, strict=True))


# --- Sizes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["photo", "lattice", "gray", "gray_as_rgb", "grainy"])
def test_size_is_what_the_model_says(kind: str) -> None:
    for image in (generate(kind, 32, 32), generate(kind, 150, 100)):
        bits = code_length(image).total
        assert 0.998 * bits <= 8 * len(encode(image)) <= 1.002 * bits + 64 * 8


@pytest.mark.parametrize("kind", ["noise", "gray_noise"])
def test_noise_is_stored(kind: str) -> None:
    for width, height in [(33, 41), (1, 1), (530, 3)]:
        image = generate(kind, width, height)
        data = check(image)
        header = unpack(data)
        assert all(tile[0] == STORED for tile in header.tiles)
        assert len(data) == header.header_size + len(header.tiles) + image.size


def test_photographs_shrink() -> None:
    image = generate("photo", 160, 128)
    assert len(encode(image)) < 0.6 * image.size


# --- Models and limits ---------------------------------------------------------------------------------------------


def test_a_file_finds_its_model(other_model: Path, monkeypatch: pytest.MonkeyPatch, gray_photo: Pixels) -> None:
    data = encode(gray_photo, model=other_model)
    assert unpack(data).model == load_model(other_model).id != load_model().id
    assert np.array_equal(decode(data, model=other_model), gray_photo)
    with pytest.raises(ModelError, match=f"there is no model '{load_model(other_model).id.hex()}'"):
        decode(data)
    monkeypatch.setenv("IDFCODEC_MODELS", str(other_model.parent))
    assert np.array_equal(decode(data), gray_photo)


def test_the_wrong_model_is_refused(other_model: Path, gray_photo: Pixels) -> None:
    with pytest.raises(ModelError, match="was made with model"):
        decode(encode(gray_photo), model=other_model)


def test_a_model_that_there_is_not(gray_photo: Pixels) -> None:
    for model in ("no such model", "0123456789abcdef", "", Path("nowhere")):
        with pytest.raises(ModelError, match="there is no model"):
            encode(gray_photo, model=model)
    data = encode(gray_photo)
    unknown = pack(dataclasses.replace(unpack(data), model=b"\1\2\3\4\5\6\7\x08"))
    with pytest.raises(ModelError, match="there is no model '0102030405060708'"):
        decode(unknown)


@pytest.fixture
def efforts(tmp_path: Path, other_model: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A model for every effort, that of max unlike the others: their ids."""
    folders = {"fast": find_model("photo"), "default": find_model("photo"), "max": other_model}
    for effort, folder in folders.items():
        shutil.copytree(folder, tmp_path / EFFORTS[effort])
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return {effort: load_model(folder).id for effort, folder in folders.items()}


@pytest.mark.parametrize("effort", EFFORTS)
def test_efforts_choose_models(effort: str, efforts: dict[str, bytes], photo: Pixels) -> None:
    data = encode(photo, effort=effort, verify=True)
    by_model = encode(photo, model=EFFORTS[effort])
    assert unpack(by_model).model == efforts[effort]
    assert len(data) <= len(by_model)
    assert unpack(data).model in (efforts[effort], NO_MODEL)
    found, expected = code_length(photo, effort=effort).total, code_length(photo, model=EFFORTS[effort]).total
    assert found == expected if unpack(data).model == efforts[effort] else found < expected
    assert np.array_equal(decode(data), photo)


def test_no_effort_is_the_default_model(efforts: dict[str, bytes], gray_photo: Pixels) -> None:
    assert encode(gray_photo, effort=None) == encode(gray_photo) == encode(gray_photo, effort="default")
    assert unpack(encode(gray_photo, model=EFFORTS["max"], effort=None)).model == efforts["max"]


@pytest.mark.parametrize("function", [encode, code_length])
def test_wrong_efforts_are_refused(function: Callable[..., object], gray_photo: Pixels) -> None:
    for effort in ("best", "", "MAX", "photo-max"):
        with pytest.raises(IDFError, match=f"there is no effort '{effort}'; choose one of fast, default, max$"):
            function(gray_photo, effort=effort)
    for model in ("photo", "", Path("nowhere")):
        with pytest.raises(IDFError, match="effort and model exclude each other"):
            function(gray_photo, model=model, effort="default")


def test_models_are_loaded_once() -> None:
    assert load_model() is load_model(load_model().name) is load_model(load_model().id.hex())


def test_max_pixels(photo: Pixels) -> None:
    data = encode(photo)
    count = photo.shape[0] * photo.shape[1]
    assert np.array_equal(decode(data, max_pixels=count), photo)
    with pytest.raises(IDFError, match=f"more than the limit of {count - 1}") as caught:
        decode(data, max_pixels=count - 1)
    assert not isinstance(caught.value, CorruptFile)


def test_a_huge_picture_is_refused_before_it_is_made(photo: Pixels) -> None:
    header = unpack(encode(photo))
    side = 2**15
    tiles = (side // 512) ** 2
    huge = pack(dataclasses.replace(header, width=side, height=side, tile=512, tiles=(b"\2",) * tiles))
    with pytest.raises(IDFError, match="more than the limit"):
        decode(huge)


# --- Damage --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session", params=["lattice", "gray", "noise"])
def small_file(request: pytest.FixtureRequest) -> bytes:
    """A file of one tile with metadata: with its colours' conversion undone, without, and stored."""
    image = generate(request.param, 19, 14)
    return encode(Picture(image, {"xmp": b"<xmp/>"}))


def test_every_truncation_is_refused(small_file: bytes) -> None:
    for length in range(len(small_file)):
        with pytest.raises(CorruptFile):
            decode(small_file[:length])


def test_every_flipped_header_byte_is_refused(small_file: bytes) -> None:
    for position in range(unpack(small_file).header_size):
        for flip in (1, 0x80, 0xFF):
            damaged = bytearray(small_file)
            damaged[position] ^= flip
            with pytest.raises(IDFError):
                decode(damaged)


def test_flipped_bytes_of_the_body_are_refused(small_file: bytes) -> None:
    start = unpack(small_file).header_size
    for position in [start, *range(start + 1, len(small_file), len(small_file) // 24), len(small_file) - 1]:
        damaged = bytearray(small_file)
        damaged[position] ^= 1 << position % 8
        with pytest.raises(CorruptFile):
            decode(damaged)


def test_other_bytes_are_refused() -> None:
    for data in (b"", b"\0", b"some text\n" * 30, b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(1000)):
        with pytest.raises(CorruptFile, match="not an idfcodec file"):
            decode(data)


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(["lattice", "photo", "gray", "noise"]),
    payload=st.one_of(
        st.binary(min_size=1, max_size=300),
        st.builds(lambda flag, words: bytes([flag]) + words * 4, st.sampled_from([0, 1, 2]), st.binary(max_size=60)),
        st.integers(1, 900).map(lambda size: b"\2" + bytes(size)),
    ),
)
def test_other_payloads_are_refused(kind: str, payload: bytes) -> None:
    """A header that is in order around a tile that is not."""
    header = unpack(encode(generate(kind, 17, 12)))
    if payload != header.tiles[0]:
        with pytest.raises(CorruptFile):
            decode(pack(dataclasses.replace(header, tiles=(payload,))))


@settings(deadline=None, max_examples=60)
@given(data=st.data(), kind=st.sampled_from(["lattice", "photo", "gray", "noise"]))
def test_damage_never_yields_pixels(data: st.DataObject, kind: str) -> None:
    image = generate(kind, 17, 12)
    good = encode(Picture(image, {"exif": b"II*\0"}))
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(bad)))
        end = min(position + data.draw(st.integers(0, 8)), len(bad))
        bad[position:end] = data.draw(st.binary(max_size=8))
    if bytes(bad) != good:
        with pytest.raises(IDFError):
            decode(bad)


def test_swapped_tiles_are_refused() -> None:
    header = unpack(encode(generate("photo", 560, 40), model=EFFORTS["default"]))
    with pytest.raises(CorruptFile):
        decode(pack(dataclasses.replace(header, tiles=header.tiles[::-1])))


def test_a_checksum_of_other_pixels_is_refused(photo: Pixels) -> None:
    header = unpack(encode(photo))
    with pytest.raises(CorruptFile, match="checksum"):
        decode(pack(dataclasses.replace(header, checksum=bytes(8))))


def test_other_modes_and_sizes_are_refused() -> None:
    """Fields changed under a checksum of the header that is right: the pixels' checksum binds them."""
    header = unpack(encode(generate("gray_noise", 12, 8)))
    for change in (
        {"mode": Mode.GRAY_AS_RGB},
        {"mode": Mode.RGB},
        {"width": 8, "height": 12},
        {"width": 24, "height": 4},
        {"height": 7},
    ):
        with pytest.raises(CorruptFile):
            decode(pack(dataclasses.replace(header, **change)))


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (33, 18), (600, 70)])
@pytest.mark.parametrize("kind", ["photo", "gray", "few"])
def test_code_length_is_where_the_picture_is(kind: str, size: tuple[int, int], rng: np.random.Generator) -> None:
    pixels = draw(size[1], size[0])
    noisy = slice(0, size[0] // 3), slice(size[1] // 2, size[1])
    pixels[noisy] = rng.integers(0, 256, pixels[noisy].shape)
    if kind == "gray":
        pixels = np.ascontiguousarray(pixels[..., 1])
    elif kind == "few":
        pixels = pixels // 64 * 64
    found = code_length(pixels)
    assert found.pixels.shape == size
    assert found.pixels.min() >= 0
    assert found.total == pytest.approx(found.pixels.sum(dtype=np.float64) + found.rest, rel=1e-5)
    assert len(codec.encode(pixels)) * 8 == pytest.approx(found.total, rel=0.01, abs=8 * 80)
    if size == (600, 70):
        assert found.pixels[noisy].mean() > 1.5 * found.pixels[size[0] // 2 :].mean()
