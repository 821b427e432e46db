"""The compiled loop of recovery: from bounds of samples to the coefficients that decode to them, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called, compiled, inlined
from idfcodec.picture.jpeg.bounding import FREE
from idfcodec.picture.jpeg.searching import CHOICE, KEPT, Room, search, transform, wrong_samples
from idfcodec.picture.jpeg.settling import EXACT, UNKNOWN, Chain, decide, factor

__all__ = ["chain_of", "round_blocks", "solve"]

PASSES = 3  # searches in a block, each from the best of the one before
ROUNDS = 12  # of projections between bounds and multiples of the steps
TURNS = 2  # of the lattice decoder, each with what the one before says of clipped samples
CHANGED = 8  # doubtful decisions that are changed, one at a time
CLOSE = 24  # wrong samples of a block from which on a search is hopeless
OVER = 3.0  # by how much clipped samples go on, and the deviation of that

Reals = NDArray[np.float64]
Shorts = NDArray[np.int16]


@called
def _copy(source: NDArray[Any], target: NDArray[Any]) -> None:
    """Of 64 numbers: an assignment of slices takes seconds to compile, for the message of its error."""
    for k in range(64):
        target[k] = source[k]


@called
def _measured(lo: Shorts, hi: Shorts, x: Reals, variance: Reals) -> bool:
    """What bounds of samples say of them as measurements; returns whether all are exact."""
    whole = True
    for k in range(64):
        if lo[k] <= -FREE or hi[k] >= FREE or hi[k] - lo[k] > 250:
            x[k], variance[k], whole = 0.0, 2 * UNKNOWN, False
        elif hi[k] >= 255:
            x[k], variance[k], whole = lo[k] - 128.5 + OVER, OVER * OVER + (hi[k] - lo[k]) ** 2 / 4.0, False
        elif lo[k] <= 0:
            x[k], variance[k], whole = hi[k] - 127.5 - OVER, OVER * OVER + (hi[k] - lo[k]) ** 2 / 4.0, False
        else:
            x[k] = (lo[k] + hi[k]) / 2.0 - 128.0
            variance[k] = EXACT + (hi[k] - lo[k]) ** 2 / 12.0
            if lo[k] != hi[k]:
                whole = False
    return whole


@called
def _scaled(x: Reals, variance: Reals, prior: Reals, scaled: Reals) -> int:
    """The variances of a block's coefficients, given how much its samples differ; returns how many are known."""
    count, total = 0, 0.0
    for k in range(64):
        if variance[k] < 2.0:
            count += 1
            total += x[k]
    mean, spread, expected = total / max(count, 1), 0.0, 1e-3
    for k in range(64):
        if variance[k] < 2.0:
            spread += (x[k] - mean) ** 2
    for k in range(1, 64):
        expected += prior[k] / 64.0
    ratio = 1.0
    if count >= 4:
        ratio = min(max((spread + expected) / (count + 1.0) / expected, 0.02), 30.0)
    for k in range(64):
        scaled[k] = prior[k] * ratio
    scaled[0] = prior[0]
    return count


@inlined
def chain_of() -> Chain:
    """Room for what the lattice decoder knows of a block."""
    return Chain(
        np.empty(64), np.empty(64, np.int64), np.empty(64, np.int64), np.empty((64, 64)), np.empty(64),
        np.empty((64, 64)), np.empty((64, 64)), np.empty(64), np.empty(64), np.empty(64), np.empty(64), np.empty(64),
        np.empty(64, np.int64), np.empty(64, np.int64),
    )  # fmt: skip


