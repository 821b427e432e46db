"""What the command line says: progress while it works, a line for each file, a total, errors on one line."""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import click

from idfcodec.errors import NEEDS_TORCH, IDFError, is_torch
from idfcodec.files import STREAM

__all__ = [
    "Outcome",
    "Progress",
    "Report",
    "attempt",
    "common",
    "describe",
    "finish",
    "hear_notices",
    "label",
    "speed",
]


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

    Attributes:
        line: what a person reads.
        values: the same for `--json`.
        detail: a further line for `-v`.
        pixels: bytes of the raw pixels, one for each subpixel.
        before: bytes of the input file.
        after: bytes of the result.
        coded: bytes of the compressed file, whichever side it is on.
        seconds: time spent coding.
    """

    line: str
    values: Mapping[str, object]
    detail: str = ""
    pixels: int = 0
    before: int = 0
    after: int = 0
    coded: int = 0
    seconds: float = 0.0


def describe(before: int, after: int) -> str:
    """`702,113 -> 512,004 bytes (27.1 % smaller)`."""
    change = 1 - after / before if before else 0.0
    return f"{before:,} -> {after:,} bytes ({abs(change):.1%} {'smaller' if change >= 0 else 'larger'})"


class Notices(logging.Handler):
    """Shows what the package has to say while it works, on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Shows one line."""
        click.echo(f"idfcodec: {record.getMessage()}", err=True)


def hear_notices(*, quiet: bool) -> None:
    """Shows the package's notices (`logging.INFO` and above) unless `quiet`; the last call counts."""
    logger = logging.getLogger("idfcodec")
    logger.handlers = [handler for handler in logger.handlers if not isinstance(handler, Notices)]
    if not quiet:
        logger.addHandler(Notices(logging.INFO))
        logger.setLevel(logging.INFO)


class Report:
    """Lines on standard error, or results on standard output, and the exit code.

    Args:
        quiet: errors only.
        verbose: a second line for each file.
        as_json: one JSON object for each input on standard output in place of the lines.
        to_stdout: the lines are what the user asked for (`info`, `bpd`), so they go to standard output.
    """

    def __init__(
        self, *, quiet: bool = False, verbose: bool = False, as_json: bool = False, to_stdout: bool = False
    ) -> None:
        self._quiet, self._verbose, self._as_json, self._to_stdout = quiet, verbose, as_json, to_stdout
        self._outcomes: list[Outcome] = []
        self._failures = 0
        hear_notices(quiet=quiet)

    @property
    def exit_code(self) -> int:
        """0 if all went well, else 1."""
        return 1 if self._failures else 0

    def done(self, outcome: Outcome) -> None:
        """Tells of an input that went well."""
        self._outcomes.append(outcome)
        if self._as_json:
            click.echo(json.dumps(outcome.values))
        elif not self._quiet or self._to_stdout:
            click.echo(outcome.line, err=not self._to_stdout)
            if self._verbose and outcome.detail:
                click.echo(f"  {outcome.detail}", err=not self._to_stdout)

    def warn(self, name: str, text: str) -> None:
        """Tells of something that the user should know of and that is no failure."""
        if not self._quiet:
            click.echo(f"idfcodec: {label(name)}: {text}", err=True)

    def failed(self, name: str, cause: str) -> None:
        """Tells of an input that failed, on one line."""
        self._failures += 1
        cause = " ".join(cause.split())
        if self._as_json:
            click.echo(json.dumps({"input": name, "error": cause}))
        click.echo(f"idfcodec: {click.format_filename(name)}: {cause}", err=True)

    def total(self) -> None:
        """Sums up a run over several inputs."""
        count = len(self._outcomes) + self._failures
        if count < 2 or self._quiet or self._as_json:
            return
        text = f"{len(self._outcomes)} of {count} files"
        pixels = sum(outcome.pixels for outcome in self._outcomes)
        coded = sum(outcome.coded for outcome in self._outcomes)
        seconds = sum(outcome.seconds for outcome in self._outcomes)
        if pixels and coded:
            before, after = (sum(getattr(outcome, side) for outcome in self._outcomes) for side in ("before", "after"))
            sizes = describe(before, after) if after else f"{before:,} bytes"
            text += f": {sizes}, {coded * 8 / pixels:.3f} bits per subpixel, {speed(pixels, seconds)}"
        click.echo(text, err=not self._to_stdout)


class Progress:
    """A bar on standard error, if that is a terminal and the work lasts over a second.

    An instance is what the codec calls with (tiles done, tiles in all).
    """

    DELAY = 1.0  # seconds
    WIDTH = 30  # characters

    def __init__(self, label: str, *, quiet: bool = False) -> None:
        self._label = label
        self._active = not quiet and sys.stderr.isatty()
        self._start = time.monotonic()
        self._shown = 0  # characters on the line

    def __call__(self, done: int, total: int) -> None:
        if not self._active or time.monotonic() - self._start < self.DELAY:
            return
        share = min(done / total, 1.0) if total else 1.0
        filled = int(share * self.WIDTH)
        text = f"{self._label} [{'#' * filled}{'.' * (self.WIDTH - filled)}] {share:4.0%}"
        click.echo("\r" + text.ljust(self._shown), nl=False, err=True)
        self._shown = len(text)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            click.echo("\r" + " " * self._shown + "\r", nl=False, err=True)


def common(name: str, shape: tuple[int, ...], size: int, coded: int, seconds: float) -> dict[str, object]:
    """What `--json` says in every command that codes."""
    return {
        "input": name,
        "width": shape[1],
        "height": shape[0],
        "channels": 1 if len(shape) == 2 else shape[2],
        "ratio": size / coded,
        "bits_per_subpixel": 8 * coded / size,
        "seconds": seconds,
        "megabytes_per_second": size / max(seconds, 1e-9) / 1e6,
    }


def speed(size: int, seconds: float) -> str:
    """Raw bytes over seconds as `3.1 MB/s`."""
    return f"{size / max(seconds, 1e-9) / 1e6:.2f} MB/s"


def label(name: str) -> str:
    """An input's name for a person."""
    return "standard input" if name == STREAM else str(click.format_filename(name))


def attempt(name: str, work: Callable[[str], None], report: Report) -> None:
    """Works on one input and reports what goes wrong with it."""
    try:
        work(name)
    except BrokenPipeError:
        silence(sys.stdout)
        raise SystemExit(141) from None
    except OSError as ex:
        report.failed(str(ex.filename or label(name)), ex.strerror or str(ex))
    except IDFError as ex:
        report.failed(label(name), str(ex))
    except ModuleNotFoundError as ex:
        if not is_torch(ex):
            raise
        report.failed(label(name), NEEDS_TORCH)
    except MemoryError:
        report.failed(label(name), "not enough memory")


def finish(inputs: Sequence[str], work: Callable[[str], Outcome], report: Report, *, total: bool = True) -> None:
    """Works on every input, whatever becomes of the others, and leaves with the exit code."""
    for name in inputs:
        attempt(name, lambda name: report.done(work(name)), report)
    if total:
        report.total()
    click.get_current_context().exit(report.exit_code)


def silence(stream: Any) -> None:
    """Sends what is still buffered for a pipe without a reader to nowhere, so that the exit is quiet."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError):
        pass
