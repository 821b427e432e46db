"""The compiled steps of a JPEG's recovery against what they stand for, written plainly."""

from __future__ import annotations

import numpy as np
import pytest

from idfcodec.compiled import compiled
from idfcodec.picture.conversion import undo
from idfcodec.picture.conversion.table import JFIF
from idfcodec.picture.jpeg import moving
from idfcodec.picture.jpeg.bounding import FREE, bound_pixels
from idfcodec.picture.jpeg.counting import count_outside, count_wrong
from idfcodec.picture.jpeg.estimating import COSINES, DCT
from idfcodec.picture.jpeg.moving import WIDTH, added, joined, moved
from idfcodec.picture.jpeg.settling import EXACT, UNKNOWN, decide, factor
from idfcodec.picture.jpeg.solving import chain_of
from tests.picture.jpegs import decoded, jpeg

BASIS = np.einsum("ki,lj->klij", COSINES, COSINES).reshape(64, 64)


@compiled
def move(above, step, half, here):
    return moved(above, step, half, here)


@compiled
def add(row, other, share, start):
    added(row, other, share, start)


@compiled
def join(row, other, share, total, part, start):
    joined(row, other, share, total, part, start)


@compiled
def settle(x, found, variance, prior, table, basis, other, doubt, room, out):
    chain = chain_of()
    n = factor(x, found, variance, prior, table, basis, chain)
    decide(n, table, chain, other, doubt, room, out)
    return n, chain.mean, chain.places, chain.diagonal


def test_vectors_are_what_they_stand_for(rng: np.random.Generator) -> None:
    above, step, half = (rng.normal(0, size, 64).astype(np.float32) for size in (2, 1, 0.5))
    here, wanted = np.empty(64, np.float32), np.empty(64, np.float32)
    assert move(above, step, half, here) == moving._moved(above, step, half, wanted)
    assert np.array_equal(here, wanted)
    for start in (0, WIDTH, 48):
        row, other, total = rng.normal(size=(3, 64))
        rows = row.copy(), total.copy()
        add(row, other, 0.3, start)
        moving._added(rows[0], other, 0.3, start)
        assert np.array_equal(row, rows[0])
        join(row, other, -0.7, total, 1.1, start)
        moving._joined(rows[0], other, -0.7, rows[1], 1.1, start)
        assert np.array_equal(row, rows[0])
        assert np.array_equal(total, rows[1])


def test_cosines() -> None:
    at = np.arange(8)
    wanted = np.sqrt(np.where(at == 0, 1, 2) / 8)[:, None] * np.cos((2 * at + 1) * at[:, None] * np.pi / 16)
    assert np.allclose(COSINES, wanted, rtol=0, atol=1e-15)
    assert np.array_equal(DCT, np.rint(wanted * 2**19) / 2**19)


@pytest.mark.parametrize("unknown", [0, 3, 24, 40, 60, 64])
def test_the_lattice_decoder_knows_what_a_matrix_says(unknown: int, rng: np.random.Generator) -> None:
    """Means, the order and the variances of decisions are those of a normal distribution, conditioned step by step."""
    row, column = np.divmod(np.arange(64), 8)
    prior = 2000.0 / (1.0 + row + column) ** 3
    prior[0] = 4e4
    table = rng.integers(2, 9, 64)
    x, variance = rng.normal(0, 30, 64), np.full(64, EXACT)
    variance[rng.choice(64, 6, replace=False)] = 12.0
    variance[64 - unknown :], x[64 - unknown :] = 2 * UNKNOWN, 0.0
    out, doubt = np.empty(64, np.int64), np.empty(64)
    n, mean, places, diagonal = settle(
        x, BASIS @ x, variance, prior, table, BASIS, np.zeros(64, np.int64), doubt, np.empty(64), out
    )
    there = [k for k in range(64) if k == 0 or prior[k] > 0.02 * table[k] ** 2]
    assert n == len(there)
    seen = variance < UNKNOWN
    shares = BASIS[there][:, seen]
    spread = np.linalg.inv(np.diag(1 / prior[there]) + shares / variance[seen] @ shares.T)
    expected = spread @ (shares @ (x[seen] / variance[seen]))
    assert np.allclose(mean[:n], expected, rtol=1e-6, atol=1e-6)
    left, steps = list(range(n)), table[there]
    values = np.zeros(64, np.int64)
    for place, width in zip(places[:n], diagonal[:n], strict=True):
        best = min(left, key=lambda i: spread[i, i] / steps[i] ** 2)
        own = spread[best, best]
        if there[best] != place:  # only where both are as sure
            other = there.index(place)
            assert spread[other, other] / steps[other] ** 2 == pytest.approx(own / steps[best] ** 2, rel=1e-6)
            best, own = other, spread[other, other]
        assert width == pytest.approx(own, rel=1e-5)
        left.remove(best)
        values[place] = np.floor(expected[best] / steps[best] + 0.5)
        expected = expected + spread[best] / own * (values[place] * steps[best] - expected[best])
        spread = spread - np.outer(spread[best], spread[best]) / own
    assert np.array_equal(out, values)


def test_bounds_of_clipped_pixels_hold_all_that_makes_them(rng: np.random.Generator) -> None:
    made = rng.integers(0, 256, (3, 60, 50)) - np.array([0, 128, 128])[:, None, None]
    made[0, :20], made[0, 20:40] = rng.integers(215, 256, (20, 50)), rng.integers(0, 40, (20, 50))
    y, c1, c2 = made
    rgb = np.stack(
        [
            y + ((91881 * c2 + 32768) >> 16),
            y + ((-22554 * c1 - 46802 * c2 + 32768) >> 16),
            y + ((116130 * c1 + 32768) >> 16),
        ],
        axis=2,
    )
    rgb = np.clip(rgb, 0, 255).astype(np.uint8)
    low, high = np.empty((2, 3, 60, 50), np.int16)
    bound_pixels(rgb, np.zeros((60, 50), np.bool_), low, high)
    planes = made + np.array([0, 128, 128])[:, None, None]
    assert (low > -FREE).all()
    assert (low <= planes).all()
    assert (planes <= high).all()


def test_counts(rng: np.random.Generator) -> None:
    rgb = decoded(jpeg(40, 50, 80, "4:4:4")).copy()
    planes, exceptions = undo(rgb, JFIF)
    top, left = 3, 6
    whole = [np.zeros((48, 64), np.int32) for _ in planes]
    for canvas, plane in zip(whole, planes, strict=True):
        canvas[top : top + 40, left : left + 50] = plane
    wrong = np.zeros((48, 64), np.bool_)
    wrong[top : top + 40, left : left + 50].flat[exceptions.positions] = True
    rgb[5, 7] ^= 1
    wrong[top + 5, left + 7] = True
    counts = np.full((6, 8), -1)
    luma, blue, red = whole
    count_wrong(rgb, luma, blue, red, top, left, counts)
    assert np.array_equal(counts, wrong.reshape(6, 8, 8, 8).sum((1, 3)))
    low = rng.integers(0, 200, (48, 64)).astype(np.int16)
    high = low + 60
    off = (whole[0] < low) | (whole[0] > high)
    off[:top], off[top + 40 :], off[:, :left], off[:, left + 50 :] = False, False, False, False
    counts = np.full((3, 4), -1)
    count_outside(whole[0], low, high, top, left, top + 40, left + 50, 16, 16, counts)
    assert np.array_equal(counts, off.reshape(3, 16, 4, 16).sum((1, 3)))
