"""The command line. NumPy, and PyTorch where it is needed at all, are imported where a command needs them: help and
`info` answer at once.

Exit codes: 0 all went well, 1 a file or the system failed, 2 wrong usage, 130 interrupted, 141 the reader of a pipe
has gone.
"""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from idfcodec import __version__
from idfcodec.cli.compress import compress, decompress, test
from idfcodec.cli.demo import demo
from idfcodec.cli.density import density, sample
from idfcodec.cli.info import info
from idfcodec.cli.measure import bpd
from idfcodec.cli.report import cause_of
from idfcodec.cli.streams import GONE, INTERRUPTED, mute, open_closed, say, settle, stopped_by_signals
from idfcodec.cli.train import train
from idfcodec.errors import IDFError
from idfcodec.files import STANDARD_OUTPUT, stream_error

__all__ = ["cli", "main"]

MOST_YOUNG = 100_000  # new objects between collections: imports make that many, and a tenth of a start went to looking


@contextmanager
def ending() -> Iterator[None]:
    """Turns whatever ends a command early into one line and the exit code, before click sees it."""
    try:
        yield
    except KeyboardInterrupt:
        say("idfcodec: interrupted")
        raise click.exceptions.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise click.exceptions.Exit(GONE) from None
    except (IDFError, ImportError, MemoryError, OSError) as ex:
        error = stream_error(ex, STANDARD_OUTPUT) if isinstance(ex, OSError) and not ex.filename else ex
        say("idfcodec: " + ": ".join(filter(None, cause_of(error, ""))))
        raise click.exceptions.Exit(1) from None


class Commands(click.Group):
    """The commands; help, version and wrong usage are among what may end early."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with ending():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with ending():
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="idfcodec", message="%(prog)s %(version)s")
def cli() -> None:
    """Make photographs smaller without losing a bit of them.

    idfcodec compresses pictures of every common kind with local least squares and a small neural network, an integer
    discrete flow. What comes back is the same picture to the last bit, on any machine, colour profile and camera data
    included; a damaged file gives an error, never a wrong picture.

    \b
    Examples:
      idfcodec compress photo.png             writes photo.idfc
      idfcodec decompress photo.idfc          writes photo.png
      idfcodec info photo.idfc                says what the file holds
    """


for command in (compress, decompress, info, test, bpd, train, demo, density, sample):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    gc.set_threshold(MOST_YOUNG)
    open_closed()
    with stopped_by_signals():
        try:
            return settle(_run(arguments))
        except SystemExit as ex:  # a signal, or a pipe without a reader
            mute(sys.stdout)
            return settle(ex.code if isinstance(ex.code, int) else 1)
        except KeyboardInterrupt:
            return INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = cli.main(arguments, prog_name="idfcodec", standalone_mode=False)
    except click.ClickException as ex:
        try:
            ex.show()
        except (OSError, ValueError):
            mute(sys.stderr)
        return ex.exit_code
    return code if isinstance(code, int) else 0
