"""The presets in an environment without PyTorch: importing it raises, in a fresh process."""

import subprocess
import sys
from pathlib import Path

import pytest

from idfcodec.models import EFFORTS

BLOCKED = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "safetensors.torch"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTorch())
from idfcodec.cli.main import main

for line in sys.stdin.read().splitlines():
    if code := main(line.split()):
        sys.exit(code)
"""


def run(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCKED],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
    )


def test_every_preset_and_command(tmp_path: Path) -> None:
    lines = ["demo -q --size 48x32 a.png", "demo -q --size 40x32 b.png"]
    for effort in EFFORTS:
        lines += [
            f"compress -e {effort} a.png -o {effort}.idfc",
            f"decompress {effort}.idfc -o {effort}.png",
            f"test {effort}.idfc",
            f"info {effort}.idfc",
            f"bpd -e {effort} a.png",
            f"compress --batch -e {effort} a.png b.png -o {effort}.idfb",
            f"test {effort}.idfb",
            f"sample --model {effort} --n 1 --size 8x8 sheet-{effort}.png",
        ]
    done = run(tmp_path, *lines)
    assert done.returncode == 0, done.stderr
    pictures = [(tmp_path / name).read_bytes() for name in ("a.png", *(f"{effort}.png" for effort in EFFORTS))]
    assert len({*pictures}) == 1


@pytest.mark.parametrize(
    "line",
    [
        "compress --model idf a.png",
        "bpd --model idf a.png",
        "sample --model idf sheet.png",
        "train . --out model",
        "density moons",
        "compress --model idf --device cuda a.png",
    ],
)
def test_one_line_says_what_to_install(line: str, tmp_path: Path) -> None:
    done = run(tmp_path, "demo -q --size 16x16 a.png", line)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("this needs PyTorch: pip install 'idfcodec[torch]'\n")


def test_a_gpu_is_for_the_hierarchical_flow(tmp_path: Path) -> None:
    done = run(tmp_path, "demo -q --size 16x16 a.png", "compress --device cuda a.png")
    assert done.returncode == 1
    assert "photo runs on the processor only; cuda is for the hierarchical flow (model idf)" in done.stderr
