"""The compiled search in one block: which coefficients, of those near by, decode to samples within their bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled
from idfcodec.picture.jpeg.kernels import FIRST, SECOND, eight

__all__ = ["search", "transform", "wrong_samples"]

CHOICE = 12  # coefficients that are flipped
KEPT = 8  # sets of flips that are tried exactly

Reals = NDArray[np.float64]
Shorts = NDArray[np.int16]


@compiled
def wrong_samples(
    coefficients: NDArray[np.int64], table: NDArray[np.int64], low: Shorts, high: Shorts, block: NDArray[np.int64]
) -> int:
    """How many samples of a block do not come out as they should."""
    for k in range(64):
        block[k] = coefficients[k] * table[k]
    for k in range(8):
        eight(block, k, 8, FIRST)
    count = 0
    for k in range(8):
        eight(block, 8 * k, 1, SECOND)
        for j in range(8):
            value = min(max(block[8 * k + j] + 128, 0), 255)
            if value < low[8 * k + j] or value > high[8 * k + j]:
                count += 1
    return count


@compiled
def transform(source: Reals, matrix: Reals, between: Reals, out: Reals) -> None:
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
def search(
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
        wrong = wrong_samples(trial, table, low, high, block)
        if wrong < best:
            best = wrong
            found[:] = trial
            if wrong == 0:
                break
    return best
