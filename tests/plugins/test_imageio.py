"""The format in imageio."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import idfcodec
from idfcodec.picture.picture import Frames, Picture
from tests.pictures import generate

iio = pytest.importorskip("imageio.v3", reason="needs imageio")

from imageio.config import known_extensions  # noqa: E402

from idfcodec.plugins import imageio as plugin  # noqa: E402

PHOTO = generate("photo", 40, 30)
GRAY = generate("gray", 40, 30)


@pytest.mark.parametrize(
    "pixels",
    [GRAY, PHOTO, GRAY.astype(np.uint16) * 99, GRAY > 99, np.stack([GRAY] * 5), np.stack([PHOTO, PHOTO[::-1]])],
)
def test_arrays_come_back(pixels: NDArray[Any], tmp_path: Path) -> None:
    path = tmp_path / "a.idfc"
    iio.imwrite(path, pixels, effort="fast")
    assert np.array_equal(iio.imread(path), pixels)
    assert np.array_equal(iio.imread(path.read_bytes(), extension=".idfc"), pixels)
    assert np.array_equal(iio.imread(path.read_bytes()), pixels)  # by content
    properties = iio.improps(path)
    assert (properties.shape, properties.dtype) == (pixels.shape, pixels.dtype)
    assert path.read_bytes() == iio.imwrite("<bytes>", pixels, extension=".idfc", effort="fast")


def test_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.idfc"
    images = [PHOTO, PHOTO[::-1], 255 - PHOTO]
    with iio.imopen(path, "w") as file:
        for image in images:
            file.write(image, duration=[40, 50, 12.5], loop=2)
    assert idfcodec.decode_picture(path.read_bytes()).frames == Frames(
        3, (Fraction(40), Fraction(50), Fraction(25, 2)), 2
    )
    assert np.array_equal(iio.imread(path, index=1), images[1])
    assert np.array_equal(iio.imread(path, index=...), np.stack(images))
    assert all(np.array_equal(a, b) for a, b in zip(iio.imiter(path), images, strict=True))
    assert iio.improps(path).n_images == 3
    assert iio.improps(path, index=2).shape == PHOTO.shape
    assert iio.immeta(path, index=1) == {"loop": 2, "duration": 50}
    for work in (iio.imread, iio.improps, iio.immeta):
        with pytest.raises(IndexError, match="no frame 3"):
            work(path, index=3)


def test_palettes_and_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.idfc"
    palette = np.array([[1, 2, 3], [200, 100, 0]], np.uint8)
    path.write_bytes(idfcodec.encode(Picture((GRAY > 99).astype(np.uint8), palette=palette)))
    assert np.array_equal(iio.imread(path), palette[(GRAY > 99).astype(int)])
    assert iio.improps(path).shape == PHOTO.shape
    iio.imwrite(path, PHOTO, metadata={"icc": b"profile"})
    assert iio.immeta(path) == {"icc": b"profile"}


def test_what_is_not_the_format(tmp_path: Path) -> None:
    path = tmp_path / "a.idfc"
    path.write_bytes(b"nonsense")
    with pytest.raises(OSError, match="can not handle"):
        iio.imread(path, plugin="idfc")
    with pytest.raises(OSError, match="can not handle"):
        iio.imwrite(tmp_path / "a.png", PHOTO, plugin="idfc")
    with pytest.raises(ValueError, match="same shape"):
        iio.imwrite(path, [PHOTO, GRAY])
    iio.imwrite(tmp_path / "a.png", PHOTO)
    assert np.array_equal(iio.imread(tmp_path / "a.png"), PHOTO)


def test_registering_twice() -> None:
    plugin.register()
    assert [entry.priority for entry in known_extensions[".idfc"]] == [["idfc"]]
