"""What is measured: pictures of a folder, patches cut from them, or an array of small pictures."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.contenders import Pixels
from benchmarks.results import BenchmarkError
from idfcodec.errors import IDFError
from idfcodec.picture.pillow import read_picture
from idfcodec.training.data import held_back

__all__ = ["Dataset", "Entry", "open_arrays", "open_dataset", "open_folder", "open_patches", "pixel_hash"]

TITLES = {
    "kodak": "Kodak, photographs (PhotoCD)",
    "photo1mp": "photo1mp, photographs of about 1 megapixel (Xiph subset1)",
    "set14": "Set14: photographs, gray stored as RGB, a drawing, a page of text",
    "mixed": "mixed: screenshots, drawings, micrographs, photographs of other kinds",
    "cifar10": "CIFAR-10, test pictures of 32 x 32 pixels",
}
"""Of sets that are well known, by the name of their folder or file."""

NO_PICTURES = {".txt", ".md", ".json", ".csv", ".toml", ".html", ".npz"}
"""Suffixes of what stands beside pictures and is not worth a word; everything else is tried."""

ARRAYS = "images"
"""The array of an .npz file that holds its pictures, (N, H, W) or (N, H, W, 3) uint8."""


@dataclass(frozen=True)
class Entry:
    """A picture that has not been read yet; `read` raises `IDFError` where it is none that can be coded."""

    name: str
    read: Callable[[], Pixels]


@dataclass(frozen=True)
class Dataset:
    """Pictures under one name.

    Attributes:
        name: in the result.
        title: for headings.
        source: where they are from, without the way there.
        kind: "folder", "patches" or "arrays".
        entries: what may be pictures.
        limit: how many pictures are wanted, None for all.
    """

    name: str
    title: str
    source: str
    kind: Literal["folder", "patches", "arrays"]
    entries: tuple[Entry, ...]
    limit: int | None = None

    def survey(self) -> tuple[tuple[Entry, ...], dict[str, dict[str, Any]], list[dict[str, str]]]:
        """Reads everything once.

        Returns:
            The entries that are pictures, what SCHEMA.md says of each by name (with "read_seconds" of 0), and the
            others with the reason why they are skipped.
        """
        kept: list[Entry] = []
        facts: dict[str, dict[str, Any]] = {}
        skipped: list[dict[str, str]] = []
        for entry in self.entries:
            if len(kept) == self.limit:
                break
            try:
                pixels = entry.read()
            except IDFError as ex:
                skipped.append({"file": entry.name, "reason": str(ex)})
                continue
            kept.append(entry)
            facts[entry.name] = {
                "sha256": pixel_hash(pixels),
                "width": pixels.shape[1],
                "height": pixels.shape[0],
                "channels": 1 if pixels.ndim == 2 else 3,
                "subpixels": pixels.size,
                "read_seconds": 0.0,
            }
        return tuple(kept), facts, skipped


def pixel_hash(pixels: Pixels) -> str:
    """SHA-256 of "height,width,channels," and the pixels in C order, in hexadecimal."""
    height, width = pixels.shape[:2]
    head = f"{height},{width},{1 if pixels.ndim == 2 else pixels.shape[2]},".encode()
    return hashlib.sha256(head + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def open_dataset(
    path: Path,
    *,
    patches: int | None = None,
    only_held_back: bool = False,
    limit: int | None = None,
    name: str | None = None,
    title: str | None = None,
) -> Dataset:
    """A folder of pictures, or an .npz file with an array `images`.

    Args:
        patches: cut the folder's pictures into squares of so many pixels, and leave out what is over.
        only_held_back: only the pictures that `idfcodec train` holds back.
        limit: only so many pictures: the first ones; of patches, ones spread over all.
        name: in the result; by default the folder's or file's.
        title: by default a known one or the name.

    Raises:
        BenchmarkError: it is neither, or holds nothing to measure.
    """
    path = Path(path)
    if path.is_dir():
        dataset = open_folder(path, only_held_back=only_held_back)
        if patches is not None:
            dataset = open_patches(dataset, patches, limit)
    elif path.suffix == ".npz":
        if patches is not None or only_held_back:
            raise BenchmarkError(f"{path}: patches and held-back pictures are chosen from a folder, not from arrays")
        dataset = open_arrays(path)
    else:
        raise BenchmarkError(f"{path}: neither a folder of pictures nor an .npz file")
    if not dataset.entries:
        raise BenchmarkError(f"{path}: no {'held-back ' if only_held_back else ''}pictures in it")
    source = dataset.source
    if limit is not None and limit < len(dataset.entries):
        source += f", the first {limit}"
    return replace(dataset, name=name or dataset.name, title=title or dataset.title, source=source, limit=limit)


def open_folder(folder: Path, *, only_held_back: bool = False) -> Dataset:
    """Every file under a folder that is not hidden; those that are no pictures are skipped when they are read."""
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix.lower() not in NO_PICTURES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    chosen = [path for path in paths if not only_held_back or held_back(path)]
    entries = tuple(Entry(path.relative_to(folder).as_posix(), _reader(path)) for path in chosen)
    called = folder.resolve().name
    if only_held_back:
        title = f"{TITLES.get(called, called)}, held back from training"
        return Dataset(f"{called}-held-back", title, f"folder {called}, held-back pictures", "folder", entries)
    return Dataset(called, TITLES.get(called, called), f"folder {called}", "folder", entries)


def open_patches(folder: Dataset, size: int, limit: int | None = None) -> Dataset:
    """The squares of `size` pixels of a grid over each picture, from its upper left corner on.

    They are named by their picture and the offset of their upper left pixel, "name@TOP,LEFT". With a limit, they are
    spread evenly over all there are.
    """
    cut: list[Entry] = []
    for entry in folder.entries:
        try:
            pixels = entry.read()
        except IDFError:
            cut.append(entry)  # it says why when it is read again
            continue
        for top in range(0, pixels.shape[0] - size + 1, size):
            for left in range(0, pixels.shape[1] - size + 1, size):
                patch = np.ascontiguousarray(pixels[top : top + size, left : left + size])
                cut.append(Entry(f"{entry.name}@{top},{left}", _holder(patch)))
    spread = ""
    if limit is not None and limit < len(cut):
        cut = [cut[index * len(cut) // limit] for index in range(limit)]
        spread = f", {limit} of them"
    squares = f"patches of {size} x {size} pixels"
    name, title = f"{folder.name}-{size}", f"{folder.title}: {squares}"
    return Dataset(name, title, f"{folder.source}, {squares} on a grid{spread}", "patches", tuple(cut))


def open_arrays(path: Path) -> Dataset:
    """The pictures of the array `images` of an .npz file.

    Raises:
        BenchmarkError: it has none, or one of another shape or type.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images = arrays[ARRAYS]
    except KeyError as ex:
        raise BenchmarkError(f"{path}: no array {ARRAYS!r} in it") from ex
    except (OSError, ValueError, zipfile.BadZipFile) as ex:
        raise BenchmarkError(f"{path}: not a readable .npz file ({ex})") from ex
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        wanted = "(N, H, W) or (N, H, W, 3) uint8"
        raise BenchmarkError(f"{path}: {ARRAYS} is {images.shape} {images.dtype}, not {wanted}")
    if not images.size:
        raise BenchmarkError(f"{path}: {ARRAYS} is empty")
    digits = len(str(len(images) - 1))
    entries = (Entry(f"{index:0{digits}}", _holder(np.ascontiguousarray(one))) for index, one in enumerate(images))
    called = next((known for known in TITLES if path.stem.startswith(known)), path.stem)
    return Dataset(called, TITLES.get(called, called), f"file {path.name}", "arrays", tuple(entries))


def _reader(path: Path) -> Callable[[], Pixels]:
    def read() -> Pixels:
        try:
            with open(path, "rb") as file:  # not by name: its folder is nobody's business
                return np.ascontiguousarray(read_picture(file).pixels)
        except OSError as ex:
            raise IDFError(ex.strerror or str(ex)) from ex

    return read


def _holder(pixels: Pixels) -> Callable[[], Pixels]:
    return lambda: pixels
