"""The vine: latents and back, its density, what it is fitted to, its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.plane.fit import FitConfig, evaluate, fit, integral
from experiments.plane.toys import toy
from idfcodec.baselines.families import build, load
from idfcodec.errors import IDFError

pytest.importorskip("pyvinecopulib", reason="vines need pyvinecopulib")


@pytest.fixture(scope="module")
def moons() -> Any:
    model = build("vine", (2,), knots=12)
    losses = fit(model, lambda n, g: (toy("moons").sample(n, g)[0], None), FitConfig(steps=8, batch=256))
    assert len(losses) == 2
    assert losses[1] < losses[0] - 0.1
    return model


def test_latents_lead_back(moons: Any) -> None:
    x = toy("moons").sample(200, torch.Generator().manual_seed(1))[0]
    with torch.no_grad():
        z = moons.latents(x)
        assert [tuple(part.shape) for part in z] == [(200, 2)]
        torch.testing.assert_close(moons.inverse(z), x, atol=2e-3, rtol=0)


def test_density_integrates_to_one_and_is_the_slope_of_its_latents(moons: Any) -> None:
    assert integral(moons, -6, 6, 300) == pytest.approx(1, abs=0.01)
    double = moons.double()
    x = toy("moons").sample(40, torch.Generator().manual_seed(2))[0].double()
    step, columns = 1e-4, []
    with torch.no_grad():
        for i in range(2):
            away = step * torch.eye(2, dtype=torch.float64)[i]
            columns.append((double.latents(x + away)[0] - double.latents(x - away)[0]) / (2 * step))
        found = double.transform(x)[1]
    volume = torch.linalg.slogdet(torch.stack(columns, 2))[1]
    # The library's conditional distributions are interpolated, and are its density's integrals to that extent.
    assert float((found - volume).abs().median()) < 0.1
    moons.float()


def test_three_dimensions_that_no_pair_explains() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1500, 3, generator=generator)
    x[:, 2] = x[:, 0] * 0.8 + x[:, 1] * 0.5 + 0.2 * x[:, 2]
    vine, independent = build("vine", (3,), knots=8), build("gaussian-copula", (3,), knots=8)
    vine.learn(x)
    independent.levels[0].transforms[0].fit(x)
    held = torch.randn(500, 3, generator=generator)
    held[:, 2] = held[:, 0] * 0.8 + held[:, 1] * 0.5 + 0.2 * held[:, 2]
    assert evaluate(vine, held).mean() > evaluate(independent, held).mean() + 1


def test_saved_and_loaded(moons: Any, tmp_path: Path) -> None:
    moons.save(tmp_path / "m.safetensors")
    other = load(tmp_path / "m.safetensors")
    x = toy("moons").sample(50)[0]
    with torch.no_grad():
        assert torch.equal(other.log_prob(x), moons.log_prob(x))
    draws = [m.sample(6, generator=torch.Generator().manual_seed(0)) for m in (moons, other)]
    assert torch.equal(*draws)


def test_what_is_refused() -> None:
    for settings in ({"knots": 2}, {"condition": 1}):
        with pytest.raises(IDFError):
            build("vine", (2,), **settings)
    with pytest.raises(IDFError, match="at least two dimensions"):
        build("vine", (1,))
