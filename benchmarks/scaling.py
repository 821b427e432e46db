"""`python -m benchmarks scaling`: time against the size of the picture and the number of threads, and peak memory."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from benchmarks.codecs import OurCodec, our_codecs
from benchmarks.environment import available_cores, processor
from benchmarks.isolated import Killed, measure_apart
from benchmarks.results import BenchmarkError
from idfcodec.files import check_target, identities, write_target

__all__ = ["mosaic", "scaling", "scaling_plot", "scaling_tables"]

SIZES = (0.1, 0.4, 1.5, 6, 24, 50)  # megapixels
THREADED = 6  # megapixels of the picture that is coded by 1, 2, ... threads, or the largest there is
WAYS = ("encode", "decode")
ENOUGH = 2.0  # seconds of calls for each figure
STRIP = 480  # rows of a mosaic that come from one picture
SUFFIXES = {".png", ".webp", ".tif", ".ppm"}
Results = dict[str, Any]
"""{"environment": {"processor", "cores"}, "models": {LABEL: {"by_size": [ROW], "by_threads": [ROW]}}}, where a row is
{"way", "threads", "seconds", "peak_gib", "bytes", "subpixels"}."""


def mosaic(folder: Path, megapixels: float) -> NDArray[np.uint8]:
    """An RGB picture of about that size with sides 3:2, filled with strips of the folder's pictures side by side."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    out = np.empty((height, round(1.5 * height), 3), np.uint8)
    files = cycle(sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES))
    for top in range(0, height, STRIP):
        left = 0
        while left < out.shape[1]:
            try:
                with Image.open(next(files)) as image:
                    part = np.resize(np.asarray(image.convert("RGB")), (STRIP, image.width, 3))  # repeated, if lower
            except StopIteration as ex:
                raise BenchmarkError(f"{folder}: no pictures in it") from ex
            place = out[top : top + STRIP, left : left + part.shape[1]]
            place[:] = part[: place.shape[0], : place.shape[1]]
            left += part.shape[1]
    return out


def _rows(codec: OurCodec, pixels: NDArray[np.uint8], device: str) -> list[dict[str, Any]]:
    click.echo(f"{codec.label}: {pixels.size / 3e6:.1f} megapixels, {codec.threads} threads", err=True)
    try:
        found = measure_apart(codec, "a mosaic", pixels, device=device, seconds=ENOUGH)
    except Killed as ex:
        raise BenchmarkError(f"{codec.label}: {ex}") from ex
    if found is None:
        raise BenchmarkError(f"{codec.label} fails on {pixels.size / 3e6:.1f} megapixels")
    return [
        {"way": way, "threads": codec.threads, "seconds": one.seconds, "peak_gib": one.peak / 2**30, "bytes": one.bytes,
         "subpixels": pixels.size}
        for way, one in found.items()
    ]  # fmt: skip


def scaling_tables(results: Results) -> list[str]:
    """Two tables of Markdown for each model."""
    lines: list[str] = []
    for label, measured in results["models"].items():
        lines += ["", f"**{label}**, {results['environment']['processor']}", ""]
        rows = _with_speeds(measured["by_size"])
        rows["megapixels"] = rows["subpixels"] / 3e6
        first = rows.groupby("way")["ns"].transform("first")
        heads = "megapixels | way | s | ns a pixel | against the first size | peak memory, GiB | bits per subpixel"
        lines += [f"| {heads} |", "| ---: | --- | ---: | ---: | ---: | ---: | ---: |"]
        lines += [
            f"| {row.megapixels:.1f} | {row.way} | {row.seconds:.2f} | {row.ns:.0f} | {row.ns / start:.3f} "
            f"| {row.peak_gib:.2f} | {8 * row.bytes / row.subpixels:.4f} |"
            for row, start in zip(rows.itertuples(), first, strict=True)
        ]
        rows = _with_speeds(measured["by_threads"])
        first = rows.groupby("way")["speed"].transform("first")
        heads = f"threads, {rows['subpixels'].iloc[0] / 3e6:.1f} megapixels | way | s | MB/s | against one thread"
        lines += ["", f"| {heads} | peak memory, GiB |", "| ---: | --- | ---: | ---: | ---: | ---: |"]
        lines += [
            f"| {row.threads} | {row.way} | {row.seconds:.2f} | {row.speed:.2f} | {row.speed / start:.2f} "
            f"| {row.peak_gib:.2f} |"
            for row, start in zip(rows.itertuples(), first, strict=True)
        ]
    return lines


