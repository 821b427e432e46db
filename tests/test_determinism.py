"""The same bytes and the same pixels whatever computes them: instruction sets, threads, tile orders, kernels, devices.

Each environment is a process of its own, since these settings are read when PyTorch starts. Every one encodes the same
pictures and decodes the files of the first.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.pictures import Pixels, generate

REPOSITORY = Path(__file__).resolve().parent.parent
PICTURES = {"one tile": ("lattice", 57, 38), "two tiles": ("photo", 520, 44)}
SETTINGS = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Environment:
    """How a process computes: variables, threads, device, kernel (None: the best there is) and order of the tiles."""

    variables: dict[str, str] = field(default_factory=dict)
    threads: int = 2
    device: str = "cpu"
    kernel: str | None = None
    backwards: bool = False


ENVIRONMENTS = {
    "SSE 4.1": Environment({"ONEDNN_MAX_CPU_ISA": "SSE41"}),
    "AVX2": Environment({"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    "ATen without vectors": Environment({"ATEN_CPU_CAPABILITY": "default"}),
    "SSE 4.1 and ATen without vectors": Environment({"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"}),
    "one thread": Environment(threads=1),
    "tiles backwards": Environment(threads=1, backwards=True),
    "kernel float32": Environment(kernel="float32"),
    "kernel int8": Environment(kernel="int8"),
    "CUDA": Environment(device="cuda"),
}


def digest(pixels: Pixels) -> str:
    return hashlib.sha256(f"{pixels.shape} {pixels.dtype}".encode() + pixels.tobytes()).hexdigest()


def use(environment: Environment) -> None:
    """Make the codec of this process compute as `environment` says."""
    from idfcodec import codec
    from idfcodec.flow import loading

    if environment.kernel is not None:
        loading.load = partial(loading.load, kernel=environment.kernel)
    if environment.backwards:
        forwards = codec.each

        def backwards(work: Callable[[int], Any], count: int, *rest: Any) -> list[Any]:
            return forwards(lambda i: work(count - 1 - i), count, *rest)[::-1]

        codec.each = backwards


def work(environment: Environment, folder: Path) -> dict[str, Any]:
    """What this process makes of the pictures; the first one leaves its files in `folder` for the others to decode."""
    from idfcodec.codec import decode, encode
    from idfcodec.models import load_model

    use(environment)
    common = {"threads": environment.threads, "device": environment.device}
    answers: dict[str, Any] = {"kernel": load_model(device=environment.device).kernel}
    for name, (kind, width, height) in PICTURES.items():
        data = encode(generate(kind, width, height), **common)
        file = folder / f"{name}.idfc"
        if not file.exists():
            file.write_bytes(data)
        answers[name] = [hashlib.sha256(data).hexdigest(), digest(decode(file.read_bytes(), **common))]
    return answers


def answers(environment: Environment, folder: Path) -> dict[str, Any]:
    """`work` in a process of its own."""
    variables = {key: value for key, value in os.environ.items() if key not in SETTINGS} | environment.variables
    variables["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), variables.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    code = f"from tests.test_determinism import *; print(json.dumps(work({environment!r}, Path({str(folder)!r}))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, timeout=600)
    if "it fails the model's known-answer test" in done.stderr and environment.kernel == "int8":
        pytest.skip("this processor does not run the kernel int8 exactly, so it is refused")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def first(folder: Path) -> dict[str, Any]:
    """What the default environment makes, whose files the others decode."""
    return answers(Environment(), folder)


def test_the_first_is_lossless(first: dict[str, Any]) -> None:
    for name, (kind, width, height) in PICTURES.items():
        assert first[name][1] == digest(generate(kind, width, height))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_same_bytes_and_pixels(name: str, first: dict[str, Any], folder: Path) -> None:
    environment = ENVIRONMENTS[name]
    if environment.device == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device here")
    result = answers(environment, folder)
    assert environment.kernel in (None, result.pop("kernel"))
    for picture in PICTURES:
        assert result[picture] == first[picture], picture
