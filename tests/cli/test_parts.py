"""Parts of pictures on the command line: boxes, previews, and the tiles that `info` lists."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idfcodec import encode
from idfcodec.demo import draw
from idfcodec.picture import pillow as planes

from .conftest import Run


@pytest.fixture
def pixels(tmp_path: Path) -> Any:
    pixels = draw(600, 40)
    (tmp_path / "wide.idfc").write_bytes(encode(pixels, model="photo-fast"))
    return pixels


def test_a_box(run_for_real: Run, tmp_path: Path, pixels: Any) -> None:
    done = run_for_real("decompress", "--box", "290,3,310,33", "wide.idfc", "-o", "part.png")
    assert (done.code, done.out) == (0, b"")
    assert done.err.startswith("wide.idfc -> part.png: 20x30 RGB, ")
    assert "no checksum compared" in done.err
    assert np.array_equal(planes.read_picture(tmp_path / "part.png").pixels, pixels[3:33, 290:310])


def test_a_preview(run_for_real: Run, tmp_path: Path, pixels: Any) -> None:
    assert run_for_real("decompress", "--preview", "1/8", "wide.idfc", "-o", "small.png").code == 0
    assert planes.read_picture(tmp_path / "small.png").pixels.shape == (5, 75, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--box", "1,2,3"], 2, "is not a box such as"),
        (["--box", "1,2,3,x"], 2, "is not a box such as"),
        (["--box", "1,2,3,41"], 1, "not within the picture of 600 x 40 pixels"),
        (["--preview", "1/3"], 2, "1/3"),
        (["--preview", "1/2", "--box", "0,0,1,1"], 2, "exclude each other"),
    ],
)
def test_what_is_no_part(run_for_real: Run, pixels: Any, arguments: list[str], code: int, says: str) -> None:
    done = run_for_real("decompress", *arguments, "wide.idfc")
    assert done.code == code
    assert says in done.err


def test_info_shows_the_tiles(run_for_real: Run, tmp_path: Path, pixels: Any) -> None:
    (values,) = map(json.loads, run_for_real("info", "--json", "wide.idfc").out.splitlines())
    first, second = values["tile_list"]
    assert (first["left"], first["width"], second["left"], second["height"]) == (0, 300, 300, 40)
    head = (tmp_path / "wide.idfc").stat().st_size - first["bytes"] - second["bytes"]
    assert head == 37 + 4 * 2
    lines = run_for_real("info", "-v", "wide.idfc").out.decode().splitlines()
    assert lines[-1] == f"    tile 1  row 0, column 300: 300x40, {second['bytes']:,} bytes"
    assert not any("tile 1 " in line for line in run_for_real("info", "wide.idfc").out.decode().splitlines())
