"""The compiled loops of recovery: from samples, or bounds of samples, to the coefficients that decode to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled

__all__ = ["FREE", "bound_chroma", "bound_lumas", "invert", "solve"]

FREE = 10000  # a bound that bounds nothing
ROUNDS = 16  # of projections, where a block has unknown samples
CHOICE = 12  # coefficients that are flipped
KEPT = 8  # sets of flips that are tried exactly
PASSES = 3  # searches in a block, each from the best of the one before
BITS, FIRST, SECOND = 13, 11, 18
C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11 = (
    *(2446, 3196, 4433, 6270, 7373, 9633),
    *(12299, 15137, 16069, 16819, 20995, 25172),
)

Reals = NDArray[np.float64]
Shorts = NDArray[np.int16]


@compiled
def _eight(block: NDArray[np.int64], start: int, step: int, shift: int) -> None:
    """Eight numbers, from `start` on every `step`-th, to their inverse DCT, rounded and shifted down, in place."""
    x0, x1, x2, x3 = block[start], block[start + step], block[start + 2 * step], block[start + 3 * step]
    x4, x5, x6, x7 = (
        block[start + 4 * step],
        block[start + 5 * step],
        block[start + 6 * step],
        block[start + 7 * step],
    )
    z1 = (x2 + x6) * C2
    t2, t3 = z1 - x6 * C7, z1 + x2 * C3
    t0, t1 = (x0 + x4) << BITS, (x0 - x4) << BITS
    e0, e3, e1, e2 = t0 + t3, t0 - t3, t1 + t2, t1 - t2
    z5 = (x7 + x3 + x5 + x1) * C5
    z1, z2 = -(x7 + x1) * C4, -(x5 + x3) * C10
    z3, z4 = z5 - (x7 + x3) * C8, z5 - (x5 + x1) * C1
    o0, o1, o2, o3 = x7 * C0 + z1 + z3, x5 * C9 + z2 + z4, x3 * C11 + z2 + z3, x1 * C6 + z1 + z4
    half = 1 << (shift - 1)
    block[start] = (e0 + o3 + half) >> shift
    block[start + 7 * step] = (e0 - o3 + half) >> shift
    block[start + step] = (e1 + o2 + half) >> shift
    block[start + 6 * step] = (e1 - o2 + half) >> shift
    block[start + 2 * step] = (e2 + o1 + half) >> shift
    block[start + 5 * step] = (e2 - o1 + half) >> shift
    block[start + 3 * step] = (e3 + o0 + half) >> shift
    block[start + 4 * step] = (e3 - o0 + half) >> shift


@compiled
def _wrong(
    coefficients: NDArray[np.int64], table: NDArray[np.int64], low: Shorts, high: Shorts, block: NDArray[np.int64]
) -> int:
    """How many samples of a block do not come out as they should."""
    for k in range(64):
        block[k] = coefficients[k] * table[k]
    for k in range(8):
        _eight(block, k, 8, FIRST)
    wrong = 0
    for k in range(8):
        _eight(block, 8 * k, 1, SECOND)
        for j in range(8):
            value = min(max(block[8 * k + j] + 128, 0), 255)
            if value < low[8 * k + j] or value > high[8 * k + j]:
                wrong += 1
    return wrong


@compiled
def _transform(source: Reals, matrix: Reals, between: Reals, out: Reals) -> None:
    """matrix · source · matrix', of 8 x 8 numbers in rows."""
    for i in range(8):
        for j in range(8):
            total = 0.0
            for k in range(8):
                total += matrix[i, k] * source[8 * k + j]
            between[8 * i + j] = total
    for i in range(8):
        for j in range(8):
            total = 0.0
            for k in range(8):
                total += between[8 * i + k] * matrix[j, k]
            out[8 * i + j] = total


@compiled
def _excess(rest: Reals, least: Reals, most: Reals) -> float:
    """By how much samples, less what they should be, leave their bounds: the sum of squares."""
    total = 0.0
    for k in range(64):
        over = max(rest[k] - most[k], least[k] - rest[k])
        if over > 0.0:
            total += over * over
    return total


