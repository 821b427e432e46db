"""Files in and out for the command line: names of targets, what must not be overwritten, atomic writes.

Every `OSError` from here has the file to blame as its `filename`.
"""

import errno
import io
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from idfcodec.errors import IDFError

if TYPE_CHECKING:
    from idfcodec.picture.pillow import Picture

__all__ = [
    "STREAM",
    "Targets",
    "check_target",
    "is_folder",
    "load_picture",
    "plan",
    "read_source",
    "target_of",
    "write_stream",
    "write_target",
]

STREAM = "-"  # standard input or standard output


def read_source(name: str) -> bytes:
    """The bytes of the file `name`, or of standard input for `-`."""
    return sys.stdin.buffer.read() if name == STREAM else Path(name).read_bytes()


def load_picture(name: str) -> tuple["Picture", int]:
    """Reads the picture in the file `name`, or on standard input; returns it and the size of its file in bytes."""
    from idfcodec.picture.pillow import read_picture

    if name == STREAM:
        data = read_source(name)
        return read_picture(io.BytesIO(data)), len(data)
    with open(name, "rb") as file:
        return read_picture(file), os.fstat(file.fileno()).st_size


def target_of(name: str, output: str | None, suffix: str, *, replaces: str | None = None) -> Path | None:
    """Where the result for the input `name` goes; None stands for standard output.

    Args:
        name: the input, `-` for standard input.
        output: what the user asked for: a file, an existing folder, `-`, or None for "beside the input".
        suffix: the new name's suffix, with its dot.
        replaces: the suffix that the new one takes the place of (any, if None); another one is kept.
    """
    if output == STREAM or (output is None and name == STREAM):
        return None
    if output is not None and not is_folder(output):
        return Path(output)
    source = Path(name)
    kept = replaces is not None and source.suffix.lower() != replaces
    renamed = source.name + suffix if kept else source.with_suffix(suffix).name
    return (source.parent if output is None else Path(output)) / renamed


def is_folder(output: str) -> bool:
    """Whether `-o output` means a folder: it is one, or its name ends as a folder's does."""
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def is_special(target: Path) -> bool:
    """Whether `target` is a device or a pipe, which is written to and never replaced."""
    try:
        mode = target.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def check_target(target: Path, sources: Iterable[str], *, force: bool) -> None:
    """Refuses a target that cannot or must not be written, before any work is spent on it.

    Raises:
        OSError: the target is one of the inputs, a folder, exists and `force` is not given, or its folder is missing
            or not writable.
    """
    if is_special(target):
        return
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if target.exists():
        for source in sources:
            if source != STREAM and Path(source).exists() and target.samefile(source):
                raise FileExistsError(errno.EEXIST, "is an input as well, and would be overwritten", str(target))
        if not force:
            raise FileExistsError(errno.EEXIST, "exists already; -f overwrites it", str(target))
    folder = target.parent
    if not folder.is_dir():
        code = errno.ENOTDIR if folder.exists() else errno.ENOENT
        raise OSError(code, os.strerror(code), str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "the folder is not writable", str(folder))


def write_target(target: Path, data: bytes, *, force: bool) -> None:
    """Writes a whole file or nothing: a temporary file beside the target, flushed to the disk, takes its name.

    The new file has the permissions of any new file under the umask. A symbolic link keeps pointing where it does;
    a device or a pipe is written to directly.

    Raises:
        OSError: it could not be written; nothing is left behind and an old target is untouched.
    """
    try:
        if is_special(target):
            target.write_bytes(data)
            return
        target = Path(os.path.realpath(target))
        temporary = target.parent / f".idfcodec-{secrets.token_hex(8)}.tmp"
        _write_and_rename(temporary, target, data, force=force)
    except OSError as ex:
        raise OSError(ex.errno, ex.strerror or str(ex), str(target)) from ex


def _write_and_rename(temporary: Path, target: Path, data: bytes, *, force: bool) -> None:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if not force and target.exists():  # it came into being meanwhile
            raise FileExistsError(errno.EEXIST, "exists already; -f overwrites it")
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_stream(data: bytes) -> None:
    """Writes to standard output, all of it.

    Raises:
        OSError: it could not be written; `BrokenPipeError` where the reader has gone.
    """
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as ex:
        raise OSError(ex.errno, ex.strerror or str(ex), "standard output") from ex


class Targets:
    """Where each input's result goes; two inputs never share a target."""

    def __init__(self, paths: dict[str, Path | None]) -> None:
        self._paths = paths
        self._taken: dict[str, str] = {}

    def check(self, name: str, *, force: bool) -> None:
        """Refuses a target before any work is spent on it (`OSError`, `IDFError`)."""
        target = self._paths[name]
        if target is None:
            return
        first = self._taken.setdefault(os.path.realpath(target), name)
        if first != name:
            raise IDFError(f"would be written to {target}, which is the target of {first} too")
        check_target(target, self._paths, force=force)

    def write(self, name: str, data: bytes, *, force: bool) -> str:
        """Writes the result and returns its target's name."""
        target = self._paths[name]
        if target is None:
            write_stream(data)
            return "standard output"
        write_target(target, data, force=force)
        return str(target)


def plan(inputs: Sequence[str], output: str | None, suffix: str, *, replaces: str | None = None) -> Targets:
    """The target of every input."""
    return Targets({name: target_of(name, output, suffix, replaces=replaces) for name in inputs})
