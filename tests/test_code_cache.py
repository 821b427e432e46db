"""Machine code kept between processes: whatever becomes of its folder, loops compute, and nothing strange is loaded."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.codegen import CPUCodegen

from idfcodec.code_cache import KEPT, CodeCache, cache_folder, covered_files
from tests.conftest import REPOSITORY

LOOP = """
from idfcodec.compiled import compiled
@compiled
def total(values):
    out = 0
    for value in values:
        out += value
    return out
"""
POSIX = pytest.mark.skipif(os.name != "posix", reason="owners and permissions of POSIX")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of machine code, empty, and no hint given yet."""
    monkeypatch.setenv("IDFCODEC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(CodeCache, "_hint", threading.Lock())
    return tmp_path / "cache"


def loads(folder: Path, source: str = LOOP) -> bool:
    """Sum up by a loop, as a process does that starts; whether its machine code was there."""
    folder.mkdir(exist_ok=True)
    (folder / "loop.py").write_text(source)
    spec = importlib.util.spec_from_file_location("loop", folder / "loop.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.total(np.arange(10)) == 45
    return bool(module.total.stats.cache_hits)


def kept(cache: Path) -> Path:
    """The one file of machine code."""
    (file,) = cache.rglob("*.code")
    return file


def test_it_is_kept(cache: Path, tmp_path: Path) -> None:
    assert not loads(tmp_path / "a")
    if os.name == "posix":
        assert kept(cache).parent.stat().st_mode & 0o777 == 0o700
    assert loads(tmp_path / "a")
    assert loads(tmp_path / "elsewhere")  # the same modules on another path
    assert not loads(tmp_path / "a", LOOP + "# changed")


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def _change(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _garble(file: Path) -> None:
    file.write_bytes(os.urandom(5000))


def _seal_garbage(file: Path) -> None:
    file.write_bytes(hashlib.sha256(b"no pickle").digest() + b"no pickle")


@pytest.mark.parametrize("damage", [_empty, _cut, _change, _garble, _seal_garbage, Path.unlink])
def test_what_is_damaged_is_compiled_anew(damage: Callable[[Path], None], cache: Path, tmp_path: Path) -> None:
    loads(tmp_path)
    damage(kept(cache))
    assert not loads(tmp_path)
    assert loads(tmp_path)


def test_another_processor(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(CPUCodegen, "magic_tuple", lambda self: ("x86_64", "another", ""))
        loads(tmp_path)
    assert not loads(tmp_path)
    assert loads(tmp_path)


def test_a_full_disk(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    for _ in range(2):
        assert not loads(tmp_path)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "(No space left on device): every run compiles anew" in record.getMessage()
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_nowhere_to_keep_it(cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache.write_bytes(b"a file in the folder's place")
    for _ in range(2):
        assert not loads(tmp_path)
    assert len(caplog.records) == 1


class Planted:
    """What leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def _nothing(file: Path) -> None:
    pass


def _open_file(file: Path) -> None:
    file.chmod(0o666)


def _open_folder(file: Path) -> None:
    file.parent.chmod(0o770)


def _link(file: Path) -> None:
    file.symlink_to(file.rename(file.with_suffix(".other")))


def _give_away(file: Path) -> None:
    os.chown(file, 54321, 54321)


def _give_folder_away(file: Path) -> None:
    os.chown(file.parent, 54321, 54321)


@POSIX
@pytest.mark.parametrize("change", [_nothing, _open_file, _open_folder, _link, _give_away, _give_folder_away])
def test_what_others_could_have_written_is_not_unpickled(
    change: Callable[[Path], None], cache: Path, tmp_path: Path
) -> None:
    if change in (_give_away, _give_folder_away) and os.geteuid():
        pytest.skip("only root gives files away")
    loads(tmp_path)
    data, file = pickle.dumps(Planted(tmp_path / "trace")), kept(cache)
    file.write_bytes(hashlib.sha256(data).digest() + data)
    change(file)
    assert not loads(tmp_path)
    assert (tmp_path / "trace").exists() == (change is _nothing)


def _environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name in ("IDFCODEC_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname == "Darwin", reason="conventions of Linux")
def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    usual = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    fallback = tmp_path / "tmp" / f"idfcodec-{os.geteuid()}"
    for variables, wanted in [
        (usual, tmp_path / "home/.cache/idfcodec"),
        (usual | {"XDG_CACHE_HOME": str(tmp_path / "xdg")}, tmp_path / "xdg/idfcodec"),
        (usual | {"XDG_CACHE_HOME": "xdg"}, tmp_path / "home/.cache/idfcodec"),
        (usual | {"NUMBA_CACHE_DIR": str(tmp_path / "numba")}, tmp_path / "numba/idfcodec"),
        (usual | {"IDFCODEC_CACHE_DIR": str(tmp_path / "x"), "NUMBA_CACHE_DIR": "/y"}, tmp_path / "x"),
        (usual | {"IDFCODEC_CACHE_DIR": "here", "NUMBA_CACHE_DIR": "."}, tmp_path / "home/.cache/idfcodec"),
        (usual | {"HOME": "/nonexistent"}, fallback),
        (usual | {"HOME": "."}, fallback),
    ]:
        _environment(monkeypatch, **variables)
        assert cache_folder() == wanted
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: not str(path).startswith(str(tmp_path / "home")))
        _environment(patch, **usual)
        assert cache_folder() == fallback
        patch.setattr(os, "access", lambda path, mode: False)
        assert cache_folder() is None
    if not os.geteuid():
        os.chown(tmp_path / "home", 54321, 54321)  # root by sudo
        fallback.mkdir()
        _environment(monkeypatch, **usual)
        assert cache_folder() == fallback
        os.chown(fallback, 54321, 54321)  # another one was there first
        assert cache_folder() != fallback
    assert not (tmp_path / "~").exists()


def test_folders_of_other_states_are_few(cache: Path, tmp_path: Path) -> None:
    loads(tmp_path)
    name = kept(cache).parent.name
    user = name.partition("-")[2]
    kept(cache).parent.rename(cache / f"old-{user}")
    for index in range(KEPT + 3):
        (cache / f"{index}-{user}").mkdir()
        os.utime(cache / f"{index}-{user}", (index, index))
    (cache / "0-another").mkdir()
    loads(tmp_path)
    assert len([*cache.glob(f"*-{user}")]) == KEPT
    assert {path.name for path in cache.iterdir()} >= {name, f"old-{user}", "0-another", f"{KEPT + 2}-{user}"}


def test_modules_that_stamp_it_are_there() -> None:
    assert {"code_cache.py", "entropy.py", "flow/causal/kernels/plane.py"} <= {
        name.replace(os.sep, "/") for name in covered_files()
    }
    assert all((REPOSITORY / "idfcodec" / name).is_file() for name in covered_files())
