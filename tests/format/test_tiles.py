"""The tile grid is part of the format: exact values, and the properties that FORMAT.md promises."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.errors import IDFError
from idfcodec.format.tiles import Tile, tile_count, tile_grid


@pytest.mark.parametrize(
    ("height", "width", "tile", "expected"),
    [
        (1, 1, 64, [(0, 0, 1, 1)]),
        (64, 64, 64, [(0, 0, 64, 64)]),
        (65, 3, 64, [(0, 0, 32, 3), (32, 0, 33, 3)]),
        (3, 130, 64, [(0, 0, 3, 43), (0, 43, 3, 43), (0, 86, 3, 44)]),
        (5, 5, 4, [(0, 0, 2, 2), (0, 2, 2, 3), (2, 0, 3, 2), (2, 2, 3, 3)]),
    ],
)
def test_known_grids(height: int, width: int, tile: int, expected: list[tuple[int, int, int, int]]) -> None:
    assert tile_grid(height, width, tile) == tuple(Tile(*values) for values in expected)


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(64, 4096))
def test_grid_covers_the_picture_once_with_balanced_tiles(height: int, width: int, tile: int) -> None:
    tiles = tile_grid(height, width, tile)
    rows, columns = -(-height // tile), -(-width // tile)
    assert len(tiles) == tile_count(height, width, tile) == rows * columns
    for index, current in enumerate(tiles):
        assert 1 <= current.height <= tile
        assert 1 <= current.width <= tile
        above = tiles[index - columns] if index >= columns else None
        left = tiles[index - 1] if index % columns else None
        assert current.top == (above.top + above.height if above else 0)
        assert current.left == (left.left + left.width if left else 0)
    assert (tiles[-1].top + tiles[-1].height, tiles[-1].left + tiles[-1].width) == (height, width)
    for sides in ({t.height for t in tiles}, {t.width for t in tiles}):
        assert max(sides) - min(sides) <= 1


def test_count_needs_no_list() -> None:
    assert tile_count(2**24, 2**24, 64) == 2**36


@pytest.mark.parametrize("sizes", [(0, 1, 64), (1, 0, 64), (1, 1, -1), (-1, 5, 64)])
def test_sizes_below_one_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(IDFError, match="at least 1"):
        tile_grid(*sizes)
    with pytest.raises(IDFError, match="at least 1"):
        tile_count(*sizes)
