"""The weights of the colour lattice against a slow reference, and where they pay."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from idfcodec.flow import coding
from idfcodec.flow.coding import encode_tile
from idfcodec.flow.density import to_planes
from idfcodec.flow.hierarchy import Values
from idfcodec.flow.lattice import BLOCK, BLURS, FRACTION, LIMIT, MARGIN, PRIOR, Lattice, blur_classes, blur_matrix
from idfcodec.flow.prior import SCALES
from idfcodec.flow.runtime import Flow
from tests.pictures import Pixels, generate

Counts = dict[tuple[int, int], int]
ONE = 1 << FRACTION


def planes_of(pixels: Pixels) -> Values:
    return to_planes(torch.from_numpy(pixels).permute(2, 0, 1))


def random_counts(rng: np.random.Generator, pairs: int, spread: int, most: int) -> Counts:
    """Counts of some pairs of differences (r, b) within `spread` of a random centre."""
    centre = rng.integers(-255 + spread, 256 - spread, 2)
    cells = rng.integers(-spread, spread + 1, (pairs, 2)) + centre
    return {(int(r), int(b)): int(n) for (r, b), n in zip(cells, rng.integers(1, most + 1, pairs), strict=True)}


def as_array(counts: Counts) -> NDArray[np.int64]:
    array = np.zeros((511, 511), np.int64)
    for (r, b), count in counts.items():
        array[r + 255, b + 255] = count
    return array


def kernels(rng: np.random.Generator, taps: int = 9) -> NDArray[np.float64]:
    """Random ones that sum to 2**24; not symmetric, so that a reversed one is noticed."""
    out = rng.integers(0, 2**24 // taps, (BLURS, taps)).astype(np.float64)
    out[:, taps // 2] += 2**24 - out.sum(1)
    return out


def lattice_of(counts: Counts, taps: NDArray[np.float64]) -> Lattice:
    return Lattice.from_counts(as_array(counts), [blur_matrix(kernel) for kernel in taps])


def pair_weight(counts: Counts, r: int, b: int) -> int:
    """W[r, b] in units of 2**-FRACTION: (H + P) / (S + P), S the average of two passes of 5 x 5, all times 625."""
    near = sum((5 - abs(i)) * (5 - abs(j)) * counts.get((r + i, b + j), 0) for i in range(-4, 5) for j in range(-4, 5))
    if not near:
        return ONE
    belief = PRIOR * min(near, 625) // 8
    return min((625 * counts.get((r, b), 0) + belief) * ONE // (near + belief), LIMIT)


CASES = [(1, 0, 1), (3, 2, 1), (40, 6, 3), (40, 6, 100_000), (6, 12, 500), (5, 40, 9)]


@pytest.mark.parametrize(("pairs", "spread", "most"), CASES)
def test_weights_equal_the_reference(pairs: int, spread: int, most: int, rng: np.random.Generator) -> None:
    counts, taps = random_counts(rng, pairs, spread, most), kernels(rng)
    lattice = lattice_of(counts, taps)
    rows, columns = zip(*counts, strict=True)
    assert lattice.low == (min(rows) - MARGIN, min(columns) - MARGIN)
    height, width = lattice.pair.shape
    assert (height, width) == (max(rows) - min(rows) + 1 + 2 * MARGIN, max(columns) - min(columns) + 1 + 2 * MARGIN)
    want = [[pair_weight(counts, lattice.low[0] + i, lattice.low[1] + j) for j in range(width)] for i in range(height)]
    assert lattice.pair.astype(np.int64).tolist() == want
    assert (lattice.pair[[0, -1]] == ONE).all(), "beyond the edges nothing is known"
    assert (lattice.pair[:, [0, -1]] == ONE).all()
    for blur in range(BLURS):
        kernel = [int(weight) for weight in taps[blur]]
        for i in range(height):
            for j in range(width):
                near = [want[i][min(max(j + t - len(kernel) // 2, 0), width - 1)] for t in range(len(kernel))]
                value = sum(weight * tap for weight, tap in zip(near, kernel, strict=True)) >> 24
                assert int(lattice.single[blur, i, j]) == value


def test_weights_at_the_ends_of_the_range(rng: np.random.Generator) -> None:
    counts = {(-255, 255): 7, (255, -255): 2, (0, 0): 2**24}
    lattice = lattice_of(counts, kernels(rng))
    for r, b in [*counts, (-255, 254), (254, -255), (3, 3), (100, 100)]:
        assert int(lattice.pair[r - lattice.low[0], b - lattice.low[1]]) == pair_weight(counts, r, b)


def test_no_counts_give_ones(rng: np.random.Generator) -> None:
    lattice = lattice_of({}, kernels(rng))
    r = rng.integers(-255, 256, 50).astype(np.int32)
    assert (lattice.row_weights(r, r[::-1], 16) == ONE).all()
    blur = rng.integers(0, BLURS, 50)
    location = rng.integers(-(2**17), 2**17, 50).astype(np.int32)
    assert (lattice.single_weights(blur, r, location, r, 16) == ONE).all()


def test_look_ups(rng: np.random.Generator) -> None:
    """Rows of W at a known r, rows of V along a line in (r, b); beyond the arrays it is their edge."""
    counts, taps = random_counts(rng, 60, 10, 5), kernels(rng)
    lattice = lattice_of(counts, taps)
    height, length = lattice.pair.shape

    def at(array: NDArray[np.float64], r: int, b: int) -> int:
        return int(array[min(max(r - lattice.low[0], 0), height - 1), min(max(b - lattice.low[1], 0), length - 1)])

    number, width = 200, 16
    r = (rng.integers(-20, 21, number) + lattice.low[0] + height // 2).astype(np.int32)
    first = (rng.integers(-40, 21, number) + lattice.low[1] + length // 2).astype(np.int32)
    rows = lattice.row_weights(r, first, width)
    for i in range(number):
        assert rows[i].tolist() == [at(lattice.pair, int(r[i]), int(first[i]) + j) for j in range(width)]

    blur = rng.integers(0, BLURS, number)
    location = (rng.integers(-20 * 512, 20 * 512, number) + (lattice.low[1] + length // 2) * 512).astype(np.int32)
    slope = rng.integers(-64 * 16, 64 * 16 + 1, number).astype(np.int32)
    rows = lattice.single_weights(blur, r - width // 2, location, slope, width)
    for i in range(number):
        line = [(int(location[i]) + int(slope[i]) * j + 256) // 512 for j in range(width)]
        start = int(r[i]) - width // 2
        assert rows[i].tolist() == [at(lattice.single[blur[i]], start + j, b) for j, b in enumerate(line)]


def test_blur_classes_ascend_through_all_blurs() -> None:
    classes = blur_classes()
    assert classes.shape == (SCALES,)
    assert (np.diff(classes) >= 0).all()
    assert set(classes.tolist()) == set(range(BLURS))


def test_blurs_of_the_model(flow: Flow) -> None:
    """Each sums to one and is wider than the one before; products with the weights stay exact in float64."""
    assert len(flow.blurs) == BLURS
    for matrix in flow.blurs:
        assert matrix.shape[1] == BLOCK
        assert (matrix == np.floor(matrix)).all()
        assert (matrix >= 0).all()
        assert (matrix.sum(0) == 2**24).all()
    peaks = [matrix.max() for matrix in flow.blurs]
    assert peaks == sorted(peaks, reverse=True)
    assert LIMIT * 2**24 < 2**53


def sizes(flow: Flow, planes: Values, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int, int]:
    """Flag that the encoder chooses, and sizes without and with the lattice."""
    flag = encode_tile(flow, planes)[0]
    out = []
    for choice in (False, True):
        monkeypatch.setattr(coding, "_pays", lambda steps, values, choice=choice: choice)
        out.append(encode_tile(flow, planes))
    monkeypatch.undo()
    assert [data[0] for data in out] == [coding.PLAIN, coding.WEIGHTED]
    return flag, len(out[0]), len(out[1])


def test_pays_for_a_picture_that_was_ycbcr(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    flag, plain, weighted = sizes(flow, planes_of(generate("lattice", 160, 128)), monkeypatch)
    assert flag == coding.WEIGHTED
    assert weighted < 0.95 * plain


def test_is_off_for_independent_noise(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    flag, plain, weighted = sizes(flow, planes_of(generate("grainy", 160, 128)), monkeypatch)
    assert flag == coding.PLAIN
    assert plain < weighted


@pytest.mark.parametrize("kind", ["photo", "noise", "gray_as_rgb", "constant", "gradient", "extremes"])
def test_the_choice_is_nearly_the_best(flow: Flow, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flag, *both = sizes(flow, planes_of(generate(kind, 96, 80)), monkeypatch)
    assert both[flag] <= 1.01 * min(both) + 16
