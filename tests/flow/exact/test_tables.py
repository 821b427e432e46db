"""The integer tables say what the likelihood says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from idfcodec.flow.exact import mixture
from idfcodec.flow.exact.tables import (
    CLASSES,
    EXCESS,
    SCALE_MIN,
    SCALE_STEPS,
    SCALES,
    SHAPE_STEPS,
    SHAPES,
    TOTAL,
    WidthClass,
)

classes = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"width {kind.width}")


@pytest.fixture(scope="module")
def tables() -> dict[str, NDArray[np.int32]]:
    return mixture.build_tables()


def parameters(kind: WidthClass) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """log2 of the scale, shape and location of each row of a class's table."""
    count = 1 << kind.location_bits
    scale = np.arange(kind.first, kind.first + kind.scales) / SCALE_STEPS + SCALE_MIN
    grid = np.meshgrid(scale, np.arange(SHAPES) / SHAPE_STEPS, (np.arange(count) - count // 2) / count, indexing="ij")
    scales, shapes, locations = (axis.ravel() for axis in grid)
    return scales, shapes, locations


def costs(kind: WidthClass) -> NDArray[np.float64]:
    """Bits of each latent of the window in each row, (rows, width - 1), as the likelihood has it."""
    scale, shape, location = (torch.from_numpy(axis)[:, None] for axis in parameters(kind))
    latent = torch.arange(1 - kind.width // 2, kind.width // 2, dtype=torch.float64)
    return mixture.bits(latent - location, scale, shape).numpy()


def test_classes_cover_all_scales() -> None:
    assert [scale for kind in CLASSES for scale in range(kind.first, kind.first + kind.scales)] == list(range(SCALES))


@classes
def test_rows_sum_to_the_coders_total(kind: WidthClass, tables: dict[str, NDArray[np.int32]]) -> None:
    table = tables[f"prior.{kind.width}"]
    assert table.dtype == np.int32
    assert table.shape == (kind.rows, kind.width)
    assert (table > 0).all()
    assert (table.sum(1, dtype=np.int64) == TOTAL - kind.width).all()


@classes
def test_central_rows_are_symmetric(kind: WidthClass, tables: dict[str, NDArray[np.int32]]) -> None:
    """But for the remainder that one of the largest weights gets."""
    table = tables[f"prior.{kind.width}"][parameters(kind)[2] == 0][:, 1:].astype(np.int64)
    assert len(table) == kind.scales * SHAPES
    difference = table - table[:, ::-1]
    assert (np.abs(difference) < kind.width).all()
    assert ((difference != 0).sum(1) <= 2).all()
    uneven = np.flatnonzero(difference.any(1))
    assert (table[uneven].argmax(1) == np.abs(difference[uneven]).argmax(1)).all()


@classes
def test_mirrored_locations_have_mirrored_rows(kind: WidthClass, tables: dict[str, NDArray[np.int32]]) -> None:
    count = 1 << kind.location_bits
    table = tables[f"prior.{kind.width}"].reshape(-1, count, kind.width)[..., 1:].astype(np.int64)
    for offset in range(1, count // 2):
        left, right = table[:, count // 2 - offset], table[:, count // 2 + offset, ::-1]
        assert np.abs(left - right).max() < kind.width


@classes
def test_tables_cost_what_the_likelihood_says(kind: WidthClass, tables: dict[str, NDArray[np.int32]]) -> None:
    cost = costs(kind)
    coded = -np.log2((tables[f"prior.{kind.width}"][:, 1:] + 1) / TOTAL)
    assert (np.abs(coded - cost) <= 0.01 * cost + 1e-4).all()
    p = np.exp2(-cost)
    assert (np.abs((p * (coded - cost)).sum(1)) <= 0.01 * (p * cost).sum(1)).all()


@classes
def test_escapes_have_what_is_left(kind: WidthClass, tables: dict[str, NDArray[np.int32]]) -> None:
    left = 1 - np.exp2(-costs(kind)).sum(1)
    share = (tables[f"prior.{kind.width}"][:, 0] + 1) / TOTAL
    assert (np.abs(share - left) <= 2.0**-15).all()


def test_escape_table(tables: dict[str, NDArray[np.int32]]) -> None:
    table = tables["prior.escape"]
    assert table.shape == (SCALES, EXCESS)
    assert table.dtype == np.int32
    assert (table > 0).all()
    assert (table.sum(1, dtype=np.int64) == TOTAL - EXCESS).all()
    assert (np.diff(table, axis=1) <= 0).all()


def test_likelihood_is_a_distribution() -> None:
    """Over all integers, but for the floor's share of values that cannot occur."""
    latent = torch.arange(-4000, 4001, dtype=torch.float64)
    for scale in range(SCALES):
        for shape in range(SHAPES):
            log_scale, t = torch.tensor(scale / SCALE_STEPS + SCALE_MIN), torch.tensor(shape / SHAPE_STEPS)
            p = torch.exp2(-mixture.bits(latent + 0.3, log_scale, t))
            floor = mixture.FLOOR / mixture.SUPPORT * len(latent)
            assert abs(float(p.sum()) - (1 - mixture.FLOOR + floor)) < 1e-4
