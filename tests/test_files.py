"""Atomic writes: the whole file or nothing, whatever goes wrong."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from idfcodec.files import attributes_of, check_target, write_target
from idfcodec.targets import plan


def full(*arguments: Any, **options: Any) -> Any:
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
    check_target(Path(os.devnull), (), force=False)
    write_target(Path(os.devnull), b"data", force=True)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_check_target_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_target(tmp_path / "a", (), force=False)
    with pytest.raises(FileNotFoundError):
        check_target(tmp_path / "none" / "a", (), force=False)
    with pytest.raises(IsADirectoryError):
        check_target(tmp_path, (), force=True)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        check_target(tmp_path / "file" / "a", (), force=False)
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    with pytest.raises(PermissionError, match="not writable"):
        check_target(tmp_path / "a", (), force=False)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write to a read-only folder")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        write_target(tmp_path / "a", b"", force=False)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("old", [None, 0o600, 0o644, 0o666])
@pytest.mark.parametrize("modes", [[], [0o600], [0o644], [0o4755], [0o444], [0o640, 0o604]])
def test_permissions_are_those_that_all_sources_and_the_old_file_give(
    tmp_path: Path, modes: list[int], old: int | None
) -> None:
    sources = [tmp_path / str(i) for i in range(len(modes))]
    for source, mode in zip(sources, modes, strict=True):
        source.touch()
        source.chmod(mode)
        os.utime(source, ns=(10**18 + 1, 981_173_106_123_456_789))
    target = tmp_path / "target"
    if old is not None:
        target.touch()
        target.chmod(old)
    write_target(target, b"new", force=True, like=attributes_of(map(str, sources)))
    status = target.stat()
    expected = 0o777 if modes or old is not None else 0o666 & ~current_umask()
    for mode in (*modes, *([] if old is None else [old])):
        expected &= mode
    assert stat.S_IMODE(status.st_mode) == expected
    assert (status.st_mtime_ns == 981_173_106_123_456_789) == (len(modes) == 1)


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_nobody_reads_a_private_file_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").touch()
    (tmp_path / "source").chmod(0o640)
    seen = []

    def look(descriptor: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", look)
    write_target(tmp_path / "a", b"new", force=False, like=attributes_of([str(tmp_path / "source")]))
    assert seen == [0o600]


@pytest.mark.skipif(os.name != "posix", reason="owners of POSIX")
def test_an_owner_that_cannot_be_given_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(path: Path, user: int, group: int) -> None:
        asked.append((user, group))
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse)
    (tmp_path / "a.png").touch()
    (tmp_path / "a.png").chmod(0o664)
    told: list[tuple[str, str]] = []
    name = str(tmp_path / "a.png")
    for owner in (False, True):
        targets = plan([name], None, ".idfc", owner=owner, warn=lambda *what: told.append(what))
        targets.check(name, force=True)
        targets.write(name, b"new", force=True)
    assert asked == [(os.getuid(), (tmp_path / "a.png").stat().st_gid)]
    assert told == [(name, f"{tmp_path / 'a.idfc'} cannot be given its owner")]
    assert stat.S_IMODE((tmp_path / "a.idfc").stat().st_mode) == 0o604, "its group is another one"


@pytest.mark.parametrize("call", ["chmod", "utime"])
def test_file_systems_without_attributes_take_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    (tmp_path / "source").touch()
    monkeypatch.setattr(os, call, full)
    write_target(tmp_path / "a", b"new", force=False, like=attributes_of([str(tmp_path / "source")]))
    assert (tmp_path / "a").read_bytes() == b"new"
