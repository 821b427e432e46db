"""A data set of PyTorch over .idfc files and batches, which decodes in the worker processes of a `DataLoader`.

Example:
    >>> import tempfile, idfcodec
    >>> from idfcodec.demo import draw
    >>> from idfcodec.plugins.torch import Pictures
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open(f"{folder}/a.idfb", "wb") as file:
    ...         _ = file.write(idfcodec.encode_batch([draw(32, 24, seed=i) for i in range(5)], effort="fast"))
    ...     pictures = Pictures(folder)
    ...     len(pictures), pictures[4].shape
    (5, torch.Size([3, 24, 32]))
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from idfcodec.batch import decode_batch
from idfcodec.codec import decode_picture
from idfcodec.errors import IDFError
from idfcodec.format.batch import Batch, is_batch, unpack_batch
from idfcodec.picture.picture import Picture
from idfcodec.source import is_url, opened
from idfcodec.types import Pixels

__all__ = ["SUFFIXES", "Pictures", "as_tensor"]

SUFFIXES = (".idfc", ".idfb")
"""Names of files that are found in folders end so."""


def as_tensor(pixels: Pixels) -> torch.Tensor:
    """(C, H, W) of (H, W) or (H, W, C) pixels, of their dtype; frames stay a first axis.

    An axis of three or four in the last place is one of channels, as `idfcodec.decode` has it.
    """
    channels_last = pixels if pixels.ndim > 2 and pixels.shape[-1] <= 4 else pixels[..., None]
    return torch.from_numpy(np.moveaxis(channels_last, -1, -3).copy())


class Pictures(Dataset[Any]):
    """Pictures of files, in the order of their names; those of a batch follow each other.

    What was read of a batch's file is kept, compressed, by each process that reads it: workers that are forked share
    it, those that are spawned read it again. A worker loads each model once.

    Args:
        sources: a folder, which is searched with all that is in it, a file, a URL of a file, or several of these.
        transform: what is made of the pixels, an array as `idfcodec.decode` gives it, palettes as their colours.
        threads: tiles decoded at a time; the workers are what makes use of the cores.

    Raises:
        IDFError: there is no picture, or a batch is damaged.
        OSError: a file cannot be read.
    """

    def __init__(
        self,
        sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        transform: Callable[[Pixels], Any] = as_tensor,
        *,
        threads: int | None = 1,
    ) -> None:
        given = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
        self.files = [file for source in given for file in _files(os.fspath(source))]
        self.transform, self.threads = transform, threads
        self._batches: dict[int, Batch] = {}
        self._ends = list(accumulate(map(self._count, range(len(self.files)))))
        if not self._ends:
            raise IDFError(f"no {' or '.join(SUFFIXES)} files in {', '.join(map(str, given)) or 'nothing'}")

    def __getstate__(self) -> dict[str, Any]:
        """For workers that are spawned: files are read again."""
        return {**self.__dict__, "_batches": {}}

    def __len__(self) -> int:
        return self._ends[-1]

    def place(self, index: int) -> tuple[str, int]:
        """The file that a picture is in, and its number there, from 0.

        Raises:
            IndexError: there is no such picture.
        """
        file, number = self._place(index)
        return self.files[file], number

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Several pictures; of each batch, its own are decoded together. `DataLoader` calls it.

        Raises:
            IndexError: there is no such picture.
            IDFError: a file is damaged, or see `idfcodec.decode`.
        """
        places = [self._place(index) for index in indices]
        wanted: dict[int, list[int]] = {}
        for file, number in places:
            wanted.setdefault(file, []).append(number)
        found = {
            file: dict(zip(numbers, self._decoded(file, numbers), strict=True)) for file, numbers in wanted.items()
        }
        return [self.transform(found[file][number]) for file, number in places]

    def _place(self, index: int) -> tuple[int, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no picture {index}: there are {len(self)}")
        index %= len(self)
        file = bisect_right(self._ends, index)
        return file, index - (self._ends[file - 1] if file else 0)

    def _count(self, file: int) -> int:
        """How many pictures a file has."""
        with opened(self.files[file]) as stream:
            start = stream.read(8)
            if not is_batch(start):
                return 1
            return len(self._batch(file, start + stream.read()).shapes)

    def _batch(self, file: int, data: bytes) -> Batch:
        try:
            self._batches[file] = unpack_batch(data)
        except IDFError as ex:
            raise type(ex)(f"{self.files[file]}: {ex}") from ex
        return self._batches[file]

    def _decoded(self, file: int, numbers: list[int]) -> list[Pixels]:
        """Pixels of some pictures of a file."""
        batch, data = self._batches.get(file), b""
        if batch is None:
            with opened(self.files[file]) as stream:
                data = stream.read()
            if is_batch(data):
                batch = self._batch(file, data)
        try:
            if batch is not None:
                return decode_batch(batch, pictures=numbers, threads=self.threads)
            return [_colours(decode_picture(data, threads=self.threads))] * len(numbers)
        except IDFError as ex:
            raise type(ex)(f"{self.files[file]}: {ex}") from ex


def _files(source: str) -> list[str]:
    if is_url(source) or not os.path.isdir(source):
        return [source]
    return sorted(str(path) for path in Path(source).rglob("*") if path.suffix in SUFFIXES and path.is_file())


def _colours(picture: Picture) -> Pixels:
    return picture.pixels if picture.palette is None else picture.palette[picture.pixels]
