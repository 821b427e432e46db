"""The compiled lattice decoder of one block: coefficients from samples of which some are uncertain or unknown.

Coefficients are taken as independent and normal, of a variance that is known for each frequency, samples as measured
with an error of their own. What follows is a normal distribution over the 64 coefficients; the steps make it one over
a lattice. Its likeliest points are found as a receiver with several antennas finds what was sent: the surest
coefficient is rounded, the others are conditioned on that, and so on (ordered successive interference cancellation:
Wolniansky et al., V-BLAST, 1998). Other points take the second choice at one of the doubtful decisions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called

__all__ = ["UNKNOWN", "decide", "factor"]

UNKNOWN = 1e4  # a variance of samples from which on they say nothing
FAINT = 0.02  # of the square of a step: of less variance, a coefficient is 0

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]


@called
def factor(
    x: Reals,
    variance: Reals,
    prior: Reals,
    table: Ints,
    basis: Reals,
    mean: Reals,
    spread: Reals,
    gain: Reals,
    places: Ints,
    order: Ints,
    columns: Reals,
    diagonal: Reals,
    left: Ints,
) -> int:
    """What is known of a block's coefficients, as a chain of decisions; returns how many are not 0 for sure.

    Args:
        x, variance: (64,) samples, and how uncertain they are.
        prior: (64,) variances of the coefficients.
        table: (64,) steps.
        basis: (64, 64) samples of each coefficient.
        mean: (64,), written: expected coefficients, by their place in `places`.
        spread, gain: (64, 64) and (64,), scratch.
        places: (64,), written: which coefficients.
        order: (64,), written: in which order they are decided, by their place in `places`.
        columns: (64, 64), written: how the others follow a decided one.
        diagonal: (64,), written: the variance of each when it is decided.
        left: (64,), scratch, zeros afterwards.
    """
    n = 0
    for k in range(64):
        if k == 0 or prior[k] > FAINT * table[k] * table[k]:
            places[n] = k
            n += 1
    for i in range(n):
        mean[i] = 0.0
        for j in range(n):
            spread[i, j] = 0.0
        spread[i, i] = prior[places[i]]
    for k in range(64):
        if variance[k] >= UNKNOWN:
            continue
        for j in range(n):
            gain[j] = 0.0
        for i in range(n):
            h, line = basis[places[i], k], spread[i]
            for j in range(n):
                gain[j] += line[j] * h
        total, lack = variance[k], x[k]
        for j in range(n):
            h = basis[places[j], k]
            total += gain[j] * h
            lack -= mean[j] * h
        lack /= total
        for i in range(n):
            mean[i] += gain[i] * lack
            part, line = gain[i] / total, spread[i]
            for j in range(n):
                line[j] -= part * gain[j]
    for i in range(n):
        left[i] = 1
    for t in range(n):
        best, least = 0, 1e300
        for i in range(n):
            step = float(table[places[i]])
            value = spread[i, i] / (step * step)
            if left[i] and value < least:
                best, least = i, value
        left[best] = 0
        order[t] = best
        own = max(spread[best, best], 1e-9)
        diagonal[t] = own
        for j in range(n):
            columns[t, j] = spread[best, j] / own if left[j] else 0.0
            gain[j] = spread[best, j]
        for i in range(n):
            if left[i]:
                part, line = columns[t, i], spread[i]
                for j in range(n):
                    line[j] -= part * gain[j]
    return n


@called
def decide(
    n: int,
    mean: Reals,
    table: Ints,
    places: Ints,
    order: Ints,
    columns: Reals,
    diagonal: Reals,
    other: Ints,
    doubt: Reals,
    moved: Reals,
    out: Ints,
) -> None:
    """Decide the coefficients of a block along the chain that `factor` made.

    Args:
        other: (64,) bool as 0 or 1: where the second choice is taken.
        doubt: (64,), written: by how much the second choice of each decision is less likely.
        moved: (64,), scratch.
        out: (64,), written.
    """
    for k in range(64):
        out[k] = 0
    for i in range(n):
        moved[i] = mean[i]
    for t in range(n):
        i = order[t]
        step = float(table[places[i]])
        exact = moved[i] / step
        value = np.floor(exact + 0.5)
        off = exact - value
        doubt[t] = (1.0 - 2.0 * abs(off)) * step * step / diagonal[t]
        if other[t]:
            value += 1.0 if off > 0.0 else -1.0
        value = min(max(value, -32767.0), 32767.0)
        change = value * step - moved[i]
        out[places[i]] = np.int64(value)
        line = columns[t]
        for j in range(n):
            moved[j] += line[j] * change
