"""The compiled lattice decoder of one block: coefficients from samples of which some are uncertain or unknown.

Coefficients are taken as independent and normal, of a variance that is known for each frequency, samples as measured
with an error of their own. What follows is a normal distribution over the 64 coefficients; the steps make it one over
a lattice. Its likeliest points are found as a receiver with several antennas finds what was sent: the surest
coefficient is rounded, the others are conditioned on that, and so on (ordered successive interference cancellation:
Wolniansky et al., V-BLAST, 1998). Other points take the second choice at one of the doubtful decisions.

The transform is orthonormal, so that coefficients are independent given samples that are all as sure. What makes them
depend on each other is the samples that are less sure, taken out again one by one: their covariance is a diagonal and
a product F' F with as many rows as there are such samples. Where most samples are unknown, it is what was known before
less such a product, with a row for each sample that says something. A decision leaves it of that kind (Potter's square
root of a measurement's update), so that a block costs in proportion to the fewer of the two.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called
from idfcodec.picture.jpeg.moving import WIDTH, added, joined

__all__ = ["EXACT", "UNKNOWN", "Chain", "decide", "factor"]

UNKNOWN = 1e4  # a variance of samples from which on they say nothing
EXACT = 0.1  # variance of a sample that is rounded, by the transform and at last
FAINT = 0.02  # of the square of a step: of less variance, a coefficient is 0

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]


class Chain(NamedTuple):
    """What is known of a block's coefficients, as a chain of decisions, and scratch.

    Attributes:
        mean: (64,) float64, expected coefficients that are not 0 for sure, before the first decision.
        order: (64,) int64, of each decision which of the coefficients that are left; the last one takes its place.
        places: (64,) int64, which frequency is decided so.
        columns: (64, 64) float64, how those that are left follow the decided one.
        diagonal: (64,) float64, the variance of each when it is decided.
        factors, shares: (64, 64) float64, F, and what coefficients add to uncertain samples; scratch.
        own, variance, weight, common, lack: (64,) float64, scratch.
        at, unsure: (64,) int64, scratch.
    """

    mean: Reals
    order: Ints
    places: Ints
    columns: Reals
    diagonal: Reals
    factors: Reals
    shares: Reals
    own: Reals
    variance: Reals
    weight: Reals
    common: Reals
    lack: Reals
    at: Ints
    unsure: Ints


@called
def factor(x: Reals, found: Reals, variance: Reals, prior: Reals, table: Ints, basis: Reals, chain: Chain) -> int:
    """What is known of a block's coefficients, as a chain of decisions; returns how many are not 0 for sure.

    Args:
        x, variance: (64,) samples, and how uncertain they are.
        found: (64,) the transform of `x`.
        prior: (64,) variances of the coefficients.
        table: (64,) steps.
        basis: (64, 64), of each coefficient what it adds to each sample.
        chain: written.
    """
    mean, factors, shares, own, spread = chain.mean, chain.factors, chain.shares, chain.own, chain.variance
    weight, common, lack, at, unsure = chain.weight, chain.common, chain.lack, chain.at, chain.unsure
    n, m, some = 0, 0, 0
    for k in range(64):
        some += variance[k] < UNKNOWN
        m += variance[k] > 1.001 * EXACT
    away = m < some  # from all samples some are taken away, or to none some are added
    sign, m = 1.0 if away else -1.0, 0
    for k in range(64):
        if (variance[k] > 1.001 * EXACT) if away else (variance[k] < UNKNOWN):
            unsure[m], lack[m] = k, x[k]
            m += 1
    for k in range(64):
        step = float(table[k])
        if k == 0 or prior[k] > FAINT * step * step:
            at[n] = k
            own[n] = prior[k] * EXACT / (prior[k] + EXACT) if away else prior[k]
            mean[n] = found[k] * own[n] / EXACT if away else 0.0
            spread[n], weight[n] = own[n], 1.0 / (step * step)
            n += 1
    wide, deep = (n + WIDTH - 1) & -WIDTH, (m + WIDTH - 1) & -WIDTH  # whole vectors, with what does not count
    for i in range(n, wide):
        own[i], mean[i], spread[i], weight[i] = 0.0, 0.0, 0.0, 0.0
        for k in range(m):
            factors[k, i] = 0.0
    for i in range(n):
        line, share, value, middle = basis[at[i]], shares[i], own[i], mean[i]
        for k in range(m):
            h = line[unsure[k]]
            share[k] = h
            factors[k, i] = value * h
            lack[k] -= middle * h
        for k in range(m, deep):
            share[k] = 0.0
    for k in range(m):
        here = factors[k]
        for j in range(deep):
            common[j] = 0.0
        for start in range(k & -WIDTH, deep, WIDTH):
            for i in range(n):
                added(common, shares[i], here[i], start)
        rest = variance[unsure[k]]
        if away:  # the variance of what makes an exact sample this one, less than nothing
            rest = EXACT * rest / (rest - EXACT) if rest < UNKNOWN else EXACT
        total = max(rest - sign * common[k], 1e-12)
        for j in range(k + 1, m):
            part = sign * common[j] / total
            lack[j] += part * lack[k]
            for start in range(0, wide, WIDTH):
                added(factors[j], here, part, start)
        part, root = -sign * lack[k] / total, 1.0 / np.sqrt(total)
        for start in range(0, wide, WIDTH):
            added(mean, here, part, start)
        for i in range(wide):
            value = root * here[i]
            here[i] = value
            spread[i] += sign * value * value
    slope, before = 0.0, chain.columns[0]
    for t in range(n):
        last, best, least = n - 1 - t, 0, 1e300
        for i in range(last + 1):
            value = spread[i] * weight[i]
            if value < least:
                best, least = i, value
        row = chain.columns[t]
        for i in range(wide):
            row[i] = 0.0
        for k in range(m):  # the decision before this one, and how the others follow this one
            line, share = factors[k], slope * common[k]
            value = line[best] + share * before[best]
            for start in range(0, last + 1, WIDTH):
                joined(line, before, share, row, value, start)
            common[k], line[best] = value, line[last]
        single, square = own[best], row[best]
        total = max(single + sign * square, 1e-9)
        chain.order[t], chain.places[t], chain.diagonal[t] = best, at[best], total
        row[best] = row[last]
        at[best], own[best], spread[best], weight[best] = at[last], own[last], spread[last], weight[last]
        slope, before = sign * total * (np.sqrt(single / total) - 1.0) / max(square, 1e-30), row
        for i in range(last):
            value = row[i] / total
            spread[i] -= value * row[i]
            row[i] = sign * value
    return n


@called
def decide(n: int, table: Ints, chain: Chain, other: Ints, doubt: Reals, moved: Reals, out: Ints) -> None:
    """Decide the coefficients of a block along the chain that `factor` made.

    Args:
        other: (64,) bool as 0 or 1: where the second choice is taken.
        doubt: (64,), written: by how much the second choice of each decision is less likely.
        moved: (64,), scratch.
        out: (64,), written.
    """
    mean, order, places, columns, diagonal = chain.mean, chain.order, chain.places, chain.columns, chain.diagonal
    for k in range(64):
        out[k] = 0
        moved[k] = mean[k] if k < n else 0.0
    for t in range(n):
        last, best, place = n - 1 - t, order[t], places[t]
        step, middle = float(table[place]), moved[best]
        moved[best] = moved[last]
        exact = middle / step
        value = np.floor(exact + 0.5)
        off = exact - value
        doubt[t] = (1.0 - 2.0 * abs(off)) * step * step / diagonal[t]
        if other[t]:
            value += 1.0 if off > 0.0 else -1.0
        value = min(max(value, -32767.0), 32767.0)
        change = value * step - middle
        out[place] = np.int64(value)
        line = columns[t]
        for j in range(last):
            moved[j] += line[j] * change
