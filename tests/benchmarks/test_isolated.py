"""Peak memory in processes of their own, which shield the run from what kills them."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.codecs import library_codecs
from benchmarks.commands import command_codecs
from benchmarks.datasets import open_dataset
from benchmarks.isolated import ROOT, Killed, measure_apart
from benchmarks.protocol import Options, Protocol
from benchmarks.results import validate
from benchmarks.run import run_benchmark
from idfcodec.demo import draw

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are read as Linux gives them")


@linux
def test_peaks_are_of_the_process_that_codes() -> None:
    ballast = np.ones(300_000_000, np.uint8)  # of this process, which is nobody else's memory
    pixels = np.tile(draw(64, 64), (24, 24, 1))
    (png,) = library_codecs(1, "png")
    found = measure_apart(png, "p", pixels, device="cpu")
    assert found is not None
    assert pixels.size < found["encode"].idle < found["encode"].peak < ballast.size
    assert pixels.size < found["decode"].peak < ballast.size
    assert found["encode"].bytes == len(png.encode(pixels))


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A command that kills whoever runs it, but for the process of the test itself."""
    monkeypatch.setenv("SPARED", str(os.getpid()))
    program = "import os, signal; who = os.getppid(); os.kill(who, 9 * (who != int(os.environ['SPARED'])))"
    command = f"""{shlex.quote(sys.executable)} -c "{program}" {{input}} {{output}}"""
    file = tmp_path / "killer.toml"
    file.write_text(f'[killer]\nlabel = "k"\nencode = """{command}"""\ndecode = """{command}"""\n')
    return file


def test_a_killed_process_is_noticed(killer: Path) -> None:
    codec = next(one for one in command_codecs(killer, 1) if one.key == "killer")
    with pytest.raises(Killed, match=r"its process was ended by SIGKILL \(encode, p\)"):
        measure_apart(codec, "p", draw(4, 4), device="cpu", commands=killer)


def test_who_kills_its_process_is_left_out_of_the_run(killer: Path, drawn_folder: Path) -> None:
    codecs = [one for one in command_codecs(killer, 1) if one.key == "killer"]
    options = Options(likelihood=False, maps=0, commands=killer, quiet=True)
    codecs += library_codecs(1, "png")
    result = validate(run_benchmark([open_dataset(drawn_folder)], codecs, Protocol(1, repeats=1), options))
    assert result["contenders"]["killer"]["status"] == "crashed"
    assert result["contenders"]["killer"]["reason"].startswith("its process was ended by SIGKILL")
    assert "killer" not in result["datasets"]["drawn"]["measurements"]
    assert result["contenders"]["png"]["memory"]["picture"] == "a.png"


def test_one_that_fails_has_no_figures(tmp_path: Path) -> None:
    file = tmp_path / "failing.toml"
    file.write_text('[no]\nlabel = "no"\nencode = "false {input} {output}"\ndecode = "false {input} {output}"\n')
    (codec,) = command_codecs(file, 1)
    assert measure_apart(codec, "p", draw(4, 4), device="cpu", commands=file) is None


def test_what_is_timed_is_repeated() -> None:
    (png,) = library_codecs(1, "png")
    found = measure_apart(png, "p", draw(8, 8), device="cpu", seconds=0.01)
    assert found is not None
    assert 0 < found["decode"].seconds < 0.1


def test_no_process_that_is_measured_loads_what_others_need() -> None:
    unwanted = {"imagecodecs", "jsonschema", "matplotlib", "oxipng", "pandas", "torch"}
    job = {"key": "png", "model": None, "threads": 1, "device": "cpu", "commands": None}
    program = f"import sys, benchmarks.isolated as b; b._codec({job}); sys.exit(bool({unwanted} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
