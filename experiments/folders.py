"""What a process for each core brings to a folder of pictures: seconds and processor seconds against one process.

    python -m experiments.folders [--pictures 100] [--rounds 3] [--effort default]

Pictures of 0.4 megapixels are compressed and verified: by `idfcodec compress -r` with one process (`-T 1`), by `-r`
with one for each core, and by name, whose tiles are coded side by side. All take turns. On a busy machine seconds say
little; the processor seconds of many processes, over the number of cores, say what a quiet one would need at best.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from PIL import Image

from idfcodec.demo import draw
from idfcodec.workers import cores

__all__ = ["main"]

SIZE = (768, 512)


def measured(command: list[str], out: Path) -> tuple[float, float]:
    """Seconds, and processor seconds of a command and all processes that it starts."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--effort", default="default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name, "in"), Path(name, "out")
        folder.mkdir()
        for i in range(options.pictures):
            Image.fromarray(draw(*SIZE, seed=i)).save(folder / f"{i:03}.png")
        command = [sys.executable, "-m", "idfcodec", "compress", "-q", "-e", options.effort, "-o", str(out)]
        ways = {
            "one process": [*command, "-r", "-T", "1", str(folder)],
            f"{cores()} processes": [*command, "-r", str(folder)],
            "by name, tiles": [*command, *map(str, sorted(folder.iterdir()))],
        }
        measured([*command, str(folder / "000.png")], out)  # which compiles, on a new machine
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way, arguments in ways.items():
                found[way].append(measured(arguments, out))
    seconds = {way: median(one for one, _ in values) for way, values in found.items()}
    busy = {way: median(one for _, one in values) for way, values in found.items()}
    first = next(iter(ways))
    print(f"{options.pictures} pictures of {SIZE[0]} x {SIZE[1]}, effort {options.effort}, {options.rounds} rounds")
    for way in ways:
        print(
            f"{way:16}{seconds[way]:8.1f} s{busy[way]:8.1f} processor seconds, "
            f"{seconds[first] / seconds[way]:.2f} times as fast as {first}"
        )
    many = list(ways)[1]
    print(f"at best, by processor seconds: {busy[first] / (busy[many] / cores()):.2f} times")


if __name__ == "__main__":
    main()
