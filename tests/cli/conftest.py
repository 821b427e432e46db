"""The command line in this process, with a codec that needs no model."""

import io
import sys
import types
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import idfcodec
from idfcodec import models
from idfcodec.cli import main as cli
from idfcodec.errors import CorruptFile
from idfcodec.flow.contract import CodeLength
from idfcodec.format import container
from idfcodec.picture import pillow as planes

MODEL = bytes.fromhex("00112233aabbccdd")


def encode(image: Any, *, progress: Any = None, **options: Any) -> bytes:
    """A valid container around one zlib stream; what it was called with is kept in `calls`."""
    calls.append(options)
    picture = image if isinstance(image, planes.Picture) else planes.from_image(image)
    pixels = picture.pixels
    mode = container.Mode.GRAY if pixels.ndim == 2 else container.Mode.RGB
    height, width = pixels.shape[:2]
    raw = pixels.tobytes()
    if progress is not None:
        progress(1, 2)
        progress(2, 2)
    checksum = container.pixel_checksum(mode, width, height, raw)
    tiles = (zlib.compress(raw),)
    return container.pack(container.Container(mode, width, height, 1024, MODEL, checksum, picture.metadata, tiles))


def decode_picture(data: bytes, *, progress: Any = None, **options: Any) -> planes.Picture:
    calls.append(options)
    header = container.unpack(data)
    try:
        raw = zlib.decompress(header.tiles[0])
    except zlib.error as ex:
        raise CorruptFile(f"tile 0 is damaged: {ex}") from ex
    if container.pixel_checksum(header.mode, header.width, header.height, raw) != header.checksum:
        raise CorruptFile("the pixels do not match their checksum")
    shape = (header.height, header.width) + ((3,) if header.mode.planes == 3 else ())
    return planes.Picture(np.frombuffer(raw, np.uint8).reshape(shape), header.metadata)


def code_length(image: planes.Picture, **options: Any) -> CodeLength:
    calls.append(options)
    return CodeLength(np.zeros((1, 1)), 2.5 * image.pixels.size)


calls: list[dict[str, Any]] = []


@pytest.fixture
def fake_codec(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    fake = types.ModuleType("idfcodec.codec")
    calls.clear()
    for name, value in {
        "encode": encode,
        "decode_picture": decode_picture,
        "calls": calls,
    }.items():
        setattr(fake, name, value)
    lengths = types.ModuleType("idfcodec.code_length")
    lengths.code_length = code_length  # type: ignore[attr-defined]
    monkeypatch.setattr(models, "load_model", lambda model, *, device: SimpleNamespace(kernel="exact"))
    monkeypatch.setitem(sys.modules, "idfcodec.code_length", lengths)
    monkeypatch.setattr(idfcodec, "code_length", lengths, raising=False)
    monkeypatch.setitem(sys.modules, "idfcodec.codec", fake)
    monkeypatch.setattr(idfcodec, "codec", fake, raising=False)
    return fake


@dataclass(frozen=True)
class Transcript:
    """What a call of the command line left."""

    code: int
    out: bytes
    err: str


Run = Callable[..., Transcript]


@pytest.fixture
def run(run_for_real: Run, fake_codec: Any) -> Run:
    """The same with a codec that needs no model."""
    return run_for_real


@pytest.fixture
def run_for_real(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Run:
    """Calls the command line in `tmp_path`; `stdin` is what it can read there."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, stdin: bytes = b"") -> Transcript:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsysbinary.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as ex:
            code = int(ex.code or 0)
        captured = capsysbinary.readouterr()
        return Transcript(code, captured.out, captured.err.decode())

    return call


@pytest.fixture
def picture_file(tmp_path: Path, photo: Any) -> Path:
    """`photo.png` in the folder where the command line runs."""
    path = tmp_path / "photo.png"
    with path.open("wb") as file:
        planes.write_picture(planes.Picture(photo), file, "png")
    return path
