"""Damaged and hostile files, made here from golden ones: each is refused with an `IDFError`, none yields pixels."""

from __future__ import annotations

import struct
import zlib

import pytest

from idfcodec.codec import decode_picture
from idfcodec.errors import IDFError
from idfcodec.format.container import unpack
from tests.golden import FOLDER

NAMES = [
    "causal-gray-as-rgb-20x21",
    "causal-metadata-9x7",
    "causal-entries-8x7",
    "causal-constant-30x20",
    "idf-constant-30x20",
    "idf-gray-as-rgb-20x21",
    "jfif-fast-40x33",
    "jfif-exceptions-64x40",
    "idf-noise-16x16",
    "idf-pixel-1x1",
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


@pytest.mark.parametrize(
    ("width", "height"), [(2**24, 256), (2**16, 2**16), (2**32 - 1, 1)], ids=["wide", "square", "beyond the format"]
)
def test_a_few_bytes_cannot_claim_much_memory(width: int, height: int) -> None:
    data = golden("idf-pixel-1x1")
    fixed = bytearray(data[:33])
    struct.pack_into("<IIH", fixed, 6, width, height, 1024)
    with pytest.raises(IDFError):
        decode_picture(sealed(bytes(fixed) + struct.pack("<I", 1)) + data[-1:])
