"""The compiled search in one block: which coefficients, of those near by, decode to samples within their bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called
from idfcodec.picture.jpeg.kernels import FIRST, SECOND, eight

__all__ = ["search", "transform", "wrong_samples"]

CHOICE = 12  # coefficients that are flipped
KEPT = 8  # sets of flips that are tried exactly

Reals = NDArray[np.float64]
Shorts = NDArray[np.int16]


@called
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


@called
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


@called
def _excess(rest: Reals, least: Reals, most: Reals) -> float:
    """By how much samples, less what they should be, leave their bounds: the sum of squares."""
    total = 0.0
    for k in range(64):
        over = max(rest[k] - most[k], least[k] - rest[k])
        if over > 0.0:
            total += over * over
    return total


@called
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
    sums: Reals,
    margin: Reals,
    trial: NDArray[np.int64],
    kept: NDArray[np.int64],
    lists: NDArray[np.int64],
    values: Reals,
) -> int:
    """Try sets of up to four changes by one of the coefficients `found`, which become the best ones.

    Args:
        least, most: bounds of a block's real samples.
        rest: the real samples of `found`.
        basis: (64, 64) samples of each coefficient.
        turned: (64,) how much each coefficient lacks, in samples.
        block, sums, margin, trial, kept: scratch, (64,) each but `sums`, (5, 64).
        lists, values: scratch, (3, 16) and (2, 16).

    Returns:
        How many samples are wrong.
    """
    chosen, sets, stack, way, scores = lists[0], lists[1], lists[2], values[0], values[1]
    for j in range(KEPT):
        scores[j], sets[j] = 1e30, 0
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
    start = sums[0]
    for k in range(64):
        start[k] = rest[k]
        kept[k] = found[k]
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
    fewest = 65
    for j in range(KEPT):
        if scores[j] > 1e29:
            break
        for k in range(64):
            trial[k] = kept[k]
        for i in range(CHOICE):
            if sets[j] >> i & 1:
                trial[chosen[i]] += 1 if way[i] > 0.0 else -1
        wrong = wrong_samples(trial, table, low, high, block)
        if wrong < fewest:
            fewest = wrong
            for k in range(64):
                found[k] = trial[k]
            if wrong == 0:
                break
    return fewest
