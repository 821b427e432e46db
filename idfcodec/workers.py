"""Processes that work side by side, one job after the other, each with one thread.

They are started afresh (spawn), so that it does not matter which threads and libraries the caller has. A process that
ends within a job costs that job alone. However the caller ends, no process is left behind, and one that is told to end
removes what it has not written in whole.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any, Generic, TypeVar

from idfcodec.errors import IDFError

__all__ = ["cores", "run"]

J = TypeVar("J")
R = TypeVar("R")
PATIENCE = 30.0  # seconds that a process has to end after it was told to


def cores() -> int:
    """How many the process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(work: Callable[[J], R], jobs: Sequence[J], count: int) -> Iterator[tuple[int, R | IDFError]]:
    """The number of each job and its result, as they are done.

    Args:
        work: a function of a module; it raises nothing.
        jobs: what it is called with, in this order.
        count: how many processes, 1 or more.

    Returns:
        Of a job within which its process ended, the error that says so.
    """
    context = multiprocessing.get_context("spawn")
    idle = [_Worker(context, work) for _ in range(min(count, len(jobs)))]
    busy: dict[Any, tuple[_Worker[J, R], int]] = {}
    waiting = iter(enumerate(jobs))
    try:
        while True:
            for worker, (index, job) in zip(list(idle), waiting, strict=False):
                idle.remove(worker)
                worker.start(job)
                busy[worker.connection] = worker, index
            if not busy:
                return
            for connection in wait(list(busy)):
                worker, index = busy.pop(connection)
                try:
                    result: R | IDFError = worker.connection.recv()
                except (EOFError, OSError):
                    result = IDFError(f"the process that worked on it ended ({worker.ended()})")
                    worker = _Worker(context, work)
                idle.append(worker)
                yield index, result
    finally:
        for worker in [*idle, *(worker for worker, _ in busy.values())]:
            worker.stop()
        for worker in [*idle, *(worker for worker, _ in busy.values())]:
            worker.ended()


class _Worker(Generic[J, R]):
    """A process and the way to it; it starts with its first job."""

    def __init__(self, context: Any, work: Callable[[J], R]) -> None:
        self._context, self._work = context, work
        self._process: SpawnProcess | None = None
        self.connection: Connection[Any, Any]

    def start(self, job: J) -> None:
        """Gives it a job."""
        if self._process is None:
            self.connection, theirs = self._context.Pipe()
            self._process = self._context.Process(target=_serve, args=(theirs, self._work), daemon=True)
            self._process.start()
            theirs.close()
        with contextlib.suppress(OSError):  # if it has ended, that is seen when its result is wanted
            self.connection.send(job)

    def stop(self) -> None:
        """Tells it to end."""
        if self._process is not None:
            self.connection.close()
            self._process.terminate()

    def ended(self) -> str:
        """How it ended, once it has."""
        if self._process is None:
            return ""
        self._process.join(PATIENCE)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        code = self._process.exitcode or 0
        return f"signal {-code}, perhaps for want of memory" if code < 0 else f"exit code {code}"


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _serve(connection: Connection[Any, Any], work: Callable[[Any], Any]) -> None:
    """What a process does until its caller is gone or ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal, which the caller gets, too
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    try:
        while True:
            connection.send(work(connection.recv()))
    except (EOFError, OSError):  # the caller has gone
        pass
