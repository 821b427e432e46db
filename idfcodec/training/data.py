"""Training and validation pictures: folders of images in memory, random crops with augmentation."""

from __future__ import annotations

import hashlib
import io
import itertools
import queue
import threading
from collections.abc import Generator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from idfcodec.errors import IDFError

__all__ = ["held_back", "load_folder", "random_batches", "validation_crops"]

SUFFIXES = {".png", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".pgm", ".jpg", ".jpeg"}


def held_back(path: Path) -> bool:
    """Whether a file belongs to the tenth that chooses between models: by a hash of its name alone."""
    return hashlib.sha256(path.name.encode()).digest()[0] % 10 == 0


def load_folder(folder: Path, *, smallest: int) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """All pictures under `folder` as (H, W, 3) uint8: (training, held back). Smaller ones are left out.

    Raises:
        IDFError: the folder has no picture of at least `smallest` pixels on each side in either part.
    """
    train: list[NDArray[np.uint8]] = []
    valid: list[NDArray[np.uint8]] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (OSError, ValueError) as ex:
            raise IDFError(f"{path}: not a readable picture ({ex})") from ex
        if min(pixels.shape[:2]) >= smallest:
            (valid if held_back(path) else train).append(pixels)
    if not train:
        raise IDFError(f"{folder}: no picture of at least {smallest}x{smallest} pixels to train on")
    if not valid:
        train, valid = train[1:] or train, train[:1]
    return train, valid


def validation_crops(pictures: list[NDArray[np.uint8]], *, size: int = 256) -> list[NDArray[np.uint8]]:
    """The central crop of each picture, at most `size` x `size`."""
    crops = []
    for pixels in pictures:
        height, width = pixels.shape[:2]
        top, left = max(0, height - size) // 2, max(0, width - size) // 2
        crops.append(pixels[top : top + size, left : left + size])
    return crops


def _reprocessed(crop: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Perhaps what becomes of pictures on their way: YCbCr, JPEG with or without subsampled colours, gray."""
    kind = rng.random()
    if kind > 0.45:
        return crop
    image = Image.fromarray(crop)
    if kind < 0.2:
        image = image.convert("YCbCr")
    elif kind < 0.37:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=int(rng.integers(85, 99)), subsampling=int(rng.choice([0, 2])))
        image = Image.open(stream)
    else:
        image = image.convert("L")
    return np.asarray(image.convert("RGB"))


def _crop(
    pictures: list[NDArray[np.uint8]], areas: NDArray[np.float64], size: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    pixels = pictures[rng.choice(len(pictures), p=areas)]
    height, width = pixels.shape[:2]
    # Half of the crops are downscaled with a good filter: cleaner pixels, and more of them.
    factor = min(float(rng.uniform(1.2, 3.0)) if rng.random() < 0.5 else 1.0, min(height, width) / size)
    span = int(size * factor)
    top, left = rng.integers(height - span + 1), rng.integers(width - span + 1)
    crop = pixels[top : top + span, left : left + span]
    if span != size:
        crop = np.asarray(Image.fromarray(crop).resize((size, size), Image.Resampling.LANCZOS))
        if rng.random() < 0.3:  # exposure, only where resizing has already spread the values
            gain = np.exp(rng.uniform(-0.7, 0.3))
            noise = rng.random(crop.shape, dtype=np.float32)
            crop = np.clip(np.floor(crop * np.float32(gain) + noise), 0, 255).astype(np.uint8)
    crop = _reprocessed(crop, rng)
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    if rng.random() < 0.5:
        crop = crop[::-1]
    if rng.random() < 0.5:
        crop = crop.transpose(1, 0, 2)
    return crop


def random_batches(
    pictures: list[NDArray[np.uint8]],
    *,
    batch: int,
    size: int,
    seed: int,
    first: int = 0,
    rank: int = 0,
    count: int = 1,
) -> Generator[NDArray[np.uint8], None, None]:
    """Endless (batch / count, size, size, 3) uint8 batches, prepared a few ahead in a thread.

    The seed makes one sequence of crops, each with random numbers of its own, so that any part of it can be had.

    Args:
        pictures: (H, W, 3) uint8, at least `size` on each side.
        batch: crops in a whole batch.
        size: of the crops, in pixels.
        seed: of the sequence, at least 0.
        first: number of the batch to begin with.
        rank: which share of each batch is wanted: crops `rank`, `rank + count` and so on.
        count: into how many shares each batch is dealt.
    """
    areas = np.array([p.shape[0] * p.shape[1] for p in pictures], np.float64)
    areas /= areas.sum()
    ready: queue.Queue[NDArray[np.uint8]] = queue.Queue(maxsize=8)
    stop = threading.Event()

    def produce() -> None:
        for start in itertools.count(first * batch, batch):
            crops = range(start + rank, start + batch, count)
            made = np.stack([_crop(pictures, areas, size, np.random.default_rng((seed, n))) for n in crops])
            while not stop.is_set():
                try:
                    ready.put(made, timeout=0.5)
                    break
                except queue.Full:
                    continue
            if stop.is_set():
                return

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        while True:
            yield ready.get()
    finally:
        stop.set()
        thread.join()
