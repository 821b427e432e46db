"""The small parts of a run: counting a model's work, images for the page, cores, progress."""

import base64
import io
import os
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.environment import available_cores, describe_environment, pinned
from benchmarks.maps import heat_map, striking_pictures, thumbnail
from benchmarks.models import mac_per_pixel, parameters
from benchmarks.progress import Progress
from idfcodec.demo import draw


def picture_of(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_parameters_and_work_are_counted_from_shapes() -> None:
    shapes = {
        "networks.0.first.weight": (8, 3, 1, 1),
        "networks.0.first.bias": (8,),
        "networks.1.first.weight": (4, 2, 1, 1),
        "networks.1.up.weight": (4, 4, 1, 1),
        "networks.1.table": (100,),
        "prior.weight": (5,),
    }
    assert parameters(shapes) == 24 + 8 + 8 + 16
    # Level 0 has 1/4 cell a pixel; levels 1 and 2, which share a network, 1/16 and 1/64. `up` feeds level 1 from the
    # grid of level 2, and the coarsest from nothing.
    causal = {"rgb0.weight0": (4, 3), "rgb0.bias0": (3,), "ycc0.weight0": (4, 3), "rgb0.prior": (1, 9, 9)}
    assert parameters(causal) == 12 + 3 + 12
    assert mac_per_pixel(causal, levels=None) == 12
    assert mac_per_pixel(shapes, levels=3) == 24 / 4 + 8 * (1 / 16 + 1 / 64) + 16 / 64


def test_a_map_holds_bits_per_pixel_averaged_to_its_size() -> None:
    bits = np.zeros((600, 960), np.float32)
    bits[:, 480:] = 3.0
    bits[0:2, 0:2] = [[8.0, 0.0], [0.0, 0.0]]
    bits[2:4, 0:2] = 99.0
    with picture_of(heat_map(bits)) as image:
        values = np.asarray(image)
    assert values.shape == (300, 480)
    assert (values[:, 240:] == 24).all()
    assert list(values[:3, 0]) == [16, 255, 0]
    with picture_of(heat_map(np.ones((1, 2000), np.float32))) as image:
        assert image.size == (480, 1)


def test_a_thumbnail_is_small() -> None:
    with picture_of(thumbnail(draw(200, 100))) as image:
        assert image.format == "WEBP"
        assert image.size == (160, 80)
    with picture_of(thumbnail(draw(20, 10)[..., 0])) as image:
        assert image.size == (20, 10)


def test_the_pictures_shown_are_those_of_greatest_gain_and_loss() -> None:
    def rows(*sizes: int) -> dict[str, Any]:
        return {name: {"bytes": size} for name, size in zip("abcdef", sizes, strict=False)}

    measurements = {"ours": rows(50, 90, 100, 70, 101, 110), "best": rows(*[100] * 6), "worse": rows(*[120] * 6)}
    assert striking_pictures(measurements, ["ours"], 4) == ["a", "d", "e", "f"]
    assert striking_pictures(measurements, ["ours"], 3) == ["a", "d", "f"]
    assert striking_pictures(measurements, ["ours"], 1) == ["a"]
    assert striking_pictures(measurements, ["ours"], 9) == ["a", "d", "b", "c", "e", "f"]
    assert striking_pictures({"ours": rows(1, 2, 3)}, ["ours"], 2) == ["a", "b"]
    assert striking_pictures(measurements, [], 2) == []
    partly = measurements | {"best": {"a": {"bytes": 1}, "b": {"error": "no"}}}
    assert striking_pictures(partly, ["ours"], 2) == ["a", "f"]


def test_no_more_cores_are_used_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAYON_NUM_THREADS", raising=False)
    before = available_cores()
    with pinned(1):
        assert os.environ["RAYON_NUM_THREADS"] == "1"
        if hasattr(os, "sched_getaffinity"):
            assert available_cores() == 1
    assert available_cores() == before
    assert "RAYON_NUM_THREADS" not in os.environ


def test_the_environment_names_what_took_part() -> None:
    facts = describe_environment()
    assert {"idfcodec", "torch", "numpy", "pillow"} <= facts["packages"].keys()
    assert facts["cores"] >= 1
    assert "accelerator" not in facts


def test_without_a_terminal_progress_is_a_line_every_so_often(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    progress, quiet = Progress(3), Progress(3, quiet=True)
    for moment in (1.0, 40.0, 50.0):
        clock[0] = moment
        progress.step(f"at {moment}")
        quiet.step("nothing")
    assert capsys.readouterr().err == "2 of 3, 40 s: at 40.0\n"
