"""The causal family on planes of any number, role, size and range."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.errors import IDFError
from idfcodec.flow.causal.coder import CausalFlow
from idfcodec.types import PlaneType, Role
from tests.flow.causal.planes import (
    CONTENTS,
    GRAY,
    MODELS,
    RGB,
    YCC,
    any_types,
    decoded_by_constriction,
    draw,
    flow,
)

DEEP = (PlaneType(Role.LUMA, 0, 65535), PlaneType(Role.ALPHA, 0, 65535))
SIDES = st.integers(1, 40)
SEVERAL = {"gray": GRAY, "rgb": RGB, "ycc": YCC, "deep": DEEP}


def check(coder: CausalFlow, planes: Sequence[np.ndarray], types: Sequence[PlaneType], **options: bool) -> bytes:
    (payload,) = coder.encode([planes], types, **options)
    (found,) = coder.decode([payload], [plane.shape for plane in planes], types, **options)
    for a, b in zip(found, planes, strict=True):
        assert a.dtype == np.int32
        assert np.array_equal(a, b)
    return payload


def test_choices_are_coded_as_each_alone() -> None:
    coder = flow(MODELS[0])
    alpha = PlaneType(Role.ALPHA, 0, 3)
    colours = draw("noise", RGB, 20, 30, 1)
    rng = np.random.default_rng(2)
    first, second = (rng.integers(0, 4, (20, 30)).astype(np.int32) for _ in range(2))
    choices = [
        ([*colours, first], (*RGB, alpha)),
        (colours, RGB),
        ([*colours, second], (*RGB, PlaneType(Role.ALPHA))),
        ([*draw("noise", RGB, 20, 30, 5), first], (*RGB, alpha)),
    ]
    alone = [coder.encode([planes], types)[0] for planes, types in choices]
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [1, 2], [2]):
        assert coder.encode_either([choices[i] for i in order]) == [alone[i] for i in order]
    least = min(map(len, alone))
    assert coder.encode_either(choices, least)[1] == alone[1]
    assert coder.encode_either(choices, least / 4) == [b""] * 4


# --- Round trips ---------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=80)
@given(
    name=st.sampled_from(MODELS),
    types=any_types(),
    content=st.sampled_from(CONTENTS),
    height=SIDES,
    width=SIDES,
    seed=st.integers(0, 99),
)
def test_round_trip_of_anything(
    name: str, types: Sequence[PlaneType], content: str, height: int, width: int, seed: int
) -> None:
    planes = draw(content, types, height, width, seed)
    check(flow(name), planes, types)
    decoded_by_constriction(flow(name), planes, types)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("planes", SEVERAL)
def test_size_is_what_the_model_says(planes: str, content: str, name: str) -> None:
    types = SEVERAL[planes]
    """Or less where the last pixels are the least value: what is at the stack's bottom is free while it is all 0."""
    picture = draw(content, types, 48, 70)
    payload = check(flow(name), picture, types)
    found = flow(name).code_length(picture, types)
    assert found.pixels.shape == (48, 70)
    assert found.total == pytest.approx(sum(found.parts.values()))
    assert flow(name).log_prob(picture, types) == -found.total
    assert 8 * len(payload) <= 1.002 * found.total + 64 * 8
    assert 8 * len(payload) >= 0.998 * found.total - 64 * 8 or content == "spike"
    decoded_by_constriction(flow(name), picture, types)


@pytest.mark.parametrize(("content", "share"), [("gradient", 0.35), ("edges", 1.05), ("noise", 1.2), ("flat", 0.05)])
def test_what_it_takes_of_the_samples(content: str, share: float) -> None:
    """Whatever the depth."""
    for types in SEVERAL.values():
        picture = draw(content, types, 64, 64)
        samples = sum((kind.high - kind.low).bit_length() for kind in types) * 64 * 64
        assert 8 * len(check(flow("photo"), picture, types)) < share * samples


def test_planes_in_a_row_with_ranges_of_their_own() -> None:
    """Nothing of a plane is left to the next one, nor of a picture."""
    coder = flow("photo")
    wide, narrow = PlaneType(Role.INDEPENDENT, 0, 65535), PlaneType(Role.INDEPENDENT, 0, 1)
    for types in ((wide, narrow), (narrow, wide), (wide, narrow, wide, narrow)):
        picture = draw("noise", types, 21, 19)
        check(coder, picture, types)
        first = [coder.encode([draw("noise", types, 21, 19)], types)[0] for _ in range(2)]
        assert first[0] == first[1]
    both = coder.code_length(draw("edges", (wide, wide), 21, 19), (wide, wide)).parts
    alone = coder.code_length(draw("edges", (wide,), 21, 19), (wide,)).parts
    assert both["independent 0"] == alone["independent 0"]


def test_pictures_of_a_call_are_coded_alone() -> None:
    coder = flow("photo-fast")
    pictures = [draw(content, RGB, 9, 13) for content in CONTENTS]
    payloads = coder.encode(pictures, RGB)
    assert payloads == [coder.encode([picture], RGB)[0] for picture in pictures]
    back = coder.decode(payloads, [(9, 13)] * 3, RGB)
    assert all(np.array_equal(a, b) for a, b in zip(back, pictures, strict=True))


