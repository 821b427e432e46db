"""Conversions undone and done again: exact for any picture, found where they were, not found where they were not."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from idfcodec.demo import draw
from idfcodec.errors import CorruptFile
from idfcodec.picture.conversion import (
    CONVERSIONS,
    Conversion,
    Exceptions,
    detect,
    numbered,
    redo,
    undo,
)
from idfcodec.picture.conversion.detection import makes, shares
from idfcodec.picture.conversion.exceptions import pack_exceptions
from idfcodec.picture.conversion.table import (
    BT601,
    BT601_FINE,
    BT709,
    BT709_FINE,
    BT709_FULL,
    JFIF,
    JFIF_SHORT,
    PHOTO_CD,
)
from idfcodec.picture.conversion.undoing import preimages

Pixels = NDArray[np.uint8]
NONE = Exceptions(np.empty(0, np.int64), np.empty((0, 3), np.int16))
each = pytest.mark.parametrize("conversion", CONVERSIONS, ids=lambda c: c.name)


def source(conversion: Conversion, shape: tuple[int, int], seed: int) -> tuple[NDArray[np.int32], ...]:
    """Random planes over all their ranges: most colours are clipped."""
    rng = np.random.default_rng(seed)
    pairs = zip(conversion.low, conversion.high, strict=True)
    return tuple(rng.integers(low, high, shape, dtype=np.int32, endpoint=True) for low, high in pairs)


def converted(conversion: Conversion, rgb: Pixels) -> Pixels:
    """A picture made by the conversion, like a given one."""
    planes, _ = undo(rgb, conversion)
    return redo(planes, conversion, NONE)


def assert_exact(rgb: Pixels, conversion: Conversion) -> Exceptions:
    planes, exceptions = undo(rgb, conversion)
    for plane, low, high in zip(planes, conversion.low, conversion.high, strict=True):
        assert plane.dtype == np.int32
        assert plane.shape == rgb.shape[:2]
        assert low <= plane.min() <= plane.max() <= high
    assert (np.diff(exceptions.positions) > 0).all()
    assert exceptions.differences.any(axis=1).all()
    np.testing.assert_array_equal(redo(planes, conversion, exceptions), rgb)
    return exceptions


def all_chroma(conversion: Conversion) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    (_, low1, low2), (_, high1, high2) = conversion.low, conversion.high
    c1, c2 = np.meshgrid(np.arange(low1, high1 + 1), np.arange(low2, high2 + 1), indexing="ij")
    return c1.astype(np.int32), c2.astype(np.int32)


@each
@settings(deadline=None, max_examples=60)
@given(rgb=arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_any_picture_comes_back(conversion: Conversion, rgb: Pixels) -> None:
    assert_exact(rgb, conversion)


@each
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), height=st.integers(1, 40), width=st.integers(1, 40), spread=st.integers(1, 256))
def test_whatever_a_conversion_makes_is_exact(
    conversion: Conversion, seed: int, height: int, width: int, spread: int
) -> None:
    planes = tuple(p // spread for p in source(conversion, (height, width), seed))
    planes = tuple(np.clip(p, a, b) for p, a, b in zip(planes, conversion.low, conversion.high, strict=True))
    assert not len(assert_exact(redo(planes, conversion, NONE), conversion))  # type: ignore[arg-type]


@each
def test_every_colour_but_the_clipped_has_one_source(conversion: Conversion) -> None:
    """Every third luma with all chroma: the source found is the one it was made of, if no channel is clipped."""
    c1, c2 = all_chroma(conversion)
    for luma in range(1, 256, 3):
        planes = (np.full_like(c1, luma), c1, c2)
        rgb = redo(planes, conversion, NONE)
        found, exceptions = undo(rgb, conversion)
        free = (rgb.min(axis=-1) > 0) & (rgb.max(axis=-1) < 255)
        assert not len(exceptions)
        for plane, truth in zip(found, planes, strict=True):
            np.testing.assert_array_equal(plane[free], truth[free])


@each
def test_photographs_come_back(conversion: Conversion) -> None:
    bright = np.clip(draw(160, 120).astype(np.int64) * 3 // 2, 0, 255).astype(np.uint8)
    assert_exact(bright, conversion)
    assert not len(assert_exact(converted(conversion, bright), conversion))


@each
def test_views_and_other_types_are_taken(conversion: Conversion) -> None:
    rgb = draw(40, 30)[::-1, ::2]
    planes, exceptions = undo(rgb, conversion)
    narrow = tuple(plane.astype(np.int16) for plane in planes)
    np.testing.assert_array_equal(redo(narrow, conversion, exceptions), rgb)  # type: ignore[arg-type]


def test_clipped_areas_are_smooth() -> None:
    """Of the many sources of white, the one around it is taken."""
    rgb = np.full((8, 16, 3), 255, np.uint8)
    rgb[:, 0] = redo(tuple(np.full((8, 1), v, np.int32) for v in (180, 5, -3)), PHOTO_CD, NONE)[:, 0]  # type: ignore[arg-type]
    planes, _ = undo(rgb, PHOTO_CD)
    assert all(np.ptp(plane) <= 16 for plane in planes)
    assert all((plane[:, 2:] == plane[0, 2]).all() for plane in planes)


def digest() -> str:
    """Of planes, exceptions and their bytes, of a picture with grey, clipped and impossible pixels."""
    rgb = np.clip(draw(29, 23).astype(np.int64) * 2 - 60, 0, 255).astype(np.uint8)
    rgb[5:9, 5:9] = (0, 255, 0)
    found = hashlib.sha256()
    for conversion in CONVERSIONS:
        planes, exceptions = undo(rgb, conversion)
        assert (redo(planes, conversion, exceptions) == rgb).all()
        for part in (*planes, exceptions.positions, exceptions.differences):
            found.update(part.tobytes())
        found.update(pack_exceptions(exceptions))
    return found.hexdigest()


@pytest.mark.parametrize("variables", [{"NUMBA_DISABLE_JIT": "1"}, {"NUMBA_CPU_NAME": "generic"}], ids=str)
def test_same_bytes_however_compiled(variables: dict[str, str], tmp_path: Path) -> None:
    code = "from tests.picture.test_conversion import digest; print(digest())"
    environment = os.environ | variables | {"NUMBA_CACHE_DIR": str(tmp_path)}
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=root)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{digest()}\n", "")


def test_tables_need_no_compiler() -> None:
    """Conversions are named and listed without Numba, constriction or PyTorch."""
    code = "import sys, idfcodec.picture.conversion; print({'numba', 'constriction', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n"


# --- what the tables are ---------------------------------------------------------------------------------------------


def clip(value: int) -> int:
    return min(max(value, 0), 255)


@pytest.mark.parametrize(
    ("conversion", "bits", "constants"),
    [(JFIF, 16, ("1.402", "1.772", "0.34414", "0.71414")), (PHOTO_CD, 16, ("1.8215", "2.2179", "0.194", "0.509"))],
    ids=["JFIF", "PhotoCD"],
)
def test_constants_are_those_published(conversion: Conversion, bits: int, constants: tuple[str, ...]) -> None:
    """Each step of the tables is the decimal constant in sixteen bits."""
    c1, c2 = np.arange(conversion.low[1], conversion.high[1] + 1), np.arange(conversion.low[2], conversion.high[2] + 1)
    r, b, p, q = (round(Fraction(c) * 2**bits) for c in constants)
    if conversion is PHOTO_CD:
        assert conversion.luma == round(Fraction("1.3584") * 2**bits)
        expected = [r * c2, b * c1, p * (b * c1 >> bits), q * (r * c2 >> bits)]
    else:
        expected = [r * c2 + 2**15, b * c1 + 2**15, p * c1 - 2**15, q * c2]
    np.testing.assert_array_equal(conversion.tables, expected)


def test_photo_cd_against_its_decimal_definition() -> None:
    """Over all sources red and blue are ⌊1.3584 Y + 1.8215 C2⌋ and ⌊1.3584 Y + 2.2179 C1⌋, and green what follows from
    them, but where the decimal sum is within 0.02 of a whole number: there sixteen bits decide, as Kodak's pictures do.
    """
    c1, c2 = all_chroma(PHOTO_CD)
    for luma in range(256):
        rgb = redo((np.full_like(c1, luma), c1, c2), PHOTO_CD, NONE)
        exact = (
            13584 * luma + 18215 * c2.astype(np.int64),
            13584 * luma
            - 1940 * (22179 * c1.astype(np.int64) // 10000)
            - 5090 * (18215 * c2.astype(np.int64) // 10000),
            13584 * luma + 22179 * c1.astype(np.int64),
        )
        for channel, value in enumerate(exact):
            differs = rgb[..., channel] != np.clip(value // 10000, 0, 255)
            rest = value % 10000
            assert (np.minimum(rest, 10000 - rest)[differs] < 200).all()


@pytest.mark.parametrize("conversion", [JFIF, JFIF_SHORT], ids=lambda c: c.name)
def test_jfif_against_real_numbers(conversion: Conversion) -> None:
    """JFIF's formula, rounded: the same but where it is within 0.035 of a half."""
    c1, c2 = (c.astype(np.float64) for c in all_chroma(conversion))
    luma = 128
    rgb = redo((np.full(c1.shape, luma, np.int32), c1.astype(np.int32), c2.astype(np.int32)), conversion, NONE)
    formula = (luma + 1.402 * c2, luma - 0.344136 * c1 - 0.714136 * c2, luma + 1.772 * c1)
    for channel, value in enumerate(formula):
        differs = rgb[..., channel] != np.clip(np.floor(value + 0.5), 0, 255)
        assert (np.abs(value - np.floor(value) - 0.5)[differs] < 0.035).all()


