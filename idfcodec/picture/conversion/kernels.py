"""The compiled loops of the conversions. They take all they need as arguments: tables and constants of a row.

What finds chroma is inlined, once; what it looks up is not, for there are nine places, and each would take its time to
compile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called, compiled_loops, inlined

__all__ = ["nearest", "redo", "undo"]

Ints = NDArray[np.int64]
Planes = NDArray[np.int32]
Pixels = NDArray[np.uint8]


@compiled_loops
def redo(planes: Planes, tables: Ints, constants: Ints, out: Pixels) -> None:
    """`out`, (H, W, 3), of (3, H, W) planes within their ranges."""
    luma, reciprocal, shift = constants[0], constants[2], constants[3]
    first, second = constants[5], constants[6]
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            base = luma * planes[0, row, column]
            c1, c2 = planes[1, row, column] - first, planes[2, row, column] - second
            red = max(base + tables[0, c2], 0) * reciprocal >> shift
            green = max(base - tables[2, c1] - tables[3, c2], 0) * reciprocal >> shift
            blue = max(base + tables[1, c1], 0) * reciprocal >> shift
            out[row, column, 0] = min(red, 255)
            out[row, column, 1] = min(green, 255)
            out[row, column, 2] = min(blue, 255)


@called
def _first(table: Ints, rate: float, target: int) -> int:
    """The first index at which an increasing table is at least `target`; its length if it never is.

    The guess by the mean slope saves steps, and decides nothing.
    """
    end = len(table)
    index = min(max(int((target - table[0]) * rate), 0), end)
    while index > 0 and table[index - 1] >= target:
        index -= 1
    while index < end and table[index] < target:
        index += 1
    return index


@inlined
def _chroma(
    base: int, red: int, green: int, blue: int, want1: int, want2: int, tables: Ints, rates: NDArray[np.float64], d: int
) -> tuple[int, int]:
    """Indices of C1 and C2 that give a colour together with the luma's share `base`, near the wanted ones; or -1, -1.

    Red bounds C2 and blue C1; where green does not agree, C2 moves first, then C1.
    """
    end1, end2 = tables.shape[1] - 1, tables.shape[1] - 1
    low2 = _first(tables[0], rates[0], d * red - base) if red > 0 else 0
    high2 = _first(tables[0], rates[0], d * (red + 1) - base) - 1 if red < 255 else end2
    if low2 > high2:
        return -1, -1
    low1 = _first(tables[1], rates[1], d * blue - base) if blue > 0 else 0
    high1 = _first(tables[1], rates[1], d * (blue + 1) - base) - 1 if blue < 255 else end1
    if low1 > high1:
        return -1, -1
    # green: `least` <= p(C1) + q(C2) <= `most`
    most = base - d * green if green > 0 else 1 << 40
    least = base - d * (green + 1) + 1 if green < 255 else -(1 << 40)
    c1, c2 = min(max(want1, low1), high1), min(max(want2, low2), high2)
    found = tables[2, c1] + tables[3, c2]
    if least <= found <= most:
        return c1, c2
    if low1 == high1 and low2 == high2:
        return -1, -1
    start = _first(tables[3], rates[3], least - tables[2, c1])
    stop = _first(tables[3], rates[3], most - tables[2, c1] + 1) - 1
    if max(start, low2) <= min(stop, high2):
        return c1, min(max(want2, start, low2), stop, high2)
    c2 = min(max(start, low2), high2)
    start = _first(tables[2], rates[2], least - tables[3, c2])
    stop = _first(tables[2], rates[2], most - tables[3, c2] + 1) - 1
    if max(start, low1) <= min(stop, high1):
        return min(max(want1, start, low1), stop, high1), c2
    return -1, -1


@called
def _predicted(plane: Planes, row: int, column: int) -> Any:
    """The median of left, upper and left + upper - upper left; the one there is at the edges, 0 for the first."""
    if row == 0:
        return plane[0, column - 1] if column > 0 else 0
    if column == 0:
        return plane[row - 1, 0]
    left, upper = plane[row, column - 1], plane[row - 1, column]
    return max(min(left, upper), min(max(left, upper), left + upper - plane[row - 1, column - 1]))


@compiled_loops
def undo(
    pixels: Pixels, tables: Ints, rates: NDArray[np.float64], constants: Ints, planes: Planes, exact: NDArray[np.bool_]
) -> None:
    """Find preimages: (3, H, W) `planes` of (H, W, 3) pixels, and where they are exact.

    A pixel that is not clipped has one at most. A clipped one gets the preimage nearest to what its left and upper
    neighbours predict, chroma counting four times, since that codes best: by luma, each step outwards with the nearest
    chroma, until no better one can come.
    """
    luma, d = constants[0], constants[1]
    low, low1, low2, high = constants[4], constants[5], constants[6], constants[7]
    last = tables.shape[1] - 1
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            red, green, blue = (
                np.int64(pixels[row, column, 0]),
                np.int64(pixels[row, column, 1]),
                np.int64(pixels[row, column, 2]),
            )
            guess = (constants[10] * red + constants[11] * green + constants[12] * blue + constants[13]) >> 16
            clipped = min(red, green, blue) == 0 or max(red, green, blue) == 255
            want1, want2, centre, reach = 0, 0, guess, 2
            if clipped:
                centre, reach = _predicted(planes[0], row, column), high - low
                want1, want2 = _predicted(planes[1], row, column) - low1, _predicted(planes[2], row, column) - low2
            best, best1, best2, cost = guess, -1, -1, 1 << 30
            step = 0
            while step <= reach and step < cost:
                for sign in (-1, 1):
                    y = centre + sign * step
                    if low <= y <= high and (step > 0 or sign > 0):
                        c1, c2 = _chroma(luma * y, red, green, blue, want1, want2, tables, rates, d)
                        if c1 >= 0:
                            here = step + 4 * (abs(c1 - want1) + abs(c2 - want2)) if clipped else 0
                            if here < cost:
                                best, best1, best2, cost = y, c1, c2, here
                step += 1
            exact[row, column] = best1 >= 0
            if best1 < 0:
                best = min(max(guess, low), high)
                best1 = min(_first(tables[1], rates[1], d * blue - luma * best), last)
                best2 = min(_first(tables[0], rates[0], d * red - luma * best), last)
            planes[0, row, column] = best
            planes[1, row, column] = best1 + low1
            planes[2, row, column] = best2 + low2


@compiled_loops
def nearest(
    pixels: Pixels, positions: Ints, tables: Ints, constants: Ints, planes: Planes, differences: NDArray[np.int16]
) -> None:
    """Move `planes` at (N,) positions, row · width + column, to where the least is wrong, and write what is wrong.

    Among the 27 points around. `differences`: (N, 3), the pixels less what the planes give.
    """
    luma, reciprocal, shift = constants[0], constants[2], constants[3]
    width, last = pixels.shape[1], tables.shape[1] - 1
    for n in range(len(positions)):
        row, column = positions[n] // width, positions[n] % width
        centre, centre1, centre2 = planes[0, row, column], planes[1, row, column], planes[2, row, column]
        cost = 1 << 30
        for k in range(27):
            y = min(max(centre + (k + 13) % 27 // 9 - 1, constants[4]), constants[7])
            c1 = min(max(centre1 - constants[5] + (k + 13) % 9 // 3 - 1, 0), last)
            c2 = min(max(centre2 - constants[6] + (k + 13) % 3 - 1, 0), last)
            red = min(max(luma * y + tables[0, c2], 0) * reciprocal >> shift, 255)
            green = min(max(luma * y - tables[2, c1] - tables[3, c2], 0) * reciprocal >> shift, 255)
            blue = min(max(luma * y + tables[1, c1], 0) * reciprocal >> shift, 255)
            red = np.int64(pixels[row, column, 0]) - red
            green = np.int64(pixels[row, column, 1]) - green
            blue = np.int64(pixels[row, column, 2]) - blue
            here = abs(red) + abs(green) + abs(blue)
            if here < cost:
                cost = here
                planes[0, row, column] = y
                planes[1, row, column] = c1 + constants[5]
                planes[2, row, column] = c2 + constants[6]
                differences[n, 0], differences[n, 1], differences[n, 2] = red, green, blue
