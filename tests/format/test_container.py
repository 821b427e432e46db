"""The container: round trips, every rule of FORMAT.md broken one at a time, and damage."""

from __future__ import annotations

import dataclasses
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.errors import CorruptFile, IDFError, UnsupportedImage
from idfcodec.format import container as module
from idfcodec.format.container import (
    MAGIC,
    MAX_PIXELS,
    MAX_SIDE,
    Container,
    Mode,
    pack,
    pixel_checksum,
    unpack,
)
from idfcodec.format.metadata import MAX_METADATA
from idfcodec.format.tiles import tile_count
from idfcodec.picture.colour import kind_of

SMALL = Container(
    mode=Mode.RGB,
    width=100,
    height=70,
    tile=64,
    model=b"model-id",
    checksum=b"checksum",
    metadata={"icc": b"a profile " * 9, "xmp": b"<xmp/>"},
    tiles=(b"first", b"2", b"third tile", b"\0\0\0"),
)


def header(
    *,
    magic: bytes = MAGIC,
    version: int = 1,
    mode: int = 1,
    width: int = 1,
    height: int = 1,
    tile: int = 64,
    blocks: bytes = b"",
    block_count: int = 0,
    table: tuple[int, ...] = (1,),
) -> bytes:
    """A header with a right checksum, written independently of the module, whatever its fields say."""
    fixed = magic + struct.pack("<BBIIH", version, mode, width, height, tile) + b"model-idchecksum"
    content = fixed + bytes([block_count]) + blocks + struct.pack(f"<{len(table)}I", *table)
    return content + struct.pack("<I", zlib.crc32(content))


def block(kind: int, content: bytes) -> bytes:
    return struct.pack("<BI", kind, len(content)) + content


@st.composite
def containers(draw: st.DrawFn) -> Container:
    width, height = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    tile = 64 * draw(st.integers(1, 16))
    count = tile_count(height, width, tile)
    return Container(
        mode=draw(st.sampled_from(Mode)),
        width=width,
        height=height,
        tile=tile,
        model=draw(st.binary(min_size=8, max_size=8)),
        checksum=draw(st.binary(min_size=8, max_size=8)),
        metadata=draw(st.dictionaries(st.sampled_from(["icc", "exif", "xmp"]), st.binary(min_size=1))),
        tiles=tuple(draw(st.lists(st.binary(min_size=1, max_size=9), min_size=count, max_size=count))),
    )


@settings(deadline=None)
@given(containers())
def test_round_trip(container: Container) -> None:
    data = pack(container)
    result = unpack(data)
    assert result == container
    assert pack(result) == data
    assert result.tile_lengths == tuple(len(payload) for payload in container.tiles)
    assert result.header_size == len(data) - sum(result.tile_lengths)
    for view in (bytearray(data), memoryview(data)):
        assert unpack(view) == container


@settings(deadline=None)
@given(containers())
def test_header_only_needs_the_header_only(container: Container) -> None:
    data = pack(container)
    whole = unpack(data)
    for part in (data, data[: whole.header_size]):
        result = unpack(part, header_only=True)
        assert result == dataclasses.replace(container, tiles=())
        assert (result.tile_lengths, result.header_size) == (whole.tile_lengths, whole.header_size)
    with pytest.raises(CorruptFile, match="truncated"):
        unpack(data[: whole.header_size - 1], header_only=True)


def test_bytes_of_a_small_file() -> None:
    """The layout, byte for byte."""
    container = Container(Mode.GRAY, 3, 2, 128, bytes(range(8)), bytes(range(8, 16)), {}, (b"\xaa\xbb",))
    fixed = "89494446 01 00 03000000 02000000 8000 0001020304050607 08090a0b0c0d0e0f 00 02000000"
    content = bytes.fromhex(fixed)
    assert pack(container) == content + struct.pack("<I", zlib.crc32(content)) + b"\xaa\xbb"
    assert len(content) + 4 == 37 + 4


