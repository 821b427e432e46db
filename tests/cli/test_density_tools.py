"""`idfcodec density` and `idfcodec sample`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from idfcodec.baselines.families import build
from idfcodec.cli.density import MARGIN, MODELS, TOYS, sheet

from .conftest import Run


def test_names_are_those_of_the_modules() -> None:
    """They are repeated so that help needs no PyTorch."""
    from experiments.plane.toys import TOYS as KNOWN
    from idfcodec.baselines.families import FAMILIES

    assert set(MODELS) <= set(FAMILIES)
    assert tuple(KNOWN) == TOYS


def test_density_says_how_close_it_comes_and_draws(run: Run, tmp_path: Path) -> None:
    done = run("density", "moons", "--layers", "2", "--hidden", "8", "--steps", "20", "--out", "m.png", "--json")
    assert (done.code, done.err) == (0, "")
    values = json.loads(done.out)
    assert values["true_log_likelihood"] == pytest.approx(-values["entropy"], abs=0.03)
    assert values["held_out_log_likelihood"] < values["true_log_likelihood"]
    assert values["steps"] == 20
    with Image.open(tmp_path / "m.png") as image:
        assert image.width > 400


@pytest.mark.parametrize(
    ("toy", "model"),
    [("circle", "ncsf"), ("torus", "ncsf"), ("rings", "planar"), ("moons", "flowpp"), ("moons", "rad")],
)
def test_density_of_every_kind(run: Run, tmp_path: Path, toy: str, model: str) -> None:
    done = run("density", toy, "--model", model, "--layers", "2", "--hidden", "8", "--steps", "3", "--out", "a.svg")
    assert (done.code, done.err) == (0, "")
    assert done.out.decode().startswith(f"{toy}, {model}: ")
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")


def test_seconds_bound_the_training(run: Run) -> None:
    done = run("density", "gaussians", "--layers", "1", "--hidden", "4", "--seconds", "0.2", "--json")
    assert 0 < json.loads(done.out)["steps"] < 1500


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["density", "sphere"], "'sphere' is not one of"),
        (["density", "moons", "--model", "ncsf"], "ncsf needs angles"),
        (["density", "torus"], "circle and torus need --model ncsf"),
        (["density", "moons", "--layers", "0"], "Invalid value"),
        (["sample"], "Missing argument"),
        (["sample", "a.png", "--n", "0"], "Invalid value"),
        (["sample", "a.png", "--temperature", "0"], "Invalid value"),
        (["sample", "a.png", "--model", "m.safetensors", "--size", "8x8"], "a size of its own"),
        (["sample", "a.jpg"], ".jpg would lose something"),
    ],
)
def test_wrong_usage(run: Run, tmp_path: Path, arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, b"")
    assert says in " ".join(done.err.split())
    assert not list(tmp_path.iterdir())


def test_targets_are_kept(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"precious")
    for command in (["density", "moons", "--steps", "1", "--out", "a.png"], ["sample", "a.png"]):
        done = run(*command)
        assert done.code == 1
        assert "exists already; -f overwrites it" in done.err
    assert (tmp_path / "a.png").read_bytes() == b"precious"


def test_a_saved_baseline_is_drawn_from(run: Run, tmp_path: Path) -> None:
    steps = ["--layers", "1", "--hidden", "4", "--steps", "3"]
    assert run("density", "moons", *steps, "--save", "moons.safetensors").code == 0
    assert run("density", "moons", *steps, "--save", "moons.safetensors").code == 1
    done = run("sample", "--model", "moons.safetensors", "--n", "50", "moons.png")
    assert (done.code, done.err) == (0, "moons.png: 50 samples in the plane\n")
    with Image.open(tmp_path / "moons.png") as image:
        assert np.asarray(image.convert("L")).std() > 1  # not blank


@pytest.mark.parametrize(
    ("channels", "family", "settings"),
    [
        (1, "realnvp", {"depth": 1, "scales": 1, "logit": 0.05}),
        (3, "realnvp", {"depth": 1, "scales": 1, "logit": 0.05}),
        (3, "pixelcnn", {}),
    ],
)
def test_a_sheet_of_a_baseline_of_pictures(
    run: Run, tmp_path: Path, channels: int, family: str, settings: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    model = build(family, (channels, 8, 8), layers=1, hidden=4, **settings)
    model.save(tmp_path / "p.safetensors")
    sheets = []
    for name, seed in (("a.png", "1"), ("b.png", "1"), ("c.png", "2")):
        done = run("sample", "--model", "p.safetensors", "--n", "9", "--seed", seed, name)
        assert (done.code, done.err) == (0, f"{name}: 9 samples of 8x8 at a temperature of 1\n")
        with Image.open(tmp_path / name) as image:
            assert image.mode == {1: "L", 3: "RGB"}[channels]
            sheets.append(np.asarray(image))
    assert sheets[0].shape[:2] == (3 * 10 + MARGIN, 3 * 10 + MARGIN)
    assert np.array_equal(sheets[0], sheets[1])
    assert not np.array_equal(sheets[0], sheets[2])


def test_what_cannot_be_drawn_is_refused(run: Run, tmp_path: Path) -> None:
    build("nice", (3,)).save(tmp_path / "three.safetensors")
    build("nice", (2,), condition=1).save(tmp_path / "given.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    for name, says in (("three", "neither pictures nor points"), ("given", "conditional"), ("text", "not a readable")):
        done = run("sample", "--model", f"{name}.safetensors", "a.png")
        assert done.code == 1
        assert says in done.err
        assert done.err.count("\n") == 1
    assert not (tmp_path / "a.png").exists()


def test_a_shipped_model_is_drawn_from(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def drawn(coder: object, n: int, size: tuple[int, int], temperature: float, *, seed: int) -> np.ndarray:
        asked.append((n, size, temperature, seed))
        return np.zeros((n, *size, 3), np.uint8)

    monkeypatch.setattr("idfcodec.cli.density.load_model", lambda name: asked.append(name))
    monkeypatch.setattr("idfcodec.density.sample", drawn)
    options = ["--n", "4", "--size", "12x8", "--temperature", "0.5", "--seed", "3"]
    assert run("sample", "--model", "max", *options, "s.png").code == 0
    assert asked == ["photo-max", (4, (8, 12), 0.5, 3)]
    with Image.open(tmp_path / "s.png") as image:
        assert image.size == (2 * 14 + MARGIN, 2 * 10 + MARGIN)


def test_an_installed_package_says_that_a_checkout_is_needed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "experiments", None)
    monkeypatch.delitem(sys.modules, "experiments.plane", raising=False)
    monkeypatch.delitem(sys.modules, "experiments.plane.toys", raising=False)
    done = run("density", "moons", "--steps", "1")
    assert done.code == 1
    assert "come with a checkout of the repository" in done.err
    assert done.err.count("\n") == 1


def test_sheet_places_rows_from_left_to_right() -> None:
    pictures = np.broadcast_to(np.arange(5, dtype=np.uint8)[:, None, None, None], (5, 4, 4, 3))
    page = sheet(pictures)
    step = 4 + MARGIN
    assert [int(page[MARGIN + i // 2 * step, MARGIN + i % 2 * step, 0]) for i in range(5)] == [0, 1, 2, 3, 4]
    assert (page[-MARGIN:] == 255).all()