@pytest.mark.parametrize(
    ("conversion", "red", "blue", "span", "within"),
    [
        (BT601, 0.299, 0.114, (219, 224), 0.9),
        (BT601_FINE, 0.299, 0.114, (219, 224), 0.008),
        (BT709, 0.2126, 0.0722, (219, 224), 0.9),
        (BT709_FINE, 0.2126, 0.0722, (219, 224), 0.008),
        (BT709_FULL, 0.2126, 0.0722, (255, 255), 0.008),
    ],
    ids=lambda value: value.name if isinstance(value, Conversion) else None,
)
def test_video_against_real_numbers(
    conversion: Conversion, red: float, blue: float, span: tuple[int, int], within: float
) -> None:
    """ITU-R BT.601 and BT.709, rounded: the same but where the sum is nearly a half; with eight bits, off by one."""
    c1, c2 = (c.astype(np.float64) for c in all_chroma(conversion))
    luma = 128
    rgb = redo((np.full(c1.shape, luma, np.int32), c1.astype(np.int32), c2.astype(np.int32)), conversion, NONE)
    y, cb, cr = (luma - (16 if span[0] == 219 else 0)) * 255 / span[0], c1 * 255 / span[1], c2 * 255 / span[1]
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    formula = (r, (y - red * r - blue * b) / (1 - red - blue), b)
    for channel, value in enumerate(formula):
        expected = np.clip(np.floor(value + 0.5), 0, 255)
        differs = rgb[..., channel] != expected
        assert (np.abs(rgb[..., channel] - expected) <= 1).all()
        assert (np.abs(value - np.floor(value) - 0.5)[differs] < within).all()


