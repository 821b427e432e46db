"""Discrete flows: exact bijections of categories, the table that one layer solves, and a picture coded through one."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from idfcodec.baselines.discrete import DiscreteConfig, DiscreteFlow, ModuloLayer, decode, encode
from idfcodec.baselines.families import load
from idfcodec.errors import CorruptFile, IDFError

CASES = [
    DiscreteConfig(shape=(3,), categories=5, layers=2, hidden=8, scale=True),
    DiscreteConfig(shape=(3,), categories=4, layers=3, hidden=8, scale=True, kind="autoregressive"),
    DiscreteConfig(shape=(4,), categories=3, layers=2, hidden=8, kind="autoregressive", condition=2),
    DiscreteConfig(shape=(2,), categories=6, layers=1, hidden=8, scale=True, condition=2),
]
cases = pytest.mark.parametrize("config", CASES, ids=lambda c: f"{c.kind}-{c.categories}-{c.condition}")
XOR = torch.tensor([0.63, 0.07, 0.03, 0.27])  # P(0, 0), P(0, 1), P(1, 0), P(1, 1)


def stirred(config: DiscreteConfig) -> DiscreteFlow:
    torch.manual_seed(2)
    model = DiscreteFlow(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.randn_like(parameter)
    return model


def every(config: DiscreteConfig) -> Tensor:
    return torch.tensor(list(itertools.product(range(config.categories), repeat=config.shape[0])))


def given(config: DiscreteConfig) -> Tensor | None:
    return torch.tensor([[0.5, -1.0]]) if config.condition else None


@cases
def test_a_bijection_of_all_categories(config: DiscreteConfig) -> None:
    model, x, c = stirred(config), every(config), given(config)
    z = model.latents(x, c)[0]
    assert not torch.equal(z, x)
    assert len(torch.unique(z, dim=0)) == len(x)
    assert torch.equal(model.inverse([z], c), x)
    assert torch.equal(model.transform(x, c)[1], torch.zeros(len(x)))


@cases
def test_probabilities_sum_to_one(config: DiscreteConfig) -> None:
    model, x = stirred(config), every(config)
    assert model.log_prob(x, given(config)).exp().sum().item() == pytest.approx(1, abs=1e-5)


@cases
def test_samples_follow_the_probabilities(config: DiscreteConfig) -> None:
    model, c = stirred(config), given(config)
    draws = [model.sample(4000, 1.0, c, torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*draws)
    index = (draws[0] * config.categories ** torch.arange(config.shape[0]).flip(0)).sum(1)
    found = torch.bincount(index, minlength=config.categories ** config.shape[0]) / 4000
    assert (found - model.log_prob(every(config), c).exp()).abs().max().item() < 0.03
    assert len(torch.unique(model.sample(50, 0.0, c), dim=0)) == 1


@cases
def test_saved_and_loaded(config: DiscreteConfig, tmp_path: Path) -> None:
    model, x, c = stirred(config), every(config), given(config)
    model.save(tmp_path / "m.safetensors")
    other = load(tmp_path / "m.safetensors")
    assert other.config == config
    assert torch.equal(other.log_prob(x, c), model.log_prob(x, c))
    assert torch.equal(other.latents(x, c)[0], model.latents(x, c)[0])


@cases
def test_a_fresh_bipartite_layer_is_the_identity_and_learns(config: DiscreteConfig) -> None:
    torch.manual_seed(0)
    model = DiscreteFlow(config)
    x, c = every(config), given(config)
    if config.kind == "bipartite":
        assert torch.equal(model.latents(x, c)[0], x)
    with torch.no_grad():
        model.bases[0].logits += torch.randn(config.shape[0], config.categories)
    (-model.log_prob(x, c).mean()).backward()
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in model.parameters())
    layer = model.levels[0].transforms[0]
    assert isinstance(layer, ModuloLayer)
    assert max(float(p.grad.abs().max()) for p in layer.parameters() if p.grad is not None) > 0


@pytest.mark.parametrize("kind", ["bipartite", "autoregressive"])
def test_the_xor_table_is_solved_exactly(kind: str) -> None:
    """P(x) becomes (0.7, 0.3) times (0.9, 0.1): a shift of x_2 by x_1, after which the two are independent."""
    torch.manual_seed(0)
    model = DiscreteFlow(DiscreteConfig(hidden=16, kind=kind))
    x = every(model.config)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(250):
        optimiser.zero_grad()
        loss = -(XOR * model.log_prob(x)).sum()
        loss.backward()
        optimiser.step()
    entropy = -float((XOR * XOR.log()).sum())
    assert float(loss.detach()) == pytest.approx(entropy, abs=1e-3)
    z = model.latents(x)[0]
    joint = torch.zeros(2, 2).index_put_((z[:, 0], z[:, 1]), XOR)
    torch.testing.assert_close(joint, joint.sum(1, keepdim=True) * joint.sum(0), rtol=0, atol=1e-7)


@pytest.mark.parametrize("kind", ["bipartite", "autoregressive"])
def test_a_palette_picture_is_coded_through_the_flow(kind: str) -> None:
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(48), indexing="ij")
    picture = ((rows // 5 + columns // 7) % 4 + (rows * columns % 11 == 0)) % 5  # indices of a palette of five
    x = picture.unfold(0, 2, 2).unfold(1, 2, 2).reshape(-1, 4)
    model = stirred(DiscreteConfig(shape=(4,), categories=5, layers=2, hidden=16, kind=kind, scale=True))
    data = encode(model, x)
    assert torch.equal(decode(model, data, len(x)), x)
    bits = -model.log_prob(x).sum().item() / math.log(2)
    assert abs(8 * len(data) - bits) < 0.001 * bits + 64
    with pytest.raises(CorruptFile):
        decode(model, data, len(x) - 1)
    with pytest.raises(CorruptFile):
        decode(model, data[:-1], len(x))


def test_what_is_refused() -> None:
    model = DiscreteFlow(DiscreteConfig())
    for x in (torch.tensor([[0.0, 1.0]]), torch.tensor([[0, 2]]), torch.tensor([[-1, 0]]), torch.tensor([[0, 1, 0]])):
        with pytest.raises(IDFError):
            model.log_prob(x)
    for settings in ({"shape": (1,)}, {"categories": 1}, {"kind": "other"}, {"temperature": 0.0}, {"layers": 0}):
        with pytest.raises(IDFError):
            DiscreteConfig(**settings)  # type: ignore[arg-type]
