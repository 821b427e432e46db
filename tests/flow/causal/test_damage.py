"""Payloads that nobody encoded: refused or other planes, in bounded time, and never anything else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.errors import CorruptFile
from idfcodec.types import PlaneType, Role
from tests.flow.causal.planes import CONTENTS, GRAY, MODELS, RGB, any_types, draw, flow

DEEP = (PlaneType(Role.LUMA, 0, 65535), PlaneType(Role.DIFFERENCE, -32768, 32767))


def decode(name: str, payload: bytes, shape: tuple[int, int], types: Sequence[PlaneType]) -> list[np.ndarray] | None:
    """Planes, all in range, or None for a refusal."""
    try:
        (planes,) = flow(name).decode([payload], [shape] * len(types), types)
    except CorruptFile:
        return None
    for plane, kind in zip(planes, types, strict=True):
        assert plane.shape == shape
        assert kind.low <= plane.min() <= plane.max() <= kind.high
    return list(planes)


@pytest.mark.parametrize("types", [GRAY, RGB, DEEP], ids=["gray", "rgb", "deep"])
def test_cut_anywhere(types: Sequence[PlaneType]) -> None:
    picture = draw("edges", types, 9, 11)
    (payload,) = flow("photo-fast").encode([picture], types)
    for length in range(len(payload)):
        found = decode("photo-fast", payload[:length], (9, 11), types)
        assert found is None or not all(np.array_equal(a, b) for a, b in zip(found, picture, strict=True))


@pytest.mark.parametrize("types", [GRAY, RGB, DEEP], ids=["gray", "rgb", "deep"])
def test_a_changed_byte(types: Sequence[PlaneType]) -> None:
    picture = draw("edges", types, 9, 11)
    (payload,) = flow("photo-fast").encode([picture], types)
    for position in range(len(payload)):
        damaged = bytearray(payload)
        damaged[position] ^= (1, 0x80, 0xFF)[position % 3]
        found = decode("photo-fast", bytes(damaged), (9, 11), types)
        assert found is None or not all(np.array_equal(a, b) for a, b in zip(found, picture, strict=True))


@pytest.mark.parametrize(
    "payload", [b"", b"\2", b"\0\0", bytes(4), bytes(5), b"\0" + b"\1" * 7, b"\2" + b"\1" * 8, b"\1\1"]
)
def test_what_is_no_payload(payload: bytes) -> None:
    assert decode("photo", payload, (3, 3), GRAY) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 513), (17, 9), (70, 3)], ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_random_words(name: str, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    for types in (GRAY, RGB, DEEP):
        for count in (1, 2, 7, 4 * shape[0] * shape[1]):
            decode(name, b"\0" + rng.integers(1, 2**32, count, np.uint32).tobytes(), shape, types)


@settings(deadline=None, max_examples=50)
@given(
    name=st.sampled_from(MODELS),
    types=any_types(),
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    words=st.binary(max_size=400),
    fill=st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1", b"\xff\xff\xff\0"]),
    fills=st.integers(0, 500),
)
def test_any_words(
    name: str, types: Sequence[PlaneType], height: int, width: int, words: bytes, fill: bytes, fills: int
) -> None:
    words = words[: len(words) // 4 * 4]
    for payload in (b"\0" + words + fill * fills + b"\1\2\3\4", b"\0" + fill * fills + words, b"\0" + words):
        decode(name, payload, (height, width), types)


@pytest.mark.parametrize("content", CONTENTS)
def test_payloads_of_other_planes(content: str) -> None:
    """Other sizes, types and models than those that it was made with."""
    (payload,) = flow("photo").encode([draw(content, RGB, 20, 18)], RGB)
    for name in MODELS:
        for shape in ((18, 20), (1, 360), (20, 18), (40, 40)):
            for types in (GRAY, RGB, DEEP, DEEP * 2):
                decode(name, payload, shape, types)