def test_jfif_is_what_libjpeg_does(tmp_path: Path) -> None:
    rgb = draw(64, 48)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=90, subsampling=0)
    picture = Image.open(buffer)
    picture.draft("YCbCr", None)
    planes = np.asarray(picture).astype(np.int32)
    assert picture.mode == "YCbCr"
    decoded = np.asarray(Image.open(buffer).convert("RGB"))
    y, cb, cr = np.moveaxis(planes, -1, 0)
    np.testing.assert_array_equal(redo((y, cb - 128, cr - 128), JFIF, NONE), decoded)


@each
@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32))
def test_quotients_are_exact(conversion: Conversion, seed: int) -> None:
    """The loops multiply and shift where the format divides."""
    planes = source(conversion, (1, 30), seed)
    rgb = redo(planes, conversion, NONE)  # type: ignore[arg-type]
    r, b, p, q = conversion.tables
    for column, (y, c1, c2) in enumerate(zip(*(plane[0].tolist() for plane in planes), strict=True)):
        i, j = c1 - conversion.low[1], c2 - conversion.low[2]
        values = (r[j], -p[i] - q[j], b[i])
        expected = [clip(floor(Fraction(conversion.luma * y + int(v), conversion.divisor))) for v in values]
        assert rgb[0, column].tolist() == expected


