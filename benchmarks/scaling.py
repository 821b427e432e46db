"""Time a pixel and peak memory against the size of the picture.

usage: python benchmarks/scaling.py FOLDER [--megapixels 6 24] [--threads 2] [--model NAME]

Large photographs are made as mosaics of the pictures in FOLDER. Each size runs in a process of its own, which codes one
way only, so that its peak resident memory is that of one encode or one decode, the interpreter and the raw pixels
included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def mosaic(folder: Path, megapixels: float) -> NDArray[np.uint8]:
    """An RGB picture of about that size with sides 3:2, filled with the folder's pictures side by side."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width = round(1.5 * height)
    files = sorted(p for p in folder.iterdir() if p.suffix in {".png", ".webp", ".tif", ".ppm"})
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
    """One run, in its own process: prints a JSON object."""
    from idfcodec import codec

    small = codec.encode(np.zeros((64, 64, 3), np.uint8), model=model)  # the model is loaded before the clock starts
    codec.decode(small, model=model)
    if way == "encode":
        pixels = np.load(source)
        start = time.perf_counter()
        data = codec.encode(pixels, threads=threads, model=model)
        seconds = time.perf_counter() - start
        source.with_suffix(".idfc").write_bytes(data)
    else:
        data = source.with_suffix(".idfc").read_bytes()
        start = time.perf_counter()
        pixels = codec.decode(data, threads=threads, model=model)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": seconds, "peak_gib": peak, "bytes": len(data), "subpixels": pixels.size}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[6, 24])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--model")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        measure(arguments.run[0], Path(arguments.run[1]), arguments.threads, arguments.model)
        return
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {arguments.threads} threads\n")
    print("| megapixels | way | s | ns a pixel | against the first size | peak memory, GiB | bits per subpixel |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    first: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in arguments.megapixels:
            source = Path(folder) / "picture.npy"
            np.save(source, mosaic(arguments.folder, megapixels))
            for way in ("encode", "decode"):
                command = [sys.executable, __file__, str(arguments.folder), "--threads", str(arguments.threads)]
                command += ["--run", way, str(source)] + (["--model", arguments.model] if arguments.model else [])
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                result = json.loads(done.stdout.splitlines()[-1])
                pixels = result["subpixels"] / 3
                each = result["seconds"] / pixels * 1e9
                ratio = each / first.setdefault(way, each)
                print(
                    f"| {pixels / 1e6:.1f} | {way} | {result['seconds']:.2f} | {each:.0f} | {ratio:.3f} | "
                    f"{result['peak_gib']:.2f} | {8 * result['bytes'] / result['subpixels']:.4f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
