"""Every kind of picture through the command line and back: each cell of the table in README, and `mixed`."""

from __future__ import annotations

import io
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idfcodec.codec import decode, decode_picture, encode
from idfcodec.errors import IDFError, UnsupportedImage
from idfcodec.info import read_info
from idfcodec.picture.picture import Picture
from idfcodec.picture.pillow import FORMATS, read_picture, write_picture
from idfcodec.picture.png import SIGNATURE, chunk, chunks
from tests.cli.conftest import Run
from tests.cli.kinds import HELD, KINDS, METADATA
from tests.cli.table import lines
from tests.conftest import REPOSITORY
from tests.picture.test_pillow import METADATA as BLOCKS

CELLS = [(kind, format) for kind, formats in HELD.items() for format in formats]
OTHERS = [(kind, format) for kind in KINDS for format in FORMATS if format not in HELD[kind]]
SAME = {"tif": "tiff", "pnm": "ppm"}
SMALL = 60_000
"""Samples up to which a file of `mixed` is coded in every run; those of a longer one are cut."""
REFUSED = {
    "pillow_blend_op_over.png": "first picture is not one of the frames",
    "pillow_hopper.Lab.tif": "mode LAB",
    "pillow_tiff_16bit_RGBa.tiff": "multiplied by alpha",
}
MIXED = sorted(path.name for path in (REPOSITORY.parent / "shared" / "data" / "mixed").glob("*"))


def through(run: Run, path: Path, back: Path) -> Picture:
    """The picture that comes back from a file by `compress` and `decompress`."""
    packed = back.with_suffix(".idfc")  # never beside the input, which may be of `mixed`
    done = run("compress", "-e", "fast", "-f", str(path), "-o", str(packed))
    assert done.code == 0, done.err
    done = run("decompress", "-f", str(packed), "-o", str(back))
    assert done.code == 0, done.err
    return read_picture(back)


def test_the_table_in_readme_is_this_one() -> None:
    """`python -m tests.cli.table` prints it."""
    assert "\n".join(lines()) in (REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_comes_back_in_python(kind: str) -> None:
    picture = KINDS[kind]()
    plain = picture.structure == Picture(picture.pixels).structure and not picture.cmyk if not picture.frames else False
    data = encode(picture.pixels if plain else picture, effort="fast")
    assert decode_picture(data).same(picture)
    np.testing.assert_array_equal(decode(data), picture.pixels)


@pytest.mark.parametrize(("kind", "format"), CELLS)
def test_a_kind_comes_back_from_a_format(run_for_real: Run, tmp_path: Path, kind: str, format: str) -> None:
    picture, path = KINDS[kind](), tmp_path / f"picture.{format}"
    with path.open("wb") as file:
        write_picture(picture, file, format)
    assert read_picture(path).same(picture)
    assert through(run_for_real, path, tmp_path / f"back.{format}").same(picture)


@pytest.mark.parametrize(("kind", "format"), OTHERS)
def test_another_format_refuses_a_kind_in_a_line(kind: str, format: str) -> None:
    picture, file = KINDS[kind](), io.BytesIO()
    if kind == "gray" and format == "webp":
        return  # which is written as RGB, see `write_picture`
    if SAME.get(format) in HELD[kind] or (kind, format) in (("1 bit", "pnm"), ("gray", "pnm"), ("gray", "ppm")):
        write_picture(picture, file, format)
        assert read_picture(io.BytesIO(file.getvalue())).same(picture)
        return
    if kind == "gray, 16 bits" and format in ("pnm", "ppm"):
        return
    with pytest.raises(IDFError, match=r"does not hold|holds frames of 256") as caught:
        write_picture(picture, file, format)
    assert "\n" not in str(caught.value)
    assert not file.getvalue()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if set(HELD[kind]) & set(METADATA)])
def test_metadata_of_a_kind_comes_back(run_for_real: Run, tmp_path: Path, kind: str) -> None:
    format = next(format for format in HELD[kind] if format in METADATA)
    picture = KINDS[kind]()
    expected = {name: BLOCKS[name] for name in METADATA[format] if not (name == "exif" and format == "tiff")}
    path = tmp_path / f"picture.{format}"
    with path.open("wb") as file:
        write_picture(Picture(**{**vars(picture), "metadata": BLOCKS}), file, format)
    back = through(run_for_real, path, tmp_path / f"back.{format}")
    assert back.same(picture)
    found = dict(back.metadata)
    if format == "tiff":
        assert found.pop("exif")  # the descriptive tags, with some of the format's own
    assert found == expected


def test_info_says_what_a_file_holds(run_for_real: Run, tmp_path: Path) -> None:
    said = {
        "palette with alpha": "palette, 8 bits, 32 colours",
        "1 bit": "bilevel, 1 bit",
        "CMYK, 16 bits": "cmyk, 16 bits",
        "10 or 12 bits in 16": "rgb, 16 bits, white is 4095",
        "animation, RGB": "frames    3 frames, 1.08 s in all, for ever",
        "animation of few colours": "frames    3 frames, 1.08 s in all, 3 times",
        "pages": "frames    3 pages",
    }
    for kind, text in said.items():
        path = tmp_path / f"{kind}.{HELD[kind][0]}"
        with path.open("wb") as file:
            write_picture(KINDS[kind](), file, HELD[kind][0])
        assert run_for_real("compress", "-e", "fast", str(path)).code == 0
        packed = str(path.with_suffix(".idfc"))
        assert text in run_for_real("info", packed).out.decode()
        assert "payload" in run_for_real("info", "--bytes", packed).out.decode()
        assert run_for_real("test", packed).code == 0
        assert read_info(packed).structure == KINDS[kind]().structure


