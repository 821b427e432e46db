"""JPEG files as input: smaller files, Pillow's pixels; what is damaged is refused."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from idfcodec import codec
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.format.container import NO_MODEL, Container, pack, unpack
from idfcodec.format.mode import Mode
from idfcodec.format.payload import COEFFICIENTS
from idfcodec.format.structure import Frames, Structure
from idfcodec.picture.colour import KINDS
from idfcodec.picture.conversion.undoing import Exceptions
from idfcodec.picture.jpeg import JpegSource, pack_source, read_jpeg, render, unpack_source
from idfcodec.picture.pillow import Picture, read_picture
from idfcodec.transcode import is_settled, jpeg_payload, write_jpeg
from tests.picture.jpegs import SAMPLINGS, decoded, jpeg


@pytest.mark.parametrize("sampling", [*SAMPLINGS, "gray"])
@pytest.mark.parametrize("shape", [(1, 1), (37, 21), (96, 120)])
def test_a_jpeg_file_becomes_smaller(shape: tuple[int, int], sampling: str) -> None:
    file = jpeg(*shape, 85, sampling, progressive=shape[0] == 37, optimize=True)
    picture = read_picture(io.BytesIO(file))
    data = codec.encode(picture, verify=True)
    assert np.array_equal(codec.decode(data), decoded(file))
    assert len(data) < 0.92 * len(file)
    header = unpack(data)
    assert (header.tile, header.model, header.tiles[0][0]) == (0, NO_MODEL, COEFFICIENTS if shape[0] > 1 else 128)


def test_a_jpeg_of_gray_colours() -> None:
    gray = np.repeat(decoded(jpeg(40, 56, sampling="gray"))[..., None], 3, 2)
    file = io.BytesIO()
    Image.fromarray(gray).save(file, "JPEG", quality=90)
    picture = read_picture(io.BytesIO(file.getvalue()))
    data = codec.encode(picture)
    assert unpack(data).mode is Mode.GRAY_AS_RGB
    assert np.array_equal(codec.decode(data), picture.pixels)


def test_pixels_that_are_not_the_files_are_coded_as_pixels() -> None:
    file = jpeg(64, 64)
    pixels = decoded(file).copy()
    pixels[3, 4, 1] ^= 1
    data = codec.encode(Picture(pixels, jpeg=file))
    assert np.array_equal(codec.decode(data), pixels)


def test_without_conversion_pixels_are_coded(tmp_path: Path) -> None:
    file = jpeg(40, 40)
    data = codec.encode(read_picture(io.BytesIO(file)), conversion=False)
    assert unpack(data).tiles[0][0] != COEFFICIENTS
    assert np.array_equal(codec.decode(data), decoded(file))


@pytest.mark.parametrize(("quality", "wrong", "settled"), [(98, 20, True), (98, 800, False), (85, 220, True)])
def test_planes_are_tried_where_exceptions_take_much(
    quality: int, wrong: int, settled: bool, rng: np.random.Generator
) -> None:
    found = read_jpeg(jpeg(64, 64, quality, "4:4:4"))
    assert found is not None
    positions = np.sort(rng.choice(64 * 64, wrong, replace=False))
    exceptions = Exceptions(positions, rng.integers(1, 3, (wrong, 3)).astype(np.int16))
    source = JpegSource(found, exceptions=exceptions)
    assert is_settled(source, (64, 64), len(jpeg_payload(source, (64, 64)))) == settled


def payload_of(sampling: str) -> bytes:
    found = read_jpeg(jpeg(24, 20, 80, sampling))
    assert found is not None
    return jpeg_payload(JpegSource(found), (24, 20))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["gray", "4:2:0"]), st.data())
def test_damaged_payloads(sampling: str, data: st.DataObject) -> None:
    """`CorruptFile` or other pixels, which the checksum tells; in bounded time and memory."""
    payload = bytearray(payload_of(sampling))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(1, min(len(payload) - 1, 24)))] = data.draw(st.integers(0, 255))
    mode = Mode.GRAY if sampling == "gray" else Mode.RGB
    out = KINDS[mode].empty(24, 20)
    with contextlib.suppress(CorruptFile):
        write_jpeg(KINDS[mode], memoryview(bytes(payload[: data.draw(st.integers(1, len(payload)))])), out)


def test_what_a_payload_says_is_checked() -> None:
    found = read_jpeg(jpeg(24, 20, 80, "4:2:0"))
    assert found is not None
    head = pack_source(JpegSource(found), (24, 20))
    assert head == bytes([2 + 4 + 8, 80, 80, 101])
    for wrong in (
        b"",
        b"\x40" + head[1:],
        b"\x02" + head[1:],
        head[:2],
        b"\x0e\x65",
        b"\x0e\x00" + bytes(64),
        b"\x0e\x67",
    ):
        with pytest.raises(CorruptFile):
            unpack_source(wrong, (24, 20))
    with pytest.raises(CorruptFile, match="cropped"):
        unpack_source(b"\x1e" + head[1:] + bytes([32, 0, 0, 0]), (24, 20))
    with pytest.raises(CorruptFile, match="gray"):
        write_jpeg(KINDS[Mode.GRAY], memoryview(payload_of("4:2:0")), np.empty((24, 20), np.uint8))
    with pytest.raises(CorruptFile, match="none"):
        write_jpeg(KINDS[Mode.RGBA], memoryview(payload_of("4:2:0")), np.empty((24, 20, 4), np.uint8))


def resampled(factors: int, sampling: str) -> bytes:
    """A JPEG whose luma has other sampling factors than it was made with: its blocks go elsewhere."""
    file = bytearray(jpeg(32, 64, 80, sampling))
    file[file.index(b"\xff\xc0") + 11] = factors
    return bytes(file)


@pytest.mark.parametrize(("factors", "sampling", "known"), [(0x12, "4:2:2", True), (0x41, "4:2:0", False)])
def test_unusual_samplings(factors: int, sampling: str, known: bool) -> None:
    """4:4:0 as coefficients, 4:1:1 as pixels."""
    file = resampled(factors, sampling)
    assert (read_jpeg(file) is not None) == known
    data = codec.encode(read_picture(io.BytesIO(file)))
    assert np.array_equal(codec.decode(data), decoded(file))
    assert (unpack(data).tiles[0][0] == COEFFICIENTS) == known


def test_inks_are_coded_as_pixels() -> None:
    file = io.BytesIO()
    Image.fromarray(np.dstack([decoded(jpeg(24, 32)), decoded(jpeg(24, 32))[..., :1]]), "CMYK").save(file, "JPEG")
    picture = read_picture(io.BytesIO(file.getvalue()))
    assert read_jpeg(file.getvalue()) is None
    data = codec.encode(picture, effort="fast")
    assert codec.decode_picture(data).same(picture)


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_blocks": 3}, {"optimize": True}])
def test_other_ways_to_write_a_file_do_not_matter(options: dict) -> None:
    plain, other = (read_picture(io.BytesIO(jpeg(40, 56, 80, **way))) for way in ({}, options))
    assert np.array_equal(plain.pixels, other.pixels)
    assert codec.encode(other) == codec.encode(plain)


def test_files_that_claim_much_are_refused_at_once() -> None:
    file = bytearray(jpeg(16, 16))
    place = file.index(b"\xff\xc0") + 5
    file[place : place + 4] = bytes([255, 220] * 2)  # some 13 GB of coefficients
    assert read_jpeg(bytes(file)) is None
    pixels = decoded(jpeg(16, 16))
    assert np.array_equal(codec.decode(codec.encode(Picture(pixels, jpeg=bytes(file)))), pixels)


def test_steps_of_nothing_and_samplings_of_nothing_are_refused() -> None:
    whole = jpeg(16, 16)
    for place, value in (
        (whole.index(b"\xff\xdb") + 5, 0),
        (whole.index(b"\xff\xc0") + 11, 0x00),
        (whole.index(b"\xff\xc0") + 11, 0xFF),
        (whole.index(b"\xff\xc0") + 14, 0x22),
        (whole.index(b"\xff\xc0") + 12, 9),
    ):
        file = bytearray(whole)
        file[place] = value
        assert read_jpeg(bytes(file)) is None


def container_of(payload: bytes, shape: tuple[int, int], structure: Structure = Structure()) -> bytes:  # noqa: B008
    return pack(
        Container(
            mode=Mode.RGB,
            width=shape[1],
            height=shape[0],
            tile=0,
            model=NO_MODEL,
            checksum=KINDS[Mode.RGB].checksum(np.zeros((1, 1, 3), np.uint8)),
            metadata={},
            structure=structure,
            tiles=(payload,),
        )
    )


def test_frames_have_no_coefficients() -> None:
    with pytest.raises(IDFError):
        codec.decode(container_of(payload_of("4:2:0"), (24, 20), Structure(frames=Frames(2))))


def test_a_picture_larger_than_its_coefficients_is_refused_at_once() -> None:
    for shape in ((4096, 4096), (24, 4096), (1, 1)):
        with pytest.raises(IDFError):
            codec.decode(container_of(payload_of("4:2:0"), shape))


def test_coefficients_out_of_range_are_coded_as_pixels() -> None:
    found = read_jpeg(jpeg(24, 24, 80, "gray"))
    assert found is not None
    found.planes[0][0, 0, 5] = -32768
    with pytest.raises(IDFError, match="out of range"):
        jpeg_payload(JpegSource(found), (24, 24))


@pytest.mark.parametrize(("frame", "progressive"), [(0xC9, False), (0xCA, True)])
def test_arithmetic_coding_is_left_to_pillow(frame: int, progressive: bool) -> None:
    """As pixels, whatever they are; what Pillow's build cannot read is refused."""
    file = bytearray(jpeg(32, 32, progressive=progressive))
    file[file.index(bytes([0xFF, 0xC2 if progressive else 0xC0])) + 1] = frame
    assert read_jpeg(bytes(file)) is None
    try:
        picture = read_picture(io.BytesIO(bytes(file)))
    except IDFError:
        return
    data = codec.encode(picture, effort="fast")
    assert unpack(data).tiles[0][0] != COEFFICIENTS
    assert codec.decode_picture(data).same(picture)


