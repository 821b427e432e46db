"""The README's code does what it says."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from idfcodec.cli.main import cli

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


FOLDERS = (REPOSITORY / "docs" / "folders.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_blocks_run(code: str, tmp_path: Path) -> None:
    for package in re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])},
    )
    assert done.returncode == 0, done.stderr


def test_marked_blocks_are_there() -> None:
    for mark in ("setup", "test"):
        assert len(re.findall(rf"^<!-- ci:{mark} -->\n```sh\n", README, re.MULTILINE)) == 1


@pytest.mark.parametrize(
    "line",
    [line for block in blocks("sh") + blocks("sh", FOLDERS) for line in block.splitlines() if "idfcodec " in line],
)
def test_commands_and_options_exist(line: str) -> None:
    """Every command line shown names a command, and options, that there are."""
    words = shlex.split(line.split("#")[0].rstrip(" &"))
    words = words[next(i for i, word in enumerate(words) if word.endswith("idfcodec")) + 1 :]
    command = cli.commands[words[0]]
    with click.Context(command) as context:
        known = {option for parameter in command.get_params(context) for option in parameter.opts}
    assert {word for word in words[1:] if word.startswith("-")} <= known


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([\w./-]+\.md|LICENSE)\)", README))))
def test_links_lead_somewhere(target: str) -> None:
    assert (REPOSITORY / target).is_file()


def test_results_and_card_are_those_measured() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "readme", "--check"], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
