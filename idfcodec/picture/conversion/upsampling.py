"""The compiled loops of subsampled chroma: interpolating it, and finding the samples that an interpolation was made of.

`rows` and `columns` are `Layout.axis`, `taps` are `Layout.taps`, `bias` and `shift` are of the layout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled_loops, inlined

__all__ = ["approach", "lumas", "repair", "settle", "upsample"]

STEP = 4  # what is added to the weight of a pixel that stays wrong, a sweep: so searches leave where they are stuck
Ints = NDArray[np.int64]
Plane = NDArray[np.int32]
Reals = NDArray[np.float64]


@compiled_loops
def upsample(samples: Plane, rows: Plane, columns: Plane, bias: Plane, shift: int, sums: Plane, out: Plane) -> None:
    """(H, W) chroma `out` of samples, and the `sums` that it is made of: `out` is sums >> shift."""
    for r in range(out.shape[0]):
        near, other, first, second = samples[rows[0, r]], samples[rows[1, r]], rows[2, r], rows[3, r]
        for c in range(out.shape[1]):
            i, j, a, b = columns[0, c], columns[1, c], columns[2, c], columns[3, c]
            total = first * (a * near[i] + b * near[j]) + second * (a * other[i] + b * other[j])
            sums[r, c] = total + bias[rows[4, r], columns[4, c]]
            out[r, c] = sums[r, c] >> shift


@compiled_loops
def approach(
    rest: Reals, weights: NDArray[np.float32], down: Plane, along: Plane, sweeps: int, over: float, samples: Reals
) -> None:
    """Move samples to where the squares of `rest`, times weights, are least: sweeps of successive over-relaxation.

    Args:
        rest: (H, W) what the sums of the samples lack to those wanted; changed.
        weights: (H, W).
        down, along: taps.
        sweeps: over all samples.
        samples: changed.
    """
    for _ in range(sweeps):
        for j in range(samples.shape[0]):
            for k in range(samples.shape[1]):
                total, norm = 0.0, 1e-9
                for a in range(4):
                    p, wa = down[0, j, a], down[1, j, a]
                    if wa == 0:
                        break
                    for b in range(4):
                        q, w = along[0, k, b], wa * along[1, k, b]
                        if w == 0:
                            break
                        weighted = w * weights[p, q]
                        total += weighted * rest[p, q]
                        norm += weighted * w
                step = over * (total / norm)
                samples[j, k] += step
                for a in range(4):
                    p, wa = down[0, j, a], down[1, j, a]
                    if wa == 0:
                        break
                    for b in range(4):
                        q, w = along[0, k, b], wa * along[1, k, b]
                        if w == 0:
                            break
                        rest[p, q] -= step * w


@inlined
def _violation(total: int, wanted: int, shift: int) -> int:
    """The square of what a sum is too small or too large by."""
    over = total - (wanted << shift)
    if over < 0:
        return over * over
    over = max(over - ((1 << shift) - 1), 0)
    return over * over


@compiled_loops
def repair(
    wanted: Plane,
    known: NDArray[np.bool_],
    down: Plane,
    along: Plane,
    shift: int,
    low: int,
    high: int,
    group: Plane,
    sweeps: int,
    samples: Plane,
    sums: Plane,
    kept: Plane,
    weights: Plane,
    pixels: Plane,
) -> None:
    """Move samples by one, four at a time, wherever that makes more of what is known come out as it was.

    What stays wrong weighs more in each later sweep (breakout local search: Morris, 1993).

    Args:
        wanted: (H, W) chroma of every pixel, where `known`.
        group: (4, 2) samples that are moved together, by rows and columns from the first, which comes first.
        sweeps: over all samples.
        samples: changed to the best that were found.
        sums: of the samples, see `upsample`; scratch.
        kept: a copy of the samples; scratch.
        weights: (H, W) ones; scratch.
        pixels: (8, 64) scratch, for those that a group has a share in.
    """
    height, width = samples.shape
    number, at, asked, totals, loads = pixels[:4], pixels[4], pixels[5], pixels[6], pixels[7]
    fewest = 1 << 40
    for sweep in range(sweeps):
        for j in range(height):
            for k in range(width):
                wrong = False  # of the pixels that are this sample's above all
                for a in range(4):
                    for b in range(4):
                        if 4 * down[1, j, a] * along[1, k, b] >= 1 << shift and not wrong:
                            p, q = down[0, j, a], along[0, k, b]
                            wrong = known[p, q] and sums[p, q] >> shift != wanted[p, q]
                if not wrong:
                    continue
                for place in range(4 if sweep else 1):
                    # the group's first sample; in the first sweep the sample moves alone
                    members = 4 if sweep else 1
                    top, left = j - group[place, 0], k - group[place, 1]
                    outside = top + group[3, 0] >= height or left + group[3, 1] >= width
                    if sweep and (top < 0 or left < 0 or outside):
                        continue
                    count = 0
                    for m in range(members):
                        y, x = top + group[m, 0], left + group[m, 1]
                        for a in range(4):
                            for b in range(4):
                                w = down[1, y, a] * along[1, x, b]
                                if w == 0 or not known[down[0, y, a], along[0, x, b]]:
                                    continue
                                p = down[0, y, a] * sums.shape[1] + along[0, x, b]
                                slot = 0
                                while slot < count and at[slot] != p:
                                    slot += 1
                                if slot == count:
                                    at[slot] = p
                                    asked[slot] = wanted[down[0, y, a], along[0, x, b]]
                                    totals[slot] = sums[down[0, y, a], along[0, x, b]]
                                    loads[slot] = weights[down[0, y, a], along[0, x, b]]
                                    for other in range(4):
                                        number[other, slot] = 0
                                    count += 1
                                number[m, slot] = w
                    least, chosen = 0, -1
                    for slot in range(count):
                        least += loads[slot] * _violation(totals[slot], asked[slot], shift)
                    for code in range(81 if members == 4 else 3):
                        d0, d1, d2, d3 = code % 3 - 1, code // 3 % 3 - 1, code // 9 % 3 - 1, code // 27 - 1
                        if members == 1:
                            d1 = d2 = d3 = 0
                        total = 0
                        for slot in range(count):
                            moved = totals[slot] + d0 * number[0, slot] + d1 * number[1, slot]
                            moved += d2 * number[2, slot] + d3 * number[3, slot]
                            total += loads[slot] * _violation(moved, asked[slot], shift)
                            if total >= least:
                                break
                        if total < least:
                            inside = True
                            for m in range(members):
                                d = d0 if m == 0 else d1 if m == 1 else d2 if m == 2 else d3
                                value = samples[top + group[m, 0], left + group[m, 1]] + d
                                inside = inside and low <= value <= high
                            if inside:
                                least, chosen = total, code
                    if chosen < 0:
                        continue
                    for m in range(members):
                        y, x = top + group[m, 0], left + group[m, 1]
                        d = chosen % 3 - 1
                        chosen //= 3
                        samples[y, x] += d
                        for a in range(4):
                            for b in range(4):
                                w = down[1, y, a] * along[1, x, b]
                                if w:
                                    sums[down[0, y, a], along[0, x, b]] += d * w
        if sweep == 0:
            continue
        left = 0
        for p in range(sums.shape[0]):
            for q in range(sums.shape[1]):
                if known[p, q] and sums[p, q] >> shift != wanted[p, q]:
                    weights[p, q] += STEP
                    left += 1
        if left < fewest:
            fewest = left
            for j in range(height):
                for k in range(width):
                    kept[j, k] = samples[j, k]
        if left == 0:
            break
    for j in range(height):
        for k in range(width):
            samples[j, k] = kept[j, k]


@inlined
def _luma_bounds(
    pixels: NDArray[np.uint8], r: int, c: int, c1: int, c2: int, tables: Ints, constants: Ints
) -> tuple[int, int]:
    """The least and the greatest luma that a pixel may have with this chroma, by index; none if least > greatest."""
    luma, d = constants[0], constants[1]
    least, most = constants[4], constants[7]
    for channel in range(3):
        value = np.int64(pixels[r, c, channel])
        share = tables[0, c2] if channel == 0 else tables[1, c1] if channel == 2 else -tables[2, c1] - tables[3, c2]
        if value > 0:
            least = max(least, -((share - d * value) // luma))
        if value < 255:
            most = min(most, (d * (value + 1) - 1 - share) // luma)
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
) -> None:
    """Move samples of both chroma planes, together, to where more pixels have a luma, by two at most at a time.

    Args:
        samples, sums: (2, ..., ...) and (2, H, W), changed.
    """
    low1, low2 = constants[5], constants[6]
    last = tables.shape[1] - 1
    for _ in range(sweeps):
        moves = 0
        for j in range(samples.shape[1]):
            for k in range(samples.shape[2]):
                wrong = False
                for a in range(4):
                    for b in range(4):
                        w = down[1, j, a] * along[1, k, b]
                        if w and not wrong and 4 * w >= 1 << shift:
                            p, q = down[0, j, a], along[0, k, b]
                            c1, c2 = (sums[0, p, q] >> shift) - low1, (sums[1, p, q] >> shift) - low2
                            least, most = _luma_bounds(pixels, p, q, c1, c2, tables, constants)
                            wrong = least > most
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
                        for b in range(4):
                            w = down[1, j, a] * along[1, k, b]
                            if w == 0 or total >= best:
                                continue
                            p, q = down[0, j, a], along[0, k, b]
                            c1 = ((sums[0, p, q] + m1 * w) >> shift) - low1
                            c2 = ((sums[1, p, q] + m2 * w) >> shift) - low2
                            least, most = _luma_bounds(pixels, p, q, c1, c2, tables, constants)
                            total += max(least - most, 0)
                    if total < best:
                        best, d1, d2 = total, m1, m2
                if d1 == 0 and d2 == 0:
                    continue
                moves += 1
                samples[0, j, k] += d1
                samples[1, j, k] += d2
                for a in range(4):
                    for b in range(4):
                        w = down[1, j, a] * along[1, k, b]
                        if w:
                            sums[0, down[0, j, a], along[0, k, b]] += d1 * w
                            sums[1, down[0, j, a], along[0, k, b]] += d2 * w
        if moves == 0:
            break


@compiled_loops
def lumas(pixels: NDArray[np.uint8], tables: Ints, constants: Ints, planes: Plane, exact: NDArray[np.bool_]) -> None:
    """The luma of every pixel, `planes[0]`, given its chroma, `planes[1:]`: the one nearest to what is around.

    `exact` is where there is one; elsewhere it is between those that suit the channels one by one.
    """
    low, low1, low2, high = constants[4], constants[5], constants[6], constants[7]
    luma = planes[0]
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            c1, c2 = planes[1, row, column] - low1, planes[2, row, column] - low2
            least, most = _luma_bounds(pixels, row, column, c1, c2, tables, constants)
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
