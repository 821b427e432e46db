"""Time against the size of the picture and the number of threads, and peak memory.

    python -m benchmarks.scaling FOLDER [--models photo-fast,photo,photo-max] [--max 50] [--threads 2] [--plot OUT.svg]

Large photographs are made as mosaics of the pictures in FOLDER. Each figure comes from a process of its own, which
codes one way only, so that its peak resident memory is that of one encode or one decode, the interpreter and the raw
pixels included. Times leave out the start of the process and the loading of the model; what takes less than two
seconds is done several times, and the median counts. --plot needs `pip install -e '.[bench]'`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZES = (0.1, 0.4, 1.5, 6, 24, 50)  # megapixels
THREADED = 6  # megapixels of the picture that is coded by 1, 2, ... threads, or the largest there is
WAYS = ("encode", "decode")
ENOUGH = 2.0  # seconds of measuring
MOST = 9  # repetitions
SUFFIXES = {".png", ".webp", ".tif", ".ppm"}
Row = dict[str, Any]


def mosaic(folder: Path, megapixels: float) -> NDArray[np.uint8]:
    """An RGB picture of about that size with sides 3:2, filled with the folder's pictures side by side."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width = round(1.5 * height)
    files = sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES)
    if not files:
        sys.exit(f"{folder} holds no pictures")
    out = np.empty((height, width, 3), np.uint8)
    top = index = 0
    while top < height:
        left, rows = 0, height - top
        while left < width:
            with Image.open(files[index % len(files)]) as image:
                part = np.asarray(image.convert("RGB"))
            index += 1
            part = part[: min(rows, 480), : width - left]
            out[top : top + len(part), left : left + part.shape[1]] = part
            rows = min(rows, len(part))
            left += part.shape[1]
        top += rows
    return out


def measure(way: str, source: Path, threads: int, model: str | None) -> None:
    """One figure, in its own process: prints a JSON object."""
    from idfcodec import codec
    from idfcodec.demo import draw

    # The model and the compiled loops are loaded before the clock starts.
    small = codec.encode(draw(128, 96), model=model)
    codec.decode(small, model=model)
    packed = source.with_suffix(".idfc")
    pixels = np.load(source) if way == "encode" else np.empty(0, np.uint8)
    data = packed.read_bytes() if way == "decode" else b""
    seconds: list[float] = []
    while sum(seconds) < ENOUGH and len(seconds) < MOST:
        start = time.perf_counter()
        if way == "encode":
            data = codec.encode(pixels, threads=threads, model=model)
        else:
            pixels = codec.decode(data, threads=threads, model=model)
        seconds.append(time.perf_counter() - start)
    if way == "encode":
        packed.write_bytes(data)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    result = {"seconds": statistics.median(seconds), "peak_gib": peak, "bytes": len(data), "subpixels": pixels.size}
    print(json.dumps(result))


def figures(source: Path, threads: int, model: str | None) -> Iterator[Row]:
    """Encoding, then decoding, of the picture in `source`."""
    for way in WAYS:
        command = [sys.executable, __file__, str(source.parent), "--threads", str(threads), "--run", way, str(source)]
        command += ["--models", model] if model else []
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        yield {"way": way, "threads": threads} | json.loads(done.stdout.splitlines()[-1])


