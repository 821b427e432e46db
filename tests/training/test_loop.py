"""The trainer: it learns, stops and resumes to the same weights, and what it exports codes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from idfcodec import codec
from idfcodec.code_length import code_length
from idfcodec.demo import draw
from idfcodec.errors import IDFError
from idfcodec.training.config import TrainConfig, resumed
from idfcodec.training.data import random_batches
from idfcodec.training.export import export
from idfcodec.training.loop import build, train

SMALL = TrainConfig(steps=6, batch=2, size=32, levels=2, channels=16, blocks=(1, 1, 1), threads=1, quantise_from=0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures")
    for i in range(3):
        Image.fromarray(draw(96 + 8 * i, 80)).save(path / f"{i}.png")
    return path


def test_a_run_is_logged_exported_and_codes(folder: Path, tmp_path: Path) -> None:
    records: list[dict[str, object]] = []
    trained: Any = train(folder, tmp_path, SMALL, report=records.append)
    assert trained.summary["steps_done"] == 6
    assert trained.summary["validation"] > 0
    assert records[-1] == json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    export(trained.model, tmp_path / "model", note={"training": trained.summary})
    pixels = draw(70, 45)
    data = codec.encode(pixels, model=tmp_path / "model")
    assert np.array_equal(codec.decode(data, model=tmp_path / "model"), pixels)


def test_the_exported_model_costs_no_more_than_the_trained_one(folder: Path, tmp_path: Path) -> None:
    """It may cost less: coding keeps locations within the range of pixels, training does not."""
    model: Any = train(folder, tmp_path, SMALL).model
    export(model, tmp_path / "model", levels=SMALL.levels)
    pixels = draw(64, 64)
    with torch.inference_mode():
        trained = float(model(torch.from_numpy(pixels).permute(2, 0, 1)[None]).sum())
    assert 0.95 < code_length(pixels, model=tmp_path / "model").total / trained < 1.004


def test_resume_continues_where_the_run_stopped(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path, SMALL)
    longer = replace(SMALL, steps=8)
    trained = train(folder, tmp_path, longer, resume=True)
    assert trained.summary["steps_done"] == 8
    steps = [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert steps == [6, 8]


def test_a_resumed_run_keeps_its_settings(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path, SMALL)
    assert resumed(tmp_path) == SMALL
    assert resumed(tmp_path, steps=8) == replace(SMALL, steps=8)
    (tmp_path / "train.json").write_text("[]")
    with pytest.raises(IDFError, match=r"train\.json: not the settings of a run"):
        resumed(tmp_path)


def test_the_loss_is_logged_as_often_as_asked(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path, replace(SMALL, log_every=2))
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records if "loss" in record] == [2, 4, 6]


def test_batches_begin_anywhere_and_are_dealt_out() -> None:
    pictures = [draw(96, 80)]
    whole = random_batches(pictures, batch=4, size=32, seed=3)
    second = [next(whole), next(whole)][1]
    whole.close()
    for rank in range(2):
        share = random_batches(pictures, batch=4, size=32, seed=3, first=1, rank=rank, count=2)
        assert np.array_equal(next(share), second[rank::2])
        share.close()


def test_training_lowers_the_cost(folder: Path, tmp_path: Path) -> None:
    config = replace(SMALL, steps=60, quantise_from=0.7)
    picture = torch.from_numpy(draw(64, 64)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        before = float(build(config)(picture).sum())
    model = train(folder, tmp_path, config).model
    with torch.inference_mode():
        assert float(model(picture).sum()) < 0.9 * before


def test_what_cannot_work_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(IDFError, match="nothing to resume"):
        train(folder, tmp_path / "new", SMALL, resume=True)
    with pytest.raises(IDFError, match="no picture of at least"):
        train(tmp_path, tmp_path / "new", SMALL)
    with pytest.raises(IDFError, match="do not halve"):
        train(folder, tmp_path / "new", TrainConfig(size=40, levels=5))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(IDFError, match=r"broken\.png: not a readable picture"):
        train(tmp_path / "bad", tmp_path / "new", SMALL)
