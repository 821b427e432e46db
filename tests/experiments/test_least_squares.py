"""Predictions by local least squares: they look at nothing that is not decoded, and find what is linear."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.least_squares import SLOPE, averaged, predictions

SHAPE = (3, 37, 45)


@pytest.mark.parametrize("pixel", [(0, 0), (5, 17), (20, 0), (20, 44), (36, 44)], ids=str)
def test_later_pixels_change_nothing(pixel: tuple[int, int]) -> None:
    """A pixel's own value may change what is said of its other colours, and of pixels on later diagonals, no more."""
    planes = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.int32)
    average = averaged([planes])
    before, _ = predictions(planes, average)
    row, column = pixel
    changed = planes.copy()
    changed[1, row, column] += 100
    after, _ = predictions(changed, average)
    rows, columns = np.indices(SHAPE[1:])
    earlier = columns + SLOPE * rows <= column + SLOPE * row
    own = (rows == row) & (columns == column)
    for old, new in ((before.predicted, after.predicted), (before.error, after.error)):
        assert np.array_equal(old[:2, earlier], new[:2, earlier])
        assert np.array_equal(old[2, earlier & ~own], new[2, earlier & ~own])
        if pixel != (36, 44):
            assert not np.array_equal(old, new)


def test_what_is_linear_is_found() -> None:
    """Waves obey a linear recurrence, and colours that follow G one without memory."""
    rows, columns = np.indices((64, 96))
    wave = np.round(120 + 60 * np.sin(columns / 3) * np.cos(rows / 4)).astype(np.int32)
    planes = np.stack((wave, -wave // 2, wave // 4))
    found, _ = predictions(planes, averaged([planes]))
    off = np.abs(found.predicted - found.planes)[:, 24:, 16:-16].mean((1, 2))
    assert np.all(off < 1)
    assert np.all(np.abs(found.error[:, 24:, 16:-16].mean((1, 2)) - off) < 0.5)
