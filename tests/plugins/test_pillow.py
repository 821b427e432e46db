"""The format in Pillow."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps, ImageSequence, PngImagePlugin, UnidentifiedImageError

import idfcodec
import idfcodec.plugins.pillow as plugin
from idfcodec.picture.picture import Frames, Picture
from tests.pictures import generate

PHOTO = Image.fromarray(generate("photo", 40, 24))
EXIF = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"  # turned by 90 degrees


def saved(image: Image.Image, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, "IDFC", effort="fast", **options)
    file.seek(0)
    return file


def same(a: Image.Image, b: Image.Image) -> bool:
    return a.mode == b.mode and np.array_equal(np.asarray(a), np.asarray(b))


def test_paths_and_options(tmp_path: Path) -> None:
    path = tmp_path / "photo.idfc"
    for effort in ("fast", "default"):
        PHOTO.save(path, effort=effort, threads=1, conversion=False, verify=True)
        assert path.read_bytes() == idfcodec.encode(PHOTO, effort=effort, conversion=False)
    with Image.open(path) as image:
        assert (image.format, image.size, image.get_format_mimetype()) == ("IDFC", (40, 24), "image/x-idfc")
        assert same(image, PHOTO)
        image.putpixel((0, 0), (1, 2, 3))  # it is not read-only
        image.save(path)  # over itself
    assert Image.open(path).getpixel((0, 0)) == (1, 2, 3)
    with pytest.raises(OSError, match="no effort"):
        PHOTO.save(path, effort="nonsense")


def kinds() -> dict[str, Image.Image]:
    palette = PHOTO.quantize(20)
    clear = palette.copy()
    clear.info["transparency"] = bytes(range(20))
    one = palette.copy()
    one.info["transparency"] = 3
    rgba = PHOTO.copy()
    rgba.putalpha(PHOTO.convert("L"))
    sixteen = Image.fromarray(np.asarray(PHOTO.convert("L")).astype(np.uint16) * 257)
    modes = [PHOTO.convert(mode) for mode in ("1", "L", "LA", "RGB", "CMYK")]
    named = {"palette": palette, "clear": clear, "one": one, "rgba": rgba, "sixteen": sixteen}
    return named | {image.mode: image for image in modes}


@pytest.mark.parametrize("kind", kinds())
def test_modes_come_back(kind: str) -> None:
    image = kinds()[kind]
    again = Image.open(saved(image))
    assert again.mode == image.mode
    again.load()
    assert same(again, image)
    assert same(again.convert("RGBA"), image.convert("RGBA"))
    assert same(pickle.loads(pickle.dumps(again)), image)


def test_opening_reads_the_head_alone() -> None:
    """And imports no compiled loops."""

    class Counting(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    file = Counting(idfcodec.encode(generate("noise", 700, 600)))
    with Image.open(file) as image:
        assert (image.size, image.mode, image.info) == ((700, 600), "RGB", {})
        assert file.count < 5000
        image.load()
        assert file.count > 700 * 600
    program = "import sys, idfcodec.plugins.pillow as p; print({'numba', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_frames_with_durations(tmp_path: Path) -> None:
    images = [PHOTO, PHOTO.rotate(180), ImageOps.invert(PHOTO)]
    file = saved(images[0], save_all=True, append_images=iter(images[1:]), duration=[40, 100, 12.5], loop=3)
    with Image.open(file) as image:
        assert (image.n_frames, image.is_animated, image.tell(), image.info["loop"]) == (3, True, 0, 3)
        shown = [(frame.copy(), frame.info["duration"]) for frame in ImageSequence.Iterator(image)]
        assert [duration for _, duration in shown] == [40, 100, 12.5]
        assert all(same(frame, one) for (frame, _), one in zip(shown, images, strict=True))
        image.seek(1)
        assert image.tell() == 1
        assert same(image, images[1])
        with pytest.raises(EOFError):
            image.seek(3)
        assert image.tell() == 1
        image.save(tmp_path / "again.idfc", save_all=True)
        image.save(tmp_path / "one.idfc")
        image.save(tmp_path / "gif.png", save_all=True)
    again = idfcodec.decode_picture((tmp_path / "again.idfc").read_bytes())
    assert again.same(idfcodec.decode_picture(file.getvalue()))
    assert same(Image.open(tmp_path / "one.idfc"), images[1])
    assert idfcodec.read_info(tmp_path / "one.idfc").structure.frames is None
    with Image.open(tmp_path / "gif.png") as png:
        assert png.n_frames == 3  # type: ignore[attr-defined]


def test_frames_of_other_formats(tmp_path: Path) -> None:
    images = [PHOTO.quantize(8), PHOTO.rotate(180).quantize(8)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=70, loop=1)
    with Image.open(tmp_path / "a.gif") as gif:
        again = Image.open(saved(gif, save_all=True))
        assert (again.n_frames, again.info["duration"], again.info["loop"]) == (2, 70, 2)  # type: ignore[attr-defined]
        assert gif.tell() == 0
    PHOTO.save(tmp_path / "a.tiff", save_all=True, append_images=[PHOTO.rotate(180)])
    with Image.open(tmp_path / "a.tiff") as pages:
        frames = idfcodec.read_info(saved(pages, save_all=True)).structure.frames
    assert frames == Frames(2)
    with pytest.raises(OSError, match="differ in size"):
        saved(PHOTO, save_all=True, append_images=[PHOTO.resize((3, 3))])
    assert same(Image.open(saved(PHOTO, save_all=True)), PHOTO)


def test_metadata() -> None:
    image = Image.open(saved(PHOTO, icc_profile=b"profile", exif=b"Exif\0\0" + EXIF, xmp=b"<x/>", comment="hello"))
    assert image.info == {"icc_profile": b"profile", "exif": EXIF, "xmp": b"<x/>", "comment": b"hello"}
    assert image.getexif()[0x0112] == 6
    assert ImageOps.exif_transpose(image).size == (24, 40)
    again = Image.open(saved(image))
    assert again.info == image.info
    assert Image.open(saved(image, exif=None, comment=b"")).info == {"icc_profile": b"profile", "xmp": b"<x/>"}
    assert Image.open(saved(image, strip=True)).info == {}
    exif = image.getexif()
    exif[0x0112] = 3
    assert Image.open(saved(image, exif=exif)).getexif()[0x0112] == 3


def test_texts_of_a_png() -> None:
    file, texts = io.BytesIO(), PngImagePlugin.PngInfo()
    texts.add_text("Title", "a photograph")
    PHOTO.save(file, "PNG", pnginfo=texts, dpi=(300, 300))
    found = Image.open(saved(Image.open(file))).info
    assert found["Title"] == "a photograph"
    assert found["dpi"] == pytest.approx((300, 300), rel=1e-3)


def test_white_and_depths_that_pillow_has_not() -> None:
    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30)
    image = Image.open(io.BytesIO(idfcodec.encode(Picture(pixels, white=4095))))
    assert (image.mode, image.info["white_level"]) == ("I;16", 4095)
    assert idfcodec.decode_picture(saved(image).getvalue()).white == 4095
    deep = idfcodec.encode(np.stack([pixels] * 3, 2))
    with pytest.raises(OSError, match="16 bits"):
        Image.open(io.BytesIO(deep))
    with pytest.raises(OSError, match="floating point"):
        saved(PHOTO.convert("F"))


def test_decompression_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    still = saved(PHOTO)
    two = saved(PHOTO, save_all=True, append_images=[PHOTO])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 24 - 1)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(still)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 24)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Image.open(still).load()
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(two)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 24 - 1)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(two)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    Image.open(two).load()


@pytest.mark.parametrize("truncated_too", [False, True])
def test_truncated_and_damaged(truncated_too: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", truncated_too)
    data = saved(PHOTO).getvalue()
    head = idfcodec.read_info(data).header_size
    for size in range(head):
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(data[:size]))
    for size in (head, head + 1, len(data) - 1):
        image = Image.open(io.BytesIO(data[:size]))
        with pytest.raises(OSError, match="truncated"):
            image.load()
        with pytest.raises(OSError, match="truncated"):
            image.copy()
    for position in (5, head // 2, head - 1):
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]))
    damaged = data[:-1] + bytes([data[-1] ^ 255])
    with pytest.raises(OSError, match=r"checksum|damaged"):
        Image.open(io.BytesIO(damaged)).load()
    with pytest.raises(OSError, match=r"checksum|damaged"):
        Image.open(io.BytesIO(damaged)).verify()
    Image.open(io.BytesIO(data)).verify()


def test_a_file_that_changes_after_opening(tmp_path: Path) -> None:
    path = tmp_path / "a.idfc"
    PHOTO.save(path)
    image = Image.open(path)
    other = idfcodec.encode(generate("photo", 41, 24))
    path.write_bytes(other)
    with pytest.raises(OSError, match="another one"):
        image.load()
    image.close()
    closed = Image.open(saved(PHOTO))
    closed.close()
    with pytest.raises((OSError, ValueError), match="closed"):
        closed.load()


def test_registering_twice() -> None:
    before = list(Image.ID)
    plugin.register()
    assert before == Image.ID
    assert Image.registered_extensions()[".idfc"] == "IDFC"
