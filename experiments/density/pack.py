"""Pictures in few bytes, to train and judge models of pictures elsewhere: `python -m experiments.density.pack OUT`.

OUT gets `train/`, as many training pictures as fit, and of every one that is held back the middle, which is all that is
judged; and `cifar10/`. The squares that models are judged by are the same as with all pictures.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import numpy as np
from PIL import Image

from experiments.density.common import SHARED
from idfcodec.training.data import SUFFIXES, held_back, validation_crops

__all__ = ["pack"]

MIDDLE = 256  # of a held-back picture; even, and so is what is cut from it


def pack(source: Path, out: Path, limit: int) -> int:
    """Fill the folder `out` from `source`, which is as ../shared/data; the bytes written, at most `limit`."""
    (out / "cifar10").mkdir(parents=True)
    total = 0
    for path in (source / "cifar10").glob("*.npz"):
        shutil.copy(path, out / "cifar10")
        total += path.stat().st_size
    paths = sorted(p for p in (source / "train").rglob("*") if p.suffix.lower() in SUFFIXES)
    order = np.random.default_rng(0).permutation(len(paths))
    # Held-back ones first: all of them must fit.
    for path in sorted((paths[i] for i in order), key=held_back, reverse=True):
        target = out / path.relative_to(source)
        if held_back(path):
            target.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(path) as image:
                middle = validation_crops([np.asarray(image.convert("RGB"))], size=MIDDLE)[0]
            Image.fromarray(middle).save(target, "WEBP", lossless=True)
        elif total + path.stat().st_size <= limit:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        else:
            continue
        total += target.stat().st_size
    return total


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), default=SHARED, help="Pictures, as ../shared/data.")
@click.option("--megabytes", type=float, default=38.0, show_default=True)
def main(out: Path, data: Path, megabytes: float) -> None:
    """Fill the folder OUT, which must not exist."""
    click.echo(f"{out}: {pack(data, out, int(1e6 * megabytes)) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
