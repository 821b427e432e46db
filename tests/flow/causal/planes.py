"""Planes to test the causal family with: any number, roles and ranges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from idfcodec.entropy import Decoder, _as_three
from idfcodec.flow.causal.coder import CausalFlow
from idfcodec.flow.causal.config import PLACES, SETS, CausalConfig, Predictor, build_tables
from idfcodec.flow.causal.turning import is_tall, turned
from idfcodec.models import load_model
from idfcodec.types import PlaneType, Role

__all__ = [
    "CONTENTS",
    "GRAY",
    "MODELS",
    "RGB",
    "SMALL",
    "YCC",
    "any_types",
    "arrays_of",
    "decoded_by_constriction",
    "draw",
    "flow",
]

MODELS = ("photo-fast", "photo", "photo-max", "thumbnail")
Ints = NDArray[np.int32]

GRAY = (PlaneType(Role.LUMA),)
RGB = (*GRAY, PlaneType(Role.DIFFERENCE, -255, 255), PlaneType(Role.DIFFERENCE, -255, 255))
YCC = (*GRAY, PlaneType(Role.CHROMA, -156, 99), PlaneType(Role.CHROMA, -137, 118))
ROLES = (
    (Role.LUMA,),
    (Role.INDEPENDENT,),
    (Role.LUMA, Role.ALPHA),
    (Role.INDEPENDENT, Role.INDEPENDENT),
    (Role.LUMA, Role.DIFFERENCE, Role.DIFFERENCE),
    (Role.LUMA, Role.CHROMA, Role.CHROMA),
    (Role.LUMA, Role.DIFFERENCE, Role.DIFFERENCE, Role.ALPHA),
    (Role.ALPHA, Role.LUMA, Role.CHROMA, Role.CHROMA),
    (Role.LUMA, Role.DIFFERENCE, Role.DIFFERENCE, Role.DIFFERENCE),
)
SMALL = CausalConfig(
    (Predictor(4, (0, 0), 2, 0.86, 0.04),), (Predictor(3, (1, 1), 2, 0.86, 0.04),), 4, 1, 2, 1, (8,), 1.0
)
"""The architecture of a small model."""
CONTENTS = ("flat", "noise", "gradient", "extremes", "edges", "spike")


def arrays_of(config: CausalConfig) -> dict[str, np.ndarray]:
    """A model that says nothing: all its weights are 0."""
    arrays: dict[str, np.ndarray] = dict(build_tables())
    for which in SETS:
        for place in range(PLACES):
            n = config.regressors(place)
            count = len(config.predictors(place))
            arrays[f"{which}{place}.prior"] = np.broadcast_to(np.eye(n, n + 1, dtype=np.float32), (count, n, n + 1))
            for k, (inputs, outputs) in enumerate(config.layers(place)):
                arrays[f"{which}{place}.weight{k}"] = np.zeros((inputs, outputs), np.int32)
                arrays[f"{which}{place}.bias{k}"] = np.zeros(outputs, np.int32)
    return arrays


def flow(name: str) -> CausalFlow:
    """A shipped model."""
    coder = load_model(name)
    assert isinstance(coder, CausalFlow)
    return coder


@st.composite
def any_types(draw_from: st.DrawFn) -> tuple[PlaneType, ...]:
    """One to four planes, of 2 to 65,536 values each."""
    found = []
    for role in draw_from(st.sampled_from(ROLES)):
        values = draw_from(st.sampled_from((2, 3, 16, 200, 256, 511, 4096, 65535, 65536)) | st.integers(2, 65536))
        low = draw_from(st.sampled_from((0, -values // 2, 1 - values, 7)))
        found.append(PlaneType(role, low, low + values - 1))
    return tuple(found)


def draw(content: str, types: Sequence[PlaneType], height: int, width: int, seed: int = 0) -> list[Ints]:
    """Planes of one kind of content."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    found = []
    for kind in types:
        span = kind.high - kind.low
        if content == "flat":
            plane = np.full((height, width), rng.integers(0, span + 1))
        elif content == "noise":
            plane = rng.integers(0, span + 1, (height, width))
        elif content == "gradient":
            plane = (x * span // max(width - 1, 1) + y * span // max(height - 1, 1)) // 2
        elif content == "extremes":
            plane = (x + y) % 2 * span
        elif content == "edges":
            plane = (x // 5 + y // 7) % 2 * span // 2 + rng.integers(0, span // 8 + 1, (height, width))
        else:
            plane = np.zeros((height, width), np.int64)
            plane[height // 2, width // 2] = span
        found.append((plane + kind.low).astype(np.int32))
    return found


def decoded_by_constriction(coder: CausalFlow, planes: Sequence[Ints], types: Sequence[PlaneType]) -> None:
    """Compare what constriction reads of the payload, interval by interval, with what the encoder pushed."""
    tall = is_tall([plane.shape for plane in planes])
    starts, lengths = coder._intervals(turned(planes) if tall else planes, types)
    assert (lengths > 0).all()
    assert (starts >= 0).all()
    assert (starts + lengths <= 2**24).all()
    weights, symbols = np.empty((len(starts), 3)), np.empty(len(starts), np.int32)
    _as_three(starts, lengths, weights, symbols)
    (payload,) = coder.encode([planes], types)
    decoder = Decoder(payload[1:])
    assert np.array_equal(decoder.pop(weights), symbols)
    decoder.finish()
