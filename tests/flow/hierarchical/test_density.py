"""The flow as a density: latents and back, likelihood, samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from idfcodec.errors import IDFError
from idfcodec.flow.hierarchical.code_length import tile_costs
from idfcodec.flow.hierarchical.density import to_pixels, to_planes
from idfcodec.flow.hierarchical.runtime import Flow
from tests.pictures import generate

SIZES = [(1, 1), (2, 3), (17, 9), (32, 40), (1, 70)]


def picture(kind: str, height: int, width: int) -> Tensor:
    """(3, H, W) or (1, H, W) uint8."""
    x = torch.from_numpy(generate(kind, width, height))
    return x[None] if x.ndim == 2 else x.permute(2, 0, 1)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["photo", "gray", "noise", "extremes"])
def test_inverse_of_latents_is_exact(flow: Flow, kind: str, size: tuple[int, int]) -> None:
    x = picture(kind, *size)
    z = flow.latents(x)
    assert sum(values.size for values in z.values()) == x.numel()
    assert all(values.dtype == np.int32 for values in z.values())
    back = flow.inverse(z, size)
    assert back.dtype == torch.int32
    assert torch.equal(back, x.to(torch.int32))


def test_latents_are_a_bijection(flow: Flow) -> None:
    """Other latents are another picture, and their own latents again, while it stays among the bytes."""
    x = picture("photo", 16, 16)
    z = flow.latents(x)
    z[0, 2] = z[0, 2] + 1
    other = flow.inverse(z, (16, 16))
    assert not torch.equal(other, x.to(torch.int32))
    assert 0 <= int(other.min()) <= int(other.max()) <= 255
    again = flow.latents(other)
    assert all(np.array_equal(again[step], z[step]) for step in z)


@pytest.mark.parametrize("kind", ["photo", "lattice", "gray"])
def test_log_prob_is_the_cost(flow: Flow, kind: str) -> None:
    x = picture(kind, 40, 33)
    bits = tile_costs(flow, to_planes(x)).total
    assert bits > 0
    assert flow.log_prob(x) == -bits
    assert flow.log_prob(x.to(torch.int64)) == -bits


def test_log_prob_prefers_pictures(flow: Flow) -> None:
    assert flow.log_prob(picture("photo", 32, 32)) > flow.log_prob(picture("noise", 32, 32))


@pytest.mark.parametrize("kind", ["photo", "gray"])
def test_planes_and_back(kind: str) -> None:
    x = picture(kind, 5, 7)
    planes = to_planes(x)
    assert planes.shape == x.shape
    assert torch.equal(to_pixels(planes), x.to(torch.int32))


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(2, 4, 4, dtype=torch.uint8),
        torch.zeros(4, 4, dtype=torch.uint8),
        torch.zeros(3, 0, 4, dtype=torch.uint8),
        torch.zeros(1, 3, 4, 4, dtype=torch.uint8),
        torch.zeros(3, 4, 4),
        torch.full((3, 4, 4), 256),
        torch.full((3, 4, 4), -1),
    ],
    ids=["two channels", "no channels", "empty", "a batch", "floats", "256", "-1"],
)
def test_other_tensors_are_refused(flow: Flow, x: Tensor) -> None:
    with pytest.raises(IDFError, match="expected"):
        flow.log_prob(x)


def test_samples(flow: Flow) -> None:
    x = flow.sample(2, (21, 34), seed=3)
    assert x.shape == (2, 3, 21, 34)
    assert x.dtype == torch.uint8
    assert not torch.equal(x[0], x[1])
    assert torch.equal(x, flow.sample(2, (21, 34), seed=3))
    assert not torch.equal(x, flow.sample(2, (21, 34), seed=4))


def test_samples_vary_with_the_temperature(flow: Flow) -> None:
    """The colder, the smoother: neighbours differ less, and the model finds the picture likelier."""
    cold, warm, hot = (flow.sample(1, (32, 32), temperature, seed=1) for temperature in (0.3, 1.0, 3.0))
    steps = [float(x.double().diff(dim=3).abs().mean()) for x in (cold, warm, hot)]
    assert steps[0] < steps[1] < steps[2]
    assert flow.log_prob(cold[0]) > flow.log_prob(warm[0]) > flow.log_prob(hot[0])


def test_a_sample_costs_what_the_model_expects(flow: Flow) -> None:
    """Samples are pictures of the model's own: they cost no more than noise does, in 8 bits a value."""
    x = flow.sample(1, (32, 32), seed=2)[0]
    assert -flow.log_prob(x) < 8 * x.numel()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperatures_that_are_none(flow: Flow, temperature: float) -> None:
    with pytest.raises(IDFError, match="is not above 0"):
        flow.sample(1, (4, 4), temperature)


def test_no_samples(flow: Flow) -> None:
    assert flow.sample(0, (4, 5)).shape == (0, 3, 4, 5)