def test_own_header_is_valid() -> None:
    """`header` writes valid files, so the rules below fail for their own reason."""
    result = unpack(header(blocks=block(1, b"x"), block_count=1) + b"p")
    assert (result.mode, result.metadata, result.tiles) == (Mode.RGB, {"icc": b"x"}, (b"p",))


def test_payloads_are_views_of_the_input() -> None:
    data = pack(SMALL)
    assert all(isinstance(payload, memoryview) and payload.obj is data for payload in unpack(data).tiles)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an idfcodec file .it is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "not an idfcodec file .it starts with the bytes 89 50 4e 47"),
        (b"some text that is long enough for a header", "not an idfcodec file"),
        (b"GI", "not an idfcodec file"),
        (MAGIC[:2], "truncated"),
        (header(magic=b"\x89IDE") + b"p", "not an idfcodec file"),
        (header(version=2) + b"p", "format version 2: this release reads version 1"),
        (header(version=0) + b"p", "format version 0"),
        *((header(mode=n) + b"p", f"mode field has the unknown value {n}") for n in (5, 15, 16, 20, 31, 37, 255)),
        (header(width=0, table=()), "picture of 0x1"),
        (header(height=0, table=()), "picture of 1x0"),
        (header(width=MAX_SIDE + 1), "both sides must be from 1 to"),
        (header(height=MAX_SIDE + 1), "both sides must be from 1 to"),
        (header(width=2**16 + 1, height=2**16), f"limit is {MAX_PIXELS} pixels"),
        (header(tile=1) + b"p", "tile side of 1"),
        (header(tile=65) + b"p", "tile side of 65"),
        (header(tile=1088) + b"p", "tile side of 1088"),
        (header(block_count=11) + b"p", "announces 11 metadata blocks"),
        (header(blocks=block(0, b"x"), block_count=1) + b"p", "unknown type 0"),
        (header(blocks=block(7, b"x"), block_count=1) + b"p", "unknown type 7"),
        (header(blocks=block(1, b"x") * 2, block_count=2) + b"p", "types must ascend"),
        (header(blocks=block(3, b"x") + block(2, b"y"), block_count=2) + b"p", "types must ascend"),
        (header(blocks=struct.pack("<BI", 1, MAX_METADATA + 1), block_count=1) + b"p", f"limit is {MAX_METADATA}"),
        (header(blocks=block(2, b""), block_count=1) + b"p", "exif metadata is empty"),
        (header(table=(0,)), "tile 1 of 1 has a length of 0"),
        (header(table=(2,)) + b"p", "truncated: tile 1 of 1 ends at byte 43, the file has 42 bytes"),
        (header(table=(2**32 - 1,)) + b"p", "truncated: tile 1 of 1"),
        (header() + b"pq", "1 bytes follow the last tile"),
        (header()[:-1] + b"?p", "header checksum does not match"),
    ],
)
def test_each_violated_rule_is_named(data: bytes, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        unpack(data)


def test_every_truncation_is_refused() -> None:
    data = pack(SMALL)
    for length in range(len(data)):
        with pytest.raises(CorruptFile):
            unpack(data[:length])


def test_every_flipped_header_byte_is_refused() -> None:
    data = pack(SMALL)
    for position in range(unpack(data).header_size):
        for change in (1, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[position] ^= change
            with pytest.raises(IDFError):
                unpack(damaged)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_refused(data: bytes) -> None:
    for candidate in (data, MAGIC + data, MAGIC + b"\1" + data):
        with pytest.raises(CorruptFile):
            unpack(candidate)


@pytest.mark.parametrize(
    "data",
    [
        header(width=2**24, height=2**8, tile=64),
        header(width=2**16, height=2**16, tile=64),
        header(width=2**8, height=2**24, tile=1024),
        header(blocks=struct.pack("<BI", 1, MAX_METADATA), block_count=1),
        header(table=(2**32 - 1,)),
    ],
)
def test_hostile_sizes_cost_nothing(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFile, match="truncated"):
            unpack(data + b"p")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_metadata_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_METADATA", 2**20)
    data = pack(dataclasses.replace(SMALL, metadata={"exif": bytes(2**20)}))
    assert unpack(data).metadata == {"exif": bytes(2**20)}
    with pytest.raises(CorruptFile, match=f"takes {2**20 + 1} bytes: the limit is {2**20}"):
        unpack(header(blocks=block(2, bytes(2**20 + 1)), block_count=1) + b"p")


def test_metadata_is_stored_as_it_is() -> None:
    """No compressor: what those write differs between their releases."""
    assert pack(SMALL).count(struct.pack("<BI", 1, 90) + b"a profile " * 9 + struct.pack("<BI", 3, 6) + b"<xmp/>") == 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"width": 0}, UnsupportedImage, "picture of 0x70"),
        ({"height": MAX_SIDE + 1}, UnsupportedImage, "both sides"),
        ({"width": 2**20, "height": 2**20}, UnsupportedImage, "limit"),
        ({"tile": 100}, IDFError, "multiple of 64"),
        ({"model": b"short"}, IDFError, "model field has 5 bytes"),
        ({"checksum": b""}, IDFError, "checksum field has 0 bytes"),
        ({"metadata": {"jumbf": b"x"}}, IDFError, "unknown kind 'jumbf'"),
        ({"metadata": {"exif": b""}}, IDFError, "exif metadata has 0 bytes"),
        ({"metadata": {"exif": bytes(MAX_METADATA + 1)}}, IDFError, "exif metadata has"),
        ({"tiles": ()}, IDFError, "0 tile payloads, but the picture has 4 tiles"),
        ({"tiles": (b"1", b"2", b"", b"4")}, IDFError, "tile 3 of 4 has 0 bytes"),
    ],
)
def test_pack_writes_no_invalid_file(change: dict[str, Any], error: type[IDFError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        pack(dataclasses.replace(SMALL, **change))
    assert not isinstance(caught.value, CorruptFile)


def test_pixel_checksum_is_fixed() -> None:
    assert pixel_checksum(Mode.RGB, 2, 1, bytes(range(6))).hex() == "38357fa93a0fe77a"


def test_pixel_checksum_of_16_bits_is_of_little_endian_samples() -> None:
    pixels = np.array([[[1, 2, 0x0304]]], ">u2")
    assert kind_of(pixels.astype(np.uint16)).checksum(pixels) == pixel_checksum(
        Mode.RGB_16, 1, 1, bytes([1, 0, 2, 0, 4, 3])
    )


def test_modes_have_their_numbers() -> None:
    assert {mode.value: (mode.planes, mode.bytes) for mode in Mode} == {
        0: (1, 1), 1: (3, 1), 2: (1, 1), 3: (2, 1), 4: (4, 1), 17: (3, 1), 18: (3, 1), 19: (3, 1), 32: (1, 2),
        33: (3, 2), 34: (1, 2), 35: (2, 2), 36: (4, 2),
    }  # fmt: skip


def test_pixel_checksum_binds_size_and_mode() -> None:
    samples = bytes(12)
    sums = [
        pixel_checksum(mode, width, height, samples)
        for mode, width, height in [
            (Mode.GRAY, 3, 4),
            (Mode.GRAY, 4, 3),
            (Mode.GRAY_AS_RGB, 3, 4),
            (Mode.RGB, 4, 1),
            (Mode.RGB, 1, 4),
        ]
    ]
    assert len(set(sums)) == len(sums)
    assert all(len(value) == 8 for value in sums)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=50))
def test_pixel_checksum_wants_all_samples(samples: bytes) -> None:
    with pytest.raises(IDFError, match="bytes of samples"):
        pixel_checksum(Mode.GRAY, len(samples) + 1, 1, samples)
