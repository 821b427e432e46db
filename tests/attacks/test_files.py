"""Damaged and hostile files, made here from golden ones: each is refused with an `IDFError`, none yields pixels."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import pytest

from idfcodec.codec import decode_picture
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.format.container import pack, unpack
from idfcodec.format.structure import Palette, Structure
from tests.golden import FOLDER

NAMES = [
    "causal-gray-as-rgb-20x21",
    "causal-metadata-9x7",
    "causal-entries-8x7",
    "causal-constant-30x20",
    "bilevel-45x40",
    "palette-alpha-31x35",
    "pages-20x25",
    "gray-as-rgb-16-values-27x20",
    "idf-constant-30x20",
    "idf-gray-as-rgb-20x21",
    "jfif-fast-40x33",
    "jfif-exceptions-64x40",
    "idf-noise-16x16",
    "idf-pixel-1x1",
    "names-few-90x61",
    "names-gray-alpha-64x40",
]
BODY = 24  # bytes of the payloads that are changed, spread over them


def golden(name: str) -> bytes:
    return (FOLDER / f"{name}.idfc").read_bytes()


def sealed(header: bytes) -> bytes:
    """A header with its checksum, which an attacker writes as well as anybody."""
    return header + struct.pack("<I", zlib.crc32(header))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_anywhere_is_refused(name: str) -> None:
    data = golden(name)
    for length in range(len(data)):
        with pytest.raises(IDFError):
            decode_picture(data[:length])


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_byte_is_refused(name: str) -> None:
    """Every byte of the header, and some of what follows."""
    data = golden(name)
    header = unpack(data).header_size
    for position in [*range(header), *range(header, len(data), max((len(data) - header) // BODY, 1))]:
        damaged = bytearray(data)
        damaged[position] ^= 0xFF
        with pytest.raises(IDFError):
            decode_picture(bytes(damaged))


def test_what_is_only_for_later_frames_and_palettes_is_refused() -> None:
    """Files that are sound but for one rule, with checksums that are right."""
    pages = unpack(golden("pages-20x25"))
    palette = unpack(golden("palette-40x33"))
    assert palette.structure.palette is not None
    fewer = Structure(Palette(3, palette.structure.palette.colours[:9]))
    damaged = {
        "cannot be that of the frame before": replace(pages, tiles=(b"\x83", *pages.tiles[1:])),
        "has bytes of its own": replace(pages, tiles=(*pages.tiles[:-1], b"\x83\0")),
        "there are 3 colours": replace(palette, structure=fewer),
    }
    for message, container in damaged.items():
        with pytest.raises(CorruptFile, match=message):
            decode_picture(pack(container))


@pytest.mark.parametrize(
    ("width", "height"), [(2**24, 256), (2**16, 2**16), (2**32 - 1, 1)], ids=["wide", "square", "beyond the format"]
)
def test_a_few_bytes_cannot_claim_much_memory(width: int, height: int) -> None:
    data = golden("idf-pixel-1x1")
    fixed = bytearray(data[:33])
    struct.pack_into("<IIH", fixed, 6, width, height, 1024)
    with pytest.raises(IDFError):
        decode_picture(sealed(bytes(fixed) + struct.pack("<I", 1)) + data[-1:])
