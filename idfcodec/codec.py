"""Pictures to files and back: the algorithm from top to bottom.

encode: picture -> planes -> tiles -> a model's coder -> container; decode is the same, read upwards.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from idfcodec.arguments import check_options, file_bytes
from idfcodec.errors import CorruptFile, IDFError, UnsupportedImage
from idfcodec.family import likely_families, repeats
from idfcodec.flow.categorical.coder import decode as decode_names
from idfcodec.flow.categorical.coder import encode as encode_names
from idfcodec.format.batch import refuse_batch
from idfcodec.format.container import LENGTH_SIZE, NO_MODEL, Container, pack, unpack
from idfcodec.format.mode import Mode
from idfcodec.format.payload import CATEGORICAL, COEFFICIENTS, first_byte
from idfcodec.format.structure import Structure
from idfcodec.format.tiles import Tile, tile_grid
from idfcodec.kinds import kind_for, kind_of_picture, kind_problem
from idfcodec.models import choose_model, load_model, model_of_file
from idfcodec.parallel import each
from idfcodec.picture.colour import KINDS, Kind
from idfcodec.picture.given import picture_of
from idfcodec.picture.jpeg import jpeg_source
from idfcodec.picture.picture import Picture, palette_of
from idfcodec.region import read_part, whole
from idfcodec.tile import decode_tile, encode_tile, is_same
from idfcodec.transcode import is_settled, jpeg_payload, write_jpeg
from idfcodec.types import Buffer, Pixels, Progress

if TYPE_CHECKING:
    from PIL import Image

    from idfcodec.flow.contract import Coder

__all__ = [
    "MAX_PIXELS",
    "TILE",
    "as_jpeg",
    "cut",
    "decode",
    "decode_picture",
    "encode",
    "names_of_picture",
]

logger = logging.getLogger(__name__)

TILE = 512
REPEATED = 0.5  # the share of pixels that repeat a neighbour from which names are tried before tiles
MAX_PIXELS = 2**28  # of a picture to be decoded: a header alone must not claim more memory than this


def cut(pixels: Pixels, tile: Tile) -> Pixels:
    """The view of a picture's pixels that a tile is."""
    return pixels[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]


def names_of_picture(kind: Kind, picture: Picture) -> NDArray[np.uint32]:
    """(F, H, W) names of the colours of a picture."""
    return kind.names(picture.column).reshape(picture.structure.count, *picture.shape[:2])


def _named(kind: Kind, picture: Picture, effort: str, limit: float) -> bytes:
    """The payload of a picture as names of colours, or its samples where they are shorter, or names pass the limit."""
    names, stored = names_of_picture(kind, picture), kind.stored(picture.column)
    limit = min(limit, len(stored))
    coded = encode_names(names, channels=kind.parts, palette=picture.palette, effort=effort, limit=limit)
    return min(coded or stored, stored, key=len)


def as_jpeg(picture: Picture, kind: Kind, plain: Kind) -> tuple[bytes | None, bool]:
    """The payload of a picture that was a JPEG, if it was one, and whether another way need be tried."""
    source = jpeg_source(picture.pixels, picture.jpeg, lambda _: kind.conversion) if picture.plain else None
    if source is None:
        return None, True
    height, width = picture.shape[:2]
    payload = jpeg_payload(source, (height, width))
    settled = is_settled(source, (height, width), len(payload))
    return min(payload, plain.stored(picture.column), key=len), not settled


