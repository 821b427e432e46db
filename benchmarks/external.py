"""Codecs that are commands: those of commands.toml where they are found on the PATH, and those of a user's file."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.contenders import Contender, Pixels
from benchmarks.results import BenchmarkError

__all__ = ["BUILT_IN", "Command", "command_contenders", "read_commands"]

BUILT_IN = Path(__file__).with_name("commands.toml")
TIMEOUT = 3600  # seconds for a picture
REQUIRED = ("label", "encode", "decode")
KNOWN = (*REQUIRED, "version", "format", "suffix", "threads")
FORMATS = ("png", "ppm")
FILES = ("{input}", "{output}")


class CommandError(RuntimeError):
    """A command that failed: what it said, on one line."""


@dataclass(frozen=True)
class Command:
    """A codec of two command lines, see commands.toml.

    Attributes:
        encode_words, decode_words: words, with "{input}", "{output}" and "{threads}" to be filled in.
        format: of the pictures, "png" or "ppm".
        suffix: of the encoded file.
        threads: that fill in for "{threads}".
    """

    encode_words: tuple[str, ...]
    decode_words: tuple[str, ...]
    format: str
    suffix: str
    threads: int

    def timed_encode(self, pixels: Pixels) -> tuple[bytes, float]:
        """The file's bytes and the command's seconds."""
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            source, target = Path(folder, f"picture{self._picture_suffix(pixels)}"), Path(folder, f"coded{self.suffix}")
            options: dict[str, Any] = {"compress_level": 1} if self.format == "png" else {}
            Image.fromarray(pixels).save(source, **options)
            seconds = self._run(self.encode_words, source, target)
            return _written(target).read_bytes(), seconds

    def timed_decode(self, data: bytes) -> tuple[Pixels, float]:
        """The pixels and the command's seconds."""
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            source, target = Path(folder, f"coded{self.suffix}"), Path(folder, f"decoded.{self.format}")
            source.write_bytes(data)
            seconds = self._run(self.decode_words, source, target)
            with Image.open(_written(target)) as image:
                return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB")), seconds

    def _picture_suffix(self, pixels: Pixels) -> str:
        return ".pgm" if self.format == "ppm" and pixels.ndim == 2 else f".{self.format}"

    def _run(self, words: tuple[str, ...], source: Path, target: Path) -> float:
        filled = {"{input}": str(source), "{output}": str(target), "{threads}": str(self.threads)}
        command = [_fill(word, filled) for word in words]
        start = time.perf_counter()
        done = subprocess.run(
            command, cwd=source.parent, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False
        )
        seconds = time.perf_counter() - start
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
            raise CommandError(f"{words[0]} ended with {done.returncode}{': ' + said[-1] if said else ''}")
        return seconds


@dataclass(frozen=True)
class CommandContender(Contender):
    """A command that takes part; its clock leaves out the temporary files that this program writes and reads."""

    command: Command = field(kw_only=True)

    def timed_encode(self, pixels: Pixels) -> tuple[bytes, float]:
        return self.command.timed_encode(pixels)

    def timed_decode(self, data: bytes) -> tuple[Pixels, float]:
        return self.command.timed_decode(data)


def command_contenders(file: Path | None, threads: int) -> list[Contender]:
    """Those of commands.toml, then those of `file`, which replace others of the same key."""
    tables = read_commands(BUILT_IN) | (read_commands(file) if file else {})
    return [_contender(key, table, threads) for key, table in tables.items()]


def read_commands(file: Path) -> dict[str, dict[str, Any]]:
    """The checked tables of a file in the words of commands.toml, by key.

    Raises:
        BenchmarkError: the file cannot be read, or something in it is missing, unknown or wrong.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ImportError as ex:
            raise BenchmarkError(f"{file}: reading it needs tomli before Python 3.11; install '.[bench]'") from ex
    try:
        tables: dict[str, dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as ex:
        raise BenchmarkError(f"{file}: {ex.strerror or ex}") from ex
    except ValueError as ex:
        raise BenchmarkError(f"{file}: not TOML ({ex})") from ex
    for key, table in tables.items():
        for fault in _faults(table):
            raise BenchmarkError(f"{file}: {key}: {fault}")
    return tables


def _faults(table: Any) -> list[str]:
    if not isinstance(table, Mapping):
        return ["not a table"]
    faults = [f"{name} is missing" for name in REQUIRED if name not in table]
    faults += [f"{name} is unknown" for name in table if name not in KNOWN]
    faults += [f"{name} is not a text" for name in KNOWN[:-1] if name in table and not isinstance(table[name], str)] + (
        ["threads is not a positive number"] if not _positive(table.get("threads", 1)) else []
    )
    if faults:
        return faults
    for name in ("encode", "decode"):
        faults += [f"{name} has no {mark}" for mark in FILES if mark not in table[name]]
        try:
            shlex.split(table[name])
        except ValueError as ex:
            faults.append(f"{name}: {ex}")
    if table.get("format", "png") not in FORMATS:
        faults.append(f"format is none of {', '.join(FORMATS)}")
    return faults


def _positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _contender(key: str, table: dict[str, Any], threads: int) -> Contender:
    encode, decode = (tuple(shlex.split(table[name])) for name in ("encode", "decode"))
    count = table.get("threads", threads if "{threads}" in table["encode"] + table["decode"] else 1)
    command = Command(encode, decode, table.get("format", "png"), table.get("suffix", ".bin"), count)
    absent = [program for program in (encode[0], decode[0]) if shutil.which(program) is None]
    return CommandContender(
        key=key,
        label=table["label"],
        family="command",
        version="" if absent else _version(table.get("version", "")),
        settings=" ".join(_fill(word, {"{threads}": str(count)}) for word in encode if word not in FILES),
        threads=count,
        encode=lambda pixels: command.timed_encode(pixels)[0],
        decode=lambda data: command.timed_decode(data)[0],
        keeps_channels=False,
        missing=f"{absent[0]} is not on the PATH" if absent else "",
        command=command,
    )


def _version(line: str) -> str:
    """The first line that a version command prints, on either stream; programs without such an option fail, and say."""
    if not line:
        return ""
    try:
        done = subprocess.run(shlex.split(line), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return ""
    lines = (done.stdout + b"\n" + done.stderr).decode(errors="replace").split("\n")
    return next((text.strip()[:80] for text in lines if text.strip()), "")


def _fill(word: str, values: Mapping[str, str]) -> str:
    for mark, value in values.items():
        word = word.replace(mark, value)
    return word


def _written(target: Path) -> Path:
    """The file that a command wrote; some add a suffix of their own to the name they are given."""
    if target.is_file():
        return target
    found = sorted(target.parent.glob(f"{target.name}*"))
    if len(found) != 1:
        raise CommandError(f"nothing was written to {target.name}")
    return found[0]