@pytest.mark.parametrize("content", CONTENTS)
def test_payloads_of_a_batch_have_no_zeros_at_their_end(content: str) -> None:
    for types in SEVERAL.values():
        payload = check(flow("thumbnail"), draw(content, types, 6, 5), types, small=True)
        assert not payload.endswith(b"\0")


def test_a_gray_plane_costs_the_same_whatever_it_is_called() -> None:
    picture = draw("edges", GRAY, 20, 30)
    payloads = {
        flow("photo").encode([picture], [PlaneType(role)])[0] for role in (Role.LUMA, Role.ALPHA, Role.INDEPENDENT)
    }
    assert len(payloads) == 1


@pytest.mark.parametrize("name", MODELS)
def test_known_answers(name: str) -> None:
    coder = flow(name)
    answers = coder.known_answers()
    assert len(set(answers)) == 3 if name.startswith("photo") else 2
    assert answers == coder.known_answers()


# --- What it refuses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-1, 256, -(2**31), 2**31 - 1])
def test_values_out_of_range_are_refused(value: int) -> None:
    picture = draw("flat", GRAY, 5, 4)
    picture[0][2, 3] = value
    with pytest.raises(IDFError, match="values outside of 0 to 255"):
        flow("photo").encode([picture], GRAY)
    with pytest.raises(IDFError, match="values outside of 0 to 255"):
        flow("photo").code_length(picture, GRAY)


@pytest.mark.parametrize("bounds", [(0, 0), (5, 4), (0, 131072), (-(2**20), -(2**20) + 5), (2**20, 2**20 + 5)])
def test_ranges_that_it_does_not_code(bounds: tuple[int, int]) -> None:
    types = [PlaneType(Role.LUMA, *bounds)]
    for work in (
        lambda: flow("photo").encode([[np.full((3, 3), bounds[0], np.int32)]], types),
        lambda: flow("photo").decode([b"\0"], [(3, 3)], types),
        lambda: flow("photo").sample(1, [(3, 3)], types),
    ):
        with pytest.raises(IDFError, match="2 to 131,072 values"):
            work()


def test_planes_of_several_sizes_are_refused() -> None:
    for shapes in ([(3, 3), (3, 4), (3, 3)], [(3, 3)], [(3, 3)] * 4):
        with pytest.raises(IDFError, match="planes of one size"):
            flow("photo").decode([b"\0"], shapes, RGB)


# --- The flow ------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(name=st.sampled_from(MODELS), types=any_types(), content=st.sampled_from(CONTENTS), height=SIDES, width=SIDES)
def test_latents_have_one_picture(name: str, types: Sequence[PlaneType], content: str, height: int, width: int) -> None:
    picture = draw(content, types, height, width)
    latents = flow(name).latents(picture, types)
    assert [z.shape for z in latents] == [(height * width,)] * len(types)
    back = flow(name).inverse(latents, [(height, width)] * len(types), types)
    assert all(np.array_equal(a, b) for a, b in zip(back, picture, strict=True))


def test_latents_are_smaller_than_values() -> None:
    picture = draw("gradient", RGB, 40, 40)
    latents = flow("photo").latents(picture, RGB)
    assert np.abs(latents[0]).mean() < np.abs(picture[0] - 128).mean() / 4


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31), 70000, 256])
def test_latents_of_no_picture_are_refused(value: int) -> None:
    (latents,) = flow("photo").latents(draw("extremes", GRAY, 6, 5), GRAY)
    latents[13] = value
    with pytest.raises(IDFError, match="of no picture"):
        flow("photo").inverse([latents], [(6, 5)], GRAY)


@pytest.mark.parametrize("types", SEVERAL.values(), ids=SEVERAL)
@pytest.mark.parametrize("name", MODELS)
def test_samples_are_pictures(name: str, types: Sequence[PlaneType]) -> None:
    coder, shapes = flow(name), [(14, 17)] * len(types)
    first, second = coder.sample(2, shapes, types, seed=5)
    again, _ = coder.sample(2, shapes, types, seed=5)
    (other,) = coder.sample(1, shapes, types, seed=6)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)
    for plane, kind in zip(first, types, strict=True):
        assert kind.low <= plane.min() <= plane.max() <= kind.high
    for picture in (first, second):
        check(coder, picture, types)


def test_samples_are_likely() -> None:
    """A sample of the prior costs about what the prior says of samples; colder ones cost less."""
    coder, bits = flow("photo"), []
    for temperature in (1e-300, 0.25, 1.0, 4.0):
        pictures = coder.sample(3, [(24, 24)], GRAY, temperature)
        bits.append(sum(coder.code_length(picture, GRAY).total for picture in pictures))
    assert bits == sorted(bits)
    assert bits[0] < 0.5 * bits[2]


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperatures_that_are_none(temperature: float) -> None:
    with pytest.raises(IDFError, match="temperature"):
        flow("photo").sample(1, [(3, 3)], GRAY, temperature)
