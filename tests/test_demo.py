"""The picture that the package draws."""

import hashlib

import numpy as np
import pytest

from idfcodec.demo import draw


def test_the_same_everywhere() -> None:
    assert (
        hashlib.sha256(draw(96, 64).tobytes()).hexdigest()
        == "01efba9c66da9a150a8cc6b8b9699dc4c137aebe35b43f639a9ce071f3d2e201"
    )


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 9), (9, 1), (7, 131), (200, 150)])
def test_every_size(width: int, height: int) -> None:
    picture = draw(width, height)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8


def test_bands_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = draw(60, 150)
    monkeypatch.setattr("idfcodec.demo.BAND", 7)
    assert np.array_equal(draw(60, 150), whole)


def test_seeds_differ() -> None:
    assert not np.array_equal(draw(32, 32, seed=1), draw(32, 32, seed=2))
