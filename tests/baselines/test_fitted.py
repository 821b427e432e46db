"""Densities that learn otherwise: by counting, margins first, or by what is no likelihood."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch

from experiments.plane.fit import FitConfig, evaluate, fit
from experiments.plane.toys import toy
from idfcodec.baselines.bases import Logistic
from idfcodec.baselines.copulas import Correlation, GaussianCopula, Tail
from idfcodec.baselines.ddm import ResidualLayer, divergence
from idfcodec.baselines.families import build
from idfcodec.baselines.rnade import MixtureConditionals
from idfcodec.baselines.splines import Marginal


def trained(family: str, name: str = "moons", steps: int = 60, **settings: Any) -> tuple[Any, float]:
    """A model, and its gain on samples of a toy over a Gaussian of their mean and spread."""
    torch.manual_seed(0)
    target = toy(name)
    model = build(family, (2,), **settings)
    fit(model, lambda n, g: (target.sample(n, g)[0], None), FitConfig(steps=steps, batch=256, learning_rate=0.01))
    x = target.sample(4000, torch.Generator().manual_seed(1))[0]
    plain = torch.distributions.Normal(x.mean(0), x.std(0)).log_prob(x).sum(1)
    return model, float((evaluate(model, x) - plain).mean())


@pytest.mark.parametrize(
    ("family", "settings", "gain"),
    [
        ("gaussianisation", {"layers": 30}, 0.6),
        ("rnade", {"hidden": 32}, 0.5),
        ("copula", {"layers": 2, "hidden": 16}, 0.5),
        ("gaussian-copula", {}, 0.15),
    ],
)
def test_it_learns(family: str, settings: dict[str, Any], gain: float) -> None:
    assert trained(family, **settings)[1] > gain


def test_every_map_raises_the_likelihood() -> None:
    model = build("gaussianisation", (2,), layers=12)
    losses = model.learn(toy("rings").sample(4000, torch.Generator().manual_seed(0))[0])
    assert len(losses) == 12
    assert all(after < before + 1e-3 for before, after in pairwise(losses))


def test_quantiles_make_margins_what_they_should_be() -> None:
    x = torch.rand(20000, 2, generator=torch.Generator().manual_seed(0)).square()
    for scores, spread in (("gaussian", 1.0), ("logistic", 1.814)):
        layer = Marginal(2, 24, scores=scores)
        layer.fit(x)
        z = layer(x)[0].detach()
        assert float(z.mean(0).abs().max()) < 0.05
        assert float((z.std(0) / spread - 1).abs().max()) < 0.15  # the outer knots are far apart
    layer.fit(torch.zeros(100, 2))  # all alike: finite all the same
    assert torch.isfinite(layer(x)[0]).all()


def test_margins_learn_from_themselves_alone() -> None:
    x = toy("moons").sample(64, torch.Generator().manual_seed(0))[0]
    gradients = []
    for stirred in (False, True):
        torch.manual_seed(0)
        model = build("copula", (2,), layers=1, hidden=8, knots=6).train()
        if stirred:
            with torch.no_grad():
                for parameter in model.levels[0].transforms[1:].parameters():
                    parameter += torch.randn_like(parameter)
        model.loss(x).backward()
        margins = model.levels[0].transforms[0]
        gradients.append([p.grad for p in margins.parameters()])
    for a, b in zip(*gradients, strict=True):
        assert torch.equal(a, b)


def test_a_copula_has_a_likelihood_that_is_its_loss() -> None:
    model, _ = trained("copula", steps=5, layers=1, hidden=8)
    x = toy("moons").sample(300, torch.Generator().manual_seed(2))[0]
    with torch.no_grad():
        torch.testing.assert_close(model.loss(x), -model.log_prob(x).mean())


def test_a_correlation_is_found() -> None:
    torch.manual_seed(0)
    mixing = torch.tensor([[1.0, 0.0], [0.6, 0.8]])

    def draw(n: int, generator: torch.Generator) -> tuple[torch.Tensor, None]:
        return torch.exp(torch.randn(n, 2, generator=generator) @ mixing.T), None  # the margins are far from Gaussian

    model = build("gaussian-copula", (2,))
    assert isinstance(model, GaussianCopula)
    fit(model, draw, FitConfig(steps=200, batch=256, learning_rate=0.03))
    layer = next(part for part in model.modules() if isinstance(part, Correlation))
    L = layer.factor().detach()
    assert float((L @ L.T)[0, 1]) == pytest.approx(0.6, abs=0.07)
    torch.testing.assert_close((L @ L.T).diagonal(), torch.ones(2))


def test_tails_are_as_heavy_as_they_say() -> None:
    """P(y > t) of the logistic behind a tail of index xi falls as (1 + xi t)^(-1 / xi)."""
    layer = Tail(1).double()
    with torch.no_grad():
        layer.raw.fill_(torch.tensor(0.5).expm1().log())  # xi = 1/2
    t = torch.tensor([[100.0], [1000.0]], dtype=torch.float64)
    survival = torch.sigmoid(-layer(t)[0].detach())
    assert float(survival[0] / survival[1]) == pytest.approx(100, rel=0.05)  # t^-2
    assert torch.isfinite(Logistic().log_prob(layer(1e30 * t)[0])).all()


def test_rnade_is_its_formula() -> None:
    torch.manual_seed(0)
    layer = MixtureConditionals(3, hidden=5, components=2).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    log_p = Logistic().log_prob(layer(x)[0]) + layer(x)[1]
    expected = torch.zeros(4, dtype=torch.float64)
    for d in range(3):
        h = torch.nn.functional.silu(layer.rho[d] * (layer.c + x[:, :d] @ layer.W[:d]))
        alpha, mu, log_s = (h @ layer.V[d].T + layer.b[d]).chunk(3, 1)
        t = (x[:, d, None] - mu) * torch.exp(-log_s)
        p = torch.sigmoid(t) * torch.sigmoid(-t) * torch.exp(-log_s)
        expected += (torch.softmax(alpha, 1) * p).sum(1).log()
    torch.testing.assert_close(log_p, expected)


def test_a_distribution_network_is_least_where_it_is_the_distribution() -> None:
    """Of a dimension, F (1 - F) at another sample: 1/6 in the mean. That of the second, given the first, is less."""
    model, gain = trained("distribution", "moons", steps=150, hidden=16)
    assert gain > -0.3  # which is not what it learns from
    x = toy("moons").sample(2000, torch.Generator().manual_seed(1))[0]
    with torch.no_grad():
        z = model.latents(x)[0]
        loss = float(model.loss(x))
    assert bool(((z[:, :1] > z[:, 0]) == (x[:, :1] > x[:, 0])).all())  # it rises
    assert 1 / 6 < loss < 2 / 6


def test_a_residual_layer_is_one_to_one_however_large_its_weights() -> None:
    torch.manual_seed(0)
    layer = ResidualLayer(2, 8)
    with torch.no_grad():
        layer.second *= 100
        x = torch.randn(50, 2)
        assert torch.isfinite(layer(x)[1]).all()
        torch.testing.assert_close(layer.inverse(layer(x)[0]), x, atol=1e-4, rtol=0)


def test_the_divergence_is_least_for_gaussians() -> None:
    torch.manual_seed(0)
    gaussian, square = torch.randn(2000, 2), 3.46 * (torch.rand(2000, 2) - 0.5)
    assert float(divergence(gaussian)) < 0.02
    assert float(divergence(square)) > 0.02


def test_a_deep_density_model_learns_without_a_likelihood() -> None:
    model, gain = trained("ddm", steps=150, layers=4, hidden=32)
    assert gain > 0.05
    x = toy("moons").sample(500, torch.Generator().manual_seed(5))[0]
    with torch.no_grad():
        guess = model.decoder(model.latents(x)[0])
    assert float((guess - x).square().sum(1).mean()) < 0.1 * float(x.square().sum(1).mean())
