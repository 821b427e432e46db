"""Chroma of half the size below its luma: exact both ways, at the cost that the model says, by networks of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.errors import IDFError
from idfcodec.flow.causal.coder import CausalFlow
from idfcodec.flow.causal.config import HALVED, NETWORKS
from idfcodec.flow.causal.planes import Tile
from idfcodec.picture.conversion import LAYOUTS, Layout
from idfcodec.types import PlaneType, Role, Shape
from tests.flow.causal.planes import CONTENTS, RGB, SMALL, YCC, arrays_of, draw, flow

ENCODE = 1


def types_of(layout: Layout) -> list[PlaneType]:
    return [YCC[0], *(replace(kind, grid=layout.grid()) for kind in YCC[1:])]


def picture(layout: Layout, content: str, shape: Shape, seed: int = 0) -> list[np.ndarray]:
    luma, *_ = draw(content, YCC, *shape, seed)
    return [luma, *draw(content, YCC, *layout.shape(shape), seed + 1)[1:]]


def small(seed: int | None = None) -> CausalFlow:
    """A small model, with networks of halved chroma if they are drawn."""
    arrays = arrays_of(SMALL)
    if seed is not None:
        rng = np.random.default_rng(seed)
        for place in NETWORKS[HALVED]:
            for name in [name for name in arrays if name.startswith(f"ycc{place}")]:
                own = arrays[name].copy()
                arrays[name.replace("ycc", HALVED)] = own if own.ndim == 3 else rng.integers(-9, 9, own.shape, np.int32)
    return CausalFlow(bytes(8), "small", SMALL, arrays)


@settings(deadline=None, max_examples=40)
@given(
    number=st.sampled_from(sorted(LAYOUTS)),
    content=st.sampled_from(CONTENTS),
    height=st.integers(1, 33),
    width=st.integers(1, 33),
    seed=st.integers(0, 99),
)
def test_any_planes_come_back(number: int, content: str, height: int, width: int, seed: int) -> None:
    layout = LAYOUTS[number]
    planes, types, coder = picture(layout, content, (height, width), seed), types_of(layout), flow("photo-fast")
    (payload,) = coder.encode([planes], types)
    (found,) = coder.decode([payload], [plane.shape for plane in planes], types)
    for a, b in zip(found, planes, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("number", [10, 15, 238])
def test_size_is_what_the_model_says(number: int) -> None:
    layout = LAYOUTS[number]
    planes, types, coder = picture(layout, "edges", (50, 71)), types_of(layout), flow("photo-fast")
    (payload,) = coder.encode([planes], types)
    said = coder.code_length(planes, types)
    assert said.pixels.shape == (50, 71)
    assert said.total == pytest.approx(sum(said.parts.values()))
    assert said.total == pytest.approx(8 * len(payload), rel=0.002, abs=64 * 8)


def test_latents_lead_back_and_samples_are_drawn() -> None:
    layout = LAYOUTS[14]
    planes, types, coder = picture(layout, "gradient", (20, 31)), types_of(layout), flow("photo-fast")
    shapes = [(plane.shape[0], plane.shape[1]) for plane in planes]
    for a, b in zip(coder.inverse(coder.latents(planes, types), shapes, types), planes, strict=True):
        np.testing.assert_array_equal(a, b)
    (drawn,) = coder.sample(1, shapes, types, seed=3)
    assert [plane.shape for plane in drawn] == shapes


def test_networks_of_its_own_are_taken_where_there_are_some() -> None:
    layout = LAYOUTS[15]
    planes, types = picture(layout, "edges", (30, 40)), types_of(layout)
    without, with_some = (coder.encode([planes], types)[0] for coder in (small(), small(1)))
    assert without != with_some
    assert small().encode([planes[:1]], types[:1]) == small(1).encode([planes[:1]], types[:1])
    assert small().encode([picture(LAYOUTS[0], "edges", (30, 40))], YCC) == small(1).encode(
        [picture(LAYOUTS[0], "edges", (30, 40))], YCC
    )
    assert len(small().known_answers()) == 2
    assert len(small(1).known_answers()) == 3


def test_the_reduced_luma_is_the_mean_of_what_a_sample_stands_for() -> None:
    layout = LAYOUTS[94]  # triangle filter of both axes, an odd crop above
    types = types_of(layout)
    luma = np.random.default_rng(1).integers(0, 256, (9, 10))
    tile = Tile([(9, 10), layout.shape((9, 10)), layout.shape((9, 10))], types, ENCODE)
    tile.inside(0)[:] = luma
    tile.descend()
    (down, along), (top, left) = layout.grid().step, layout.grid().first
    reduced = tile.work(1).inside[0]
    for j in range(reduced.shape[0]):
        for k in range(reduced.shape[1]):
            rows = [min(max(down * j + top + i, 0), 8) for i in range(2)]
            columns = [min(max(along * k + left + i, 0), 9) for i in range(2)]
            assert reduced[j, k] == (sum(int(luma[r, c]) for r in rows for c in columns) + 2) // 4


def test_other_planes_of_several_sizes_are_refused() -> None:
    grid = LAYOUTS[15].grid()
    small_chroma = replace(YCC[1], grid=grid)
    for shapes, types in (
        ([(8, 8), (5, 5), (5, 4)], types_of(LAYOUTS[15])),
        ([(8, 8), (5, 5), (8, 8)], [YCC[0], small_chroma, YCC[2]]),
        ([(8, 8), (5, 5)], [YCC[0], small_chroma]),
        ([(8, 8), (5, 5), (5, 5)], [RGB[0], *(replace(kind, grid=grid) for kind in RGB[1:])]),
        ([(5, 5), (5, 5), (5, 5)], [PlaneType(Role.LUMA, grid=grid)] * 3),
    ):
        with pytest.raises(IDFError, match="of one size"):
            Tile(shapes, types, ENCODE)