def _write_names(kind: Kind, payload: memoryview, structure: Structure, out: Pixels) -> None:
    """Writes to `out` what `_named` coded.

    Raises:
        CorruptFile: there are no names in such a picture, or the payload is damaged.
    """
    if not kind.named:
        raise CorruptFile("a tile has names of colours, and the picture none")
    shape = (structure.count, out.shape[0] // structure.count, out.shape[1])
    names = decode_names(payload, shape, channels=kind.parts, palette=palette_of(structure))
    kind.write_names(names.reshape(out.shape[:2]), out)


def _tiled(
    kind: Kind, picture: Picture, coder: Coder, threads: int | None, progress: Progress | None, limit: float = inf
) -> list[bytes]:
    """The payloads of a picture's tiles by a model; where that is found to pass the limit, samples may be stored."""
    column, (height, width) = picture.column, picture.shape[:2]
    tiles = tile_grid(height, width, TILE, picture.structure.count)

    def work(index: int) -> bytes:
        tile = tiles[index]
        before = cut(column, tile.above(height)) if tile.top >= height else None
        return encode_tile(cut(column, tile), kind, coder, before, limit)

    return each(work, len(tiles), threads, progress)


@dataclass(frozen=True)
class _Found:
    """A way to code a picture: the side of its tiles, the model, and the payloads."""

    kind: Kind
    tile: int
    model: bytes
    payloads: list[bytes]

    def __len__(self) -> int:
        """Bytes that depend on the way."""
        return sum(map(len, self.payloads)) + LENGTH_SIZE * len(self.payloads)

    def file(self, picture: Picture, metadata: Mapping[str, bytes]) -> bytes:
        return pack(
            Container(
                mode=self.kind.mode,
                width=picture.shape[1],
                height=picture.shape[0],
                tile=self.tile,
                model=self.model,
                checksum=self.kind.checksum(picture.column),
                metadata=metadata,
                structure=picture.structure,
                tiles=tuple(self.payloads),
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
        image: (H, W) or (H, W, C) uint8 or uint16, C from 1 to 4 (gray, gray and alpha, RGB, RGB and alpha), (H, W)
            bool, a PIL image, or a `Picture`, which may have a palette, inks or frames, with its metadata; what of a
            PIL image's `info` is not kept is logged.
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
    check_options(threads=threads, device=device, progress=progress, conversion=conversion, verify=verify, strip=strip)
    chosen = choose_model(model, effort)
    picture = picture_of(image)
    for note in picture.notes if not isinstance(image, Picture) else ():
        logger.warning(note)
    metadata = {} if strip else picture.metadata
    kind = kind_of_picture(picture, conversion=conversion)
    plain = kind.plain
    jpeg, by_other = as_jpeg(picture, kind, plain) if conversion and model is None else (None, True)
    found = [] if jpeg is None else [_Found(plain, 0, NO_MODEL, [jpeg])]
    if by_other:  # what is all a JPEG does not wait for a model
        coder = load_model(chosen, device=device)
        kind = kind_for(coder, kind)
        effort = effort or "default"
        names, tiles = likely_families(kind, picture, effort, coder, threads) if model is None else (False, True)

        def named(limit: float) -> _Found:
            return _Found(plain, 0, NO_MODEL, [_named(plain, picture, effort, limit)])

        def tiled(limit: float) -> _Found:
            return _Found(kind, TILE, coder.id, _tiled(kind, picture, coder, threads, progress, limit))

        ways = [tiled] * tiles + [named] * names
        if len(ways) > 1 and repeats(picture.column) >= REPEATED:
            ways.reverse()
        for way in ways:  # the likely one first: its size is a limit
            found.append(way(min(map(len, found), default=inf) - LENGTH_SIZE))
    data = min(found, key=lambda one: (len(one), one.model != NO_MODEL)).file(picture, metadata)
    if verify:
        again = decode_picture(data, threads=threads, device=device, model=model)
        if not again.same(picture) or dict(again.metadata) != dict(metadata):
            raise IDFError("verification failed: the file does not decode to the picture it was made from")
    return data


def decode_picture(
    data: Buffer | BinaryIO,
    *,
    box: Sequence[int] | None = None,
    model: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Picture:
    """Decompress a file to its pixels and metadata.

    Of a box, only the tiles that it touches are read and decoded, where the picture has several. The checksum is of
    all pixels, so it is compared only where all of them are decoded: damage within a payload that an entropy coder
    does not notice gives wrong pixels of a box.

    Args:
        data: the file's bytes; with a box, also a binary file that can `seek` and `read`, such as a reader of ranges.
        box: left, top, right and bottom in pixels, right and bottom excluded; None is the whole picture.
        model: where the file's model is, if it is not an installed one; a file names its model by content.
        threads: tiles decoded at a time; None is one for each core.
        device: "cpu" or "cuda".
        progress: called with tiles done and tiles in all.
        max_pixels: larger pictures are refused; of a box, its tiles are what counts.

    Raises:
        CorruptFile: the file is damaged; never are wrong pixels of a whole picture returned.
        ModelError: the file's model is not installed, or see `load_model`.
        IDFError: the picture is larger than `max_pixels`, or the box is not within it.
    """
    check_options(threads=threads, device=device, progress=progress, max_pixels=max_pixels, model=model)
    part = whole(unpack(refuse_batch(file_bytes(data)))) if box is None else read_part(data, box)
    container, tiles = part.container, part.tiles
    height, width, kind = part.height, part.width, KINDS[container.mode]
    frames = container.structure.count
    if frames * height * width > max_pixels:
        of = f"{frames} frames of " if frames > 1 else ""
        raise IDFError(f"the picture has {of}{width} x {height} pixels, more than the limit of {max_pixels}")
    coder = None if container.model == NO_MODEL else model_of_file(container.model, model, device=device)
    if coder is not None and (problem := kind_problem(kind, coder)):
        raise CorruptFile(problem)
    column = kind.empty(frames * height, width)
    same = [is_same(memoryview(payload)) for payload in container.tiles]
    if any(same[: max(len(tiles) // frames, 1)]):
        raise CorruptFile("a tile of the first frame cannot be that of the frame before")

    def work(index: int) -> None:
        payload, out = memoryview(container.tiles[index]), cut(column, tiles[index])
        if same[index]:
            return
        if first_byte(payload) == CATEGORICAL and not container.tile:
            _write_names(kind, payload, container.structure, out)
        elif first_byte(payload) == COEFFICIENTS and not container.tile and frames == 1:
            write_jpeg(kind, payload, out)
        else:
            decode_tile(payload, kind, coder, out)

    each(work, len(tiles), threads, progress)
    for tile in (tile for tile, again in zip(tiles, same, strict=True) if again):
        cut(column, tile)[:] = cut(column, tile.above(height))
    if part.complete and kind.checksum(column) != container.checksum:
        raise CorruptFile("the decoded pixels do not match the file's checksum")
    if box is not None:
        framed = column.reshape(frames, height, *column.shape[1:])
        column = np.concatenate([cut(frame, part.box) for frame in framed])
    inks = container.mode in (Mode.CMYK, Mode.CMYK_16)
    try:
        return Picture.of_column(column, container.structure, container.metadata, cmyk=inks)
    except UnsupportedImage as ex:
        raise CorruptFile(str(ex)) from ex


def decode(
    data: Buffer | BinaryIO,
    *,
    box: Sequence[int] | None = None,
    model: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """The pixels of a file: (H, W) or (H, W, C) uint8 or uint16, or (H, W) bool; frames come as a first axis.

    The pixels of a picture with a palette are the numbers of its colours; see `decode_picture`, which gives these too,
    and says what a `box` is.
    """
    return decode_picture(
        data, box=box, model=model, threads=threads, device=device, progress=progress, max_pixels=max_pixels
    ).pixels
