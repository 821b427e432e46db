"""Independent pieces of work side by side: tiles of a picture, pictures of a batch.

The caller's thread works, too, and others help as far as they can be started: so there is an end wherever it is called,
while the interpreter shuts down or where no thread is to be had. No thread outlives the call, and none is kept for the
next one, so that a process may fork in between.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from idfcodec.types import Progress

__all__ = ["each", "share"]

T = TypeVar("T")
_local = threading.local()


def share() -> int | None:
    """How many threads a piece of work of `each` may use for itself; None outside of it."""
    found: int | None = getattr(_local, "share", None)
    return found


def each(work: Callable[[int], T], count: int, threads: int | None, progress: Progress | None) -> list[T]:
    """`work(0)` to `work(count - 1)`, several at a time; the results are in order.

    Args:
        work: called with a number, in any thread; in the caller's own where one thread or one result is asked for.
            Where several fail, the error of the smallest number is raised, once no thread works any more.
        count: how many results there are.
        threads: at a time; None is one for each core.
        progress: called by the caller's thread with each number of results, in order.
    """
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    available = threads or len(cores)
    workers = max(1, min(available, count))
    crew = _Crew(work, count, available // workers)
    helpers: list[threading.Thread] = []
    try:
        for _ in range(workers - 1):
            helper = threading.Thread(target=crew.help, name="idfcodec")
            try:
                helper.start()
            except (RuntimeError, MemoryError):  # the interpreter shuts down, or there is no room for a thread
                break
            helpers.append(helper)
        results = crew.lead(progress)
    finally:
        crew.stop()
        for helper in helpers:
            helper.join()
    crew.fail()
    return results


class _Crew(Generic[T]):
    """Threads that take one number after the other."""

    def __init__(self, work: Callable[[int], T], count: int, share: int) -> None:
        self._work, self._count, self._share = work, count, share
        self._change = threading.Condition()
        self._next = 0
        self._results: dict[int, T] = {}
        self._errors: dict[int, BaseException] = {}

    def _one(self) -> bool:
        """Does one piece of work; whether there was one."""
        with self._change:
            if self._errors or self._next >= self._count:
                return False
            number, self._next = self._next, self._next + 1
        outer = share()
        _local.share = self._share
        try:
            result = self._work(number)
        except BaseException as ex:
            with self._change:
                self._errors[number] = ex
                self._change.notify()
            return False
        finally:
            _local.share = outer
        with self._change:
            self._results[number] = result
            self._change.notify()
        return True

    def help(self) -> None:
        """What each of the other threads does."""
        while self._one():
            pass

    def lead(self, progress: Progress | None) -> list[T]:
        """What the caller's thread does: all results, or some if there was an error."""
        told = 0
        more = True
        while told < self._count and not self._errors:
            more = more and self._one()
            if not more:
                self._wait_for(told)
            while told in self._results and not self._errors:
                told += 1
                if progress is not None:
                    progress(told, self._count)
        return [self._results[number] for number in range(told)]

    def _wait_for(self, number: int) -> None:
        with self._change:
            self._change.wait_for(lambda: number in self._results or self._errors)

    def stop(self) -> None:
        """No thread takes another number."""
        with self._change:
            self._next = self._count

    def fail(self) -> None:
        """Raises the error of the smallest number, if there was one; an interruption comes first."""
        errors: dict[int, Any] = dict(self._errors)
        self._errors.clear()  # which the error's frames refer to
        if errors:
            try:
                raise errors[min(errors, key=lambda number: (isinstance(errors[number], Exception), number))]
            finally:
                errors.clear()
