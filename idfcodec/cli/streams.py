"""Standard streams and signals: what fails there costs no result, and ends in one sentence and the right exit code.

What is said on standard error is lost without harm where that is closed or full. What was asked for on standard output
is an error there, which names the stream. Signals that end a program raise, so that no temporary file is left.
"""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from idfcodec.files import STANDARD_OUTPUT, stream_error

__all__ = ["GONE", "INTERRUPTED", "mute", "open_closed", "result", "say", "settle", "stopped_by_signals"]

INTERRUPTED, GONE = 130, 141
"""Exit codes: the user has interrupted, the reader of a pipe has gone; 128 and the number of the signal."""
STOPPING = ("SIGTERM", "SIGHUP")  # SIGINT raises as it is


def open_closed() -> None:
    """Puts streams that read or write nothing in the places of closed ones, so that no file gets their numbers.

    Reading the closed standard input or writing to the closed standard output fails; standard error loses what it gets.
    An unbuffered standard output (`PYTHONUNBUFFERED`) gets a buffer: without, a write that the system takes a part of
    counts as done.
    """
    for name, access, mode in (("stdin", os.O_WRONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, access), mode, encoding="utf-8"))
    if isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        sys.stdout = os.fdopen(sys.stdout.fileno(), "w", encoding=sys.stdout.encoding, newline="", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # of names of files that the terminal has no letters for


def say(text: str, *, end: bool = True) -> None:
    """Says something on standard error, if that can be."""
    try:
        click.echo(text, nl=end, err=True)
    except (OSError, ValueError):
        mute(sys.stderr)


def result(text: str) -> None:
    """Prints what was asked for on standard output.

    Raises:
        OSError: it could not be written.
    """
    try:
        click.echo(text)
    except OSError as ex:
        mute(sys.stdout)
        raise stream_error(ex, STANDARD_OUTPUT) from ex


def settle(code: int) -> int:
    """The exit code, once both streams have what was written to them; what they do not take is dropped."""
    try:
        sys.stdout.flush()
    except OSError as ex:
        mute(sys.stdout)
        if not code:
            error = stream_error(ex, STANDARD_OUTPUT)
            code = GONE if isinstance(ex, BrokenPipeError) else 1
            if code == 1:
                say(f"idfcodec: {error.filename}: {error.strerror}")
    except ValueError:  # closed by now
        pass
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        mute(sys.stderr)
    return code


def mute(stream: Any) -> None:
    """Sends what is still buffered for a stream that takes nothing to nowhere, so that the exit is quiet."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError):
        pass


def _stop(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Within it, a signal that would end the program at once raises `SystemExit` with 128 and its number.

    Signals that are ignored or handled already stay so; threads other than the first cannot handle any.
    """
    numbers = [getattr(signal, name) for name in STOPPING if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    changed = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in changed:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)