@compiled
def solve(
    low: Shorts,
    high: Shorts,
    table: NDArray[np.int64],
    matrix: Reals,
    prior: Reals,
    todo: NDArray[np.int64],
    out: NDArray[np.int16],
    missed: NDArray[np.int64],
) -> None:
    """The coefficients of blocks: by rounding and a search where all samples are known, else by lattice decoding.

    Args:
        low, high: (8 rows, 8 columns) bounds of samples, −FREE and FREE where there are none.
        table: (64,) steps.
        matrix: (8, 8) the DCT.
        prior: (64,) variances of the coefficients; negative at first: blocks with uncertain samples are left out.
        todo: (rows, columns) 1 where there is something to do; 0 is written where a block was dealt with.
        out: (rows, columns, 64), written.
        missed: (rows, columns) how many samples do not come out, written.
    """
    basis = np.empty((64, 64))
    for k in range(64):
        for i in range(8):
            for j in range(8):
                basis[k, 8 * i + j] = matrix[k // 8, i] * matrix[k % 8, j]
    turned = np.ascontiguousarray(matrix.T)
    least, most, x, variance, scaled = np.empty(64), np.empty(64), np.empty(64), np.empty(64), np.empty(64)
    c, y, between, rest = np.empty(64), np.empty(64), np.empty(64), np.empty(64)
    lo, hi = np.empty(64, np.int16), np.empty(64, np.int16)
    best, trial, block = np.empty(64, np.int64), np.empty(64, np.int64), np.empty(64, np.int64)
    doubt, doubts, other = np.empty(64), np.empty(64), np.zeros(64, np.int64)
    chain = chain_of()
    room = Room(
        np.empty((CHOICE, 64), np.float32), np.empty((5, 64), np.float32), np.empty(64, np.float32),
        np.empty(64), np.empty(KEPT), np.empty(CHOICE, np.int64), np.empty(KEPT, np.int64), np.empty(5, np.int64),
        np.empty(64, np.int64), np.empty(64, np.int64),
    )  # fmt: skip
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            if not todo[row, column]:
                continue
            for k in range(64):
                lo[k], hi[k] = low[8 * row + k // 8, 8 * column + k % 8], high[8 * row + k // 8, 8 * column + k % 8]
                least[k] = lo[k] - 128.5 if lo[k] > 0 else -1e6
                most[k] = hi[k] - 127.5 if hi[k] < 255 else 1e6
            whole = _measured(lo, hi, x, variance)
            if not whole and prior[0] < 0.0:
                continue
            todo[row, column] = 0
            fewest = 65
            if whole:
                transform(x, matrix, turned, between, c)
                for k in range(64):
                    best[k] = np.int64(np.floor(c[k] / table[k] + 0.5))
                fewest = wrong_samples(best, table, lo, hi, block, 65)
            else:
                _scaled(x, variance, prior, scaled)
                for _ in range(TURNS):
                    transform(x, matrix, turned, between, c)
                    n = factor(x, c, variance, scaled, table, basis, chain)
                    last = -1
                    for attempt in range(CHANGED + 1):
                        for t in range(n):
                            other[t] = 0
                        if attempt:
                            last = 0
                            for t in range(n):
                                if doubts[t] < doubts[last]:
                                    last = t
                            doubts[last] = 1e300
                            other[last] = 1
                        decide(n, table, chain, other, doubt, y, trial)
                        if not attempt:
                            _copy(doubt, doubts)
                        wrong = wrong_samples(trial, table, lo, hi, block, fewest)
                        if wrong < fewest:
                            fewest = wrong
                            _copy(trial, best)
                        if fewest == 0 or attempt >= n:
                            break
                    if fewest == 0:
                        break
                    for k in range(64):
                        c[k] = float(best[k] * table[k])
                    transform(c, turned, matrix, between, rest)
                    again = False
                    for k in range(64):
                        if variance[k] < UNKNOWN and (least[k] < -1e5 or most[k] > 1e5):
                            again = True
                            inside = rest[k] >= least[k] and rest[k] <= most[k]
                            x[k] = min(max(rest[k], least[k] + 0.4), most[k] - 0.4)
                            variance[k] = 4.0 if inside else 0.5
                    if not again:
                        break
                if fewest:
                    for k in range(64):
                        c[k] = float(best[k] * table[k])
                    transform(c, turned, matrix, between, rest)
                for _ in range(ROUNDS if fewest else 0):
                    for k in range(64):
                        x[k] = min(max(rest[k], least[k] + 0.02), most[k] - 0.02)
                        if lo[k] == hi[k] and 0 < lo[k] < 255:
                            x[k] = lo[k] - 128.0
                    transform(x, matrix, turned, between, c)
                    for k in range(64):
                        trial[k] = np.int64(np.floor(c[k] / table[k] + 0.5))
                        c[k] = float(trial[k] * table[k])
                    wrong = wrong_samples(trial, table, lo, hi, block, fewest)
                    if wrong < fewest:
                        fewest = wrong
                        _copy(trial, best)
                        if fewest == 0:
                            break
                    transform(c, turned, matrix, between, rest)
            for _ in range(PASSES):
                if fewest == 0 or fewest > CLOSE:
                    break
                for k in range(64):
                    c[k] = float(best[k] * table[k])
                transform(c, turned, matrix, between, rest)
                for k in range(64):
                    inside = min(max(rest[k], least[k]), most[k])
                    y[k] = (lo[k] - 128.0 - rest[k]) if lo[k] == hi[k] and 0 < lo[k] < 255 else inside - rest[k]
                transform(y, matrix, turned, between, c)
                _copy(best, trial)
                wrong = search(trial, table, lo, hi, least, most, rest, basis, c, block, room)
                if wrong >= fewest:
                    break
                fewest = wrong
                _copy(trial, best)
            missed[row, column] = fewest
            for k in range(64):
                out[row, column, k] = min(max(best[k], -32767), 32767)


@compiled
def round_blocks(
    samples: Reals,
    variance: Reals,
    table: NDArray[np.int64],
    matrix: Reals,
    prior: Reals,
    todo: NDArray[np.bool_],
    out: NDArray[np.int16],
) -> None:
    """The nearest coefficients of blocks, by rounding where all samples are about as sure, else by lattice decoding.

    Args:
        samples, variance: (8 rows, 8 columns), samples from 0 to 255.
        table, matrix, prior: see `solve`.
        todo: (rows, columns) which blocks.
        out: (rows, columns, 64), written.
    """
    basis = np.empty((64, 64))
    for k in range(64):
        for i in range(8):
            for j in range(8):
                basis[k, 8 * i + j] = matrix[k // 8, i] * matrix[k % 8, j]
    x, v, c, y, between, scaled = np.empty(64), np.empty(64), np.empty(64), np.empty(64), np.empty(64), np.empty(64)
    turned = np.ascontiguousarray(matrix.T)
    doubt, other, found = np.empty(64), np.zeros(64, np.int64), np.empty(64, np.int64)
    chain = chain_of()
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            if not todo[row, column]:
                continue
            widest = 0.0
            for k in range(64):
                x[k] = samples[8 * row + k // 8, 8 * column + k % 8] - 128.0
                v[k] = variance[8 * row + k // 8, 8 * column + k % 8]
                widest = max(widest, v[k])
            if widest < 2.0 or prior[0] < 0.0:
                transform(x, matrix, turned, between, c)
                for k in range(64):
                    found[k] = np.int64(np.floor(c[k] / table[k] + 0.5))
            else:
                _scaled(x, v, prior, scaled)
                transform(x, matrix, turned, between, c)
                n = factor(x, c, v, scaled, table, basis, chain)
                decide(n, table, chain, other, doubt, y, found)
            for k in range(64):
                out[row, column, k] = min(max(found[k], -32767), 32767)
