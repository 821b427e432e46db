"""What makes a model the one of its paper: the order of its layers, and its formulas by hand."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from idfcodec.baselines.bases import Gaussian, Logistic, SplitGaussian
from idfcodec.baselines.contract import FlowModel
from idfcodec.baselines.families import build
from idfcodec.baselines.flowpp import SLOPE, MixtureCoupling
from idfcodec.baselines.glow import ActNorm, HalfCoupling, InvertibleLinear
from idfcodec.baselines.nice import AdditiveCoupling, DiagonalScaling
from idfcodec.baselines.realnvp import AffineCoupling, BatchNormalisation, mask_of
from idfcodec.baselines.reshaping import Diagonals, Logit, Squeeze


def flow(family: str, shape: tuple[int, ...], **settings: object) -> FlowModel:
    torch.manual_seed(0)
    model = build(family, shape, **settings)
    assert isinstance(model, FlowModel)
    return model


def layers(level: nn.Module) -> list[type]:
    return [type(layer) for layer in level.transforms]  # type: ignore[union-attr]


def test_nice_scales_in_its_last_layer_only() -> None:
    model = flow("nice", (4,), layers=4, hidden=4)
    assert layers(model.levels[0]) == [AdditiveCoupling] * 4 + [DiagonalScaling]
    assert [layer.parity for layer in model.levels[0].transforms[:4]] == [0, 1, 0, 1]
    x = torch.randn(5, 4)
    assert torch.equal(model.transform(x)[1], torch.zeros(5))  # additive couplings keep the volume
    with torch.no_grad():
        model.levels[0].transforms[-1].log_scale.copy_(torch.tensor([1.0, 2.0, -0.5, 0.0]))
    assert torch.equal(model.transform(x)[1], torch.full((5,), 2.5))
    assert isinstance(model.bases[0], Logistic)
    assert isinstance(flow("nice", (4,), prior="gaussian").bases[0], Gaussian)


def test_realnvp_alternates_masks_and_factors_out_half_at_each_scale() -> None:
    model = flow("realnvp", (3, 16, 16), layers=3, scales=3, hidden=4, depth=1, batch_norm=True, logit=0.05)
    step = [AffineCoupling, BatchNormalisation]
    assert layers(model.levels[0]) == [Logit, *3 * step, Squeeze, *3 * step, Diagonals]
    assert layers(model.levels[1]) == [*3 * step, Squeeze, *3 * step, Diagonals]
    assert layers(model.levels[2]) == 4 * step  # the last scale: four couplings under checkerboards
    assert model.latent_shapes == [(6, 8, 8), (12, 4, 4), (12, 4, 4)]
    shapes = {0: ("checkerboard", (3, 16, 16)), 1: ("channels", (12, 8, 8))}
    masks = [layer.mask for layer in model.levels[0].transforms if isinstance(layer, AffineCoupling)]
    for i, mask in enumerate(masks):
        kind, shape = shapes[i // 3]
        assert torch.equal(mask, mask_of(kind, shape, i % 3 % 2))


def test_a_realnvp_coupling_is_its_formula() -> None:
    torch.manual_seed(0)
    b = mask_of("checkerboard", (2, 4, 4), 1)
    layer = AffineCoupling(b, hidden=4, depth=1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    x = torch.randn(3, 2, 4, 4)
    raw, t = layer.network(b * x).chunk(2, 1)
    s = layer.bound * torch.tanh(raw)
    z, log_det = layer(x)
    torch.testing.assert_close(z, b * x + (1 - b) * (x * torch.exp(s) + t))
    torch.testing.assert_close(log_det, ((1 - b) * s).flatten(1).sum(1))


def test_both_halves_of_what_realnvp_factors_out_have_every_colour() -> None:
    colours = torch.arange(3.0)[:, None, None].expand(1, 3, 4, 4)
    z = Diagonals(12)(Squeeze()(colours)[0])[0]
    for half in z.chunk(2, 1):
        assert half[0, :, 0, 0].tolist() == [0, 0, 1, 1, 2, 2]
    place = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert Diagonals(4)(Squeeze()(place)[0])[0][0, :, 0, 0].tolist() == [0, 5, 1, 4]


def test_a_step_of_glow() -> None:
    model = flow("glow", (3, 8, 8), layers=2, scales=2, hidden=4, depth=1)
    step = [ActNorm, InvertibleLinear, HalfCoupling]
    assert [layers(level) for level in model.levels] == [[Squeeze, *2 * step]] * 2
    assert [type(base) for base in model.bases] == [SplitGaussian, Gaussian]
    linear = InvertibleLinear(6)
    lower, upper = linear._factors()
    weight = linear.permutation @ lower @ upper
    torch.testing.assert_close(weight @ weight.T, torch.eye(6), rtol=0, atol=1e-5)  # a rotation to begin with
    assert torch.equal(linear.permutation.sum(0), torch.ones(6))
    x = torch.randn(2, 4)
    additive, affine = (HalfCoupling((4,), affine=kind, hidden=4, depth=1) for kind in (False, True))
    assert torch.equal(additive(x)[1], torch.zeros(2))
    torch.testing.assert_close(affine(x)[0][:, 2:], x[:, 2:] * torch.sigmoid(torch.tensor(2.0)))  # fresh: r = t = 0


def test_flowpp_splits_by_checkerboards_then_by_channels_then_by_checkerboards() -> None:
    model = flow("flowpp", (3, 8, 8), layers=2, hidden=4, depth=1, heads=2, noise=3, logit=0.05)
    step = [ActNorm, InvertibleLinear, MixtureCoupling]
    assert layers(model.levels[0]) == [Logit, *2 * step, Squeeze, *4 * step]
    couplings = [layer for layer in model.levels[0].transforms if isinstance(layer, MixtureCoupling)]
    assert [layer.split for layer in couplings] == ["checkerboard"] * 2 + ["channels"] * 2 + ["checkerboard"] * 2
    assert [layer.swap for layer in couplings] == [False, True] * 3
    assert layers(model.get_submodule("dequantization.flow")) == [MixtureCoupling] * 3


def test_a_mixture_coupling_is_its_formula() -> None:
    torch.manual_seed(0)
    layer = MixtureCoupling((4,), "channels", swap=False, components=3, hidden=4, depth=1, heads=0).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    x = torch.randn(6, 4, dtype=torch.float64)
    out = layer.network(x[:, :2]).reshape(6, 11, 2)
    a, b = layer.bound * torch.tanh(out[:, 0]), out[:, 1]
    pi, mu, s = F.softmax(out[:, 2:5], 1), out[:, 5:8], torch.exp(out[:, 8:])
    cdf = (pi * torch.sigmoid((x[:, None, 2:] - mu) / s)).sum(1)
    line = SLOPE * x[:, 2:]  # which the paper does not have
    torch.testing.assert_close(layer(x)[0][:, 2:], (torch.logit(cdf) + line) * torch.exp(a) + b)
    torch.testing.assert_close(layer(x)[0][:, :2], x[:, :2], rtol=0, atol=0)
