"""How many pictures a second a `DataLoader` of two workers gives, from our files, PNG and WebP of the same pictures.

    python -m experiments.loading SET... [--epochs 5] [--limit N] [--json benchmarks/results/loading.json]

A SET is a folder of pictures or an .npz file of small ones, as `python -m benchmarks run` takes them; what fits into
a batch of ours is put into one. Formats take turns, epoch by epoch, after one that is not counted; pictures come as
tensors in shuffled order, and one process at the end compares all of them. `python -m benchmarks readme` writes the
figures into RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

import idfcodec
from benchmarks.datasets import KNOWN, open_dataset
from benchmarks.environment import describe_environment
from idfcodec.format.batch import MAX_SIDE
from idfcodec.plugins.torch import Pictures, as_tensor
from idfcodec.types import Pixels

__all__ = ["WORKERS", "main", "measure"]

WORKERS = 2
BATCH = 8


class Images(Dataset[torch.Tensor]):
    """The pictures of a folder through Pillow."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.iterdir())

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.paths[index]) as image:
            return as_tensor(np.asarray(image))


def _ours(pictures: list[Pixels], folder: Path, effort: str) -> Dataset[Any]:
    if max(max(pixels.shape[:2]) for pixels in pictures) <= MAX_SIDE:
        (folder / "all.idfb").write_bytes(idfcodec.encode_batch(pictures, effort=effort))
    else:
        for number, pixels in enumerate(pictures):
            (folder / f"{number:06}.idfc").write_bytes(idfcodec.encode(pixels, effort=effort))
    return Pictures(folder)


def _theirs(pictures: list[Pixels], folder: Path, suffix: str, **options: Any) -> Dataset[Any]:
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / f"{number:06}.{suffix}", **options)
    return Images(folder)


FORMATS: dict[str, Callable[[list[Pixels], Path], Dataset[Any]]] = {
    "idfcodec fast": lambda pictures, folder: _ours(pictures, folder, "fast"),
    "idfcodec default": lambda pictures, folder: _ours(pictures, folder, "default"),
    "PNG": lambda pictures, folder: _theirs(pictures, folder, "png", compress_level=9),
    "WebP lossless": lambda pictures, folder: _theirs(pictures, folder, "webp", lossless=True, method=6, exact=True),
}


def measure(pictures: list[Pixels], epochs: int) -> dict[str, dict[str, Any]]:
    """Of each format its bytes and the seconds of each epoch. Ends the run if a picture comes back wrong."""
    found: dict[str, dict[str, Any]] = {}
    loaders: dict[str, Iterable[Any]] = {}
    with tempfile.TemporaryDirectory() as root:
        for name, make in FORMATS.items():
            folder = Path(root) / name
            folder.mkdir()
            dataset = make(pictures, folder)
            if not all(torch.equal(dataset[i], as_tensor(pixels)) for i, pixels in enumerate(pictures)):
                sys.exit(f"{name}: a picture came back different")
            found[name] = {"bytes": sum(path.stat().st_size for path in folder.iterdir()), "seconds": []}
            loaders[name] = DataLoader(
                dataset, BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True, collate_fn=list
            )
        for epoch in range(epochs + 1):
            for name in random.sample(list(loaders), len(loaders)):
                start = time.perf_counter()
                count = sum(len(batch) for batch in loaders[name])
                if count != len(pictures):
                    sys.exit(f"{name}: {count} pictures in place of {len(pictures)}")
                if epoch:
                    found[name]["seconds"].append(time.perf_counter() - start)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path, metavar="SET")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--limit", type=int, help="only so many pictures of each set")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every figure there")
    arguments = parser.parse_args()
    result: dict[str, Any] = {"environment": describe_environment(), "workers": WORKERS, "sets": {}}
    for path in arguments.sets:
        dataset = open_dataset(path, limit=arguments.limit)
        entries, _, _ = dataset.survey()
        pictures = [entry.read() for entry in entries]
        found = measure(pictures, arguments.epochs)
        title = KNOWN[dataset.name].short if dataset.name in KNOWN else dataset.name
        result["sets"][title] = {"pictures": len(pictures), "subpixels": sum(p.size for p in pictures)} | {
            "formats": found
        }
        for name, entry in found.items():
            speed = len(pictures) / median(entry["seconds"])
            print(f"{title}  {name:18}{speed:9.1f} pictures/s  {entry['bytes']:,} bytes")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
