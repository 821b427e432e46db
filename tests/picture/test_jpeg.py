"""JPEG files to coefficients, and coefficients to the pixels that libjpeg-turbo makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.picture.jpeg import pixels_of, read_jpeg
from idfcodec.picture.jpeg.layout import ZIGZAG, blocks_of
from tests.picture.jpegs import SAMPLINGS, decoded, jpeg


@pytest.mark.parametrize("sampling", [*SAMPLINGS, "gray"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (2, 5), (5, 4), (8, 16), (17, 33), (40, 25), (31, 70)])
def test_pixels_are_those_of_pillow(shape: tuple[int, int], progressive: bool, sampling: str) -> None:
    for quality in (5, 50, 75, 92, 100):
        file = jpeg(*shape, quality, sampling, progressive=progressive)
        found = read_jpeg(file)
        assert found is not None
        assert np.array_equal(pixels_of(found), decoded(file))


@pytest.mark.parametrize("options", [{"restart_marker_blocks": 2}, {"optimize": True}, {"restart_marker_rows": 1}])
def test_restarts_and_other_codes(options: dict) -> None:
    file = jpeg(50, 70, 80, **options)
    found = read_jpeg(file)
    assert found is not None
    assert np.array_equal(pixels_of(found), decoded(file))


def test_layout() -> None:
    found = read_jpeg(jpeg(33, 50, 75, "4:2:0"))
    assert found is not None
    assert (found.shape, found.sampling, found.smooth) == ((33, 50), (2, 2), True)
    assert [plane.shape for plane in found.planes] == [(5, 7, 64), (3, 4, 64), (3, 4, 64)]
    assert blocks_of((33, 50), (2, 2), 1) == (3, 4)
    assert ZIGZAG[:6].tolist() == [0, 1, 8, 16, 9, 2]
    assert sorted(ZIGZAG) == list(range(64))
    assert found.tables[0][0] == 8  # 16 at quality 50, half of it at 75


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_are_none_or_pictures(data: st.DataObject) -> None:
    """Never an error, never memory that is not there."""
    file = bytearray(jpeg(24, 24, 80, "4:2:0", progressive=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(2, len(file) - 1))
        file[place] = data.draw(st.integers(0, 255))
    found = read_jpeg(bytes(file[: data.draw(st.integers(2, len(file)))]))
    assert found is None or found.planes[0].size


def test_what_is_not_understood_is_none() -> None:
    assert read_jpeg(b"") is None
    assert read_jpeg(b"\xff\xd8\xff\xd9") is None
    file = bytearray(jpeg(16, 16))
    frame = file.index(b"\xff\xc0")
    file[frame + 4] = 12  # bits
    assert read_jpeg(bytes(file)) is None
    file = bytearray(jpeg(16, 16))
    file[frame + 1] = 0xC9  # arithmetic coding
    assert read_jpeg(bytes(file)) is None
