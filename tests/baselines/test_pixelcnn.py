"""The autoregressive model: what each pixel may see, probabilities that sum to one, samples, files."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from idfcodec.baselines.dequantization import bits, bound_of
from idfcodec.baselines.families import build, load
from idfcodec.baselines.pixelcnn import Mixture, PixelCNN
from idfcodec.errors import IDFError

SHAPES = [(1, 4, 5), (3, 4, 4)]


def stirred(shape: tuple[int, ...], condition: int = 0, layers: int = 2) -> PixelCNN:
    torch.manual_seed(4)
    model = build("pixelcnn", shape, layers=layers, hidden=6, components=3, condition=condition)
    assert isinstance(model, PixelCNN)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model.eval()


def pictures(n: int, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randint(0, 256, (n, *shape), generator=torch.Generator().manual_seed(n))


def test_probabilities_of_every_subpixel_given_those_before_it_sum_to_one() -> None:
    model = stirred((1, 3, 3)).double()
    for index in range(9):
        every = pictures(1, (1, 3, 3)).expand(256, -1, -1, -1).clone()
        every.view(256, 9)[:, index] = torch.arange(256)
        own = model.log_probs(every).view(256, 9)[:, index]
        assert float(own.detach().exp().sum()) == pytest.approx(1, abs=1e-12)


def test_probabilities_of_a_pixel_of_two_channels_sum_to_one() -> None:
    model = stirred((2, 1, 1)).double()
    every = torch.cartesian_prod(torch.arange(256), torch.arange(256))[..., None, None]
    p = model.log_prob(every).detach().exp().view(256, 256)
    assert float(p.sum()) == pytest.approx(1, abs=1e-10)
    assert not torch.allclose(
        p, p.sum(1, keepdim=True) * p.sum(0), rtol=0.1, atol=0
    )  # the channels are not independent


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pixel_sees_all_before_it_and_nothing_else(shape: tuple[int, ...]) -> None:
    model = stirred(shape).double()
    _, height, width = shape
    x = pictures(1, shape).double().requires_grad_()
    parameters = model.mixture(x)
    of_a_pixel = torch.cat([p.flatten(1, -3) for p in (parameters.log_weights[:, :, None], parameters.means)], 1)
    for index in range(height * width):
        row, column = divmod(index, width)
        (gradient,) = torch.autograd.grad(of_a_pixel[0, :, row, column].square().sum(), x, retain_graph=True)
        seen = gradient[0].abs().sum(0).flatten() > 0
        assert seen.tolist() == [i < index for i in range(height * width)]


def test_a_channel_sees_those_before_it() -> None:
    mixture = stirred((3, 2, 2)).mixture(pictures(2, (3, 2, 2)).float())
    x = pictures(2, (3, 2, 2)).float().requires_grad_()
    for c in range(3):
        gradient = (
            torch.autograd.grad(mixture.mean(c, x).sum(), x, allow_unused=True)[0] if c else torch.zeros(2, 3, 2, 2)
        )
        assert (gradient.abs().amax((0, 2, 3)) > 0).tolist() == [b < c for b in range(3)]


def test_a_channel_given_the_one_before_it_is_the_mixture_at_its_mean() -> None:
    """By hand, of one component: the mean of the second channel is mu + alpha (x - 127.5)."""
    one = torch.ones(1, 1, 1, 1)
    mixture = Mixture(
        0 * one, 100 * torch.ones(1, 1, 2, 1, 1), torch.zeros(1, 1, 2, 1, 1), 0.5 * torch.ones(1, 1, 1, 1, 1)
    )
    x = torch.tensor([107.5, 90.0]).view(1, 2, 1, 1)
    at_the_mean = 2 * math.log(2 * torch.sigmoid(torch.tensor(0.5)).item() - 1)
    assert mixture.mean(1, x).item() == 90
    assert mixture.log_prob(torch.tensor([100.0, 86.25]).view(1, 2, 1, 1)).item() == pytest.approx(
        at_the_mean, rel=1e-5
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_samples_are_drawn_from_the_density(shape: tuple[int, ...]) -> None:
    model = stirred(shape)
    x = model.sample(40, generator=torch.Generator().manual_seed(0))
    assert torch.equal(x, model.sample(40, generator=torch.Generator().manual_seed(0)))
    assert x.shape == (40, *shape)
    assert x.dtype == torch.int64
    assert 0 <= int(x.min()) < int(x.max()) <= 255
    with torch.no_grad():
        assert model.log_prob(x).mean() > model.log_prob(pictures(40, shape)).mean()
    cool = model.sample(40, 0.02, generator=torch.Generator().manual_seed(0))
    assert cool.float().std(0).mean() < 0.8 * x.float().std(0).mean()


def test_samples_of_a_subpixel_have_its_frequencies() -> None:
    model = stirred((1, 1, 1))
    x = model.sample(40000, generator=torch.Generator().manual_seed(0)).flatten()
    with torch.no_grad():
        p = model.log_prob(torch.arange(256).view(256, 1, 1, 1)).exp()
    found = torch.bincount(x // 16, minlength=16) / 40000
    assert float((found - p.view(16, 16).sum(1)).abs().max()) < 0.01
    assert float(found.max()) > 0.02


def test_at_temperature_zero_every_pixel_is_what_its_own_mixture_says() -> None:
    """Sampling looks at some rows only: what it computes there is what a pass over the whole picture does."""
    model = stirred((3, 6, 9), layers=1)
    x = model.sample(2, 0.0)
    assert torch.equal(x[0], x[1])
    again = model.mixture(x.float()).sample(0.0, None).long()
    assert int((again - x).abs().max()) <= 1  # where rounding of a sum moved a mean over a boundary
    assert float((again == x).float().mean()) > 0.95


def test_given_a_class_or_a_map() -> None:
    model = stirred((1, 3, 4), condition=2)
    x, c = pictures(3, (1, 3, 4)), torch.eye(2)[:1]
    flat = c[..., None, None].expand(1, 2, 3, 4)
    torch.testing.assert_close(model.log_prob(x, c), model.log_prob(x, flat))
    assert (model.log_prob(x, c) - model.log_prob(x, 1 - c)).abs().min() > 1e-4
    generator = torch.Generator()
    assert torch.equal(
        model.sample(3, 1.0, c, generator.manual_seed(0)), model.sample(3, 1.0, flat, generator.manual_seed(0))
    )
    with pytest.raises(IDFError):
        model.log_prob(x)


@pytest.mark.parametrize("shape", SHAPES)
def test_saved_and_loaded(shape: tuple[int, ...], tmp_path: Path) -> None:
    model, x = stirred(shape), pictures(4, shape)
    model.save(tmp_path / "m.safetensors")
    other = load(tmp_path / "m.safetensors")
    assert other.config == model.config
    assert torch.equal(other.log_prob(x), model.log_prob(x))
    draws = [m.sample(2, generator=torch.Generator().manual_seed(1)) for m in (model, other)]
    assert torch.equal(*draws)


def test_bits_are_exact_and_fall_in_training() -> None:
    torch.manual_seed(0)
    model = build("pixelcnn", (3, 4, 4), layers=1, hidden=8, components=2)
    assert bound_of(model) == "exact"
    pixels = (torch.arange(4)[:, None] * 16 + torch.randint(0, 4, (64, 3, 4, 4))).to(torch.uint8)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    first = None
    for _ in range(50):
        optimiser.zero_grad()
        loss = bits(model, pixels).mean()
        first = float(loss.detach()) if first is None else first
        loss.backward()
        assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in model.parameters())
        optimiser.step()
    assert first is not None
    assert 6 < first < 12
    assert 2 < float(loss.detach()) < 6  # two bits of noise


def test_what_is_refused() -> None:
    model = stirred((1, 3, 3))
    for x in (
        torch.zeros(1, 1, 3, 3),
        pictures(1, (1, 3, 4)),
        torch.full((1, 1, 3, 3), 256),
        torch.full((1, 1, 3, 3), -1),
    ):
        with pytest.raises(IDFError):
            model.log_prob(x)
    for call in (
        lambda: model.sample(0),
        lambda: model.sample(1, -1.0),
        lambda: build("pixelcnn", (4,)),
        lambda: build("pixelcnn", (3, 4, 4), layers=0),
    ):
        with pytest.raises(IDFError):
            call()
