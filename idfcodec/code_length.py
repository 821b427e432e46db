"""What a model says that pictures take, in bits: a likelihood beside the sizes of files, never in place of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from idfcodec.arguments import check_options
from idfcodec.batch import prepared, side_by_side, small_planes
from idfcodec.codec import TILE, as_jpeg, cut, names_of_picture
from idfcodec.family import likely_families
from idfcodec.flow.categorical.coder import code_length as length_of_names
from idfcodec.flow.contract import CodeLength
from idfcodec.format.payload import with_patches, with_small_patches
from idfcodec.format.tiles import tile_grid
from idfcodec.kinds import kind_for, kind_of_picture
from idfcodec.models import choose_model, load_model
from idfcodec.parallel import each
from idfcodec.picture.colour import KINDS, Kind
from idfcodec.picture.given import picture_of
from idfcodec.picture.picture import Picture
from idfcodec.types import Pixels

if TYPE_CHECKING:
    from PIL import Image

    from idfcodec.flow.contract import Coder

__all__ = ["CodeLength", "batch_code_lengths", "code_length"]


def code_length(
    image: Picture | Pixels | Image.Image,
    *,
    model: str | os.PathLike[str] | None = None,
    effort: str | None = None,
    conversion: bool = True,
    threads: int | None = None,
    device: str = "cpu",
) -> CodeLength:
    """What a picture takes as `encode` codes it, and where: by names of colours, or as a model says.

    Args:
        image: see `encode`, as are `model`, `effort`, `conversion`, `threads` and `device`.
        model: name, id or folder of the one that codes the picture; None leaves it to the effort.
        effort: which models and families are tried; the smallest counts. What was a JPEG is spread evenly.
        conversion: undo the colour conversion that made the picture.
        threads: tiles at a time.
        device: "cpu" or "cuda".

    Raises:
        UnsupportedImage: another kind of picture.
        ModelError: see `load_model`.
        IDFError: there is no such effort.
    """
    check_options(threads=threads, device=device, conversion=conversion)
    picture = picture_of(image)
    coder = load_model(choose_model(model, effort), device=device)
    kind = kind_for(coder, kind_of_picture(picture, conversion=conversion))
    plain = kind.plain
    effort = effort or "default"
    found, by_names = [], False
    jpeg, by_model = as_jpeg(picture, kind, plain) if conversion and model is None else (None, True)
    if jpeg is not None:
        found.append(_evenly(picture, jpeg))
    if by_model and model is None:
        by_names, by_model = likely_families(kind, picture, effort, coder, threads)
    if by_names:
        names = names_of_picture(plain, picture)
        coded = length_of_names(names, channels=plain.parts, palette=picture.palette, effort=effort)
        found += [coded, _evenly(picture, plain.stored(picture.column))]
    if by_model:
        found.append(_by_model(picture, kind, coder, threads))
    return min(found, key=lambda length: length.total)


def _evenly(picture: Picture, payload: bytes) -> CodeLength:
    shape = picture.column.shape[:2]
    return CodeLength(np.full(shape, 8 * len(payload) / (shape[0] * shape[1])))


def _by_model(picture: Picture, kind: Kind, coder: Coder, threads: int | None) -> CodeLength:
    column, (height, width) = picture.column, picture.shape[:2]
    tiles = tile_grid(height, width, TILE, picture.structure.count)

    def work(index: int) -> CodeLength:
        part = cut(column, tiles[index])
        planes, extra = kind.planes(part, values=coder.capabilities.any_planes)
        nothing = CodeLength(np.zeros(part.shape[:2]))
        found = coder.code_length(planes, kind.types_with(extra)) if planes else nothing
        return replace(found, rest=found.rest + 8 * len(with_patches(extra, b"")))

    found = each(work, len(tiles), threads, progress=None)
    pixels = np.empty(column.shape[:2])
    parts: Counter[str] = Counter()
    for tile, part in zip(tiles, found, strict=True):
        pixels[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] = part.pixels
        parts.update(part.parts)
    return CodeLength(pixels, sum(part.rest for part in found), parts)


def batch_code_lengths(
    images: Sequence[Picture | Pixels | Image.Image],
    *,
    model: str | os.PathLike[str] | None = None,
    effort: str | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> list[float]:
    """What the exported model says in bits that each picture of a batch takes.

    Args:
        images: see `encode_batch`, as are `model`, `effort`, `threads` and `device`.
        model: its name, id or folder.
        effort: chooses a shipped model instead.
        threads: at a time.
        device: "cpu" or "cuda".

    Raises:
        UnsupportedImage: another kind of picture.
        ModelError: see `load_model`.
        IDFError: there are no pictures, or one is too large.
    """
    coder = load_model(choose_model(model, effort, batch=True), device=device)
    pictures, shapes, layouts = prepared(images, conversion=coder.capabilities.any_planes)

    def work(numbers: list[int]) -> list[float]:
        mode = shapes[numbers[0]][0]
        kind, found = KINDS[mode], []
        for planes, extra in (small_planes(kind, pictures[i], layouts.get(mode, ())) for i in numbers):
            patches = with_small_patches(extra, b"") or b""
            found.append(coder.code_length(planes, kind.types_with(extra)).total + 8 * len(patches))
        return found

    return side_by_side(work, shapes, coder.capabilities.side_by_side, threads, None)
