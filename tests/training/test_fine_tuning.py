"""`train --from`: a run that starts from a model's weights, and what it does otherwise than one from nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from idfcodec.cli.main import cli
from idfcodec.cli.train import train as command
from idfcodec.errors import ModelError
from idfcodec.flow.hierarchical.config import HierarchicalConfig
from idfcodec.training.config import FINE_TUNING, TrainConfig, fine_tuning
from idfcodec.training.export import export, read_exported, restore
from idfcodec.training.loop import build, train

TINY = TrainConfig(steps=2, batch=2, size=32, levels=2, channels=16, blocks=(1, 2, 1), networks=2, threads=1)
RUN = ["--steps", "2", "--batch", "2", "--size", "32", "--levels", "2", "-T", "1"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny"
    network: Any = build(TINY)
    export(network, path)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["train", *map(str, arguments)])


def settings(out: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((out / "config.json").read_text())["training"]
    return loaded


def test_a_run_starts_from_what_the_model_s_integers_mean(pictures: Path, model: Path, tmp_path: Path) -> None:
    expected: Any = build(TINY)
    restore(expected, read_exported(model))
    still = fine_tuning(model, steps=1, batch=2, size=32, levels=2, learning_rate=0.0, threads=1)
    trained = train(pictures, tmp_path, still, start_from=model).model
    assert all(torch.equal(a, b) for a, b in zip(expected.parameters(), trained.parameters(), strict=True))


def test_sizes_are_the_model_s_unless_given(pictures: Path, model: Path, tmp_path: Path) -> None:
    result = run(pictures, "--out", tmp_path / "a", "--from", model, *RUN)
    assert result.exit_code == 0, result.output
    summary = settings(tmp_path / "a")
    assert (summary["channels"], summary["blocks"], summary["networks"]) == (16, [1, 2, 1], 2)
    assert {name: summary[name] for name in FINE_TUNING} == FINE_TUNING
    assert summary["started_from"] == read_exported(model).id.hex()

    given = ("--blocks", 1, 1, 1, "--networks", 1, "--learning-rate", 0.004)
    assert run(pictures, "--out", tmp_path / "b", "--from", model, *RUN, *given).exit_code == 0
    summary = settings(tmp_path / "b")
    assert (summary["blocks"], summary["networks"], summary["learning_rate"]) == ([1, 1, 1], 1, 0.004)


def test_a_resumed_run_knows_where_it_started(pictures: Path, model: Path, tmp_path: Path) -> None:
    assert run(pictures, "--out", tmp_path, "--from", model, *RUN).exit_code == 0
    result = run(pictures, "--out", tmp_path, "--resume", "--steps", 3)
    assert result.exit_code == 0, result.output
    summary = settings(tmp_path)
    assert (summary["steps_done"], summary["channels"]) == (3, 16)
    assert summary["started_from"] == read_exported(model).id.hex()


def test_a_run_from_nothing_says_so(pictures: Path, tmp_path: Path) -> None:
    sizes = ("--channels", 16, "--blocks", 1, 1, 1, "--networks", 2)
    assert run(pictures, "--out", tmp_path, *RUN, *sizes).exit_code == 0
    assert settings(tmp_path)["started_from"] is None


@pytest.mark.parametrize("name", ["default", "fast", "max"])
def test_presets_name_models(
    name: str, pictures: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from idfcodec.cli import train as module

    asked: list[str | None] = []

    def find(name: str | None) -> Path:
        asked.append(name)
        return model

    monkeypatch.setattr(module, "find_model", find)
    assert run(pictures, "--out", tmp_path, "--from", name, *RUN).exit_code == 0
    assert asked == [None if name == "default" else f"photo-{name}"]


def test_what_cannot_be_started_from_is_said_in_one_line(pictures: Path, model: Path, tmp_path: Path) -> None:
    def error(*arguments: object) -> str:
        result = run(pictures, "--out", tmp_path / "out", *RUN, *arguments)
        assert result.exit_code == 1
        assert result.output.count("\n") == 1
        return result.output

    assert "there is no model 'nowhere'" in error("--from", "nowhere")
    assert "has other sizes than were asked for" in error("--from", model, "--channels", 32)
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_text((model / "config.json").read_text())
    assert "not a model (weights.safetensors is missing)" in error("--from", bare)
    (bare / "weights.safetensors").write_bytes(b"nothing")
    assert "the model is damaged" in error("--from", bare)
    assert not (tmp_path / "out").exists()

    result = run(pictures, "--out", tmp_path / "out", "--from", model, "--resume")
    assert result.exit_code == 2
    assert "--from and --resume exclude each other" in result.output


def test_a_model_of_another_architecture_is_refused(model: Path, tmp_path: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (tmp_path / "weights.safetensors").write_bytes((model / "weights.safetensors").read_bytes())
    for architecture, message in [
        ({k: v for k, v in config["architecture"].items() if k != "networks"}, "does not match its id"),
        (config["architecture"] | {"levels": 5}, "does not match its id"),
    ]:
        (tmp_path / "config.json").write_text(json.dumps(config | {"architecture": architecture}))
        with pytest.raises(ModelError, match=message):
            read_exported(tmp_path)
    assert set(config["architecture"]) == {*HierarchicalConfig.__dataclass_fields__}


def test_the_help_says_the_other_learning_rate() -> None:
    help_text = next(option.help for option in command.params if option.name == "learning_rate")
    assert f"{TrainConfig().learning_rate}; with --from {FINE_TUNING['learning_rate']}" in str(help_text)
