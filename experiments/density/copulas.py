"""Margins and what binds them, in four dimensions: a Gaussian copula, a vine, a copula flow, and a spline flow beside.

The density is a chain: two of its dimensions are two moons, a third follows from the first, the fourth from the product
of the second and the third. Pairs of dimensions tell a vine of the first, and nothing of the last.
"""

from __future__ import annotations

from typing import Any

import torch

from experiments.density.common import Options, fit_toy, write_record
from experiments.plane import figures
from experiments.plane.fit import FitConfig
from experiments.plane.toys import Chain

__all__ = ["MODELS", "run"]

# family: settings, steps, learning rate
MODELS: dict[str, tuple[dict[str, Any], int, float]] = {
    "gaussian-copula": ({}, 900, 0.006),
    "vine": ({}, 400, 0.0),
    "copula": ({"layers": 3, "hidden": 32}, 900, 0.006),
    "nsf": ({"layers": 3, "hidden": 32}, 900, 0.006),
}
PAIRS = ((0, 1), (0, 2), (2, 3))


def run(options: Options) -> None:
    """copulas.json, and copulas.png: pairs of dimensions, of the data and of every model's samples."""
    target = Chain()
    figure, axes = figures.new_figure(len(PAIRS), len(MODELS) + 1, side=1.5)
    drawn = {"data": target.sample(1500, torch.Generator().manual_seed(options.seed))[0]}
    table: dict[str, Any] = {}
    for family, (settings, steps, rate) in MODELS.items():
        config = FitConfig(steps=options.scaled(steps), learning_rate=rate, seed=options.seed)
        result = fit_toy(target, family, config, **settings)
        table[family] = result.values | {"settings": settings}
        drawn[family] = result.model.sample(1500, generator=torch.Generator().manual_seed(options.seed))
        print(f"copulas: {family}", table[family], flush=True)
    for column, (name, x) in enumerate(drawn.items()):
        for row, (i, j) in enumerate(PAIRS):
            figures.draw_points(axes[row, column], x[:, [i, j]], None, -2.5, 2.5, size=1)
            if column == 0:
                axes[row, 0].set_ylabel(f"$x_{i + 1}, x_{j + 1}$", fontsize=8)
        gap = f"\n{table[name]['gap']:.3f} short" if name in table else ""
        axes[0, column].set_title(f"{name}{gap}", fontsize=8)
    figures.save_figure(figure, options.out / "copulas.png", resolution=80)
    write_record(options, "copulas", {"models": table})
