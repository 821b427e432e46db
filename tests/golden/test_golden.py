"""Golden files: all of them are there and decode to the recorded pixels; today's recipes encode to the same bytes.

Where one of these tests fails, the codec has changed, not the files. `tests/golden/__init__.py` says what to do.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from idfcodec.batch import decode_batch, encode_batch
from idfcodec.codec import decode_picture, encode
from idfcodec.format.batch import unpack_batch
from idfcodec.format.container import Mode, unpack
from idfcodec.format.payload import CATEGORICAL, COEFFICIENTS, PATCHED, PLAIN, SAME, STORED
from idfcodec.models import BATCH_EFFORTS, EFFORTS, load_model
from tests.golden import (
    BATCH_FOLDER,
    BATCHES,
    FOLDER,
    INDEX,
    PLANES,
    PLANES_FOLDER,
    RECIPES,
    ROOT,
    batch_pictures,
    chosen,
    digest,
    drawn_in,
    picture,
    pixel_digest,
    planes_of,
    read_index,
    read_record,
    types_of,
)
from tests.golden.add import add

FILES = sorted(ROOT.glob("*/*.idfc"))
BATCH_FILES = sorted(ROOT.glob("*/*.idfb"))
PLANE_FILES = sorted(ROOT.glob("*/*.bin"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(("name", "checksum"), read_index().items())
def test_a_listed_file_is_there_as_it_was(name: str, checksum: str) -> None:
    assert digest((ROOT / name).read_bytes()) == checksum


def test_every_file_is_listed() -> None:
    there = {named(path) for end in ("idfc", "idfb", "bin", "json") for path in ROOT.glob(f"*/*.{end}")}
    assert there == set(read_index())


def test_every_recipe_has_its_file() -> None:
    """`python -m tests.golden.add` makes those of new recipes."""
    assert {FOLDER / f"{name}.idfc" for name in RECIPES} <= set(FILES)
    assert {BATCH_FOLDER / f"{name}.idfb" for name in BATCHES} <= set(BATCH_FILES)
    assert {PLANES_FOLDER / f"{name}.bin" for name in PLANES} <= set(PLANE_FILES)


def test_files_are_added_and_never_rewritten(tmp_path: Path) -> None:
    (tmp_path / INDEX.name).write_text(json.dumps({"1/old.idfc": "0" * 64}))
    add(tmp_path, "1/new.idfc", b"new", {"kind": "photo"})
    index = json.loads((tmp_path / INDEX.name).read_text())
    assert list(index) == ["1/old.idfc", "1/new.idfc", "1/new.json"]
    assert index["1/new.idfc"] == digest(b"new")
    with pytest.raises(FileExistsError):
        add(tmp_path, "1/new.idfc", b"newer", {"kind": "photo"})
    assert (tmp_path / "1" / "new.idfc").read_bytes() == b"new"


@pytest.mark.parametrize("file", FILES, ids=named)
def test_decodes_to_the_recorded_pixels(file: Path) -> None:
    record = read_record(file)
    decoded = decode_picture(file.read_bytes())
    assert pixel_digest(decoded.pixels) == record["pixels"]
    assert decoded.same(picture(record))
    assert decoded.metadata == picture(record).metadata


@pytest.mark.parametrize("name", RECIPES)
def test_encodes_to_the_recorded_bytes(name: str) -> None:
    file = FOLDER / f"{name}.idfc"
    data, record = file.read_bytes(), read_record(file)
    assert drawn_in(record) == drawn_in(RECIPES[name])
    assert pixel_digest(picture(record).pixels) == record["pixels"], "the generator draws another picture"
    assert unpack(data).model.hex() == record["model"]
    recipe = RECIPES[name]
    options = chosen(recipe if recipe.get("by", "") is None else recipe | {"by": record["model"]})
    assert encode(picture(record), **options) == data


def test_every_kind_of_tile_and_mode_is_among_them() -> None:
    headers = [unpack((FOLDER / f"{name}.idfc").read_bytes()) for name in RECIPES]
    assert {header.mode for header in headers} == set(Mode)
    kinds = {tile[0] for header in headers for tile in header.tiles}
    assert {PLAIN, STORED, PATCHED, SAME, CATEGORICAL, COEFFICIENTS} <= kinds
    assert any(header.structure.white for header in headers)


def test_every_preset_is_among_them() -> None:
    models = {str(read_record(file)["model"]) for file in (*FILES, *BATCH_FILES)}
    assert {load_model(name).id.hex() for name in (*EFFORTS.values(), *BATCH_EFFORTS.values())} <= models


@pytest.mark.parametrize("file", BATCH_FILES, ids=named)
def test_batches_decode_to_the_recorded_pixels(file: Path) -> None:
    assert [pixel_digest(pixels) for pixels in decode_batch(file.read_bytes())] == read_record(file)["pixels"]


@pytest.mark.parametrize("name", BATCHES)
def test_batches_encode_to_the_recorded_bytes(name: str) -> None:
    file = BATCH_FOLDER / f"{name}.idfb"
    data, record = file.read_bytes(), read_record(file)
    assert drawn_in(record) == drawn_in(BATCHES[name])
    assert [pixel_digest(pixels) for pixels in batch_pictures(record)] == record["pixels"]
    assert unpack_batch(data).model.hex() == record["model"]
    undone = record.get("conversion") is True
    assert encode_batch(batch_pictures(record), model=str(record["model"]), conversion=undone) == data


def test_every_kind_of_payload_is_among_the_batches() -> None:
    batches = [unpack_batch((BATCH_FOLDER / f"{name}.idfb").read_bytes()) for name in BATCHES]
    assert {mode for batch in batches for mode, _, _ in batch.shapes} >= {Mode.GRAY, Mode.RGB, Mode.GRAY_AS_RGB}
    first = {payload[:1] for batch in batches for payload in batch.payloads}
    assert {b"\0", bytes([STORED])} <= first


@pytest.mark.parametrize("file", PLANE_FILES, ids=named)
def test_payloads_decode_to_the_recorded_planes(file: Path) -> None:
    record = read_record(file)
    coder, types, planes = load_model(str(record["model"])), types_of(record), planes_of(record)
    (found,) = coder.decode([file.read_bytes()], [plane.shape for plane in planes], types)
    assert [pixel_digest(plane) for plane in found] == record["pixels"]


@pytest.mark.parametrize("name", PLANES)
def test_planes_encode_to_the_recorded_payloads(name: str) -> None:
    file = PLANES_FOLDER / f"{name}.bin"
    record = read_record(file)
    assert drawn_in(record) == drawn_in(PLANES[name])
    assert [pixel_digest(plane) for plane in planes_of(record)] == record["pixels"]
    assert load_model(str(record["model"])).encode([planes_of(record)], types_of(record)) == [file.read_bytes()]
