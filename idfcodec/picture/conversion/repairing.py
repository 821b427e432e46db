"""The compiled search for chroma samples: steps by one, four samples at a time, wherever an interpolation is wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled, inlined

__all__ = ["repair"]

STEP = 4  # what is added to the weight of a pixel that stays wrong, a sweep: so searches leave where they are stuck
CODES = 81  # moves of four samples by -1, 0 and 1: one digit of base 3 each
Plane = NDArray[np.int32]
Flags = NDArray[np.bool_]


@inlined
def _any_wrong(wrong: Flags, j: int, k: int, down: Plane, along: Plane, least: int) -> bool:
    """Whether a pixel is wrong that is the sample's above all: of which it makes a quarter at least."""
    found = False
    for a in range(4):
        p, wa = down[0, j, a], down[1, j, a]
        if wa == 0 or found:
            break
        for b in range(4):
            w = wa * along[1, k, b]
            if w == 0:
                break
            if wrong[p, along[0, k, b]] and w >= least:
                found = True
    return found


@compiled
def repair(
    wanted: Plane,
    known: Flags,
    down: Plane,
    along: Plane,
    shift: int,
    low: int,
    high: int,
    group: Plane,
    sweeps: int,
    samples: Plane,
    sums: Plane,
) -> None:
    """Move samples by one, four at a time, wherever that makes more of what is known come out as it was.

    What stays wrong weighs more in each later sweep (breakout local search: Morris, 1993). Of a move, the cost is a sum
    over pixels, each of which depends on the digits of the samples that it is made of: it is summed up by these.

    Args:
        wanted: (H, W) chroma of every pixel, where `known`.
        group: (4, 2) samples that are moved together, by rows and columns from the first, which comes first.
        sweeps: over all samples.
        samples: changed to the best that were found.
        sums: of the samples, see `upsample`; scratch.
    """
    height, width = samples.shape
    least, most = -(-(1 << shift) // 4), (1 << shift) - 1
    rows, columns = np.zeros((4, 16), np.int64), np.zeros((4, 16), np.int64)  # weights of each sample of a group
    number = np.zeros(4, np.int64)
    costs = np.zeros((16, CODES), np.int64)  # of the pixels that some of the samples make, by the digits of these
    places = np.zeros((16, CODES), np.int64)
    for mask in range(16):
        for code in range(CODES):
            for m, power in enumerate((1, 3, 9, 27)):
                places[mask, code] += (mask >> m & 1) * (code // power % 3) * power
    weights = np.ones(sums.shape, np.int32)
    wrong, faults = np.zeros(sums.shape, np.bool_), np.zeros(sums.shape[0], np.int64)
    for p in range(sums.shape[0]):
        for q in range(sums.shape[1]):
            wrong[p, q] = known[p, q] and sums[p, q] >> shift != wanted[p, q]
            faults[p] += wrong[p, q]
    futile = np.full(samples.shape, -1, np.int64)  # the sweep in which no move of a group helped, and nothing moved since
    fresh, stamp = np.zeros(16, np.int64), 1
    fewest, kept = 1 << 40, samples.copy()
    used, sizes, starts = np.empty(16, np.int64), np.empty(4, np.int64), np.empty(4, np.int64)
    for sweep in range(sweeps):
        members = 4 if sweep else 1  # in the first sweep the sample moves alone
        for j in range(height):
            some = 0
            for a in range(4):
                if down[1, j, a]:
                    some += faults[down[0, j, a]]
            if some == 0:
                continue
            for k in range(width):
                if not _any_wrong(wrong, j, k, down, along, least):
                    continue
                for place in range(members):
                    top, left = j - group[place, 0], k - group[place, 1]
                    outside = top + group[3, 0] >= height or left + group[3, 1] >= width
                    if members > 1 and (top < 0 or left < 0 or outside):
                        continue
                    if futile[top, left] == sweep:
                        continue
                    first, start, end, stop = down[0, top, 0], along[0, left, 0], 0, 0
                    rows[:], columns[:] = 0, 0
                    for m in range(members):
                        y, x = top + group[m, 0], left + group[m, 1]
                        for a in range(4):
                            if down[1, y, a]:
                                end = down[0, y, a] + 1
                                rows[m, end - 1 - first] = down[1, y, a]
                            if along[1, x, a]:
                                stop = along[0, x, a] + 1
                                columns[m, stop - 1 - start] = along[1, x, a]

                    count = 0
                    for p in range(first, end):
                        for q in range(start, stop):
                            if not known[p, q]:
                                continue
                            mask = 0
                            for m in range(4):
                                number[m] = rows[m, p - first] * columns[m, q - start]
                                sizes[m], starts[m] = (3, 1) if number[m] else (1, 0)
                                mask |= (number[m] != 0) << m
                            if fresh[mask] != stamp:
                                fresh[mask] = stamp
                                used[count] = mask
                                count += 1
                                costs[mask] = 0
                            over = np.int64(sums[p, q]) - (np.int64(wanted[p, q]) << shift)
                            load = weights[p, q]
                            for d3 in range(sizes[3]):
                                over3 = over + (d3 - starts[3]) * number[3]
                                for d2 in range(sizes[2]):
                                    over2 = over3 + (d2 - starts[2]) * number[2]
                                    for d1 in range(sizes[1]):
                                        over1 = over2 + (d1 - starts[1]) * number[1]
                                        code = 27 * d3 + 9 * d2 + 3 * d1
                                        for d0 in range(sizes[0]):
                                            over0 = over1 + (d0 - starts[0]) * number[0]
                                            off = over0 if over0 < 0 else max(over0 - most, 0)
                                            costs[mask, code + d0] += load * off * off
                    stamp += 1

                    centre = CODES // 2 if members > 1 else 1
                    best, chosen = np.int64(0), -1
                    for i in range(count):
                        best += costs[used[i], places[used[i], centre]]
                    for code in range(CODES if members > 1 else 3):
                        total = np.int64(0)
                        for i in range(count):
                            total += costs[used[i], places[used[i], code]]
                            if total >= best:
                                break
                        if total < best:
                            inside, rest = True, code
                            for m in range(members):
                                value = samples[top + group[m, 0], left + group[m, 1]] + rest % 3 - 1
                                inside = inside and low <= value <= high
                                rest //= 3
                            if inside:
                                best, chosen = total, code
                    if chosen < 0:
                        futile[top, left] = sweep
                        continue
                    futile[max(top - 4, 0) : top + 5, max(left - 4, 0) : left + 5] = -1
                    for m in range(members):
                        y, x, step = top + group[m, 0], left + group[m, 1], chosen % 3 - 1
                        chosen //= 3
                        samples[y, x] += step
                        for a in range(4):
                            for b in range(4):
                                w = down[1, y, a] * along[1, x, b]
                                if w:
                                    p, q = down[0, y, a], along[0, x, b]
                                    sums[p, q] += step * w
                                    now = known[p, q] and sums[p, q] >> shift != wanted[p, q]
                                    faults[p] += np.int64(now) - np.int64(wrong[p, q])
                                    wrong[p, q] = now
        if sweep == 0:
            continue
        remaining = 0
        for p in range(sums.shape[0]):
            if faults[p]:
                remaining += faults[p]
                for q in range(sums.shape[1]):
                    if wrong[p, q]:
                        weights[p, q] += STEP
        if remaining < fewest:
            fewest = remaining
            kept[:] = samples
        if remaining == 0:
            break
    samples[:] = kept
