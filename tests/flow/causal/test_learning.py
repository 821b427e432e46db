"""What the last layer learns: the slope of a symbol's code length, and smaller files of what is unlike the training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from idfcodec.compiled import compiled
from idfcodec.errors import ModelError
from idfcodec.flow.causal.coder import CausalFlow
from idfcodec.flow.causal.config import CausalConfig, build_tables
from idfcodec.flow.causal.kernels.learning import slopes
from idfcodec.flow.causal.kernels.symbols import mixture_of
from tests.flow.causal.planes import GRAY, RGB, SMALL, arrays_of

RATES = (100, 100, 300)
TABLES = build_tables()


@compiled
def steps_of(outputs, symbol, last, origin, sigma, log_sigma, inverse_scale, exponential, logistic, rates, y, steps):
    mixture = np.zeros(9, np.int64)
    bits = mixture_of(outputs, origin, sigma, log_sigma, inverse_scale, exponential, mixture)
    slopes(symbol >> bits, last >> bits, mixture, logistic, sigma, bits, rates, y, steps)


def nats(outputs: np.ndarray, value: int, last: int, origin: float, sigma: float) -> float:
    """-log of the probability of a value in [0, last], in real numbers."""
    location = origin + 0.5 + outputs[:3] / 32 * sigma
    scale = sigma * 2.0 ** (outputs[3:6] / 32)
    share = np.exp(outputs[6:] / 32) / np.exp(outputs[6:] / 32).sum()
    edges = [(1 + np.tanh((edge - location) / scale / 2)) / 2 for edge in (value, value + 1)]
    low, high = edges[0] if value > 0 else 0.0, edges[1] if value < last else 1.0
    return -float(np.log((share * (high - low)).sum()))


@pytest.mark.parametrize("value", [0, 4, 6, 8, 11])  # of [0, 11]: the first and the last are whole tails
@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_slopes_are_those_of_the_code_length(value: int, sigma: float) -> None:
    outputs, origin, last = np.array([-6, 4, 20, -64, 0, 64, 30, 0, -10], np.int32), 5.25, 11
    rates = np.full(9, 8000, np.float32)
    y, steps = np.zeros(16, np.float32), np.zeros(16, np.int16)
    inverse_scale, exponential, logistic = (TABLES[name] for name in ("inverse_scale", "exponential", "logistic"))
    log_sigma, scale = int(16 * np.log2(sigma)), np.float32(sigma)
    steps_of(
        outputs,
        value,
        last,
        np.float32(origin),
        scale,
        log_sigma,
        inverse_scale,
        exponential,
        logistic,
        rates,
        y,
        steps,
    )
    for k in range(9):
        moved = [outputs.astype(float) for _ in range(2)]
        moved[0][k], moved[1][k] = outputs[k] - 0.01, outputs[k] + 0.01
        below, beyond = (nats(o, value, last, origin, sigma) for o in moved)
        slope = 32 * (below - beyond) / 0.02
        assert steps[k] / 8000 == pytest.approx(np.clip(slope, -4, 4), abs=0.03, rel=0.02), k


@pytest.mark.parametrize("types", [GRAY, RGB])
def test_a_layer_that_learns_mends_what_is_wrong(types: Any, rng: np.random.Generator) -> None:
    """A network that says nothing but that all scales are eight times what they are; its hidden units are always on."""
    arrays = arrays_of(SMALL)
    for name, array in arrays.items():
        if name.endswith("bias0"):
            array[:] = 255 * 256
        if name.endswith("bias1"):
            array[3:6] = 3 * 2**12
    planes = [rng.integers(60, 190, (48, 56)).astype(np.int32) for _ in types]
    sizes = []
    for learning in ((0, 0, 0), RATES):
        coder = CausalFlow(bytes(8), "drawn", replace(SMALL, learning=learning), arrays)
        (data,) = coder.encode([planes], types)
        (found,) = coder.decode([data], [(48, 56)] * len(types), types)
        assert all((a == b).all() for a, b in zip(found, planes, strict=True))
        sizes.append(len(data))
    assert sizes[1] < 0.85 * sizes[0]


def test_tiles_do_not_learn_from_each_other(rng: np.random.Generator) -> None:
    coder = CausalFlow(bytes(8), "drawn", replace(SMALL, learning=RATES), arrays_of(SMALL))
    planes = [rng.integers(0, 256, (9, 11)).astype(np.int32)]
    assert len(set(coder.encode([planes] * 3, GRAY))) == 1


@pytest.mark.parametrize("learning", [(0, 1, 1), (1, 1, 2**13), (-1, -1, -1), (1, 1)])
def test_rates_that_are_none(learning: Any) -> None:
    with pytest.raises(ModelError, match="architecture"):
        replace(SMALL, learning=learning)


def test_wide_layers_do_not_learn() -> None:
    with pytest.raises(ModelError, match="architecture"):
        replace(SMALL, widths=(244,), learning=RATES)
    assert isinstance(replace(SMALL, widths=(240,), learning=RATES), CausalConfig)
