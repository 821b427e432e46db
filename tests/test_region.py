"""Boxes of pictures: what is decoded, how much of a file is read for it, and what is refused."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest

from idfcodec import codec, read_info
from idfcodec.codec import decode, decode_picture, encode
from idfcodec.demo import draw
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.info import FIRST
from idfcodec.picture.picture import Frames, Picture

SIDE = 64  # of tiles here


class Ranges(io.RawIOBase):
    """A file somewhere else: it gives at most 1,000 bytes at a time, and counts them."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.given = data, 0, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        assert whence == 0
        self.at = offset
        return offset

    def tell(self) -> int:
        return self.at

    def read(self, size: int = -1) -> bytes:
        found = self.data[self.at : self.at + (1000 if size < 0 else min(size, 1000))]
        self.at += len(found)
        self.given += len(found)
        return found


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "TILE", SIDE)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return draw(300, 200)


@pytest.fixture
def data(pixels: np.ndarray) -> bytes:
    return encode(pixels, model="photo-fast")


BOXES = [(0, 0, 300, 200), (0, 0, 1, 1), (299, 199, 300, 200), (59, 49, 61, 51), (70, 20, 171, 190), (0, 100, 300, 101)]


@pytest.mark.parametrize("box", BOXES)
def test_a_box_is_what_the_whole_picture_has_there(pixels: np.ndarray, data: bytes, box: tuple[int, ...]) -> None:
    left, top, right, bottom = box
    assert np.array_equal(decode(data, box=box), pixels[top:bottom, left:right])
    assert np.array_equal(decode(Ranges(data), box=box, threads=2), pixels[top:bottom, left:right])  # type: ignore[arg-type]


def test_only_the_tiles_that_are_touched_are_read(pixels: np.ndarray, data: bytes) -> None:
    head = read_info(data)
    assert len(head.tile_lengths) == 5 * 4
    file = Ranges(b"before" + data)
    file.seek(6)
    box = (61, 51, 119, 99)  # of tile 6 alone, the second one of the second row
    assert np.array_equal(decode(file, box=box), pixels[51:99, 61:119])  # type: ignore[arg-type]
    assert file.given <= head.tile_lengths[6] + max(head.header_size, FIRST)
    assert file.tell() == 6
    before, file.given = file.given, 0
    decode(file, box=(0, 0, 300, 200))  # type: ignore[arg-type]
    assert before < len(data) / 4 < file.given


def test_progress_counts_the_tiles_of_the_box(data: bytes) -> None:
    told: list[tuple[int, int]] = []
    decode(data, box=(59, 49, 61, 51), progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_frames_are_all_cut_alike(pixels: np.ndarray) -> None:
    frames = np.stack([pixels, pixels, np.where(np.arange(300)[:, None] < 80, pixels, 255 - pixels)])
    picture = Picture(frames, {"xmp": b"<x/>"}, frames=Frames(3, (Fraction(40),) * 3, 0))
    data = encode(picture, model="photo-fast")
    back = decode_picture(io.BytesIO(data), box=(50, 40, 130, 60))
    assert np.array_equal(back.pixels, frames[:, 40:60, 50:130])
    assert back.frames == picture.frames
    assert back.metadata == picture.metadata


def test_pictures_of_one_tile_are_read_whole_and_checked() -> None:
    pixels = (np.arange(90 * 70).reshape(90, 70) // 37 % 3 * 100).astype(np.uint8)
    data = encode(pixels)
    assert read_info(data).tile == 0
    assert np.array_equal(decode(io.BytesIO(data), box=(3, 5, 60, 80)), pixels[5:80, 3:60])
    damaged = bytearray(data)
    damaged[21] ^= 1  # of the checksum of the pixels, which the header's checksum covers
    with pytest.raises(CorruptFile):
        decode(bytes(damaged), box=(3, 5, 60, 80))


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 1), (-1, 0, 5, 5), (0, 0, 301, 1), (5, 5, 4, 9), (1, 2, 3), "no", (0, 0, 1.5, 2)]
)
def test_boxes_that_are_none(data: bytes, box: object) -> None:
    with pytest.raises(IDFError, match="box"):
        decode(data, box=box)  # type: ignore[arg-type]


def test_what_ends_early_is_refused(data: bytes) -> None:
    for end in (0, 5, 36, read_info(data).header_size - 1, len(data) - 1):
        with pytest.raises(CorruptFile, match=r"truncated|empty"):
            decode(io.BytesIO(data[:end]), box=(290, 190, 300, 200))
    assert decode(io.BytesIO(data[:-1]), box=(0, 0, 5, 5)).shape == (5, 5, 3)  # whose tile is there


def test_a_limit_is_of_what_is_decoded(data: bytes) -> None:
    with pytest.raises(IDFError, match="limit"):
        decode(data, max_pixels=30_000)
    assert decode(data, box=(0, 0, 5, 5), max_pixels=30_000).shape == (5, 5, 3)
