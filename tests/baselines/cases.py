"""Every transform and every model of the baselines, small, and away from where it starts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from idfcodec.baselines import copulas, flowpp, glow, nice, realnvp, reshaping
from idfcodec.baselines.autoregressive import CircularCoupling
from idfcodec.baselines.contract import FlowModel, Sequential, Transform
from idfcodec.baselines.ddm import ResidualLayer
from idfcodec.baselines.distribution import MonotoneConditionals
from idfcodec.baselines.families import build
from idfcodec.baselines.gaussianisation import Rotation
from idfcodec.baselines.planar import PlanarStep, RadialStep
from idfcodec.baselines.rnade import MixtureConditionals
from idfcodec.baselines.splines import Marginal

SIZES = {"hidden": 8, "depth": 1}
FLOWPP = {"layers": 1, "components": 3, "noise": 0, **SIZES}
VECTOR, PICTURE = (3,), (2, 4, 4)


@dataclass(frozen=True)
class TransformCase:
    name: str
    make: Callable[[], Transform]
    shape: tuple[int, ...]
    condition: int = 0
    range: str = "real"  # or "unit" for [0, 1], or "angle"


def _affine(kind: str, shape: tuple[int, ...], parity: int, condition: int = 0) -> Callable[[], Transform]:
    return lambda: realnvp.AffineCoupling(realnvp.mask_of(kind, shape, parity), condition=condition, **SIZES)


def _mixture(shape: tuple[int, ...], split: str, swap: bool, condition: int = 0) -> Callable[[], Transform]:
    return lambda: flowpp.MixtureCoupling(shape, split, swap=swap, components=3, heads=2, condition=condition, **SIZES)


TRANSFORMS = [
    TransformCase("squeeze", reshaping.Squeeze, PICTURE),
    TransformCase("diagonals", lambda: reshaping.Diagonals(8), (8, 2, 2)),
    TransformCase("flatten", lambda: reshaping.Flatten(PICTURE), PICTURE),
    TransformCase("logit", reshaping.Logit, PICTURE, range="unit"),
    TransformCase("sequential", lambda: Sequential(reshaping.Logit(), [reshaping.Squeeze()]), PICTURE, range="unit"),
    TransformCase("additive-0", lambda: nice.AdditiveCoupling(3, 0, **SIZES), VECTOR),
    TransformCase("additive-1", lambda: nice.AdditiveCoupling(3, 1, **SIZES), VECTOR),
    TransformCase("additive-condition", lambda: nice.AdditiveCoupling(3, 1, condition=2, **SIZES), VECTOR, 2),
    TransformCase("diagonal", lambda: nice.DiagonalScaling(3), VECTOR),
    TransformCase("affine-vector-0", _affine("vector", VECTOR, 0), VECTOR),
    TransformCase("affine-vector-1", _affine("vector", VECTOR, 1), VECTOR),
    TransformCase("affine-vector-condition", _affine("vector", VECTOR, 1, 2), VECTOR, 2),
    TransformCase("affine-checkerboard", _affine("checkerboard", PICTURE, 0), PICTURE),
    TransformCase("affine-channels", _affine("channels", PICTURE, 1), PICTURE),
    TransformCase("affine-picture-condition", _affine("checkerboard", PICTURE, 1, 2), PICTURE, 2),
    TransformCase("batch-norm-vector", lambda: realnvp.BatchNormalisation(3), VECTOR),
    TransformCase("batch-norm-picture", lambda: realnvp.BatchNormalisation(2), PICTURE),
    TransformCase("actnorm-vector", lambda: glow.ActNorm(3), VECTOR),
    TransformCase("actnorm-picture", lambda: glow.ActNorm(2), PICTURE),
    TransformCase("linear-vector", lambda: glow.InvertibleLinear(3), VECTOR),
    TransformCase("linear-picture", lambda: glow.InvertibleLinear(2), PICTURE),
    TransformCase("half-additive", lambda: glow.HalfCoupling(VECTOR, affine=False, **SIZES), VECTOR),
    TransformCase("half-affine", lambda: glow.HalfCoupling(PICTURE, affine=True, condition=2, **SIZES), PICTURE, 2),
    TransformCase("mixture-vector-0", _mixture(VECTOR, "channels", False), VECTOR),
    TransformCase("mixture-vector-1", _mixture(VECTOR, "channels", True, 2), VECTOR, 2),
    TransformCase("mixture-channels", _mixture(PICTURE, "channels", True), PICTURE),
    TransformCase("mixture-checkerboard-0", _mixture(PICTURE, "checkerboard", False), PICTURE),
    TransformCase("mixture-checkerboard-1", _mixture(PICTURE, "checkerboard", True, 2), PICTURE, 2),
    TransformCase("circular", lambda: CircularCoupling(3, 0, bins=4, **SIZES), VECTOR, range="angle"),
    TransformCase("circular-1", lambda: CircularCoupling(1, 0, bins=4, **SIZES), (1,), range="angle"),
    TransformCase("planar", lambda: PlanarStep(3), VECTOR),
    TransformCase("radial", lambda: RadialStep(3), VECTOR),
    TransformCase("marginal", lambda: Marginal(3, 6), VECTOR),
    TransformCase("marginal-gaussian", lambda: Marginal(3, 6, scores="gaussian"), VECTOR),
    TransformCase("rotation", lambda: Rotation(3), VECTOR),
    TransformCase("tail", lambda: copulas.Tail(3), VECTOR),
    TransformCase("margins", lambda: copulas.Margins(3, 6), VECTOR),
    TransformCase("probit", copulas.Probit, VECTOR),
    TransformCase("correlation", lambda: copulas.Correlation(3), VECTOR),
    TransformCase("rnade", lambda: MixtureConditionals(3, hidden=8, components=3), VECTOR),
    TransformCase("rnade-condition", lambda: MixtureConditionals(3, hidden=8, components=3, condition=2), VECTOR, 2),
    TransformCase("distribution", lambda: MonotoneConditionals(3, hidden=8), VECTOR),
    TransformCase("distribution-condition", lambda: MonotoneConditionals(3, hidden=8, condition=2), VECTOR, 2),
    TransformCase("residual", lambda: ResidualLayer(3, 8), VECTOR),
]


@dataclass(frozen=True)
class ModelCase:
    name: str
    family: str
    shape: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    range: str = "real"


MODELS = [
    ModelCase("nice", "nice", (2,), {"layers": 3, **SIZES}),
    ModelCase("nice-gaussian", "nice", (2,), {"layers": 3, "prior": "gaussian", "condition": 2, **SIZES}),
    ModelCase("nice-picture", "nice", PICTURE, {"layers": 3, "logit": 0.05, **SIZES}, "unit"),
    ModelCase("realnvp", "realnvp", (2,), {"layers": 3, "batch_norm": True, **SIZES}),
    ModelCase("realnvp-plain", "realnvp", (2,), {"layers": 3, "condition": 2, **SIZES}),
    ModelCase("realnvp-picture", "realnvp", PICTURE, {"layers": 2, "scales": 1, "logit": 0.05, **SIZES}, "unit"),
    ModelCase(
        "realnvp-scales", "realnvp", PICTURE, {"layers": 2, "scales": 2, "batch_norm": True, "condition": 2, **SIZES}
    ),
    ModelCase("glow", "glow", (2,), {"layers": 3, **SIZES}),
    ModelCase("glow-additive", "glow", (2,), {"layers": 3, "affine": False, "condition": 2, **SIZES}),
    ModelCase("glow-picture", "glow", PICTURE, {"layers": 2, "scales": 2, "condition": 2, **SIZES}),
    ModelCase("glow-logit", "glow", PICTURE, {"layers": 2, "scales": 1, "logit": 0.05, **SIZES}, "unit"),
    ModelCase("flowpp", "flowpp", (2,), {"layers": 3, "components": 4, **SIZES}),
    ModelCase("flowpp-condition", "flowpp", (2,), {"layers": 2, "components": 4, "condition": 2, **SIZES}),
    ModelCase("flowpp-picture", "flowpp", PICTURE, {**FLOWPP, "heads": 2, "condition": 2}),
    ModelCase("flowpp-logit", "flowpp", PICTURE, {**FLOWPP, "heads": 0, "logit": 0.05, "hidden": 2}, "unit"),
    ModelCase("maf", "maf", (2,), {"layers": 3, **SIZES}),
    ModelCase("maf-condition", "maf", (2,), {"layers": 3, "condition": 2, **SIZES}),
    ModelCase("iaf", "iaf", (2,), {"layers": 3, "condition": 2, **SIZES}),
    ModelCase("nsf", "nsf", (2,), {"layers": 3, "bins": 4, **SIZES}),
    ModelCase("nsf-condition", "nsf", (2,), {"layers": 3, "bins": 4, "condition": 2, **SIZES}),
    ModelCase("ncsf-torus", "ncsf", (2,), {"layers": 3, "bins": 4, "condition": 2, **SIZES}, "angle"),
    ModelCase("ncsf-circle", "ncsf", (1,), {"layers": 3, "bins": 4, **SIZES}, "angle"),
    ModelCase("planar", "planar", (2,), {"layers": 6}),
    ModelCase("radial", "radial", (2,), {"layers": 6}),
    ModelCase("rnade", "rnade", (2,), {"hidden": 8, "components": 4}),
    ModelCase("rnade-condition", "rnade", (2,), {"hidden": 8, "components": 4, "condition": 2}),
    ModelCase("copula", "copula", (2,), {"layers": 2, "bins": 4, "knots": 6, **SIZES}),
    ModelCase("gaussian-copula", "gaussian-copula", (2,), {"knots": 6}),
    ModelCase("gaussianisation", "gaussianisation", (2,), {"layers": 4, "knots": 6}),
    ModelCase("distribution", "distribution", (2,), {"hidden": 8}),
    ModelCase("distribution-condition", "distribution", (2,), {"hidden": 8, "condition": 2}),
    ModelCase("ddm", "ddm", (2,), {"layers": 3, "hidden": 8}),
]


def make_transform(case: TransformCase) -> Transform:
    torch.manual_seed(3)
    return stirred(case.make(), case.shape, case.range, case.condition)


def make_model(case: ModelCase) -> FlowModel:
    torch.manual_seed(3)
    model = build(case.family, case.shape, **case.settings)
    return stirred(model, case.shape, case.range, model.config.condition)


def stirred(module: Any, shape: tuple[int, ...], kind: str, condition: int) -> Any:
    """With statistics of a batch, and with parameters that are nowhere near the identity; in `eval`."""
    module.train()
    with torch.no_grad():
        module(*data(32, shape, kind, condition))
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return module.eval()


def data(n: int, shape: tuple[int, ...], kind: str, condition: int) -> tuple[Tensor, Tensor | None]:
    generator = torch.Generator().manual_seed(n)
    c = torch.randn(n, condition, generator=generator) if condition else None
    if kind == "real":
        return 1.5 * torch.randn(n, *shape, generator=generator) + 0.3, c
    u = torch.rand(n, *shape, generator=generator)
    return (u if kind == "unit" else (2 * u - 1) * math.pi), c


def distance(a: Tensor, b: Tensor, kind: str) -> float:
    """Largest difference; of angles, the shorter way round."""
    difference = a - b
    if kind == "angle":
        difference = torch.remainder(difference + math.pi, 2 * math.pi) - math.pi
    return float(difference.abs().max())


def log_volume(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """log |det df/dx| of each sample by autograd, (B,)."""
    out = []
    for sample in x:
        jacobian = torch.autograd.functional.jacobian(lambda s: f(s[None]).flatten(), sample)
        out.append(torch.linalg.slogdet(jacobian.reshape(sample.numel(), -1))[1])
    return torch.stack(out)
