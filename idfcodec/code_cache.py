"""Machine code kept between processes: where it lies, what is trusted there, and when it is out of date.

One file an overload, in a folder of the user's own that nobody else may write to. A file's name says all that the code
depends on: the function, the types of its arguments, the processor, the versions of what compiles, and the contents of
every module that compiled functions may take anything from. So an index is not needed, nothing goes stale, processes
that start together write the same, and a package that moves keeps its code. A file begins with the checksum of the
rest: what is damaged is compiled anew. No failure here stops the work.

This is the one module that knows Numba's private caching interface, as it is from 0.60 on.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import logging
import os
import pickle
import shutil
import stat
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import llvmlite
import numba
import numpy
from numba.core import config, serialize
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.runtime.nrt import rtsys

__all__ = ["COVERED", "KEPT", "PACKAGE", "CodeCache", "cache_folder", "covered_files"]

PACKAGE = Path(os.path.abspath(__file__)).parent
COVERED = ("code_cache.py", "code_making.py", "compiled.py", "entropy.py", "flow", "picture")
"""Modules and folders whose contents stamp the code: compiled functions are in these and take from these alone."""
KEPT = 16  # folders, each of a state of those modules
_CHECKSUM = 32  # bytes of a SHA-256

_dumps: Callable[..., bytes] = serialize.dumps  # as Numba does itself: code refers to what pickle alone refuses
logger = logging.getLogger(__name__)


def cache_folder() -> Path | None:
    """Where folders of machine code are made; None where no place can be told. It may not exist yet.

    `IDFCODEC_CACHE_DIR`, or `idfcodec` in `NUMBA_CACHE_DIR`; else in the user's cache folder as the platform has it;
    else, where there is none or it is another user's, in a folder for temporary files. Relative names are ignored, and
    the current folder is never taken for want of another one.
    """
    if os.path.isabs(os.environ.get("IDFCODEC_CACHE_DIR", "")):
        return Path(os.environ["IDFCODEC_CACHE_DIR"])
    if os.path.isabs(os.environ.get("NUMBA_CACHE_DIR", "")):
        return Path(os.environ["NUMBA_CACHE_DIR"], "idfcodec")
    folders = [folder / "idfcodec" for folder in (_user_caches(),) if folder]
    return next(filter(_is_usable, folders + [folder / f"idfcodec-{_user()}" for folder in _temporary()]), None)


def _user_caches() -> Path | None:
    """The folder for what the user's programs keep, in a home that is there and his."""
    given = os.environ.get({"win32": "LOCALAPPDATA", "darwin": ""}.get(sys.platform, "XDG_CACHE_HOME"), "")
    if os.path.isabs(given):
        return Path(given)
    home = os.path.expanduser("~")
    if not (os.path.isabs(home) and os.path.isdir(home) and _is_own(os.stat(home))):
        return None
    return Path(home, "Library/Caches" if sys.platform == "darwin" else ".cache")


