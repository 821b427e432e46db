"""The machine and the software that a run was measured on, and how many of its cores take part."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["available_cores", "describe_environment", "pinned"]

PACKAGES = ("idfcodec", "torch", "numpy", "numba", "constriction", "pillow", "imagecodecs", "pyoxipng")
LIBRARIES = ("jpegxl", "webp", "avif", "jpegls", "jpeg2k", "qoi", "tiff", "deflate", "zstd")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Keeps this process and the commands it starts to as many cores as `threads`, where the system can do that.

    No codec then takes more than it says. Libraries that ask the environment for a number of threads are given this
    one, unless it is set already.
    """
    added = [variable for variable in THREAD_VARIABLES if variable not in os.environ]
    os.environ.update(dict.fromkeys(added, str(threads)))
    before = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    try:
        if before:
            with suppress(OSError):  # some containers refuse
                os.sched_setaffinity(0, sorted(before)[:threads])
        yield
    finally:
        if before:
            with suppress(OSError):
                os.sched_setaffinity(0, before)
        for variable in added:
            del os.environ[variable]


def describe_environment(device: str = "cpu") -> dict[str, Any]:
    """The object "environment" of SCHEMA.md; `device` is that of our models."""
    packages = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            packages[package] = version(package)
    facts = {
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": memory_bytes(),
        "system": platform.platform(aliased=True, terse=True),
        "python": platform.python_version(),
        "packages": packages,
        "libraries": libraries(),
    }
    if device == "cuda":
        import torch

        facts["accelerator"] = torch.cuda.get_device_name()
    return facts


def processor() -> str:
    """The processor's name where the system tells it."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    if platform.system() == "Darwin":
        with suppress(OSError, subprocess.CalledProcessError):
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() or name
    return name


def memory_bytes() -> int:
    """Of the machine, 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def libraries() -> dict[str, str]:
    """The libraries behind imagecodecs by the codec they serve; empty where it is not installed."""
    try:
        import imagecodecs
    except ImportError:
        return {}
    found = {}
    for name in LIBRARIES:
        with suppress(AttributeError, ImportError):
            found[name] = str(getattr(imagecodecs, f"{name}_version")())
    return found
