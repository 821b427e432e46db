"""Folders on the command line: what is done, what is done again, what is told, and what is left when it ends early."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from idfcodec import manifest
from idfcodec.cli import folders
from idfcodec.demo import draw
from idfcodec.jobs import Done, Job, Settings
from idfcodec.manifest import NAME, read_manifest

from .conftest import Run

THEN = 1_600_000_000_123_456_789


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder `in` with four pictures and what is none."""
    folder = tmp_path / "in"
    for i, name in enumerate(["b.png", "sub/a.PNG", "sub/deep/c.tiff", "z.bmp"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(40, 30, seed=i)).save(folder / name)
        os.utime(folder / name, ns=(THEN, THEN + i))
    (folder / "notes.txt").write_text("none")
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are done in this process."""
    monkeypatch.setattr(folders, "cores", lambda: 1)


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def members(group: int) -> list[psutil.Process]:
    """The processes of a group that still run."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


RESULTS = [NAME, "b.idfc", "sub/a.idfc", "sub/deep/c.idfc", "z.idfc"]


def test_a_folder_there_and_back_by_processes(run_for_real: Run, tmp_path: Path, pictures: Path) -> None:
    (pictures / "sub" / "bad.png").write_bytes(b"no picture")
    done = run_for_real("compress", "-r", "in", "-o", "out", "-e", "fast", "-T", "2")
    assert (done.code, done.out) == (1, b"")
    lines = done.err.splitlines()
    assert [line.split(": ")[0] for line in lines[:5]] == [
        "in/b.png -> out/b.idfc",
        "in/sub/a.PNG -> out/sub/a.idfc",
        "idfcodec",
        "in/sub/deep/c.tiff -> out/sub/deep/c.idfc",
        "in/z.bmp -> out/z.idfc",
    ]
    assert lines[5].startswith("4 of 5 files: ")
    assert lines[6].startswith("  failed: in/sub/bad.png: cannot read the picture")
    assert tree(tmp_path / "out") == RESULTS
    assert (tmp_path / "out/sub/a.idfc").stat().st_mtime_ns == THEN + 1
    if shutil.which("sha256sum"):
        assert subprocess.run(["sha256sum", "-c", "--quiet", NAME], cwd=tmp_path / "out").returncode == 0
    assert run_for_real("decompress", "-r", "out", "-o", "back").code == 0
    before, after = (
        np.asarray(Image.open(p)) for p in (pictures / "sub/deep/c.tiff", tmp_path / "back/sub/deep/c.png")
    )
    assert np.array_equal(before, after)
    assert (tmp_path / "back/z.png").stat().st_mtime_ns == THEN + 3


@pytest.mark.usefixtures("here")
def test_what_is_done_and_right_is_not_done_again(
    run_for_real: Run, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["compress", "-r", "in", "-o", "out", "-e", "fast"]
    assert run_for_real(*command).code == 0
    before = {name: (tmp_path / "out" / name).stat().st_ino for name in RESULTS[1:]}
    again = run_for_real(*command)
    assert again.code == 0
    assert "in: 4 of 4 files were done before, and their results are right" in again.err
    assert {name: (tmp_path / "out" / name).stat().st_ino for name in RESULTS[1:]} == before
    skipped = [json.loads(line) for line in run_for_real(*command, "--json").out.splitlines()]
    assert [line["skipped"] for line in skipped] == [True] * 4

    os.utime(pictures / "z.bmp")  # changed, but the same picture
    (tmp_path / "out/b.idfc").write_bytes(b"damaged")
    third = run_for_real(*command)
    assert third.code == 1
    assert "out/b.idfc: exists already; -f overwrites it" in third.err
    assert "in/z.bmp -> out/z.idfc" in third.err
    assert "was there already" in third.err
    assert run_for_real(*command, "-f").code == 0
    assert run_for_real("test", "-r", "out").code == 0
    other = run_for_real("compress", "-r", "in", "-o", "out", "-e", "fast", "--strip", "-f")
    assert "done before" not in other.err


@pytest.mark.usefixtures("here")
def test_a_run_that_was_killed_before_it_could_note_is_gone_on_with(
    run_for_real: Run, tmp_path: Path, pictures: Path
) -> None:
    command = ["compress", "-r", "in", "-o", "out", "-e", "fast"]
    run_for_real(*command)
    lines = (tmp_path / "out" / NAME).read_bytes()
    (tmp_path / "out" / NAME).write_bytes(lines[: len(lines) // 2])
    assert 0 < len(read_manifest(tmp_path / "out")) < 4
    before = (tmp_path / "out/z.idfc").stat().st_ino
    done = run_for_real(*command)
    assert done.code == 0
    assert "was there already" in done.err
    assert (tmp_path / "out/z.idfc").stat().st_ino == before
    assert (tmp_path / "out" / NAME).read_bytes() == lines


@pytest.mark.usefixtures("here")
def test_the_list_is_checked(run_for_real: Run, tmp_path: Path, pictures: Path) -> None:
    run_for_real("compress", "-r", "in", "-o", "out", "-e", "fast")
    assert run_for_real("test", "-r", "out").code == 0
    (tmp_path / "out/b.idfc").unlink()
    shutil.copy(tmp_path / "out/z.idfc", tmp_path / "out/sub/a.idfc")
    shutil.copy(tmp_path / "out/z.idfc", tmp_path / "out/more.idfc")
    done = run_for_real("test", "-r", "out")
    assert done.code == 1
    assert "out/b.idfc: No such file" in done.err
    assert "out/sub/a.idfc: its bytes are others than the list of checksums says" in done.err
    assert "out/more.idfc: right" in done.err
    assert "1 files are not in its SHA256SUMS" in done.err


@pytest.mark.usefixtures("here")
@pytest.mark.skipif(os.name != "posix", reason="makes links")
def test_links_out_of_the_folder_are_not_followed(run_for_real: Run, tmp_path: Path, pictures: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.copy(pictures / "b.png", outside / "secret.png")
    (pictures / "folder").symlink_to(outside)
    (pictures / "file.png").symlink_to(outside / "secret.png")
    (pictures / "within.png").symlink_to(pictures / "b.png")
    (pictures / "loop").symlink_to(pictures)
    done = run_for_real("compress", "-r", "in", "-o", "in/out", "-e", "fast")
    assert done.code == 0
    assert "in/file.png: a link out of the folder, left out" in done.err
    assert tree(pictures / "out") == sorted([*RESULTS, "within.idfc"])
    assert run_for_real("compress", "-r", "in", "-o", "in/out", "-e", "fast").err.count("->") == 0


@pytest.mark.usefixtures("here")
def test_results_that_would_meet(run_for_real: Run, tmp_path: Path, pictures: Path) -> None:
    shutil.copy(pictures / "z.bmp", pictures / "b.bmp")
    done = run_for_real("compress", "-r", "in", "-e", "fast")
    assert done.code == 1
    assert "in/b.png: would be written to b.idfc, which is the target of b.bmp too" in done.err
    assert (pictures / "b.idfc").is_file()


@pytest.mark.usefixtures("here")
def test_sources_are_deleted_once_their_results_are_verified(
    run_for_real: Run, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.open(pictures / "b.png")
    image.save(pictures / "sub/deep/c.tiff", compression="jpeg")
    kept = draw(40, 30, seed=3)
    done = run_for_real("compress", "-r", "in", "-o", "out", "-e", "fast", "--delete-source")
    assert done.code == 0
    assert "source deleted" in done.err
    assert "b.png" not in tree(pictures)
    assert "notes.txt" in tree(pictures)
    run_for_real("decompress", "-r", "out", "-o", "back")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "back/z.png")), kept)

    from idfcodec import codec

    Image.fromarray(kept).save(pictures / "new.png")
    monkeypatch.setattr(codec, "encode", lambda picture, **options: (tmp_path / "out/sub/a.idfc").read_bytes())
    monkeypatch.setattr("idfcodec.jobs.write_target", lambda target, data, **options: target.write_bytes(data[:-1]))
    done = run_for_real("compress", "-r", "in", "-o", "out", "-e", "fast", "--delete-source")
    assert done.code == 1
    assert "has changed meanwhile; the source is kept" in done.err
    assert (pictures / "new.png").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["compress", "-r", "in/b.png"], "takes one folder"),
        (["compress", "-r", "in", "in"], "takes one folder"),
        (["compress", "-r", "in", "--batch", "-o", "x"], "one picture each"),
        (["compress", "-r", "in", "-c"], "must be a folder"),
        (["compress", "-r", "in", "-o", "in/b.png"], "must be a folder"),
        (["compress", "--delete-source", "in/b.png"], "needs -r"),
        (["compress", "-r", "in", "--delete-source", "--no-verify"], "needs -r"),
        (["compress", "--scheduler", "tcp://x", "in/b.png"], "needs -r"),
        (["decompress", "-r", "in", "--box", "0,0,1,1"], "all of it"),
    ],
)
def test_wrong_usage(run_for_real: Run, pictures: Path, arguments: list[str], says: str) -> None:
    done = run_for_real(*arguments)
    assert done.code == 2
    assert says in done.err


