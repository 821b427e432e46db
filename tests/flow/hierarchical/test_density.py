"""The flow as a density: latents and back, likelihood, samples."""

from __future__ import annotations

import numpy as np
import pytest

from idfcodec import density
from idfcodec.errors import IDFError
from idfcodec.flow.contract import Coder
from idfcodec.models import load_model
from tests.pictures import generate

SIZES = [(1, 1), (2, 3), (17, 9), (32, 40), (1, 70)]


@pytest.fixture(scope="module")
def coder() -> Coder:
    return load_model("idf")


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["photo", "gray", "noise", "extremes"])
def test_inverse_of_latents_is_exact(coder: Coder, kind: str, size: tuple[int, int]) -> None:
    pixels = generate(kind, size[1], size[0])
    z = density.latents(coder, pixels)
    assert sum(values.size for values in z) == pixels.size
    assert all(values.dtype == np.int32 for values in z)
    assert np.array_equal(density.inverse(coder, z, size, gray=pixels.ndim == 2), pixels)


def test_latents_are_a_bijection(coder: Coder) -> None:
    """Other latents are another picture, and their own latents again, while it stays among the bytes."""
    pixels = generate("photo", 16, 16)
    z = [*density.latents(coder, pixels)]
    z[-1] = z[-1] + 1
    other = density.inverse(coder, z, (16, 16))
    assert not np.array_equal(other, pixels)
    assert all(np.array_equal(a, b) for a, b in zip(density.latents(coder, other), z, strict=True))


def test_log_prob_prefers_pictures(coder: Coder) -> None:
    photo, noise = (density.log_prob(coder, generate(kind, 32, 32)) for kind in ("photo", "noise"))
    assert 0 > photo > noise


def test_samples(coder: Coder) -> None:
    x = density.sample(coder, 2, (21, 34), seed=3)
    assert x.shape == (2, 21, 34, 3)
    assert x.dtype == np.uint8
    assert not np.array_equal(x[0], x[1])
    assert np.array_equal(x, density.sample(coder, 2, (21, 34), seed=3))
    assert not np.array_equal(x, density.sample(coder, 2, (21, 34), seed=4))


def test_samples_vary_with_the_temperature(coder: Coder) -> None:
    """The colder, the smoother: neighbours differ less, and the model finds the picture likelier."""
    drawn = [density.sample(coder, 1, (32, 32), temperature, seed=1)[0] for temperature in (0.3, 1.0, 3.0)]
    steps = [np.abs(np.diff(x.astype(float), axis=1)).mean() for x in drawn]
    assert steps[0] < steps[1] < steps[2]
    found = [density.log_prob(coder, x) for x in drawn]
    assert found[0] > found[1] > found[2]


def test_a_sample_costs_what_the_model_expects(coder: Coder) -> None:
    """Samples are pictures of the model's own: they take no more than noise does, 8 bits a value."""
    x = density.sample(coder, 1, (32, 32), seed=2)[0]
    assert -density.log_prob(coder, x) < 8 * x.size


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperatures_that_are_none(coder: Coder, temperature: float) -> None:
    with pytest.raises(IDFError, match="is not above 0"):
        density.sample(coder, 1, (4, 4), temperature)


def test_no_samples(coder: Coder) -> None:
    assert density.sample(coder, 0, (4, 5)).shape == (0, 4, 5, 3)
