"""The weights of values and of pairs of values against a slow reference."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from idfcodec.flow.exact.tables import SCALES
from idfcodec.flow.hierarchical.lattice import BLURS, FRACTION, LIMIT, MARGIN, PairWeights, blur_classes, value_weights
from idfcodec.flow.hierarchical.prepared import Prepared

Kernels = list[NDArray[np.float64]]
ONE = 1 << FRACTION
BELIEF = 2


def random_counts(rng: np.random.Generator, pairs: int, size: tuple[int, int], most: int) -> NDArray[np.int32]:
    """Counts of some random pairs."""
    counts = np.zeros(size, np.int32)
    counts[rng.integers(0, size[0], pairs), rng.integers(0, size[1], pairs)] = rng.integers(1, most + 1, pairs)
    return counts


def kernels(rng: np.random.Generator) -> Kernels:
    """Random ones, each of another length, that sum to 2**24; not symmetric, so that a reversed one is noticed."""
    out = []
    for taps in range(3, 3 + 2 * BLURS, 2):
        out.append(rng.integers(0, 2**24 // taps, taps).astype(np.float64))
        out[-1][taps // 2] += 2**24 - out[-1].sum()
    return out


def boxed_twice(array: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
    """Sums over 5 neighbours, twice, along an axis; zeros beyond the ends."""
    for _ in range(2):
        padded = np.pad(array, [(2, 2) if i == axis else (0, 0) for i in range(array.ndim)])
        length = array.shape[axis]
        array = sum(np.take(padded, range(d, d + length), axis) for d in range(5))  # type: ignore[assignment]
    return array


def weights(counts: NDArray[np.int64], belief: int) -> NDArray[np.int64]:
    """W = (H + P) / (S + P) in units of 2**-FRACTION, S the average of the box filters along each axis; exact."""
    area = 25**counts.ndim
    near = counts
    for axis in range(counts.ndim):
        near = boxed_twice(near, axis)
    prior = belief * np.minimum(near, area) // 8
    out = (area * counts + prior) * ONE // np.maximum(near + prior, 1)
    result: NDArray[np.int64] = np.where(near > 0, np.minimum(out, LIMIT), ONE)
    return result


def blurred(pair: NDArray[np.int64], kernel: NDArray[np.float64]) -> NDArray[np.int64]:
    """Each row's correlation with a kernel, edges repeated, rounded down: (Y, X)."""
    reach, width = len(kernel) // 2, pair.shape[1]
    padded = np.pad(pair, ((0, 0), (reach, reach)), mode="edge")
    total: NDArray[np.int64] = sum(int(tap) * padded[:, t : t + width] for t, tap in enumerate(kernel))  # type: ignore[assignment]
    return (total >> 24).T


def check(counts: NDArray[np.int32], low: tuple[int, int], belief: int, taps: Kernels) -> PairWeights:
    made = PairWeights.from_counts(counts, low, belief, taps)
    assert made is not None
    assert not made.blurred.any(), "none is made before it is wanted"
    some = np.arange(BLURS) % 2 == 0
    made.blur(some)
    assert (made.blurred.any((1, 2)) == some).all()
    made.blur(~some)
    rows, columns = np.flatnonzero(counts.any(1)), np.flatnonzero(counts.any(0))
    assert made.low == (low[0] + rows[0] - MARGIN, low[1] + columns[0] - MARGIN)
    seen = counts[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.int64)
    want = weights(np.pad(seen, MARGIN), belief)
    assert made.pair.dtype == made.blurred.dtype == np.int32
    assert np.array_equal(made.pair, want)
    assert (want[[0, -1]] == ONE).all(), "beyond the edges nothing is known"
    assert (want[:, [0, -1]] == ONE).all()
    assert made.blurred.shape == (BLURS, want.shape[1], want.shape[0])
    for v, kernel in zip(made.blurred, taps, strict=True):
        assert np.array_equal(v, blurred(want, kernel))
    return made


@pytest.mark.parametrize("belief", [1, 2, 64])
@pytest.mark.parametrize(
    ("pairs", "size", "most"),
    [(1, (1, 1), 1), (3, (5, 5), 1), (40, (13, 13), 3), (40, (13, 30), 100_000), (6, (25, 25), 500), (5, (80, 7), 9)],
)
def test_pair_weights_equal_the_reference(
    pairs: int, size: tuple[int, int], most: int, belief: int, rng: np.random.Generator
) -> None:
    check(random_counts(rng, pairs, size, most), (-7, 20), belief, kernels(rng))