def _with_speeds(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    return frame.assign(
        ns=frame["seconds"] / (frame["subpixels"] / 3) * 1e9, speed=frame["subpixels"] / frame["seconds"] / 1e6
    )


def scaling_plot(results: Results, out: Path) -> None:
    """Seconds against megapixels, and speed against threads, of every model."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    with matplotlib.rc_context({"svg.hashsalt": "idfcodec", "svg.fonttype": "none", "font.size": 9}):
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
        for index, (label, measured) in enumerate(results["models"].items()):
            for way, style in zip(WAYS, (f"C{index}o-", f"C{index}o--"), strict=True):
                rows = _with_speeds(measured["by_size"]).query("way == @way")
                left.loglog(rows["subpixels"] / 3e6, rows["seconds"], style, markersize=4, label=f"{label}, {way}")
                rows = _with_speeds(measured["by_threads"]).query("way == @way")
                right.plot(rows["threads"], rows["speed"], style, markersize=4)
        left.set(xlabel="megapixels", ylabel="seconds")
        right.set(xlabel="threads", ylabel="MB/s", xticks=sorted(set(rows["threads"])))
        right.set_ylim(bottom=0)
        for axes in (left, right):
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        left.legend(frameon=False, fontsize=8)
        figure.savefig(out, metadata={"Date": None} if out.suffix == ".svg" else None)
        pyplot.close(figure)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("source", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--models", default="photo", show_default=True, metavar="IDS", help="Names, ids or folders, with commas.")
@click.option("--max", "largest", type=float, default=SIZES[-1], show_default=True, help="Largest picture, megapixels.")
@click.option("-T", "--threads", type=click.IntRange(min=1), metavar="N", help="The most.  [default: all cores]")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("-o", "--out", metavar="OUT.json", type=click.Path(path_type=Path), help="Write every figure there.")
@click.option("--plot", metavar="OUT.svg", type=click.Path(path_type=Path), help="Draw both tables, SVG or PNG.")
@click.option("-f", "--force", is_flag=True, help="Overwrite existing targets.")
def scaling(
    source: Path, models: str, largest: float, threads: int | None, device: str, out: Path | None, plot: Path | None,
    force: bool,
) -> None:  # fmt: skip
    """Measure time and memory against the size of the picture and the number of threads.

    Large photographs are made as mosaics of the pictures in FOLDER. Each figure comes from a process of its own, which
    codes one way only, so that its peak memory is that of one encode or one decode, interpreter and pixels included.
    Times leave out the start of the process and the loading of the model; what takes less than two seconds is done
    several times, and the median counts. FOLDER may also be the JSON of an earlier run, to show it again.

    \b
    Examples:
      python -m benchmarks scaling photos/ --models photo-fast,photo --max 6
      python -m benchmarks scaling photos/ -o scaling.json --plot scaling.svg
      python -m benchmarks scaling scaling.json --plot scaling.svg
    """
    for target in filter(None, (out, plot)):
        check_target(target, identities([str(source)]), force=force)
    if source.is_file():
        results = json.loads(source.read_bytes())
    else:
        results = _measure(source, [name for name in models.split(",") if name], largest, threads, device)
    click.echo("\n".join(scaling_tables(results)).lstrip())
    if out is not None:
        write_target(out, (json.dumps(results, indent=1) + "\n").encode(), force=force)
    if plot is not None:
        scaling_plot(results, plot)


def _measure(folder: Path, names: Sequence[str], largest: float, threads: int | None, device: str) -> Results:
    most = threads or available_cores()
    sizes = [size for size in SIZES if size <= largest]
    if not sizes:
        raise BenchmarkError(f"the smallest picture has {SIZES[0]} megapixels")
    models: dict[str, Any] = {}
    for codec in our_codecs(names, threads=most, device=device):
        by_size = [row for size in sizes for row in _rows(codec, mosaic(folder, size), device)]
        pixels = mosaic(folder, min(THREADED, sizes[-1]))
        counts = sorted({2**i for i in range(most.bit_length())} | {most})  # 1, 2, 4, ... and the most
        by_threads = [row for count in counts for row in _rows(replace(codec, threads=count), pixels, device)]
        models[codec.label] = {"by_size": by_size, "by_threads": by_threads}
    return {"environment": {"processor": processor(), "cores": os.cpu_count()}, "models": models}
