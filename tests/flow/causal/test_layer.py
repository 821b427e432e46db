"""A layer of a network is what NumPy says it is, whatever its sizes and values."""

from __future__ import annotations

import numpy as np
import pytest

from idfcodec.compiled import compiled
from idfcodec.flow.causal.kernels.layer import FINER, INPUTS, WIDTH, layer, learn, sixteenths


@compiled
def compute(weights, biases, n, outputs, rescaling, x, y):
    layer(weights, biases, n, outputs, rescaling, x, y)


@compiled
def rounded(x, n, y):
    sixteenths(x, n, y)


@compiled
def learnt(fine, weights, pairs, x, steps):
    learn(fine, weights, pairs, x, steps)


@pytest.mark.parametrize("outputs", range(WIDTH, 12 * WIDTH, WIDTH))
def test_a_layer(outputs: int, rng: np.random.Generator) -> None:
    for n, high, kind in ((INPUTS, 255, np.int16), (5 * INPUTS, 255, np.int16), (8 * INPUTS, 2**24, np.int32)):
        weights = rng.integers(-(2**15) + 1, 2**15, (n, outputs), np.int16)
        biases = rng.integers(-(2**23), 2**23, outputs, np.int32)
        x = rng.integers(-128, 256, n + 3, np.int16)
        low = 0 if kind is np.int16 else -(2**24)
        y = np.zeros(outputs + 1, kind)
        rows = weights.reshape(n // 2, 2, outputs).swapaxes(1, 2).reshape(n // 2, 2 * outputs)
        compute(rows.copy(), biases, n, outputs, np.array([8, low, high], np.int32), x, y)
        wanted = np.clip((x[:n].astype(np.int64) @ weights.astype(np.int64) + biases) >> 8, low, high)
        assert (y[:outputs] == wanted).all()
        assert not y[outputs]


def test_sixteenths(rng: np.random.Generator) -> None:
    x = rng.normal(0, 6, 48).astype(np.float32)
    x[:4] = 1 / 32, -1 / 32, 1e30, -1e30
    y = np.zeros(49, np.int16)
    rounded(x, 33, y)
    assert (y[:48] == np.clip(np.floor(x * 16 + np.float32(0.5)), -128, 127)).all()
    assert not y[48]


@pytest.mark.parametrize("pairs", [1, 4, 15])
def test_learning_adds_products_modulo_two_to_the_32(pairs: int, rng: np.random.Generator) -> None:
    fine = rng.integers(-(2**31), 2**31, (2 * pairs, WIDTH), np.int32)
    weights = np.zeros((pairs + 1, 2 * WIDTH), np.int16)
    x, steps = rng.integers(0, 256, 2 * pairs, np.int16), rng.integers(-(2**15), 2**15, WIDTH, np.int16)
    wanted = fine.astype(np.int64) + np.multiply.outer(x.astype(np.int64), steps.astype(np.int64))
    wanted = (wanted + 2**31) % 2**32 - 2**31
    learnt(fine, weights[:pairs], pairs, x, steps)
    assert (fine == wanted).all()
    assert (weights[:pairs].reshape(pairs, WIDTH, 2).swapaxes(1, 2).reshape(-1, WIDTH) == wanted >> FINER).all()
    assert not weights[pairs].any()
