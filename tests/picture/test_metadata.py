"""Metadata from files and into files: byte for byte, or with a word; and never a reason to lose a picture."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from idfcodec.errors import IDFError
from idfcodec.format.metadata import TIFF_SIZES, Entry, block_problem, pack_entries, unpack_entries
from idfcodec.picture.metadata import read_metadata, write_metadata
from idfcodec.picture.metadata.directory import Tag, lay_out, read_directory, read_form, swapped
from idfcodec.picture.metadata.tiff import LAYOUT
from idfcodec.picture.pillow import Picture, from_image, read_picture, write_picture
from tests.conftest import REPOSITORY
from tests.pictures import generate

MIXED = REPOSITORY.parent / "shared" / "data" / "mixed"
RGB = generate("photo", 24, 20)
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/">café</x:xmpmeta>'.encode()
MAKER = struct.pack("<2sHIHHHII4s", b"II", 42, 8, 1, 271, 2, 4, 0x616D, b"\0" * 4)
IPTC = b"\x1c\x02\x05\0\x05Title"
RESOURCES = b"8BIM\x04\x04\0\0\0\0\0\x0a" + IPTC
OTHER_RESOURCES = RESOURCES + b"8BIM\x03\xed\0\0\0\0\0\x02\0\1"


def saved(format: str, image: Image.Image | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    (image or Image.fromarray(RGB)).save(stream, format, **options)
    return stream.getvalue()


def written(picture: Picture, format: str) -> tuple[bytes, tuple[str, ...]]:
    stream = io.BytesIO()
    left_out = write_picture(picture, stream, format)
    return stream.getvalue(), left_out


def read(data: bytes) -> Picture:
    picture = read_picture(io.BytesIO(data))
    for name, block in picture.metadata.items():
        assert block_problem(name, block) is None
    return picture


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*before: bytes, behind: bytes = b"", data: bytes | None = None) -> bytes:
    """A PNG with chunks behind its header and before its end."""
    data = data or saved("PNG")
    return data[:33] + b"".join(before) + data[33:-12] + behind + data[-12:]


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, position = [], 8
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        found.append((kind, data[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


def profile(kind: str, body: bytes, cut: int = 0) -> bytes:
    digits = body.hex()[: 2 * len(body) - cut]
    lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    text = f"\n{kind}\n{len(body):8}\n{lines}\n"
    return f"Raw profile type {kind}".encode() + b"\0\0" + zlib.compress(text.encode())


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    data = saved("JPEG")
    added = b"".join(b"\xff" + bytes([mark]) + struct.pack(">H", len(body) + 2) + body for mark, body in segments)
    return data[:2] + added + data[2:]


def tiff(tags: list[Tag], order: str = "<", big: bool = False) -> bytes:
    """A TIFF of the picture, with more tags."""
    layout = {256: (3, RGB.shape[1]), 257: (3, RGB.shape[0]), 259: (3, 1), 262: (3, 2), 277: (3, 3), 278: (3, 20)}
    numbers = {3: "H", 4: "I"}
    start = 16 if big else 8
    layout |= {273: (4, start), 279: (4, RGB.nbytes)}
    own = [Tag(number, kind, struct.pack(order + numbers[kind], value)) for number, (kind, value) in layout.items()]
    own.append(Tag(258, 3, struct.pack(order + "HHH", 8, 8, 8)))
    place = start + RGB.nbytes
    mark = b"II" if order == "<" else b"MM"
    if not big:
        head = mark + struct.pack(order + "HI", 42, place)
        return head + RGB.tobytes() + lay_out(own + tags, place, order)
    table, values = b"", b""
    listed = sorted(own + tags, key=lambda tag: tag.number)
    behind = place + 8 + 20 * len(listed) + 8
    for tag in listed:
        content = tag.content
        if len(content) > 8:
            content, values = struct.pack(order + "Q", behind + len(values)), values + content
        count = len(tag.content) // TIFF_SIZES[tag.type]
        table += struct.pack(order + "HHQ", tag.number, tag.type, count) + content.ljust(8, b"\0")
    head = mark + struct.pack(order + "HHHQ", 43, 8, 0, place)
    return head + RGB.tobytes() + struct.pack(order + "Q", len(listed)) + table + bytes(8) + values


# PNG: chunks


KEPT = {
    "pHYs": struct.pack(">IIB", 11811, 11811, 1),
    "gAMA": struct.pack(">I", 100000),
    "cHRM": struct.pack(">8I", *range(31000, 31008)),
    "sRGB": b"\1",
    "cICP": bytes([9, 16, 0, 1]),
    "mDCV": bytes(24),
    "cLLI": bytes(8),
    "sBIT": bytes([5, 6, 5]),
    "bKGD": bytes(6),
    "sPLT": b"few\0\x08" + bytes(6),
    "tIME": bytes([7, 224, 2, 29, 12, 0, 0]),
    "tEXt": b"Title\0caf\xe9",
    "zTXt": b"workflow\0\0" + zlib.compress(b"a" * 1_200_000),
    "iTXt": b"Title\0\0\0fr\0Titre\0" + "café".encode(),
    "oFFs": bytes(9),
    "pCAL": b"x\0" + bytes(10),
    "sCAL": b"\x011\x001",
    "orNT": b"\1",
    "prVt": b"a private chunk that may be copied"[:34],
}


@pytest.mark.parametrize("behind", [False, True], ids=["before the pixels", "behind them"])
@pytest.mark.parametrize("kind", KEPT)
def test_a_chunk_comes_back_byte_for_byte_in_its_place(kind: str, behind: bool) -> None:
    raw = chunk(kind.encode() if kind != "prVt" else b"prVt", KEPT[kind])
    data = png(behind=raw) if behind else png(raw)
    if kind == "prVt":
        data = data.replace(raw, chunk(b"prVt"[:3] + b"t", KEPT[kind]))
        kind = "prVt"[:3] + "t"
    picture = read(data)
    assert picture.notes == ()
    assert np.array_equal(picture.pixels, RGB)
    back, left_out = written(picture, "png")
    assert left_out == ()
    kinds = [name for name, _ in chunks(back)]
    assert chunks(back)[kinds.index(kind.encode())][1] == dict(chunks(data))[kind.encode()]
    assert (kinds.index(kind.encode()) > kinds.index(b"IDAT")) == behind
    assert read(back).metadata == picture.metadata


def test_chunks_that_must_not_be_copied_or_are_damaged_are_told() -> None:
    broken = bytearray(chunk(b"tEXt", b"Title\0x"))
    broken[-1] ^= 1
    picture = read(png(chunk(b"iDOT", bytes(28)), bytes(broken)) + b"more")
    assert np.array_equal(picture.pixels, RGB)
    assert picture.metadata == {}
    assert [note.split()[1] for note in picture.notes] == ["iDOT", "tEXt", "bytes"]
    broken[4:8] = b"tRNS"
    with pytest.raises(IDFError, match="tRNS"):
        read(png(bytes(broken)))


def test_many_notes_stay_few() -> None:
    odd = [chunk(f"x{chr(97 + i)}XX".encode(), b"") for i in range(26)]
    notes = read(png(*odd)).notes
    assert (len(notes), notes[-1]) == (13, "more is left out")


def test_a_chunk_about_samples_needs_the_same_samples() -> None:
    gray = saved("PNG", Image.fromarray(RGB[..., 1]))
    deep = read(png(chunk(b"bKGD", b"\0\x80"), chunk(b"sBIT", b"\x05"), data=gray))
    assert written(deep, "png")[1] == ()
    entries = list(unpack_entries(deep.metadata["png"]))
    assert entries[0] == Entry(b"IHDR", 0, gray[16:29])
    shallow = [Entry(b"IHDR", 0, gray[16:24] + b"\2" + gray[25:29]), *entries[1:]]
    data, left_out = written(Picture(deep.pixels, {"png": pack_entries(shallow)}), "png")
    assert left_out == ("png bKGD",)
    assert dict(chunks(data))[b"sBIT"] == b"\x05"
    assert written(Picture(RGB, deep.metadata), "png")[1] == ("png bKGD", "png sBIT")


# PNG: blocks


@pytest.mark.parametrize(
    ("kind", "body", "name", "block", "again"),
    [
        ("iCCP", b"ICC Profile\0\0" + zlib.compress(bytes(1_500_000)), "icc", bytes(1_500_000), False),
        ("iCCP", b"display\0\0" + zlib.compress(b"profile"), "icc", b"profile", True),
        ("eXIf", MAKER, "exif", MAKER, False),
        ("eXIf", b"Exif\0\0" + MAKER, "exif", MAKER, True),
        ("iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP, "xmp", XMP, False),
        ("iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP), "xmp", XMP, True),
        ("tEXt", b"XML:com.adobe.xmp\0" + XMP, "xmp", XMP, True),
        ("zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(XMP), "xmp", XMP, True),
        ("zTXt", profile("exif", b"Exif\0\0" + MAKER), "exif", MAKER, True),
        ("zTXt", profile("APP1", b"Exif\0\0" + MAKER), "exif", MAKER, True),
        ("zTXt", profile("APP1", b"http://ns.adobe.com/xap/1.0/\0" + XMP), "xmp", XMP, True),
        ("zTXt", profile("xmp", XMP), "xmp", XMP, True),
        ("zTXt", profile("iptc", RESOURCES), "iptc", IPTC, True),
        ("zTXt", profile("iptc", IPTC), "iptc", IPTC, True),
        ("zTXt", profile("8bim", OTHER_RESOURCES), "photoshop", OTHER_RESOURCES, True),
        ("zTXt", profile("icc", b"profile"), "icc", b"profile", True),
    ],
)
def test_a_block_in_a_chunk(kind: str, body: bytes, name: str, block: bytes, again: bool) -> None:
    """Found whatever chunk it is in; what the block does not say is kept beside it, and written once."""
    data = png(chunk(kind.encode(), body))
    picture = read(data)
    assert picture.notes == ()
    assert picture.metadata[name] == block
    assert ("png" in picture.metadata) == again
    back, left_out = written(picture, "png")
    assert left_out == ()
    assert len(chunks(back)) == len(chunks(data))
    if kind != "iCCP":
        assert (kind.encode(), body) in chunks(back)
    else:
        assert dict(chunks(back))[b"iCCP"].partition(b"\0")[0] == body.partition(b"\0")[0]
    assert read(back).metadata == picture.metadata


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("zTXt", profile("exif", b"Exif\0\0" + MAKER, cut=1)),
        ("zTXt", profile("exif", b"Exif\0\0" + MAKER, cut=2)),
        ("zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n" + b"9" * 5000 + b"\nff\n")),
        ("zTXt", b"Raw profile type exif\0\0not compressed"),
        ("tEXt", b"Raw profile type xmp\0"),
        ("iCCP", b"display\0\0not compressed"),
        ("iCCP", b"display\0\1" + zlib.compress(b"x")),
    ],
)
def test_a_block_that_cannot_be_read_is_kept_and_told(kind: str, body: bytes) -> None:
    picture = read(png(chunk(kind.encode(), body)))
    assert np.array_equal(picture.pixels, RGB)
    assert [note.split(":")[1] for note in picture.notes] == [" the chunk is kept as it is"]
    assert set(picture.metadata) == {"png"}
    assert (kind.encode(), body) in chunks(written(picture, "png")[0])


def test_a_compressed_text_that_would_fill_memory_is_not_inflated() -> None:
    bomb = zlib.compress(bytes(70 * 2**20), 9)
    picture = read(png(chunk(b"iCCP", b"x\0\0" + bomb), chunk(b"zTXt", b"Raw profile type exif\0\0" + bomb)))
    assert set(picture.metadata) == {"png"}
    assert len(picture.notes) == 2


# JPEG


def test_segments_of_a_jpeg() -> None:
    guid = b"0123456789ABCDEF0123456789ABCDEF"
    extended = b"http://ns.adobe.com/xmp/extension/\0" + guid + struct.pack(">II", 9, 0) + b"extension"
    data = jpeg(
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        (0xE1, extended),
        (0xE1, b"Exif\0\0" + MAKER[:20]),
        (0xE1, b"Exif\0\0" + MAKER[20:]),
        (0xED, b"Photoshop 3.0\0" + OTHER_RESOURCES[:30]),
        (0xED, b"Photoshop 3.0\0" + OTHER_RESOURCES[30:]),
        (0xFE, b"one"),
        (0xFE, b"t\xffo"),
        (0xEC, b"Ducky\0\1"),
        (0xE2, b"ICC_PROFILE\0\2\2file"),
        (0xE2, b"ICC_PROFILE\0\1\2pro"),
    )
    picture = read(data)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(picture.pixels, np.asarray(image))
    entries = [Entry(b"\xe1\0\0\0", 0, extended), Entry(b"\xec\0\0\0", 0, b"Ducky\0\1")]
    expected = {"icc": b"profile", "exif": MAKER, "xmp": XMP, "photoshop": OTHER_RESOURCES, "comment": b"one\nt\xffo"}
    assert picture.metadata == {**expected, "jpeg": pack_entries(entries)}
    assert picture.notes == ("it is a JPEG: its pixels are kept, not the file",)
    back, left_out = written(picture, "png")
    assert left_out == ("jpeg extended XMP", "jpeg APP12 Ducky")
    assert {name: read(back).metadata[name] for name in expected if name != "comment"} == {
        name: block for name, block in expected.items() if name != "comment"
    }
    assert (b"tEXt", b"Comment\0one\nt\xffo") in chunks(back)


def test_what_stands_between_scans_and_behind_the_end_of_a_jpeg() -> None:
    data = saved("JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    comment = b"\xff\xfe\0\x05abc"
    picture = read(data[:2] + b"\xff\xff" + data[2:scan] + comment + data[scan:] + b"\0\0film\0")
    assert picture.metadata == {"comment": b"abc"}
    assert picture.notes[1:] == ("4 bytes behind its end are left out",)
    assert np.array_equal(picture.pixels, read(data).pixels)


def test_iptc_alone_in_a_jpeg() -> None:
    picture = read(jpeg((0xED, b"Photoshop 3.0\0" + RESOURCES)))
    assert picture.metadata == {"iptc": IPTC}
    for format in ("png", "tiff"):
        data, left_out = written(picture, format)
        assert (left_out, read(data).metadata["iptc"]) == ((), IPTC)
    assert written(picture, "webp")[1] == ("iptc",)


def test_parts_of_a_profile_that_do_not_fit_are_kept() -> None:
    parts = [(0xE2, b"ICC_PROFILE\0\1\3pro"), (0xE2, b"ICC_PROFILE\0\3\3file")]
    picture = read(jpeg(*parts))
    assert [entry.content for entry in unpack_entries(picture.metadata["jpeg"])] == [body for _, body in parts]
    assert "do not fit together" in picture.notes[1]


def test_comments_find_a_text_chunk() -> None:
    for comment, found in (
        ("café".encode(), (b"iTXt", b"Comment\0\0\0\0\0caf\xc3\xa9")),
        (b"caf\xe9", (b"tEXt", b"Comment\0caf\xe9")),
    ):
        assert found in chunks(written(Picture(RGB, {"comment": comment}), "png")[0])
    assert written(Picture(RGB, {"comment": b"a\0b"}), "png")[1] == ("comment",)


# TIFF


@pytest.mark.parametrize("big", [False, True], ids=["TIFF", "BigTIFF"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tags_come_back_value_by_value(order: str, big: bool) -> None:
    pack = {kind: struct.pack(order + form, *values) for kind, form, values in (
        (3, "HH", (1, 700)), (4, "I", (70000,)), (5, "II", (1, 3)), (8, "hh", (-1, 2)), (9, "i", (-5,)),
        (10, "ii", (-1, 3)), (11, "f", (0.5,)), (12, "ddd", (0.5, 4e5, 5e6)),
    )}  # fmt: skip
    pack |= {1: b"bytes", 2: b"text\0", 6: b"\xff", 7: b"anything"}
    tags = [Tag(40000 + kind, kind, content) for kind, content in pack.items()]
    tags += [Tag(34737, 2, b"WGS 84|\0"), Tag(33550, 12, pack[12]), Tag(33723, 4, IPTC[:8])]
    tags += [Tag(34377, 1, OTHER_RESOURCES), Tag(700, 1, XMP), Tag(34675, 7, b"profile"), Tag(269, 2, b"name\0")]
    data = tiff(tags, order, big)
    if big and order == ">":  # Pillow does not know this form of TIFF
        found = read_metadata(data)
        picture = Picture(RGB, found.blocks, found.notes)
    else:
        picture = read(data)
    assert picture.notes == ()
    assert np.array_equal(picture.pixels, RGB)
    blocks = {name: picture.metadata[name] for name in ("iptc", "photoshop", "xmp", "icc")}
    assert blocks == {"iptc": IPTC[:8], "photoshop": OTHER_RESOURCES, "xmp": XMP, "icc": b"profile"}
    entries = {entry.number: entry for entry in unpack_entries(picture.metadata["tiff"])}
    kept = [tag for tag in tags if tag.number not in (33723, 34377, 700, 34675)]
    for tag in kept:
        little = tag if order == "<" else swapped(tag)
        assert (entries[tag.number].kind, entries[tag.number].content) == (tag.type, little.content)
    assert len(entries) == len(kept)
    data, left_out = written(picture, "tiff")
    assert left_out == ()
    again = read(data)
    assert np.array_equal(again.pixels, RGB)
    assert again.metadata == picture.metadata


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_a_tiff_keeps_pixels_as_stored_and_its_orientation(turn: int, order: str) -> None:
    nested = (Tag(36867, 2, b"2024:02:29 12:00:00\0"), Tag(40965, 4, b"", (Tag(1, 2, b"R98\0"),)))
    tags = [Tag(274, 3, struct.pack(order + "H", turn)), Tag(34665, 4, b"", nested), Tag(271, 2, b"Maker\0")]
    picture = read(tiff(tags, order))
    assert np.array_equal(picture.pixels, RGB)
    assert set(picture.metadata) == {"exif"}
    form = read_form(picture.metadata["exif"])
    assert read_directory(picture.metadata["exif"], form.first, form).tags == tuple(
        sorted(tags, key=lambda t: t.number)
    )
    for format in ("tiff", "png", "webp"):
        data, left_out = written(picture, format)
        assert left_out == ()
        with Image.open(io.BytesIO(data)) as image:
            assert image.getexif()[274] == turn
        assert np.array_equal(read(data).pixels, RGB)


@pytest.mark.parametrize(
    ("tag", "note"),
    [
        (Tag(330, 4, bytes(4)), "the directories that its tag 330 points to are left out"),
        (Tag(50000, 13, b"\1\0\0\0"), "the directories that its tag 50000 points to are left out"),
        (Tag(34665, 4, b"\xff\xff\xff\x7f"), "its tags 34665 cannot be read and are left out"),
    ],
)
def test_a_tag_that_cannot_be_kept_is_told(tag: Tag, note: str) -> None:
    picture = read(tiff([tag]))
    assert np.array_equal(picture.pixels, RGB)
    assert (picture.metadata, picture.notes) == ({}, (note,))


def test_tags_of_a_damaged_directory_are_told_and_the_picture_is_read() -> None:
    data = tiff([Tag(270, 2, b"x" * 100), Tag(40000, 2, b"y" * 100), Tag(40001, 2, b"same")])
    place = data.index(struct.pack("<HH", 40000, 2))
    for change in (struct.pack("<HHI", 40000, 99, 1), struct.pack("<HHI", 40000, 2, 2**31), struct.pack("<H", 270)):
        damaged = data[:place] + change + data[place + len(change) :]
        picture = read(damaged)
        assert np.array_equal(picture.pixels, RGB)
        assert len(picture.notes) == 1
        assert "exif" in picture.metadata


# Files of all kinds


@pytest.mark.skipif(not MIXED.is_dir(), reason="the collection ../shared/data/mixed is not here")
def test_no_chunk_or_tag_is_lost_without_a_word() -> None:
    count = 0
    for path in sorted(MIXED.iterdir()):
        try:
            picture = read_picture(path)
        except IDFError:
            continue
        assert all(block_problem(name, block) is None for name, block in picture.metadata.items()), path.name
        if path.suffix == ".png":
            data, left_out = written(picture, "png")
            told = f"{picture.notes} {left_out}"
            before, after = chunks(path.read_bytes()), chunks(data)
            lost = [kind for kind, body in before if kind[:1].islower() and (kind, body) not in after]
            assert all(kind == b"iCCP" or kind.decode() in told for kind in lost), path.name
        elif path.suffix in (".tif", ".tiff"):
            data, left_out = written(picture, "tiff")
            assert left_out == (), path.name
            numbers = []
            for whole in (path.read_bytes(), data):
                form = read_form(whole)
                numbers.append({tag.number for tag in read_directory(whole, form.first, form).tags} - LAYOUT)
            assert numbers[0] == numbers[1], path.name
        count += 1
    assert count > 40


# Resolution


@pytest.mark.parametrize(
    ("across", "unit", "tags"),
    [(11811, 1, ((1181100, 10000), 3)), (2835, 1, ((283500, 10000), 3)), (3, 0, ((3, 1), 1))],
)
def test_resolution_of_a_png_in_other_formats(across: int, unit: int, tags: Any) -> None:
    picture = read(png(chunk(b"pHYs", struct.pack(">IIB", across, across, unit))))
    data, left_out = written(picture, "tiff")
    assert left_out == ()
    with Image.open(io.BytesIO(data)) as image:
        (above, below), code = tags
        assert (image.tag_v2[282] * below, image.tag_v2[296]) == (above, code)
    data, left_out = written(picture, "bmp")
    assert left_out == (() if unit else ("png pHYs",))
    assert read(data).metadata == (picture.metadata if unit else {})
    assert written(picture, "webp")[1] == ("png pHYs",)


@pytest.mark.parametrize("dots", [72, 96, 300, 1200, 65535])
def test_dots_per_inch_of_a_jpeg_can_be_told_from_a_png(dots: int) -> None:
    picture = read(saved("JPEG", dpi=(dots, dots)))
    data, left_out = written(picture, "png")
    assert left_out == ()
    (across, _, unit) = struct.unpack(">IIB", dict(chunks(data))[b"pHYs"])
    assert (round(across * 0.0254), unit) == (dots, 1)
    data, left_out = written(picture, "tiff")
    with Image.open(io.BytesIO(data)) as image:
        assert (image.tag_v2[282], image.tag_v2[296], left_out) == (dots, 2, ())


def test_two_resolutions_are_told_apart() -> None:
    tags = [Tag(282, 5, struct.pack("<II", 300, 1)), Tag(283, 5, struct.pack("<II", 300, 1)), Tag(296, 3, b"\2\0")]
    exif = b"II*\0\x08\0\0\0" + lay_out(tags, 8, "<")
    for per_metre, left_out in ((11811, ()), (11812, ("png pHYs",))):
        block = pack_entries([Entry(b"pHYs", 0, struct.pack(">IIB", per_metre, per_metre, 1))])
        assert written(Picture(RGB, {"exif": exif, "png": block}), "tiff")[1] == left_out


# Other formats


def test_metadata_of_webp() -> None:
    data = saved("WEBP", lossless=True, exif=b"Exif\0\0" + MAKER, xmp=XMP, icc_profile=b"profile")
    assert (read(data).metadata, read(data).notes) == ({"icc": b"profile", "exif": MAKER, "xmp": XMP}, ())
    assert read(saved("WEBP")).notes == ("it is a lossy WebP: its pixels are kept, not the file",)
    more = data + b"ODDS" + struct.pack("<I", 2) + b"ab"
    more = more[:4] + struct.pack("<I", len(more) - 8) + more[8:]
    assert read(more).notes == ("its unknown chunk 'ODDS' is left out",)
    assert np.array_equal(read(more).pixels, RGB)
    assert read(data + b"more").notes == ("4 bytes behind its end are left out",)
    broken = bytearray(data)
    start = data.index(b"EXIF")
    struct.pack_into("<I", broken, start + 4, 2**31)
    assert np.array_equal(read_picture(io.BytesIO(broken)).pixels, RGB)


def test_metadata_of_bmp_and_pnm() -> None:
    data = saved("BMP", dpi=(300, 300))
    assert read(data).metadata == read(png(chunk(b"pHYs", struct.pack(">IIB", 11811, 11811, 1)))).metadata
    assert read(b"P5 # one\n2 1\n#t\xffo\n255\nab").metadata == {"comment": b" one\nt\xffo"}


def test_metadata_of_gif() -> None:
    data = saved("GIF", Image.fromarray(RGB[..., 0]), comment=b"c" * 300)
    assert read_metadata(data).blocks == {"comment": b"c" * 300}
    trailer = bytes([1, *range(255, -1, -1), 0])
    xmp = b"!\xff\x0bXMP DataXMP" + XMP + trailer
    icc = b"!\xff\x0bICCRGBG1012\x03pro\x04file\0"
    loop = b"!\xff\x0bNETSCAPE2.0\x03\1\0\0\0"
    other = b"\x0bODDSOFTW1.0\x02ab\0"
    start = data.index(b"!\xfe")
    found = read_metadata(data[:start] + xmp + icc + loop + b"!\xff" + other + data[start:])
    entry = Entry(b"\xff\0\0\0", 0, other)
    assert found.blocks == {"comment": b"c" * 300, "xmp": XMP, "icc": b"profile", "gif": pack_entries([entry])}


def test_an_image_keeps_what_its_owner_left_in_its_info() -> None:
    listed = [(b"tEXt", b"Title\0caf\xe9"), (b"iTXt", b"Title2\0\0\0fr\0Titre\0" + "\u4e16".encode())]
    listed += [(kind.encode(), KEPT[kind]) for kind in ("gAMA", "cHRM", "sRGB", "pHYs")]
    listed += [(b"tEXt", b"Raw profile type exif\0\nexif\n%8d\n%s\n" % (len(MAKER), MAKER.hex().encode()))]
    with Image.open(io.BytesIO(png(*(chunk(*each) for each in listed)))) as image:
        image.info |= {"odd": [1], "dpi2": None}
        picture = from_image(image)
        assert set(picture.metadata) == {"exif", "png"}
        assert {(e.name, e.content) for e in unpack_entries(picture.metadata["png"])} == set(listed)
        assert [note.split("'")[1] for note in picture.notes] == ["odd"]
    behind = chunk(b"tEXt", b"Title\0x")
    with Image.open(io.BytesIO(png(behind=behind))) as image:
        assert list(unpack_entries(from_image(image).metadata["png"])) == [Entry(b"tEXt", 0, b"Title\0x")]
    with Image.open(io.BytesIO(png(chunk(*listed[0])))) as image:
        image.info.clear()
        assert from_image(image).metadata == {}


@pytest.mark.parametrize("info", [{"dpi": (0.5, "x")}, {"gamma": float("nan")}, {"chromaticity": 1}, {"srgb": 999}])
def test_odd_info_of_an_image_is_told(info: dict[str, Any]) -> None:
    image = Image.fromarray(RGB)
    image.info.update(info)  # type: ignore[arg-type]
    picture = from_image(image)
    assert (picture.metadata, len(picture.notes)) == ({}, 1)


# Anything


def anything(format: str) -> bytes:
    if format == "png":
        texts = [chunk(kind.encode(), body) for kind, body in KEPT.items() if len(body) < 100 and kind != "prVt"]
        return png(*texts, chunk(b"zTXt", profile("exif", MAKER)), chunk(b"iCCP", b"x\0\0" + zlib.compress(b"icc")))
    if format == "jpeg":
        return jpeg((0xE1, b"Exif\0\0" + MAKER), (0xED, b"Photoshop 3.0\0" + RESOURCES), (0xFE, b"comment"))
    if format == "tiff":
        return tiff([Tag(270, 2, b"caption\0"), Tag(34665, 4, b"", (Tag(36867, 2, b"date"),)), Tag(700, 1, XMP)], ">")
    if format == "webp":
        return saved("WEBP", lossless=True, exif=MAKER, xmp=XMP)
    return saved("GIF", Image.fromarray(RGB[..., 0]), comment=b"comment") if format == "gif" else saved("BMP")


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["png", "jpeg", "tiff", "webp", "gif", "bmp"]), st.data())
def test_damage_never_makes_reading_fail(format: str, data: st.DataObject) -> None:
    whole = anything(format)
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    found = read_metadata(bytes(damaged))
    for name, block in found.blocks.items():
        assert block_problem(name, block) is None
    assert all("\n" not in note for note in found.notes)


@pytest.mark.parametrize("format", ["png", "tiff"])
def test_own_writing_is_read_again(format: str) -> None:
    """Blocks of any content, valid or not, in all formats that hold them."""
    blocks = {"icc": b"\0", "exif": MAKER, "xmp": b"\xff\0x", "iptc": b"\x1c" + bytes(5), "photoshop": b"8BIM or not"}
    data, left_out = written(Picture(RGB, blocks), format)
    assert left_out == ()
    found = dict(read(data).metadata)
    found.pop("png", None)
    assert found == blocks


def blocks_of(length: int) -> dict[str, Callable[[], bytes]]:
    return {
        "many chunks": lambda: png(*[chunk(b"tEXt", b"a\0")] * length),
        "overlapping tags": lambda: tiff([Tag(40000 + i, 7, bytes(100)) for i in range(min(length, 20000))]),
        "a chain of directories": lambda: b"II*\0\x08\0\0\0" + b"".join(
            struct.pack("<HI", 0, 8 + 6 * (i + 1)) for i in range(length)
        ),
    }  # fmt: skip


@pytest.mark.parametrize("kind", blocks_of(0))
def test_time_is_linear(kind: str) -> None:
    read_metadata(blocks_of(60_000)[kind]())  # a square of this would not end


def test_formats_without_metadata_are_left_alone() -> None:
    data = saved("PPM")
    assert write_metadata(data, "PPM", {"icc": b"x", "png": pack_entries([Entry(b"gAMA", 0, bytes(4))])}) == (
        data,
        ("icc", "png gAMA"),
    )
