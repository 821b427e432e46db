"""Blocks of metadata: entries come back, every broken rule is refused."""

from __future__ import annotations

import dataclasses
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.errors import CorruptFile, IDFError
from idfcodec.format.container import Container, Mode, pack, unpack
from idfcodec.format.metadata import (
    METADATA_TYPES,
    TIFF_SIZES,
    Entry,
    block_problem,
    pack_entries,
    unpack_entries,
)

SMALL = Container(Mode.GRAY, 1, 1, 64, b"model-id", b"checksum", {}, (b"p",))
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tags(draw: st.DrawFn) -> list[Entry]:
    numbers = sorted(draw(st.sets(st.integers(0, 2**16 - 1), min_size=1, max_size=5)))
    kinds = [draw(st.sampled_from(sorted(TIFF_SIZES))) for _ in numbers]
    counts = [draw(st.integers(0, 3)) for _ in numbers]
    return [
        Entry(struct.pack("<I", number), kind, bytes(TIFF_SIZES[kind] * count))
        for number, kind, count in zip(numbers, kinds, counts, strict=True)
    ]


@st.composite
def metadata(draw: st.DrawFn) -> dict[str, bytes]:
    names = draw(st.sets(st.sampled_from(sorted(METADATA_TYPES))))
    text = st.text(LETTERS, min_size=4, max_size=4).map(str.encode)
    places = sorted(draw(st.lists(st.integers(0, 2), min_size=1, max_size=5)))
    entries = {
        "png": [Entry(draw(text), place, draw(st.binary())) for place in places],
        "tiff": tags(draw),
        "jpeg": [Entry(struct.pack("<I", draw(st.integers(0xE0, 0xEF))), 0, draw(st.binary())) for _ in places],
        "gif": [Entry(struct.pack("<I", draw(st.integers(0, 255))), 0, draw(st.binary())) for _ in places],
    }
    return {
        name: pack_entries(entries[name]) if name in entries else draw(st.binary(min_size=1)) for name in sorted(names)
    }


@settings(deadline=None)
@given(metadata())
def test_blocks_come_back(blocks: dict[str, bytes]) -> None:
    data = pack(dataclasses.replace(SMALL, metadata=blocks))
    found = unpack(data).metadata
    assert found == blocks
    assert list(found) == sorted(blocks, key=METADATA_TYPES.__getitem__)
    for name in {"png", "tiff", "jpeg", "gif"} & blocks.keys():
        assert pack_entries(list(unpack_entries(found[name]))) == blocks[name]


@settings(deadline=None)
@given(st.sampled_from(["png", "tiff", "jpeg", "gif"]), st.binary(min_size=1))
def test_any_bytes_are_entries_or_refused(name: str, content: bytes) -> None:
    block = struct.pack("<BI", METADATA_TYPES[name], len(content)) + content
    data = pack(SMALL)
    header = data[:32] + b"\1" + block + data[33:37]
    file = header + struct.pack("<I", zlib.crc32(header)) + b"p"
    if block_problem(name, content) is None:
        assert unpack(file).metadata == {name: content}
    else:
        with pytest.raises(CorruptFile, match=f"the {name} metadata"):
            unpack(file)


def entry(name: bytes | int, kind: int, content: bytes = b"") -> Entry:
    return Entry(struct.pack("<I", name) if isinstance(name, int) else name, kind, content)


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("png", [entry(b"IDAT", 0)]),
        ("png", [entry(b"te t", 0)]),
        ("png", [entry(b"tEXt", 3)]),
        ("png", [entry(b"tEXt", 2), entry(b"tEXt", 0)]),
        ("png", [entry(b"tEXt", 0), entry(b"IHDR", 0, bytes(13))]),
        ("png", [entry(b"IHDR", 1, bytes(13))]),
        ("png", [entry(b"IHDR", 0, bytes(12))]),
        ("tiff", [entry(2**16, 1)]),
        ("tiff", [entry(270, 0)]),
        ("tiff", [entry(270, 14)]),
        ("tiff", [entry(270, 3, b"odd")]),
        ("tiff", [entry(270, 2), entry(270, 2)]),
        ("tiff", [entry(271, 2), entry(270, 2)]),
        ("jpeg", [entry(0xDF, 0)]),
        ("jpeg", [entry(0xF0, 0)]),
        ("jpeg", [entry(0xE1, 1)]),
        ("jpeg", [entry(0xE1, 0, bytes(65534))]),
        ("gif", [entry(256, 0)]),
        ("gif", [entry(255, 1)]),
    ],
)
def test_an_entry_that_breaks_a_rule_is_refused(name: str, entries: list[Entry]) -> None:
    with pytest.raises(IDFError, match=f"the {name} metadata has an entry that must not be there"):
        pack(dataclasses.replace(SMALL, metadata={name: pack_entries(entries)}))


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_block_that_breaks_off_is_refused(cut: int) -> None:
    content = pack_entries([entry(b"tEXt", 0, b"abc")])
    assert len(content) == 12
    if cut < 12:
        assert "breaks off" in str(block_problem("png", content[:-cut]))
    hostile = struct.pack("<4sBI", b"tEXt", 0, 2**32 - 1)
    assert block_problem("png", hostile) == "the png metadata breaks off: a metadata entry is longer than its block"
