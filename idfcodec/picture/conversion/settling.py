"""The compiled loops of clipped pixels whose chroma is interpolated: samples with which they have a luma, and the luma.

`taps` are `Layout.taps`, `tables` and `constants` are of the conversion.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called, compiled_loops

__all__ = ["lumas", "settle"]

SHIFT = 46  # quotients by the luma's factor are products, shifted,
ABOVE = 1024  # of numbers that are made positive by so many times the factor
Ints = NDArray[np.int64]
Plane = NDArray[np.int32]


@called
def _luma_bounds(
    pixels: NDArray[np.uint8], r: int, c: int, c1: int, c2: int, tables: Ints, constants: Ints, reciprocal: int
) -> tuple[int, int]:
    """The least and the greatest luma that a pixel may have with this chroma, by index; none if least > greatest."""
    luma, d = constants[0], constants[1]
    least, most = constants[4], constants[7]
    for channel in range(3):
        value = np.int64(pixels[r, c, channel])
        share = tables[0, c2] if channel == 0 else tables[1, c1] if channel == 2 else -tables[2, c1] - tables[3, c2]
        if value > 0:
            least = max(least, ABOVE - ((share - d * value + ABOVE * luma) * reciprocal >> SHIFT))
        if value < 255:
            most = min(most, ((d * (value + 1) - 1 - share + ABOVE * luma) * reciprocal >> SHIFT) - ABOVE)
    return least, most


@compiled_loops
def settle(
    pixels: NDArray[np.uint8],
    tables: Ints,
    constants: Ints,
    down: Plane,
    along: Plane,
    shift: int,
    sweeps: int,
    samples: Plane,
    sums: Plane,
    lacks: Plane,
    faults: Ints,
    stuck: NDArray[np.bool_],
) -> None:
    """Move samples of both chroma planes, together, to where more pixels have a luma, by two at most at a time.

    Args:
        samples, sums: (2, ..., ...) and (2, H, W), changed.
        lacks, faults: (H, W) and (H,), zeros: by how much a pixel has no luma, and how many of a row have none.
        stuck: as one plane of samples, False: no step helped, and nothing around has moved since.
    """
    low1, low2 = constants[5], constants[6]
    reciprocal = ((1 << SHIFT) + constants[0] - 1) // constants[0]
    last = tables.shape[1] - 1
    height, width = samples.shape[1:]
    for p in range(pixels.shape[0]):
        for q in range(pixels.shape[1]):
            c1, c2 = (sums[0, p, q] >> shift) - low1, (sums[1, p, q] >> shift) - low2
            least, most = _luma_bounds(pixels, p, q, c1, c2, tables, constants, reciprocal)
            lacks[p, q] = max(least - most, 0)
            faults[p] += lacks[p, q] > 0
    for _ in range(sweeps):
        moves = 0
        for j in range(height):
            some = 0
            for a in range(4):
                if down[1, j, a]:
                    some += faults[down[0, j, a]]
            if some == 0:
                continue
            for k in range(width):
                if stuck[j, k]:
                    continue
                wrong = False
                for a in range(4):
                    for b in range(4):
                        w = down[1, j, a] * along[1, k, b]
                        if w and 4 * w >= 1 << shift and lacks[down[0, j, a], along[0, k, b]] > 0:
                            wrong = True
                if not wrong:
                    continue
                best, d1, d2 = 1 << 30, 0, 0
                for step in range(25):
                    m1, m2 = (step + 12) % 25 // 5 - 2, (step + 12) % 5 - 2
                    s1, s2 = samples[0, j, k] - low1 + m1, samples[1, j, k] - low2 + m2
                    if not (0 <= s1 <= last and 0 <= s2 <= last):
                        continue
                    total = 0
                    for a in range(4):
                        p, wa = down[0, j, a], down[1, j, a]
                        if wa == 0 or total >= best:
                            break
                        for b in range(4):
                            q, w = along[0, k, b], wa * along[1, k, b]
                            if w == 0:
                                break
                            c1 = ((sums[0, p, q] + m1 * w) >> shift) - low1
                            c2 = ((sums[1, p, q] + m2 * w) >> shift) - low2
                            least, most = _luma_bounds(pixels, p, q, c1, c2, tables, constants, reciprocal)
                            total += max(least - most, 0)
                    if total < best:
                        best, d1, d2 = total, m1, m2
                if d1 == 0 and d2 == 0:
                    stuck[j, k] = True
                    continue
                moves += 1
                samples[0, j, k] += d1
                samples[1, j, k] += d2
                for y in range(max(j - 1, 0), min(j + 2, height)):
                    for x in range(max(k - 1, 0), min(k + 2, width)):
                        stuck[y, x] = False
                for a in range(4):
                    for b in range(4):
                        w = down[1, j, a] * along[1, k, b]
                        if w:
                            p, q = down[0, j, a], along[0, k, b]
                            sums[0, p, q] += d1 * w
                            sums[1, p, q] += d2 * w
                            c1, c2 = (sums[0, p, q] >> shift) - low1, (sums[1, p, q] >> shift) - low2
                            least, most = _luma_bounds(pixels, p, q, c1, c2, tables, constants, reciprocal)
                            faults[p] += np.int64(least > most) - np.int64(lacks[p, q] > 0)
                            lacks[p, q] = max(least - most, 0)
        if moves == 0:
            break


@compiled_loops
def lumas(pixels: NDArray[np.uint8], tables: Ints, constants: Ints, planes: Plane, exact: NDArray[np.bool_]) -> None:
    """The luma of every pixel, `planes[0]`, given its chroma, `planes[1:]`: the one nearest to what is around.

    `exact` is where there is one; elsewhere it is between those that suit the channels one by one.
    """
    low, low1, low2, high = constants[4], constants[5], constants[6], constants[7]
    luma, reciprocal = planes[0], ((1 << SHIFT) + constants[0] - 1) // constants[0]
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            c1, c2 = planes[1, row, column] - low1, planes[2, row, column] - low2
            least, most = _luma_bounds(pixels, row, column, c1, c2, tables, constants, reciprocal)
            exact[row, column] = least <= most
            if least > most:
                least = most = min(max((least + most) >> 1, low), high)
            if row == 0:
                guess = luma[0, column - 1] if column else least
            elif column == 0:
                guess = luma[row - 1, 0]
            else:
                left, upper = luma[row, column - 1], luma[row - 1, column]
                guess = left + upper - luma[row - 1, column - 1]
                guess = max(min(left, upper), min(max(left, upper), guess))
            luma[row, column] = min(max(guess, least), most)
