"""Chroma at its true resolution: interpolated as the format says, found where it was, exact for any picture."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from idfcodec.demo import draw
from idfcodec.errors import CorruptFile
from idfcodec.format.container import Mode
from idfcodec.format.payload import chroma_of, with_patches
from idfcodec.picture.colour import KINDS, kind_of
from idfcodec.picture.conversion import (
    CONVERSIONS,
    FULL,
    LAYOUTS,
    Conversion,
    Exceptions,
    Layout,
    layouts_of,
    pack_source,
    redo,
    undo,
    undo_best,
    unpack_layout,
    unpack_source,
)
from idfcodec.picture.conversion.finding import alike
from idfcodec.picture.conversion.halving import upsampled
from idfcodec.picture.conversion.table import JFIF, PHOTO_CD
from idfcodec.picture.conversion.undoing import NONE

Pixels = NDArray[np.uint8]
HALVED = [layout for layout in LAYOUTS.values() if layout.filter]
each = pytest.mark.parametrize("layout", HALVED, ids=lambda layout: str(layout.number))


def decoded(rgb: Pixels, subsampling: str, quality: int = 92) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(stream).convert("RGB"))


def made(conversion: Conversion, layout: Layout, shape: tuple[int, int], seed: int) -> Pixels:
    """A picture with chroma that is smooth but for some noise, and few clipped pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    planes = [(95 + 45 * np.sin(x / 9 + y / 15) + rng.integers(0, 9, shape)).astype(np.int32)]
    y, x = np.mgrid[: layout.shape(shape)[0], : layout.shape(shape)[1]]
    for k in (5, 8):
        wave = 22 * np.sin(x / k + y / 11) + 6 * ((x + y * k) % 17 < 5) + rng.integers(0, 4, x.shape)
        planes.append(wave.astype(np.int32))
    return redo(planes, conversion, NONE, layout)


# --- Interpolation ---------------------------------------------------------------------------------------------------


@each
def test_interpolation_is_its_definition(layout: Layout) -> None:
    """Each pixel, from the weights of the filter along each axis."""
    shape = (9, 12)
    samples = np.random.default_rng(2).integers(-156, 120, layout.shape(shape)).astype(np.int32)
    out, _ = upsampled(samples, layout, shape)
    first = [
        -int(layout.filter == 2 and not phase and bool(half))
        for phase, half in zip(layout.phase, layout.halved, strict=True)
    ]

    def parts(axis: int, pixel: int) -> tuple[list[tuple[int, int]], int]:
        if not layout.halved[axis]:
            return [(pixel, 1)], 0
        place = pixel + layout.phase[axis]
        i, side = place // 2 - first[axis], place % 2
        one = {1: [(i, 1)], 2: [(i, 3), (i + 2 * side - 1, 1)], 3: [(i, 2)] if not side else [(i, 1), (i + 1, 1)]}
        return one[layout.filter], side

    for row in range(shape[0]):
        for column in range(shape[1]):
            (down, upper), (along, left) = parts(0, row), parts(1, column)
            total = sum(a * b * int(samples[i, j]) for i, a in down for j, b in along)
            weight = sum(a * b for _, a in down for _, b in along)
            assert out[row, column] == (total + int(layout.bias[upper, left])) // weight
            assert abs(out[row, column] - total / weight) <= 0.5 + 1 / 16


@pytest.mark.parametrize(("subsampling", "number"), [("4:2:2", 10), ("4:2:0", 14)])
def test_the_triangle_filter_is_libjpegs(subsampling: str, number: int) -> None:
    """Samples exist that give nearly all of what libjpeg's fancy upsampling makes, edges included."""
    rgb = decoded(draw(99, 71), subsampling)
    _, exceptions = undo(rgb, JFIF, LAYOUTS[number])
    assert len(exceptions) < 0.01 * rgb[..., 0].size
    wrong = undo(rgb, JFIF, replace(LAYOUTS[number], rounding=1))[1]
    assert len(wrong) > 2 * len(exceptions) + 20


def test_layouts_are_numbered_once() -> None:
    assert all(layout.number == number for number, layout in LAYOUTS.items())
    assert LAYOUTS[0] == FULL
    assert len(LAYOUTS) == 45
    names = {chroma_of(with_patches(pack_source(layout), b"\0")) for layout in LAYOUTS.values()}
    assert names == {"4:4:4", "4:4:0", "4:2:2", "4:2:0"}
    assert chroma_of(with_patches(pack_source(None), b"\0")) is None


# --- Undoing ---------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    rgb=arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
    layout=st.sampled_from(HALVED),
    conversion=st.sampled_from(CONVERSIONS),
)
def test_any_picture_comes_back(rgb: Pixels, layout: Layout, conversion: Conversion) -> None:
    planes, exceptions = undo(rgb, conversion, layout)
    assert planes[1].shape == planes[2].shape == layout.shape((rgb.shape[0], rgb.shape[1]))
    for plane, low, high in zip(planes, conversion.low, conversion.high, strict=True):
        assert low <= plane.min() <= plane.max() <= high
    assert exceptions.differences.any(axis=1).all()
    np.testing.assert_array_equal(redo(planes, conversion, exceptions, layout), rgb)


@each
def test_what_a_layout_made_is_found(layout: Layout) -> None:
    conversion = PHOTO_CD if layout.filter == 3 else JFIF
    rgb = made(conversion, layout, (90, 101), layout.number)
    source = undo_best(rgb, conversion)
    assert source is not None
    planes, exceptions, found = source
    assert found == layout
    assert len(exceptions) < 0.01 * rgb[..., 0].size
    np.testing.assert_array_equal(redo(planes, conversion, exceptions, found), rgb)


