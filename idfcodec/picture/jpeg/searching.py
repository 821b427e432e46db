"""The compiled search in one block: which coefficients, of those near by, decode to samples within their bounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called
from idfcodec.picture.jpeg.kernels import FIRST, SECOND, eight
from idfcodec.picture.jpeg.moving import moved

__all__ = ["CHOICE", "KEPT", "Room", "search", "transform", "wrong_samples"]

CHOICE = 12  # coefficients that are flipped
KEPT = 8  # sets of flips that are tried exactly
WIDE = 3e4  # from the middle of the bounds of samples of which one is none to that

Reals = NDArray[np.float64]
Shorts = NDArray[np.int16]
Singles = NDArray[np.float32]


class Room(NamedTuple):
    """Scratch of the search.

    Attributes:
        moves: (CHOICE, 64) float32, what each change adds to the samples.
        sums: (5, 64) float32, samples after so many changes, less the middle between their bounds.
        half: (64,) float32, half of what is between these bounds.
        margin, scores: (64,) and (KEPT,) float64.
        chosen, sets, stack: (CHOICE,), (KEPT,) and (5,) int64.
        trial, kept: (64,) int64.
    """

    moves: Singles
    sums: Singles
    half: Singles
    margin: Reals
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
def transform(source: Reals, matrix: Reals, turned: Reals, between: Reals, out: Reals) -> None:
    """matrix · source · turned, of 8 x 8 numbers in rows; `turned` is matrix'."""
    for k in range(64):
        between[k], out[k] = 0.0, 0.0
    for i in range(8):
        for k in range(8):
            share = matrix[i, k]
            for j in range(8):
                between[8 * i + j] += share * source[8 * k + j]
    for i in range(8):
        for k in range(8):
            share = between[8 * i + k]
            for j in range(8):
                out[8 * i + j] += share * turned[k, j]


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
    moves, sums, half, margin, scores = room.moves, room.sums, room.half, room.margin, room.scores
    chosen, sets, stack, trial, kept = room.chosen, room.sets, room.stack, room.trial, room.kept
    for k in range(64):
        lower, upper = least[k], most[k]
        if lower < -WIDE:
            lower = min(upper, 0.0) - WIDE
        if upper > WIDE:
            upper = max(lower, 0.0) + WIDE
        half[k] = np.float32((upper - lower) / 2.0)
        sums[0, k], kept[k] = np.float32(rest[k] - (lower + upper) / 2.0), found[k]
        margin[k] = table[k] * (0.5 * table[k] - abs(turned[k]))
    for i in range(CHOICE):
        best = 0
        for k in range(1, 64):
            if margin[k] < margin[best]:
                best = k
        chosen[i] = best
        way = float(table[best]) if turned[best] > 0.0 else -float(table[best])
        for k in range(64):
            moves[i, k] = np.float32(way * basis[best, k])
        margin[best] = 1e30
    for j in range(KEPT):
        scores[j] = 1e30
    depth, flips = 1, 0
    stack[1] = 0
    while depth > 0:
        i = stack[depth]
        if i >= CHOICE:
            depth -= 1
            if depth > 0:
                flips ^= 1 << stack[depth]
                stack[depth] += 1
            continue
        flips |= 1 << i
        score = moved(sums[depth - 1], moves[i], half, sums[depth])
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
                trial[chosen[i]] += 1 if turned[chosen[i]] > 0.0 else -1
        wrong = wrong_samples(trial, table, low, high, block, best)
        if wrong < best:
            best = wrong
            for k in range(64):
                found[k] = trial[k]
            if wrong == 0:
                break
    return best
