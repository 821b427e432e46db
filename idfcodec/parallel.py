"""Independent pieces of work side by side: tiles of a picture, pictures of a batch."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from idfcodec.errors import IDFError
from idfcodec.types import Progress

__all__ = ["each"]

T = TypeVar("T")
_lock = threading.Lock()
_users = 0
_saved = 1


@contextmanager
def _inner_threads(count: int) -> Iterator[None]:
    """PyTorch's own threads, where it is loaded. The setting is the process's, so users of it are counted."""
    global _users, _saved
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    with _lock:
        if not _users:
            _saved = torch.get_num_threads()
        _users += 1
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                torch.set_num_threads(_saved)


def each(work: Callable[[int], T], count: int, threads: int | None, progress: Progress | None) -> list[T]:
    """`work(0)` to `work(count - 1)`, several at a time; the results are in order.

    Args:
        work: called with a number, in any thread; in the caller's own where one thread or one result is asked for.
        count: how many results there are.
        threads: at a time; None is one for each core.
        progress: called after each result, in order.

    Raises:
        IDFError: fewer than one thread.
    """
    if threads is not None and threads < 1:
        raise IDFError(f"{threads} threads are too few")
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    available = threads or len(cores)
    workers = max(1, min(available, count))
    with _inner_threads(max(1, available // workers)):
        if workers == 1:
            return list(_reported(map(work, range(count)), count, progress))
        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(work, i) for i in range(count)]
            try:
                return list(_reported((future.result() for future in futures), count, progress))
            finally:
                for future in futures:
                    future.cancel()


def _reported(results: Iterator[T], count: int, progress: Progress | None) -> Iterator[T]:
    for done, result in enumerate(results, 1):
        yield result
        if progress:
            progress(done, count)
