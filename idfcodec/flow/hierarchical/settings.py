"""PyTorch's settings of the whole process: this family depends on none of them, and leaves them as they are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from idfcodec.parallel import share

__all__ = ["own_settings"]

_lock = threading.Lock()
_users = 0
_saved = 1


@contextmanager
def own_settings() -> Iterator[None]:
    """Within it new tensors are on the processor, and PyTorch takes as many threads as `parallel.each` has left it.

    The number of threads belongs to the process and to the thread that sets it, so that each thread sets it back to
    what the first one found.
    """
    global _users, _saved
    count = share()
    with torch.device("cpu"):
        if count is None:
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
                torch.set_num_threads(_saved)
