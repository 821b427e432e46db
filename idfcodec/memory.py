"""Whether a limit of memory leaves room for the libraries that compute, and what of it is kept from call to call."""

from __future__ import annotations

import sys

__all__ = ["check_room", "keep_freed"]

NEEDED = 320 * 2**20  # bytes of addresses, beside those in use
KEPT = 2**23  # bytes of an array, up to which it is made of memory that was freed


def check_room() -> None:
    """Raises `MemoryError` where the process may not have as much memory as compiled code wants (`ulimit -v`).

    Without, some libraries wait for ever or abort.
    """
    if "numba" in sys.modules or sys.platform != "linux":
        return
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return
    with open("/proc/self/statm", "rb") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    if limit - used < NEEDED:
        raise MemoryError


def keep_freed() -> None:
    """Frees an array that is never touched, after which glibc keeps freed memory, of twice its size at most.

    Before it maps large arrays for each picture anew, page by page: a quarter of the time of a picture of 32 x 32.
    """
    import numpy as np

    np.empty(KEPT, np.uint8)
