"""Flows with a condition: densities by class, and the posterior of an inverse problem.

The inverse problem is Ardizzone's arm: a rail and three joints, x = (height, three angles) with a Gaussian prior, and
the point y where the arm ends, measured with noise. Many x reach the same y; the flow p(x | y) gives them all, and is
compared with the true posterior, p(x) p(y | x) / p(y) with p(y) by Monte Carlo, and samples by rejection.

References:
    Ardizzone et al., *Analyzing Inverse Problems with Invertible Neural Networks*, 2018,
    https://arxiv.org/abs/1808.04730
    Ardizzone et al., *Guided Image Generation with Conditional Invertible Neural Networks*, 2019,
    https://arxiv.org/abs/1907.02392
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from experiments.density.common import Options, parameters, write_record
from experiments.plane import figures
from experiments.plane.fit import FitConfig, evaluate, fit
from experiments.plane.toys import Toy, toy
from idfcodec.baselines.contract import FlowModel
from idfcodec.baselines.families import build

__all__ = ["run"]

PRIOR = torch.tensor([0.25, 0.5, 0.5, 0.5])  # standard deviations of the height and of the angles
LENGTHS = (0.5, 0.5, 1.0)
NOISE = 0.05  # of the measured point, standard deviation of each coordinate
TARGETS = torch.tensor([[1.7, 0.3], [1.3, -0.8], [0.9, 0.9]])


def run(options: Options) -> None:
    """conditional.json, conditional-classes.png and conditional-arm.png."""
    classes = {name: by_class(toy(name), options) for name in ("moons", "gaussians")}
    draw_classes({name: (toy(name), model) for name, (model, _) in classes.items()}, options)
    arm = inverse_problem(options)
    record = {"classes": {name: values for name, (_, values) in classes.items()}, "arm": arm}
    print(record, flush=True)
    write_record(options, "conditional", record)


def one_hot(label: Tensor, count: int) -> Tensor:
    return F.one_hot(label, count).float()


def by_class(target: Toy, options: Options) -> tuple[FlowModel, dict[str, Any]]:
    """A model given the class, and its likelihood given the right class and over all of them."""

    def draw(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        x, label = target.sample(n, generator)
        return x, one_hot(label, target.classes)

    torch.manual_seed(options.seed)
    model = build("realnvp", (2,), layers=6, hidden=32, condition=target.classes)
    fit(model, draw, FitConfig(steps=options.scaled(700), learning_rate=0.005, seed=options.seed))
    x, label = target.sample(20000, torch.Generator().manual_seed(10000 + options.seed))
    every = range(target.classes)
    learned = torch.stack([evaluate(model, x, one_hot(torch.full_like(label, k), target.classes)) for k in every], 1)
    true = torch.stack([target.log_prob(x, k) for k in every], 1)
    log_count = math.log(target.classes)
    given = (torch.arange(len(x)), label)
    return model, {
        "parameters": parameters(model),
        "log_likelihood_given_class": round(float(learned[given].mean()), 4),
        "true_log_likelihood_given_class": round(float(true[given].mean()), 4),
        "log_likelihood": round(float((torch.logsumexp(learned, 1) - log_count).mean()), 4),
        "true_log_likelihood": round(float(target.log_prob(x).mean()), 4),
        "class_found_by_bayes": round(float((learned.argmax(1) == label).float().mean()), 4),
        "class_found_by_bayes_with_the_true_density": round(float((true.argmax(1) == label).float().mean()), 4),
    }


def draw_classes(models: dict[str, tuple[Toy, FlowModel]], options: Options) -> None:
    """Samples by class, and the densities given the first two classes."""
    figure, axes = figures.new_figure(len(models), 4, side=2.2)
    for row, (name, (target, model)) in enumerate(models.items()):
        reach = target.low, target.high
        generator = torch.Generator().manual_seed(options.seed)
        x, label = target.sample(2000, generator)
        figures.draw_points(axes[row, 0], x, label, *reach)
        drawn = model.sample(2000, 1.0, one_hot(label, target.classes), generator)
        figures.draw_points(axes[row, 1], drawn, label, *reach)
        for column in range(2):
            condition = one_hot(torch.tensor([column]), target.classes)
            figures.draw_density(
                axes[row, 2 + column],
                lambda p, model=model, c=condition: evaluate(model, p, c.expand(len(p), -1)),
                *reach,
            )
        axes[row, 0].set_ylabel(name, fontsize=8)
    titles = ("data by class", "samples given the class", "density given class 0", "density given class 1")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=8)
    figures.save_figure(figure, options.out / "conditional-classes.png")


def joints(x: Tensor) -> Tensor:
    """Where the arm's base, joints and end are: (N, 4, 2) of (N, 4)."""
    angles = x[:, 1:].cumsum(1)
    steps = torch.stack((torch.cos(angles), torch.sin(angles)), 2) * torch.tensor(LENGTHS)[:, None]
    base = torch.stack((torch.zeros(len(x)), x[:, 0]), 1)[:, None]
    return torch.cat((base, base + steps.cumsum(1)), 1)


