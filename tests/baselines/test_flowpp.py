"""Flow++ beyond the sweep: the mixtures and their bisected inverse, checkerboards, and learned dequantization."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from idfcodec.baselines.dequantization import Uniform, bits, bound_of
from idfcodec.baselines.families import build, load
from idfcodec.baselines.flowpp import FlowPPConfig, Variational, checkerboard
from idfcodec.baselines.mixtures import cell_log_prob, mixture_logit, mixture_logit_inverse
from idfcodec.errors import IDFError

from .cases import FLOWPP, PICTURE


def stirred_noise(shape: tuple[int, ...] = PICTURE, values: int = 256) -> Variational:
    torch.manual_seed(0)
    noise = Variational(FlowPPConfig(shape, hidden=4, depth=1, heads=2, components=3, noise=2), values)
    with torch.no_grad():
        for parameter in noise.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return noise


@pytest.mark.parametrize("slope", [0.0, 0.05])
@pytest.mark.parametrize("reach", [1.0, 8.0, 40.0])
def test_the_inverse_of_a_mixture_is_as_good_as_its_input(reach: float, slope: float) -> None:
    torch.manual_seed(0)
    x = reach * torch.randn(400)
    weights, means = torch.log_softmax(torch.randn(400, 5), 1), torch.randn(400, 5)
    scales = 0.7 * torch.randn(400, 5) - 0.5
    z, log_slope = mixture_logit(x, weights, means, scales, slope)
    assert torch.isfinite(z).all()
    error = (mixture_logit_inverse(z, weights, means, scales, slope) - x).abs()
    rounding = 1e-6 * (1 + z.abs() / log_slope.exp() + x.abs())
    assert (error < rounding).all()


def test_a_line_bounds_the_error_between_narrow_components() -> None:
    x = torch.linspace(-1.5, 1.5, 301)
    weights, means = torch.log(torch.tensor([[0.5, 0.5]])).expand(301, 2), torch.tensor([[-1.0, 1.0]]).expand(301, 2)
    scales = torch.full((301, 2), -5.0)
    for slope, good in ((0.0, False), (0.05, True)):
        z, log_slope = mixture_logit(x, weights, means, scales, slope)
        error = (mixture_logit_inverse(z, weights, means, scales, slope) - x).abs()
        assert bool((error < 1e-4).all()) is good
        if slope:
            assert float(log_slope.min()) > math.log(slope) - 1e-6


def test_a_mixture_of_one_is_an_affine_map() -> None:
    x, one = torch.linspace(-9, 9, 50, dtype=torch.float64), torch.ones(50, 1, dtype=torch.float64)
    z, log_slope = mixture_logit(x, 0 * one, 2 * one, -one)
    torch.testing.assert_close(z, (x - 2) * math.e)
    torch.testing.assert_close(log_slope, one[:, 0])


@pytest.mark.parametrize("log_scale", [-6.0, 0.0, 6.0])
def test_probabilities_of_a_cell_sum_to_one(log_scale: float) -> None:
    x = torch.arange(256, dtype=torch.float64)
    for mean in (-40.0, 0.0, 100.3, 255.0, 1e4):
        log_p = cell_log_prob(x, torch.tensor(mean).double(), torch.tensor(log_scale).double())
        assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-12)


def test_a_checkerboard_has_every_pixel_once() -> None:
    x = torch.arange(12).reshape(1, 1, 3, 4)  # the parity of row + column is that of the number where rows are even
    assert checkerboard(x)[0].tolist() == [[[0, 2], [5, 7], [8, 10]], [[1, 3], [4, 6], [9, 11]]]


@pytest.mark.parametrize(
    ("shape", "settings", "says"),
    [
        ((1,), {}, "at least two dimensions"),
        ((3, 4, 5), {}, "a checkerboard cannot halve"),
        ((3, 4, 6), {}, "a checkerboard cannot halve"),
        ((3, 5, 4), {}, "both sides must be even"),
        ((3, 4, 4), {"heads": 3}, "cannot be shared out among 3 heads"),
        ((3, 4, 4), {"components": 0}, "components must be"),
        ((3, 4, 4), {"noise": -1}, "noise must be"),
    ],
)
def test_settings_that_make_no_sense(shape: tuple[int, ...], settings: dict[str, int], says: str) -> None:
    with pytest.raises(IDFError, match=says):
        build("flowpp", shape, **{"layers": 1, "hidden": 4, **settings})


def test_noise_stays_in_its_cell_and_has_its_density() -> None:
    noise = stirred_noise()
    pixels = torch.randint(0, 256, (64, *PICTURE), dtype=torch.uint8)
    pixels[0] = 255
    x, log_q = noise(pixels, torch.Generator().manual_seed(0))
    assert torch.equal((256 * x.double()).floor().long(), pixels.long())
    assert log_q.shape == (64,)
    noise = noise.double()
    v = pixels[:1]
    context = noise.block(noise.first(2 * v.double() / 255 - 1))
    e = noise.base.sample(tuple(v.shape), generator=torch.Generator().manual_seed(3))
    jacobian = torch.autograd.functional.jacobian(lambda s: torch.sigmoid(noise.flow(s, context)[0]).flatten(), e)
    expected = noise.base.log_prob(e) - torch.linalg.slogdet(jacobian.reshape(32, 32))[1]
    torch.testing.assert_close(noise(v, torch.Generator().manual_seed(3))[1], expected, rtol=1e-8, atol=1e-8)
    with pytest.raises(IDFError):
        noise(x)


def test_variational_dequantization_is_trained_with_the_model_and_saved(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build("flowpp", PICTURE, **{**FLOWPP, "noise": 2, "heads": 2, "logit": 0.05}).train()
    pixels = torch.randint(0, 256, (16, *PICTURE), dtype=torch.uint8)
    assert bound_of(model) == "variational dequantization"
    bits(model, pixels).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    model.eval().save(tmp_path / "m.safetensors")
    other = load(tmp_path / "m.safetensors")
    with torch.no_grad():
        one, two = (bits(m, pixels, generator=torch.Generator().manual_seed(1)) for m in (model, other))
        assert torch.equal(one, two)
        many = bits(model, pixels, samples=16, generator=torch.Generator().manual_seed(1))
    assert many.mean() < one.mean()
    assert bound_of(build("flowpp", PICTURE, **FLOWPP)) == "uniform dequantization"


def test_learned_noise_lowers_the_bound_to_the_truth() -> None:
    """Under logistics of scale e^-4 about 0, the cell [0, 1/2) has a probability of 1/2: one bit for every pixel."""
    model = build("nice", (1, 2, 4), layers=1, hidden=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.levels[0].transforms[-1].log_scale.fill_(4.0)
    pixels = torch.zeros(64, 1, 2, 4, dtype=torch.uint8)
    noise = stirred_noise((1, 2, 4), values=2)
    optimiser = torch.optim.Adam(noise.parameters(), lr=0.03)
    for _ in range(80):
        optimiser.zero_grad()
        bits(model, pixels, dequantization=noise).mean().backward()
        optimiser.step()
    with torch.no_grad():
        generator = torch.Generator().manual_seed(1)
        uniform = float(bits(model, pixels, dequantization=Uniform(2), generator=generator).mean())
        learned, many = (
            float(bits(model, pixels, dequantization=noise, samples=n, generator=generator).mean()) for n in (1, 32)
        )
    assert 1 < learned < 1.3 < 5 < uniform
    assert many == pytest.approx(1, abs=abs(learned - 1))