@pytest.mark.parametrize("subsampling", ["4:2:2", "4:2:0"])
def test_jpegs_are_found_however_they_are_turned(subsampling: str) -> None:
    rgb = decoded(draw(150, 130), subsampling)
    for turned in (rgb, rgb[3:, 5:], rgb[:, ::-1], rgb[::-1], np.rot90(rgb), np.rot90(rgb, 2)[1:], rgb[:-1, 2:-3]):
        source = undo_best(turned, JFIF)
        assert source is not None
        axes = [source[2].halved, source[2].halved[::-1]][turned.shape[0] > 140]
        assert axes == ((0, 1) if subsampling == "4:2:2" else (1, 1))
        assert source[2].filter == 2


def test_what_other_pictures_have_is_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """In any phase, and alone where it leaves few exceptions."""
    rgb = decoded(draw(140, 150), "4:2:0")
    others = layouts_of([rgb[y : y + 40, y // 3 : y // 3 + 40] for y in range(3, 99, 6)], JFIF)
    assert others[0] == replace(others[0], phase=(0, 0))
    assert (others[0].filter, others[0].halved) == (2, (1, 1))
    monkeypatch.setattr("idfcodec.picture.conversion.undoing.likely", lambda *_: pytest.fail("all were tried"))
    for top, left in ((0, 0), (0, 1), (1, 0), (11, 21)):
        source = undo_best(rgb[top : top + 64, left : left + 60], JFIF, others)
        assert source is not None
        assert source[2] == replace(others[0], phase=(top % 2, left % 2))


def test_a_layout_that_others_have_gives_way() -> None:
    layout, other = LAYOUTS[2 | 3 << 2], LAYOUTS[3 | 3 << 2]
    rgb = made(JFIF, layout, (60, 64), 3)
    for layouts, found in (((other,), layout), ((other, FULL), FULL), ((FULL,), FULL), ((other, layout, FULL), layout)):
        source = undo_best(rgb, JFIF, layouts)
        assert source is not None
        assert source[2] == found
        np.testing.assert_array_equal(redo(source[0], JFIF, source[1], source[2]), rgb)


def test_few_pictures_tell_nothing_of_others() -> None:
    rgb = decoded(draw(60, 50), "4:2:0")
    assert layouts_of([rgb] * 15, JFIF) == ()
    assert layouts_of([decoded(draw(60, 50), "4:4:4", 97)] * 16, JFIF) == (FULL,)


@each
def test_no_layout_is_ruled_out_that_made_a_picture(layout: Layout) -> None:
    chroma = np.stack(undo(made(JFIF, layout, (41, 38), layout.number), JFIF)[0][1:])
    assert layout in alike(chroma, np.ones(chroma.shape[1:], np.bool_), [replace(layout, phase=(0, 0))])


def test_chroma_of_every_pixel_stays() -> None:
    source = undo_best(decoded(draw(120, 110), "4:4:4", 97), JFIF)
    assert source is not None
    assert source[2] == FULL


def test_flat_and_tiny_pictures_have_some_layout() -> None:
    for rgb in (np.full((5, 7, 3), 90, np.uint8), np.full((1, 1, 3), 255, np.uint8), np.zeros((64, 80, 3), np.uint8)):
        source = undo_best(rgb, JFIF)
        assert source is not None
        np.testing.assert_array_equal(redo(source[0], JFIF, source[1], source[2]), rgb)


# --- Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [FULL, LAYOUTS[14], None])
def test_layouts_and_exceptions_as_bytes(layout: Layout | None) -> None:
    some = NONE if layout is None else Exceptions(np.array([3, 9]), np.array([[1, 0, 0], [0, -1, 2]], np.int16))
    found, exceptions = unpack_source(pack_source(layout, some), 30)
    assert found == layout
    np.testing.assert_array_equal(exceptions.positions, some.positions)
    np.testing.assert_array_equal(exceptions.differences, some.differences)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(4), "layout"),
        (bytes(5), "layout"),
        (bytes(4) + b"\x04", "layout 4"),
        (bytes(4) + b"\x1d\x01", "end too early"),
        (bytes(4) + b"\xff\x01", "not converted"),
        (bytes(4) + b"\x0e" + bytes(40), "are 0"),
    ],
)
def test_damaged_layouts_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        unpack_source(data, 30)


def test_chroma_of_the_wrong_size_is_refused() -> None:
    planes = [np.full((8, 8), 100, np.int32), np.zeros((4, 4), np.int32), np.zeros((4, 5), np.int32)]
    with pytest.raises(CorruptFile, match="wrong size"):
        redo(planes, JFIF, NONE, LAYOUTS[13])


def test_a_part_that_was_not_converted_is_coded_as_it_is() -> None:
    kind = KINDS[Mode.JFIF]
    rgb = draw(60, 50)
    planes, extra = kind.planes(rgb)
    assert unpack_layout(extra) is None
    assert [plane.high for plane in kind.types_with(extra)] == [255, 255, 255]
    assert kind.shapes_with(extra, (50, 60)) == [(50, 60)] * 3
    out = np.empty_like(rgb)
    kind.write(planes, out, extra)
    np.testing.assert_array_equal(out, rgb)


def test_a_picture_pasted_into_another_is_found_by_tiles() -> None:
    """Two tiles: one a decoded JPEG, the other never converted."""
    other = np.random.default_rng(4).integers(60, 200, (150, 300, 3), dtype=np.uint8)
    pasted = np.concatenate((decoded(draw(300, 150), "4:2:0"), other), axis=1)
    kind = kind_of(pasted, conversions=CONVERSIONS)
    assert kind.mode is Mode.JFIF
    layouts = [unpack_layout(kind.planes(part)[1]) for part in (pasted[:, :300], pasted[:, 300:])]
    assert layouts == [LAYOUTS[14], None]
