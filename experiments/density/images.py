"""Bits per dimension of pictures of 32 x 32: all models at equal parameters and equal training, over three seeds.

Trained on crops of ../shared/data/train; judged on squares of the tenth of these pictures that is held back, and on
CIFAR-10 test pictures, which nothing was trained on. Each figure says what it is: a model of integers has a likelihood,
a density of reals only a bound on one, which depends on the noise and on how many samples of it are averaged.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from experiments.density import patches
from experiments.density.common import Options, side_by_side, write_record
from experiments.density.loaded import load, spread
from experiments.density.zoo import PARAMETERS, SECONDS, SEEDS, contenders, sized
from experiments.plane import figures

__all__ = ["SAMPLES", "judged", "measure", "run"]

SAMPLES = 8  # of the noise, for the tighter bound
SETS = {"held_back": "held-back squares", "cifar10": "CIFAR-10 test"}
PUBLISHED = ("RealNVP", "Glow", "Flow++", "IDF")
SOURCES = {"realnvp": "RealNVP", "glow": "Glow", "flowpp": "Flow++", "idf": "IDF"}


def run(options: Options) -> None:
    """images.json and images.png."""
    from benchmarks.published import published

    record = {
        "equal": {"parameters": PARAMETERS, "processor_seconds": SECONDS},
        **judged(options, options.seeds(SEEDS)),
        "published": [
            {"system": row.system, "bits_per_dimension": float(row.bits_per_subpixel), "kind": row.kind,
             "source": row.source, "checked": bool(row.checked)}
            for row in published().itertuples() if row.dataset == "CIFAR-10" and row.system in PUBLISHED
        ],
    }  # fmt: skip
    write_record(options, "images", record, "bits per dimension (per subpixel), mean over pictures")
    draw(record, options)


def judged(options: Options, seeds: list[int]) -> dict[str, Any]:
    """All models of all seeds, trained and measured, and the pictures that they are judged by."""
    names = list(contenders())
    tasks = [(name, seed, options) for seed in seeds for name in names]
    measured = side_by_side(measure, tasks, options.jobs)
    models = {
        name: summary(name, [row for task, row in zip(tasks, measured, strict=True) if task[0] == name], options)
        for name in names
    }
    sizes = {key: len(pixels) for key, pixels in pictures(options).items()}
    return {
        "pictures": {key: {"title": title, "count": sizes[key]} for key, title in SETS.items()},
        "noise_samples": SAMPLES,
        "models": models,
    }


def pictures(options: Options) -> dict[str, torch.Tensor]:
    """The pictures to judge by, (N, 3, side, side) uint8."""
    return {"held_back": patches.held_back(options), "cifar10": patches.cifar(options)[0]}


def measure(name: str, seed: int, options: Options) -> dict[str, Any]:
    """One model of one seed: trained, and judged with one sample of the noise and with several."""
    model = load(name, seed, options)
    start = time.process_time()
    row: dict[str, Any] = {"seed": seed, "kind": model.kind, **model.fit}
    for key, pixels in pictures(options).items():
        row[key] = round(float(model.bits(pixels, seed=seed).mean()), 4)
        if model.kind != "exact":
            row[f"{key}_tighter"] = round(float(model.bits(pixels, samples=SAMPLES, seed=seed).mean()), 4)
    row["judging_seconds"] = round(time.process_time() - start, 1)
    print(f"images: {name}", row, flush=True)
    return row


def summary(name: str, rows: list[dict[str, Any]], options: Options) -> dict[str, Any]:
    """Mean and spread over the seeds."""
    config = sized(name, options)
    values = [key for key in rows[0] if key.startswith(tuple(SETS))]
    return {
        "title": contenders()[name].title,
        "kind": rows[0]["kind"],
        "parameters": rows[0]["parameters"],
        "crops": sum(row["crops"] for row in rows) // len(rows),
        "settings": dict(config.settings)
        or {"channels": config.channels, "blocks": list(config.blocks), "levels": config.levels,
            "networks": config.networks},
        "learning_rate": config.learning_rate,
        **{key: spread([row[key] for row in rows]) for key in values},
        "seeds": rows,
    }  # fmt: skip


def draw(record: dict[str, Any], options: Options) -> None:
    """A panel for each set of pictures: a line for each model, a stroke for each seed, published figures beside."""
    figure, axes = figures.new_figure(1, len(SETS), side=3.4)
    models = list(reversed(record["models"].items()))
    known = {row["system"]: row["bits_per_dimension"] for row in record["published"]}
    for column, (key, title) in enumerate(SETS.items()):
        axis = axes[0, column]
        for place, (name, model) in enumerate(models):
            colour = figures.CLASS_COLOURS[0 if model["kind"] == "exact" else 1]
            best = f"{key}_tighter" if f"{key}_tighter" in model else key
            axis.barh(place, model[best]["mean"], 0.62, color=colour, alpha=0.25, linewidth=0)
            points = [row[best] for row in model["seeds"]]
            axis.plot(points, [place] * len(points), "|", color=colour, markersize=11)
            label = f"{model[best]['mean']:.2f}"
            axis.annotate(label, (max(points), place), (4, 0), textcoords="offset points", va="center", fontsize=7)
            if key == "cifar10" and SOURCES.get(name) in known:
                axis.plot(known[SOURCES[name]], place, "d", color=figures.CLASS_COLOURS[6], markersize=4, alpha=0.8)
        top = max(max(row[key] for row in model["seeds"]) for _, model in models)
        axis.set_xlim(0, 1.14 * top)
        axis.set_yticks(range(len(models)), [m["title"] for _, m in models] if column == 0 else [], fontsize=8)
        axis.xaxis.set_major_locator(figures.few_ticks(5))
        axis.tick_params(labelsize=8, length=2)
        axis.set_xlabel("bits per dimension", fontsize=8)
        axis.set_title(f"{title}, {record['pictures'][key]['count']} pictures", fontsize=8)
    note = (
        "blue: exact; orange: upper bound; a stroke is a seed; diamonds: published, at full size, trained on CIFAR-10"
    )
    figure.supxlabel(note, fontsize=7)
    figures.save_figure(figure, options.out / "images.png", resolution=110)
