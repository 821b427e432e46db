"""Whether a limit of memory leaves room for the libraries that compute; without, some wait for ever or abort."""

from __future__ import annotations

import sys

__all__ = ["check_room"]

NEEDED = 320 * 2**20  # bytes of addresses, beside those in use


def check_room() -> None:
    """Raises `MemoryError` where the process may not have as much memory as compiled code wants (`ulimit -v`)."""
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
