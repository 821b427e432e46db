"""Circular splines: densities on the circle and on the torus, where a flow of the plane would show a seam at +-pi."""

from __future__ import annotations

import math

import torch

from experiments.density.common import Options, fit_toy, write_record
from experiments.plane import figures
from experiments.plane.fit import FitConfig, evaluate, integral
from experiments.plane.toys import toy

__all__ = ["run"]


def run(options: Options) -> None:
    """circular.json and circular.png."""
    circle, torus = toy("circle"), toy("torus")
    config = FitConfig(steps=options.scaled(400), learning_rate=0.005, seed=options.seed)
    on_circle = fit_toy(circle, "ncsf", config, layers=3, hidden=16, bins=12)
    config = FitConfig(steps=options.scaled(800), learning_rate=0.005, seed=options.seed)
    on_torus = fit_toy(torus, "ncsf", config, layers=6, hidden=32, bins=8)

    figure, axes = figures.new_figure(1, 4, side=2.5)
    figures.draw_circle(axes[0, 0], on_circle.model, circle)
    axes[0, 0].set_box_aspect(1)
    axes[0, 0].set_title("circle", fontsize=8)
    reach = torus.low, torus.high
    figures.draw_density(axes[0, 1], torus.log_prob, *reach)
    figures.draw_density(axes[0, 2], lambda p: evaluate(on_torus.model, p), *reach)
    drawn = on_torus.model.sample(2000, generator=torch.Generator().manual_seed(options.seed))
    figures.draw_points(axes[0, 3], drawn, None, *reach)
    titles = ("torus, true density", f"learned, {on_torus.values['gap']:.3f} nats short", "samples")
    for axis, title in zip(axes[0, 1:], titles, strict=True):
        axis.set_title(title, fontsize=8)
        axis.set_xticks([-math.pi, 0, math.pi], ["-π", "0", "π"], fontsize=7)
        axis.set_yticks([-math.pi, 0, math.pi], ["-π", "0", "π"], fontsize=7)
    figures.save_figure(figure, options.out / "circular.png")

    densities = {}
    for target, result in ((circle, on_circle), (torus, on_torus)):
        total = integral(result.model, -math.pi, math.pi, 400)
        densities[target.name] = {"entropy": round(target.entropy(), 4), "integral": round(total, 4), **result.values}
        print(target.name, densities[target.name], flush=True)
    write_record(options, "circular", {"densities": densities})
