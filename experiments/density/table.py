"""All families on the four toy densities: held-out log-likelihood beside the true one.

The sizes are chosen so that those with networks have about 10,000 parameters each; a planar or a radial step has a
handful, and more of them do not train; a Gaussian copula and a vine have what they have. The numbers of steps give all
of them about the same time, some fifteen seconds of one core.
"""

from __future__ import annotations

from typing import Any

from experiments.density.common import PLANE, Options, fit_toy, write_record
from experiments.plane import figures
from experiments.plane.fit import FitConfig, evaluate, integral
from experiments.plane.toys import toy

__all__ = ["MODELS", "run"]

# family, perhaps with a remark: settings, steps, learning rate
MODELS: dict[str, tuple[dict[str, Any], int, float]] = {
    "planar": ({"layers": 16}, 900, 0.01),
    "radial": ({"layers": 16}, 900, 0.01),
    "nice": ({"layers": 8, "hidden": 32, "prior": "gaussian"}, 1600, 0.006),
    "realnvp": ({"layers": 8, "hidden": 32}, 1500, 0.006),
    "realnvp, batch norm": ({"layers": 8, "hidden": 32, "batch_norm": True}, 1000, 0.006),
    "glow": ({"layers": 6, "hidden": 38}, 1200, 0.006),
    "maf": ({"layers": 6, "hidden": 36}, 1600, 0.006),
    "iaf": ({"layers": 6, "hidden": 36}, 700, 0.006),
    "nsf": ({"layers": 3, "hidden": 40}, 1000, 0.006),
    "flowpp": ({"layers": 4, "hidden": 37}, 700, 0.006),
    "rnade": ({"hidden": 128, "components": 12}, 3000, 0.006),
    "rad": ({"folds": 4, "layers": 6, "hidden": 36}, 1200, 0.01),
    "copula": ({"layers": 3, "hidden": 37}, 900, 0.006),
    "gaussian-copula": ({}, 900, 0.006),
    "vine": ({}, 400, 0.0),
    "gaussianisation": ({"layers": 100}, 400, 0.0),
    "distribution": ({"hidden": 34}, 1500, 0.006),
    "ddm": ({"layers": 14, "hidden": 56}, 900, 0.006),
}


def run(options: Options) -> None:
    """table.json, and a figure of all learned densities."""
    figure, axes = figures.new_figure(len(PLANE), len(MODELS) + 1, side=1.5)
    table: dict[str, Any] = {}
    for row, name in enumerate(PLANE):
        target = toy(name)
        reach = target.low, target.high
        figures.draw_density(axes[row, 0], target.log_prob, *reach, size=120)
        axes[row, 0].set_ylabel(name, fontsize=8)
        rows = {}
        for column, (family, (settings, steps, rate)) in enumerate(MODELS.items(), 1):
            config = FitConfig(steps=options.scaled(steps), learning_rate=rate, seed=options.seed)
            result = fit_toy(target, family.split(",")[0], config, **settings)
            total = integral(result.model, -12, 12, 600)
            rows[family] = result.values | {"settings": settings, "integral": round(total, 4)}
            model = result.model
            figures.draw_density(axes[row, column], lambda p, model=model: evaluate(model, p), *reach, size=120)
            title = family.replace(", ", ",\n") + "\n" if row == 0 else ""
            axes[row, column].set_title(f"{title}{result.values['gap']:.3f} short", fontsize=8)
            print(f"{name} {family}: {rows[family]}", flush=True)
        table[name] = {"entropy": round(target.entropy(), 4), "models": rows}
        axes[row, 0].set_title("truth\n" * (row == 0) + f"H = {table[name]['entropy']:.3f}", fontsize=8)
        write_record(options, "table", {"densities": table})
    figures.save_figure(figure, options.out / "table.png", resolution=80)
