"""What the models of pictures have learned, to look at: samples, interpolations, arithmetic with classes.

Samples at several temperatures, the crop of the training nearest to each, pictures between two pictures by way of
their latents, and the difference of two classes' mean latents added to a picture. The integer flow's latents are
rounded on the way. A PixelCNN has none.

References:
    Kingma and Dhariwal, *Glow*, 2018, https://arxiv.org/abs/1807.03039, section 6
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from experiments.density import patches
from experiments.density.common import Options, side_by_side, write_record
from experiments.density.loaded import Loaded, load
from experiments.density.zoo import contenders
from experiments.plane import figures
from idfcodec.cli.density import sheet

__all__ = ["TEMPERATURES", "attributes", "between", "nearest", "run"]

TEMPERATURES = (0.5, 0.7, 0.85, 1.0)
EACH = 9  # samples of a temperature
SHOWN = 8  # columns of the other figures
BANK = 8192  # crops of the training to look for neighbours in
CHANGES = (("automobile", "horse"), ("ship", "frog"))  # from the one class to the other
AMOUNTS = (0.0, 0.5, 1.0, 1.5)


def run(options: Options) -> None:
    """samples.json, and samples-temperatures.png, -neighbours, -between and -classes."""
    names = list(contenders())
    found = dict(zip(names, side_by_side(explore, [(name, options) for name in names], options.jobs), strict=True))
    draw_sheets(found, options)
    draw_neighbours(found, options)
    draw_between({n: f["between"] for n, f in found.items() if f["between"] is not None}, options)
    draw_classes({n: f["classes"] for n, f in found.items() if f["classes"] is not None}, options)
    record = {
        "temperatures": list(temperatures(options)),
        "crops_to_be_near_to": options.few(BANK, 64),
        "changes": [f"{a} to {b}" for a, b in CHANGES],
        "models": {name: {"title": contenders()[name].title, **f["values"]} for name, f in found.items()},
    }
    write_record(options, "samples", record, "root mean square difference of subpixels, of 255")


def temperatures(options: Options) -> tuple[float, ...]:
    """All of them, or the last one when things are only tried out."""
    return TEMPERATURES[-options.few(len(TEMPERATURES), 1) :]


def explore(name: str, options: Options) -> dict[str, Any]:
    """All that is drawn of one model, as uint8 pictures, and what is measured."""
    model = load(name, options.seed, options)
    drawn = {t: model.sample(options.few(EACH), t, seed=options.seed) for t in temperatures(options)}
    bank = patches.seen(options, options.few(BANK, 64), options.seed)
    shown = drawn[1.0][:SHOWN]
    near, distance = nearest(shown, bank)
    pictures, labels = patches.cifar(options)
    values: dict[str, Any] = {
        "bits_of_samples": {str(t): round(float(model.bits(x).mean()), 3) for t, x in drawn.items()},
        "to_nearest_crop": round(float(distance.mean()), 2),
        "held_back_to_nearest_crop": round(float(nearest(patches.held_back(options)[:256], bank)[1].mean()), 2),
    }
    ends = classes = None
    if model.has_latents:
        values["worst_round_trip"] = int((model.inverse(model.latents(shown)).int() - shown.int()).abs().max())
        ends = torch.cat([between(model, pictures[2 * i : 2 * i + 2], SHOWN) for i in range(2)])
        classes = attributes(model, pictures, labels)
    print(f"samples: {name}", values, flush=True)
    return {"drawn": drawn, "near": (shown, near), "between": ends, "classes": classes, "values": values}


def nearest(pictures: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """Of each of (N, C, h, w) the nearest in (M, C, h, w), and the root mean square difference, (N,)."""
    flat, known = pictures.flatten(1).float(), bank.flatten(1).float()
    squares = flat.square().sum(1, keepdim=True) + known.square().sum(1) - 2 * flat @ known.T
    least, index = squares.min(1)
    return bank[index], (least.clamp_min(0) / flat.shape[1]).sqrt()


def between(model: Loaded, ends: Tensor, count: int) -> Tensor:
    """(count, C, h, w): from one picture of `ends` (2, C, h, w) to the other, evenly in the space of latents."""
    at = torch.linspace(0, 1, count)
    latents = [torch.stack([torch.lerp(z[0], z[1], float(t)) for t in at]) for z in model.latents(ends)]
    return model.inverse(latents)


def attributes(model: Loaded, pictures: Tensor, labels: Tensor) -> Tensor:
    """For each of CHANGES two pictures of the first class, with AMOUNTS of the difference of the means added.

    Args:
        model: with latents.
        pictures: (N, C, h, w) uint8.
        labels: (N,) classes, as `patches.CLASSES` names them.
    """
    latents = model.latents(pictures)
    rows = []
    for pair in CHANGES:
        which = [labels == patches.CLASSES.index(name) for name in pair]
        if not all(bool(w.any()) for w in which):  # so few pictures that a class is missing: halves will do
            which = [torch.arange(len(labels)) % 2 == k for k in (0, 1)]
        start, end = which
        change = [z[end].mean(0) - z[start].mean(0) for z in latents]
        chosen = torch.nonzero(start)[:2, 0]
        for i in chosen.tolist():
            rows.append([torch.stack([z[i] + a * d for a in AMOUNTS]) for z, d in zip(latents, change, strict=True)])
    return model.inverse([torch.cat(level) for level in zip(*rows, strict=True)])


def draw_sheets(found: dict[str, Any], options: Options) -> None:
    figure, axes = figures.new_figure(len(found), len(temperatures(options)), side=1.9)
    for row, (name, model) in enumerate(found.items()):
        axes[row, 0].set_ylabel(contenders()[name].title, fontsize=8)
        for column, t in enumerate(temperatures(options)):
            axes[row, column].imshow(sheet(model["drawn"][t].permute(0, 2, 3, 1).numpy()), interpolation="nearest")
            bits = model["values"]["bits_of_samples"][str(t)]
            head = f"temperature {t:g}\n" if row == 0 else ""
            axes[row, column].set_title(f"{head}{bits:.2f} bits per dimension", fontsize=7)
    figures.save_figure(figure, options.out / "samples-temperatures.png", resolution=96)


def draw_neighbours(found: dict[str, Any], options: Options) -> None:
    """Samples above, the nearest crops of the training below."""
    pages = {name: rows_of(torch.cat(model["near"]), len(model["near"][0])) for name, model in found.items()}
    notes = {name: f", nearest {model['values']['to_nearest_crop']:.0f} away" for name, model in found.items()}
    _stacked(pages, notes, "samples, and below each the nearest crop of the training", options, "neighbours")


def draw_between(found: dict[str, Tensor], options: Options) -> None:
    """A row of pictures for each pair, the ends of which are the pictures themselves."""
    pages = {name: rows_of(pictures, SHOWN) for name, pictures in found.items()}
    _stacked(pages, dict.fromkeys(found, ""), "from picture to picture by way of the latents", options, "between")


def _stacked(pages: dict[str, Any], notes: dict[str, str], caption: str, options: Options, kind: str) -> None:
    """Wide pages, one below the other, each under its model's name."""
    figure, axes = figures.new_figure(len(pages), 1)
    height, width = next(iter(pages.values())).shape[:2]
    figure.set_size_inches(4.2, (4.2 * height / width + 0.25) * len(pages) + 0.3)
    for axis, (name, page) in zip(axes[:, 0], pages.items(), strict=True):
        axis.imshow(page, interpolation="nearest")
        axis.set_title(f"{contenders()[name].title}{notes[name]}", fontsize=8)
    figure.supxlabel(caption, fontsize=8)
    figures.save_figure(figure, options.out / f"samples-{kind}.png", resolution=110)


