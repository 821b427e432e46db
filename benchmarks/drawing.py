"""How every plot looks, how it becomes SVG for the page, and labels that keep out of each other's way.

The colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which people with any colour vision tell
apart; markers differ in shape as well. In the SVG each colour is a CSS variable with the colour as its fallback, so
that the page can give another one for a dark background.
"""

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

__all__ = ["COLOURS", "DARK", "WIDTH", "Label", "Plot", "figure", "place_labels", "style", "svg"]

# Name of the CSS variable without "--plot-": colour on a light background.
COLOURS = {
    "ink": "#1c2126",
    "muted": "#5d6671",
    "grid": "#dfe3e8",
    "page": "#fefefe",
    "ours": "#0072b2",
    "jxl": "#d55e00",
    "peer": "#66707b",
    "command": "#a8568a",
    "first": "#009e73",
    "second": "#e69f00",
    "third": "#56b4e9",
}
DARK = {
    "ink": "#e8eaed",
    "muted": "#a6afb9",
    "grid": "#363d45",
    "page": "#16191d",
    "ours": "#56b4e9",
    "jxl": "#f0803c",
    "peer": "#98a1ab",
    "command": "#d591bb",
    "first": "#1fbf91",
    "second": "#e69f00",
    "third": "#7cc8f2",
}
WIDTH = 720  # pixels of every plot, before the page scales it
DOTS = 100  # pixels an inch: the unit of every length below that says pixels
MARKER = 5.5  # pixels: half the side of the square that a marker takes
TEXT = 8.5  # points: the size of labels
FAR = 12.0  # pixels: a label further away from its point gets a line to it

Boxes = NDArray[np.float64]
"""Boxes (N, 4) as left, bottom, right, top in pixels, or points (N, 2)."""


@contextmanager
def style() -> Iterator[None]:
    """matplotlib's settings for one plot."""
    settings: Any = {
        "font.family": "DejaVu Sans",  # comes with matplotlib: widths are the same on every machine
        "font.size": 9,
        "figure.dpi": DOTS,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "axes.edgecolor": COLOURS["muted"],
        "axes.labelcolor": COLOURS["ink"],
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": COLOURS["grid"],
        "grid.linewidth": 0.7,
        "text.color": COLOURS["ink"],
        "xtick.color": COLOURS["muted"],
        "ytick.color": COLOURS["muted"],
        "xtick.labelcolor": COLOURS["ink"],
        "ytick.labelcolor": COLOURS["ink"],
        "legend.frameon": False,
        "svg.fonttype": "path",  # drawn letters: what was measured to fit does fit in every browser
        "svg.hashsalt": "idfcodec",
    }
    with matplotlib.rc_context(settings):
        yield


def figure(width: float, height: float) -> Figure:
    """An empty figure of that many pixels."""
    made = Figure(figsize=(width / DOTS, height / DOTS), dpi=DOTS, layout="constrained")
    FigureCanvasAgg(made)
    return made


def svg(drawn: Figure, *, name: str, description: str) -> str:
    """The figure as an `<svg>` element that can stand in HTML beside others.

    Args:
        name: unique on the page; goes in front of every id, which would clash otherwise.
        description: what one sees, for those who do not.
    """
    stream = io.StringIO()
    drawn.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r'<svg\b[^>]*?(viewBox="[^"]*")[^>]*>', rf"<svg \g<1>{_attributes(description)}>", text, count=1)
    for token, colour in COLOURS.items():
        text = text.replace(colour, f"var(--plot-{token}, {colour})")
    return re.sub(r"\n\s*", "\n", text).strip()


def _attributes(description: str) -> str:
    quoted = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\\", "")
    return (
        ' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' role="img" aria-label="{quoted}"'
    )


@dataclass(frozen=True)
class Plot:
    """An SVG with what stands below it.

    Attributes:
        name: unique on the page, an id.
        title: a few words.
        caption: how to read it.
        svg: the element.
    """

    name: str
    title: str
    caption: str
    svg: str


@dataclass(frozen=True)
class Label:
    """A text for the point (x, y), in the units of the axes."""

    x: float
    y: float
    text: str
    colour: str
    bold: bool = False


