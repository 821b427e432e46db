"""What a causal model may be, which networks code a plane, and what is proved of their sums."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from idfcodec.errors import ModelError
from idfcodec.flow.causal.config import PLACES, CausalConfig, Predictor
from idfcodec.flow.causal.exact import LIMIT, exact_plane
from idfcodec.flow.causal.planes import names_of, places_of
from idfcodec.flow.loading import CONFIG
from idfcodec.models import find_model
from idfcodec.types import Grid, PlaneType, Role
from tests.flow.causal.planes import MODELS, RGB, SMALL, YCC, arrays_of, flow


def built(arrays: dict[str, np.ndarray]) -> None:
    exact_plane(SMALL, arrays, "rgb", 1, 1, [0])


# --- Planes --------------------------------------------------------------------------------------------------------


def roles(*names: str) -> list[PlaneType]:
    return [PlaneType(Role(name)) for name in names]


def test_chroma_chooses_the_networks_of_luma_and_chroma() -> None:
    assert names_of(RGB, {}) == ["rgb"] * 3
    assert names_of(YCC, {}) == ["ycc"] * 3
    for types in (roles("luma"), roles("luma", "alpha"), roles("independent")):
        assert names_of(types, {}) == ["rgb"] * len(types)
    assert names_of(roles("alpha", "luma", "chroma"), {}) == ["ycc"] * 3
    halved = [YCC[0], *(replace(kind, grid=Grid((2, 2), (-2, -1))) for kind in YCC[1:])]
    assert names_of(halved, {}) == ["ycc"] * 3
    assert names_of(halved, {"half1.prior": np.zeros(1)}) == ["ycc", "half", "half"]


@pytest.mark.parametrize(
    ("types", "places"),
    [
        (["luma"], [(0, [])]),
        (["luma", "difference", "difference"], [(0, []), (1, [0]), (2, [1, 0])]),
        (["luma", "chroma", "chroma", "alpha"], [(0, []), (1, [0]), (2, [1, 0]), (0, [])]),
        (["alpha", "luma", "difference"], [(0, []), (0, []), (1, [1])]),
        (["luma", "difference", "difference", "difference"], [(0, []), (1, [0]), (2, [1, 0]), (2, [2, 1])]),
        (["luma", "difference", "luma", "difference"], [(0, []), (1, [0]), (0, []), (1, [2])]),
        (["independent"] * 3, [(0, [])] * 3),
        (["luma", "independent", "difference"], [(0, []), (0, []), (1, [0])]),
    ],
)
def test_places(types: list[str], places: list[tuple[int, list[int]]]) -> None:
    assert places_of(roles(*types)) == places


# --- Architectures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_shipped_architectures(name: str) -> None:
    architecture = json.loads((find_model(name) / CONFIG).read_text())["architecture"]
    assert CausalConfig.of(architecture) == flow(name).config


@pytest.mark.parametrize(
    "change",
    [
        {"luma": ()},
        {"luma": SMALL.luma * 2},
        {"luma": SMALL.luma * 5, "chroma": SMALL.chroma * 5},
        {"luma": (replace(SMALL.luma[0], own=0),)},
        {"luma": (replace(SMALL.luma[0], own=31),)},
        {"chroma": (replace(SMALL.chroma[0], cross=(14, 0)),)},
        {"chroma": (replace(SMALL.chroma[0], cross=(-1, 0)),)},
        {"chroma": (replace(SMALL.chroma[0], cross=cast(Any, (1,))),)},
        {"chroma": (replace(SMALL.chroma[0], every=3),)},
        {"chroma": (replace(SMALL.chroma[0], forget=1.0),)},
        {"chroma": (replace(SMALL.chroma[0], forget=float("nan")),)},
        {"chroma": (replace(SMALL.chroma[0], ridge=0.0),)},
        {"values": 0},
        {"values": 31},
        {"cross_values": 13},
        {"cross_values": -1},
        {"residuals": 0},
        {"residuals": 11},
        {"cross_residuals": 14},
        {"widths": ()},
        {"widths": (8,) * 5},
        {"widths": (6,)},
        {"widths": (516,)},
        {"belief": -1.0},
        {"belief": float("nan")},
    ],
    ids=str,
)
def test_other_architectures_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="not one that this release runs"):
        replace(SMALL, **change)


def test_the_largest_architecture_is_in_bounds() -> None:
    """No offset leaves the margins, no input the room of the network."""
    luma, chroma = Predictor(30, (0, 0), 4, 0.9, 0.04), Predictor(30, (13, 13), 2, 0.8, 0.04)
    config = CausalConfig((luma,) * 4, (chroma,) * 4, 30, 12, 10, 13, (512,) * 4, 1000.0)
    for place in range(PLACES):
        model = exact_plane(config, arrays_of(config), "rgb", place, place, list(range(place))[::-1])
        assert model.inputs == config.inputs(place)
        for offsets in (model.near, model.values, model.residuals):
            assert np.abs(offsets[..., 1:]).max() <= 4
        own = [o for o in model.near.reshape(-1, 3) if o[0] == place and (o != 0).any()]
        assert all(down < 0 or (down == 0 and -4 <= right < 0) for q, down, right in own if (down, right) != (0, 0))


# --- Bounds --------------------------------------------------------------------------------------------------------


def change(arrays: dict[str, np.ndarray], name: str, edit: Callable[[np.ndarray], Any]) -> dict[str, np.ndarray]:
    array = arrays[name].copy()
    found = edit(array)
    return {**arrays, name: array if found is None else found}


def test_a_sum_that_may_leave_its_range_is_refused() -> None:
    arrays = arrays_of(SMALL)
    built(arrays)
    most = 2**15 - 1

    def weights(value: int) -> Callable[[np.ndarray], None]:
        def edit(array: np.ndarray) -> None:
            array[0, 3] = value

        return edit

    built(change(arrays, "rgb1.weight0", weights(most)))
    built(change(arrays, "rgb1.weight0", weights(-most)))
    for value in (most + 1, -most - 1, 2**31 - 1, -(2**31)):
        with pytest.raises(ModelError, match="layer 0 of rgb1 is not proved to be exact"):
            built(change(arrays, "rgb1.weight0", weights(value)))
    with pytest.raises(ModelError, match="layer 1 of rgb1 is not proved to be exact"):
        built(change(arrays, "rgb1.weight1", lambda weight: np.full_like(weight, LIMIT // 255 // len(weight) + 1)))
    with pytest.raises(ModelError, match="not proved"):
        built(change(arrays, "rgb1.bias1", lambda bias: np.full_like(bias, -(2**31))))


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("rgb1.weight0", lambda a: a[:-1]),
        ("rgb1.weight0", lambda a: a.astype(np.int64)),
        ("rgb1.weight0", lambda a: a.T),
        ("rgb1.bias0", lambda a: a[:-1]),
        ("rgb1.prior", lambda a: a[..., :-1]),
        ("rgb1.prior", lambda a: a.astype(np.float64)),
        ("rgb1.prior", lambda a: a * np.float32("nan")),
        ("rgb1.prior", lambda a: a + np.float32("inf")),
        ("logistic", lambda a: a[:-1]),
        ("logistic", lambda a: a[::-1]),
        ("logistic", lambda a: a.astype(np.int32)),
        ("logistic", lambda a: a + 2**30),
        ("inverse_scale", lambda a: a + 2**28),
        ("inverse_scale", lambda a: -a),
        ("exponential", lambda a: a // 2),
        ("exponential", lambda a: a + 1),
    ],
)
def test_other_arrays_are_refused(name: str, edit: Callable[[np.ndarray], np.ndarray]) -> None:
    with pytest.raises(ModelError):
        built(change(arrays_of(SMALL), name, edit))


def test_missing_arrays_are_named() -> None:
    for name in ("rgb1.prior", "rgb1.weight1", "logistic"):
        arrays = arrays_of(SMALL)
        del arrays[name]
        with pytest.raises(KeyError, match=name):
            built(arrays)
