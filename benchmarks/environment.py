"""The machine and the software that a run was measured on, and how many of its cores take part."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

__all__ = ["available_cores", "describe_environment", "pinned", "processor"]

PACKAGES = ("idfcodec", "torch", "numpy", "numba", "constriction", "pillow", "imagecodecs", "pyoxipng")
LIBRARIES = ("jpegxl", "webp", "avif", "jpegls", "jpeg2k", "qoi", "tiff", "deflate", "zstd")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")


def _affinity() -> list[int]:
    """The cores of this process, [] where the system does not tell."""
    process = psutil.Process()
    return sorted(process.cpu_affinity() or []) if hasattr(process, "cpu_affinity") else []


def available_cores() -> int:
    """Cores that this process may use."""
    return len(_affinity()) or os.cpu_count() or 1


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Keeps this process and the commands it starts to as many cores as `threads`, where the system can do that.

    No codec then takes more than it says. Libraries that ask the environment for a number of threads are given this
    one, unless it is set already.
    """
    added = [variable for variable in THREAD_VARIABLES if variable not in os.environ]
    os.environ.update(dict.fromkeys(added, str(threads)))
    before = _affinity()
    try:
        if before:
            with suppress(OSError, psutil.Error):  # some containers refuse
                psutil.Process().cpu_affinity(before[:threads])
        yield
    finally:
        if before:
            with suppress(OSError, psutil.Error):
                psutil.Process().cpu_affinity(before)
        for variable in added:
            del os.environ[variable]


def describe_environment(device: str = "cpu") -> dict[str, Any]:
    """The object "environment" of a result; `device` is that of our models."""
    packages = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            packages[package] = version(package)
    libraries = {}
    for name in LIBRARIES:
        with suppress(AttributeError, ImportError):
            libraries[name] = str(getattr(import_module("imagecodecs"), f"{name}_version")())
    accelerator = {}
    if device == "cuda":
        import torch

        accelerator = {"accelerator": torch.cuda.get_device_name()}
    return {
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.platform(aliased=True, terse=True),
        "python": platform.python_version(),
        "packages": packages,
        "libraries": libraries,
        **accelerator,
    }


def processor() -> str:
    """The processor's name where the system tells it."""
    name = platform.processor() or platform.machine()
    with suppress(OSError, subprocess.CalledProcessError):
        if platform.system() == "Darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() or name
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return name
