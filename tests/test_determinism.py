"""The same bytes and the same pixels whatever computes them: instruction sets, threads, tile orders, kernels, devices.

Each environment is a process of its own, since these settings are read when PyTorch and Numba start. Every one encodes
the same pictures and decodes the files of the first.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import Pixels, generate

REPOSITORY = Path(__file__).resolve().parent.parent
PICTURES = {"tiny": ("photo", 12, 10), "one tile": ("lattice", 57, 38), "two tiles": ("photo", 520, 44)}
NAMES = "names of colours"  # the family that has no model
PRESETS = ("photo-fast", "photo", "photo-max", "thumbnail", NAMES)
BOTH = ("photo", "idf")
SETTINGS = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
NUMBA = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_DISABLE_JIT")
AVX2 = "+cx16,+popcnt,+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+bmi,+bmi2,+fma,+f16c,+lzcnt,+movbe"


@dataclass(frozen=True)
class Environment:
    """How a process computes, and what.

    Args:
        variables: of the process; where they are Numba's, it compiles into a folder of its own.
        models: those it codes with, and maybe `NAMES`.
        pictures: those it codes.
        kernel: None is the best there is.
        backwards: the order of the tiles.
        answers: whether the models' known answers are computed: not where that takes minutes.
    """

    variables: dict[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ("idf",)
    pictures: tuple[str, ...] = ("one tile", "two tiles")
    threads: int = 2
    device: str = "cpu"
    kernel: str | None = None
    backwards: bool = False
    answers: bool = True


ENVIRONMENTS = {
    "SSE 4.1": Environment({"ONEDNN_MAX_CPU_ISA": "SSE41"}),
    "AVX2": Environment({"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    "ATen without vectors": Environment({"ATEN_CPU_CAPABILITY": "default"}),
    "SSE 4.1 and ATen without vectors": Environment({"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"}),
    "one thread": Environment(models=BOTH, threads=1),
    "four threads": Environment(models=PRESETS, threads=4),
    "tiles backwards": Environment(models=BOTH, threads=1, backwards=True),
    "kernel float32": Environment(kernel="float32"),
    "kernel int8": Environment(kernel="int8"),
    "CUDA": Environment(device="cuda"),
    "compiled for any processor": Environment({"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, PRESETS),
    "compiled for AVX2": Environment({"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": AVX2}, PRESETS),
    "not compiled": Environment({"NUMBA_DISABLE_JIT": "1"}, ("photo-fast", "photo-max"), ("tiny",), answers=False),
}
SLOW = ("compiled for AVX2",)


def digest(pixels: Pixels) -> str:
    return hashlib.sha256(f"{pixels.shape} {pixels.dtype}".encode() + pixels.tobytes()).hexdigest()


def use(environment: Environment) -> None:
    """Make the codec of this process compute as `environment` says."""
    from idfcodec import codec
    from idfcodec.flow import loading
    from idfcodec.flow.causal.coder import CausalFlow
    from idfcodec.models import find_model

    if environment.kernel is not None:
        loading.load = partial(loading.load, kernel=environment.kernel)
    if environment.backwards:
        forwards = codec.each

        def backwards(work: Callable[[int], Any], count: int, *rest: Any) -> list[Any]:
            return forwards(lambda i: work(count - 1 - i), count, *rest)[::-1]

        codec.each = backwards
    if not environment.answers:

        def recorded(self: CausalFlow) -> list[str]:
            found: list[str] = loading.read_model(find_model(self.id.hex())).answers
            return found

        CausalFlow.known_answers = recorded


def work(environment: Environment, folder: Path) -> dict[str, Any]:
    """What this process makes of the pictures; the first one leaves its files in `folder` for the others to decode."""
    from idfcodec.codec import decode, encode
    from idfcodec.models import load_model
    from tests.flow.categorical.test_coder import payloads

    use(environment)
    common = {"threads": environment.threads, "device": environment.device}
    answers: dict[str, Any] = {}
    if NAMES in environment.models:
        answers[NAMES] = payloads()
    for model in filter(NAMES.__ne__, environment.models):
        answers[f"kernel of {model}"] = load_model(model, device=environment.device).kernel
        for name in environment.pictures:
            kind, width, height = PICTURES[name]
            data = encode(generate(kind, width, height), model=model, **common)
            file = folder / f"{model} {name}.idfc"
            if not file.exists():
                file.write_bytes(data)
            answers[f"{model}, {name}"] = [
                hashlib.sha256(data).hexdigest(),
                digest(decode(file.read_bytes(), **common)),
            ]
    return answers


def answers(environment: Environment, folder: Path, machine_code: Path) -> dict[str, Any]:
    """`work` in a process of its own; warnings of what overflows are errors."""
    left_out = SETTINGS + NUMBA
    variables = {key: value for key, value in os.environ.items() if key not in left_out} | environment.variables
    variables["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), variables.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    if set(NUMBA) & set(environment.variables):
        variables["NUMBA_CACHE_DIR"] = str(machine_code)
    code = f"from tests.test_determinism import *; print(json.dumps(work({environment!r}, Path({str(folder)!r}))))"
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=600)
    if "it fails the model's known-answer test" in done.stderr and environment.kernel == "int8":
        pytest.skip("this processor does not run the kernel int8 exactly, so it is refused")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def first(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the default environment makes, whose files the others decode."""
    everything = Environment(models=(*PRESETS, "idf"), pictures=tuple(PICTURES))
    return answers(everything, folder, tmp_path_factory.mktemp("code"))


def test_the_first_is_lossless(first: dict[str, Any]) -> None:
    for model in filter(NAMES.__ne__, (*PRESETS, "idf")):
        for name, (kind, width, height) in PICTURES.items():
            assert first[f"{model}, {name}"][1] == digest(generate(kind, width, height))


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in ENVIRONMENTS])
def test_same_bytes_and_pixels(name: str, first: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    environment = ENVIRONMENTS[name]
    if environment.device == "cuda":
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("there is no CUDA device here")
    if environment.variables.get("NUMBA_CPU_NAME") == "haswell" and platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("another kind of processor")
    result = answers(environment, folder, tmp_path)
    assert result.get(NAMES, first[NAMES]) == first[NAMES]
    for model in filter(NAMES.__ne__, environment.models):
        assert environment.kernel in (None, result[f"kernel of {model}"])
        for picture in environment.pictures:
            assert result[f"{model}, {picture}"] == first[f"{model}, {picture}"], (model, picture)
