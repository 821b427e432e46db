"""Pictures in and out: the pixels of every accepted file, the reason of every refusal, and the metadata."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from idfcodec.errors import IDFError, UnsupportedImage
from idfcodec.picture import checks as sources
from idfcodec.picture.pillow import FORMATS, Picture, from_image, read_picture, write_picture
from tests.conftest import REPOSITORY

MIXED = REPOSITORY.parent / "shared" / "data" / "mixed"
RNG = np.random.default_rng(2019)
RGB: NDArray[np.uint8] = RNG.integers(0, 256, (13, 17, 3), dtype=np.uint8)
GRAY: NDArray[np.uint8] = RNG.integers(0, 256, (9, 11), dtype=np.uint8)
XMP = "<x:xmpmeta xmlns:x='adobe:ns:meta/'>\u00e4\u4e16</x:xmpmeta>".encode()


def make_exif(orientation: int | None = None) -> bytes:
    exif = Image.Exif()
    exif[0x10F] = "Maker"
    if orientation:
        exif[0x112] = orientation
    exif.get_ifd(0x8769)[0x9003] = "2024:02:29 12:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    return exif.tobytes().removeprefix(b"Exif\0\0")


ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
METADATA = {"icc": ICC, "exif": make_exif(), "xmp": XMP}


def written(picture: Picture, format: str) -> bytes:
    buffer = io.BytesIO()
    write_picture(picture, buffer, format)
    return buffer.getvalue()


def saved(image: Image.Image, format: str, **options: Any) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    buffer.seek(0)
    return buffer


def outcome_of(source: Path | BinaryIO) -> Picture | IDFError:
    try:
        return read_picture(source)
    except IDFError as ex:
        return ex


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


END = chunk(b"IEND", b"")


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", zlib.compress(rows)) + END


# Arrays and Pillow images


@settings(deadline=None)
@given(
    hnp.arrays(
        np.uint8, st.one_of(st.tuples(*[st.integers(1, 9)] * 2), st.tuples(*[st.integers(1, 9)] * 2, st.just(3)))
    )
)
def test_arrays_are_taken_as_they_are(array: NDArray[np.uint8]) -> None:
    assert from_image(array).pixels is array
    assert np.array_equal(from_image(array[::-1, ::-1]).pixels, array[::-1, ::-1])
    assert from_image(array[::-1]).pixels.flags.c_contiguous
    picture = from_image(Image.fromarray(array))
    assert np.array_equal(picture.pixels, array)
    assert picture.metadata == {}


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (RGB.astype(np.uint32), "dtype uint32"),
        (RGB.astype(np.float16), "dtype float16"),
        (RGB.astype(np.int8), "dtype int8"),
        (RGB / 255, "dtype float64"),
        (RGB > 9, r"shape \(13, 17, 3\)"),
        (np.zeros((2, 2, 5), np.uint16), r"shape \(2, 2, 5\)"),
        (np.zeros((1, 2, 2, 3), np.uint8), r"shape \(1, 2, 2, 3\)"),
        (np.zeros(5, np.uint8), r"shape \(5,\)"),
        (np.zeros((0, 4), np.uint8), r"shape \(0, 4\) has no pixels"),
        (np.zeros((4, 0, 3), np.uint8), r"shape \(4, 0, 3\) has no pixels"),
        ([[1, 2], [3, 4]], "not list"),
        *((Image.new(mode, (3, 2)), f"mode {mode}") for mode in ("F", "HSV", "YCbCr", "La", "RGBa", "RGBX")),
        (Image.new("I", (3, 2), 65536), "mode I .whole numbers of 32 bits"),
        (Image.new("I", (3, 2), -1), "mode I .whole numbers of 32 bits"),
        (Image.new("L", (0, 3)), "0x3 pixels"),
    ],
)
def test_other_arrays_and_modes_are_refused_by_name(image: Any, message: str) -> None:
    with pytest.raises(UnsupportedImage, match=message):
        from_image(image)


def test_an_opened_image_keeps_its_metadata_and_cannot_hide_16_bits() -> None:
    with Image.open(saved(Image.fromarray(RGB), "PNG", icc_profile=ICC)) as image:
        assert from_image(image).metadata == {"icc": ICC}
    deep = png(1, 1, 16, 2, bytes(7))
    with Image.open(io.BytesIO(deep)) as image, pytest.raises(UnsupportedImage, match="16 bits"):
        from_image(image)


def test_a_loaded_tiff_cannot_hide_16_bits() -> None:
    with Image.open(tiff(np.zeros((2, 2, 3), np.uint16), 3, 16)) as image:
        image.load()
        with pytest.raises(UnsupportedImage, match="16 bits"):
            from_image(image)


def test_a_damaged_opened_image_is_an_error() -> None:
    data = written(Picture(RGB), "png")
    with (
        Image.open(io.BytesIO(data[: len(data) // 2])) as image,
        pytest.raises(IDFError, match="cannot load the image"),
    ):
        from_image(image)


# Files: round trips


@pytest.mark.parametrize("array", [RGB, GRAY, RGB[:1, :1], GRAY[:1, :1]], ids=["rgb", "gray", "rgb1x1", "gray1x1"])
@pytest.mark.parametrize("format", FORMATS)
def test_written_pictures_come_back(array: NDArray[np.uint8], format: str, tmp_path: Path) -> None:
    if format == "pbm" or (format in ("pgm", "gif") and array.ndim == 3):
        with pytest.raises(UnsupportedImage, match=f"a {format} file does not hold {array.shape[1]}x{len(array)}"):
            write_picture(Picture(array), io.BytesIO(), format)
        return
    path = tmp_path / f"picture.{format}"
    with path.open("wb") as file:
        assert write_picture(Picture(array), file, f".{format.upper()}") == ()
        assert not file.closed
    expected = np.dstack([array] * 3) if format == "webp" and array.ndim == 2 else array
    for source in (path, str(path), io.BytesIO(path.read_bytes())):
        picture = read_picture(source)
        assert picture.pixels.dtype == np.uint8
        assert np.array_equal(picture.pixels, expected)
        assert picture.metadata == {}


@pytest.mark.parametrize("format", ["png", "webp"])
def test_metadata_comes_back_byte_for_byte(format: str) -> None:
    for array in (RGB, GRAY):
        assert read_picture(io.BytesIO(written(Picture(array, METADATA), format))).metadata == METADATA
    odd = {"exif": b"not a TIFF structure", "xmp": b"\xff\xfe<\0x\0", "icc": b"no profile"}
    assert read_picture(io.BytesIO(written(Picture(RGB, odd), format))).metadata == odd


@pytest.mark.parametrize("format", ["tif", "tiff"])
def test_tiff_keeps_icc_and_xmp_and_the_tags_of_exif(format: str) -> None:
    buffer = io.BytesIO()
    assert write_picture(Picture(RGB, METADATA), buffer, format) == ()
    picture = read_picture(io.BytesIO(buffer.getvalue()))
    assert np.array_equal(picture.pixels, RGB)
    assert (picture.metadata["icc"], picture.metadata["xmp"]) == (ICC, XMP)
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + picture.metadata["exif"])
    assert exif[0x10F] == "Maker"
    assert exif.get_ifd(0x8769)[0x9003] == "2024:02:29 12:00:00"
    assert exif.get_ifd(0x8825)[1] == "N"


def test_tiff_is_not_misled_by_layout_tags_in_exif() -> None:
    exif = Image.Exif()
    exif.update({256: 5, 257: 5, 258: 16, 259: 7, 262: 0, 277: 1, 278: 2, 0x10F: "Maker"})
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    assert np.array_equal(read_picture(io.BytesIO(written(Picture(GRAY, {"exif": block}), "tiff"))).pixels, GRAY)


def test_orientation_of_a_tiff_stays_a_tag_in_files_and_is_applied_to_images() -> None:
    data = written(Picture(RGB, {"exif": make_exif(orientation=6)}), "tiff")
    picture = read_picture(io.BytesIO(data))
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif()[0x112] == 6
        shown = from_image(image)
    assert np.array_equal(picture.pixels, RGB)
    assert np.array_equal(shown.pixels, np.rot90(RGB, -1))
    for block, orientation in ((picture.metadata["exif"], 6), (shown.metadata["exif"], None)):
        exif = Image.Exif()
        exif.load(b"Exif\0\0" + block)
        assert (exif[0x10F], exif.get(0x112)) == ("Maker", orientation)
        assert exif.get_ifd(0x8769)[0x9003] == "2024:02:29 12:00:00"


@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
def test_orientation_elsewhere_stays_a_tag(format: str) -> None:
    exif = make_exif(orientation=6)
    with saved(Image.fromarray(RGB), format, exif=b"Exif\0\0" + exif, lossless=True) as file:
        picture = read_picture(file)
    assert picture.pixels.shape == RGB.shape
    assert picture.metadata == {"exif": exif}


def test_what_a_format_cannot_hold_is_reported() -> None:
    for format in ("bmp", "ppm", "pnm"):
        assert write_picture(Picture(RGB, METADATA), io.BytesIO(), format) == ("icc", "exif", "xmp")
    for broken in (b"", b"garbage", b"II*\0\xff\xff\xff\xff", b"MM\0*" + bytes(30)):
        assert write_picture(Picture(RGB, {"exif": broken, "xmp": XMP}), io.BytesIO(), "tiff") == ("exif",)


def test_metadata_of_a_jpeg() -> None:
    with saved(Image.fromarray(RGB), "JPEG", exif=b"Exif\0\0" + METADATA["exif"], icc_profile=ICC, xmp=XMP) as file:
        picture = read_picture(file)
        assert picture.metadata == METADATA
        with Image.open(file) as image:
            assert np.array_equal(picture.pixels, np.asarray(image))


def test_metadata_in_the_text_chunks_of_png() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(METADATA['exif']):8}\n{METADATA['exif'].hex()}\n", zip=True)
    text.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    for keyword in ("icc_profile", "transparency", "interlace"):  # what Pillow's info calls other things by
        text.add_text(keyword, "only a text")
    with saved(Image.fromarray(RGB), "PNG", pnginfo=text) as file:
        found = dict(read_picture(file).metadata)
        del found["png"]
        assert found == {"exif": METADATA["exif"], "xmp": XMP}


@pytest.mark.parametrize("format", ["jpg", "avif", "", "idfc", "PNG8"])
def test_unknown_and_lossy_formats_are_not_written(format: str) -> None:
    with pytest.raises(UnsupportedImage, match="not written as"):
        write_picture(Picture(RGB), io.BytesIO(), format)


def test_a_failed_write_names_the_cause() -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    for format in set(FORMATS) - {"pbm"}:
        with pytest.raises(IDFError, match="No space left on device"):
            write_picture(Picture(GRAY), Full(), format)
    with pytest.raises(IDFError, match="cannot write the picture as webp"):
        write_picture(Picture(np.zeros((1, 16384, 3), np.uint8)), io.BytesIO(), "webp")


def test_a_pipe_is_read_and_written(tmp_path: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *arguments: Any) -> int:
            raise io.UnsupportedOperation("seek")

        def tell(self) -> int:
            raise io.UnsupportedOperation("tell")

    for format in set(FORMATS) - {"pbm"}:
        pipe = Pipe()
        write_picture(Picture(GRAY), pipe, format)
        pixels = read_picture(Pipe(pipe.getvalue())).pixels
        assert np.array_equal(pixels if pixels.ndim == 2 else pixels[..., 1], GRAY)
    behind = io.BytesIO(b"something" + written(Picture(RGB), "png"))
    behind.seek(9)
    assert np.array_equal(read_picture(behind).pixels, RGB)


# Files: what Pillow would lose


PAGE = Image.fromarray(RGB)


def animated(format: str, **options: Any) -> BinaryIO:
    frames = [Image.fromarray(np.roll(RGB, shift)) for shift in range(3)]
    return saved(frames[0], format, save_all=True, append_images=frames[1:], lossless=True, **options)


def pam(channels: int, kind: str, samples: bytes) -> bytes:
    """A PAM file of one pixel."""
    return f"P7\nWIDTH 1\nHEIGHT 1\nDEPTH {channels}\nMAXVAL 255\nTUPLTYPE {kind}\nENDHDR\n".encode() + samples


def tiff(array: NDArray[Any], samples: int, bits: int, **tags: int) -> BinaryIO:
    """A little-endian TIFF with one uncompressed strip."""
    names = {"extra": 338, "format": 339}
    entries = {
        256: (4, array.shape[1]),
        257: (4, array.shape[0]),
        258: (3, bits),
        259: (3, 1),
        262: (3, 2 if samples >= 3 else 1),
        273: (4, 8),
        277: (3, samples),
        278: (4, array.shape[0]),
        279: (4, array.nbytes),
    } | {names[name]: (3, value) for name, value in tags.items()}
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(entries.items()))
    start = struct.pack("<2sHI", b"II", 42, 8 + array.nbytes) + array.tobytes()
    return io.BytesIO(start + struct.pack("<H", len(entries)) + directory + bytes(4))


def bmp(bits: int, rows: bytes, palette: bytes = b"") -> BinaryIO:
    start = 54 + len(palette)
    head = struct.pack("<2sIII", b"BM", start + len(rows), 0, start)
    colours = len(palette) // 4
    return io.BytesIO(
        head + struct.pack("<IIIHHIIIIII", 40, 8, 1, 1, bits, 0, len(rows), 0, 0, colours, 0) + palette + rows
    )


REFUSED: list[tuple[str, Callable[[], BinaryIO], str]] = [
    ("png-rgb-trns", lambda: io.BytesIO(png(1, 1, 8, 2, bytes(4), chunk(b"tRNS", bytes(6)))), "transparent colour"),
    ("png-gray-trns", lambda: io.BytesIO(png(1, 1, 8, 0, bytes(2), chunk(b"tRNS", bytes(2)))), "transparent colour"),
    ("apng-default", lambda: animated("PNG", default_image=True), "first picture is not one of the frames"),
    (
        "apng-without-acTL",
        lambda: io.BytesIO(png(1, 1, 8, 0, bytes(2))[:-12] + chunk(b"fdAT", bytes(5)) + END),
        "frames that it does not announce",
    ),
    (
        "tiff-sizes",
        lambda: saved(PAGE, "TIFF", save_all=True, append_images=[PAGE.crop((0, 0, 3, 3))]),
        "differ in size",
    ),
    ("tiff-kinds", lambda: saved(PAGE, "TIFF", save_all=True, append_images=[PAGE.convert("L")]), "differ in kind"),
    ("tiff-float", lambda: saved(Image.new("F", (3, 2)), "TIFF"), "mode F .floating point"),
    ("tiff-lab", lambda: saved(Image.new("LAB", (3, 2)), "TIFF"), "mode LAB .CIE"),
    ("tiff-32", lambda: tiff(np.zeros((2, 2), np.uint32), 1, 32), "32"),
    ("tiff-premultiplied", lambda: tiff(np.zeros((2, 2, 4), np.uint16), 4, 16, extra=1), "multiplied by alpha"),
    ("tiff-extra", lambda: tiff(np.zeros((2, 2, 4), np.uint8), 4, 8, extra=0), "extra samples"),
    ("tiff-signed", lambda: tiff(np.zeros((2, 2), np.int8), 1, 8, format=2), "unsigned"),
    ("ppm-65536", lambda: io.BytesIO(b"P6 1 1 65536\n" + bytes(6)), "samples up to 65536"),
    ("pam-kind", lambda: io.BytesIO(pam(5, "SPECTRUM", bytes(5))), "5 channels of the type 'SPECTRUM'"),
    ("pnm-two", lambda: io.BytesIO(b"P5 1 1 255\nxP5 1 1 255\ny"), "more than one picture"),
    ("bmp-32", lambda: bmp(32, bytes(range(32))), "fourth channel"),
    ("bmp-gray-4", lambda: bmp(4, bytes(4), b"".join(bytes([i, i, i, 0]) for i in range(16))), "gray BMP of 4 bits"),
]


@pytest.mark.parametrize(("make", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_would_be_lost_is_refused(make: Callable[[], BinaryIO], message: str) -> None:
    with make() as file, pytest.raises(UnsupportedImage, match=message):
        read_picture(file)


def test_the_primary_picture_of_an_mpo_is_read() -> None:
    frames = [Image.fromarray(np.roll(RGB, shift)) for shift in range(2)]
    with saved(frames[0], "MPO", save_all=True, append_images=frames[1:]) as file:
        with Image.open(file) as image:
            assert (image.format, getattr(image, "n_frames", 1)) == ("MPO", 2)
            expected = np.asarray(image)
        file.seek(0)
        assert np.array_equal(read_picture(file).pixels, expected)


def test_shallow_gray_is_its_8_bit_values() -> None:
    assert read_picture(io.BytesIO(png(4, 1, 2, 0, b"\0\x1b"))).pixels.tolist() == [[0, 85, 170, 255]]
    assert read_picture(io.BytesIO(png(2, 1, 4, 0, b"\0\x3c"))).pixels.tolist() == [[51, 204]]
    assert read_picture(io.BytesIO(b"P2 2 1 255\n7 200\n")).pixels.tolist() == [[7, 200]]
    assert np.array_equal(read_picture(tiff(GRAY, 1, 8)).pixels, GRAY)


# Files: damage and size


@pytest.mark.parametrize("format", ["png", "ppm", "bmp", "tiff", "webp", "jpeg"])
def test_every_truncation_is_refused(format: str) -> None:
    image = Image.fromarray(RGB)
    whole = saved(image, format, icc_profile=ICC, lossless=True).getvalue()
    if format == "bmp":
        whole = whole[:-1]  # the last byte is padding, which may be missing
    for length in range(len(whole)):
        with pytest.raises(IDFError):
            read_picture(io.BytesIO(whole[:length]))


def test_every_flipped_byte_of_a_png_is_refused() -> None:
    whole = written(Picture(RGB[:3, :4]), "png")
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        with pytest.raises(IDFError):
            read_picture(io.BytesIO(damaged))


@settings(deadline=None)
@given(st.sampled_from(["png", "ppm", "bmp", "tiff", "webp", "jpeg"]), st.data())
def test_damage_is_an_idf_error_or_a_picture(format: str, data: st.DataObject) -> None:
    damaged = bytearray(saved(Image.fromarray(GRAY), format).getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    outcome = outcome_of(io.BytesIO(damaged))
    if isinstance(outcome, IDFError):
        assert "\n" not in str(outcome)
    else:
        assert outcome.pixels.dtype in (np.bool_, np.uint8, np.uint16)


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("P is for picture")
    (tmp_path / "empty.png").touch()
    cases = {
        "notes.txt": "not a PNG, JPEG, WebP, TIFF, GIF, BMP or PNM file",
        "empty.png": "the file is empty",
        "missing.png": "No such file",
        ".": "directory",
    }
    for name, message in cases.items():
        with pytest.raises(IDFError, match=message) as caught:
            read_picture(tmp_path / name)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_size_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsupportedImage, match="65536x65535 pixels are more than the limit"):
        read_picture(io.BytesIO(png(65536, 65535, 8, 2, b"")))
    for format in ("png", "ppm", "bmp", "jpeg"):
        with saved(Image.fromarray(RGB), format) as file, monkeypatch.context() as patch:
            patch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
            assert read_picture(file).pixels.shape == RGB.shape  # Pillow's limit does not count here
            patch.setattr(sources, "MAX_PICTURE_PIXELS", 13 * 17 - 1)
            file.seek(0)
            with pytest.raises(UnsupportedImage, match="17x13 pixels"):
                read_picture(file)


# Files of all kinds, against a decoder that shares nothing with Pillow


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 8
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


def png_pass(rows: memoryview, width: int, height: int, depth: int, channels: int) -> tuple[NDArray[np.uint8], int]:
    """Undo the filters of one pass; returns (height, width, channels) uint8 and the bytes used."""
    stride, step = -(-width * depth * channels // 8), max(1, depth * channels // 8)
    above, lines = bytearray(stride), []
    for y in range(height):
        kind, *line = rows[y * (stride + 1) : (y + 1) * (stride + 1)]
        for i in range(stride):
            a, b, c = (line[i - step], above[i], above[i - step]) if i >= step else (0, above[i], 0)
            nearest = min((a, b, c), key=lambda v, p=a + b - c: abs(p - v))
            line[i] = (line[i] + (0, a, b, (a + b) // 2, nearest)[kind]) & 255
        above = bytearray(line)
        lines.append(above)
    table = np.array(lines, dtype=np.uint8).reshape(height, stride)
    if depth < 8:
        bits = np.unpackbits(table, axis=1).reshape(height, -1, depth)
        levels = bits @ (1 << np.arange(depth)[::-1]) * (255 // (2**depth - 1))
        table = levels[:, : width * channels].astype(np.uint8)
    return table.reshape(height, width, channels), height * (stride + 1)


def decode_png(data: bytes) -> NDArray[np.uint8]:
    chunks = list(png_chunks(data))
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    channels = {0: 1, 2: 3}[colour]
    rows = memoryview(zlib.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT")))
    adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    pixels = np.zeros((height, width, channels), np.uint8)
    for top, left, down, right in adam7 if interlaced else [(0, 0, 1, 1)]:
        part = pixels[top::down, left::right]
        if part.size:
            part[:], used = png_pass(rows, part.shape[1], part.shape[0], depth, channels)
            rows = rows[used:]
    return pixels if channels == 3 else pixels[..., 0]


SMALL_MIXED = 150_000
"""The plain decoder takes seconds for a picture of more samples; those are compared with Pillow's own way."""


@pytest.mark.skipif(not MIXED.is_dir(), reason="the collection ../shared/data/mixed is not here")
def test_small_png_files_are_right() -> None:
    compared = 0
    for path in sorted(MIXED.glob("*.png")):
        depth, colour = path.read_bytes()[24:26]
        if colour not in (0, 2) or depth == 16:
            continue
        picture = read_picture(path)
        if picture.pixels.size <= SMALL_MIXED:
            expected = decode_png(path.read_bytes())
            assert np.array_equal(picture.pixels * np.uint8(255) if depth == 1 else picture.pixels, expected), path.name
            compared += 1
    assert compared == 23
