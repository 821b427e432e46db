"""`train --family`: the baselines share the trainer with the codec's own flow."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from idfcodec.baselines.dequantization import bits
from idfcodec.baselines.families import FAMILIES as BASELINES
from idfcodec.baselines.families import load
from idfcodec.cli import train as module
from idfcodec.cli.main import cli
from idfcodec.demo import draw
from idfcodec.errors import IDFError
from idfcodec.training.config import TrainConfig, fresh, resumed
from idfcodec.training.distributed import Processes
from idfcodec.training.families import FAMILIES, family_of
from idfcodec.training.loop import train

THERE = [name for name in FAMILIES if name in BASELINES]
RUN = ["--steps", "2", "--batch", "2", "--size", "16", "-T", "1"]
SIZES: dict[str, dict[str, Any]] = {
    "nice": {"layers": 2, "hidden": 8},
    "realnvp": {"layers": 1, "hidden": 8, "depth": 1, "scales": 2},
    "glow": {"layers": 1, "hidden": 8, "scales": 2},
    "flowpp": {"layers": 1, "hidden": 8, "depth": 1, "components": 2, "heads": 2, "noise": 1},
    "pixelcnn": {"layers": 1, "hidden": 8, "components": 2},
}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def small(family: str, **settings: Any) -> TrainConfig:
    given = {"family": family, "steps": 4, "batch": 4, "size": 16, "threads": 1, "settings": SIZES.get(family, {})}
    return fresh(**{**given, **settings})


def test_names_are_those_of_the_modules() -> None:
    """They are repeated so that help needs no PyTorch."""
    assert tuple(FAMILIES) == module.FAMILIES


@pytest.mark.parametrize("family", THERE)
def test_a_family_is_trained_kept_and_drawn_from(family: str, pictures: Path, tmp_path: Path) -> None:
    sizes = [f"--set={name}={value}" for name, value in SIZES.get(family, {}).items()]
    done = run("train", pictures, "--family", family, *RUN, *sizes, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    saved = tmp_path / f"{family}.safetensors"
    assert f"trained and exported as {saved}" in done.output
    model: Any = load(saved)
    assert (model.family, tuple(model.config.shape)) == (family, (3, 16, 16))
    assert all(getattr(model.config, name) == value for name, value in SIZES.get(family, {}).items())
    kept = json.loads((tmp_path / "train.json").read_text())
    assert (kept["family"], kept["settings"]) == (family, SIZES.get(family, {}))
    done = run("sample", "--model", saved, "--n", 2, tmp_path / "s.png")
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "s.png") as image:
        assert np.asarray(image).shape[2] == 3


def test_training_lowers_the_bits(pictures: Path, tmp_path: Path) -> None:
    records: list[dict[str, Any]] = []
    trained = train(pictures, tmp_path, small("glow", steps=60, learning_rate=0.01, log_every=5), report=records.append)
    losses = [record["loss"] for record in records if "loss" in record]
    assert losses[-1] < losses[0] - 0.3
    assert trained.summary["validation"] < losses[0]
    assert not trained.model.training


def test_a_run_of_a_family_resumes(pictures: Path, tmp_path: Path) -> None:
    config = small("realnvp")
    train(pictures, tmp_path, config)
    assert resumed(tmp_path) == config
    trained = train(pictures, tmp_path, resumed(tmp_path, steps=6), resume=True)
    assert trained.summary["steps_done"] == 6
    averages = [b for name, b in trained.model.named_buffers() if name.endswith("variance")]
    assert averages
    assert all(bool((b != 1).any()) for b in averages)  # kept, and averaged with the weights


def test_minutes_are_those_of_the_clock_that_is_given(pictures: Path, tmp_path: Path) -> None:
    ticks = iter(range(10**6))
    config = small("nice", steps=1000, minutes=0.5)
    trained = train(pictures, tmp_path, config, clock=lambda: float(next(ticks)))
    assert trained.summary["steps_done"] == 30


def test_processes_begin_alike(pictures: Path) -> None:
    """What the first batch sets is averaged, for each process has its own share of it."""
    from idfcodec.training.loop import _Run

    averaged: list[int] = []

    class Two(Processes):
        def average(self, tensors: Any) -> None:
            averaged.append(len(tensors))
            for tensor in tensors:
                tensor.mul_(0.5)

    begun = _Run(small("glow"), "cpu")
    batch = torch.from_numpy(np.stack([draw(16, 16, seed=i) for i in range(4)])).permute(0, 3, 1, 2)
    begun.begin(batch, Two())
    assert averaged == [len(list(begun.model.parameters()))]
    for a, b in zip(begun.average.parameters(), begun.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_validation_is_over_squares_of_the_model_s_size() -> None:
    family = family_of(small("glow"))
    model = family.build().eval()
    crop = draw(40, 32)
    corners = [crop[top : top + 16, left : left + 16] for top in (0, 16) for left in (0, 16)]
    x = torch.from_numpy(np.stack(corners)).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = bits(model, x, generator=torch.Generator().manual_seed(0)).mean()
    assert family.validate(model, [crop], "cpu") == pytest.approx([float(expected)])


def test_settings_of_a_family_are_its_own(pictures: Path, tmp_path: Path) -> None:
    assert fresh() == TrainConfig()
    assert fresh(family="glow").size == 32
    for config, says in (
        (TrainConfig(family="gan"), "there is no family 'gan' to train"),
        (TrainConfig(settings={"layers": 3}), "an idf has no setting 'layers'"),
        (small("nice", settings={"channels": 3}), "nice has no setting 'channels'"),
    ):
        with pytest.raises(IDFError, match=says):
            train(pictures, tmp_path / "out", config)
    with pytest.raises(IDFError, match="a nice cannot start from another model's weights"):
        train(pictures, tmp_path / "out", replace(small("nice")), start_from=tmp_path)
    done = run("train", pictures, "--family", "nice", "--set", "layers", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "'layers' is not NAME=VALUE" in done.output
    assert not (tmp_path / "out").exists()