@compiled
def _search(
    found: NDArray[np.int64],
    table: NDArray[np.int64],
    low: Shorts,
    high: Shorts,
    least: Reals,
    most: Reals,
    rest: Reals,
    basis: Reals,
    turned: Reals,
    block: NDArray[np.int64],
) -> int:
    """Try sets of up to four changes by one of the coefficients `found`, which become the best ones.

    Args:
        least, most: bounds of a block's real samples.
        rest: the real samples of `found`.
        basis: (64, 64) samples of each coefficient.
        turned: (64,) how much each coefficient lacks, in samples.

    Returns:
        How many samples are wrong.
    """
    chosen, way = np.zeros(CHOICE, np.int64), np.zeros(CHOICE, np.float64)
    margin = np.empty(64)
    for k in range(64):
        margin[k] = table[k] * (0.5 * table[k] - abs(turned[k]))
    for i in range(CHOICE):
        best = 0
        for k in range(1, 64):
            if margin[k] < margin[best]:
                best = k
        chosen[i] = best
        way[i] = float(table[best]) if turned[best] > 0.0 else -float(table[best])
        margin[best] = 1e30
    sums = np.empty((5, 64))
    sums[0] = rest
    scores, sets = np.full(KEPT, 1e30), np.zeros(KEPT, np.int64)
    stack = np.zeros(5, np.int64)
    depth = 1
    stack[1] = 0
    flips = 0
    while depth > 0:
        i = stack[depth]
        if i >= CHOICE:
            depth -= 1
            if depth > 0:
                flips ^= 1 << stack[depth]
                stack[depth] += 1
            continue
        flips |= 1 << i
        line, above, change = basis[chosen[i]], sums[depth - 1], way[i]
        here = sums[depth]
        for k in range(64):
            here[k] = above[k] + change * line[k]
        score = _excess(here, least, most)
        if score < scores[KEPT - 1]:
            j = KEPT - 1
            while j > 0 and scores[j - 1] > score:
                scores[j], sets[j] = scores[j - 1], sets[j - 1]
                j -= 1
            scores[j], sets[j] = score, flips
        if depth < 4:
            depth += 1
            stack[depth] = i + 1
        else:
            flips ^= 1 << i
            stack[depth] += 1
    trial, best = np.empty(64, np.int64), 65
    kept = found.copy()
    for j in range(KEPT):
        if scores[j] > 1e29:
            break
        trial[:] = kept
        for i in range(CHOICE):
            if sets[j] >> i & 1:
                trial[chosen[i]] += 1 if way[i] > 0.0 else -1
        wrong = _wrong(trial, table, low, high, block)
        if wrong < best:
            best = wrong
            found[:] = trial
            if wrong == 0:
                break
    return best


