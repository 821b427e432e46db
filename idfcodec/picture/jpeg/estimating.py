"""What a plane says of the JPEG that it was: where its blocks begin, and by which steps it was quantised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from idfcodec.picture.jpeg.quality import QUALITIES, table_of, tables_of

__all__ = ["COSINES", "DCT", "block_offset", "blocks_at", "steps_of"]

Reals = NDArray[np.float64]
_AT = np.arange(8)
# cos(k π / 16) / 2; no two libraries need agree about the last bit of a cosine
_HALVES = np.array([0.5, 0.4903926402016152, 0.46193976625564337, 0.4157348061512726, 0.35355339059327373])
_HALVES = np.append(_HALVES, [0.27778511650980114, 0.19134171618254492, 0.09754516100806412])
_TURN = (2 * _AT + 1) * _AT[:, None] % 32
_TURN = np.minimum(_TURN, 32 - _TURN)
COSINES: Reals = np.where(_TURN > 8, -1, 1) * np.append(_HALVES, 0.0)[np.minimum(_TURN, 16 - _TURN)]
COSINES[0] = _HALVES[4]
"""(8, 8) the orthonormal transform."""
DCT: Reals = np.rint(COSINES * 2**19) / 2**19
"""The same in 19 bits: coefficients of whole samples are exact sums, the same everywhere."""
_EIGHT = np.full(8, True).view(np.uint64)
_NOISE = 0.3  # deviation of a coefficient of rounded samples
_SURE = 1.3  # a coefficient above this was not 0
_MOST = 400  # blocks looked at
_PART = 256  # rows and columns on which grids are compared
_COMPARED = 150  # blocks of each grid
_NOTHING = 0.9  # a coefficient below this may have been 0
_STEPS = 128
_FAR = 1.5  # from the next multiple: further makes no difference
_TOGETHER = 1024  # coefficients looked at at once
_GAIN = 0.2  # of the logarithm of the likelihood, a coefficient
_FIT = 0.95  # of the coefficients lie about multiples


def blocks_at(plane: NDArray[Any], known: NDArray[np.bool_], top: int, left: int, most: int) -> Reals:
    """(N, 64) coefficients of up to `most` blocks that are known throughout, of the grid that begins there."""
    rows, columns = (plane.shape[0] - top) // 8, (plane.shape[1] - left) // 8
    if rows < 1 or columns < 1:
        return np.empty((0, 64))
    inside = slice(top, top + 8 * rows), slice(left, left + 8 * columns)
    lines = known[inside].reshape(rows, 8, 8 * columns).all(1)
    at = np.flatnonzero(lines.view(np.uint64) == _EIGHT)
    row, column = np.divmod(at[:: max(1, -(-len(at) // most))], columns)
    parts = plane[inside].reshape(rows, 8, columns, 8)[row, :, column].astype(np.float64) - 128.0
    return np.asarray(DCT @ parts @ DCT.T, np.float64).reshape(-1, 64)


def block_offset(plane: NDArray[np.int32], known: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Rows and columns before the first whole block, 0 to 7 each: where most coefficients are next to nothing.

    None where no grid stands out, or the plane is too small.
    """
    scores = np.zeros((8, 8))
    down, across = (max(0, (side - _PART) // 16 * 8) for side in plane.shape)
    plane = plane[down : down + _PART, across : across + _PART]
    known = known[down : down + _PART, across : across + _PART]
    if (plane.shape[0] // 8) * (plane.shape[1] // 8) <= _COMPARED:  # all at once takes a fifth of the time
        found = _every_block(plane, known)
        if found is None:
            return None
        scores = found
    else:
        for top in range(8):
            for left in range(8):
                blocks = blocks_at(plane, known, top, left, _COMPARED)
                if len(blocks) < 2:
                    return None
                scores[top, left] = (np.abs(blocks[:, 1:]) < _NOTHING).mean()
    best = np.unravel_index(int(np.argmax(scores)), scores.shape)
    others = np.delete(scores.ravel(), int(np.argmax(scores)))
    if scores[best] < others.max() + 0.004:
        return None
    return int(best[0]), int(best[1])


def _every_block(plane: NDArray[np.int32], known: NDArray[np.bool_]) -> Reals | None:
    """(8, 8) of each grid the share of coefficients that are next to nothing; None where one has less than two blocks.

    The plane has few blocks.
    """
    if min(plane.shape) < 8:
        return None
    across = sliding_window_view(plane.astype(np.float64) - 128.0, 8, axis=1) @ DCT.T
    blocks = np.abs(np.asarray(sliding_window_view(across, 8, axis=0) @ DCT.T))
    beside = np.asarray(sliding_window_view(known, 8, axis=1).all(2))
    whole = np.asarray(sliding_window_view(beside, 8, axis=0).all(2))
    found = ((blocks.reshape(*whole.shape, 64) < _NOTHING)[..., 1:]).sum(2) * whole
    counts, sums = np.zeros((2, 8, 8), np.int64)
    for top in range(8):
        for left in range(8):
            counts[top, left] = np.count_nonzero(whole[top::8, left::8])
            sums[top, left] = found[top::8, left::8].sum()
    return None if counts.min() < 2 else sums / (63 * counts)


def steps_of(coefficients: Reals, plane: int) -> NDArray[np.int64] | None:
    """The table by which (N, 64) coefficients were quantised, most likely; None if they were not.

    A coefficient that is not 0 lies about a multiple of its step: with the step s and the distance d, the likelihood
    is as s · exp(−d² / 2σ²). The IJG's tables come first; a step of a table of its own is the most likely one. In
    blocks that are all but flat the samples are rounded alike, which moves coefficients further: they do not count.
    """
    active = (np.abs(coefficients[:, 1:]) > _SURE).sum(1)
    for least in (8, 4, 2, 1):
        if (active >= least).sum() >= 24:
            coefficients = coefficients[active >= least]
            break
    coefficients = coefficients[:: max(1, -(-len(coefficients) // _MOST))]
    values = np.abs(coefficients)
    sure = values > _SURE
    counts = sure.sum(0)
    total = int(counts.sum())
    if total < 16:
        return None
    scores = np.zeros((64, _STEPS + 1))
    steps = np.arange(1, _STEPS + 1)
    places = np.argsort((values * sure).max(axis=0), kind="stable")[np.count_nonzero(counts == 0) :]
    for part in np.split(places, np.flatnonzero(np.diff(np.cumsum(counts[places]) // _TOGETHER)) + 1):
        chosen = values.T[part][sure.T[part]]
        starts = np.cumsum(counts[part]) - counts[part]
        near = min(int(chosen.max()) + 2, _STEPS)  # all coefficients are as far as counts from larger steps
        away = np.repeat(_FAR**2 * counts[part, None], _STEPS, axis=1)
        distance = np.minimum(_distance(chosen, steps[:near, None]), _FAR)
        away[:, :near] = np.add.reduceat(distance**2, starts, axis=1).T
        scores[part, 1:] = counts[part, None] * np.log(steps) - away / (2 * _NOISE**2)
    at = np.arange(64)
    tables = np.minimum(tables_of(plane > 0), _STEPS)
    sums = scores[at, tables].sum(1)
    best = int(np.argmax(sums))
    if _fits(values, sure, tables[best]) >= _FIT * total:
        gain, table = sums[best] - scores[:, 1].sum(), table_of(QUALITIES[best], plane)
    else:
        own = scores[:, 1:].argmax(1) + 1
        gain, table = scores[at, own].sum() - scores[:, 1].sum(), np.where(counts > 0, own, own.max())
        if _fits(values, sure, own) < _FIT * total:
            return None
    return np.asarray(table, np.int64) if gain >= _GAIN * total else None


def _distance(values: Reals, steps: NDArray[np.int64]) -> Reals:
    """Of magnitudes to the next multiple of their steps, but 0."""
    return np.asarray(np.abs(values - steps * np.maximum(np.rint(values / steps), 1)), np.float64)


def _fits(values: Reals, sure: NDArray[np.bool_], table: NDArray[np.int64]) -> int:
    """How many of the coefficients that were not 0 lie about a multiple of their step."""
    return int((sure & (_distance(values, table) < 1)).sum())