@pytest.mark.skipif(not MIXED, reason="the collection ../shared/data/mixed is not here")
@pytest.mark.parametrize("name", MIXED)
def test_mixed_comes_back(run_for_real: Run, tmp_path: Path, shared_data: Path, name: str) -> None:
    """Through files of its own format, or the lossless one that holds the kind; of a large one a part."""
    path = shared_data / "mixed" / name
    if name in REFUSED:
        done = run_for_real("compress", "-e", "fast", str(path), "-o", str(tmp_path / "x.idfc"))
        assert (done.code, done.err.count("\n")) == (1, 1)
        assert REFUSED[name] in done.err
        return
    picture = read_picture(path)
    if picture.pixels.size > SMALL:
        picture = part_of(picture)
        path = tmp_path / name
        with path.open("wb") as file:
            write_picture(picture, file, format_for(path, picture))
    assert through(run_for_real, path, tmp_path / f"back.{format_for(path, picture)}").same(picture)


@pytest.mark.slow
@pytest.mark.skipif(not MIXED, reason="the collection ../shared/data/mixed is not here")
@pytest.mark.parametrize("name", [name for name in MIXED if name not in REFUSED])
def test_mixed_comes_back_whole(run_for_real: Run, tmp_path: Path, shared_data: Path, name: str) -> None:
    path = tmp_path / name
    path.symlink_to(shared_data / "mixed" / name)
    picture = read_picture(path)
    assert through(run_for_real, path, tmp_path / f"back.{format_for(path, picture)}").same(picture)


def format_for(path: Path, picture: Picture) -> str:
    """Its own format where that holds the picture, or another one."""
    if picture.frames or path.suffix == ".jpg":
        return "tiff" if picture.cmyk else "png"
    return path.suffix[1:]


def part_of(picture: Picture) -> Picture:
    """The middle of a picture, so large that it is coded in a moment."""
    height, width = picture.shape[:2]
    side = max(int((SMALL / (picture.pixels.size / (height * width))) ** 0.5), 1)
    top, left = max(height - side, 0) // 2, max(width - side, 0) // 2
    square = (slice(top, top + side), slice(left, left + side))
    part = picture.pixels[(slice(None), *square) if picture.frames else square]
    return Picture(**{**vars(picture), "pixels": np.ascontiguousarray(part)})


def test_without_the_extra_a_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, format, library in (("RGB, 16 bits", "png", "imagecodecs"), ("CMYK, 16 bits", "tiff", "tifffile")):
        path = tmp_path / f"deep.{format}"
        with path.open("wb") as file:
            write_picture(KINDS[kind](), file, format)
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(UnsupportedImage, match=r"pip install 'idfcodec\[deep\]'"):
            read_picture(path)
        if format == "tiff":
            with pytest.raises(UnsupportedImage, match=r"pip install 'idfcodec\[deep\]'"):
                write_picture(KINDS[kind](), io.BytesIO(), format)


@pytest.mark.parametrize("kind", ["RGB and alpha, 16 bits", "RGB, 16 bits", "gray and alpha, 16 bits"])
def test_interlaced_png_of_16_bits(tmp_path: Path, kind: str) -> None:
    """Against the same picture, not interlaced: the passes are written one after the other here."""
    picture = KINDS[kind]()
    file = io.BytesIO()
    write_picture(picture, file, "png")
    head = bytearray(dict(chunks(file.getvalue()))[b"IHDR"])
    head[12] = 1
    rows = b""
    for top, left, down, right in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
                                   (1, 0, 2, 1)):  # fmt: skip
        part = picture.pixels[top::down, left::right].astype(">u2")
        rows += b"".join(b"\0" + row.tobytes() for row in part if part.size)
    parts = (chunk(b"IHDR", bytes(head)), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    assert read_picture(io.BytesIO(SIGNATURE + b"".join(parts))).same(picture)


def test_pillow_images_are_taken(tmp_path: Path) -> None:
    gray = np.arange(300, dtype=np.uint16).reshape(15, 20) * 200
    images = {
        "1": Image.fromarray(gray > 9000),
        "P": Image.fromarray((gray >> 8).astype(np.uint8)).convert("P"),
        "LA": Image.fromarray((gray >> 8).astype(np.uint8)).convert("LA"),
        "PA": Image.fromarray((gray >> 8).astype(np.uint8)).convert("PA"),
        "RGBA": Image.fromarray(np.dstack([gray >> 8] * 4).astype(np.uint8)),
        "CMYK": Image.fromarray(np.dstack([gray >> 8] * 4).astype(np.uint8)).convert("RGB").convert("CMYK"),
        "I;16": Image.fromarray(gray),
        "I;16B": Image.frombytes("I;16B", (20, 15), gray.astype(">u2").tobytes()),
        "I": Image.fromarray(gray.astype(np.int32)),
    }
    for mode, image in images.items():
        assert image.mode == mode
        back = decode_picture(encode(image, effort="fast", verify=True))
        expected = image.convert("RGBA") if mode == "PA" else image
        assert back.cmyk == (mode == "CMYK")
        np.testing.assert_array_equal(back.pixels, np.asarray(expected).astype(back.pixels.dtype))
        if mode == "P":
            assert back.palette is not None
            assert back.palette[:, :3].ravel().tolist() == image.getpalette()
