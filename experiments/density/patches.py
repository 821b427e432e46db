"""The pictures of the experiments: squares of 32 x 32 that no training has seen, and what is unlike them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from experiments.density.common import Options
from idfcodec.demo import draw
from idfcodec.errors import IDFError
from idfcodec.training.data import load_folder, random_batches, validation_crops

__all__ = ["CLASSES", "SIDE", "cifar", "held_back", "pictures", "seen", "side_of", "unlike"]

SIDE = 32
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")  # CIFAR-10's


def side_of(options: Options) -> int:
    """Of the pictures: 32, or 16 when things are only tried out."""
    return SIDE if options.steps is None else SIDE // 2


@lru_cache(2)
def _folder(folder: Path, smallest: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return load_folder(folder, smallest=smallest)


def pictures(options: Options, *, held: bool) -> list[np.ndarray]:
    """(H, W, 3) uint8: the training pictures, or the tenth of them that is held back."""
    return _folder(train_folder(options), side_of(options))[held]


def train_folder(options: Options) -> Path:
    """Where the training pictures are.

    Raises:
        IDFError: they are not there.
    """
    folder = options.data / "train"
    if not folder.is_dir():
        raise IDFError(f"{folder}: there is no such folder of pictures; --data names another one")
    return folder


def _tensor(pictures: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def held_back(options: Options) -> Tensor:
    """(N, 3, side, side) uint8: nine squares from the middle of each picture that training leaves out."""
    side = side_of(options)
    crops = validation_crops(pictures(options, held=True), size=3 * side)
    squares = [
        crop[top : top + side, left : left + side]
        for crop in crops
        for top in range(0, crop.shape[0] - side + 1, side)
        for left in range(0, crop.shape[1] - side + 1, side)
    ]
    return _tensor(squares)[: options.few(len(squares), 6)]


def cifar(options: Options) -> tuple[Tensor, Tensor]:
    """(N, 3, side, side) uint8 and (N,) int64 classes of the CIFAR-10 test pictures that are there.

    Raises:
        IDFError: there are none.
    """
    paths = sorted((options.data / "cifar10").glob("*.npz"))
    if not paths:
        raise IDFError(f"{options.data / 'cifar10'}: there are no CIFAR-10 test pictures")
    arrays = np.load(paths[0])
    cut, side = (SIDE - side_of(options)) // 2, side_of(options)
    count = options.few(len(arrays["images"]), 12)
    pictures = arrays["images"][:count, cut : cut + side, cut : cut + side]
    return _tensor(list(pictures)), torch.from_numpy(arrays["labels"][:count].astype(np.int64))


def seen(options: Options, count: int, seed: int) -> Tensor:
    """(count, 3, side, side) uint8: the first crops that a training of this seed learns from."""
    batch = 32
    training = pictures(options, held=False)
    batches = random_batches(training, batch=batch, size=side_of(options), seed=seed)
    parts = [next(batches) for _ in range(-(-count // batch))]
    batches.close()
    return _tensor(list(np.concatenate(parts)[:count]))


def unlike(pixels: Tensor, seed: int) -> dict[str, Tensor]:
    """By name, sets of as many pictures as `pixels` (N, 3, side, side) uint8: changed ones, and unrelated ones."""
    generator = torch.Generator().manual_seed(seed)
    count, side = len(pixels), pixels.shape[-1]

    def noisy(sigma: float) -> Tensor:
        noise = sigma * torch.randn(pixels.shape, generator=generator)
        return (pixels + noise).round().clamp(0, 255).byte()

    order = torch.rand(count, side * side, generator=generator).argsort(1)[:, None].expand(-1, 3, -1)
    levels = torch.randint(256, (count, 3, 1, 1), generator=generator)
    return {
        "rotated by 90°": pixels.rot90(1, (2, 3)),
        "upside down": pixels.flip(2),
        "negative": 255 - pixels,
        "noise of 4": noisy(4),
        "noise of 16": noisy(16),
        "pixels shuffled": pixels.flatten(2).gather(2, order).view(pixels.shape),
        "constant": levels.byte().expand(pixels.shape).contiguous(),
        "uniform noise": torch.randint(256, pixels.shape, generator=generator).byte(),
        "drawn landscapes": _tensor([draw(side, side, seed=seed + i) for i in range(count)]),
        "text": _text(count, side, generator),
    }


def _text(count: int, side: int, generator: torch.Generator) -> Tensor:
    """Black letters on white, in lines: 5 x 7 pixels each, half of them black, mirrored as many letters are."""
    rows, columns = -(-side // 9), -(-side // 6)
    left = torch.rand(count, rows, columns, 7, 3, generator=generator) < 0.55
    letters = torch.cat((left, left[..., :2].flip(-1)), -1)
    letters &= torch.rand(count, rows, columns, 1, 1, generator=generator) < 0.85  # gaps between words
    cells = torch.zeros(count, rows, columns, 9, 6, dtype=torch.bool)
    cells[..., 1:8, :5] = letters
    page = cells.permute(0, 1, 3, 2, 4).reshape(count, 9 * rows, 6 * columns)[:, :side, :side]
    return torch.where(page, 20, 245).byte()[:, None].expand(-1, 3, -1, -1).contiguous()
