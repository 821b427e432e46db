"""File types for file(1) and for desktops, with the real tools, and thumbnails."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import idfcodec
import idfcodec.plugins.pillow
from idfcodec.format.mode import Mode
from idfcodec.picture.picture import Picture
from idfcodec.plugins.desktop import install, main, share
from tests.pictures import generate

PHOTO = generate("photo", 40, 30)


def needed(tool: str) -> str:
    if (path := shutil.which(tool)) is None:
        pytest.skip(f"needs {tool}")
    return path


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    (folder / "photo.idfc").write_bytes(idfcodec.encode(PHOTO, effort="fast", conversion=False))
    (folder / "ycbcr.idfc").write_bytes(idfcodec.encode(generate("lattice", 80, 60), effort="fast"))
    (folder / "deep.idfc").write_bytes(idfcodec.encode(PHOTO.astype(np.uint16) * 255, effort="fast"))
    (folder / "names.idfb").write_bytes(idfcodec.encode_batch([PHOTO] * 7, effort="fast"))
    return folder


def test_file_says_what_it_is(samples: Path) -> None:
    tool = needed("file")
    magic = str(share / "idfcodec.magic")
    checked = subprocess.run([tool, "-c", "-m", magic], capture_output=True, text=True, check=True)
    warnings = [line for line in checked.stderr.splitlines() if "Warning" in line]
    assert [line for line in warnings if "using regular magic file" not in line] == []

    def said(name: str, *options: str) -> str:
        arguments = [tool, "-b", "-m", magic, *options, str(samples / name)]
        return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip()

    assert said("photo.idfc") == "idfcodec image data, version 1, 40 x 30, 8-bit RGB"
    assert said("ycbcr.idfc") == "idfcodec image data, version 1, 80 x 60, 8-bit RGB that was YCbCr"
    assert said("deep.idfc") == "idfcodec image data, version 1, 40 x 30, 16-bit RGB"
    assert said("names.idfb") == "idfcodec batch of images, version 1, 7 images"
    assert said("photo.idfc", "--mime-type") == "image/x-idfc"
    assert said("names.idfb", "--mime-type") == "image/x-idfc-batch"


def test_file_knows_every_mode() -> None:
    text = (share / "idfcodec.magic").read_text()
    for mode in Mode:
        assert f">5\tubyte\t{int(mode)}\t" in text or 15 < mode < 32


def test_desktops_know_the_types(samples: Path, tmp_path: Path) -> None:
    needed("update-mime-database")
    written = install(tmp_path)
    assert all(path.is_file() for path in written)
    assert (tmp_path / "mime" / "image" / "x-idfc.xml").is_file()
    globs = (tmp_path / "mime" / "globs").read_text()
    assert "image/x-idfc:*.idfc" in globs
    assert "image/x-idfc-batch:*.idfb" in globs
    assert b"\x89IDF" in (tmp_path / "mime" / "magic").read_bytes()
    if (xdg := shutil.which("gio")) is not None:
        environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
        arguments = [xdg, "info", "-a", "standard::content-type", str(samples / "photo.idfc")]
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
        assert "image/x-idfc" in done.stdout


def test_the_thumbnailer_does_what_its_entry_says(samples: Path, tmp_path: Path) -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(install(tmp_path)[1])
    values = entry["Thumbnailer Entry"]
    assert values["TryExec"] == sys.executable
    assert values["MimeType"] == "image/x-idfc;"
    target = tmp_path / "out.png"
    given = {"%i": str(samples / "photo.idfc"), "%o": str(target), "%s": "16"}
    command = [given.get(word, word) for word in values["Exec"].split()]
    subprocess.run(command, check=True, timeout=100)
    with Image.open(target) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (16, 12), "RGB")


def test_thumbnails_of_other_kinds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, target = tmp_path / "a.idfc", tmp_path / "a.png"
    palette = np.array([[255, 0, 0, 255], [0, 0, 0, 0]], np.uint8)
    path.write_bytes(idfcodec.encode(Picture(PHOTO[..., 0] % 2, palette=palette)))
    assert main(["thumbnail", str(path), str(target), "128"]) == 0
    with Image.open(target) as image:
        assert (image.size, image.mode) == ((40, 30), "RGBA")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PHOTO).save(path, exif=exif)
    assert main(["thumbnail", str(path), str(target), "20"]) == 0
    with Image.open(target) as image:
        assert image.size == (15, 20)
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["thumbnail", str(path), str(target), "20"]) == 1
    assert "truncated" in capsys.readouterr().err
    assert main(["thumbnail"]) == 2
