"""The colour lattice: which pairs (R-G, B-G) a picture uses, learned from the pixels decoded so far.

A picture that was YCbCr once has only some of the pairs of differences: under the conversion of JPEG a quarter. With
H[r, b] the counts of the pairs seen so far and S their local average, the weights

    W[r, b] = (H + P) / (S + P),   P = PRIOR / 8 * min(S, 1)

multiply the network's joint probability of the pair: p(b | r) by W[r, b], and p(r) by V[r] = sum_b p(b | r) W[r, b].
V is W blurred along b by the prior's own table at a few scales, so that both cost a look-up a symbol and column.

All of it is integers: S is a box filter, the weights are quotients rounded down in units of 2**-FRACTION.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from idfcodec.flow.prior import LOCATION_BITS, SCALE_STEPS, SCALES

__all__ = ["BLURS", "FRACTION", "Lattice", "blur_classes", "blur_matrix"]

FRACTION = 12  # fractional bits of the weights
LIMIT = 2**18  # largest weight
PRIOR = 2  # eighths of a pair of belief in the local average
REACH = 4  # the box filters: two passes of 5 x 5, so counts spread by 4
MARGIN = REACH + 1
BLOCK = 64  # results that one matrix product gives of each row
BLURS = 6  # scales at which V is made, an octave apart, from 2**-2 up
Counts = NDArray[np.int64]


def blur_classes() -> NDArray[np.int64]:
    """(SCALES,) the blur that stands for each scale of the prior."""
    return np.clip((np.arange(SCALES) - SCALE_STEPS // 2) // SCALE_STEPS, 0, BLURS - 1)


def _box(counts: Counts) -> Counts:
    """Sums over 5 x 5 around each cell, zeros outside."""
    for _ in range(2):  # along the rows, transposed, and along the rows again
        sums = np.cumsum(np.pad(counts, ((0, 0), (3, 2))), 1)
        counts = (sums[:, 5:] - sums[:, :-5]).T
    return counts


def blur_matrix(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """(BLOCK + K - 1, BLOCK) matrix that correlates rows with the kernel (K,), a block of results at a time."""
    tap = np.arange(BLOCK + len(kernel) - 1)[:, None] - np.arange(BLOCK)
    inside = (tap >= 0) & (tap < len(kernel))
    return np.where(inside, kernel[np.clip(tap, 0, len(kernel) - 1)], 0.0)


def _blur(pair: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of each row, edges repeated, in units of 2**-24: integers below 2**53, exact in any order."""
    rows, length = pair.shape
    blocks = -(-length // BLOCK)
    reach = (len(matrix) - BLOCK) // 2
    padded = np.pad(pair, ((0, 0), (reach, reach + blocks * BLOCK - length)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(matrix), axis=1)[:, ::BLOCK]
    # torch's product keeps to torch's number of threads; NumPy's would start its own.
    product = torch.from_numpy(np.array(windows).reshape(-1, len(matrix))) @ torch.from_numpy(matrix)
    blurred: NDArray[np.float64] = product.numpy().reshape(rows, -1)[:, :length]
    return blurred


@dataclass(frozen=True)
class Lattice:
    """Weights of the pairs, for differences from `low` on; beyond the edges they are those of the edges, one.

    Args:
        low: the smallest r and the smallest b of the weights' arrays.
        pair: (R, B) float64 integers, W in units of 2**-FRACTION.
        single: (BLURS, R, B) float64 integers, V for each location of b, in the same units.
    """

    low: tuple[int, int]
    pair: NDArray[np.float64]
    single: NDArray[np.float64]

    @staticmethod
    def from_counts(counts: Counts, blurs: Sequence[NDArray[np.float64]]) -> Lattice:
        """The weights after `counts`, (511, 511) pairs with both differences counted from -255.

        Args:
            counts: how often each pair was seen.
            blurs: the `blur_matrix` of each of the BLURS scales, of kernels of integers that sum to 2**24.
        """
        rows, columns = np.flatnonzero(counts.any(1)), np.flatnonzero(counts.any(0))
        if not len(rows):
            one = np.full((1, 1), 2.0**FRACTION)
            return Lattice((0, 0), one, np.repeat(one[None], BLURS, 0))
        box = np.pad(counts[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], MARGIN)
        area = 625  # two passes of 25
        smooth = _box(_box(box))
        prior = PRIOR * np.minimum(smooth, area) // 8
        weights = ((box * area + prior) << FRACTION) // np.maximum(smooth + prior, 1)
        weights[smooth == 0] = 1 << FRACTION
        pair = np.minimum(weights, LIMIT).astype(np.float64)
        single = np.floor(np.stack([_blur(pair, matrix) for matrix in blurs]) * 2.0**-24)
        return Lattice((int(rows[0]) - MARGIN - 255, int(columns[0]) - MARGIN - 255), pair, single)

    def row_weights(self, r: NDArray[np.int32], first: NDArray[np.int32], width: int) -> NDArray[np.float64]:
        """W[r, first + j] for j in [0, width): (N, width)."""
        height, length = self.pair.shape
        row = np.clip(r - self.low[0], 0, height - 1) * length
        column: Any = (first - self.low[1])[:, None] + np.arange(width, dtype=np.int32)
        np.clip(column, 0, length - 1, out=column)
        column += row[:, None]
        out: NDArray[np.float64] = np.take(self.pair.ravel(), column)
        return out

    def single_weights(
        self,
        blur: NDArray[np.int64],
        first: NDArray[np.int32],
        location: NDArray[np.int32],
        slope: NDArray[np.int32],
        width: int,
    ) -> NDArray[np.float64]:
        """V[first + j] for j in [0, width), each at its own location of b: (N, width).

        Args:
            blur: (N,) class of b's scale.
            first: (N,) r of the first column.
            location: (N,) where b is expected at r = first, in units of 2**-(LOCATION_BITS + 5).
            slope: (N,) what one step of r adds to it, same units.
            width: columns.
        """
        _, height, length = self.single.shape
        columns = np.arange(width, dtype=np.int32)
        shift = LOCATION_BITS + 5
        at = slope[:, None] * columns
        at += (location + (1 << shift >> 1))[:, None]
        at >>= shift
        at -= self.low[1]
        np.clip(at, 0, length - 1, out=at)
        row = np.clip((first - self.low[0])[:, None] + columns, 0, height - 1)
        row += (blur * height).astype(np.int32)[:, None]
        row *= length
        row += at
        out: NDArray[np.float64] = np.take(self.single.ravel(), row)
        return out
