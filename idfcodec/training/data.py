"""Training and validation pictures: folders of images in memory, random crops with augmentation."""

from __future__ import annotations

import hashlib
import io
import itertools
import queue
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from idfcodec.errors import IDFError

__all__ = ["KINDS", "Kind", "held_back", "load_folder", "random_batches", "validation_crops"]


@dataclass(frozen=True)
class Kind:
    """What the pictures are like that a model is to code: how crops are made of larger ones.

    Args:
        downscaled: share of the crops that are downscaled: cleaner pixels, and more of them.
        factors: least and largest factor; the largest may be what the picture's size allows (0). Factors are drawn
            uniformly, or where the picture sets the limit, by their logarithms.
        filters: one is drawn for each crop; what stands there twice is drawn twice as often.
        twice: share of the downscaled crops that get there in two steps, half of them as JPEG in between.
        reprocessed: share of the crops that go through YCbCr, JPEG or gray afterwards.
        squeezed: standard deviation of the logarithm of a downscaled crop's width over its height before.
        blurred: share of the downscaled crops that are blurred before the last step.
    """

    downscaled: float
    factors: tuple[float, float]
    filters: tuple[Image.Resampling, ...]
    twice: float
    reprocessed: float
    squeezed: float = 0.0
    blurred: float = 0.0


_FILTER = Image.Resampling
KINDS = {
    "photos": Kind(0.5, (1.2, 3.0), (_FILTER.LANCZOS,), 0.0, 0.45),
    "thumbnails": Kind(
        1.0,
        (1.5, 0.0),
        (*[_FILTER.BILINEAR] * 4, *[_FILTER.BICUBIC] * 4, _FILTER.HAMMING, _FILTER.BOX, _FILTER.LANCZOS),
        0.6,
        0.15,
        squeezed=0.15,
        blurred=0.25,
    ),
}

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


def validation_crops(
    pictures: list[NDArray[np.uint8]], *, size: int = 256, kind: str = "photos"
) -> list[NDArray[np.uint8]]:
    """The central crop of each picture, at most `size` x `size`.

    Of thumbnails three of each: the central square of 2, of 4 and of as many times `size` as there are, downscaled.
    """
    if kind == "thumbnails":
        squares = [(p, f) for p in pictures for f in (2 * size, 4 * size, min(p.shape[:2])) if f <= min(p.shape[:2])]
        return [
            np.asarray(Image.fromarray(_centre(pixels, side)).resize((size, size), Image.Resampling.BICUBIC))
            for pixels, side in squares
        ]
    return [_centre(pixels, size) for pixels in pictures]


def _centre(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    top, left = max(0, height - size) // 2, max(0, width - size) // 2
    return pixels[top : top + size, left : left + size]


def _reprocessed(crop: NDArray[np.uint8], share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Perhaps what becomes of pictures on their way: YCbCr, JPEG with or without subsampled colours, gray."""
    chance = rng.random() / share
    if chance > 1:
        return crop
    image = Image.fromarray(crop)
    if chance < 0.45:
        image = image.convert("YCbCr")
    elif chance < 0.8:
        image = _jpeg(image, (85, 99), rng)
    else:
        image = image.convert("L")
    return np.asarray(image.convert("RGB"))


def _jpeg(image: Image.Image, quality: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=int(rng.integers(*quality)), subsampling=int(rng.choice([0, 2])))
    return Image.open(stream)


def _resized(crop: NDArray[np.uint8], size: int, kind: Kind, rng: np.random.Generator) -> NDArray[np.uint8]:
    image = Image.fromarray(crop)

    def resize(side: int) -> Image.Image:
        return image.resize((side, side), kind.filters[rng.integers(len(kind.filters))], reducing_gap=3.0)

    if kind.twice and rng.random() < kind.twice:
        least, most = 1.25 * size, max(1.25 * size, min(10 * size, *image.size))
        image = resize(int(least * (most / least) ** rng.random()))
        if rng.random() < 0.7:
            image = _jpeg(image, (50, 97), rng)
    if kind.blurred and rng.random() < kind.blurred:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.15, 0.6) * min(image.size) / size))
    return np.asarray(resize(size))


def _crop(
    pictures: list[NDArray[np.uint8]], areas: NDArray[np.float64], size: int, kind: Kind, rng: np.random.Generator
) -> NDArray[np.uint8]:
    pixels = pictures[rng.choice(len(pictures), p=areas)]
    height, width = pixels.shape[:2]
    factor, most = 1.0, min(height, width) / size
    if rng.random() < kind.downscaled:
        low, high = kind.factors
        factor = float(rng.uniform(low, high)) if high else float(low * (max(low, most) / low) ** rng.random())
    factor = min(factor, most)
    span = across = int(size * factor)
    if span != size and kind.squeezed:
        across = min(width, max(size, int(span * np.exp(rng.normal(0, kind.squeezed)))))
    top, left = rng.integers(height - span + 1), rng.integers(width - across + 1)
    crop = pixels[top : top + span, left : left + across]
    if span != size:
        crop = _resized(crop, size, kind, rng)
        if rng.random() < 0.3:  # exposure, only where resizing has already spread the values
            gain = np.exp(rng.uniform(-0.7, 0.3))
            noise = rng.random(crop.shape, dtype=np.float32)
            crop = np.clip(np.floor(crop * np.float32(gain) + noise), 0, 255).astype(np.uint8)
    crop = _reprocessed(crop, kind.reprocessed, rng)
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
    kind: str = "photos",
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
        kind: one of `KINDS`.
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
            made = np.stack(
                [_crop(pictures, areas, size, KINDS[kind], np.random.default_rng((seed, n))) for n in crops]
            )
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