def measured(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """x from the prior, and y: the arm's end with noise."""
    x = PRIOR * torch.randn(n, 4, generator=generator)
    return x, joints(x)[:, -1] + NOISE * torch.randn(n, 2, generator=generator)


def log_normal(x: Tensor, deviation: Tensor | float) -> Tensor:
    s = torch.as_tensor(deviation).expand(x.shape[-1])
    return (-0.5 * (x / s).square() - torch.log(s)).sum(-1) - 0.5 * x.shape[-1] * math.log(2 * math.pi)


def log_evidence(y: Tensor, ends: Tensor) -> Tensor:
    """log p(y) by Monte Carlo over ends of arms drawn from the prior, (N,)."""
    rows = [torch.logsumexp(log_normal(point - ends, NOISE), 0) for point in y]
    return torch.stack(rows) - math.log(len(ends))


def rejected(y: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n samples of the true posterior given one y (2,)."""
    kept: list[Tensor] = []
    while sum(map(len, kept)) < n:
        x = PRIOR * torch.randn(200000, 4, generator=generator)
        squares = (joints(x)[:, -1] - y).square().sum(1)
        kept.append(x[torch.rand(len(x), generator=generator) < torch.exp(-squares / (2 * NOISE**2))])
    return torch.cat(kept)[:n]


def inverse_problem(options: Options) -> dict[str, Any]:
    """Train p(x | y), compare it with the true posterior, draw arms of both."""
    torch.manual_seed(options.seed)
    model = build("realnvp", (4,), layers=10, hidden=64, condition=2)
    config = FitConfig(steps=options.scaled(1200), batch=512, learning_rate=0.004, seed=options.seed)
    losses = fit(model, measured, config)
    generator = torch.Generator().manual_seed(10000 + options.seed)
    x, y = measured(1000, generator)
    ends = joints(PRIOR * torch.randn(200000, 4, generator=generator))[:, -1]
    end = joints(x)[:, -1]
    true = log_normal(x, PRIOR) + log_normal(y - end, NOISE) - log_evidence(y, ends)
    learned = evaluate(model, x, y)
    drawn = [model.sample(1000, 1.0, target[None], generator) for target in TARGETS]
    exact = [rejected(target, 1000, generator) for target in TARGETS]
    draw_arms(drawn, exact, losses, options)
    gap = true - learned
    return {
        "parameters": parameters(model),
        "held_out_samples": len(x),
        "log_likelihood": round(float(learned.mean()), 4),
        "true_log_likelihood": round(float(true.mean()), 4),
        "gap": round(float(gap.mean()), 4),
        "gap_standard_error": round(float(gap.std() / len(gap) ** 0.5), 4),
        "targets": [
            {
                "y": [round(v, 2) for v in target.tolist()],
                "distance_of_ends_rms": round(spread(a, target), 4),
                "distance_of_ends_rms_of_true_posterior": round(spread(b, target), 4),
                "mean": rounded(a.mean(0)),
                "mean_of_true_posterior": rounded(b.mean(0)),
                "deviation": rounded(a.std(0)),
                "deviation_of_true_posterior": rounded(b.std(0)),
            }
            for target, a, b in zip(TARGETS, drawn, exact, strict=True)
        ],
    }


def spread(x: Tensor, target: Tensor) -> float:
    return float((joints(x)[:, -1] - target).square().sum(1).mean().sqrt())


def rounded(values: Tensor) -> list[float]:
    return [round(v, 3) for v in values.tolist()]


def draw_arms(drawn: list[Tensor], exact: list[Tensor], losses: list[float], options: Options) -> None:
    """Arms of both posteriors for each measured point."""
    figure, axes = figures.new_figure(2, len(TARGETS), side=2.4)
    for row, (name, samples) in enumerate((("flow", drawn), ("rejection", exact))):
        for column, (x, target) in enumerate(zip(samples, TARGETS, strict=True)):
            axis = axes[row, column]
            for arm in joints(x[:120]):
                axis.plot(arm[:, 0].numpy(), arm[:, 1].numpy(), color=figures.CLASS_COLOURS[0], alpha=0.12, linewidth=1)
            axis.plot(*target.tolist(), "x", color=figures.CLASS_COLOURS[1], markersize=7, markeredgewidth=2)
            axis.set_xlim(-0.3, 2.2)
            axis.set_ylim(-1.25, 1.25)
            axis.set_aspect("equal")
        axes[row, 0].set_ylabel(f"posterior by {name}", fontsize=8)
    for column, target in enumerate(TARGETS.tolist()):
        axes[0, column].set_title(f"arm ends at ({target[0]:.1f}, {target[1]:.1f})", fontsize=8)
    figures.save_figure(figure, options.out / "conditional-arm.png")
