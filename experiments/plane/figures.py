"""Drawings of densities in the plane and of what a flow does to them. Needs matplotlib, which is imported on use.

Nothing here touches pyplot: figures are objects, and no window or global state comes of them.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from experiments.plane.fit import evaluate
from experiments.plane.toys import Toy, grid
from idfcodec.baselines.contract import Density, FlowModel
from idfcodec.errors import IDFError
from idfcodec.files import write_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "CLASS_COLOURS",
    "LATENT_REACH",
    "draw_circle",
    "draw_density",
    "draw_losses",
    "draw_points",
    "draw_warp",
    "draw_warp_back",
    "few_ticks",
    "new_figure",
    "overview",
    "save_figure",
]

# Okabe and Ito, https://jfly.uni-koeln.de/color/: told apart with any colour vision.
CLASS_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1c2126", "#b8a800")
LATENT_REACH = 3.8  # of a standard Gaussian's picture
TINY = 7  # points, the size of labels


def new_figure(rows: int, columns: int, *, side: float = 2.1) -> tuple[Figure, Any]:
    """A figure and its (rows, columns) axes of `side` inches each, without ticks.

    Raises:
        IDFError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as ex:
        raise IDFError("figures need matplotlib: pip install 'idfcodec[baselines]'") from ex
    figure = Figure(figsize=(side * columns, side * rows + 0.2), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    return figure, axes


def save_figure(figure: Figure, path: Path, *, resolution: int = 90, force: bool = True) -> None:
    """Write a figure as PNG (of 256 colours, which keeps it small) or as what the suffix says, such as .svg.

    Raises:
        IDFError: matplotlib writes no such format.
        OSError: it could not be written.
    """
    stream = io.BytesIO()
    suffix = path.suffix.lower().lstrip(".") or "png"
    metadata = {"Date": None} if suffix == "svg" else None  # the same figure, the same bytes
    try:
        # Cut to what is drawn: no label falls off the edge.
        figure.savefig(stream, format=suffix, dpi=resolution, metadata=metadata, bbox_inches="tight", pad_inches=0.05)
    except ValueError as ex:
        raise IDFError(f"{path}: {ex}") from ex
    if suffix == "png":
        from PIL import Image

        # Maximum coverage keeps the colours of small points, which the median cut would merge.
        image = Image.open(stream).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        stream = io.BytesIO()
        image.save(stream, "PNG", optimize=True)
    write_target(path, stream.getvalue(), force=force)


def _frame(axes: Axes, low: float, high: float) -> None:
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")


def draw_density(axes: Axes, log_prob: Callable[[Tensor], Tensor], low: float, high: float, *, size: int = 160) -> None:
    """p(x) over the square [low, high]^2, dark where it is large.

    Args:
        axes: where to.
        log_prob: nats, (N,) of (N, 2) float32.
        low: of both coordinates.
        high: of both coordinates.
        size: pixels of a side.
    """
    points, _ = grid(low, high, size)
    p = torch.exp(log_prob(points.float()).double()).reshape(size, size)
    # The brightest hundredth may saturate, so that a spike leaves the rest visible.
    top = float(torch.quantile(p[p > 1e-4], 0.99)) if bool((p > 1e-4).any()) else 1.0
    picture = p.T.numpy()
    axes.imshow(picture, origin="lower", extent=(low, high, low, high), vmin=0, vmax=top, cmap="Blues")
    _frame(axes, low, high)


def draw_points(axes: Axes, x: Tensor, label: Tensor | None, low: float, high: float, *, size: float = 1.5) -> None:
    """Points (N, 2), coloured by class (N,)."""
    colours = "#1c2126" if label is None else [CLASS_COLOURS[i % len(CLASS_COLOURS)] for i in label.tolist()]
    axes.scatter(x[:, 0].numpy(), x[:, 1].numpy(), s=size, c=colours, linewidths=0, rasterized=True)
    _frame(axes, low, high)


def _lines(low: float, high: float, count: int = 21, points: int = 160) -> Tensor:
    """The lines of a square grid, (2 count, points, 2)."""
    along = torch.linspace(low, high, points)
    at = torch.linspace(low, high, count)
    across = torch.stack((at[:, None].expand(-1, points), along.expand(count, -1)), -1)
    return torch.cat((across, across.flip(-1)))


def _draw_lines(axes: Axes, lines: Tensor) -> None:
    from matplotlib.collections import LineCollection

    half = len(lines) // 2
    colours = [CLASS_COLOURS[0]] * half + [CLASS_COLOURS[1]] * half
    segments = [line[torch.isfinite(line).all(1)].numpy() for line in lines]
    axes.add_collection(LineCollection(segments, linewidths=0.5, colors=colours))


@torch.no_grad()
def draw_warp(axes: Axes, model: FlowModel, low: float, high: float, condition: Tensor | None = None) -> None:
    """Where the flow puts a square grid of the data's plane, [low, high]^2: a grid in the plane of the latents."""
    lines = _lines(low, high)
    flat = lines.reshape(-1, 2)
    z = model.latents(flat, None if condition is None else condition.expand(len(flat), -1))[0]
    _draw_lines(axes, z.reshape(lines.shape))
    _frame(axes, -LATENT_REACH, LATENT_REACH)


@torch.no_grad()
def draw_warp_back(axes: Axes, model: FlowModel, low: float, high: float, condition: Tensor | None = None) -> None:
    """Where the inverse puts a square grid of the latents' plane, [-3, 3]^2: what a Gaussian's cells become."""
    lines = _lines(-3, 3)
    flat = lines.reshape(-1, 2)
    x = model.inverse([flat], None if condition is None else condition.expand(len(flat), -1))
    _draw_lines(axes, x.reshape(lines.shape))
    _frame(axes, low, high)


def draw_losses(axes: Axes, losses: Sequence[float], floor: float | None = None) -> None:
    """The training loss in nats, smoothed, and the least it can be."""
    width = max(1, len(losses) // 100)
    cut = np.asarray(losses)[: len(losses) // width * width].reshape(-1, width).mean(1)
    axes.plot(np.arange(len(cut)) * width, cut, color=CLASS_COLOURS[0], linewidth=1)
    values = [v for v in cut.tolist() if math.isfinite(v)]
    low, start = min([*values, *([] if floor is None else [floor])]), values[0]
    if floor is not None:
        axes.axhline(floor, color=CLASS_COLOURS[1], linewidth=0.8, linestyle="--")
    axes.set_ylim(low - 0.1 * (start - low + 0.1), min(start, low + 2) + 0.05)
    axes.set_box_aspect(1)
    axes.xaxis.set_major_locator(few_ticks())
    axes.yaxis.set_major_locator(few_ticks())
    axes.tick_params(labelsize=TINY, length=2)


def few_ticks(count: int = 3) -> Any:
    """Where an axis has about `count` round values."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(count)


def overview(model: Density, toy: Toy, losses: Sequence[float], *, seed: int = 0) -> Figure:
    """One figure of a trained model: data and learned density, samples, loss; of a flow latents and warped grids.

    Args:
        model: of `toy`, which has two dimensions, or one angle.
        toy: what it was trained on.
        losses: of its training.
        seed: of the samples.
    """
    generator = torch.Generator().manual_seed(seed)
    x, label = toy.sample(2000, generator)
    drawn = model.sample(2000, generator=generator)
    reach = toy.low, toy.high
    if toy.dimensions == 1:
        figure, axes = new_figure(1, 2, side=3.2)
        draw_circle(axes[0, 0], model, toy)
        titles = ["density over the angle"]
        last = axes[0, 1]
    elif toy.angles:
        figure, axes = new_figure(2, 2, side=2.6)
        draw_points(axes[0, 0], x, label, *reach)
        draw_density(axes[0, 1], lambda p: evaluate(model, p), *reach)
        draw_points(axes[1, 0], drawn, None, *reach)
        titles = ["data by class", "learned density", "samples"]
        last = axes[1, 1]
    elif not isinstance(model, FlowModel):
        figure, axes = new_figure(1, 5, side=2.4)
        draw_points(axes[0, 0], x, label, *reach)
        draw_density(axes[0, 1], toy.log_prob, *reach)
        draw_density(axes[0, 2], lambda p: evaluate(model, p), *reach)
        draw_points(axes[0, 3], drawn, None, *reach)
        titles = ["data by class", "true density", "learned density", "samples"]
        last = axes[0, 4]
    else:
        figure, axes = new_figure(2, 4, side=2.4)
        draw_points(axes[0, 0], x, label, *reach)
        draw_density(axes[0, 1], toy.log_prob, *reach)
        draw_density(axes[0, 2], lambda p: evaluate(model, p), *reach)
        draw_points(axes[0, 3], drawn, None, *reach)
        with torch.no_grad():
            draw_points(axes[1, 0], model.latents(x)[0], label, -LATENT_REACH, LATENT_REACH)
        draw_warp(axes[1, 1], model, *reach)
        draw_warp_back(axes[1, 2], model, *reach)
        titles = ["data by class", "true density", "learned density", "samples"]
        titles += ["latents by class", "grid of data in latents", "grid of latents in data"]
        last = axes[1, 3]
    draw_losses(last, losses, toy.entropy() if model.nats else None)
    titles.append("loss in nats, dashed: entropy" if model.nats else "loss")
    for axis, title in zip(axes.flat, titles, strict=True):
        axis.set_title(title, fontsize=TINY + 2)
    return figure


def draw_circle(axes: Axes, model: Density, toy: Toy) -> None:
    """The density of an angle: true (dashed) and learned."""
    angle = grid(toy.low, toy.high, 720, 1)[0]
    axes.plot(angle[:, 0].numpy(), toy.log_prob(angle).exp().numpy(), "--", color=CLASS_COLOURS[1], label="true")
    learned = evaluate(model, angle.float()).exp().numpy()
    axes.plot(angle[:, 0].numpy(), learned, color=CLASS_COLOURS[0], label="learned", linewidth=1)
    axes.set_xticks([-math.pi, 0, math.pi], ["-π", "0", "π"], fontsize=TINY)
    axes.set_xlim(toy.low, toy.high)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=TINY, frameon=False)