@pytest.mark.parametrize("shape", [(32, 48), (32, 48, 3)])
def test_twelve_bits_are_refused(shape: tuple[int, ...]) -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="nothing else writes JPEGs of 12 bits")
    samples = np.random.default_rng(1).integers(0, 4096, shape).astype(np.uint16)
    file = imagecodecs.jpeg8_encode(samples, level=90, bitspersample=12)
    assert read_jpeg(file) is None
    with pytest.raises(IDFError, match=r"^[^\n]+$"):
        read_picture(io.BytesIO(file))


def marked(file: bytes, marker: int, place: int, *values: int) -> bytes:
    """The file with other bytes in a segment, `place` after its length."""
    start = file.index(bytes([0xFF, marker])) + 4 + place
    return file[:start] + bytes(values) + file[start + len(values) :]


WHOLE = jpeg(24, 24, 80, "4:2:0")


@pytest.mark.parametrize(
    "file",
    [
        marked(WHOLE, 0xC0, 1, 0, 0),  # no rows
        marked(WHOLE, 0xC0, 3, 0, 0),  # no columns
        marked(WHOLE, 0xC0, 1, 255, 255, 255, 255),  # more samples than the file could have
        marked(WHOLE, 0xC0, 5, 0),  # no components
        marked(WHOLE, 0xC0, 5, 255),
        marked(WHOLE, 0xC0, 7, 0x40),  # no rows of luma
        marked(WHOLE, 0xC0, 7, 0xF4),
        marked(WHOLE, 0xC0, 8, 3),  # a table that is missing
        marked(WHOLE, 0xDB, 1, *([0] * 64)),  # steps of nothing
        marked(WHOLE, 0xDB, 0, 0x50),  # of another precision
        marked(WHOLE, 0xC4, 1, *([255] * 16)),  # more codes than there are
        marked(WHOLE, 0xC4, 1, *([0] * 16)),
        marked(WHOLE, 0xC4, 0, 0x1F),  # of another class
        marked(WHOLE, 0xDA, 0, 0),  # a scan of nothing
        marked(WHOLE, 0xDA, 2, 0xFF),  # by tables that are missing
    ],
)
def test_absurd_files_give_nothing(file: bytes) -> None:
    assert read_jpeg(file) is None
    with contextlib.suppress(IDFError):
        assert unpack(codec.encode(read_picture(io.BytesIO(file)), effort="fast")).tiles[0][0] != COEFFICIENTS


