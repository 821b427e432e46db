"""Functions named as those of imagecodecs."""

from __future__ import annotations

import numpy as np
import pytest

import idfcodec
from idfcodec.errors import IDFError
from idfcodec.picture.picture import Frames, Picture
from idfcodec.plugins.imagecodecs import idfc_check, idfc_decode, idfc_encode, idfc_version
from tests.pictures import generate

PHOTO = generate("photo", 40, 30)


def test_arrays_come_back() -> None:
    data = idfc_encode(PHOTO, "fast", numthreads=1)
    assert data == idfcodec.encode(PHOTO, effort="fast")
    assert idfc_encode(data) == data
    assert np.array_equal(idfc_decode(data), PHOTO)
    assert np.array_equal(idfc_decode(bytearray(data), 0, numthreads=0), PHOTO)
    out = np.empty_like(PHOTO)
    assert idfc_decode(data, out=out) is out
    assert np.array_equal(out, PHOTO)
    with pytest.raises(IDFError, match="out is uint8"):
        idfc_decode(data, out=out[1:])
    with pytest.raises(IDFError, match="no idfcodec file"):
        idfc_encode(b"\x89PNG")


def test_frames() -> None:
    pages = np.stack([PHOTO, PHOTO[::-1]])
    data = idfc_encode(Picture(pages, frames=Frames(2)), effort="fast")
    assert np.array_equal(idfc_decode(data), pages)
    assert np.array_equal(idfc_decode(data, 1), pages[1])
    with pytest.raises(IndexError):
        idfc_decode(data, 2)


def test_check_and_version() -> None:
    assert idfc_check(idfc_encode(PHOTO, effort="fast"))
    assert not idfc_check(b"")
    assert not idfc_check(b"\x89PNG\r\n")
    assert idfc_version() == f"idfcodec {idfcodec.__version__}"
