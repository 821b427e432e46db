"""What `info` says that pictures were, and `--no-conversion`: each conversion, single pictures and batches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from idfcodec.cli.conversion import CONVERSIONS, conversion_of, was
from idfcodec.codec import encode
from idfcodec.format.container import unpack
from idfcodec.format.mode import Mode
from idfcodec.picture import pillow
from idfcodec.picture.colour import FIRST_CONVERSION
from idfcodec.picture.conversion import CONVERSIONS as ROWS
from idfcodec.picture.conversion import LAYOUTS
from tests import golden

from .conftest import Run

CHROMA = ("", " 4:4:0", " 4:2:2", " 4:2:0")
KINDS = {name: str(recipe["kind"]).split() for name, recipe in golden.RECIPES.items()}
MADE = {name: words for name, words in KINDS.items() if words[0] in ("was", "nearly") and words[1].isdecimal()}


def mode_of(number: int) -> Mode:
    return Mode(FIRST_CONVERSION + number)


def test_names_are_those_of_the_table() -> None:
    assert {mode_of(row.number).name: row.name for row in ROWS} == CONVERSIONS


def test_each_row_has_a_golden_file() -> None:
    assert {int(words[1]) for words in MADE.values()} == {row.number for row in ROWS}


@pytest.mark.parametrize("name", MADE)
def test_info_says_what_golden_files_were(name: str) -> None:
    number, layout = (*map(int, MADE[name][1::2]), 0)[:2]
    row = next(row for row in ROWS if row.number == number)
    across, down = LAYOUTS[layout].halved[1], LAYOUTS[layout].halved[0]
    data = (golden.FOLDER / f"{name}.idfc").read_bytes()
    assert conversion_of(data) == row.name + CHROMA[down | across << 1]


def test_what_was_not_converted_after_all() -> None:
    assert was(Mode.JFIF, None) is None
    assert was(Mode.RGB, "4:4:4") is None
    assert was(Mode.JFIF, "4:4:4") == "JFIF YCbCr"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_conversion_can_be_switched_off(row: object) -> None:
    number = ROWS.index(row) + 1  # type: ignore[arg-type]
    pixels = golden.picture({"kind": f"was {number}", "width": 40, "height": 32, "seed": 3}).pixels
    found = encode(pixels, model="photo-fast")
    plain = encode(pixels, model="photo-fast", conversion=False)
    assert unpack(found).mode is mode_of(number)
    assert unpack(plain).mode is Mode.RGB


def test_batches(run_for_real: Run, tmp_path: Path) -> None:
    names = ["a.png", "b.png", "c.png"]
    for name, kind in zip(names, ("was 1 of 14", "was 1 of 14", "photo"), strict=True):
        (pixels,) = golden.batch_pictures({"kinds": [kind], "width": 40, "height": 32})[:1]
        with (tmp_path / name).open("wb") as file:
            pillow.write_picture(pillow.Picture(pixels), file, "png")
    batch = ["compress", "--batch", "--model", "photo-fast", *names, "-o"]
    assert run_for_real(*batch, "found.idfb").code == 0
    assert run_for_real(*batch, "plain.idfb", "--no-conversion").code == 0
    line = "3 pictures: 2 of 40x32, rgb, was JFIF YCbCr 4:2:0; 1 of 40x32, rgb; 8 bits"
    assert line in run_for_real("info", "found.idfb").out.decode()
    assert "3 pictures: 3 of 40x32, rgb; 8 bits" in run_for_real("info", "plain.idfb").out.decode()
    shapes = json.loads(run_for_real("info", "--json", "found.idfb").out)["shapes"]
    assert [(shape["mode"], shape["conversion"]) for shape in shapes] == [("rgb", "JFIF YCbCr 4:2:0"), ("rgb", None)]
