"""One sweep over every transform and every model."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from experiments.plane.fit import integral
from idfcodec.baselines.families import FAMILIES, family_of, load

from .cases import (
    MODELS,
    TRANSFORMS,
    ModelCase,
    TransformCase,
    data,
    distance,
    log_volume,
    make_model,
    make_transform,
)

transforms = pytest.mark.parametrize("case", TRANSFORMS, ids=lambda case: case.name)
models = pytest.mark.parametrize("case", MODELS, ids=lambda case: case.name)
on_a_line = pytest.mark.parametrize("case", [m for m in MODELS if m.range != "angle"], ids=lambda case: case.name)
by_gradients = pytest.mark.parametrize(
    "case", [m for m in MODELS if family_of(m.family).gradients], ids=lambda case: case.name
)
small = pytest.mark.parametrize("case", [m for m in MODELS if math.prod(m.shape) <= 2], ids=lambda case: case.name)


def width(case: ModelCase) -> int:
    return int(case.settings.get("condition", 0))


@transforms
def test_transform_shapes_and_inverse(case: TransformCase) -> None:
    f = make_transform(case)
    x, c = data(16, case.shape, case.range, case.condition)
    with torch.no_grad():
        z, log_det = f(x, c)
        assert z.shape == (16, *f.output_shape(case.shape))
        assert log_det.shape == (16,)
        assert distance(f.inverse(z, c), x, case.range) < 1e-4


@transforms
def test_transform_log_determinant(case: TransformCase) -> None:
    f = make_transform(case).double()
    x, c = data(3, case.shape, case.range, case.condition)
    x, c = x.double(), None if c is None else c[:1].double()
    log_det = f(x, None if c is None else c.expand(3, -1))[1]
    torch.testing.assert_close(log_det, log_volume(lambda s: f(s, c)[0], x), rtol=1e-8, atol=1e-8)


@transforms
def test_transform_passes_gradients(case: TransformCase) -> None:
    f = make_transform(case)
    x, c = data(4, case.shape, case.range, case.condition)
    z, log_det = f(x.requires_grad_(), c)
    (z.sum() + log_det.sum()).backward()
    for name, parameter in f.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_every_family_is_swept() -> None:
    elsewhere = {"discrete", "pixelcnn", "rad", "vine"}  # which have test files of their own
    assert {case.family for case in MODELS} | elsewhere == set(FAMILIES)


@models
def test_model_shapes_and_inverse(case: ModelCase) -> None:
    model = make_model(case)
    x, c = data(16, case.shape, case.range, width(case))
    with torch.no_grad():
        z = model.latents(x, c)
        assert [tuple(part.shape[1:]) for part in z] == model.latent_shapes
        assert sum(part[0].numel() for part in z) == math.prod(case.shape)
        assert model.log_prob(x, c).shape == (16,)
        assert distance(model.inverse(z, c), x, case.range) < 1e-4


@models
def test_model_log_determinant(case: ModelCase) -> None:
    model = make_model(case).double()
    x, c = data(2, case.shape, case.range, width(case))
    x, c = x.double(), None if c is None else c[:1].double()
    log_det = model.transform(x, c)[1]
    flat = log_volume(lambda s: torch.cat([part.flatten(1) for part in model.latents(s, c)], 1), x)
    torch.testing.assert_close(log_det, flat, rtol=1e-7, atol=1e-7)


@models
def test_model_samples_and_their_density(case: ModelCase) -> None:
    model = make_model(case)
    c = data(24, case.shape, case.range, width(case))[1]
    draw = [model.sample(24, 1.0, c, torch.Generator().manual_seed(5)) for _ in range(2)]
    assert torch.equal(*draw)
    x = draw[0]
    assert x.shape == (24, *case.shape)
    with torch.no_grad():
        latents, log_det = model.transform(x, c)
        expected = log_det + sum(base.log_prob(z, rest) for base, (z, rest) in zip(model.bases, latents, strict=True))
        log_prob = model.log_prob(x, c)
        assert torch.isfinite(log_prob).all()
        torch.testing.assert_close(log_prob, expected)
        again = model.inverse([z for z, _ in latents], c)
        assert distance(again, x, case.range) < 1e-4
        # Samples are likelier under the model than noise of the same spread.
        if case.range == "real":
            noise = x.mean(0) + 3 * x.std(0) * torch.randn(24, *case.shape, generator=torch.Generator().manual_seed(1))
            assert log_prob.mean() > model.log_prob(noise, c).mean()


@on_a_line
def test_at_temperature_zero_there_is_nothing_to_draw(case: ModelCase) -> None:
    model = make_model(case)
    c = data(1, case.shape, case.range, width(case))[1]
    x = model.sample(6, 0.0, c)
    assert distance(x, x[:1].expand_as(x), case.range) < 1e-5


@models
def test_model_saved_and_loaded(case: ModelCase, tmp_path: Path) -> None:
    model = make_model(case)
    model.save(tmp_path / "m.safetensors")
    other = load(tmp_path / "m.safetensors")
    assert other.config == model.config
    x, c = data(8, case.shape, case.range, width(case))
    with torch.no_grad():
        assert torch.equal(other.log_prob(x, c), model.log_prob(x, c))
        assert torch.equal(other.inverse(other.latents(x, c), c), model.inverse(model.latents(x, c), c))


@small
def test_density_integrates_to_one(case: ModelCase) -> None:
    model = make_model(case)
    c = data(1, case.shape, case.range, width(case))[1]
    reach = math.pi if case.range == "angle" else 15.0
    assert integral(model, -reach, reach, 400, c) == pytest.approx(1, abs=0.01)


@by_gradients
def test_model_passes_gradients(case: ModelCase) -> None:
    model = make_model(case).train()
    x, c = data(8, case.shape, case.range, width(case))
    model.loss(x, c).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
