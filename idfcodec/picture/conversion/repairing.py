"""The compiled search for chroma samples: steps by one, four samples at a time, wherever an interpolation is wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called, compiled_loops

__all__ = ["repair", "scratch_of"]

STEP = 4  # what is added to the weight of a pixel that stays wrong, a sweep: so searches leave where they are stuck
Plane = NDArray[np.int32]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]
Scratch = tuple[Plane, Plane, Flags, Whole, Whole, Whole, Whole, Whole, Whole, Whole, Whole, Whole, Whole]


def scratch_of(samples: Plane, sums: Plane) -> Scratch:
    """The arrays that `repair` works with."""
    shapes = sums.shape[0], (4, 16), (4, 16), (4, 3), (4, 4, 3, 3), (2, 64), (4, 64), 4, 4
    faults, *others = [np.zeros(shape, np.int64) for shape in shapes]
    kept, weights, wrong = samples.copy(), np.ones(sums.shape, np.int32), np.zeros(sums.shape, np.bool_)
    rows, columns, one, two, many, made, parts, best = others
    futile = np.full(samples.shape, -1, np.int64)
    return kept, weights, wrong, faults, futile, rows, columns, one, two, many, made, parts, best


@called
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


@called
def _violation(over: int, most: int) -> int:
    """The square of what a sum, less the least one that is right, is too small or too large by."""
    off = over if over < 0 else max(over - most, 0)
    return off * off


@called
def _copy(source: Plane, target: Plane) -> None:
    """Sample by sample: an assignment of slices takes seconds to compile, for the message of its error."""
    for j in range(source.shape[0]):
        for k in range(source.shape[1]):
            target[j, k] = source[j, k]


@compiled_loops
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
    scratch: Scratch,
) -> None:
    """Move samples by one, four at a time, wherever that makes more of what is known come out as it was.

    What stays wrong weighs more in each later sweep (breakout local search: Morris, 1993). Of the 81 moves the first of
    the best is taken; a part of it that costs too much already is not continued.

    Args:
        wanted: (H, W) chroma of every pixel, where `known`.
        group: (4, 2) samples that are moved together, by rows and columns from the first, which comes first.
        sweeps: over all samples.
        samples: changed to the best that were found.
        sums: of the samples, see `upsample`; changed.
        scratch: `scratch_of` these two: the best samples; of pixels the weights, which are wrong, and how many in a
            row; the sweep since which no move of a group can help; of a group's samples the weights by rows and by
            columns; costs of pixels made of one and of two of them; the other pixels, and what makes these; steps of a
            move, and of the best.
    """
    height, width = samples.shape
    least, most = -(-(1 << shift) // 4), (1 << shift) - 1
    kept, weights, wrong, faults, futile, rows, columns, one, two, many, made, parts, best = scratch
    fewest = 1 << 40
    for p in range(sums.shape[0]):
        for q in range(sums.shape[1]):
            wrong[p, q] = known[p, q] and sums[p, q] >> shift != wanted[p, q]
            faults[p] += wrong[p, q]
    for sweep in range(sweeps):
        members = 4 if sweep else 1  # in the first sweep the sample moves alone
        start, stop = (0, 3) if sweep else (1, 2)  # of the steps of the others, plus 1
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
                    if (sweep and (top < 0 or left < 0 or outside)) or futile[top, left] == sweep:
                        continue
                    first, near, last, far = down[0, top, 0], along[0, left, 0], 0, 0
                    for m in range(4):
                        for n in range(16):
                            rows[m, n] = columns[m, n] = 0
                    for m in range(members):
                        y, x = top + group[m, 0], left + group[m, 1]
                        for a in range(4):
                            if down[1, y, a]:
                                last = down[0, y, a]
                                rows[m, last - first] = down[1, y, a]
                            if along[1, x, a]:
                                far = along[0, x, a]
                                columns[m, far - near] = along[1, x, a]

                    count = 0
                    for m in range(4):
                        for d in range(3):
                            one[m, d] = 0
                            for other in range(4):
                                for e in range(3):
                                    two[m, other, d, e] = 0
                    for p in range(first, last + 1):
                        for q in range(near, far + 1):
                            if not known[p, q]:
                                continue
                            over, load = np.int64(sums[p, q]) - (np.int64(wanted[p, q]) << shift), weights[p, q]
                            found, before, of = 0, 0, 0
                            for m in range(members):
                                parts[m] = rows[m, p - first] * columns[m, q - near]
                                if parts[m]:
                                    found += 1
                                    before, of = of, m
                            if found == 1:
                                for d in range(3):
                                    one[of, d] += load * _violation(over + (d - 1) * parts[of], most)
                            elif found == 2:
                                for d in range(3):
                                    for e in range(3):
                                        moved = over + (d - 1) * parts[before] + (e - 1) * parts[of]
                                        two[before, of, d, e] += load * _violation(moved, most)
                            else:
                                many[0, count], many[1, count] = over, load
                                for m in range(4):
                                    made[m, count] = parts[m]
                                count += 1

                    cost = one[0, 1] + one[1, 1] + one[2, 1] + one[3, 1] + two[0, 1, 1, 1] + two[0, 2, 1, 1]
                    cost += two[0, 3, 1, 1] + two[1, 2, 1, 1] + two[1, 3, 1, 1] + two[2, 3, 1, 1]
                    for n in range(count):
                        cost += many[1, n] * _violation(many[0, n], most)
                    helps = False
                    for d3 in range(start, stop):
                        cost3 = one[3, d3]
                        if cost3 >= cost:
                            continue
                        for d2 in range(start, stop):
                            cost2 = cost3 + one[2, d2] + two[2, 3, d2, d3]
                            if cost2 >= cost:
                                continue
                            for d1 in range(start, stop):
                                cost1 = cost2 + one[1, d1] + two[1, 2, d1, d2] + two[1, 3, d1, d3]
                                if cost1 >= cost:
                                    continue
                                for d0 in range(3):
                                    total = cost1 + one[0, d0] + two[0, 1, d0, d1] + two[0, 2, d0, d2]
                                    total += two[0, 3, d0, d3]
                                    for n in range(count):
                                        if total >= cost:
                                            break
                                        moved = many[0, n] + (d0 - 1) * made[0, n] + (d1 - 1) * made[1, n]
                                        moved += (d2 - 1) * made[2, n] + (d3 - 1) * made[3, n]
                                        total += many[1, n] * _violation(moved, most)
                                    if total < cost:
                                        parts[0], parts[1], parts[2], parts[3] = d0 - 1, d1 - 1, d2 - 1, d3 - 1
                                        inside = True
                                        for m in range(members):
                                            value = samples[top + group[m, 0], left + group[m, 1]] + parts[m]
                                            inside = inside and low <= value <= high
                                        if inside:
                                            cost, helps = total, True
                                            for m in range(4):
                                                best[m] = parts[m]
                    if not helps:
                        futile[top, left] = sweep
                        continue
                    for y in range(max(top - 4, 0), min(top + 5, height)):
                        for x in range(max(left - 4, 0), min(left + 5, width)):
                            futile[y, x] = -1
                    for m in range(members):
                        y, x = top + group[m, 0], left + group[m, 1]
                        samples[y, x] += best[m]
                        for a in range(4):
                            for b in range(4):
                                w = down[1, y, a] * along[1, x, b]
                                if w:
                                    p, q = down[0, y, a], along[0, x, b]
                                    sums[p, q] += best[m] * w
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
            _copy(samples, kept)
        if remaining == 0:
            break
    _copy(kept, samples)