@each
def test_rows_hold_what_they_promise(conversion: Conversion) -> None:
    assert (np.diff(conversion.tables, axis=1) > 0).all()
    assert conversion.tables.shape == (4, conversion.high[1] - conversion.low[1] + 1)
    assert conversion.high[1] - conversion.low[1] == conversion.high[2] - conversion.low[2]
    assert numbered(conversion.number) is conversion


def test_numbers_and_names_are_of_one_row() -> None:
    assert len({c.number for c in CONVERSIONS}) == len({c.name for c in CONVERSIONS}) == len(CONVERSIONS)
    assert [(c.number, c.name) for c in CONVERSIONS] == [
        (1, "JFIF YCbCr"),
        (2, "PhotoCD YCC"),
        (3, "JFIF YCbCr, short"),
        (4, "BT.601 video"),
        (5, "BT.601 video, fine"),
        (6, "BT.709 video"),
        (7, "BT.709 video, fine"),
        (8, "BT.709 YCbCr"),
    ]
    for number in (0, 9, 255):
        with pytest.raises(CorruptFile, match=f"conversion {number}"):
            numbered(number)


# --- hostile planes --------------------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("plane", range(3))
@pytest.mark.parametrize("side", ["low", "high"])
def test_samples_out_of_range_are_refused(conversion: Conversion, plane: int, side: str) -> None:
    planes = [np.full((2, 3), low + 5, np.int32) for low in conversion.low]
    planes[plane][1, 2] = conversion.low[plane] - 1 if side == "low" else conversion.high[plane] + 1
    with pytest.raises(CorruptFile, match="outside"):
        redo((planes[0], planes[1], planes[2]), conversion, NONE)


@pytest.mark.parametrize(("position", "difference", "message"), [(6, 1, "outside the picture"), (5, -200, "255")])
def test_exceptions_that_do_not_fit_are_refused(position: int, difference: int, message: str) -> None:
    planes = (np.full((2, 3), 128, np.int32), np.zeros((2, 3), np.int32), np.zeros((2, 3), np.int32))
    exceptions = Exceptions(np.array([position]), np.array([[difference, 0, 0]], np.int16))
    with pytest.raises(CorruptFile, match=message):
        redo(planes, JFIF, exceptions)


