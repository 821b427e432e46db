"""Weights of values and of pairs of values, learned from the pixels decoded so far.

A picture that was YCbCr once has only some of the pairs of differences (R-G, B-G): under the conversion of JPEG a
quarter. One with gaps in its histogram has only some values, one of few colours only some pairs (G, R-G). With H the
counts of the pairs seen so far and S their local average, the weights

    W[x, y] = (H + P) / (S + P),   P = belief / 8 * min(S, 1)

multiply the network's joint probability of the pair: p(y | x) by W[x, y], and p(x) by V[x] = sum_y p(y | x) W[x, y].
V is W blurred along y by the prior's own table at a few scales, so that both cost a look-up a symbol and column.

All of it is integers: S is a box filter, the weights are quotients rounded down in units of 2**-FRACTION.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled, compiled_sums
from idfcodec.flow.exact.tables import LOCATION_BITS, SCALE_STEPS, SCALES

__all__ = ["BLURS", "EXPECTED_BITS", "FRACTION", "UNIT", "PairWeights", "blur_classes", "value_weights"]

FRACTION = 12  # fractional bits of the weights
LIMIT = 2**18  # largest weight
AREA = 25  # of the average along an axis: box filters of 5, twice
REACH = 4
MARGIN = REACH + 1
BLURS = 6  # scales at which V is made, an octave apart, from 2**-2 up
UNIT = 2.0**-FRACTION
EXPECTED_BITS = LOCATION_BITS + 5  # fractional bits of the location of y that V is looked up for
Counts = NDArray[np.int32]
Weights = NDArray[np.int32]
Rows = NDArray[np.float64]


def blur_classes() -> NDArray[np.int32]:
    """(SCALES,) the blur that stands for each scale of the prior."""
    return np.clip((np.arange(SCALES) - SCALE_STEPS // 2) // SCALE_STEPS, 0, BLURS - 1).astype(np.int32)


@compiled
def _smoothed(line: Counts, out: Counts) -> None:
    """Add sums over 5 neighbours, twice, of a line that has MARGIN zeros at each end."""
    for i in range(MARGIN, len(line) - MARGIN):
        if line[i]:
            for d in range(-REACH, REACH + 1):
                out[i + d] += (5 - abs(d)) * line[i]


@compiled
def _bounds(counts: Counts) -> tuple[int, int, int, int]:
    """First row and column with counts, and one beyond the last ones."""
    top, bottom, left, right = len(counts), 0, counts.shape[1], 0
    for x in range(len(counts)):
        line = counts[x]
        if not line.any():
            continue
        top, bottom = min(top, x), x + 1
        for y in range(len(line)):
            if line[y]:
                left, right = min(left, y), max(right, y + 1)
    return min(top, bottom), bottom, left, right


@compiled
def _pair_weights(counts: NDArray[np.int32], belief: int) -> NDArray[np.int32]:
    """W of (X, Y) counts, MARGIN wider on each side."""
    height, width = counts.shape
    box = np.zeros((height + 2 * MARGIN, width + 2 * MARGIN), np.int32)  # sums stay below 2**20 * AREA**2
    box[MARGIN:-MARGIN, MARGIN:-MARGIN] = counts
    across = np.zeros_like(box)
    for x in range(MARGIN, MARGIN + height):
        _smoothed(box[x], across[x])
    smooth = np.zeros_like(box)
    for x in range(len(box)):
        for d in range(-REACH, REACH + 1):
            if 0 <= x + d < len(box):
                share, line, out = np.int32(5 - abs(d)), across[x + d], smooth[x]
                for y in range(len(line)):
                    out[y] += share * line[y]
    weights = np.full(box.shape, 1 << FRACTION, np.int32)
    area = AREA * AREA
    for x in range(len(box)):
        for y in range(box.shape[1]):
            if smooth[x, y]:
                prior = belief * min(np.int64(smooth[x, y]), area) // 8
                weights[x, y] = min(((np.int64(box[x, y]) * area + prior) << FRACTION) // (smooth[x, y] + prior), LIMIT)
    return weights


@compiled_sums
def _blur(pair: Weights, kernel: Rows, out: Weights) -> None:
    """Correlation of each row with (K,) integers that sum to 2**24, edges repeated: V in the units of W, transposed."""
    height, width = pair.shape
    reach = len(kernel) // 2
    taps = np.zeros(-(-len(kernel) // 4) * 4)  # four at a time
    taps[: len(kernel)] = kernel
    padded = np.zeros(width + reach + len(taps))
    sums = np.empty(width)
    for x in range(height):
        flat = True
        for y in range(width):
            flat &= pair[x, y] == 1 << FRACTION
        if flat:
            out[:, x] = 1 << FRACTION
            continue
        padded[:reach] = pair[x, 0]
        padded[reach : reach + width] = pair[x]
        padded[reach + width :] = pair[x, width - 1]
        sums[:] = 0
        for t in range(0, len(taps), 4):
            a, b, c, d = taps[t], taps[t + 1], taps[t + 2], taps[t + 3]
            p, q, r, s = padded[t:], padded[t + 1 :], padded[t + 2 :], padded[t + 3 :]
            for y in range(width):  # integers below 2**53
                sums[y] += a * p[y] + b * q[y] + c * r[y] + d * s[y]
        for y in range(width):
            out[y, x] = np.int32(sums[y] * 2.0**-24)


@compiled
def _value_weights(counts: NDArray[np.int32], belief: int) -> NDArray[np.int32]:
    line = np.zeros(len(counts) + 2 * MARGIN, np.int32)
    line[MARGIN:-MARGIN] = counts
    smooth = np.zeros_like(line)
    _smoothed(line, smooth)
    weights = np.full(len(counts), 1 << FRACTION, np.int32)
    for v in range(len(counts)):
        if smooth[v + MARGIN]:
            prior = belief * min(np.int64(smooth[v + MARGIN]), AREA) // 8
            weights[v] = min(((np.int64(counts[v]) * AREA + prior) << FRACTION) // (smooth[v + MARGIN] + prior), LIMIT)
    return weights


def value_weights(counts: Counts, belief: int) -> Weights:
    """(V,) weights of single values after `counts` (V,), in units of 2**-FRACTION."""
    return _value_weights(counts, belief)


@dataclass(frozen=True)
class PairWeights:
    """Weights of pairs (x, y), for values from `low` on; beyond the ends of the arrays they are one.

    Args:
        low: the smallest x and the smallest y of the weights' arrays.
        pair: (X, Y), W in units of 2**-FRACTION.
        blurred: (BLURS, Y, X), V for each location of y, in the same units, as far as `blur` has been asked for it.
        kernels: of the blurs.
    """

    low: tuple[int, int]
    pair: Weights
    blurred: Weights
    kernels: Sequence[Rows]

    def blur(self, wanted: NDArray[np.bool_]) -> None:
        """Make V at those of the BLURS scales that are `wanted`."""
        for index in np.flatnonzero(wanted).tolist():
            _blur(self.pair, self.kernels[index], self.blurred[index])

    @staticmethod
    def from_counts(counts: Counts, low: tuple[int, int], belief: int, kernels: Sequence[Rows]) -> PairWeights | None:
        """The weights after `counts` (X, Y), of values from `low` on; None while there are no counts.

        Args:
            counts: how often each pair was seen.
            low: the values of `counts[0, 0]`.
            belief: in the local average, in eighths of a pair.
            kernels: the kernel of each of the BLURS scales: integers that sum to 2**24, odd in number.
        """
        top, bottom, left, right = _bounds(counts)
        if top == bottom:
            return None
        pair = _pair_weights(counts[top:bottom, left:right], belief)
        blurred = np.zeros((len(kernels), *pair.T.shape), np.int32)
        return PairWeights((low[0] + top - MARGIN, low[1] + left - MARGIN), pair, blurred, kernels)
