"""Names of results: which file the result of each input goes to, and that no two go to the same."""

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from idfcodec.files import (
    STANDARD_OUTPUT,
    STREAM,
    Attributes,
    attributes_of,
    check_target,
    identities,
    write_stream,
    write_target,
)

__all__ = ["PICTURES", "Targets", "is_folder", "plan", "target_of"]

PICTURES = frozenset([
    "apng", "avif", "bmp", "dib", "gif", "heic", "heif", "j2k", "jfif", "jp2", "jpe", "jpeg", "jpg", "jxl", "mpo",
    "pam", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp",
])  # fmt: skip
"""Suffixes of pictures, lower case and without a dot: those that give way to the suffix of a result."""


def target_of(name: str, output: str | None, suffix: str, *, replaces: Collection[str] = PICTURES) -> Path | None:
    """Where the result for the input `name` goes; None stands for standard output.

    Args:
        name: the input, `-` for standard input.
        output: what the user asked for: a file, an existing folder, `-`, or None for "beside the input".
        suffix: the new name's suffix, with its dot.
        replaces: suffixes that the new one takes the place of, lower case and without a dot; another one is kept.
    """
    if output == STREAM or (output is None and name == STREAM):
        return None
    if output is not None and not is_folder(output):
        return Path(output)
    source = Path(name)
    replaced = source.suffix[1:].lower() in replaces
    renamed = source.with_suffix(suffix).name if replaced else source.name + suffix
    return (source.parent if output is None else Path(output)) / renamed


def is_folder(output: str) -> bool:
    """Whether `-o output` means a folder: it is one, or its name ends as a folder's does."""
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


class Targets:
    """Where each input's result goes.

    Args:
        paths: of each input by its name; None is standard output.
        owner: whether a result is given the owner of its input.
        warn: told an input and what its result could not be given.
    """

    def __init__(
        self,
        paths: dict[str, Path | None],
        *,
        owner: bool = False,
        warn: Callable[[str, str], None] = lambda name, text: None,
    ) -> None:
        self._paths, self._owner, self._warn = paths, owner, warn
        self._sources = identities(paths)
        self._like: dict[str, Attributes] = {}
        self._first: dict[str, str] = {}
        for name, path in paths.items():
            if path is not None:
                self._first.setdefault(_place(path), name)

    def meeting(self) -> dict[str, str]:
        """The inputs whose results would go where one goes that comes before, and that in words."""
        first = {name: self._first[_place(path)] for name, path in self._paths.items() if path is not None}
        return {
            name: f"would be written to {self._paths[name]}, which is the target of {other} too"
            for name, other in first.items()
            if name != other
        }

    def check(self, name: str, *, force: bool) -> None:
        """Refuses a target before any work is spent on it (`OSError`)."""
        target = self._paths[name]
        if target is not None:
            self._like[name] = attributes_of([name], owner=self._owner)
            check_target(target, self._sources, force=force)

    def write(self, name: str, data: bytes, *, force: bool, like: Attributes | None = None) -> str:
        """Writes the result, with the attributes that its input had when it was checked; returns its target's name."""
        target = self._paths[name]
        if target is None:
            write_stream(data)
            return STANDARD_OUTPUT
        like = self._like.get(name) if like is None else like
        if not write_target(target, data, force=force, like=like):
            self._warn(name, f"{target} cannot be given its owner")
        return str(target)


def _place(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


def plan(
    inputs: Sequence[str],
    output: str | None,
    suffix: str,
    *,
    replaces: Collection[str] = PICTURES,
    owner: bool = False,
    warn: Callable[[str, str], None] = lambda name, text: None,
) -> Targets:
    """The target of every input; see `target_of` and `Targets`."""
    paths = {name: target_of(name, output, suffix, replaces=replaces) for name in inputs}
    return Targets(paths, owner=owner, warn=warn)
