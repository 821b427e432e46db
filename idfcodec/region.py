"""What of a file is needed for a rectangle of its picture: the header, and the tiles that the rectangle touches."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from idfcodec.arguments import file_bytes
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.format.batch import refuse_batch
from idfcodec.format.container import Container, unpack
from idfcodec.format.tiles import Tile, tile_grid
from idfcodec.info import read_info
from idfcodec.types import Buffer

__all__ = ["Box", "Part", "read_part", "whole"]

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, as Pillow has them: columns `[left, right)` and rows `[top, bottom)`."""


@dataclass(frozen=True)
class Part:
    """Tiles of a picture that are neighbours, and the payloads of these alone.

    Attributes:
        container: its `tiles` are the payloads, the rest is the whole file's.
        height: of each frame of the part, in pixels.
        width: likewise.
        tiles: where in the part each payload belongs, frame after frame.
        box: what is wanted of each frame of the part.
        complete: whether the part is the picture, so that the checksum can be compared.
    """

    container: Container
    height: int
    width: int
    tiles: tuple[Tile, ...]
    box: Tile
    complete: bool


def whole(container: Container) -> Part:
    """All of a picture."""
    height, width = container.height, container.width
    tiles = tile_grid(height, width, container.tile, container.structure.count)
    return Part(container, height, width, tiles, Tile(0, 0, height, width), True)


def read_part(data: Buffer | BinaryIO, box: Sequence[int]) -> Part:
    """The part of a picture that a box needs.

    Of a file whose picture is one tile (names of colours, a JPEG's coefficients), that is all of it. Of others, the
    header is read and the payloads of the tiles that the box touches; tiles beside each other are read together.

    Args:
        data: the file's bytes, or a file that can `seek` and `read`. It begins where such a file stands, and stands
            there again afterwards.
        box: see `Box`.

    Raises:
        CorruptFile: the file is damaged, or ends too early.
        IDFError: the box is none, or not within the picture.
        OSError: the file cannot be read.
    """
    if not (hasattr(data, "read") and hasattr(data, "seek")):
        found = whole(unpack(refuse_batch(file_bytes(data))))
        return _narrowed(found, _tile_of(box, found.container), found.container.tiles)
    file: Any = data
    start = file.tell() if hasattr(file, "tell") else 0
    try:
        file.seek(start)
        found = whole(read_info(file))
        wanted = _tile_of(box, found.container)
        if not found.container.tile:
            file.seek(start)
            return replace(whole(unpack(_read(file, -1))), box=wanted)
        return _narrowed(found, wanted, _payloads(file, start, found, wanted))
    finally:
        file.seek(start)


def _narrowed(part: Part, wanted: Tile, payloads: Sequence[Any]) -> Part:
    """A part without the tiles that `wanted` does not touch."""
    if not part.container.tile:
        return replace(part, box=wanted)
    kept = _touched(part, wanted)
    top, left = part.tiles[kept[0]].top, part.tiles[kept[0]].left
    first = [part.tiles[i] for i in kept if part.tiles[i].top < part.height]
    height, width = first[-1].top + first[-1].height - top, first[-1].left + first[-1].width - left
    tiles = []
    for tile in (part.tiles[i] for i in kept):
        frame, row = divmod(tile.top, part.height)
        tiles.append(replace(tile, top=frame * height + row - top, left=tile.left - left))
    container = replace(part.container, tiles=tuple(payloads[i] for i in kept))
    box = replace(wanted, top=wanted.top - top, left=wanted.left - left)
    return Part(container, height, width, tuple(tiles), box, len(kept) == len(part.tiles))


def _touched(part: Part, wanted: Tile) -> list[int]:
    """Numbers of the tiles that `wanted` touches, in each frame."""
    found = []
    for index, tile in enumerate(part.tiles):
        top, left = tile.top % part.height, tile.left
        down = top < wanted.top + wanted.height and wanted.top < top + tile.height
        across = left < wanted.left + wanted.width and wanted.left < left + tile.width
        if down and across:
            found.append(index)
    return found


def _payloads(file: Any, start: int, part: Part, wanted: Tile) -> list[bytes]:
    """The payloads of the tiles that `wanted` touches, at their places in the list of all; the others are empty."""
    lengths, found = part.container.tile_lengths, [b""] * len(part.tiles)
    position, at = part.container.header_size, 0
    runs: list[list[int]] = []
    for index in _touched(part, wanted):
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    for run in runs:
        position += sum(lengths[at : run[0]])
        size, at = sum(lengths[run[0] : run[-1] + 1]), run[-1] + 1
        file.seek(start + position)
        data = _read(file, size)
        if len(data) < size:
            raise CorruptFile(f"the file is truncated: tile {run[-1] + 1} of {len(lengths)} is not all there")
        position += size
        for index in run:
            found[index], data = data[: lengths[index]], data[lengths[index] :]
    return found


def _read(file: Any, size: int) -> bytes:
    """So many bytes from where the file stands, however many it gives at a time; all that there are for -1."""
    found = bytearray()
    while size < 0 or len(found) < size:
        more = file.read(size - len(found) if size > 0 else 2**20)
        if not more:
            break
        found += more
    return bytes(found)


def _tile_of(box: Sequence[int], container: Container) -> Tile:
    try:
        left, top, right, bottom = (operator.index(side) for side in box)
    except (TypeError, ValueError) as ex:
        raise IDFError(f"a box is left, top, right and bottom, four whole numbers, and not {box!r}") from ex
    if not (0 <= left < right <= container.width and 0 <= top < bottom <= container.height):
        size = f"{container.width} x {container.height}"
        raise IDFError(f"the box {left},{top},{right},{bottom} is empty or not within the picture of {size} pixels")
    return Tile(top, left, bottom - top, right - left)
