"""Atomic writes: the whole file or nothing, whatever goes wrong."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from idfcodec.files import check_target, target_of, write_target


def full(*arguments: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("call", ["write", "fsync", "replace", "open"])
def test_full_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, existing: bool
) -> None:
    target = tmp_path / "a"
    if existing:
        target.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(OSError, match="No space left") as caught:
            write_target(target, b"new", force=True)
    assert caught.value.filename == str(target)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == ({"a": b"old"} if existing else {})


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data[:3])))
    write_target(tmp_path / "a", b"0123456789", force=False)
    assert (tmp_path / "a").read_bytes() == b"0123456789"


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_target(tmp_path / "a", b"", force=False)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_target_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        write_target(tmp_path / "a", b"new", force=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_a_link_keeps_pointing(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_target(tmp_path / "link", b"new", force=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="devices of POSIX")
def test_a_device_is_not_replaced() -> None:
    check_target(Path(os.devnull), [], force=False)
    write_target(Path(os.devnull), b"data", force=True)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_check_target_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_target(tmp_path / "a", [], force=False)
    with pytest.raises(FileNotFoundError):
        check_target(tmp_path / "none" / "a", [], force=False)
    with pytest.raises(IsADirectoryError):
        check_target(tmp_path, [], force=True)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        check_target(tmp_path / "file" / "a", [], force=False)
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    with pytest.raises(PermissionError, match="not writable"):
        check_target(tmp_path / "a", [], force=False)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write to a read-only folder")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        write_target(tmp_path / "a", b"", force=False)


@pytest.mark.parametrize(
    ("name", "output", "suffix", "replaces", "expected"),
    [
        ("photo.png", None, ".idfc", None, "photo.idfc"),
        ("a/photo.png", None, ".idfc", None, "a/photo.idfc"),
        ("photo", None, ".idfc", None, "photo.idfc"),
        ("a/photo.png", "b/", ".idfc", None, "b/photo.idfc"),
        ("photo.idfc", None, ".png", ".idfc", "photo.png"),
        ("PHOTO.IDFC", None, ".png", ".idfc", "PHOTO.png"),
        ("photo.v2", None, ".png", ".idfc", "photo.v2.png"),
        ("photo.png", "x.y", ".idfc", None, "x.y"),
        ("-", "x.y", ".idfc", None, "x.y"),
        ("-", None, ".idfc", None, None),
        ("photo.png", "-", ".idfc", None, None),
    ],
)
def test_target_of(name: str, output: str | None, suffix: str, replaces: str | None, expected: str | None) -> None:
    target = target_of(name, output, suffix, replaces=replaces)
    assert target == (None if expected is None else Path(expected))
