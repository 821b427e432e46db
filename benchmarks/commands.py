"""Codecs that are commands of their own, from a TOML file that `--commands` names.

    [KEY]                               its name in results
    label = "..."                       its name in tables
    version = "PROGRAM --version"       optional: a command; the first line that it prints counts
    encode = "PROGRAM {input} {output}" {input} is the picture, {output} the file that is measured
    decode = "PROGRAM {input} {output}" {input} is that file, {output} the picture that comes back
    format = "png"                      of the pictures: png, or ppm (pgm for gray)
    suffix = ".xyz"                     of the measured file, if the program wants one
    threads = 1                         how many it uses; {threads} in a command is the number that the run is given

No shell is involved. The times are of the whole command: start, reading and writing included.
"""

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

from benchmarks.codecs import Codec, Pixels
from benchmarks.results import BenchmarkError

__all__ = ["CommandCodec", "command_codecs"]

TIMEOUT = 3600  # seconds for a picture
FILES = ("{input}", "{output}")
TEXT = {"type": "string"}
LINE = {"type": "string", "allOf": [{"pattern": r"\{input\}"}, {"pattern": r"\{output\}"}]}
SCHEMA = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["label", "encode", "decode"],
        "additionalProperties": False,
        "properties": {
            "label": TEXT,
            "version": TEXT,
            "suffix": TEXT,
            "encode": LINE,
            "decode": LINE,
            "format": {"enum": ["png", "ppm"]},
            "threads": {"type": "integer", "minimum": 1},
        },
    },
}


class CommandError(RuntimeError):
    """A command that failed: what it said, on one line."""


@dataclass(frozen=True)
class CommandCodec(Codec):
    """A command that takes part; its clock leaves out the temporary files that this program writes and reads.

    Attributes:
        lines: the words of encoding and of decoding, with "{input}", "{output}" and "{threads}" to be filled in.
        format: of the pictures, "png" or "ppm".
        suffix: of the encoded file.
    """

    lines: tuple[list[str], list[str]] = field(kw_only=True)
    format: str = "png"
    suffix: str = ".bin"

    def timed_encode(self, pixels: Pixels) -> tuple[bytes, float]:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            kind = "pgm" if self.format == "ppm" and pixels.ndim == 2 else self.format
            source = Path(folder, f"picture.{kind}")
            options: dict[str, Any] = {"compress_level": 1} if kind == "png" else {}
            Image.fromarray(pixels).save(source, **options)
            target, seconds = self._run(self.lines[0], source, f"coded{self.suffix}")
            return target.read_bytes(), seconds

    def timed_decode(self, data: bytes) -> tuple[Pixels, float]:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            source = Path(folder, f"coded{self.suffix}")
            source.write_bytes(data)
            target, seconds = self._run(self.lines[1], source, f"decoded.{self.format}")
            with Image.open(target) as image:
                return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB")), seconds

    def _run(self, words: list[str], source: Path, name: str) -> tuple[Path, float]:
        """The file that the command wrote beside `source`, and its seconds."""
        target = source.with_name(name)
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
        # Some programs add a suffix of their own to the name they are given.
        found = [target] if target.is_file() else sorted(source.parent.glob(f"{name}*"))
        if len(found) != 1:
            raise CommandError(f"nothing was written to {name}")
        return found[0], seconds


def command_codecs(file: Path | None, threads: int) -> list[Codec]:
    """Those of a TOML file as the module's text describes it; a program that is not on the PATH is `missing`.

    Raises:
        BenchmarkError: the file cannot be read, or something in it is missing, unknown or wrong.
    """
    return [] if file is None else [_codec(key, table, threads) for key, table in _read(file).items()]


def _read(file: Path) -> dict[str, dict[str, Any]]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    import jsonschema  # here, for processes whose memory is measured shall not hold it

    try:
        tables: dict[str, dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))
        for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(tables):
            raise BenchmarkError(f"{file}: {'.'.join(map(str, error.absolute_path))}: {error.message}")
        for table in tables.values():
            shlex.split(table["encode"] + " " + table["decode"])  # raises where a quote is open
    except OSError as ex:
        raise BenchmarkError(f"{file}: {ex.strerror or ex}") from ex
    except ValueError as ex:
        raise BenchmarkError(f"{file}: not TOML, or a command that cannot be split into words ({ex})") from ex
    return tables


def _codec(key: str, table: dict[str, Any], threads: int) -> Codec:
    encode, decode = (shlex.split(table[name]) for name in ("encode", "decode"))
    count = table.get("threads", threads if "{threads}" in table["encode"] + table["decode"] else 1)
    absent = [program for program in (encode[0], decode[0]) if shutil.which(program) is None]
    codec = CommandCodec(
        key=key,
        label=table["label"],
        family="command",
        version="" if absent else _version(table.get("version", "")),
        settings=_fill(" ".join(word for word in encode if word not in FILES), {"{threads}": str(count)}),
        threads=count,
        encode=lambda pixels: codec.timed_encode(pixels)[0],
        decode=lambda data: codec.timed_decode(data)[0],
        keeps_channels=False,
        missing=f"{absent[0]} is not on the PATH" if absent else "",
        lines=(encode, decode),
        **{name: table[name] for name in ("format", "suffix") if name in table},
    )
    return codec


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
