"""Models that nobody trained: whatever passes the checks when it is loaded codes without loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.flow.causal.coder import CausalFlow
from idfcodec.flow.causal.config import CausalConfig, Predictor
from idfcodec.flow.causal.exact import LIMIT
from idfcodec.types import PlaneType
from tests.flow.causal.planes import CONTENTS, GRAY, RGB, SMALL, any_types, arrays_of, decoded_by_constriction, draw


@st.composite
def predictors(draw_from: st.DrawFn, count: int) -> tuple[Predictor, ...]:
    one = st.builds(
        Predictor,
        own=st.integers(1, 30),
        cross=st.tuples(st.integers(0, 13), st.integers(0, 13)),
        every=st.sampled_from([2, 4]),
        forget=st.floats(0.01, 0.99),
        ridge=st.floats(0.001, 0.99),
    )
    return tuple(draw_from(st.lists(one, min_size=count, max_size=count)))


@st.composite
def models(draw_from: st.DrawFn) -> CausalFlow:
    count = draw_from(st.integers(1, 4))
    config = CausalConfig(
        draw_from(predictors(count)),
        draw_from(predictors(count)),
        draw_from(st.integers(1, 30)),
        draw_from(st.integers(0, 12)),
        draw_from(st.integers(1, 10)),
        draw_from(st.integers(1, 13)),
        tuple(draw_from(st.lists(st.sampled_from([4, 8, 20, 32]), min_size=1, max_size=4))),
        draw_from(st.floats(0, 1000)),
        draw_from(st.sampled_from([(0, 0, 0), (1, 105, 315), (8191, 8191, 8191)])),
    )
    rng = np.random.default_rng(draw_from(st.integers(0, 999)))
    arrays = arrays_of(config)
    most = draw_from(st.sampled_from([40, 1000, (LIMIT - 2**20) // (255 * 200)]))  # at most 32 or 183 inputs
    for name, array in arrays.items():
        if "weight" in name or "bias" in name:
            arrays[name] = rng.integers(-most, most + 1, array.shape, np.int32)
    return CausalFlow(bytes(8), "drawn", config, arrays)


@settings(deadline=None, max_examples=30)
@given(
    coder=models(),
    types=any_types(),
    content=st.sampled_from(CONTENTS),
    height=st.integers(1, 16),
    width=st.integers(1, 30),
    words=st.binary(max_size=80),
)
def test_any_model_is_lossless(
    coder: CausalFlow, types: Sequence[PlaneType], content: str, height: int, width: int, words: bytes
) -> None:
    planes = draw(content, types, height, width)
    shapes = [(height, width)] * len(types)
    (found,) = coder.decode(coder.encode([planes], types), shapes, types)
    assert all(np.array_equal(a, b) for a, b in zip(found, planes, strict=True))
    decoded_by_constriction(coder, planes, types)
    for plane, kind in zip(coder.sample(1, shapes, types, seed=len(words))[0], types, strict=True):
        assert kind.low <= plane.min() <= plane.max() <= kind.high


def test_a_predictor_knows_nothing_of_the_others() -> None:
    """Of a network that says the same of everything, only the first predictor counts, whatever comes behind it."""
    fine, coarse = Predictor(6, (3, 3), 2, 0.9, 0.04), Predictor(9, (5, 2), 4, 0.8, 0.04)
    for first, second in ((fine, coarse), (coarse, fine)):
        payloads = set()
        for chosen in ((first,), (first, second), (first, second, second, first)):
            config = CausalConfig(chosen, chosen, SMALL.values, 1, 2, 1, (8,), 0.0)
            coder = CausalFlow(bytes(8), "nothing", config, arrays_of(config))
            for types in (GRAY, RGB):
                payloads.update(coder.encode([draw("edges", types, 30, 37)], types))
        assert len(payloads) == 2
