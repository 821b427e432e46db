"""Peak memory in processes of their own, which shield the run from what kills them."""

import os
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets import open_dataset
from benchmarks.external import command_contenders
from benchmarks.memory import Killed, measure_memory
from benchmarks.peers import peer_contenders
from benchmarks.results import validate
from benchmarks.runner import Extras, Protocol
from benchmarks.running import Options, run_benchmark
from idfcodec.demo import draw

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are read as Linux gives them")


@linux
def test_peaks_are_of_the_process_that_codes() -> None:
    ballast = np.ones(300_000_000, np.uint8)  # of this process, which is nobody else's memory
    pixels = np.tile(draw(64, 64), (24, 24, 1))
    (png,) = peer_contenders(1, "png")
    memory = measure_memory(png, "p", pixels, device="cpu", commands=None)
    assert memory is not None
    assert memory["picture"] == "p"
    assert pixels.size < memory["idle_bytes"] < memory["encode_bytes"] < ballast.size
    assert pixels.size < memory["decode_bytes"] < ballast.size


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
    contender = next(one for one in command_contenders(killer, 1) if one.key == "killer")
    with pytest.raises(Killed, match=r"its process was ended by SIGKILL \(encode, p\)"):
        measure_memory(contender, "p", draw(4, 4), device="cpu", commands=killer)


def test_who_kills_its_process_is_left_out_of_the_run(killer: Path, drawn_folder: Path) -> None:
    contenders = [one for one in command_contenders(killer, 1) if one.key == "killer"]
    options = Options(Extras(likelihood=False, maps=0), commands=killer, quiet=True)
    contenders += peer_contenders(1, "png")
    result = validate(run_benchmark([open_dataset(drawn_folder)], contenders, Protocol(1, repeats=1), options))
    assert result["contenders"]["killer"]["status"] == "crashed"
    assert result["contenders"]["killer"]["reason"].startswith("its process was ended by SIGKILL")
    assert "killer" not in result["datasets"]["drawn"]["measurements"]
    assert result["contenders"]["png"]["memory"]["picture"] == "a.png"


def test_one_that_fails_has_no_memory() -> None:
    contender = next(one for one in command_contenders(None, 1) if one.key == "gralic")
    assert measure_memory(contender, "p", draw(4, 4), device="cpu", commands=None) is None
