"""Where a latent is coded: its location once the planes before it are known, and its row of the tables. Compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled
from idfcodec.flow.exact.tables import COLOUR_BITS, HIGHEST, LOCATION_BITS, ONE, SHAPES

__all__ = ["rows_of"]

Values = NDArray[np.int32]


@compiled
def table_of(location: int, scale: int, shape: int, of_scale: Values) -> tuple[int, int, int, int]:
    """Width class, first cell of the row, integer shift of the coupling and width; `of_scale` is OF_SCALE."""
    kind, bits, first, start, width = of_scale[scale]
    drop = LOCATION_BITS - bits
    steps = (location + ((1 << drop) >> 1)) >> drop
    half = (1 << bits) >> 1
    shift = (steps + half) >> bits
    row = (((scale - first) * SHAPES + shape) << bits) + steps - (shift << bits) + half
    return kind, start + row * width, shift, width


@compiled
def moved_location(plane: int, location: Values, colour: Values, known: Values) -> Values:
    """The location of a plane once the planes before it, `known`, have moved it."""
    out = np.empty(location.shape[1], np.int32)
    half = 1 << COLOUR_BITS >> 1
    for n in range(len(out)):
        if plane == 0:
            out[n] = min(max(location[0, n], 0), HIGHEST * ONE)
            continue
        green = known[0, n] * ONE - min(max(location[0, n], 0), HIGHEST * ONE)
        moved = location[1, n] + ((colour[0, n] * green + half) >> COLOUR_BITS)
        moved = min(max(moved, -HIGHEST * ONE), HIGHEST * ONE)
        if plane == 2:
            red = known[1, n] * ONE - moved
            moved = location[2, n] + ((colour[1, n] * green + colour[2, n] * red + half) >> COLOUR_BITS)
            moved = min(max(moved, -HIGHEST * ONE), HIGHEST * ONE)
        out[n] = moved
    return out


@compiled
def rows_of(
    plane: int, location: Values, scales: Values, shapes: Values, colour: Values, known: Values, of_scale: Values
) -> tuple[Values, Values, Values]:
    """(N,) each: the width class and first cell of each latent's row, and the coupling's integer shift."""
    count = location.shape[1]
    at = moved_location(plane, location, colour, known)
    classes, cells, shift = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int32)
    scale, shape = scales[plane], shapes[plane]
    for n in range(count):
        classes[n], cells[n], shift[n], _ = table_of(at[n], scale[n], shape[n], of_scale)
    return classes, cells, shift
