"""How every plot looks, and how it becomes SVG for the page.

The colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which people with any colour vision tell
apart; markers differ in shape as well. In the SVG each colour is a CSS variable with the colour as its fallback, so
that the page can give another one for a dark background.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["COLOURS", "DARK", "STYLE", "WIDTH", "Plot", "figure", "svg"]

# Name of the CSS variable without "--plot-": colour on a light background.
# fmt: off
COLOURS = {
    "ink": "#1c2126", "muted": "#5d6671", "grid": "#dfe3e8", "page": "#fefefe", "ours": "#0072b2", "jxl": "#d55e00",
    "peer": "#66707b", "command": "#a8568a",
}
DARK = {
    "ink": "#e8eaed", "muted": "#a6afb9", "grid": "#363d45", "page": "#16191d", "ours": "#56b4e9", "jxl": "#f0803c",
    "peer": "#98a1ab", "command": "#d591bb",
}
# fmt: on
WIDTH = 720  # pixels of every plot, before the page scales it
DOTS = 100  # pixels an inch
STYLE: Any = {
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


def figure(width: float, height: float) -> Figure:
    """An empty figure of that many pixels."""
    made = Figure(figsize=(width / DOTS, height / DOTS), dpi=DOTS, layout="constrained")
    FigureCanvasAgg(made)
    return made


def svg(drawn: Figure, *, name: str, description: str) -> str:
    """The figure as an `<svg>` element that can stand in HTML beside others.

    Args:
        name: unique on the page; goes in front of every id, which would clash otherwise.
        description: what one sees, for those who do not; plain words.
    """
    stream = io.StringIO()
    drawn.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    quoted = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\\", "")
    attributes = (
        ' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' role="img" aria-label="{quoted}"'
    )
    text = re.sub(r'<svg\b[^>]*?(viewBox="[^"]*")[^>]*>', rf"<svg \g<1>{attributes}>", text, count=1)
    for token, colour in COLOURS.items():
        text = text.replace(colour, f"var(--plot-{token}, {colour})")
    return re.sub(r"\n\s*", "\n", text).strip()
