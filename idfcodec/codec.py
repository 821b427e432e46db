"""Pictures to files and back: the algorithm from top to bottom.

encode: picture -> planes -> tiles -> a model's coder -> container; decode is the same, read upwards.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from idfcodec.errors import CorruptFile, IDFError, UnsupportedImage
from idfcodec.family import likely_families
from idfcodec.flow.categorical.coder import decode as decode_names
from idfcodec.flow.categorical.coder import encode as encode_names
from idfcodec.format.container import NO_MODEL, Container, pack, unpack
from idfcodec.format.payload import CATEGORICAL, COEFFICIENTS, STORED, first_byte, split_patches, with_patches
from idfcodec.format.tiles import Tile, tile_grid
from idfcodec.models import choose_model, load_model, model_of_file
from idfcodec.parallel import each
from idfcodec.picture.colour import KINDS, Kind, kind_of
from idfcodec.picture.jpeg import jpeg_source
from idfcodec.picture.names import names_of, samples_of
from idfcodec.picture.pillow import Picture, from_image
from idfcodec.transcode import jpeg_payload, write_jpeg
from idfcodec.types import Buffer, Pixels, Progress

if TYPE_CHECKING:
    from PIL import Image

    from idfcodec.flow.contract import Coder

__all__ = ["MAX_PIXELS", "TILE", "cut", "decode", "decode_picture", "encode", "kind_problem"]

logger = logging.getLogger(__name__)

TILE = 512
SETTLED = 0.01  # the share of a JPEG's pixels that may be exceptions without another way being tried
MAX_PIXELS = 2**28  # of a picture to be decoded: a header alone must not claim more memory than this


def cut(pixels: Pixels, tile: Tile) -> Pixels:
    """The view of a picture's pixels that a tile is."""
    return pixels[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]


def kind_problem(kind: Kind, coder: Coder) -> str | None:
    """Why a model does not code a kind of picture, if it does not."""
    if kind.common or coder.capabilities.any_planes:
        return None
    return f"the model {coder.name} codes 8-bit gray and RGB only, and the picture is {kind.mode.name}: take a preset"


def _named(kind: Kind, pixels: Pixels, effort: str) -> bytes:
    """The payload of a picture of 8 bits as names of colours, or its samples where they are shorter."""
    coded = encode_names(names_of(kind.samples(pixels)), channels=kind.distinct, effort=effort)
    return min(coded, kind.stored(pixels), key=len)


def _write_names(kind: Kind, payload: memoryview, out: Pixels) -> None:
    """Writes to `out` what `_named` coded.

    Raises:
        CorruptFile: there are no names in such a picture, or the payload is damaged.
    """
    if kind.depth != 8 or kind.conversion is not None:
        raise CorruptFile("a tile has names of colours, and the picture none")
    height, width = out.shape[:2]
    (names,) = decode_names(payload, (1, height, width), channels=kind.distinct)
    kind.write_samples(samples_of(names, kind.distinct), out)


def _tiled(kind: Kind, pixels: Pixels, coder: Coder, threads: int | None, progress: Progress | None) -> list[bytes]:
    """The payloads of a picture's tiles by a model."""
    tiles = tile_grid(pixels.shape[0], pixels.shape[1], TILE)

    def work(index: int) -> bytes:
        part = cut(pixels, tiles[index])
        planes, extra = kind.planes(part)
        (coded,) = coder.encode([planes], kind.types_with(extra))
        coded = with_patches(extra, coded)
        stored = kind.stored(part)
        return coded if len(coded) < len(stored) else stored

    return each(work, len(tiles), threads, progress)


def _pack(picture: Picture, kind: Kind, tile: int, model: bytes, payloads: list[bytes]) -> bytes:
    """The file of a picture."""
    height, width = picture.pixels.shape[:2]
    return pack(
        Container(
            mode=kind.mode,
            width=width,
            height=height,
            tile=tile,
            model=model,
            checksum=kind.checksum(picture.pixels),
            metadata=picture.metadata,
            tiles=tuple(payloads),
        )
    )