def _temporary() -> list[Path]:
    """The folders for temporary files. (`tempfile` would look in the current one, too.)"""
    names = [os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    return [Path(name) for name in (*names, "/tmp", "/var/tmp") if os.path.isabs(name) and os.path.isdir(name)]


def _is_usable(folder: Path) -> bool:
    """Whether code can be kept in a folder of this user's, there or still to be made, or has been."""
    try:
        if folder.is_dir():
            kept = (folder / _folder_name()).is_dir() or os.access(folder, os.W_OK | os.X_OK)
            return kept and _is_own(folder.stat())
        return os.access(next(above for above in folder.parents if above.is_dir()), os.W_OK | os.X_OK)
    except OSError:
        return False


def _user() -> str:
    return str(os.geteuid()) if hasattr(os, "geteuid") else "own"  # on Windows a user's folders are nobody else's


def _is_own(found: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or found.st_uid == os.geteuid()


def covered_files() -> list[str]:
    """The modules that stamp the code, below the package."""
    paths = [os.path.join(PACKAGE, name) for name in COVERED]
    within = [os.path.join(above, name) for path in paths for above, _, names in os.walk(path) for name in names]
    return sorted(os.path.relpath(path, PACKAGE) for path in paths + within if path.endswith(".py"))


def _folder_name() -> str:
    return f"{_stamp()}-{_user()}"


@functools.cache
def _stamp() -> str:
    """Of the contents of all covered modules, and of what compiles."""
    versions = [module.__version__ for module in (numba, llvmlite, numpy)]
    options = [getattr(config, name, None) for name in ("OPT", "BOUNDSCHECK")]
    found = hashlib.sha256(repr((sys.version, versions, options)).encode())
    for file in covered_files():
        found.update(f"{file}\0".encode() + (PACKAGE / file).read_bytes())
    return found.hexdigest()[:16]


class _Folder:
    """The open folder of this state of the modules.

    Args:
        make: it, if there is none.

    Raises:
        OSError: there is none, it cannot be opened, or another user could have written to it; here or in a method.
    """

    def __init__(self, *, make: bool = False) -> None:
        parent = cache_folder()
        if parent is None:
            raise FileNotFoundError(errno.ENOENT, "no folder can be told")
        self._path = parent / _folder_name()
        if make and not self._path.is_dir():
            parent.mkdir(0o700, parents=True, exist_ok=True)
            _drop_oldest(parent)
            self._path.mkdir(0o700, exist_ok=True)
        self._number: int | None = None
        if os.open in os.supports_dir_fd:  # what is checked is what is used, whoever may rename it
            self._number = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                _check(self._number)
            except PermissionError:
                self.__exit__()
                raise

    def __enter__(self) -> _Folder:
        return self

    def __exit__(self, *error: object) -> None:
        if self._number is not None:
            os.close(self._number)

    def _name(self, name: str) -> str:
        return name if self._number is not None else str(self._path / name)

    def _open(self, name: str, flags: int) -> int:
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        return os.open(self._name(name), flags, 0o600, dir_fd=self._number)

    def read(self, name: str) -> bytes | None:
        """What a file keeps; None if it is damaged."""
        with open(self._open(name, os.O_RDONLY), "rb") as file:
            _check(file.fileno())
            data = file.read()
        return data[_CHECKSUM:] if hashlib.sha256(data[_CHECKSUM:]).digest() == data[:_CHECKSUM] else None

    def write(self, name: str, data: bytes) -> None:
        """Keep something in a file, which is complete at any time."""
        temporary = f"{uuid.uuid4().hex}.tmp"
        try:
            with open(self._open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                file.write(hashlib.sha256(data).digest() + data)
            os.replace(self._name(temporary), self._name(name), src_dir_fd=self._number, dst_dir_fd=self._number)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(self._name(temporary), dir_fd=self._number)
            raise


def _check(number: int) -> None:
    """That nobody but this user can have written to an open file or folder."""
    found = os.fstat(number)
    if not _is_own(found) or (hasattr(os, "geteuid") and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise PermissionError(errno.EPERM, "another user could write there")


def _drop_oldest(parent: Path) -> None:
    """Make room for one more folder among this user's."""
    with contextlib.suppress(OSError):
        own = sorted(parent.glob(f"*-{_user()}"), key=lambda path: path.stat().st_mtime)
        for folder in own[: max(len(own) + 1 - KEPT, 0)]:
            shutil.rmtree(folder, ignore_errors=True)


class CodeCache(_Cache):
    """The kept machine code of a function, as Numba's dispatchers ask for it."""

    _hint = threading.Lock()  # taken by the first hint in a process

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = cast(FunctionType, function)

    def _file(self, signature: Any, codegen: Any) -> str:
        """The name of an overload's file."""
        code = self._function.__code__
        key = [self._function.__module__, code.co_firstlineno, str(signature), codegen.magic_tuple()]
        if not os.path.abspath(code.co_filename).startswith(str(PACKAGE)):
            key.append(Path(code.co_filename).read_bytes())  # not one of the covered modules
        return f"{code.co_name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.code"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled overload, or None.

        Of a context, code that is loaded needs no more than the runtime that counts references. `refresh` would also
        import all that a compiler knows, half a second's work; a compiler calls it itself.
        """
        rebuild: Callable[..., Any] = CompileResult._rebuild
        rtsys.initialize(target_context)
        try:
            with _Folder() as folder:
                data = folder.read(self._file(sig, target_context.codegen()))
            return data and rebuild(target_context, *pickle.loads(data))
        except Exception:  # whatever it is, compiling works
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled overload."""
        try:
            with _Folder(make=True) as folder:
                folder.write(self._file(sig, data.codegen), _dumps(data._reduce()))
        except OSError as ex:
            if CodeCache._hint.acquire(blocking=False):  # and never released: once
                logger.warning(
                    "machine code cannot be kept (%s): every run compiles anew, unless IDFCODEC_CACHE_DIR names a"
                    " folder of yours", ex.strerror or ex
                )  # fmt: skip

    @property
    def cache_path(self) -> Any:
        """What Numba's statistics name."""
        return cache_folder()

    def enable(self) -> None:
        """Nothing: it is enabled."""

    def disable(self) -> None:
        """Nothing: it is enabled."""

    def flush(self) -> None:
        """Nothing: files are complete."""
