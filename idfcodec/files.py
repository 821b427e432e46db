"""Files in and out for the command line: what must not be overwritten, atomic writes, what they take over.

Every `OSError` from here has the file or the stream to blame as its `filename`.
"""

import errno
import io
import os
import secrets
import stat
import sys
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING

from idfcodec.source import is_url, opened

if TYPE_CHECKING:
    from idfcodec.picture.pillow import Picture

__all__ = [
    "STANDARD_INPUT",
    "STANDARD_OUTPUT",
    "STREAM",
    "Attributes",
    "attributes_of",
    "check_target",
    "identities",
    "is_special",
    "load_picture",
    "read_source",
    "stream_error",
    "write_stream",
    "write_target",
]

STREAM = "-"  # standard input or standard output
STANDARD_INPUT, STANDARD_OUTPUT = "standard input", "standard output"
Identity = tuple[int, int]  # of a file, whatever its names: device and inode


def stream_error(error: OSError, name: str) -> OSError:
    """The same error, which names the stream."""
    reason = "is closed" if error.errno == errno.EBADF else error.strerror or str(error)
    return OSError(error.errno, reason, name)


def read_source(name: str) -> bytes:
    """The bytes of the file `name`, which may be a URL, or of standard input for `-`."""
    if name != STREAM:
        with opened(name) as file:
            return file.read()
    try:
        data: bytes | None = sys.stdin.buffer.read()
        if data is None:  # it does not wait for what comes later
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return data
    except OSError as ex:
        raise stream_error(ex, STANDARD_INPUT) from ex


def load_picture(name: str) -> tuple["Picture", int]:
    """The picture in the file or at the URL `name`, or on standard input, and the size of its file in bytes."""
    from idfcodec.picture.pillow import read_picture

    if name == STREAM or is_url(name) or is_special(Path(name)):  # a pipe says nothing of its size
        data = read_source(name)
        return read_picture(io.BytesIO(data)), len(data)
    with open(name, "rb") as file:
        return read_picture(file), os.fstat(file.fileno()).st_size


@dataclass(frozen=True)
class Attributes:
    """What a result takes over from the files that it is made of, as those of gzip and zstd do.

    Args:
        mode: permissions, for owner, group and others; None is those of any new file.
        times: of access and change, in nanoseconds.
        owner: numbers of user and group.
    """

    mode: int | None = None
    times: tuple[int, int] | None = None
    owner: tuple[int, int] | None = None


def attributes_of(names: Iterable[str], *, owner: bool = False) -> Attributes:
    """What the result of files takes over: of several, only the permissions that all of them give.

    Args:
        names: of the files; what is no regular file counts as standard input does, for nothing.
        owner: whether the owner is taken over, too.
    """
    found = [status for name in names if (status := _status(name)) is not None and stat.S_ISREG(status.st_mode)]
    if not found:
        return Attributes()
    mode = reduce(and_, (status.st_mode & 0o777 for status in found))
    if len(found) > 1:
        return Attributes(mode)
    (only,) = found
    return Attributes(mode, (only.st_atime_ns, only.st_mtime_ns), (only.st_uid, only.st_gid) if owner else None)


def identities(names: Iterable[str]) -> frozenset[Identity]:
    """The files that there are of these names."""
    return frozenset((s.st_dev, s.st_ino) for name in names if (s := _status(name)) is not None)


def _status(name: str | Path) -> os.stat_result | None:
    try:
        return None if name == STREAM else os.stat(name)
    except (OSError, ValueError):
        return None


def is_special(target: Path) -> bool:
    """Whether `target` is a device or a pipe, which is written to and never replaced."""
    status = _status(target)
    return status is not None and not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode)


def check_target(target: Path, sources: Container[Identity], *, force: bool) -> None:
    """Refuses a target that cannot or must not be written, before any work is spent on it.

    Raises:
        OSError: the target is one of the sources, a folder, exists and `force` is not given, or its folder is missing
            or not writable.
    """
    if is_special(target):
        return
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    status = _status(target)
    if status is not None:
        if (status.st_dev, status.st_ino) in sources:
            raise FileExistsError(errno.EEXIST, "is an input as well, and would be overwritten", str(target))
        if not force:
            raise FileExistsError(errno.EEXIST, "exists already; -f overwrites it", str(target))
    folder = target.parent
    if not folder.is_dir():
        code = errno.ENOTDIR if folder.exists() else errno.ENOENT
        raise OSError(code, os.strerror(code), str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "the folder is not writable", str(folder))


def write_target(target: Path, data: bytes, *, force: bool, like: Attributes | None = None) -> bool:
    """Writes a whole file or nothing: a temporary file beside the target, flushed to the disk, takes its name.

    A symbolic link keeps pointing where it does; a device or a pipe is written to directly.

    Args:
        target: its name.
        data: what it shall hold.
        force: replace a file that is there already. Nobody may do with the new one what was not allowed with the old.
        like: what the file takes over from others.

    Returns:
        Whether it has the owner that it was to have.

    Raises:
        OSError: it could not be written; nothing is left behind and an old target is untouched.
    """
    try:
        if is_special(target):
            target.write_bytes(data)
            return True
        target = Path(os.path.realpath(target))
        temporary = target.parent / f".idfcodec-{secrets.token_hex(8)}.tmp"
        return _write_and_rename(temporary, target, data, force=force, like=like or Attributes())
    except OSError as ex:
        raise OSError(ex.errno, ex.strerror or str(ex), str(target)) from ex


def _write_and_rename(temporary: Path, target: Path, data: bytes, *, force: bool, like: Attributes) -> bool:
    old = _status(target)
    mode = like.mode
    if old is not None:
        mode = old.st_mode & (0o777 if mode is None else mode)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(temporary, flags, 0o666 if mode is None else 0o600)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        owned = like.owner is None or (hasattr(os, "chown") and _try(os.chown, temporary, *like.owner))
        if mode is not None:
            _try(os.chmod, temporary, mode if owned else mode & 0o707)
        if like.times is not None:
            _try(os.utime, temporary, ns=like.times)
        if not force and target.exists():  # it came into being meanwhile
            raise FileExistsError(errno.EEXIST, "exists already; -f overwrites it")
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return owned


def _try(change: Callable[..., None], *arguments: object, **options: object) -> bool:
    """Whether a change of a file's attributes succeeds; file systems have not all of them."""
    try:
        change(*arguments, **options)
    except (OSError, NotImplementedError):
        return False
    return True


def write_stream(data: bytes) -> None:
    """Writes to standard output, all of it.

    Raises:
        OSError: it could not be written; `BrokenPipeError` where the reader has gone.
    """
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as ex:
        raise stream_error(ex, STANDARD_OUTPUT) from ex
