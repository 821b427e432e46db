"""Closed, full and broken standard streams and signals, in processes of their own: one sentence, or work."""

import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from idfcodec.demo import draw
from idfcodec.files import load_picture
from idfcodec.picture.pillow import Picture, write_picture

from .conftest import encode

pytestmark = pytest.mark.skipif(os.name != "posix" or not Path("/dev/full").exists(), reason="streams of Linux")


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a line of a shell, in which $I is the command line."""
    environment = {**os.environ, "I": f"{sys.executable} -m idfcodec"}
    return subprocess.run(
        ["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.idfc").write_bytes(encode(draw(8, 8)))
    return tmp_path


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("$I demo --size 8x8 a.png 2>&-", 0, ""),
        ("$I demo --size 8x8 a.png 2>/dev/full", 0, ""),
        ("$I demo --size 8x8 a.png >&- <&-", 0, "a.png: 8x8 RGB"),
        ("$I demo -q --size 8x8 - >&-", 1, "idfcodec: standard output: is closed"),
        ("$I demo -q --size 8x8 - >/dev/full", 1, "idfcodec: standard output: No space left on device"),
        ("$I info a.idfc >/dev/full", 1, "idfcodec: standard output: No space left on device"),
        ("$I info --json a.idfc a.idfc >&-", 1, "idfcodec: standard output: is closed"),
        ("$I info - <&-", 1, "idfcodec: standard input: is closed"),
        ("$I --help >/dev/full", 1, "idfcodec: standard output: No space left on device"),
        ("$I info --help >&-", 1, "idfcodec: standard output: is closed"),
        ("$I --version >/dev/full 2>&1", 1, ""),
        ("$I nonsense 2>/dev/full", 2, ""),
        ("$I compress '' 2>/dev/null", 2, ""),
        ("$I decompress -o '' a.idfc 2>/dev/null", 2, ""),
        ("$I info none.idfc 2>&-", 1, ""),
    ],
)
def test_streams(folder: Path, line: str, code: int, says: str) -> None:
    done = shell(line, folder)
    assert done.returncode == code
    assert done.stderr.startswith(says)
    assert done.stderr.count("\n") == bool(says)
    assert (folder / "a.png").exists() == line.startswith("$I demo --size")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("demo -q --size 200x100 -", "idfcodec: standard output: File too large\n"),
        ("info --bytes a.idfc a.idfc a.idfc a.idfc a.idfc a.idfc", "idfcodec: standard output: File too large\n"),
        ("demo -q --size 200x100 a.png", "a.png: File too large\n"),
    ],
)
def test_a_limit_of_sizes(folder: Path, line: str, says: str, unbuffered: str) -> None:
    """The system takes a part of what is written, which is no success."""
    done = shell(f"ulimit -f 4; PYTHONUNBUFFERED={unbuffered} $I {line} >out", folder)
    assert done.returncode == 1
    assert done.stderr.endswith(says)
    assert {path.name for path in folder.iterdir()} == {"a.idfc", "out"}


def test_a_pipe_by_name_has_a_size(tmp_path: Path) -> None:
    stream = io.BytesIO()
    write_picture(Picture(draw(8, 8)), stream, "png")
    (tmp_path / "a.png").write_bytes(stream.getvalue())
    os.mkfifo(tmp_path / "pipe")
    thread = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(stream.getvalue(),), daemon=True)
    thread.start()
    picture, size = load_picture(str(tmp_path / "pipe"))
    thread.join(60)
    assert size == len(stream.getvalue())
    assert picture.same(load_picture(str(tmp_path / "a.png"))[0])


def test_input_that_does_not_wait(folder: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    command = [sys.executable, "-m", "idfcodec", "info", "-"]
    done = subprocess.run(command, stdin=reading, capture_output=True, text=True, timeout=120, check=False)
    os.close(reading)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == "idfcodec: standard input: Resource temporarily unavailable\n"


@pytest.mark.parametrize("arguments", [["--help"], ["compress", "--help"], ["info", "--json", "a.idfc"]])
def test_a_reader_that_has_gone(folder: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "idfcodec", *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(120) == 141


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_signals_leave_nothing_behind(tmp_path: Path, name: str, code: int) -> None:
    """The signal comes while the temporary file is written."""
    program = (
        "import os, signal, sys; from idfcodec.__main__ import main;"
        f"os.fsync = lambda descriptor: os.kill(os.getpid(), signal.{name}); sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "demo", "--size", "8x8", "a.png"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: [signal.signal(kind, signal.SIG_DFL) for kind in (signal.SIGINT, signal.SIGHUP)],
    )
    assert (done.returncode, done.stderr) == (code, "idfcodec: interrupted\n" if name == "SIGINT" else "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("megabytes", [300, 380])
def test_little_memory(folder: Path, megabytes: int) -> None:
    """Works, or says so: nothing aborts, nothing waits for ever."""
    assert shell("$I demo -q --size 8x8 b.png", folder).returncode == 0
    done = shell(f"ulimit -v {megabytes * 1024}; $I compress -q -e fast b.png", folder)
    assert (done.returncode, done.stderr) in ((0, ""), (1, "idfcodec: b.png: not enough memory\n"))
