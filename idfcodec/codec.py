"""Pictures to files and back: the algorithm from top to bottom.

encode: picture -> mode and planes -> tiles -> flow -> rANS -> container; decode is the same, read upwards.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile, IDFError, ModelError
from idfcodec.flow.contract import IntegerFlow
from idfcodec.flow.hierarchical.walk import Values
from idfcodec.flow.loading import load_flow
from idfcodec.format.container import Container, Mode, pack, pixel_checksum, unpack
from idfcodec.format.tiles import Tile, tile_grid
from idfcodec.models import choose_model, find_model
from idfcodec.picture.pillow import Picture, from_image

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "LEARNED",
    "RAW",
    "Costs",
    "Progress",
    "checksum_of",
    "costs",
    "decode",
    "decode_picture",
    "each",
    "encode",
    "from_planes",
    "from_stored",
    "likelihood",
    "load_model",
    "mode_of",
    "stored",
    "to_planes",
]

TILE = 512
MAX_PIXELS = 2**28  # of a picture to be decoded: a header alone must not claim more memory than this
RAW = 128  # first byte of a tile that is stored, not coded
Pixels = NDArray[np.uint8]
Progress = Callable[[int, int], None]
T = TypeVar("T")


@lru_cache(maxsize=4)
def _flow(folder: str, device: str) -> IntegerFlow:
    from pathlib import Path

    return load_flow(Path(folder), device=device)


def load_model(name: str | os.PathLike[str] | None = None, *, device: str = "cpu") -> IntegerFlow:
    """A model by name, id or folder; None is the default one. Loaded once per process and device.

    Raises:
        ModelError: there is no such model, it is damaged, or the device does not compute it exactly.
    """
    return _flow(str(find_model(None if name is None else os.fspath(name)).resolve()), device)


_lock = threading.Lock()
_pools = 0
_saved = 1


@contextmanager
def _inner_threads(count: int) -> Iterator[None]:
    """torch's own threads while tiles run side by side; the setting is the process's, hence the count of users."""
    global _pools, _saved
    with _lock:
        if not _pools:
            _saved = torch.get_num_threads()
        _pools += 1
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _lock:
            _pools -= 1
            if not _pools:
                torch.set_num_threads(_saved)


def each(work: Callable[[int], T], count: int, threads: int | None, progress: Progress | None) -> list[T]:
    """`work(i)` for every tile, several at a time, results in order."""
    if threads is not None and threads < 1:
        raise IDFError(f"{threads} threads are too few")
    available = threads or len(
        os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )
    workers = min(available, count)
    results: list[T] = []
    with _inner_threads(max(1, available // workers)), ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(work, i) for i in range(count)]
        try:
            for done, future in enumerate(futures, 1):
                results.append(future.result())
                if progress:
                    progress(done, count)
        finally:
            for future in futures:
                future.cancel()
    return results


def mode_of(pixels: Pixels) -> Mode:
    if pixels.ndim == 2:
        return Mode.GRAY
    red, green, blue = (pixels[..., c] for c in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return Mode.GRAY_AS_RGB
    return Mode.RGB


def to_planes(pixels: Pixels, tile: Tile, mode: Mode) -> Values:
    """The planes G, R-G, B-G of a tile, or its one plane: (C, h, w) int32."""
    part = pixels[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
    if mode is not Mode.RGB:
        return np.ascontiguousarray((part if part.ndim == 2 else part[..., 1])[None], np.int32)
    red, green, blue = (part[..., c].astype(np.int32) for c in range(3))
    return np.stack((green, red - green, blue - green))


def from_planes(planes: Values, out: Pixels) -> None:
    """Write the planes of a tile to its place, (h, w) or (h, w, 3).

    Raises:
        CorruptFile: they are no pixels.
    """
    if len(planes) == 1:
        out[:] = planes[0] if out.ndim == 2 else planes[0][..., None]
        return
    red, blue = planes[1] + planes[0], planes[2] + planes[0]
    if min(red.min(), blue.min()) < 0 or max(red.max(), blue.max()) > 255:
        raise CorruptFile("a tile decodes to values outside of their range")
    out[..., 0], out[..., 1], out[..., 2] = red, planes[0], blue


def stored(pixels: Pixels, mode: Mode) -> bytes:
    """A tile as its samples, for what no model makes shorter."""
    return bytes([RAW]) + (pixels[..., 1] if mode is Mode.GRAY_AS_RGB else pixels).tobytes()


def from_stored(payload: bytes | memoryview, planes: int, out: Pixels) -> None:
    """Write a tile that `stored` made to its place, (h, w) or (h, w, 3).

    Raises:
        CorruptFile: it has another length.
    """
    if len(payload) != 1 + planes * out.shape[0] * out.shape[1]:
        raise CorruptFile("a stored tile has the wrong length")
    samples = np.frombuffer(payload[1:], np.uint8).reshape(*out.shape[:2], planes)
    out[:] = samples[..., 0] if out.ndim == 2 else samples


def checksum_of(mode: Mode, pixels: Pixels) -> bytes:
    height, width = pixels.shape[:2]
    shown = pixels[..., 0] if mode is Mode.GRAY_AS_RGB else pixels
    return pixel_checksum(mode, width, height, np.ascontiguousarray(shown).data)


def encode(
    image: Picture | NDArray[np.uint8] | Image.Image,
    *,
    model: str | os.PathLike[str] | None = None,
    effort: str | None = None,
    verify: bool = False,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> bytes:
    """Compress a picture.

    Args:
        image: (H, W) or (H, W, 3) uint8, a PIL image of mode L or RGB, or a `Picture`; ICC, EXIF and XMP are kept.
        model: name, id or folder; None is the default.
        effort: chooses a shipped model instead: "fast" for speed, "default", or "max" for the smallest files. Decoding
            takes as long as encoding, and need not be told.
        verify: decode the result and compare before returning it.
        threads: tiles coded at a time; None is one for each core. The bytes do not depend on it.
        device: "cpu" or "cuda". The bytes do not depend on it.
        progress: called with tiles done and tiles in all.

    Returns:
        The file's bytes.

    Raises:
        UnsupportedImage: another kind of picture.
        ModelError: see `load_model`.
        IDFError: there is no such effort, it came together with a model, or verification failed.
    """
    model = choose_model(None if model is None else os.fspath(model), effort)
    picture = image if isinstance(image, Picture) else from_image(image)
    pixels = picture.pixels
    flow = load_model(model, device=device)
    mode = mode_of(pixels)
    tiles = tile_grid(pixels.shape[0], pixels.shape[1], TILE)

    def work(index: int) -> bytes:
        tile = tiles[index]
        coded = flow.encode_tile(to_planes(pixels, tile, mode))
        if len(coded) <= tile.height * tile.width * mode.planes:
            return coded
        return stored(pixels[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width], mode)

    payloads = each(work, len(tiles), threads, progress)
    data = pack(
        Container(
            mode=mode,
            width=pixels.shape[1],
            height=pixels.shape[0],
            tile=TILE,
            model=flow.id,
            checksum=checksum_of(mode, pixels),
            metadata=picture.metadata,
            tiles=tuple(payloads),
        )
    )
    if verify:
        again = decode_picture(data, threads=threads, device=device, model=model)
        if not np.array_equal(again.pixels, pixels) or dict(again.metadata) != dict(picture.metadata):
            raise IDFError("verification failed: the file does not decode to the picture it was made from")
    return data


def decode_picture(
    data: bytes | memoryview,
    *,
    model: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Picture:
    """Decompress a file to its pixels and metadata.

    Args:
        data: the file's bytes.
        model: where the file's model is, if it is not an installed one; a file names its model by content.
        threads: tiles decoded at a time; None is one for each core.
        device: "cpu" or "cuda".
        progress: called with tiles done and tiles in all.
        max_pixels: larger pictures are refused.

    Raises:
        CorruptFile: the file is damaged; never are wrong pixels returned.
        ModelError: the file's model is not installed, or see `load_model`.
        IDFError: the picture is larger than `max_pixels`.
    """
    container = unpack(data)
    height, width, mode = container.height, container.width, container.mode
    if height * width > max_pixels:
        raise IDFError(f"the picture has {width} x {height} pixels, more than the limit of {max_pixels}")
    flow = load_model(container.model.hex() if model is None else model, device=device)
    if flow.id != container.model:
        raise ModelError(
            f"the file was made with model {container.model.hex()}, not with {flow.name} ({flow.id.hex()})"
        )
    pixels = np.empty((height, width) if mode is Mode.GRAY else (height, width, 3), np.uint8)
    tiles = tile_grid(height, width, container.tile)

    def work(index: int) -> None:
        tile, payload = tiles[index], memoryview(container.tiles[index])
        out = pixels[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
        if payload[0] != RAW:
            from_planes(flow.decode_tile(payload, (mode.planes, tile.height, tile.width)), out)
            return
        from_stored(payload, mode.planes, out)

    each(work, len(tiles), threads, progress)
    if checksum_of(mode, pixels) != container.checksum:
        raise CorruptFile("the decoded pixels do not match the file's checksum")
    return Picture(pixels, container.metadata)


def decode(
    data: bytes | memoryview,
    *,
    model: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """The pixels of a file, (H, W) or (H, W, 3) uint8; see `decode_picture`."""
    picture = decode_picture(
        data, model=model, threads=threads, device=device, progress=progress, max_pixels=max_pixels
    )
    return picture.pixels


LEARNED = ("all", "no lattice", "none")


@dataclass(frozen=True)
class Costs:
    """What a model says that a picture costs, in bits.

    Args:
        steps: of each plane (G, R-G, B-G, or G alone) of each coding step, by (level, group): level 0 is the finest,
            groups 0, 1 and 2 are the phases D, B and C, and group -1 the last latents; a causal flow's is all (0, 0).
        pixels: (H, W) float32 of each pixel, all its planes together.
        rest: of flags, corrections and lists of colours.
    """

    steps: dict[tuple[int, int], tuple[float, ...]]
    pixels: NDArray[np.float32]
    rest: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.rest + sum(sum(bits) for bits in self.steps.values())


def costs(
    image: Picture | NDArray[np.uint8] | Image.Image,
    *,
    model: str | os.PathLike[str] | None = None,
    effort: str | None = None,
    threads: int | None = None,
    device: str = "cpu",
    learned: str = "all",
) -> Costs:
    """What the exported model says that the picture's pixels cost, and where.

    Args:
        image: see `encode`, as are `model`, `effort`, `threads` and `device`.
        model: its name, id or folder.
        effort: chooses a shipped model instead.
        threads: tiles at a time.
        device: "cpu" or "cuda".
        learned: "all" as a file is coded; "no lattice" without the weights of values and of pairs of values
            (FORMAT.md, 4.7); "none" without corrections and palettes as well (4.9 and 4.10).

    Raises:
        UnsupportedImage: another kind of picture.
        ModelError: see `load_model`.
        IDFError: there is no such effort, or nothing to be learned by that name.
    """
    if learned not in LEARNED:
        raise IDFError(f"nothing is learned by the name of {learned!r}; choose one of {', '.join(LEARNED)}")
    model = choose_model(None if model is None else os.fspath(model), effort)
    picture = image if isinstance(image, Picture) else from_image(image)
    flow = load_model(model, device=device)
    mode = mode_of(picture.pixels)
    size = picture.pixels.shape[:2]
    tiles = tile_grid(size[0], size[1], TILE)
    found = each(
        lambda i: flow.tile_costs(
            to_planes(picture.pixels, tiles[i], mode),
            weights=learned != "none",
            lattice=learned == "all",
        ),
        len(tiles),
        threads,
        progress=None,
    )
    pixels = np.empty(size, np.float32)
    for tile, part in zip(tiles, found, strict=True):
        pixels[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] = part.pixels
    steps = {key: tuple(sum(part.steps[key].sum(1) for part in found).tolist()) for key in found[0].steps}
    return Costs(steps, pixels, sum(part.rest for part in found))


def likelihood(
    image: Picture | NDArray[np.uint8] | Image.Image,
    *,
    model: str | os.PathLike[str] | None = None,
    effort: str | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> float:
    """What the exported model says that the picture's pixels cost, in bits; see `costs`."""
    return costs(image, model=model, effort=effort, threads=threads, device=device).total
