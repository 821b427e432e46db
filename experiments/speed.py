"""How long starting takes, whether time is linear in pixels, and what a second thread brings.

    python -m experiments.speed start     a 64 x 64 file, in times of `python -c "import numba"`
    python -m experiments.speed linear    seconds a megapixel at 24 megapixels, in times of those at 6
    python -m experiments.speed threads   four tiles with one thread, in times of two

Each is the median of some alternate runs; a busy machine shows in what they scatter by.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median

import idfcodec
from idfcodec.demo import draw

__all__ = ["alternately", "main"]


def alternately(works: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """The median seconds of each work, the runs of all taking turns."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


def start() -> None:
    """Command line, everything compiled."""
    with tempfile.TemporaryDirectory() as folder:

        def run(*arguments: str) -> Callable[[], object]:
            return lambda: subprocess.run([sys.executable, *arguments], cwd=folder, check=True)

        run("-m", "idfcodec", "demo", "-q", "--size", "64x64", "a.png")()
        works = {
            "import numba": run("-c", "import numba"),
            "compress": run("-m", "idfcodec", "compress", "-qf", "a.png"),
            "decompress": run("-m", "idfcodec", "decompress", "-qf", "a.idfc"),
        }
        alternately(works, 1)
        found = alternately(works, 15)
    for name, seconds in found.items():
        print(f"{name:14}{seconds:.3f} s {seconds / found['import numba']:6.2f}")


def linear() -> None:
    """Encoding and decoding, two threads."""
    sizes = {"6": draw(3000, 2000), "24": draw(6000, 4000)}
    files = {name: idfcodec.encode(pixels) for name, pixels in sizes.items()}
    works: dict[str, Callable[[], object]] = {}
    for name, pixels in sizes.items():
        works[f"encode {name}"] = lambda pixels=pixels: idfcodec.encode(pixels, threads=2)  # type: ignore[misc]
        works[f"decode {name}"] = lambda name=name: idfcodec.decode(files[name], threads=2)  # type: ignore[misc]
    found = alternately(works, 3)
    for what in ("encode", "decode"):
        print(f"{what}  {found[f'{what} 24'] / found[f'{what} 6'] / 4:.2f}")


def threads() -> None:
    """Encoding and decoding of four tiles."""
    pixels = draw(1024, 1024)
    data = idfcodec.encode(pixels)
    works: dict[str, Callable[[], object]] = {}
    for count in (1, 2):
        works[f"encode {count}"] = lambda count=count: idfcodec.encode(pixels, threads=count)  # type: ignore[misc]
        works[f"decode {count}"] = lambda count=count: idfcodec.decode(data, threads=count)  # type: ignore[misc]
    found = alternately(works, 7)
    for what in ("encode", "decode"):
        print(f"{what}  {found[f'{what} 1'] / found[f'{what} 2']:.2f}")


def main() -> None:
    {"start": start, "linear": linear, "threads": threads}[sys.argv[1]]()


if __name__ == "__main__":
    main()
