"""RealNVP with 1 to 50 couplings on four toy densities: what depth buys.

With one coupling the data is hardly moved; with many, its latents are a Gaussian.
"""

from __future__ import annotations

import torch

from experiments.density.common import PLANE, Options, Result, fit_toy, write_record
from experiments.plane import figures
from experiments.plane.fit import FitConfig, evaluate
from experiments.plane.toys import Toy, toy

__all__ = ["LAYERS", "run"]

LAYERS = (1, 2, 5, 10, 20, 50)
ROWS = (
    "density",
    "samples",
    "latents by class",
    "grid of data\nin latents",
    "grid of latents\nin data",
    "loss in nats",
)


def run(options: Options) -> None:
    """A figure for each density, and couplings.json."""
    table = {}
    for name in PLANE:
        target = toy(name)
        results = {}
        for layers in LAYERS:
            config = FitConfig(steps=options.scaled(700), learning_rate=0.005, seed=options.seed)
            results[layers] = fit_toy(target, "realnvp", config, layers=layers, hidden=32)
        draw(target, results, options)
        rows = {str(layers): result.values for layers, result in results.items()}
        table[name] = {"entropy": round(target.entropy(), 4), "couplings": rows}
        print(f"{name}: gap by couplings", {n: r.values["gap"] for n, r in results.items()}, flush=True)
    write_record(options, "couplings", {"densities": table})


def draw(target: Toy, results: dict[int, Result], options: Options) -> None:
    """One column for each number of couplings."""
    figure, axes = figures.new_figure(len(ROWS), len(results), side=1.75)
    reach = target.low, target.high
    latent = figures.LATENT_REACH
    for column, (layers, result) in enumerate(results.items()):
        model = result.model
        generator = torch.Generator().manual_seed(options.seed)
        x, label = target.sample(1200, generator)
        figures.draw_density(axes[0, column], lambda p, model=model: evaluate(model, p), *reach, size=120)
        figures.draw_points(axes[1, column], model.sample(1200, generator=generator), None, *reach, size=1)
        with torch.no_grad():
            figures.draw_points(axes[2, column], model.latents(x)[0], label, -latent, latent, size=1)
        figures.draw_warp(axes[3, column], model, *reach)
        figures.draw_warp_back(axes[4, column], model, *reach)
        figures.draw_losses(axes[5, column], result.losses, target.entropy())
        title = f"{layers} coupling{'s' * (layers > 1)}\n{result.values['gap']:.3f} nats short"
        axes[0, column].set_title(title, fontsize=8)
    for row, name in enumerate(ROWS):
        axes[row, 0].set_ylabel(name, fontsize=8)
    figures.save_figure(figure, options.out / f"couplings-{target.name}.png", resolution=80)
