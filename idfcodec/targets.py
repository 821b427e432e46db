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
from idfcodec.source import check_url, is_url, written

__all__ = ["PICTURES", "Target", "Targets", "is_folder", "plan", "target_of"]

PICTURES = frozenset([
    "apng", "avif", "bmp", "dib", "gif", "heic", "heif", "j2k", "jfif", "jp2", "jpe", "jpeg", "jpg", "jxl", "mpo",
    "pam", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp",
])  # fmt: skip
"""Suffixes of pictures, lower case and without a dot: those that give way to the suffix of a result."""


Target = Path | str | None
"""Where a result goes: a path, a URL as text, or None for standard output."""


def target_of(name: str, output: str | None, suffix: str, *, replaces: Collection[str] = PICTURES) -> Target:
    """Where the result for the input `name` goes.

    Args:
        name: the input, `-` for standard input.
        output: what the user asked for: a file, an existing folder, a URL of either, `-`, or None for "beside the
            input".
        suffix: the new name's suffix, with its dot.
        replaces: suffixes that the new one takes the place of, lower case and without a dot; another one is kept.
    """
    if output == STREAM or (output is None and name == STREAM):
        return None
    if output is not None and not is_folder(output):
        return output if is_url(output) else Path(output)
    source = Path(name)
    replaced = source.suffix[1:].lower() in replaces
    renamed = source.with_suffix(suffix).name if replaced else source.name + suffix
    if output is None and is_url(name):
        return name[: len(name) - len(source.name)] + renamed
    if output is not None and is_url(output):
        return output + renamed
    return (source.parent if output is None else Path(output)) / renamed


def is_folder(output: str) -> bool:
    """Whether `-o output` means a folder: it is one, or its name ends as a folder's does, as that of a URL has to."""
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


class Targets:
    """Where each input's result goes.

    Args:
        paths: of each input by its name.
        owner: whether a result is given the owner of its input.
        warn: told an input and what its result could not be given.
    """

    def __init__(
        self,
        paths: dict[str, Target],
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
        if isinstance(target, str):
            check_url(target, force=force)
        elif target is not None:
            self._like[name] = attributes_of([name], owner=self._owner)
            check_target(target, self._sources, force=force)

    def write(self, name: str, data: bytes, *, force: bool, like: Attributes | None = None) -> str:
        """Writes the result, with the attributes that its input had when it was checked; returns its target's name."""
        target = self._paths[name]
        if target is None:
            write_stream(data)
            return STANDARD_OUTPUT
        if isinstance(target, str):
            written(target, data)
            return target
        like = self._like.get(name) if like is None else like
        if not write_target(target, data, force=force, like=like):
            self._warn(name, f"{target} cannot be given its owner")
        return str(target)


def _place(path: Path | str) -> str:
    return path if isinstance(path, str) else os.path.normcase(os.path.realpath(path))


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
