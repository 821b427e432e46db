"""Palettes in fewer bytes: any colours come back, ramps and tails cost next to nothing, damage is found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.errors import CorruptFile
from idfcodec.flow.categorical.tables import MOST, tables
from idfcodec.format import palette as module
from idfcodec.format.mode import Mode
from idfcodec.format.palette import code, decode
from idfcodec.format.structure import Palette, Structure, pack_structure, unpack_structure

GRAYS = bytes(np.repeat(np.arange(256), 3).astype(np.uint8))
RAMPS = bytes((np.arange(32)[None, :, None] * np.arange(1, 9)[:, None, None] * (1, 0.7, 0.4)).astype(np.uint8))


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 4), st.integers(1, 60), st.integers(1, 99), st.integers(0, 2**32 - 1))
def test_any_colours(channels: int, count: int, steps: int, seed: int) -> None:
    drawn = np.random.default_rng(seed).integers(0, 256, (count, channels)) // steps * steps
    colours = drawn.astype(np.uint8).tobytes()
    assert decode(code(channels, colours), channels, count) == colours


@pytest.mark.parametrize(
    ("channels", "colours", "most"),
    [
        (3, bytes(768), 1),
        (3, GRAYS, 10),
        (3, RAMPS, 330),
        (3, RAMPS[:96] + bytes(672), 70),
        (4, bytes([9, 8, 7, 255]) * 256, 12),
    ],
)
def test_what_repeats_costs_little(channels: int, colours: bytes, most: int) -> None:
    coded = code(channels, colours)
    assert len(coded) <= most
    assert decode(coded, channels, 256) == colours


def test_a_file_has_the_shorter_form() -> None:
    noise = np.random.default_rng(3).integers(0, 256, 768).astype(np.uint8).tobytes()
    for colours, first in ((RAMPS, 19), (noise, 3)):
        structure = Structure(Palette(3, colours))
        blocks = pack_structure(structure, Mode.PALETTE)
        assert blocks[0][1][0] == first
        assert unpack_structure(blocks, Mode.PALETTE) == structure


def test_damage_is_named() -> None:
    coded = code(3, RAMPS)
    for at in range(0, len(coded), 12):
        for flip in (1, 0x80, 0xFF):
            with pytest.raises(CorruptFile, match="palette"):
                decode(coded[:at] + bytes([coded[at] ^ flip]) + coded[at + 1 :], 3, 256)


@pytest.mark.parametrize("tail", [b"\0", b"\1\2\3\4\5"])
def test_bytes_beyond_the_end_are_refused(tail: bytes) -> None:
    with pytest.raises(CorruptFile, match="more bytes than it takes"):
        decode(code(3, RAMPS) + tail, 3, 256)


@pytest.mark.parametrize("content", [b"", b"\x13", b"\x12\0", b"\x15\0", b"\x13\x05\0"])
def test_broken_blocks_are_refused(content: bytes) -> None:
    with pytest.raises(CorruptFile, match="palette"):
        unpack_structure([(128, content)], Mode.PALETTE)


def test_tables_are_those_of_names() -> None:
    """FORMAT.md, 12.1, says both."""
    assert tables()[:4096].tolist() == list(module._stretch())
    assert tables()[4096 : 4096 + 2 * MOST + 1].tolist() == list(module._squash())
