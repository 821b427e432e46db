"""How a picture is cut into tiles, each of which is coded on its own.

This is part of the file format (section 3 of FORMAT.md): no file stores where its tiles lie, both sides compute it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from idfcodec.errors import IDFError

__all__ = ["Tile", "tile_count", "tile_grid"]


@dataclass(frozen=True)
class Tile:
    """A rectangle of the picture, in pixels: rows `[top, top + height)`, columns `[left, left + width)`."""

    top: int
    left: int
    height: int
    width: int


def tile_grid(height: int, width: int, tile: int) -> tuple[Tile, ...]:
    """Cut a picture into `ceil(height / tile) * ceil(width / tile)` tiles of nearly equal size.

    With `n = ceil(height / tile)` rows of tiles, row `i` covers the pixel rows from `i * height // n` (included) to
    `(i + 1) * height // n` (excluded), in exact integer arithmetic; columns likewise. So no tile side is longer than
    `tile`, and the sides of any two tiles differ by one pixel at most: a picture one pixel wider than a tile is cut
    in halves and leaves no sliver.

    Args:
        height: Height of the picture in pixels, at least 1.
        width: Width of the picture in pixels, at least 1.
        tile: Nominal side of a tile in pixels, at least 1 (the container allows less); 0 for one tile, the picture.

    Returns:
        The tiles in row-major order: from top to bottom and, within a row, from left to right.

    Raises:
        IDFError: A side is below 1, or the tile's is below 0.

    Example:
        >>> tile_grid(2, 5, 4)
        (Tile(top=0, left=0, height=2, width=2), Tile(top=0, left=2, height=2, width=3))
    """
    rows, columns = _boundaries(height, tile), _boundaries(width, tile)
    return tuple(
        Tile(top, left, bottom - top, right - left)
        for top, bottom in itertools.pairwise(rows)
        for left, right in itertools.pairwise(columns)
    )


def tile_count(height: int, width: int, tile: int) -> int:
    """The number of tiles of `tile_grid` with the same arguments, computed without making them.

    Raises:
        IDFError: A side is below 1, or the tile's is below 0.
    """
    return _pieces(height, tile) * _pieces(width, tile)


def _boundaries(length: int, tile: int) -> list[int]:
    pieces = _pieces(length, tile)
    return [i * length // pieces for i in range(pieces + 1)]


def _pieces(length: int, tile: int) -> int:
    if length < 1 or tile < 0:
        raise IDFError(f"a picture side of {length} and a tile side of {tile} pixels: they must be at least 1 and 0")
    return -(-length // tile) if tile else 1
