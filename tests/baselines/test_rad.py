"""RAD: a bijection between points and pairs of real and discrete latents, and the density that it makes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from experiments.plane.fit import integral
from idfcodec.baselines.families import build, load
from idfcodec.baselines.rad import RAD
from idfcodec.errors import IDFError

from .cases import data, log_volume, stirred


def model(condition: int = 0) -> RAD:
    torch.manual_seed(3)
    built = build("rad", (2,), folds=2, layers=2, hidden=8, depth=1, condition=condition)
    found = stirred(built, (2,), "real", condition)
    assert isinstance(found, RAD)
    return found


def test_points_are_pairs_of_latents() -> None:
    rad = model(2).double()
    x, c = data(200, (2,), "real", 2)
    x, c = x.double(), None if c is None else c.double()
    with torch.no_grad():
        z, k = rad.latents(x, c)
        assert (z.shape, k.shape, k.dtype) == ((200, 2), (200, 2), torch.bool)
        torch.testing.assert_close(rad.inverse(z, k, c), x)
        # Every branch reaches every z: the others' points are elsewhere, and have these latents.
        other = rad.inverse(z, ~k, c)
        again, branch = rad.latents(other, c)
        torch.testing.assert_close(again, z)
    assert torch.equal(branch, ~k)
    assert len({tuple(row) for row in k.tolist()}) == 4


def test_log_determinant_and_branches_make_the_density() -> None:
    rad = model().double()
    x = data(6, (2,), "real", 0)[0].double()
    z, k = rad.latents(x)
    volume = log_volume(lambda s: rad.latents(s)[0], x)
    total = rad.couplings.bases[0].log_prob(z) + volume
    h = x
    for i, fold in enumerate(rad.folds):
        h, side, _ = fold(h)
        chance = torch.sigmoid(fold.logit(h))
        total = total + torch.where(k[:, i], chance, 1 - chance).log()
        assert torch.equal(side, k[:, i])
    torch.testing.assert_close(rad.log_prob(x), total)


@pytest.mark.parametrize("condition", [0, 2])
def test_density_integrates_to_one(condition: int) -> None:
    assert integral(model(condition), -15, 15, 800, data(1, (2,), "real", condition)[1]) == pytest.approx(1, abs=0.01)


def test_density_falls_to_nothing_at_a_plane_from_both_sides() -> None:
    rad = model()
    fold = rad.folds[0]
    w = torch.nn.functional.normalize(fold.w.detach(), dim=0)
    steps = torch.tensor([-0.3, -1e-5, 1e-5, 0.3])[:, None]
    with torch.no_grad():
        p = rad.log_prob(fold.b.detach() * w + steps * w).exp()
    assert p[1:3].max() < 0.01 * p[[0, 3]].min()
    assert torch.isfinite(rad.log_prob((fold.b * w)[None])).all()


def test_samples_have_the_branches_of_the_density() -> None:
    rad = model()
    x = rad.sample(4000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(x, rad.sample(4000, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        k = rad.latents(x)[1]
        h, side, _ = rad.folds[0](x)
        expected = torch.sigmoid(rad.folds[0].logit(h)).mean()
    assert torch.equal(side, k[:, 0])
    assert float(k[:, 0].float().mean()) == pytest.approx(float(expected), abs=0.03)
    cold = rad.sample(5, 0.0)
    torch.testing.assert_close(cold, cold[:1].expand(5, 2))


def test_saved_loaded_and_trained(tmp_path: Path) -> None:
    rad = model()
    rad.save(tmp_path / "m.safetensors")
    other = load(tmp_path / "m.safetensors")
    x = data(8, (2,), "real", 0)[0]
    with torch.no_grad():
        assert torch.equal(other.log_prob(x), rad.log_prob(x))
    rad.train().loss(x).backward()
    for name, parameter in rad.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_what_is_refused() -> None:
    rad = model()
    for call in (
        lambda: rad.log_prob(torch.zeros(2, 3)),
        lambda: rad.sample(0),
        lambda: build("rad", (1,)),
        lambda: build("rad", (2,), folds=0),
    ):
        with pytest.raises(IDFError):
            call()