def draw_classes(found: dict[str, Tensor], options: Options) -> None:
    """A panel for each model, two pictures for each change, its amount growing to the right."""
    figure, axes = figures.new_figure(1, len(found), side=1.9)
    for column, (axis, (name, pictures)) in enumerate(zip(axes[0], found.items(), strict=True)):
        page = rows_of(pictures, len(AMOUNTS))
        axis.imshow(page, interpolation="nearest")
        axis.set_title(contenders()[name].title, fontsize=8)
        step = page.shape[1] / len(AMOUNTS)
        axis.set_xticks([step * (i + 0.5) for i in range(len(AMOUNTS))], [f"{a:g}" for a in AMOUNTS], fontsize=7)
        if column == 0:
            step = page.shape[0] / len(CHANGES)
            labels = [f"{a}\nto {b}" for a, b in CHANGES]
            axis.set_yticks([step * (i + 0.5) for i in range(len(CHANGES))], labels, fontsize=7)
        axis.tick_params(length=0)
    figure.supxlabel("how much of the difference of the classes' mean latents is added", fontsize=8)
    figures.save_figure(figure, options.out / "samples-classes.png", resolution=110)


def rows_of(pictures: Tensor, columns: int) -> Any:
    """(n, 3, h, w) uint8 as one page (H, W, 3) of rows of so many, white between them."""
    framed = F.pad(pictures, (1, 1, 1, 1), value=255)
    grid = framed.reshape(-1, columns, *framed.shape[1:]).permute(0, 3, 1, 4, 2)
    return grid.reshape(len(grid) * framed.shape[2], columns * framed.shape[3], 3).numpy()
