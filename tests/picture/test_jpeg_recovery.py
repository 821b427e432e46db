"""Pixels that were a JPEG once give its coefficients back, whole or cropped; others do not."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from idfcodec.demo import draw
from idfcodec.format.payload import COEFFICIENTS
from idfcodec.picture.jpeg import estimating, jpeg_source, pack_source, read_jpeg, recovering, render
from idfcodec.picture.jpeg.bounding import FREE
from idfcodec.picture.jpeg.estimating import COSINES, block_offset
from idfcodec.picture.jpeg.quality import QUALITIES, quality_of, table_of
from idfcodec.picture.jpeg.solving import solve
from idfcodec.picture.jpeg.source import NO_EXCEPTIONS, jpeg_of
from idfcodec.types import Pixels
from tests.picture.jpegs import decoded, jpeg


def exact_share(pixels: Pixels) -> float:
    """Of the pixels, after recovery; all come back with the exceptions."""
    source = jpeg_source(pixels)
    assert source is not None
    assert np.array_equal(render(source, (pixels.shape[0], pixels.shape[1])), pixels)
    return 1 - len(source.exceptions) / (pixels.shape[0] * pixels.shape[1])


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:0", "gray"])
@pytest.mark.parametrize("quality", [75, 90])
def test_whole_pictures(quality: int, sampling: str) -> None:
    file = jpeg(144, 192, quality, sampling)
    pixels = decoded(file)
    source, wanted = jpeg_source(pixels), read_jpeg(file)
    assert source is not None
    assert wanted is not None
    assert exact_share(pixels) > 0.97
    assert source.offset == (0, 0)
    assert source.jpeg.sampling == wanted.sampling
    for found, table in zip(source.jpeg.tables, wanted.tables, strict=True):
        assert np.array_equal(found, table)


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:0"])
def test_crops(sampling: str) -> None:
    pixels = np.ascontiguousarray(decoded(jpeg(192, 208, 85, sampling))[11:-9, 5:-20])
    assert exact_share(pixels) > 0.9
    source = jpeg_source(pixels)
    assert source is not None
    assert (source.offset[0] % 8, source.offset[1] % 8) == (3, 5)


def test_what_was_no_jpeg() -> None:
    assert jpeg_source(draw(160, 128)) is None
    assert jpeg_source(draw(160, 128)[..., 1]) is None
    assert jpeg_source(np.zeros((64, 64, 3), np.uint8)) is None
    assert jpeg_source(np.zeros((2, 2), np.uint8)) is None
    assert jpeg_source(np.zeros((64, 64, 4), np.uint8)) is None
    assert jpeg_source(np.zeros((64, 64), np.uint16)) is None


def test_another_decoders_pixels_fall_back_or_come_back() -> None:
    """A JPEG whose decoder rounds otherwise: some pixels are exceptions, or it is taken for no JPEG."""
    pixels = decoded(jpeg(128, 128, 85, "4:4:4")).copy()
    pixels[5::16, 3::16] ^= 1
    source = jpeg_source(pixels)
    assert source is None or np.array_equal(render(source, (128, 128)), pixels)


def test_what_is_hopeless_ends_after_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = decoded(jpeg(128, 128, 85, "4:2:0")).copy()
    pixels[5::16, 3::16] ^= 1
    assert jpeg_source(pixels) is not None
    turns = 0

    def counted(*arguments: Any) -> Any:
        nonlocal turns
        turns += 1
        return luma(*arguments)

    luma = recovering._luma
    monkeypatch.setattr(recovering, "_luma", counted)
    monkeypatch.setattr(recovering, "_HOPELESS", 0.0001)
    assert jpeg_source(pixels) is None
    assert turns == 1


def test_qualities() -> None:
    for plane in (0, 1):
        for quality in QUALITIES:
            file = io.BytesIO()
            Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
            found = read_jpeg(file.getvalue())
            assert found is not None
            assert np.array_equal(table_of(quality, plane), found.tables[plane])
            assert np.array_equal(table_of(quality_of(found.tables[plane], plane), plane), found.tables[plane])
    assert quality_of(np.full(64, 7), 0) == 0


def test_what_a_person_is_told() -> None:
    pixels = np.ascontiguousarray(decoded(jpeg(128, 144, 85, "4:2:0"))[3:, 5:])
    source, (height, width) = jpeg_source(pixels), pixels.shape[:2]
    assert source is not None
    payload = bytes([COEFFICIENTS]) + pack_source(source, (height, width))
    marked = np.zeros((height + 3, width + 5), np.bool_)
    marked[3:, 5:].flat[source.exceptions.positions] = True
    blocks = np.pad(marked, ((0, -marked.shape[0] % 8), (0, -marked.shape[1] % 8)))
    rows, columns = (side // 8 for side in blocks.shape)
    share = 100 * (1 - blocks.reshape(rows, 8, columns, 8).any((1, 3)).mean())
    assert share < 100
    said = jpeg_of(payload, (height, width))
    assert said == f"JPEG: quality about 85, 4:2:0, offset (3, 5), {share:.1f} % of blocks exact"
    assert jpeg_of(b"\0" + payload[1:], (height, width)) is None
    assert all(jpeg_of(payload[:end], (height, width)) is None for end in range(4))


def test_offset_needs_a_grid() -> None:
    luma = draw(96, 96)[..., 1].astype(np.int32)
    assert block_offset(luma, np.ones(luma.shape, np.bool_)) is None
    whole = decoded(jpeg(96, 96, 80, "gray")).astype(np.int32)
    assert block_offset(whole[3:, 6:], np.ones((93, 90), np.bool_)) == (5, 2)


def test_all_grids_at_once_are_as_one_after_the_other() -> None:
    rng = np.random.default_rng(8)
    whole = decoded(jpeg(100, 120, 80, "gray")).astype(np.int32)
    for height, width, top, left in ((7, 60, 0, 0), (24, 24, 3, 1), (50, 37, 5, 2), (90, 70, 1, 6)):
        plane = whole[top : top + height, left : left + width]
        for known in (np.ones(plane.shape, np.bool_), rng.random(plane.shape) > 0.002):
            grids = [estimating.blocks_at(plane, known, i // 8, i % 8, 10**6)[:, 1:] for i in range(64)]
            scores = estimating._every_block(plane, known)
            assert (scores is None) == (min(map(len, grids)) < 2)
            assert scores is None or scores.ravel().tolist() == [(np.abs(grid) < 0.9).mean() for grid in grids]


def test_solving_finds_what_rounding_misses() -> None:
    found = read_jpeg(jpeg(96, 96, 95, "gray"))
    assert found is not None
    samples = decoded(jpeg(96, 96, 95, "gray")).astype(np.int16)
    out, missed = np.zeros_like(found.planes[0]), np.zeros(found.planes[0].shape[:2], np.int64)
    todo, prior = np.ones(missed.shape, np.int64), np.full(64, 100.0)
    solve(samples, samples, found.tables[0], COSINES, prior, todo, out, missed)
    assert not todo.any()
    rounded = np.rint(COSINES @ (samples.reshape(12, 8, 12, 8).swapaxes(1, 2) - 128.0) @ COSINES.T).reshape(12, 12, 64)
    rounded = np.rint(rounded / found.tables[0])
    assert (missed == 0).mean() >= (rounded == found.planes[0]).all(2).mean()
    assert (missed == 0).mean() > 0.9
    source = jpeg_source(samples.astype(np.uint8))
    assert source is not None
    again = render(replace(source, exceptions=NO_EXCEPTIONS), (96, 96))
    assert (again == samples).mean() > 0.9
    todo[:] = 1
    lows, highs = np.full_like(samples, -FREE), np.full_like(samples, FREE)
    solve(lows, highs, found.tables[0], COSINES, prior, todo, out, missed)
    assert not missed.any()
