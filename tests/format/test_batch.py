"""The container of batches: round trips, every rule of FORMAT.md, 10, broken one at a time, and damage."""

from __future__ import annotations

import dataclasses
import hashlib
import struct
import time
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.errors import CorruptFile, IDFError
from idfcodec.format.batch import BLOCK, MAGIC, MAX_COUNT, MAX_SIDE, Batch, is_batch, pack_batch, unpack_batch
from idfcodec.format.container import Mode

RUN = (1, 1, 2, 3)  # pictures, mode, height, width
SMALL = Batch(
    model=b"model-id",
    checksum=b"checksum",
    shapes=((Mode.RGB, 2, 3),) * 66 + ((Mode.GRAY, 512, 1), (Mode.GRAY_AS_RGB, 1, 512), (Mode.RGB, 2, 3)),
    payloads=(b"first", b"", *(bytes([i]) for i in range(1, 64)), b"x" * 127, b"y" * 128, b"z" * 300, b"last"),
)


def digest(*parts: bytes) -> bytes:
    return hashlib.blake2b(b"".join(parts), digest_size=8).digest()


def file(
    *,
    magic: bytes = MAGIC,
    version: int = 1,
    count: int | None = None,
    runs: tuple[tuple[int, int, int, int], ...] = (RUN,),
    run_count: int | None = None,
    reserved: int = 0,
    sums: bytes | None = None,
    lengths: bytes | None = None,
    payloads: tuple[bytes, ...] = (b"p",),
    after: bytes = b"",
) -> bytes:
    """A batch with a right header checksum, written independently of the module, whatever its fields say."""
    header = magic + bytes([version]) + b"model-idchecksum"
    header += struct.pack(
        "<III",
        len(payloads) if count is None else count,
        len(runs) if run_count is None else run_count,
        reserved,
    )
    header += b"".join(struct.pack("<IBHH", *run) for run in runs)
    header += digest(*payloads) if sums is None else sums
    header += bytes(map(len, payloads)) if lengths is None else lengths
    return header + struct.pack("<I", zlib.crc32(header)) + b"".join(payloads) + after


def test_bytes_of_a_small_file() -> None:
    """The layout, byte for byte."""
    batch = Batch(bytes(8), bytes(range(8)), ((Mode.RGB, 258, 3),) * 2, (b"a" * 300, b""))
    fields = "89494442 01 0000000000000000 0001020304050607 02000000 01000000 00000000 02000000 01 0201 0300"
    header = bytes.fromhex(fields) + digest(b"a" * 300) + bytes.fromhex("ac02 00")
    data = header + struct.pack("<I", zlib.crc32(header)) + b"a" * 300
    assert pack_batch(batch) == data
    assert unpack_batch(data) == batch
    assert unpack_batch(data).overhead == len(header) + 4


def test_own_file_is_valid() -> None:
    """`file` writes valid files, so the rules below fail for their own reason."""
    assert unpack_batch(file()) == Batch(b"model-id", b"checksum", ((Mode.RGB, 2, 3),), (b"p",))


