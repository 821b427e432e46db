"""Paths, URLs and open files: what pictures are read from."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import idfcodec
from idfcodec.cli.main import main
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.picture.picture import Picture
from idfcodec.picture.pillow import read_picture, write_picture
from idfcodec.source import is_url, opened, written
from tests.pictures import generate

fsspec = pytest.importorskip("fsspec", reason="needs fsspec")

PHOTO = generate("photo", 40, 30)
DATA = idfcodec.encode(PHOTO, effort="fast")
USER = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1"}


def png() -> bytes:
    file = io.BytesIO()
    write_picture(Picture(PHOTO), file, "png")
    return file.getvalue()


@pytest.mark.parametrize("name", ["s3://bucket/a.idfc", "memory://a", "simplecache::s3://b/a", "file:///tmp/a"])
def test_urls(name: str) -> None:
    assert is_url(name)


@pytest.mark.parametrize(
    "name", ["a.idfc", "C:\\a.idfc", "C:/a.idfc", "a:b", "./s3://a", "-", Path("s3://a"), b"s3://a"]
)
def test_paths(name: object) -> None:
    assert not is_url(name)


def test_memory(tmp_path: Path) -> None:
    url = "memory://folder/a.idfc"
    written(url, DATA)
    with opened(url) as file:
        assert file.read() == DATA
    assert idfcodec.read_info(url) == idfcodec.read_info(DATA)
    written("memory://folder/a.png", png())
    assert np.array_equal(read_picture("memory://folder/a.png").pixels, PHOTO)
    path = tmp_path / "a.idfc"
    path.write_bytes(DATA)
    for source in (path, str(path), path.as_uri(), io.BytesIO(DATA)):
        assert idfcodec.read_info(source) == idfcodec.read_info(DATA)


def test_only_the_head_is_read() -> None:
    """Whatever metadata there is, and a file that is open is read from where it is, and left open."""
    for size in (0, 5_000, 100_000):
        metadata = {"icc": bytes(range(1, 251)) * (size // 250)} if size else {}
        data = idfcodec.encode(Picture(generate("noise", 300, 300), metadata), effort="fast")
        file = io.BytesIO(b"before" + data)
        file.seek(6)
        head = idfcodec.read_info(file)
        assert head == idfcodec.read_info(data)
        assert file.tell() < 2 * head.header_size + 5000 < len(data) + size
    for end in range(head.header_size):
        if end % 5000 < 40:
            with pytest.raises(CorruptFile):
                idfcodec.read_info(io.BytesIO(data[:end]))


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        idfcodec.read_info("memory://nowhere/a.idfc")
    assert caught.value.filename == "memory://nowhere/a.idfc"
    with pytest.raises(OSError, match="Protocol not known: nonsense"):
        idfcodec.read_info("nonsense://a")
    with pytest.raises(IDFError, match=r"cannot read nonsense://a"):
        read_picture("nonsense://a")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(IDFError, match=r"pip install 'idfcodec\[fsspec\]'"):
        idfcodec.read_info("memory://a")


@pytest.fixture(scope="module")
def bucket() -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of a bucket on a server of S3 on this machine, and the environment that leads there."""
    pytest.importorskip("s3fs", reason="needs s3fs")
    moto = pytest.importorskip("moto.server", reason="needs moto, flask and flask-cors")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        environment = {**USER, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            fsspec.filesystem("s3").mkdir("pictures")
            yield "s3://pictures", environment
            fsspec.filesystem("s3").clear_instance_cache()
    finally:
        server.stop()


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """From and to URLs; nothing is overwritten without -f."""
    monkeypatch.chdir(tmp_path)
    written("memory://cli/a.png", png())
    assert main(["compress", "-q", "memory://cli/a.png"]) == 0
    assert idfcodec.read_info("memory://cli/a.idfc").width == 40
    assert main(["compress", "-q", "memory://cli/a.png"]) == 1
    assert capsys.readouterr().err == "idfcodec: memory://cli/a.idfc: exists already; -f overwrites it\n"
    written("memory://other/a.png", png())
    assert main(["compress", "-qf", "memory://cli/a.png", "memory://other/a.png", "-o", "memory://cli/"]) == 1
    assert "would be written to memory://cli/a.idfc, which is the target of" in capsys.readouterr().err
    assert main(["info", "memory://cli/a.idfc"]) == 0
    assert "40x30" in capsys.readouterr().out
    assert main(["test", "-q", "memory://cli/a.idfc"]) == 0
    assert main(["decompress", "-q", "memory://cli/a.idfc", "-o", "b.png"]) == 0
    assert main(["decompress", "-q", "memory://cli/a.idfc", "-o", "memory://cli/b.tiff"]) == 0
    assert main(["compress", "-q", "b.png", "-o", "memory://cli/folder/"]) == 0
    for name in ("b.png", "memory://cli/b.tiff"):
        assert np.array_equal(read_picture(name).pixels, PHOTO)
    with opened("memory://cli/folder/b.idfc") as file:
        assert np.array_equal(idfcodec.decode(file.read()), PHOTO)
    assert main(["compress", "-q", "--batch", "memory://cli/a.png", "b.png", "-o", "memory://cli/all.idfb"]) == 0
    assert main(["decompress", "-q", "memory://cli/all.idfb", "-o", "memory://cli/"]) == 1
    assert "needs a folder that exists" in capsys.readouterr().err
    assert main(["decompress", "-q", "memory://cli/all.idfb", "-o", f"{tmp_path}/"]) == 0
    assert np.array_equal(read_picture("0001.png").pixels, PHOTO)
    assert main(["info", "memory://cli/nothing.idfc"]) == 1
    assert "memory://cli/nothing.idfc" in capsys.readouterr().err


def test_s3(bucket: tuple[str, dict[str, str]]) -> None:
    url, environment = bucket
    written(f"{url}/a.idfc", DATA)
    written(f"{url}/a.png", png())
    assert idfcodec.read_info(f"{url}/a.idfc") == idfcodec.read_info(DATA)
    assert np.array_equal(read_picture(f"{url}/a.png").pixels, PHOTO)
    with opened(f"{url}/a.idfc") as file:
        assert np.array_equal(idfcodec.decode(file.read()), PHOTO)
    with pytest.raises(FileNotFoundError):
        idfcodec.read_info(f"{url}/b.idfc")
    assert main(["compress", "-q", f"{url}/a.png", "-o", f"{url}/from/the/line/"]) == 0
    assert main(["test", "-q", f"{url}/from/the/line/a.idfc"]) == 0
    assert main(["decompress", "-q", f"{url}/from/the/line/a.idfc"]) == 0
    assert np.array_equal(read_picture(f"{url}/from/the/line/a.png").pixels, PHOTO)
    nobody = {**os.environ, **environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    arguments = [sys.executable, "-m", "idfcodec", "info", f"{url}/a.idfc"]
    done = subprocess.run(arguments, env=nobody, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
