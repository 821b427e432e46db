"""Pictures in a half, a quarter or an eighth of their width and height, to look at."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from idfcodec.arguments import check_options, file_bytes
from idfcodec.codec import MAX_PIXELS, cut, decode_picture
from idfcodec.errors import IDFError
from idfcodec.flow.contract import Coder
from idfcodec.format.batch import refuse_batch
from idfcodec.format.container import NO_MODEL, Container, unpack
from idfcodec.format.payload import STORED, first_byte
from idfcodec.format.tiles import Tile, tile_grid
from idfcodec.models import model_of_file
from idfcodec.parallel import each
from idfcodec.picture.colour import KINDS
from idfcodec.picture.picture import Picture
from idfcodec.tile import decode_tile
from idfcodec.types import Buffer, Pixels, Progress

__all__ = ["FACTORS", "decode_preview", "reduced"]

FACTORS = (2, 4, 8)
"""How many times smaller a preview may be."""


def decode_preview(
    data: Buffer,
    factor: int,
    *,
    model: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Picture:
    """A smaller picture.

    A hierarchical model codes every eighth row and column before every fourth and every second: of its files, no more
    than that is decoded, tile by tile, and neither averaged nor compared with the checksum. Other files are decoded
    and checked as a whole, and then `reduced`, which takes as long as `decode_picture`.

    Args:
        data: the file's bytes.
        factor: one of `FACTORS`.
        model: see `decode_picture`, as are the other arguments.

    Raises:
        CorruptFile: the file is damaged.
        IDFError: there is no such factor, or see `decode_picture`.
    """
    check_options(threads=threads, device=device, progress=progress, max_pixels=max_pixels, model=model)
    if factor not in FACTORS:
        raise IDFError(f"a preview is {', '.join(map(str, FACTORS))} times smaller, and not {factor!r} times")
    container = unpack(refuse_batch(file_bytes(data)))
    if container.model != NO_MODEL and container.tile and not container.structure.frames:
        coder = model_of_file(container.model, model, device=device)
        if coder.capabilities.previews and container.width * container.height <= max_pixels:
            found = _coarse(container, coder, factor, threads, progress)
            if found is not None:
                return Picture.of_column(found, container.structure, container.metadata)
    picture = decode_picture(
        data, model=model, threads=threads, device=device, progress=progress, max_pixels=max_pixels
    )
    return reduced(picture, factor)


def _coarse(
    container: Container, coder: Coder, factor: int, threads: int | None, progress: Progress | None
) -> Pixels | None:
    """What the levels of a model give without decoding the last ones, if they do."""
    kind = KINDS[container.mode]
    tiles = tile_grid(container.height, container.width, container.tile)
    places = _places(tiles, factor)
    out = kind.empty(places[-1].top + places[-1].height, places[-1].left + places[-1].width)

    def work(index: int) -> bool:
        payload, tile, part = memoryview(container.tiles[index]), tiles[index], cut(out, places[index])
        if first_byte(payload) == STORED:
            pixels = kind.empty(tile.height, tile.width)
            decode_tile(payload, kind, coder, pixels)
            part[:] = pixels[::factor, ::factor]
            return True
        shapes = [(tile.height, tile.width)] * len(kind.types)
        planes = coder.preview(payload, shapes, kind.types, factor.bit_length() - 1)
        if planes is not None:
            kind.write(planes, part)
        return planes is not None

    return out if all(each(work, len(tiles), threads, progress)) else None


def _places(tiles: tuple[Tile, ...], factor: int) -> list[Tile]:
    """Where the smaller tiles lie, side by side."""
    heights = {tile.top: -(-tile.height // factor) for tile in tiles}
    widths = {tile.left: -(-tile.width // factor) for tile in tiles}
    tops, lefts = _starts(heights), _starts(widths)
    return [Tile(tops[t.top], lefts[t.left], heights[t.top], widths[t.left]) for t in tiles]


def _starts(sizes: dict[int, int]) -> dict[int, int]:
    ends = np.cumsum([0, *sizes.values()]).tolist()
    return dict(zip(sizes, ends, strict=False))


def reduced(picture: Picture, factor: int) -> Picture:
    """The means of blocks of `factor` by `factor` pixels, rounded; blocks at the right and the bottom may be smaller.

    Colours are weighted by their alpha. Numbers of a palette become their colours, and a picture of one bit gray.
    """
    pixels = picture.pixels
    if picture.palette is not None:
        pixels = picture.palette[pixels]
    elif pixels.dtype == np.bool_:
        pixels = pixels * np.uint8(255)
    plain = pixels.ndim == (3 if picture.frames else 2)
    samples = pixels.reshape(-1, *pixels.shape[1 if picture.frames else 0 :][:2], 1 if plain else pixels.shape[-1])
    alpha = samples.shape[-1] in (2, 4) and not picture.cmyk
    small = np.stack([_means(frame, factor, alpha) for frame in samples])
    small = small.reshape(
        *((len(small),) if picture.frames else ()), *small.shape[1:3], *(() if plain else small.shape[3:])
    )
    return replace(picture, pixels=small, palette=None)


def _means(pixels: Pixels, factor: int, alpha: bool) -> Pixels:
    """Of (H, W, C), the last channel being alpha if there is one."""
    values = pixels.astype(np.int64)
    counts = _sums(np.ones((*pixels.shape[:2], 1), np.int64), factor)
    sums = _sums(values, factor)
    if alpha:
        weights = sums[..., -1:]
        weighted = _sums(values[..., :-1] * values[..., -1:], factor)
        seen = weights > 0
        colours = np.where(seen, weighted, sums[..., :-1])
        many = np.where(seen, weights, counts)
        sums, counts = (
            np.concatenate([colours, weights], -1),
            np.concatenate([many] * (pixels.shape[-1] - 1) + [counts], -1),
        )
    means: Pixels = ((2 * sums + counts) // (2 * counts)).astype(pixels.dtype)
    return means


def _sums(values: NDArray[np.int64], factor: int) -> NDArray[np.int64]:
    rows: NDArray[np.int64] = np.add.reduceat(values, range(0, values.shape[0], factor), 0)
    sums: NDArray[np.int64] = np.add.reduceat(rows, range(0, values.shape[1], factor), 1)
    return sums