def test_fields_come_back() -> None:
    data = pack_batch(SMALL)
    for source in (data, bytearray(data), memoryview(data)):
        assert is_batch(source)
        batch = unpack_batch(source)
        assert batch == SMALL
        assert batch.overhead + sum(map(len, batch.payloads)) == len(data)
    assert not is_batch(b"\x89IDF\1" + bytes(60))
    assert not is_batch(b"")


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    side = st.integers(1, MAX_SIDE)
    kinds = draw(st.lists(st.tuples(st.sampled_from(Mode), side, side), min_size=1, max_size=4))
    count = draw(st.integers(1, 3 * BLOCK))
    shapes = tuple(kinds[i * len(kinds) // count] if draw(st.booleans()) else kinds[0] for i in range(count))
    lengths = st.one_of(st.integers(0, 3), st.sampled_from([127, 128, 129, 16383, 16384]))
    few = draw(st.lists(lengths, min_size=1, max_size=5))
    return Batch(
        model=draw(st.binary(min_size=8, max_size=8)),
        checksum=draw(st.binary(min_size=8, max_size=8)),
        shapes=shapes,
        payloads=tuple(bytes([i % 256]) * few[i % len(few)] for i in range(count)),
    )


@settings(deadline=None, max_examples=50)
@given(batches())
def test_round_trip(batch: Batch) -> None:
    data = pack_batch(batch)
    result = unpack_batch(data)
    assert result == batch
    assert pack_batch(result) == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a batch"),
        (b"some text\n" * 9, "not a batch"),
        (MAGIC[:3], "truncated"),
        (file(magic=b"\x89IDF"), "not a batch"),
        (file(version=0), "format version 0: this release reads version 1"),
        (file(version=2), "format version 2"),
        (file(count=0, runs=(), payloads=(), sums=b""), "a batch of 0 pictures"),
        (file(count=MAX_COUNT + 1), f"a batch of {MAX_COUNT + 1} pictures"),
        (file(runs=((1, 5, 2, 3),)), "unknown mode 5"),
        (file(runs=((1, 1, 0, 3),)), "picture of 3x0 pixels"),
        (file(runs=((1, 1, 2, 0),)), "picture of 0x2 pixels"),
        (file(runs=((1, 1, MAX_SIDE + 1, 3),)), f"picture of 3x{MAX_SIDE + 1} pixels"),
        (file(runs=((1, 1, 2, MAX_SIDE + 1),)), f"picture of {MAX_SIDE + 1}x2 pixels"),
        (file(runs=((0, 1, 2, 3),)), "do not add up"),
        (file(runs=((0, 1, 2, 2), RUN)), "do not add up"),
        (file(runs=((2, 1, 2, 3),)), "do not add up"),
        (file(runs=(RUN, (1, 0, 2, 3))), "do not add up"),
        (file(runs=(RUN,), payloads=(b"p", b"q")), "do not add up"),
        (file(runs=()), "do not add up"),
        (file(runs=(RUN, RUN), payloads=(b"p", b"q")), "two runs of shapes are one"),
        (file(lengths=b"\x81\x00"), "length of picture 0 is not a number"),
        (file(lengths=b"\x80\x80\x80\x00"), "length of picture 0 is not a number"),
        (file(lengths=b"\xff\xff\xff\xff\x01"), "length of picture 0 is not a number"),
        (file(lengths=b"\x02"), "truncated: picture 0 ends"),
        (file(lengths=b"\xff\xff\xff\x7f"), "truncated: picture 0 ends"),
        (file(lengths=b"\x00"), "1 bytes follow the last picture"),
        (file(after=b"more"), "4 bytes follow the last picture"),
        (file(reserved=1), "reserved field of the header is not zero"),
        (file(run_count=2**32 - 1), "truncated"),
        (file(sums=b"checksum"), "checksum of pictures 0 to 0 does not match"),
    ],
)
def test_each_violated_rule_is_named(data: bytes, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        unpack_batch(data)


def test_the_block_of_a_damaged_picture_is_named() -> None:
    data = bytearray(pack_batch(SMALL))
    data[-1] ^= 1
    with pytest.raises(CorruptFile, match="checksum of pictures 64 to 68 does not match"):
        unpack_batch(data)


def test_every_truncation_is_refused() -> None:
    data = pack_batch(SMALL)
    for length in range(len(data)):
        with pytest.raises(CorruptFile):
            unpack_batch(data[:length])


def test_every_flipped_byte_is_refused() -> None:
    data = pack_batch(SMALL)
    header = unpack_batch(data).overhead
    for position in range(len(data)):
        for change in (1, 0x80, 0xFF) if position < header else (1 << position % 8,):
            damaged = bytearray(data)
            damaged[position] ^= change
            with pytest.raises(CorruptFile):
                unpack_batch(damaged)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_refused(data: bytes) -> None:
    for candidate in (data, MAGIC + data, MAGIC + b"\1" + data):
        with pytest.raises(CorruptFile):
            unpack_batch(candidate)


@pytest.mark.parametrize(
    "data",
    [
        file(count=MAX_COUNT, runs=((MAX_COUNT, 1, MAX_SIDE, MAX_SIDE),)),
        file(count=MAX_COUNT, runs=((MAX_COUNT - 1, 1, 1, 1), RUN), after=bytes(10**5)),
        file(run_count=2**32 - 1),
        file(lengths=b"\xff\xff\xff\x7f"),
    ],
)
def test_hostile_numbers_cost_nothing(data: bytes) -> None:
    tracemalloc.start()
    try:
        start = time.process_time()
        with pytest.raises(CorruptFile, match="truncated"):
            unpack_batch(data)
        assert time.process_time() - start < 1
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_by_the_bytes_that_are_there() -> None:
    """Many empty payloads of large pictures: a byte each."""
    count = 2**16
    data = pack_batch(Batch(bytes(8), bytes(8), ((Mode.RGB, 512, 512),) * count, (b"",) * count))
    tracemalloc.start()
    try:
        assert unpack_batch(data).shapes[-1] == (Mode.RGB, 512, 512)
        assert tracemalloc.get_traced_memory()[1] < 100 * len(data)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": b"short"}, "model field has 5 bytes"),
        ({"checksum": b""}, "checksum field has 0 bytes"),
        ({"shapes": (), "payloads": ()}, "a batch of 0 pictures"),
        ({"shapes": SMALL.shapes[1:]}, "69 payloads, but 68 shapes"),
        ({"shapes": ((Mode.RGB, 0, 3),) * 69}, "picture of 3x0 pixels"),
        ({"shapes": ((Mode.RGB, 3, MAX_SIDE + 1),) * 69}, f"picture of {MAX_SIDE + 1}x3 pixels"),
    ],
)
def test_pack_writes_no_invalid_file(change: dict[str, Any], message: str) -> None:
    with pytest.raises(IDFError, match=message) as caught:
        pack_batch(dataclasses.replace(SMALL, **change))
    assert not isinstance(caught.value, CorruptFile)