def place_labels(axes: Axes, labels: Sequence[Label], line: Line2D | None = None) -> Boxes:
    """Writes each label near its point: on no other label or marker, inside the axes and off `line` where that can be.

    Each label in turn takes the cheapest of some places around its point; then every one is moved twice more, with all
    others known. Labels that had to go far get a line to their point. Returns the boxes of the texts, (N, 4) as left,
    bottom, right, top in pixels.
    """
    drawn = axes.figure
    assert isinstance(drawn, Figure)
    assert isinstance(drawn.canvas, FigureCanvasAgg)
    canvas: Any = drawn.canvas
    canvas.draw()  # fixes the layout, and with it where points are in pixels
    drawn.set_layout_engine("none")
    renderer = canvas.get_renderer()
    points = axes.transData.transform([(label.x, label.y) for label in labels])
    sizes = []
    for label in labels:
        text = axes.text(0, 0, label.text, fontsize=TEXT, weight="bold" if label.bold else "normal")
        extent = text.get_window_extent(renderer)
        sizes.append((extent.width + 4, extent.height + 1))
        text.remove()
    frame = np.array(axes.get_window_extent(renderer).extents)
    path = _along(line) if line is not None else np.empty((0, 2))
    markers = _boxes(points, np.full_like(points, 2 * MARKER))
    placed = np.zeros((len(labels), 4))  # no label is at the origin yet: boxes without area cover nothing
    for _ in range(3):
        for index, point in enumerate(points):
            others = np.delete(np.concatenate([markers, placed]), [index, len(labels) + index], axis=0)
            candidates = _around(point, sizes[index])
            cost = _cost(candidates, point, marker=markers[index], others=others, path=path, frame=frame)
            placed[index] = candidates[int(cost.argmin())]
    for label, point, box in zip(labels, points, placed, strict=True):
        _write(axes, label, point, box)
    return placed


def _write(axes: Axes, label: Label, point: Boxes, box: Boxes) -> None:
    to_data = axes.transData.inverted()
    nearest = np.clip(point, box[:2], box[2:])
    if math.dist(nearest, point) > FAR:
        ends = to_data.transform([point, nearest])
        axes.plot(ends[:, 0], ends[:, 1], color=COLOURS["muted"], linewidth=0.6, zorder=1.5)
    x, y = to_data.transform((box[:2] + box[2:]) / 2)
    weight = "bold" if label.bold else "normal"
    axes.text(x, y, label.text, ha="center", va="center", fontsize=TEXT, color=label.colour, weight=weight, zorder=5)


def _boxes(middles: Boxes, sizes: Boxes) -> Boxes:
    return np.concatenate([middles - sizes / 2, middles + sizes / 2], axis=1)


def _around(point: Boxes, size: tuple[float, float]) -> Boxes:
    """Boxes of that size around a point, further and further away, (N, 4)."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    gaps = np.array([MARKER + 3, 12, 20, 30, 42, 56, 72])
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    offsets = directions[None] * (gaps[:, None, None] + np.array(size) / 2)
    middles = point + offsets.reshape(-1, 2)
    return _boxes(middles, np.broadcast_to(np.array(size), middles.shape))


def _along(line: Line2D) -> Boxes:
    """Points some four pixels apart on a line that is drawn in steps before each of its points, (N, 2) in pixels."""
    corners = line.get_transform().transform(line.get_xydata())
    out = [corners[:1]]
    for (x, y), (next_x, next_y) in pairwise(corners):
        up, across = (max(2, int(abs(length) / 4)) for length in (next_y - y, next_x - x))
        out.append(np.stack([np.full(up, x), np.linspace(y, next_y, up)], axis=1))
        out.append(np.stack([np.linspace(x, next_x, across), np.full(across, next_y)], axis=1))
    return np.concatenate(out)


def _overlaps(a: Boxes, b: Boxes) -> Boxes:
    """Shared area of each of `a`, (N, 4), with each of `b`, (M, 4), in square pixels, (N, M)."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    areas: Boxes = np.maximum(sides, 0).prod(axis=2)
    return areas


def _cost(boxes: Boxes, point: Boxes, *, marker: Boxes, others: Boxes, path: Boxes, frame: Boxes) -> Boxes:
    """How bad it is to have the text of `point` in each of `boxes`, about in pixels away from it, (N,).

    Args:
        marker: the box of the point itself.
        others: boxes of other points and of their texts, (M, 4).
        path: points that had better stay free, (P, 2).
        frame: the box of the axes.
    """
    covered = _overlaps(boxes, np.concatenate([others, marker[None]])).sum(axis=1)
    outside = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - _overlaps(boxes, frame[None])[:, 0]
    inside = ((path[None] > boxes[:, None, :2]) & (path[None] < boxes[:, None, 2:])).all(axis=2).sum(axis=1)
    nearest = np.clip(point, boxes[:, :2], boxes[:, 2:])
    distance = np.hypot(*(nearest - point).T)
    # The line to the point must not cross another label or marker.
    shares = np.arange(1, 8)[:, None, None] / 8
    beads = (point + shares * (nearest - point)).reshape(-1, 2)
    crossed = (_overlaps(_boxes(beads, np.full_like(beads, 2.0)), others) > 0).sum(axis=1).reshape(7, -1).sum(axis=0)
    aside = np.where((boxes[:, 0] >= point[0]) | (boxes[:, 2] <= point[0]), 0, 3)  # rather beside a point than above
    result: Boxes = 40 * (covered + outside) + 30 * crossed * (distance > FAR) + 4 * inside + distance + aside
    return result