@compiled
def solve(
    low: Shorts,
    high: Shorts,
    table: NDArray[np.int64],
    matrix: Reals,
    out: NDArray[np.int16],
    missed: NDArray[np.int64],
) -> None:
    """The coefficients of each block, by rounding and then by a search.

    Args:
        low, high: (8 rows, 8 columns) bounds of samples, −FREE and FREE where there are none.
        table: (64,) steps.
        matrix: (8, 8) the DCT.
        out: (rows, columns, 64), written.
        missed: (rows, columns) how many samples do not come out, written.
    """
    basis = np.empty((64, 64))
    for k in range(64):
        for i in range(8):
            for j in range(8):
                basis[k, 8 * i + j] = matrix[k // 8, i] * matrix[k % 8, j]
    turned = np.ascontiguousarray(matrix.T)
    least, most = np.empty(64), np.empty(64)
    x, c, y, between, rest = np.empty(64), np.empty(64), np.empty(64), np.empty(64), np.empty(64)
    lo, hi = np.empty(64, np.int16), np.empty(64, np.int16)
    best, trial, block = np.empty(64, np.int64), np.empty(64, np.int64), np.empty(64, np.int64)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            total, known, whole = 0.0, 0, True
            for k in range(64):
                lo[k], hi[k] = low[8 * row + k // 8, 8 * column + k % 8], high[8 * row + k // 8, 8 * column + k % 8]
                least[k], most[k] = lo[k] - 128.5, hi[k] - 127.5
                if lo[k] == hi[k]:
                    total += lo[k] - 128.0
                    known += 1
                    x[k] = lo[k] - 128.0
                else:
                    whole = False
                if lo[k] <= 0:
                    least[k] = -1e6
                if hi[k] >= 255:
                    most[k] = 1e6
            guess = total / known if known else 0.0
            for k in range(64):
                if lo[k] == hi[k]:
                    guess = x[k]
                elif k >= 8 and k % 8 == 0:
                    guess = x[k - 8]
                if lo[k] != hi[k]:
                    x[k] = min(max(guess, lo[k] - 128.0), hi[k] - 128.0)
            fewest = 65
            for _ in range(1 if whole else ROUNDS):
                _transform(x, matrix, between, c)
                for k in range(64):
                    trial[k] = np.int64(np.floor(c[k] / table[k] + 0.5))
                wrong = _wrong(trial, table, lo, hi, block)
                if wrong < fewest:
                    fewest = wrong
                    best[:] = trial
                if fewest == 0:
                    break
                for k in range(64):
                    c[k] = float(trial[k] * table[k])
                _transform(c, turned, between, y)
                for k in range(64):
                    x[k] = min(max(y[k], least[k] + 0.02), most[k] - 0.02)
                    if lo[k] == hi[k] and 0 < lo[k] < 255:
                        x[k] = lo[k] - 128.0
            for _ in range(PASSES):
                if fewest == 0 or known == 0:
                    break
                for k in range(64):
                    c[k] = float(best[k] * table[k])
                _transform(c, turned, between, rest)
                for k in range(64):
                    inside = min(max(rest[k], least[k]), most[k])
                    y[k] = (lo[k] - 128.0 - rest[k]) if lo[k] == hi[k] and 0 < lo[k] < 255 else inside - rest[k]
                _transform(y, matrix, between, c)
                trial[:] = best
                wrong = _search(trial, table, lo, hi, least, most, rest, basis, c, block)
                if wrong >= fewest:
                    break
                fewest = wrong
                best[:] = trial
            missed[row, column] = fewest
            for k in range(64):
                out[row, column, k] = min(max(best[k], -32767), 32767)


@compiled
def invert(
    plane: NDArray[np.int32],
    known: NDArray[np.bool_],
    down: int,
    across: int,
    smooth: bool,
    rounds: int,
    slack: float,
    samples: Reals,
) -> None:
    """The samples whose upsampling is nearest to the known part of a plane: by relaxation, `samples` to begin with.

    What is off by no more than `slack` counts as right.

    Args:
        plane: (H, W).
        down, across, smooth: see `kernels.upsample`.
        samples: of ⌈H / down⌉ rows and ⌈W / across⌉ columns, changed.
    """
    height, width = plane.shape
    rows, columns = samples.shape
    for turn in range(rounds):
        for r in range(rows):
            for c in range(columns):
                total, norm = 0.0, 0.0
                for i in range(down):
                    y = r * down + i
                    if y >= height:
                        continue
                    v = min(max(r + (2 * i - 1 if smooth and down == 2 else 0), 0), rows - 1)
                    for j in range(across):
                        x = c * across + j
                        if x >= width or not known[y, x]:
                            continue
                        h = min(max(c + (2 * j - 1 if smooth and across == 2 else 0), 0), columns - 1)
                        a = 0.75 if v != r else 1.0
                        b = 0.75 if h != c else 1.0
                        value = a * (b * samples[r, c] + (1.0 - b) * samples[r, h])
                        value += (1.0 - a) * (b * samples[v, c] + (1.0 - b) * samples[v, h])
                        lack = plane[y, x] - value
                        lack -= min(max(lack, -slack), slack)
                        total += a * b * lack
                        norm += a * b * a * b
                if norm > 0.0:
                    samples[r, c] += 1.1 * total / norm
                elif turn == 0:
                    near, count = 0.0, 0.0
                    if r > 0:
                        near, count = near + samples[r - 1, c], count + 1.0
                    if c > 0:
                        near, count = near + samples[r, c - 1], count + 1.0
                    if count > 0.0:
                        samples[r, c] = near / count


@compiled
def bound_lumas(
    rgb: NDArray[np.uint8], first: NDArray[np.int32], second: NDArray[np.int32], low: Shorts, high: Shorts
) -> None:
    """Between what the luma of each pixel lies, given its chroma; (−FREE, FREE) where there is none."""
    for r in range(rgb.shape[0]):
        for c in range(rgb.shape[1]):
            c1, c2 = np.int64(first[r, c]), np.int64(second[r, c])
            least, most = np.int64(0), np.int64(255)
            for k in range(3):
                share = (91881 * c2 + 32768) >> 16
                if k == 1:
                    share = (-22554 * c1 - 46802 * c2 + 32768) >> 16
                elif k == 2:
                    share = (116130 * c1 + 32768) >> 16
                value = np.int64(rgb[r, c, k])
                if value > 0:
                    least = max(least, value - share)
                if value < 255:
                    most = min(most, value - share)
            if least > most:
                least, most = -FREE, FREE
            low[r, c], high[r, c] = least, most


@compiled
def bound_chroma(
    rgb: NDArray[np.uint8],
    luma: NDArray[np.int32],
    first: NDArray[np.int32],
    second: NDArray[np.int32],
    known: NDArray[np.bool_],
    low: Shorts,
    high: Shorts,
) -> None:
    """Between what the chroma of each pixel lies, given its luma: (2, H, W) bounds from 0 to 255, as samples are.

    Where `known`, the chroma is `first` and `second`, from −128 to 127.
    """
    for r in range(rgb.shape[0]):
        for c in range(rgb.shape[1]):
            if known[r, c]:
                low[0, r, c] = high[0, r, c] = first[r, c] + 128
                low[1, r, c] = high[1, r, c] = second[r, c] + 128
                continue
            for k in range(2):
                factor = 91881 if k else 116130
                value = np.int64(rgb[r, c, 0 if k else 2])
                share = value - luma[r, c]
                # the least and the most whose product, rounded, is the share
                least = -((65536 * -share + 32768) // factor)
                most = (65536 * share + 32767) // factor
                if value == 0:
                    least = np.int64(-128)
                elif value == 255:
                    most = np.int64(127)
                if least > most or most < -128 or least > 127:
                    low[k, r, c], high[k, r, c] = -FREE, FREE
                else:
                    low[k, r, c], high[k, r, c] = max(least, -128) + 128, min(most, 127) + 128
