"""Golden files of the default model: they decode to the recorded pixels, and their pictures encode to their bytes.

Where one of these tests fails, the codec has changed, not the files. See `tests/regenerate_golden.py`.
"""

from __future__ import annotations

import pytest

from idfcodec.codec import RAW, decode_picture, encode, load_model
from idfcodec.container import Mode, unpack
from idfcodec.flow.adaptive import Switches
from idfcodec.flow.coding import CORRECTED, PALETTE
from idfcodec.models import EFFORTS
from tests.golden_files import FOLDER, RECIPES, effort, picture, pixel_digest, read_recipe

golden = pytest.mark.parametrize("name", RECIPES)


def test_no_file_is_missing_or_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.{end}" for name in RECIPES for end in ("idfc", "json")}


@golden
def test_recipe_is_the_recorded_one(name: str) -> None:
    record = read_recipe(name)
    assert {key: value for key, value in record.items() if key not in ("model", "pixels")} == RECIPES[name]
    assert pixel_digest(picture(record).pixels) == record["pixels"], "the generator draws another picture"


@golden
def test_decodes_to_the_recorded_pixels(name: str) -> None:
    record = read_recipe(name)
    decoded = decode_picture((FOLDER / f"{name}.idfc").read_bytes())
    assert pixel_digest(decoded.pixels) == record["pixels"]
    assert decoded.metadata == picture(record).metadata


@golden
def test_encodes_to_the_recorded_bytes(name: str) -> None:
    data = (FOLDER / f"{name}.idfc").read_bytes()
    record = read_recipe(name)
    model = load_model(EFFORTS[effort(record)])
    assert unpack(data).model.hex() == record["model"] == model.id.hex(), "another model"
    assert encode(picture(record), effort=effort(record)) == data


def test_every_kind_of_tile_and_mode_is_among_them() -> None:
    headers = [unpack((FOLDER / f"{name}.idfc").read_bytes()) for name in RECIPES]
    assert {header.mode for header in headers} == set(Mode)
    kinds = {tile[0] for header in headers for tile in header.tiles}
    assert {0, PALETTE, RAW} <= kinds
    flags = {kind for kind in kinds if kind < PALETTE}
    assert all(any(flag & kind for kind in flags) for flag in (*Switches, CORRECTED))
