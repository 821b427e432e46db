"""What the command line says: progress while it works, a line for each file, a total, errors on one line."""

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, TracebackType

import click

from idfcodec.cli.streams import GONE, result, say
from idfcodec.errors import NEEDS_TORCH, IDFError, is_out_of_memory, is_torch
from idfcodec.files import STREAM

__all__ = [
    "Outcome",
    "Progress",
    "Report",
    "attempt",
    "cause_of",
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
        say(f"idfcodec: {record.getMessage()}")


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
        self._failures: list[tuple[str, str]] = []
        self._lost = False  # standard output takes nothing
        hear_notices(quiet=quiet)

    @property
    def exit_code(self) -> int:
        """0 if all went well, else 1."""
        return 1 if self._failures or self._lost else 0

    def done(self, outcome: Outcome, *, told: bool = True) -> None:
        """Tells of an input that went well; `told` is whether a person is told who did not ask for more."""
        self._outcomes.append(outcome)
        if not (told or self._as_json or self._verbose):
            return
        if self._as_json:
            self._result(json.dumps(outcome.values))
        elif not self._quiet or self._to_stdout:
            self._tell(outcome.line)
            if self._verbose and outcome.detail:
                self._tell(f"  {outcome.detail}")

    def warn(self, name: str, text: str) -> None:
        """Tells of something that the user should know of and that is no failure."""
        if not self._quiet:
            say(f"idfcodec: {label(name)}: {text}")

    def failed(self, name: str, cause: str) -> None:
        """Tells of an input that failed, on one line."""
        cause = " ".join(cause.split())
        self._failures.append((name, cause))
        if self._as_json:
            self._result(json.dumps({"input": name, "error": cause}))
        say(f"idfcodec: {click.format_filename(name)}: {cause}")

    def total(self, *, wall: float | None = None, failures: bool = False) -> None:
        """Sums up a run over several inputs.

        Args:
            wall: seconds that it took, if inputs were worked on side by side.
            failures: whether what failed is listed again.
        """
        count = len(self._outcomes) + len(self._failures)
        if count < 2 or self._quiet or self._as_json:
            return
        text = f"{len(self._outcomes)} of {count} files"
        pixels = sum(outcome.pixels for outcome in self._outcomes)
        coded = sum(outcome.coded for outcome in self._outcomes)
        seconds = sum(outcome.seconds for outcome in self._outcomes) if wall is None else wall
        if pixels and coded:
            before, after = (sum(getattr(outcome, side) for outcome in self._outcomes) for side in ("before", "after"))
            sizes = describe(before, after) if after else f"{before:,} bytes"
            text += f": {sizes}, {coded * 8 / pixels:.3f} bits per subpixel, {speed(pixels, seconds)}"
        self._tell(text)
        for name, cause in self._failures if failures else ():
            self._tell(f"  failed: {label(name)}: {cause}")

    def _tell(self, text: str) -> None:
        """A line for people, where they asked for it or where it does not matter whether it arrives."""
        if self._to_stdout:
            self._result(text)
        else:
            say(text)

    def _result(self, text: str) -> None:
        """A line on standard output. Where it does not arrive, that is said once, and files are worked on all the same;
        a pipe without a reader ends the program."""
        if self._lost:
            return
        try:
            result(text)
        except BrokenPipeError:
            raise SystemExit(GONE) from None
        except OSError as ex:
            self._lost = True
            say(f"idfcodec: {ex.filename}: {ex.strerror}")


class Progress:
    """A bar on standard error, if that is a terminal and the work lasts over a second.

    An instance is what the codec calls with (tiles done, tiles in all).
    """

    DELAY = 1.0  # seconds
    WIDTH = 30  # characters

    def __init__(self, label: str, *, quiet: bool = False, time_left: bool = False) -> None:
        self._label, self._time_left = label, time_left
        self._active = not quiet and sys.stderr.isatty()
        self._start = time.monotonic()
        self._shown = 0  # characters on the line

    def __call__(self, done: int, total: int) -> None:
        if not self._active or time.monotonic() - self._start < self.DELAY:
            return
        share = min(done / total, 1.0) if total else 1.0
        filled = int(share * self.WIDTH)
        text = f"{self._label} [{'#' * filled}{'.' * (self.WIDTH - filled)}] {share:4.0%}"
        if self._time_left and share:
            text += f", {left_of(time.monotonic() - self._start, share)} left"
        say("\r" + text.ljust(self._shown), end=False)
        self._shown = len(text)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Takes the bar away, until it is shown next."""
        if self._shown:
            say("\r" + " " * self._shown + "\r", end=False)
            self._shown = 0


def left_of(seconds: float, share: float) -> str:
    """What is left of work of which a share took so long: `1:02:03` or `2:03`."""
    left = round(seconds * (1 - share) / share)
    hours, minutes = divmod(left // 60, 60)
    return f"{hours}:{minutes:02}:{left % 60:02}" if hours else f"{minutes}:{left % 60:02}"


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
        raise SystemExit(GONE) from None
    except (IDFError, ImportError, MemoryError, OSError) as ex:
        report.failed(*cause_of(ex, label(name)))


def cause_of(error: Exception, name: str) -> tuple[str, str]:
    """What is to blame for an error, and why, in words; an error of the program itself goes on.

    Args:
        error: what was raised.
        name: of what was worked on.
    """
    if is_out_of_memory(error):
        return name, "not enough memory"
    if isinstance(error, IDFError):
        return name, str(error)
    if isinstance(error, OSError):
        return str(error.filename or name), error.strerror or str(error)
    if isinstance(error, ModuleNotFoundError) and is_torch(error):
        return name, NEEDS_TORCH
    raise error


def finish(
    inputs: Sequence[str],
    work: Callable[[str], Outcome],
    report: Report,
    *,
    refused: Mapping[str, str] = MappingProxyType({}),
    total: bool = True,
) -> None:
    """Works on every input, whatever becomes of the others, and leaves with the exit code.

    Args:
        inputs: names.
        work: called with each.
        report: told what comes of it.
        refused: inputs that are not worked on, and why, which is said before any work.
        total: whether all of it is summed up.
    """
    for name, cause in refused.items():
        report.failed(label(name), cause)
    for name in (name for name in inputs if name not in refused):
        attempt(name, lambda name: report.done(work(name)), report)
    if total:
        report.total()
    click.get_current_context().exit(report.exit_code)