# --- detection -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [75, 95])
def test_decoded_jpegs_are_found(quality: int, subsampling: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(draw(301, 203)).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    rgb = np.asarray(Image.open(buffer).convert("RGB"))
    for turned in (rgb, rgb[3:, 5:], np.rot90(rgb)):
        assert detect(turned) is JFIF
    assert not len(assert_exact(rgb, JFIF))


@each
def test_what_a_conversion_made_is_found(conversion: Conversion) -> None:
    rgb = converted(conversion, draw(301, 203))
    assert detect(rgb) is conversion
    assert detect(np.asfortranarray(rgb)) is conversion


@each
def test_small_pictures_are_told_among_few_conversions(conversion: Conversion) -> None:
    """By the loop that undoes them, as by whole-array operations."""
    other = JFIF if conversion is PHOTO_CD else PHOTO_CD
    rgb, clean = converted(conversion, draw(301, 203)), draw(301, 203)
    for top in range(0, 160, 40):
        part = rgb[top : top + 33, 2 * top : 2 * top + 40]
        assert detect(part, (other, conversion)) is conversion
        assert detect(part, (other,)) is None
        assert detect(clean[top : top + 33, top : top + 40], (other, conversion)) is None


@each
def test_colours_made_without_compiled_loops_are_those_with_a_preimage(conversion: Conversion) -> None:
    """`makes` needs at most one C1 and C2 for a luma: the steps of the tables are longer than the divisor."""
    colours = np.random.default_rng(4).integers(1, 255, (20000, 3), dtype=np.uint8)
    colours[10000:] = colours[10000:, :1] // 2 + colours[10000:] // 3 + 1
    assert np.array_equal(makes(colours, conversion), preimages(colours[None], conversion)[1][0])
    assert np.diff(conversion.tables[:2]).min() >= conversion.divisor


def test_clean_pictures_are_not_found() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    for rgb in (draw(301, 203), noise, noise // 8 + 100):
        assert detect(rgb) is None
        pixels, pairs, count = shares(rgb, JFIF)
        assert count > 100
        assert pixels < 0.6
        assert pairs < 0.55


def test_grey_flat_and_clipped_pictures_are_not_found() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(64, 0), 3, axis=2)
    flat = np.full((64, 64, 3), (40, 90, 200), np.uint8)
    drawing = flat.copy()
    drawing[10:30, 10:30], drawing[30:50, 20:60] = (255, 0, 0), (12, 200, 7)
    exact = np.full((64, 64, 3), redo(tuple(np.full((1, 1), v) for v in (120, 9, -20)), JFIF, NONE)[0, 0], np.uint8)  # type: ignore[arg-type]
    white = np.full((64, 64, 3), 255, np.uint8)
    for rgb in (ramp, ramp - (ramp > 200), flat, drawing, exact, white, white[:1, :1], white[:0], ramp[:, :1]):
        assert detect(rgb) is None


def test_many_exceptions_are_no_conversion() -> None:
    """Where every fourth pixel was painted over, exceptions would cost more than is gained; where few, they do not."""
    rgb = converted(JFIF, draw(301, 203))
    rng = np.random.default_rng(3)
    other = rng.integers(1, 255, rgb.shape, dtype=np.uint8)
    for share, found in ((0.25, None), (0.02, JFIF)):
        painted = np.where(rng.random(rgb.shape[:2])[..., None] < share, other, rgb)
        assert detect(painted) is found
    few = rgb.copy()
    few[50:60, 50:60] = other[50:60, 50:60]
    assert detect(few) is JFIF
    assert 0 < len(assert_exact(few, JFIF)) <= 100


# --- real pictures ---------------------------------------------------------------------------------------------------


def opened(path: Path) -> Pixels:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize("number", [1, 13, 20, 24])
def test_kodak_has_no_exceptions(shared_data: Path, number: int) -> None:
    rgb = opened(shared_data / "kodak" / f"kodim{number:02d}.png")
    assert detect(rgb) is PHOTO_CD
    assert not len(assert_exact(rgb, PHOTO_CD))


@pytest.mark.parametrize(
    ("name", "conversion"),
    [
        ("set14/zebra.png", JFIF),
        ("set14/ppt3.png", JFIF),
        ("mixed/skimage_retina.jpg", JFIF),
        ("mixed/jxl_flower_small.rgb.png", JFIF),
        ("mixed/skimage_ihc.png", JFIF_SHORT),
    ],
)
def test_real_pictures_have_no_exceptions(shared_data: Path, name: str, conversion: Conversion) -> None:
    rgb = opened(shared_data / name)
    assert detect(rgb) is conversion
    assert not len(assert_exact(rgb, conversion))


def test_clean_photographs_are_not_found(shared_data: Path) -> None:
    paths = [*sorted((shared_data / "photo1mp").iterdir()), *sorted((shared_data / "train").glob("*/*.webp"))[::20]]
    assert len(paths) > 20
    for path in paths:
        assert detect(opened(path)) is None, path.name
