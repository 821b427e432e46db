"""The experiments run, and what they left in the repository holds what was promised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments.density.__main__ import EXPERIMENTS, RESULTS, main
from experiments.density.readme import README, rendered

FIGURES = {
    "couplings": [f"couplings-{name}" for name in ("moons", "rings", "checkerboard", "gaussians")],
    "table": ["table"],
    "copulas": ["copulas"],
    "conditional": ["conditional-classes", "conditional-arm"],
    "circular": ["circular"],
    "discrete": ["discrete"],
    "rounding": ["rounding"],
    "images": ["images"],
    "samples": [f"samples-{name}" for name in ("temperatures", "neighbours", "between", "classes")],
    "ood": ["ood"],
}


def record(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["circular", "discrete", "copulas"])
def test_an_experiment_leaves_a_record_and_figures(name: str, tmp_path: Path) -> None:
    assert main(["--only", name, "--steps", "2", "--out", str(tmp_path)]) == 0
    left = json.loads((tmp_path / f"{name}.json").read_text())
    assert left["experiment"] == name
    assert {path.stem for path in tmp_path.glob("*.png")} == set(FIGURES[name])


@pytest.mark.parametrize("name", FIGURES)
def test_records_and_figures_are_in_the_repository(name: str) -> None:
    assert record(name)["experiment"] == name
    for figure in FIGURES[name]:
        path = RESULTS / f"{figure}.png"
        assert path.stat().st_size < (700_000 if name == "samples" else 300_000)
        with Image.open(path) as image:
            assert np.asarray(image.convert("L")).std() > 5


def test_every_experiment_is_known() -> None:
    assert set(FIGURES) == set(EXPERIMENTS)


def test_realnvp_is_close_to_a_neural_spline_flow_of_its_size_on_two_moons() -> None:
    models = record("table")["densities"]["moons"]["models"]
    ours, spline = models["realnvp"], models["nsf"]
    assert abs(ours["parameters"] / spline["parameters"] - 1) < 0.1
    assert spline["held_out_log_likelihood"] - ours["held_out_log_likelihood"] < 0.05
    for name in ("rnade", "copula"):
        assert models[name]["gap"] < spline["gap"] + 0.1


def test_folds_pay_where_the_data_fall_apart() -> None:
    models = record("table")["densities"]["gaussians"]["models"]
    assert abs(models["rad"]["parameters"] / models["realnvp"]["parameters"] - 1) < 0.05
    assert models["rad"]["gap"] <= models["realnvp"]["gap"]


def test_densities_of_the_table_integrate_to_one() -> None:
    for density in record("table")["densities"].values():
        for name, model in density["models"].items():
            assert model["integral"] == pytest.approx(1, abs=0.01), name


def test_more_couplings_are_better() -> None:
    for density in record("couplings")["densities"].values():
        gaps = [row["gap"] for row in density["couplings"].values()]
        assert gaps[0] > 1.2 * min(gaps[2:])


def test_the_table_of_the_discrete_flow_is_solved() -> None:
    table = record("discrete")["table"]
    assert table["mutual_information_before"] > 0.2
    assert table["mutual_information_after"] == 0
    assert table["loss"] == pytest.approx(table["entropy"], abs=1e-3)


def test_models_of_pictures_are_of_one_size_and_of_three_seeds() -> None:
    images = record("images")
    for name, model in images["models"].items():
        assert abs(model["parameters"] / images["equal"]["parameters"] - 1) < 0.05, name
        assert len(model["seeds"]) == 3
        for row in model["seeds"]:
            assert row["processor_seconds"] == pytest.approx(images["equal"]["processor_seconds"], rel=0.1), name
    kinds = {name: model["kind"] for name, model in images["models"].items()}
    assert (kinds["idf"], kinds["realnvp"]) == ("exact", "uniform dequantization")
    assert {row["system"] for row in images["published"]} == {"RealNVP", "Glow", "Flow++", "IDF"}


def test_the_page_says_what_was_measured() -> None:
    assert rendered(RESULTS) == README.read_text(encoding="utf-8"), "python -m experiments.density --readme"
