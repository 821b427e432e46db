"""Folders of pictures: which files of them are meant, where their results go, and what is done already."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from idfcodec.manifest import Entry, checksum_of
from idfcodec.parallel import each
from idfcodec.targets import PICTURES, target_of

__all__ = ["Found", "files_of", "meeting", "results_of", "still_right"]

Tell = Callable[[str, str], None]


@dataclass(frozen=True)
class Found:
    """A file of a folder.

    Attributes:
        name: within the folder, with slashes.
        path: to open it by.
        size: in bytes.
        changed: when, in nanoseconds.
    """

    name: str
    path: str
    size: int
    changed: int


def files_of(folder: Path, suffixes: Collection[str], *, leave: Path | None, failed: Tell, warn: Tell) -> list[Found]:
    """The files with certain suffixes in a folder and the folders in it, sorted by name.

    Links to folders are not followed, and those to files only where these lie in the folder.

    Args:
        folder: where to look.
        suffixes: lower case, without a dot.
        leave: a folder within that is not looked into, such as that of the results.
        failed: told a name and why it cannot be looked at.
        warn: told a link that is left out.
    """
    root = os.path.realpath(folder)
    left = None if leave is None or os.path.realpath(leave) == root else os.path.realpath(leave)
    found, waiting = [], [PurePath()]
    while waiting:
        within = waiting.pop()
        try:
            entries = list(os.scandir(folder / within))
        except OSError as ex:
            failed(str(folder / within), ex.strerror or str(ex))
            continue
        for entry in entries:
            name = within / entry.name
            if entry.is_dir(follow_symlinks=False):
                if os.path.realpath(entry.path) != left:
                    waiting.append(name)
            elif name.suffix[1:].lower() in suffixes:
                if entry.is_symlink() and not Path(os.path.realpath(entry.path)).is_relative_to(root):
                    warn(entry.path, "a link out of the folder, left out")
                    continue
                try:
                    status = entry.stat()
                except OSError as ex:
                    failed(entry.path, ex.strerror or str(ex))
                    continue
                if stat.S_ISREG(status.st_mode):
                    found.append(Found(name.as_posix(), entry.path, status.st_size, status.st_mtime_ns))
    return sorted(found, key=lambda file: file.name)


def results_of(files: Sequence[Found], suffix: str, *, replaces: Collection[str] = PICTURES) -> dict[str, str]:
    """The name of each file's result, within a folder of results that has the same folders in it."""
    return {
        file.name: PurePath(target_of(file.name, None, suffix, replaces=replaces) or "").as_posix() for file in files
    }


def meeting(results: Mapping[str, str]) -> dict[str, str]:
    """The files whose results would have the name of one that comes before, and that in words."""
    first: dict[str, str] = {}
    for name, result in results.items():
        first.setdefault(os.path.normcase(result), name)
    others = {name: first[os.path.normcase(result)] for name, result in results.items()}
    return {
        name: f"would be written to {results[name]}, which is the target of {other} too"
        for name, other in others.items()
        if name != other
    }


def still_right(folder: Path, entries: Sequence[Entry], threads: int | None) -> list[bool]:
    """Whether each file of a list is there and has the checksum that the list says."""

    def right(index: int) -> bool:
        try:
            return checksum_of(folder / entries[index].name) == entries[index].sha256
        except OSError:
            return False

    return each(right, len(entries), threads, None)
