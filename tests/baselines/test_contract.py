"""What the contract refuses, temperature and conditions, saved files, and the parts that initialise themselves."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from idfcodec.baselines.bases import Gaussian, Logistic, SplitGaussian, make_base
from idfcodec.baselines.contract import FORMAT
from idfcodec.baselines.families import build, load
from idfcodec.baselines.glow import ActNorm
from idfcodec.baselines.realnvp import BatchNormalisation, mask_of
from idfcodec.baselines.reshaping import Logit
from idfcodec.errors import IDFError


@pytest.mark.parametrize(
    ("family", "shape", "settings", "says"),
    [
        ("none", (2,), {}, "there is no family"),
        ("nice", (2,), {"wings": 2}, "has no setting 'wings'"),
        ("nice", (1,), {}, "at least two dimensions"),
        ("nice", (2,), {"prior": "cauchy"}, "there is no prior"),
        ("nice", (2,), {"layers": 0}, "layers must be a positive integer"),
        ("nice", (2, 3), {}, "vectors (D,) or pictures (C, H, W)"),
        ("nice", (2,), {"logit": 0.7}, "not between 0 and 0.5"),
        ("realnvp", (2,), {"scales": 2}, "have one scale"),
        ("realnvp", (3, 5, 4), {"scales": 2}, "both sides must be even"),
        ("glow", (3, 4, 6), {"scales": 2}, "both sides must be even"),
        ("glow", (1,), {}, "at least two dimensions"),
        ("maf", (2, 4, 4), {}, "must be vectors"),
        ("nsf", (2,), {"bins": 0}, "bins must be"),
        ("planar", (2,), {"condition": 1}, "no condition"),
    ],
)
def test_settings_that_make_no_sense(family: str, shape: tuple[int, ...], settings: dict[str, Any], says: str) -> None:
    with pytest.raises(IDFError) as caught:
        build(family, shape, **settings)
    assert says in str(caught.value)


def test_shapes_that_do_not_fit() -> None:
    model, given = build("realnvp", (2,), layers=1), build("realnvp", (2,), layers=1, condition=3)
    x = torch.zeros(4, 2)
    for call in (
        lambda: model.log_prob(torch.zeros(4, 3)),
        lambda: model.log_prob(x, torch.zeros(4, 3)),
        lambda: model.inverse([torch.zeros(4, 3)]),
        lambda: model.inverse([]),
        lambda: model.sample(0),
        lambda: model.sample(1, -1.0),
        lambda: model.sample(1, math.nan),
        lambda: given.log_prob(x),
        lambda: given.log_prob(x, torch.zeros(4, 2)),
        lambda: given.log_prob(x, torch.zeros(3, 3)),
        lambda: given.log_prob(x, torch.zeros(4, 3, 2, 2)),
        lambda: given.sample(2),
        lambda: mask_of("stripes", (2,), 0),
        lambda: make_base("cauchy"),
    ):
        with pytest.raises(IDFError):
            call()


def test_one_condition_serves_all_samples() -> None:
    torch.manual_seed(0)
    model = build("glow", (2,), layers=2, hidden=8, condition=3).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        x, c = torch.randn(5, 2), torch.randn(1, 3)
        torch.testing.assert_close(model.log_prob(x, c), model.log_prob(x, c.expand(5, 3)))
        assert not torch.allclose(model.log_prob(x, c), model.log_prob(x, -c))


@pytest.mark.parametrize(
    ("family", "settings"), [("realnvp", {"scales": 2}), ("glow", {"scales": 2}), ("flowpp", {"heads": 2, "noise": 0})]
)
def test_a_map_as_condition_is_averaged_to_each_scale(family: str, settings: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = build(family, (3, 8, 8), layers=1, hidden=4, depth=1, condition=2, **settings)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    x, c = torch.rand(2, 3, 8, 8), torch.randn(2, 2, 8, 8)
    assert (model.log_prob(x, c) - model.log_prob(x, -c)).abs().min() > 1e-3
    torch.testing.assert_close(model.log_prob(x, torch.ones(2, 2, 8, 8)), model.log_prob(x, torch.ones(2, 2)))


@pytest.mark.parametrize("base", [Gaussian(), Logistic(), SplitGaussian(2)])
def test_temperature_scales_the_latents(base: Any) -> None:
    rest = torch.zeros(500, 2, 4, 4)
    draw = [base.sample((500, 2, 4, 4), t, rest, torch.Generator().manual_seed(0)).detach() for t in (1.0, 0.5)]
    torch.testing.assert_close(draw[1], 0.5 * draw[0])


@pytest.mark.parametrize("base", [Gaussian(), Logistic()])
def test_a_prior_integrates_to_one(base: Any) -> None:
    z = torch.linspace(-40, 40, 80001, dtype=torch.float64)[:, None]
    assert float(base.log_prob(z).exp().sum()) * 0.001 == pytest.approx(1, abs=1e-6)


def test_masks_are_complements_and_alternate() -> None:
    for kind, shape in (("vector", (5,)), ("checkerboard", (2, 3, 4)), ("channels", (4, 2, 2))):
        first, second = (mask_of(kind, shape, parity) for parity in (0, 1))
        assert torch.equal(first + second, torch.ones(shape))
        assert first.flatten().tolist() != [0] * first.numel()
    assert mask_of("vector", (4,), 1).tolist() == [1, 0, 1, 0]
    assert mask_of("checkerboard", (1, 2, 3), 0)[0].tolist() == [[0, 1, 0], [1, 0, 1]]
    assert mask_of("channels", (4, 1, 1), 0).flatten().tolist() == [1, 1, 0, 0]


def test_samples_far_out_have_a_density_behind_a_logit() -> None:
    layer = Logit(0.05)
    x = layer.inverse(torch.tensor([[-1000.0, -20.0, 0.0, 20.0, 1000.0]]))
    z, log_det = layer(x)
    assert torch.isfinite(z).all()
    assert torch.isfinite(log_det).all()
    torch.testing.assert_close(layer.inverse(z), x, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 4)])
def test_actnorm_starts_from_its_first_batch(shape: tuple[int, ...]) -> None:
    layer = ActNorm(3).train()
    x = 5 + 3 * torch.randn(200, *shape)
    z = layer(x)[0].detach()
    axes = [0, *range(2, z.ndim)]
    torch.testing.assert_close(z.mean(axes), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(z.std(axes, unbiased=False), torch.ones(3), atol=1e-4, rtol=0)
    before = layer.shift.detach().clone()
    layer(x + 7)
    assert torch.equal(layer.shift, before)


@pytest.mark.parametrize("shape", [(2,), (2, 4, 4)])
def test_batch_normalisation_keeps_running_averages(shape: tuple[int, ...]) -> None:
    layer = BatchNormalisation(2, momentum=0.5).train()
    x = 5 + 3 * torch.randn(400, *shape)
    z, log_det = layer(x)
    axes = [0, *range(2, x.ndim)]
    torch.testing.assert_close(z.mean(axes), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(layer.mean, x.mean(axes))
    assert log_det.shape == (400,)
    layer(x + 2)
    torch.testing.assert_close(layer.mean, x.mean(axes) + 1)
    layer.eval()
    before = layer.mean.clone()
    z = layer(x)[0]
    assert torch.equal(layer.mean, before)
    torch.testing.assert_close(layer.inverse(z), x, atol=1e-4, rtol=0)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model = build("nice", (2,), layers=2, hidden=4)
    good = {"format": FORMAT, "family": "nice", "config": json.dumps({"shape": [2], "layers": 2, "hidden": 4})}
    tensors = model.state_dict()
    save_file(tensors, path, good)
    assert load(path).config == model.config
    for change in (
        {"format": "other"},
        {"family": "none"},
        {"config": "{"},
        {"config": "[1]"},
        {"config": "{}"},
        {"config": json.dumps({"shape": [2], "layers": 3, "hidden": 4})},
        {"config": json.dumps({"shape": [2], "wings": 3})},
        {"config": json.dumps({"shape": 2})},
    ):
        save_file(tensors, path, {**good, **change})
        with pytest.raises(IDFError, match=r"m\.safetensors: "):
            load(path)
    save_file({"other": torch.zeros(1)}, path, good)
    with pytest.raises(IDFError, match="damaged"):
        load(path)
    whole = b"hello"
    for data in (b"", whole):
        path.write_bytes(data)
        with pytest.raises(IDFError, match="not a readable model"):
            load(path)
    with pytest.raises(IDFError, match="not a readable model"):
        load(tmp_path / "none.safetensors")