def test_the_largest_coefficients_and_steps() -> None:
    found = read_jpeg(jpeg(24, 20, 80, "4:2:0"))
    assert found is not None
    planes = [np.where(np.indices(plane.shape).sum(0) % 2, 32767, -32767).astype(np.int16) for plane in found.planes]
    source = JpegSource(replace(found, planes=planes, tables=[np.full(64, 65535, np.int64)] * 3))
    out = KINDS[Mode.RGB].empty(24, 20)
    write_jpeg(KINDS[Mode.RGB], memoryview(jpeg_payload(source, (24, 20))), out)
    assert np.array_equal(out, render(source, (24, 20)))


def test_exceptions_that_cannot_be_are_refused() -> None:
    found = read_jpeg(jpeg(24, 20, 80, "4:2:0"))
    assert found is not None
    out = KINDS[Mode.RGB].empty(24, 20)
    for position, difference in ((24 * 20, 1), (0, 255), (0, -255)):
        exceptions = Exceptions(np.array([position]), np.full((1, 3), difference, np.int16))
        payload = jpeg_payload(JpegSource(found, exceptions=exceptions), (24, 20))
        with pytest.raises(CorruptFile):
            write_jpeg(KINDS[Mode.RGB], memoryview(payload), out)
    head = bytearray(pack_source(JpegSource(found, exceptions=exceptions), (24, 20)))
    head[4:8] = b"\xff\xff\xff\xff"  # their size
    with pytest.raises(CorruptFile, match="too early"):
        unpack_source(bytes(head), (24, 20))
