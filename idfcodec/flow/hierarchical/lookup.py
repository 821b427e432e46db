"""Where a latent is coded: its location once the planes before it are known, and its row of the tables. Compiled.

The numbers of `exact.tables` are repeated here, see `compiled`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled
from idfcodec.entropy import Frequencies

__all__ = ["located", "rows_of", "weigh"]

Values = NDArray[np.int32]

LOCATION_BITS, COLOUR_BITS = 4, 5
ONE, HIGHEST, TOTAL = 16, 255, 2**24
SHAPES = 9
SMALLEST = 2.0**-10  # share of an escape that each value beyond a table's window gets


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
def located(plane: int, location: Values, colour: Values, known: Values) -> Values:
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
) -> tuple[Values, Values, Values, Values]:
    """(N,) each: `located`, the width class and first cell of each latent's row, and the coupling's integer shift."""
    count = location.shape[1]
    at = located(plane, location, colour, known)
    classes, cells, shift = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int32)
    scale, shape = scales[plane], shapes[plane]
    for n in range(count):
        classes[n], cells[n], shift[n], _ = table_of(at[n], scale[n], shape[n], of_scale)
    return at, classes, cells, shift


@compiled
def weigh(
    location: Values,
    scale: Values,
    shape: Values,
    move: Values,
    colours: Values,
    tables: Values,
    of_scale: Values,
    factor: Frequencies,
    out: Frequencies,
) -> None:
    """(N, K) weights of the colours (C, K), sorted by G; the largest of each row is 2**24."""
    planes, count = colours.shape
    at = np.zeros(3, np.int32)
    for n in range(location.shape[1]):
        top = 0.0
        green = 0.0
        for k in range(count):
            p = green
            for plane in range(planes):
                if plane == 0 and k and colours[0, k] == colours[0, k - 1]:
                    continue
                moved = location[plane, n]
                if plane == 1:
                    moved += (move[0, n] * at[0] + (1 << COLOUR_BITS >> 1)) >> COLOUR_BITS
                elif plane == 2:
                    moved += (move[1, n] * at[0] + move[2, n] * at[1] + (1 << COLOUR_BITS >> 1)) >> COLOUR_BITS
                low = 0 if plane == 0 else -HIGHEST * ONE
                moved = min(max(moved, low), HIGHEST * ONE)
                at[plane] = colours[plane, k] * ONE - moved
                _, cell, shift, width = table_of(moved, scale[plane, n], shape[plane, n], of_scale)
                z = colours[plane, k] - shift + width // 2
                share = np.float64(tables[cell + z]) if 0 < z < width else tables[cell] * SMALLEST
                if plane == 0:
                    green = share
                    p = share
                else:
                    p = p * share
            p = p * factor[k]
            out[n, k] = p
            top = max(top, p)
        for k in range(count):
            out[n, k] = np.floor(out[n, k] / top * TOTAL)
