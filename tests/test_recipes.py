"""The recipes do what they say."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from idfcodec.demo import draw
from idfcodec.picture.picture import Picture
from idfcodec.picture.pillow import read_picture, write_picture

REPOSITORY = Path(__file__).resolve().parent.parent
RECIPES = (REPOSITORY / "docs" / "recipes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^<!-- needs: ([\w ]+) -->\n```(\w+)\n(.*?)^```$", RECIPES, re.MULTILINE | re.DOTALL)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def test_every_block_says_what_it_needs() -> None:
    assert len(BLOCKS) == RECIPES.count("```") / 2


@pytest.mark.parametrize(("needs", "code"), [block[::2] for block in BLOCKS if block[1] == "python"])
def test_python(needs: str, code: str, tmp_path: Path) -> None:
    for package in needs.split():
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, cwd=tmp_path, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("needs", "code"), [block[::2] for block in BLOCKS if block[1] == "sh"])
def test_the_backup(needs: str, code: str, tmp_path: Path) -> None:
    for tool in ("sh", *needs.split()):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    command = tmp_path / "bin" / "idfcodec"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m idfcodec "$@"\n')
    command.chmod(0o755)
    environment = {**ENVIRONMENT, "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"}
    (tmp_path / "backup.sh").write_text(code)
    pictures = tmp_path / "my pictures" / "of 2026"
    pictures.mkdir(parents=True)

    def backup() -> subprocess.CompletedProcess[str]:
        arguments = ["sh", "backup.sh", "my pictures", "safe"]
        return subprocess.run(arguments, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment)

    with open(pictures / "a b.png", "wb") as file:
        write_picture(Picture(draw(32, 24)), file, "png")
    done = backup()
    assert (done.returncode, done.stderr) == (0, "")
    saved = tmp_path / "safe" / "of 2026" / "a b.png.idfc"
    before = saved.stat().st_mtime_ns
    (pictures / "c.tiff").write_bytes(b"nonsense")
    done = backup()
    assert done.returncode == 1
    assert done.stderr.endswith("1 pictures could not be backed up\n")
    assert saved.stat().st_mtime_ns == before
    checked = subprocess.run(["sha256sum", "-c", "checksums.sha256"], cwd=tmp_path / "safe", capture_output=True)
    assert checked.returncode == 0
    restored = [sys.executable, "-m", "idfcodec", "decompress", str(saved), "-o", str(tmp_path / "a.png")]
    subprocess.run(restored, check=True, env=ENVIRONMENT)
    assert read_picture(tmp_path / "a.png").same(Picture(draw(32, 24)))
