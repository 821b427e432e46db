"""How long starting takes, whether time is linear in pixels, and what a second thread brings.

    python -m experiments.speed start     a 64 x 64 file, in times of `python -c "import numba"`
    python -m experiments.speed linear    seconds a megapixel at 24 megapixels, in times of those at 6, and memory
    python -m experiments.speed threads   four tiles with one thread, in times of two
    python -m experiments.speed pictures FILE ...   bytes and megapixels a second, each effort, one thread
    python -m experiments.speed small [FILE]        megapixels a second of small pictures of each kind, cut from a
                                                    photograph, or drawn

All but the second and the third are medians of some alternate runs; a busy machine shows in what they scatter by.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

import idfcodec
from idfcodec.demo import draw
from idfcodec.picture.picture import Picture

__all__ = ["alternately", "main"]


def alternately(
    works: dict[str, Callable[[], object]], runs: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """The median seconds of each work, the runs of all taking turns."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            start = clock()
            work()
            seconds[name].append(clock() - start)
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
    """Encoding and decoding, two threads, each in a process of its own: a picture, four times it, and it again."""
    with tempfile.TemporaryDirectory() as folder:

        def run(*arguments: str) -> list[float]:
            command = [sys.executable, "-m", "experiments.speed", *arguments]
            return [float(word) for word in subprocess.check_output(command).split()]

        run("draw", folder)
        for what in ("encode", "decode"):
            before, large, after = (run(what, f"{folder}/{name}") for name in ("6", "24", "6"))
            wall, processor = (2 * large[k] / (before[k] + after[k]) / 4 for k in range(2))
            print(
                f"{what}  {large[0]:.1f} s, {wall:.2f} by the clock, {processor:.2f} by processor time,"
                f" {large[2]:.0f} MB", flush=True
            )  # fmt: skip


def _measured(work: Callable[[], object]) -> None:
    """Seconds by the clock, and of the processor, and the process's greatest memory in MB."""
    start, used = time.perf_counter(), time.process_time()
    work()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(time.perf_counter() - start, time.process_time() - used, memory)


def _draw(folder: str) -> None:
    pixels = draw(3000, 2000)
    np.save(f"{folder}/6.npy", pixels)
    np.save(f"{folder}/24.npy", np.tile(pixels, (2, 2, 1)))
    idfcodec.decode(idfcodec.encode(draw(64, 64)))  # so that nothing is left to compile


def _encode(name: str) -> None:
    pixels = np.load(f"{name}.npy")
    _measured(lambda: Path(f"{name}.idfc").write_bytes(idfcodec.encode(pixels, threads=2)))


def _decode(name: str) -> None:
    data = Path(f"{name}.idfc").read_bytes()
    _measured(lambda: idfcodec.decode(data, threads=2))


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


def pictures(*names: str) -> None:
    """Each file: the share of pixels that equal one beside them, and each effort's bytes and speeds."""
    efforts = ("fast", "default", "max")
    print(f"{'':40}{'pixels':>9}{'equal':>7}" + "".join(f"{name:>9}{'enc':>7}{'dec':>7}" for name in efforts))
    for name in names:
        with Image.open(name) as image:
            pixels = np.asarray(image)
        line = f"{Path(name).name:40}{pixels.shape[0] * pixels.shape[1]:9}{_equal(pixels):7.3f}"
        for effort in efforts:
            data = idfcodec.encode(pixels, effort=effort, threads=1)
            works: dict[str, Callable[[], object]] = {
                "encode": partial(idfcodec.encode, pixels, effort=effort, threads=1),
                "decode": partial(idfcodec.decode, data, threads=1),
            }
            speeds = [pixels.shape[0] * pixels.shape[1] / 1e6 / value for value in alternately(works, 2).values()]
            line += f"{len(data):9}" + "".join(f"{speed:7.2f}" for speed in speeds)
        print(line, flush=True)


SIDES = 8, 32, 64, 128


def small(name: str = "") -> None:
    """Each kind and side: bytes, and megapixels a second of the processor's time, default effort, one thread."""
    print(f"{'':14}" + "".join(f"{side:>9} enc    dec" for side in SIDES))
    for kind in _small(name, SIDES[0]):
        line = f"{kind:14}"
        for side in SIDES:
            picture = _small(name, side)[kind]
            data = idfcodec.encode(picture, threads=1)
            works: dict[str, Callable[[], object]] = {
                "encode": partial(idfcodec.encode, picture, threads=1),
                "decode": partial(idfcodec.decode, data, threads=1),
            }
            found = alternately(works, max(7, 2**14 // side**2), time.process_time)
            line += f"{len(data):6}" + "".join(f"{side**2 / 1e6 / seconds:7.3f}" for seconds in found.values())
        print(line, flush=True)


def _small(name: str, side: int) -> dict[str, Picture]:
    """Pictures of each kind, from the middle of a photograph."""
    with Image.open(name) if name else Image.fromarray(draw(192, 192)) as image:
        whole = image.convert("RGB")
    left, top = (whole.width - side) // 2, (whole.height - side) // 2
    part = whole.crop((left, top, left + side, top + side))
    rgb, gray = np.asarray(part), np.asarray(part.convert("L"))
    y, x = np.mgrid[:side, :side]
    soft = np.clip(255 - 6 * np.hypot(x - side / 2, y - side / 2), 0, 255).astype(np.uint8)
    deep = rgb.astype(np.uint16) * 257 + np.random.default_rng(1).integers(0, 257, rgb.shape, np.uint16) - 128
    text = np.kron(np.random.default_rng(2).integers(0, 2, (side // 8, side // 8)), np.ones((8, 8))) * (y % 8 > 1)
    found = {"RGB": rgb, "gray": gray, "RGBA": np.dstack([rgb, soft]), "RGB, 16 bits": deep, "1 bit": text > 0}
    pictures = {kind: Picture(np.ascontiguousarray(pixels)) for kind, pixels in found.items()}
    pictures["gray, 16 bits"] = Picture(np.ascontiguousarray(deep[..., 1]))
    for colours in (16, 256):
        numbers = part.quantize(colours)
        palette = np.array(numbers.getpalette(), np.uint8).reshape(-1, 3)[:colours]
        pictures[f"{colours} colours"] = Picture(np.asarray(numbers), palette=palette)
    blocks = part.quantize(6).resize((side // 4, side // 4), 0).resize((side, side), 0)
    pictures["screen"] = Picture(np.asarray(blocks.convert("RGB")))
    return pictures


def _equal(pixels: npt.NDArray[Any]) -> float:
    """The share of pixels that equal the one before them or above them."""
    colours = pixels.reshape(*pixels.shape[:2], -1)
    equal = np.zeros(colours.shape[:2], bool)
    equal[:, 1:] |= (colours[:, 1:] == colours[:, :-1]).all(2)
    equal[1:] |= (colours[1:] == colours[:-1]).all(2)
    return float(equal.mean())


def main() -> None:
    works: dict[str, Callable[..., Any]] = {
        "start": start,
        "linear": linear,
        "threads": threads,
        "pictures": pictures,
        "small": small,
        "draw": _draw,
        "encode": _encode,
        "decode": _decode,
    }
    works[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
