"""Which family codes a picture, and files of names in whole."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from idfcodec.code_length import code_length
from idfcodec.codec import decode_picture, encode
from idfcodec.errors import CorruptFile
from idfcodec.family import CONVERTED, POSSIBLE, QUICK, SURE, lies_dense, likely_families, repeats, sample
from idfcodec.format.container import NO_MODEL, Container, pack, unpack
from idfcodec.format.dissect import dissect
from idfcodec.format.mode import Mode
from idfcodec.format.payload import CATEGORICAL, STORED
from idfcodec.kinds import kind_for, kind_of_picture
from idfcodec.models import load_model
from idfcodec.picture.colour import KINDS
from idfcodec.picture.names import names_of, samples_of
from idfcodec.picture.picture import Frames, Picture
from idfcodec.picture.pillow import from_image, read_picture
from idfcodec.types import Pixels
from tests.conftest import REPOSITORY
from tests.flow.categorical.screens import screen
from tests.pictures import generate


def drawn(channels: int, width: int = 150, height: int = 80) -> Pixels:
    pixels = samples_of(screen(width, height, channels)[0], channels)
    return np.ascontiguousarray(pixels[..., 0] if channels == 1 else pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("effort", ["fast", "default", "max"])
def test_screens_are_names_and_need_no_model(channels: int, effort: str) -> None:
    pixels = drawn(channels)
    data = encode(pixels, effort=effort, verify=True)
    found = unpack(data)
    assert (found.tile, found.model, len(found.tiles)) == (0, NO_MODEL, 1)
    assert found.tiles[0][0] == CATEGORICAL
    assert np.array_equal(decode_picture(data).pixels, pixels)
    assert "none is needed" in dissect(data)
    assert "one tile" in dissect(data)


@pytest.mark.parametrize("effort", ["fast", "default", "max"])
def test_a_code_length_is_of_the_family_that_codes(effort: str) -> None:
    still, moving = drawn(3), np.stack([drawn(3), drawn(3)])
    moving[1, 30:40, 30:50] = 9
    black, palette = still[..., 0] > 100, np.arange(48, dtype=np.uint8).reshape(16, 3)
    animation = Picture(moving, frames=Frames(2))
    for picture in (
        Picture(still),
        Picture(black),
        Picture((still[..., 0] >> 4).astype(np.uint8), palette=palette),
        animation,
    ):
        found = code_length(picture, effort=effort)
        tiles = unpack(encode(picture, effort=effort)).tiles
        assert found.pixels.shape == picture.column.shape[:2]
        assert (found.pixels >= 0).all()
        assert sum(map(len, tiles)) * 8 == pytest.approx(found.total, rel=0.002, abs=64)
    where = code_length(animation, effort=effort).pixels.reshape(2, -1, 150)
    assert where[1].sum() < where[0].sum() / 5


def photographs(count: int, *, still: bool) -> Picture:
    """Frames of a photograph, unchanged but for a corner, or of a camera that moves, with noise of its own in each."""
    rng = np.random.default_rng(4)
    wide = generate("photo", 200, 130, 5).astype(np.int16)
    frames = []
    for i in range(count):
        frame = wide[:120, :180].copy() if still else wide[2 * i : 2 * i + 110, 3 * i : 3 * i + 170].copy()
        frame += rng.integers(-3, 4, frame.shape) if not still else 0
        frame[10:30, 4 * i : 4 * i + 20] = 100
        frames.append(frame.clip(0, 255).astype(np.uint8))
    return Picture(np.stack(frames), frames=Frames(count))


def test_animations_choose_too() -> None:
    moved, still = photographs(5, still=False), photographs(5, still=True)
    by_default, at_most = (encode(moved, effort=effort, verify=True) for effort in ("default", "max"))
    assert len(at_most) <= len(by_default) <= 1.03 * len(at_most)
    assert unpack(encode(still, verify=True)).model == NO_MODEL


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_16_bits_are_names_where_a_pixel_has_four_bytes(channels: int) -> None:
    """Numbers of regions, as of cells, each with a value of its own."""
    rng = np.random.default_rng(8)
    regions = np.kron(rng.integers(0, 65536, (12, 15, channels)), np.ones((11, 9, 1))).astype(np.uint16)
    regions = np.ascontiguousarray(regions[..., 0]) if channels == 1 else regions
    data = encode(regions, verify=True)
    assert (unpack(data).tiles[0][0] == CATEGORICAL) == (channels < 3)
    if channels < 3:
        assert len(data) < 180 * 2 * channels + 300


def webp_size(picture: Picture) -> int:
    """Of the lossless animation of least size."""
    first, *others = map(Image.fromarray, picture.pixels)
    file = io.BytesIO()
    first.save(file, "WEBP", save_all=True, append_images=others, lossless=True, quality=100, method=6)
    return file.tell()


def scrolled(count: int) -> Picture:
    """A screen of which a part scrolls."""
    frames = np.stack([drawn(3)] * count)
    for i in range(count):
        frames[i, 20:, 40:120] = np.roll(frames[0, 20:, 40:120], -3 * i, axis=0)
    return Picture(frames, frames=Frames(count))


def test_animations_are_smaller_than_webp() -> None:
    for picture in (scrolled(6), photographs(4, still=False), photographs(4, still=True)):
        assert len(encode(picture)) <= webp_size(picture)


@pytest.mark.parametrize("name", ["jxl_traffic_light.gif", "jxl_animation_patches.gif", "pillow_chi.gif"])
def test_animations_of_mixed_are_smaller_than_webp(name: str) -> None:
    path = REPOSITORY.parent / "shared" / "data" / "mixed" / name
    if not path.exists():
        pytest.skip("the collection ../shared/data/mixed is not here")
    picture = read_picture(path)
    assert len(encode(picture, strip=True)) <= webp_size(picture)


def test_a_model_by_name_codes_screens_too() -> None:
    found = unpack(encode(drawn(3), model="photo-fast", verify=True))
    assert found.model != NO_MODEL
    assert found.tile > 0


def test_photographs_are_coded_by_the_model() -> None:
    for kind in ("photo", "gray"):
        assert unpack(encode(generate(kind, 70, 52))).model != NO_MODEL


def test_a_sample_of_one_colour_tells_too(rng: np.random.Generator) -> None:
    """Noise around a flat middle, where the samples lie: no plane of theirs is coded."""
    pixels = rng.integers(0, 256, (600, 600, 3), np.uint8)
    pixels[110:500, 110:500] = 200
    assert {len(np.unique(part)) for part in sample(pixels[None], QUICK)} == {1}
    encode(pixels, effort="fast", verify=True)


def test_gray_in_three_channels_is_one_channel_of_names() -> None:
    pixels = np.repeat(drawn(1)[..., None], 3, 2)
    data = encode(pixels)
    assert unpack(data).mode is Mode.GRAY_AS_RGB
    assert np.array_equal(decode_picture(data).pixels, pixels)


def test_noise_of_a_tiny_picture_is_stored() -> None:
    pixels = generate("noise", 9, 7, 2)
    assert len(encode(pixels, verify=True)) <= 41 + 1 + pixels.size


def of_payload(payload: bytes, mode: Mode = Mode.RGB) -> bytes:
    pixels = KINDS[mode].empty(4, 5)
    pixels[:] = 7
    checksum = KINDS[mode].checksum(pixels)
    return pack(Container(mode, 5, 4, 0, NO_MODEL, checksum, {}, (payload,)))


def test_stored_samples_need_no_model() -> None:
    data = of_payload(bytes([STORED]) + bytes([7]) * 60)
    assert (decode_picture(data).pixels == 7).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (of_payload(b"\0\1\2\3\4"), "names none"),
        (of_payload(bytes([CATEGORICAL, 0, 0]), Mode.RGB_16), "the picture none"),
        (of_payload(bytes([CATEGORICAL, 0, 0, 9]), Mode.RGB), "damaged|checksum"),
    ],
)
def test_what_cannot_be_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        decode_picture(data)


def test_names_and_samples_are_inverse() -> None:
    for channels in (1, 2, 3, 4):
        pixels = drawn(channels, 20, 10)
        assert np.array_equal(samples_of(names_of(pixels)[0], channels).reshape(pixels.shape), pixels)


def test_colours_of_a_photograph_lie_dense() -> None:
    """And those of a reduced, converted or enlarged one do not, nor those of a drawing."""
    photo = generate("photo", 200, 150, 3)
    assert lies_dense([part[0] for part in sample(photo[None], photo[..., 0].size)])
    assert lies_dense([photo[:70], photo[80:]])
    others = {
        "reduced": photo & 0xF8,
        "of few values": (photo.astype(np.uint16) * 150 // 255 * 255 // 150).astype(np.uint8),
        "converted": generate("lattice", 200, 150, 3),
        "enlarged": np.repeat(photo, 2, axis=1),
        "drawn": drawn(3),
        "of one colour": generate("constant", 200, 150),
    }
    assert [name for name, pixels in others.items() if lies_dense([pixels.astype(np.uint8)])] == []


def test_what_most_photographs_are_needs_no_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """So on a first use they do not wait for the loops of names to be compiled."""

    def refuse(*_: object) -> float:
        raise AssertionError("a sample is coded")

    monkeypatch.setattr("idfcodec.family._ratio", refuse)
    coder = load_model("photo")
    for name in ("photo", "lattice"):
        picture = from_image(generate(name, 200, 150, 3))
        assert POSSIBLE < repeats(picture.pixels) < CONVERTED  # which does not tell
        kind = kind_for(coder, kind_of_picture(picture, conversion=True))
        assert likely_families(kind, picture, "default", coder) == (False, True)


def test_both_families_code_what_would_be_a_sample_in_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the smaller is kept, whichever is tried first."""
    monkeypatch.setattr("idfcodec.family._ratio", None)
    coder, half = load_model("photo"), generate("photo", 128, 128, 3)
    half[:, 50:] = drawn(3, 128, 128)[:, 50:]
    grainy: Pixels = np.bitwise_xor(drawn(3, 128, 128), generate("noise", 128, 128) & 1, dtype=np.uint8)
    for pixels in (half, np.ascontiguousarray(half[:, ::-1]), grainy):
        picture = from_image(pixels)
        kind = kind_for(coder, kind_of_picture(picture, conversion=True))
        assert POSSIBLE < repeats(pixels) < SURE
        assert likely_families(kind, picture, "max", coder) == (True, True)
        assert likely_families(kind, picture, "fast", coder) == (False, True)
        sizes = []
        for repeated in (0.0, 2.0):
            monkeypatch.setattr("idfcodec.codec.REPEATED", repeated)
            sizes.append(len(encode(pixels, effort="max", verify=True)))
        assert sizes[0] == sizes[1] <= len(encode(pixels, model="photo-max"))


def test_small_photographs_are_not_tried_as_names() -> None:
    coder, photo = load_model("photo"), generate("photo", 90, 70, 3)
    for pixels, effort, tried in (
        (photo, "default", (False, True)),
        (photo, "fast", (True, True)),
        (photo & 0xF8, "default", (True, True)),
        (photo[:20], "default", (True, True)),
        (drawn(3, 90, 70), "default", (True, True)),
    ):
        picture = from_image(np.ascontiguousarray(pixels.astype(np.uint8)))
        kind = kind_for(coder, kind_of_picture(picture, conversion=True))
        assert likely_families(kind, picture, effort, coder) == tried


def test_how_often_colours_repeat() -> None:
    assert repeats(np.zeros((20, 20), np.uint8)) == 1
    assert repeats(np.arange(400, dtype=np.uint16).reshape(20, 20)) == 0


def test_a_sample_is_a_small_share_of_a_large_picture() -> None:
    large = np.zeros((1, 1000, 1500, 3), np.uint8)
    assert sum(part.size for part in sample(large, 2**14)) < 3 * 2**14
    small = np.zeros((1, 50, 60), np.uint8)
    assert sample(small, QUICK)[0].shape == small.shape
