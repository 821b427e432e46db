"""The compiled search in one block: which coefficients, of those near by, decode to samples within their bounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called
from idfcodec.picture.jpeg.kernels import FIRST, SECOND, eight

__all__ = ["CHOICE", "KEPT", "Room", "search", "transform", "wrong_samples"]

CHOICE = 12  # coefficients that are flipped
KEPT = 8  # sets of flips that are tried exactly

Reals = NDArray[np.float64]
Shorts = NDArray[np.int16]


class Room(NamedTuple):
    """Scratch of the search.

    Attributes:
        sums: (5, 64) float64, samples after so many changes.
        squares, margin: (64,) float64.
        way, scores: (CHOICE,) and (KEPT,) float64.
        chosen, sets, stack: (CHOICE,), (KEPT,) and (5,) int64.
        trial, kept: (64,) int64.
    """

    sums: Reals
    squares: Reals
    margin: Reals
    way: Reals
    scores: Reals
    chosen: NDArray[np.int64]
    sets: NDArray[np.int64]
    stack: NDArray[np.int64]
    trial: NDArray[np.int64]
    kept: NDArray[np.int64]


@called
def wrong_samples(
    coefficients: NDArray[np.int64],
    table: NDArray[np.int64],
    low: Shorts,
    high: Shorts,
    block: NDArray[np.int64],
    enough: int,
) -> int:
    """How many samples of a block do not come out as they should, `enough` or more where there are as many."""
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
        if count >= enough:
            break
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
def _excess(rest: Reals, least: Reals, most: Reals, squares: Reals) -> float:
    """By how much samples, less what they should be, leave their bounds: the sum of squares, first of columns."""
    for k in range(64):
        over = max(rest[k] - most[k], least[k] - rest[k], 0.0)
        squares[k] = over * over
    total = 0.0
    for j in range(8):
        column = squares[j]
        for i in range(1, 8):
            column += squares[8 * i + j]
        total += column
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
    room: Room,
) -> int:
    """Try sets of up to four changes by one of the coefficients `found`, which become the best ones.

    Args:
        least, most: bounds of a block's real samples.
        rest: the real samples of `found`.
        basis: (64, 64) samples of each coefficient.
        turned: (64,) how much each coefficient lacks, in samples.
        block: (64,), scratch.
        room: scratch.

    Returns:
        How many samples are wrong.
    """
    sums, margin, scores, way = room.sums, room.margin, room.scores, room.way
    chosen, sets, stack, trial, kept = room.chosen, room.sets, room.stack, room.trial, room.kept
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
    for k in range(64):
        sums[0, k], kept[k] = rest[k], found[k]
    for j in range(KEPT):
        scores[j] = 1e30
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
        score = _excess(here, least, most, room.squares)
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
    best = 65
    for j in range(KEPT):
        if scores[j] > 1e29:
            break
        for k in range(64):
            trial[k] = kept[k]
        for i in range(CHOICE):
            if sets[j] >> i & 1:
                trial[chosen[i]] += 1 if way[i] > 0.0 else -1
        wrong = wrong_samples(trial, table, low, high, block, best)
        if wrong < best:
            best = wrong
            for k in range(64):
                found[k] = trial[k]
            if wrong == 0:
                break
    return best
