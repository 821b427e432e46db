"""Files taken apart: every byte is in one field, and the page in docs/ shows what the command prints."""

from __future__ import annotations

import itertools

import pytest

from idfcodec.errors import CorruptFile
from idfcodec.format.container import unpack
from idfcodec.format.dissect import dissect, fields
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "tests" / "golden" / "1"
PAGE = REPOSITORY / "docs" / "format.md"


@pytest.mark.parametrize(
    "name", ["causal-metadata-9x7", "causal-entries-8x7", "idf-two-tiles-513x9", "causal-pixel-1x1"]
)
def test_every_byte_is_in_one_field(name: str) -> None:
    data = (FOLDER / f"{name}.idfc").read_bytes()
    found = list(fields(data))
    assert b"".join(field.data for field in found) == data
    starts = [field.offset for field in found]
    assert starts[0] == 0
    assert [end - start for start, end in itertools.pairwise(starts)] == [len(f.data) for f in found[:-1]]
    first = next(field for field in found if field.name == "tile kind")
    assert first.offset == unpack(data).header_size


def test_numbers_are_those_of_their_bytes() -> None:
    found = {field.name: field for field in fields((FOLDER / "causal-metadata-9x7.idfc").read_bytes())}
    for name in ("width", "height"):
        assert found[name].meaning == f"{int.from_bytes(found[name].data, 'little')} pixels"


def test_the_page_shows_what_the_command_prints() -> None:
    shown = dissect((FOLDER / "causal-metadata-9x7.idfc").read_bytes())
    assert f"```\n{shown}```\n" in PAGE.read_text(encoding="utf-8")


def test_a_damaged_file_is_refused() -> None:
    with pytest.raises(CorruptFile, match="truncated"):
        dissect((FOLDER / "causal-metadata-9x7.idfc").read_bytes()[:-1])