def by_size(folder: Path, sizes: list[float], threads: int, model: str | None) -> list[Row]:
    """Prints a table as it is measured."""
    print("| megapixels | way | s | ns a pixel | against the first size | peak memory, GiB | bits per subpixel |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    rows: list[Row] = []
    first: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "picture.npy"
        for megapixels in sizes:
            np.save(source, mosaic(folder, megapixels))
            for row in figures(source, threads, model):
                rows.append(row)
                pixels = row["subpixels"] / 3
                each = row["seconds"] / pixels * 1e9
                ratio = each / first.setdefault(row["way"], each)
                print(
                    f"| {pixels / 1e6:.1f} | {row['way']} | {row['seconds']:.2f} | {each:.0f} | {ratio:.3f} "
                    f"| {row['peak_gib']:.2f} | {8 * row['bytes'] / row['subpixels']:.4f} |",
                    flush=True,
                )
    return rows


def by_threads(folder: Path, megapixels: float, counts: list[int], model: str | None) -> list[Row]:
    """Prints a table as it is measured."""
    print(f"| threads, {megapixels:g} megapixels | way | s | MB/s | against one thread | peak memory, GiB |")
    print("| ---: | --- | ---: | ---: | ---: | ---: |")
    rows: list[Row] = []
    first: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "picture.npy"
        np.save(source, mosaic(folder, megapixels))
        for threads in counts:
            for row in figures(source, threads, model):
                rows.append(row)
                speed = row["subpixels"] / row["seconds"] / 1e6
                print(
                    f"| {threads} | {row['way']} | {row['seconds']:.2f} | {speed:.2f} "
                    f"| {speed / first.setdefault(row['way'], speed):.2f} | {row['peak_gib']:.2f} |",
                    flush=True,
                )
    return rows


def plot(results: dict[str, dict[str, list[Row]]], out: Path) -> None:
    """Seconds against megapixels, and speed against threads, of every model."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams.update({"svg.hashsalt": "idfcodec", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for index, (label, measured) in enumerate(results.items()):
        for way, style in zip(WAYS, ("-", "--"), strict=True):
            look = {
                "color": f"C{index}",
                "linestyle": style,
                "marker": "o",
                "markersize": 4,
                "label": f"{label}, {way}",
            }
            rows = [row for row in measured["by_size"] if row["way"] == way]
            left.plot([row["subpixels"] / 3e6 for row in rows], [row["seconds"] for row in rows], **look)
            rows = [row for row in measured["by_threads"] if row["way"] == way]
            speed = [row["subpixels"] / row["seconds"] / 1e6 for row in rows]
            right.plot([row["threads"] for row in rows], speed, **look)
    left.set(xscale="log", yscale="log", xlabel="megapixels", ylabel="seconds")
    for axis in (left.xaxis, left.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    right.set(xlabel="threads", ylabel="MB/s")
    right.set_ylim(bottom=0)
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False, fontsize=8)
    figure.savefig(out, metadata={"Date": None} if out.suffix == ".svg" else None)


def thread_counts(most: int) -> list[int]:
    """1, 2, 4, ... and `most` itself."""
    return sorted({2**i for i in range(most.bit_length()) if 2**i <= most} | {most})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--models", default="", help="comma-separated names, ids or folders; the default one if left out"
    )
    parser.add_argument("--max", type=float, default=SIZES[-1], help="largest picture, megapixels")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="most threads, and those of the sizes' table"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every figure there")
    parser.add_argument("--plot", type=Path, metavar="OUT", help="draw both tables, as SVG or PNG by the name's ending")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    models = [name for name in arguments.models.split(",") if name] or [None]
    if arguments.run:
        measure(arguments.run[0], Path(arguments.run[1]), arguments.threads, models[0])
        return
    sizes = [size for size in SIZES if size <= arguments.max]
    if not sizes:
        sys.exit(f"the smallest picture has {SIZES[0]} megapixels")

    # The processes that measure need none of this, and should be as small as they can.
    from benchmarks.environment import processor
    from benchmarks.models import model_label
    from idfcodec.models import find_model

    print(f"{processor()}, {os.cpu_count()} cores, {arguments.threads} threads, Python {platform.python_version()}")
    results: dict[str, dict[str, list[Row]]] = {}
    for model in models:
        label = model_label(find_model(model))
        print(f"\n**{label}**\n")
        rows = by_size(arguments.folder, sizes, arguments.threads, model)
        print()
        of_threads = by_threads(arguments.folder, min(THREADED, sizes[-1]), thread_counts(arguments.threads), model)
        results[label] = {"by_size": rows, "by_threads": of_threads}
    if arguments.json:
        facts = {"processor": processor(), "cores": os.cpu_count()}
        arguments.json.write_text(json.dumps({"environment": facts, "models": results}, indent=1) + "\n")
    if arguments.plot:
        plot(results, arguments.plot)


if __name__ == "__main__":
    main()
