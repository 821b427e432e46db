"""Toy densities, training on them, and what pixels cost."""

from __future__ import annotations

import math

import pytest
import torch

from experiments.plane.fit import FitConfig, evaluate, fit, integral
from experiments.plane.toys import TOYS, Chain, Toy, grid, toy
from idfcodec.baselines.dequantization import Uniform, bits, bits_per_dimension, bound_of, to_pixels
from idfcodec.baselines.families import build
from idfcodec.errors import IDFError

every_toy = pytest.mark.parametrize("target", TOYS.values(), ids=TOYS)


@every_toy
def test_density_integrates_to_one(target: Toy) -> None:
    points, cell = grid(target.low, target.high, 160, target.dimensions)
    assert float(target.log_prob(points).exp().sum()) * cell == pytest.approx(1, abs=1e-4)
    for label in range(target.classes):
        assert float(target.log_prob(points, label).exp().sum()) * cell == pytest.approx(1, abs=1e-4)


@every_toy
def test_samples_have_the_density(target: Toy) -> None:
    x, label = target.sample(20000, torch.Generator().manual_seed(0))
    assert x.shape == (20000, target.dimensions)
    assert x.dtype == torch.float32
    assert target.low <= float(x.min()) <= float(x.max()) <= target.high
    assert torch.bincount(label, minlength=target.classes).min() > 20000 / target.classes * 0.9
    log_p = target.log_prob(x)
    assert float(log_p.mean()) == pytest.approx(-target.entropy(160), abs=4 * float(log_p.std()) / 20000**0.5 + 1e-3)
    own = torch.stack([target.log_prob(x, k) for k in range(target.classes)], 1).gather(1, label[:, None])
    assert torch.isfinite(own).all()
    # The counts in the cells of a coarse grid are those that the density tells.
    cells = 8
    place = ((x - target.low) / (target.high - target.low) * cells).long().clamp(0, cells - 1)
    index = place @ torch.tensor([cells**i for i in reversed(range(target.dimensions))])
    found = torch.bincount(index, minlength=cells**target.dimensions) / 20000
    points, cell = grid(target.low, target.high, 20 * cells, target.dimensions)
    mass = (target.log_prob(points).exp() * cell).reshape([cells, 20] * target.dimensions)
    expected = mass.sum(tuple(range(1, 2 * target.dimensions, 2))).flatten()
    assert float((found - expected).abs().max()) < 0.012


def test_a_chain_has_the_density_of_its_links() -> None:
    x, _ = Chain().sample(20000, torch.Generator().manual_seed(0))
    log_p = Chain().log_prob(x)
    links = 1 + math.log(2 * math.pi) + 2 * math.log(0.2)  # entropy of two Gaussians
    expected = -toy("moons").entropy(160) - links
    assert float(log_p.mean()) == pytest.approx(expected, abs=4 * float(log_p.std()) / 20000**0.5 + 1e-3)


def test_entropies_that_have_a_formula() -> None:
    assert toy("checkerboard").entropy() == pytest.approx(math.log(8), abs=1e-6)
    apart = math.log(8) + 1 + math.log(2 * math.pi) + 2 * math.log(0.2)  # of Gaussians that hardly overlap
    assert toy("gaussians").entropy() == pytest.approx(apart, abs=1e-3)
    with pytest.raises(IDFError, match="there is no toy density"):
        toy("sphere")


@pytest.mark.parametrize("family", ["realnvp", "nsf"])
def test_a_trained_density_integrates_to_one(family: str) -> None:
    target = toy("moons")
    torch.manual_seed(0)
    model = build(family, (2,), layers=3, hidden=16, depth=1)
    before = float(evaluate(model, target.sample(2000)[0]).mean())
    losses = fit(model, lambda n, g: (target.sample(n, g)[0], None), FitConfig(steps=60, batch=128, learning_rate=0.01))
    assert len(losses) == 60
    assert not model.training
    after = float(evaluate(model, target.sample(2000)[0]).mean())
    assert after > before + 0.3
    assert integral(model, -12, 12, 400) == pytest.approx(1, abs=0.01)


def test_training_is_repeatable() -> None:
    target = toy("gaussians")
    losses = []
    for _ in range(2):
        torch.manual_seed(0)
        model = build("glow", (2,), layers=2, hidden=8)
        losses.append(fit(model, lambda n, g: (target.sample(n, g)[0], None), FitConfig(steps=5, batch=32)))
    assert losses[0] == losses[1]


def test_training_that_fails_says_so() -> None:
    model = build("nice", (2,), layers=1, hidden=4)
    with pytest.raises(IDFError, match="not finite"):
        fit(model, lambda n, g: (torch.full((n, 2), math.nan), None), FitConfig(steps=200, batch=4))


def test_uniform_dequantization() -> None:
    pixels = torch.randint(0, 256, (4, 3, 8, 8))
    pixels[0] = 255
    x, log_q = Uniform()(pixels, torch.Generator().manual_seed(0))
    assert torch.equal((256 * x.double()).floor().long(), pixels)
    assert float(x.max()) < 1
    assert torch.equal(log_q, torch.zeros(4))
    with pytest.raises(IDFError):
        Uniform()(x)


def test_bits_per_dimension() -> None:
    assert bits_per_dimension(torch.zeros(2), 10).tolist() == [8, 8]  # the uniform density: eight bits
    assert bits_per_dimension(torch.tensor([10 * math.log(2)]), 10).item() == pytest.approx(7)
    assert bits_per_dimension(torch.zeros(1), 3, values=4).item() == pytest.approx(2)


def test_importance_samples_tighten_the_bound() -> None:
    torch.manual_seed(0)
    model = build("realnvp", (1, 4, 4), layers=1, hidden=4, depth=1, logit=0.05).eval()
    pixels = torch.randint(0, 4, (64, 1, 4, 4))

    def mean(samples: int) -> float:
        generator = torch.Generator().manual_seed(1)
        return float(bits(model, pixels, dequantization=Uniform(4), samples=samples, generator=generator).mean())

    with torch.no_grad():
        assert mean(1) > mean(32) > 1.5


def test_bits_of_pixels_are_a_bound_or_exact() -> None:
    pixels = torch.randint(0, 256, (5, 1, 4, 4), dtype=torch.uint8)
    flow = build("glow", (1, 4, 4), layers=1, hidden=4, depth=1).eval()
    assert bound_of(flow) == "uniform dequantization"
    x = Uniform()(pixels, torch.Generator().manual_seed(1))[0]
    expected = bits_per_dimension(flow.log_prob(x), 16)
    assert torch.equal(bits(flow, pixels, generator=torch.Generator().manual_seed(1)), expected)
    assert bits(flow.double(), pixels).dtype == torch.float64
    table = build("discrete", (3,), categories=8, hidden=4)
    assert bound_of(table) == "exact"
    torch.testing.assert_close(bits(table, torch.randint(0, 8, (6, 3))), torch.full((6,), 3.0))
    for wrong in (pixels.float(), pixels[:, :, :2]):
        with pytest.raises(IDFError):
            bits(flow, wrong)
    with pytest.raises(IDFError):
        bits(flow, pixels, samples=0)


def test_samples_as_pixels() -> None:
    assert to_pixels(torch.tensor([-0.1, 0.0, 0.999 / 256, 1 / 256, 0.9999, 1.5])).tolist() == [0, 0, 0, 1, 255, 255]
    assert to_pixels(torch.tensor([0, 7, 255])).tolist() == [0, 7, 255]
    assert to_pixels(torch.tensor([0.5]), values=4).tolist() == [2]