def encode(
    image: Picture | Pixels | Image.Image,
    *,
    model: str | os.PathLike[str] | None = None,
    effort: str | None = None,
    conversion: bool = True,
    strip: bool = False,
    verify: bool = False,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> bytes:
    """Compress a picture.

    Args:
        image: (H, W) or (H, W, C) uint8 or uint16, C from 2 to 4 (gray and alpha, RGB, RGB and alpha), a PIL image of
            mode L or RGB, or a `Picture`, with its metadata; what of a PIL image's `info` is not kept is logged.
        model: name, id or folder, which then codes the picture; None leaves it to the effort.
        effort: "fast" for speed, "default", or "max" for the smallest files. It stands for a shipped model, beside
            which the categorical family codes pictures of few or repeated colours. Decoding need not be told.
        conversion: undo the colour conversion that made the picture, if one did and the model codes what was before.
        strip: leave out all metadata, such as profiles, EXIF and texts.
        verify: decode the result and compare before returning it.
        threads: tiles coded at a time; None is one for each core. The bytes do not depend on it.
        device: "cpu" or "cuda". The bytes do not depend on it.
        progress: called with tiles done and tiles in all.

    Returns:
        The file's bytes.

    Raises:
        UnsupportedImage: another kind of picture, or one that the model does not code.
        ModelError: see `load_model`.
        IDFError: there is no such effort, it came together with a model, or verification failed.
    """
    named = choose_model(model, effort)
    picture = image if isinstance(image, Picture) else from_image(image)
    for note in picture.notes if picture is not image else ():
        logger.warning(note)
    if strip:
        picture = replace(picture, metadata={})
    pixels, kind = picture.pixels, kind_of(picture.pixels)
    source = jpeg_source(pixels, picture.jpeg) if conversion and model is None and pixels.dtype == np.uint8 else None
    found = []
    if source is not None:
        payload = min(jpeg_payload(source, pixels.shape[:2]), kind.stored(pixels), key=len)
        found.append(_pack(picture, kind, 0, NO_MODEL, [payload]))
    by_names, by_model = likely_families(kind, pixels, effort or "default") if model is None else (False, True)
    if source is not None and len(source.exceptions) < SETTLED * pixels.shape[0] * pixels.shape[1]:
        by_names = by_model = False
    if by_names:
        found.append(_pack(picture, kind, 0, NO_MODEL, [_named(kind, pixels, effort or "default")]))
    if by_model:
        coder = load_model(named, device=device)
        kind = kind_of(pixels, conversions=conversion and coder.capabilities.any_planes)
        if problem := kind_problem(kind, coder):
            raise UnsupportedImage(problem)
        found.append(_pack(picture, kind, TILE, coder.id, _tiled(kind, pixels, coder, threads, progress)))
    data = min(found, key=len)
    if verify:
        again = decode_picture(data, threads=threads, device=device, model=model)
        if not np.array_equal(again.pixels, pixels) or dict(again.metadata) != dict(picture.metadata):
            raise IDFError("verification failed: the file does not decode to the picture it was made from")
    return data


def decode_picture(
    data: Buffer,
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
    height, width, kind = container.height, container.width, KINDS[container.mode]
    if height * width > max_pixels:
        raise IDFError(f"the picture has {width} x {height} pixels, more than the limit of {max_pixels}")
    coder = None if container.model == NO_MODEL else model_of_file(container.model, model, device=device)
    if coder is not None and (problem := kind_problem(kind, coder)):
        raise CorruptFile(problem)
    pixels = kind.empty(height, width)
    tiles = tile_grid(height, width, container.tile)

    def work(index: int) -> None:
        tile, payload = tiles[index], memoryview(container.tiles[index])
        if first_byte(payload) == STORED:
            kind.write_stored(payload, cut(pixels, tile))
            return
        if first_byte(payload) == CATEGORICAL:
            _write_names(kind, payload, cut(pixels, tile))
            return
        if first_byte(payload) == COEFFICIENTS:
            write_jpeg(kind, payload, cut(pixels, tile))
            return
        if coder is None:
            raise CorruptFile("a tile needs a model, and the file names none")
        extra, payload = split_patches(payload)
        types = kind.types_with(extra)
        (planes,) = coder.decode([payload], kind.shapes_with(extra, (tile.height, tile.width)), types)
        kind.write(planes, cut(pixels, tile), extra)

    each(work, len(tiles), threads, progress)
    if kind.checksum(pixels) != container.checksum:
        raise CorruptFile("the decoded pixels do not match the file's checksum")
    return Picture(pixels, container.metadata)


def decode(
    data: Buffer,
    *,
    model: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """The pixels of a file, (H, W) or (H, W, C) uint8 or uint16; see `decode_picture`."""
    return decode_picture(
        data, model=model, threads=threads, device=device, progress=progress, max_pixels=max_pixels
    ).pixels
