"""What is measured: pictures of a folder, patches cut from them, or an array of small pictures."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.adapters import Pixels
from benchmarks.results import BenchmarkError
from idfcodec.errors import IDFError
from idfcodec.picture.pillow import read_picture
from idfcodec.training.data import held_back

__all__ = ["CLASSES", "KNOWN", "Dataset", "Entry", "Known", "Survey", "open_dataset", "pixel_hash"]

CLASSES = ("clean photographs", "of a known past", "screens and drawings", "16 bits a sample")
"""What pictures went through, which decides what a codec can save. RESULTS.md says what the classes mean."""


@dataclass(frozen=True)
class Known:
    """A well-known data set of sets.json: its titles, its class (of `CLASSES`), and what its pictures went through.

    Where it is a part of a folder, `files` are its names; `run --name` chooses it.
    """

    title: str
    short: str
    kind: str
    past: str
    files: tuple[str, ...] = ()


KNOWN = {name: Known(**entry) for name, entry in json.loads(Path(__file__).with_name("sets.json").read_bytes()).items()}
"""By the name of the folder or file."""

NO_PICTURES = {".txt", ".md", ".json", ".csv", ".toml", ".html", ".npz"}
"""Suffixes of what stands beside pictures and is not worth a word; everything else is tried."""

ARRAYS = "images"  # of an .npz file: (N, H, W) or (N, H, W, 3) uint8


@dataclass(frozen=True)
class Entry:
    """A picture that has not been read yet; `read` raises `IDFError` where it is none that can be coded."""

    name: str
    read: Callable[[], Pixels]


Survey = tuple[tuple[Entry, ...], dict[str, dict[str, Any]], list[dict[str, str]]]
"""The entries that are pictures, what a result says of each by name, and the others with the reason."""


@dataclass(frozen=True)
class Dataset:
    """Pictures under one name.

    Attributes:
        name: in the result.
        title: for headings.
        source: where they are from, without the way there.
        entries: what may be pictures.
        limit: how many pictures are wanted, None for all.
        past: one of `CLASSES`, "" if nobody has said.
    """

    name: str
    title: str
    source: str
    kind: Literal["folder", "patches", "arrays"]
    entries: tuple[Entry, ...]
    limit: int | None = None
    past: str = ""

    def survey(self) -> Survey:
        """Reads everything once; "read_seconds" is left at 0."""
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
                "channels": (*pixels.shape, 1)[2],
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
    path: Path, *, patches: int | None = None, only_held_back: bool = False, limit: int | None = None,
    name: str | None = None, title: str | None = None, past: str | None = None,
) -> Dataset:  # fmt: skip
    """A folder of pictures, or an .npz file with an array `images`.

    Args:
        patches: cut the folder's pictures into squares of so many pixels, and leave out what is over.
        only_held_back: only the pictures that `idfcodec train` holds back.
        limit: only so many pictures: the first ones; of patches, ones spread over all.
        name: in the result; by default the folder's or file's.
        title: by default a known one or the name.
        past: one of `CLASSES`; by default that of a known set.

    Raises:
        BenchmarkError: it is neither, or holds nothing to measure.
    """
    if path.is_dir():
        dataset = _folder(path, only_held_back=only_held_back)
        known = KNOWN.get(name or "")
        if known and known.files:
            entries = tuple(entry for entry in dataset.entries if entry.name in known.files)
            dataset = replace(dataset, title=known.title, entries=entries)
        if patches is not None:
            dataset = _patches(dataset, patches, limit)
    elif path.suffix == ".npz":
        if patches is not None or only_held_back:
            raise BenchmarkError(f"{path}: patches and held-back pictures are chosen from a folder, not from arrays")
        dataset = _arrays(path)
    else:
        raise BenchmarkError(f"{path}: neither a folder of pictures nor an .npz file")
    if not dataset.entries:
        raise BenchmarkError(f"{path}: no {'held-back ' if only_held_back else ''}pictures in it")
    first = f", the first {limit}" if limit is not None and limit < len(dataset.entries) else ""
    name, title = name or dataset.name, title or dataset.title
    past = past or (KNOWN[name].kind if name in KNOWN else "")
    return replace(dataset, name=name, title=title, source=dataset.source + first, limit=limit, past=past)


def _folder(folder: Path, *, only_held_back: bool) -> Dataset:
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
    name = folder.resolve().name
    if only_held_back:
        title = f"{_title(name)}, held back from training"
        return Dataset(f"{name}-held-back", title, f"folder {name}, held-back pictures", "folder", entries)
    return Dataset(name, _title(name), f"folder {name}", "folder", entries)


def _patches(folder: Dataset, size: int, limit: int | None) -> Dataset:
    """The squares of `size` pixels of a grid over each picture, named "name@TOP,LEFT".

    With a limit, they are spread evenly over all there are.
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
                patch = pixels[top : top + size, left : left + size]
                cut.append(Entry(f"{entry.name}@{top},{left}", _holder(patch)))
    spread = ""
    if limit is not None and limit < len(cut):
        cut = [cut[index * len(cut) // limit] for index in range(limit)]
        spread = f", {limit} of them"
    squares = f"patches of {size} x {size} pixels"
    name, title = f"{folder.name}-{size}", f"{folder.title}: {squares}"
    return Dataset(name, title, f"{folder.source}, {squares} on a grid{spread}", "patches", tuple(cut))


def _arrays(path: Path) -> Dataset:
    """The pictures of the array `images` of an .npz file."""
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
    entries = tuple(Entry(f"{index:0{digits}}", _holder(one)) for index, one in enumerate(images))
    name = next((known for known in KNOWN if path.stem.startswith(known)), path.stem)
    return Dataset(name, _title(name), f"file {path.name}", "arrays", entries)


def _title(name: str) -> str:
    return KNOWN[name].title if name in KNOWN else name


def _reader(path: Path) -> Callable[[], Pixels]:
    def read() -> Pixels:
        try:
            with open(path, "rb") as file:  # not by name: its folder is nobody's business
                picture = read_picture(file)
            if picture.frames or picture.cmyk:
                raise IDFError(f"codecs are compared on single pictures of gray and RGB, and this is {picture.text}")
            shown = picture.pixels if picture.palette is None else picture.palette[picture.pixels]
            return np.ascontiguousarray(shown if shown.dtype != np.bool_ else shown.astype(np.uint8) * 255)
        except OSError as ex:
            raise IDFError(ex.strerror or str(ex)) from ex

    return read


def _holder(pixels: Pixels) -> Callable[[], Pixels]:
    pixels = np.ascontiguousarray(pixels)
    return lambda: pixels