def test_errors_of_the_program_cost_one_file(
    run_for_real: Run, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, here: None
) -> None:
    def work(job: Job, settings: Settings) -> Done:
        if job.name == "b.png":
            raise KeyError("oh")
        return Done(job, sha256="0" * 64)

    monkeypatch.setattr(folders, "compress", work)
    done = run_for_real("compress", "-r", "in", "-o", "out")
    assert done.code == 1
    assert "in/b.png: an error of the program, KeyError: 'oh'" in done.err
    assert "3 of 4 files" in done.err


def test_progress_says_what_time_is_left(
    run_for_real: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch, here: None
) -> None:
    from idfcodec.cli.report import Progress, left_of

    assert (left_of(10, 0.5), left_of(3600, 0.25), left_of(1, 1)) == ("0:10", "3:00:00", "0:00")
    monkeypatch.setattr(folders, "compress", lambda job, settings: Done(job, sha256="0" * 64))
    monkeypatch.setattr(Progress, "DELAY", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    shown = run_for_real("compress", "-r", "in", "-o", "out").err
    assert "\r4 files [" in shown
    assert "%, 0:00 left" in shown


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_who_is_interrupted_leaves_whole_files_alone(tmp_path: Path, number: int) -> None:
    """A real process group, which gets the signal in the middle, with worker processes at work."""
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(30):
        Image.fromarray(draw(160, 120, seed=i)).save(folder / f"{i:02}.png")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "idfcodec", "compress", "-r", str(folder), "-o", str(out), "-e", "fast", "-T", "2"]
    process: Any = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # even if whoever runs this ignores it
    )
    deadline = time.monotonic() + 100
    while not (out / NAME).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    err = process.communicate(timeout=100)[1].decode()
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    listed = read_manifest(out)
    there = tree(out)
    assert not [name for name in there if name.endswith(".tmp")]
    assert 1 <= len(listed) < 30
    for name, entry in listed.items():
        assert manifest.checksum_of(out / name) == entry.sha256
    deadline = time.monotonic() + 10
    while left := members(process.pid):
        assert time.monotonic() < deadline, left
