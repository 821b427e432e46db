"""Out of distribution: what each model says of pictures unlike those it learned from.

A density may give a higher likelihood to what it has never seen: smooth pictures are cheap under all of these models,
whatever they show. The area (AUROC) is the probability that a picture of a set costs more than a held-back square: 1 if
the model tells the set apart by its cost, 1/2 if it does not, below 1/2 where the unseen set is the likelier one.

References:
    Nalisnick et al., *Do Deep Generative Models Know What They Don't Know?*, 2019, https://arxiv.org/abs/1810.09136
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.density import patches
from experiments.density.common import Options, side_by_side, write_record
from experiments.density.loaded import load
from experiments.density.zoo import contenders
from experiments.plane import figures

__all__ = ["area", "run"]

COUNT = 200  # pictures of each set
INSIDE = "held back"


def run(options: Options) -> None:
    """ood.json and ood.png."""
    names = list(contenders())
    found = dict(zip(names, side_by_side(costs, [(name, options) for name in names], options.jobs), strict=True))
    models = {}
    for name, sets in found.items():
        inside = sets[INSIDE]
        rows = {
            key: {"mean": round(float(x.mean()), 3), "deviation": round(float(x.std()), 3),
                  "area": round(area(x, inside), 3)}
            for key, x in sets.items()
        }  # fmt: skip
        models[name] = {"title": contenders()[name].title, "sets": rows}
        print(f"ood: {name}", {key: row["area"] for key, row in rows.items()}, flush=True)
    count = len(next(iter(found.values()))[INSIDE])
    write_record(options, "ood", {"pictures_of_a_set": count, "inside": INSIDE, "models": models}, "bits per dimension")
    draw(found, models, options)


def costs(name: str, options: Options) -> dict[str, Tensor]:
    """Bits per dimension, (N,), of the pictures of each set; of a bound, with one sample of the noise."""
    model = load(name, options.seed, options)
    inside = patches.held_back(options)
    chosen = torch.randperm(len(inside), generator=torch.Generator().manual_seed(options.seed))
    inside = inside[chosen[: options.few(COUNT)]]
    sets = {INSIDE: inside, "CIFAR-10": patches.cifar(options)[0][: len(inside)]}
    sets |= patches.unlike(inside, options.seed)
    # What a model never learned to bound may cost it anything: infinity would leave no mean.
    return {key: model.bits(x, seed=options.seed).nan_to_num(1e4, 1e4).clamp_max(1e4) for key, x in sets.items()}


def area(outside: Tensor, inside: Tensor) -> float:
    """The probability that one of `outside` costs more than one of `inside`; of equal ones, half."""
    difference = outside[:, None] - inside[None, :]
    return float(((difference > 0).float() + 0.5 * (difference == 0)).mean())


def draw(found: dict[str, dict[str, Tensor]], models: dict[str, Any], options: Options) -> None:
    """A row for each set, a column for each model: histograms over that of the held-back squares."""
    keys = [key for key in next(iter(found.values())) if key != INSIDE]
    figure, axes = figures.new_figure(len(keys), len(found), side=1.0)
    figure.set_size_inches(1.75 * len(found), 0.72 * len(keys) + 0.6)
    bins = np.linspace(0, 12, 49)
    for column, (name, sets) in enumerate(found.items()):
        inside = np.clip(sets[INSIDE].numpy(), 0, 11.99)
        for row, key in enumerate(keys):
            axis = axes[row, column]
            axis.hist(inside, bins, density=True, color="#b9bec4")
            axis.hist(np.clip(sets[key].numpy(), 0, 11.99), bins, density=True, histtype="step",
                      color=figures.CLASS_COLOURS[1], linewidth=1.1)  # fmt: skip
            axis.set_xlim(0, 12)
            at = models[name]["sets"][key]["area"]
            axis.annotate(f"{at:.2f}", (0.97, 0.9), xycoords="axes fraction", ha="right", va="top", fontsize=7)
            if column == 0:
                axis.set_ylabel(key.replace(" ", "\n", 1), fontsize=6.5, rotation=0, ha="right", va="center")
            if row + 1 == len(keys):
                axis.set_xticks([0, 4, 8, 12], ["0", "4", "8", "≥12"], fontsize=7)
        axes[0, column].set_title(contenders()[name].title, fontsize=8)
    note = "bits per dimension; gray: held-back squares, orange: the set; number: how often it costs more than they do"
    figure.supxlabel(note, fontsize=7)
    figures.save_figure(figure, options.out / "ood.png", resolution=110)
