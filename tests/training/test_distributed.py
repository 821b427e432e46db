"""Two processes that train together take the steps that one would take."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from safetensors.torch import load_file

from idfcodec.demo import draw
from idfcodec.errors import IDFError
from idfcodec.training.config import TrainConfig
from idfcodec.training.distributed import Processes
from idfcodec.training.loop import train

# The learning rate is high, so that a step that differed would show in the losses that follow it.
OPTIONS = ["--steps", 12, "--batch", 4, "--size", 32, "--learning-rate", 0.05, "--threads", 1, "--log-every", 1]
OPTIONS += ["--levels", 3, "--channels", 16, "--blocks", 1, 1, 1, "--networks", 2]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    path = tmp_path / "pictures"
    path.mkdir()
    for i in range(2):
        Image.fromarray(draw(96, 64 + 8 * i)).save(path / f"{i}.png")
    return path


def together(count: int, *arguments: object) -> list[str]:
    """Runs `idfcodec train` in `count` processes, told of each other as torchrun does; what each one said."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "idfcodec", "train", *map(str, arguments)]
    # bfloat16, where the processor has it, would round the two halves of a gradient too coarsely to compare.
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"LOCAL_WORLD_SIZE": str(count), "ONEDNN_MAX_CPU_ISA": "AVX2"}
    processes = []
    for rank in range(count):
        environment = os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        processes.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
    try:
        said = [process.communicate(timeout=300)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * count, said
    return said


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(pictures: Path, tmp_path: Path) -> None:
    together(1, pictures, "--out", tmp_path / "1", *OPTIONS)
    first, second = together(2, pictures, "--out", tmp_path / "2", *OPTIONS)
    assert "trained and exported as" in first
    assert "step" not in second

    records = [
        [json.loads(line) for line in (tmp_path / out / "log.jsonl").read_text().splitlines()] for out in ("1", "2")
    ]
    one, two = ([record["loss"] for record in run if "loss" in record] for run in records)
    assert len(one) == 12
    assert two == pytest.approx(one, rel=1e-4)
    assert records[1][-1]["validation"] == pytest.approx(records[0][-1]["validation"], rel=1e-4)
    weights, others = (load_file(tmp_path / out / "checkpoint.safetensors") for out in ("1", "2"))
    for name, tensor in weights.items():
        if name.startswith("model."):
            assert (tensor - others[name]).norm() <= 1e-3 * tensor.norm() + 1e-5, name
    summary = json.loads((tmp_path / "2" / "config.json").read_text())["training"]
    assert summary["hardware"] == "2 x 1 CPU cores"


def test_a_batch_is_dealt_evenly_or_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(IDFError, match="a batch of 5 crops cannot be dealt evenly to 2 processes"):
        train(pictures, tmp_path / "out", TrainConfig(batch=5), processes=Processes(1, 2))
    assert not (tmp_path / "out").exists()