@pytest.mark.parametrize("size", [(511, 511), (256, 511)])
def test_pairs_at_the_ends_of_the_range(size: tuple[int, int], rng: np.random.Generator) -> None:
    """With the largest counts that a tile has, and gaps too wide for one average."""
    counts = np.zeros(size, np.int32)
    counts[0, -1], counts[-1, 0], counts[-1, -1], counts[size[0] // 2, 255] = 7, 2, 1, 2**18
    low = (255 - size[0] + 1, -255)
    made = check(counts, low, BELIEF, kernels(rng))
    assert made.low == (low[0] - MARGIN, low[1] - MARGIN)
    assert made.pair.shape == (size[0] + 2 * MARGIN, size[1] + 2 * MARGIN)
    assert made.pair.max() <= LIMIT


def test_a_lone_pair_takes_all_that_its_neighbours_lose() -> None:
    """A pair seen often: its weight nears 625 / 25, those beside it a little above nothing, those afar stay one."""
    counts = np.zeros((100, 100), np.int32)
    counts[50, 50] = 1000
    made = PairWeights.from_counts(counts, (0, 0), BELIEF, [np.array([2.0**24])] * BLURS)
    assert made is not None
    made.blur(np.arange(BLURS) == 0)
    assert made.low == (50 - MARGIN, 50 - MARGIN)
    at = made.pair[MARGIN]
    assert at[MARGIN] == (1000 * 625 + 156) * ONE // (1000 * 25 + 156)
    assert 0 < at[MARGIN + 1] < ONE // 50
    assert at[0] == at[-1] == ONE
    assert np.array_equal(made.blurred[0], made.pair.T)


def test_no_counts_give_no_weights(rng: np.random.Generator) -> None:
    assert PairWeights.from_counts(np.zeros((256, 511), np.int32), (0, -255), BELIEF, kernels(rng)) is None


@pytest.mark.parametrize("belief", [1, 64])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 1.0])
def test_value_weights_equal_the_reference(share: float, belief: int, rng: np.random.Generator) -> None:
    counts = (rng.integers(0, 2**18, 256) * (rng.random(256) < share)).astype(np.int32)
    made = value_weights(counts, belief)
    assert made.shape == (256,)
    assert made.dtype == np.int32
    assert np.array_equal(made, weights(np.pad(counts.astype(np.int64), 9), belief)[9:-9])


def test_value_weights_at_the_ends() -> None:
    for value in (0, 255):
        counts = np.zeros(256, np.int32)
        counts[value] = 2**18
        made = value_weights(counts, 64)
        assert np.array_equal(made, weights(np.pad(counts.astype(np.int64), 9), 64)[9:-9])
        assert made.argmax() == value
        assert (made[10:-10] == ONE).all()
    assert (value_weights(np.zeros(256, np.int32), 64) == ONE).all()


def test_a_histogram_with_gaps_weights_what_is_there() -> None:
    counts = np.zeros(256, np.int32)
    counts[::2] = 1000
    made = value_weights(counts, 64)
    assert (made[::2] > 1.8 * ONE).all()
    assert (made[1::2] < 0.05 * ONE).all()


def test_blur_classes_ascend_through_all_blurs() -> None:
    classes = blur_classes()
    assert classes.shape == (SCALES,)
    assert (np.diff(classes) >= 0).all()
    assert set(classes.tolist()) == set(range(BLURS))


def test_blurs_of_the_model(flow: Prepared) -> None:
    """Each sums to one and is wider than the one before; products with the weights stay exact in float64."""
    assert len(flow.blurs) == BLURS
    for kernel in flow.blurs:
        assert len(kernel) % 2 == 1
        assert (kernel == np.floor(kernel)).all()
        assert (kernel >= 0).all()
        assert kernel.sum() == 2**24
        # But for what the middle has of the escapes, and of rounding.
        assert np.abs(kernel - kernel[::-1]).max() < len(kernel)
    peaks = [kernel.max() for kernel in flow.blurs]
    assert peaks == sorted(peaks, reverse=True)
    assert LIMIT * 2**24 < 2**53
    assert np.array_equal(flow.blur_of, blur_classes())
