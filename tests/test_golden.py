"""Golden files of the shipped models: they decode to the recorded pixels, and their pictures encode to their bytes.

Where one of these tests fails, the codec has changed, not the files. See `tests/regenerate_golden.py`.
"""

from __future__ import annotations

import pytest

from idfcodec.batch import decode_batch, encode_batch
from idfcodec.codec import decode_picture, encode
from idfcodec.flow.hierarchical.adaptive import Switches
from idfcodec.format.batch import unpack_batch
from idfcodec.format.container import Mode, unpack
from idfcodec.format.payload import CORRECTED, PALETTE, STORED
from idfcodec.models import load_model
from tests.golden_files import (
    BATCH_FOLDER,
    BATCHES,
    FOLDER,
    RECIPES,
    batch_pictures,
    model_of,
    picture,
    pixel_digest,
    read_recipe,
)

golden = pytest.mark.parametrize("name", RECIPES)


def test_no_file_is_missing_or_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.{end}" for name in RECIPES for end in ("idfc", "json")}
    there = {path.name for path in BATCH_FOLDER.iterdir()}
    assert there == {f"{name}.{end}" for name in BATCHES for end in ("idfb", "json")}


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
    model = load_model(model_of(record))
    assert unpack(data).model.hex() == record["model"] == model.id.hex(), "another model"
    assert encode(picture(record), model=model_of(record)) == data


def test_every_kind_of_tile_and_mode_is_among_them() -> None:
    headers = [unpack((FOLDER / f"{name}.idfc").read_bytes()) for name in RECIPES]
    assert {header.mode for header in headers} == set(Mode)
    kinds = {tile[0] for header in headers for tile in header.tiles}
    assert {0, PALETTE, STORED} <= kinds
    flags = {kind for kind in kinds if kind < PALETTE}
    assert all(any(flag & kind for kind in flags) for flag in (*Switches, CORRECTED))


@pytest.mark.parametrize("name", BATCHES)
def test_batches_decode_to_the_recorded_pixels_and_encode_to_their_bytes(name: str) -> None:
    record = read_recipe(name, BATCH_FOLDER)
    data = (BATCH_FOLDER / f"{name}.idfb").read_bytes()
    assert {key: value for key, value in record.items() if key not in ("model", "pixels")} == BATCHES[name]
    assert [pixel_digest(pixels) for pixels in decode_batch(data)] == record["pixels"]
    assert [pixel_digest(pixels) for pixels in batch_pictures(record)] == record["pixels"]
    model = model_of(record, batch=True)
    assert unpack_batch(data).model.hex() == record["model"] == load_model(model).id.hex(), "another model"
    assert encode_batch(batch_pictures(record), model=model) == data


def test_every_kind_of_payload_is_among_the_batches() -> None:
    batches = [unpack_batch((BATCH_FOLDER / f"{name}.idfb").read_bytes()) for name in BATCHES]
    assert {mode for batch in batches for mode, _, _ in batch.shapes} == set(Mode)
    first = {payload[:1] for batch in batches for payload in batch.payloads}
    assert {b"\0", bytes([PALETTE]), bytes([STORED])} <= first
