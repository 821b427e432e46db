"""The plots of one data set of a run, each as an SVG for the page.

Every function takes a `Section` and the name that tells this plot from others on the page, and returns a `Plot`, or
None where the result does not hold what it would show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from adjustText import adjust_text
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.drawing import COLOURS, STYLE, WIDTH, Plot, figure, svg
from benchmarks.section import Section

__all__ = ["gains", "labelled", "pareto", "pareto_front", "plots"]

NAMED = 45  # pictures; beyond, their names would fill the page and only their rank is shown
MARKS = {"ours": "o", "jxl": "s", "peer": "^", "command": "D"}
KINDS = {"ours": "idfcodec", "jxl": "JPEG XL", "peer": "other codecs", "command": "commands"}
DASHED: dict[str, Any] = {"linewidth": 1, "linestyle": (0, (4, 3))}


def plots(section: Section, name: str) -> list[Plot]:
    """All plots that the result has figures for."""
    drawn = [
        pareto(section, f"{name}-encode", way="encode"),
        pareto(section, f"{name}-decode", way="decode"),
        gains(section, f"{name}-gains"),
    ]
    return [plot for plot in drawn if plot is not None]


def pareto_front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Those that nobody beats in both speed and size, the slowest first.

    Args:
        points: (speed, size) by name; more speed and less size are better.
    """
    front: list[str] = []
    least = float("inf")
    for key, (_, size) in sorted(points.items(), key=lambda item: (-item[1][0], item[1][1])):
        if size < least:
            front.append(key)
            least = size
    return front[::-1]


def pareto(section: Section, name: str, *, way: str) -> Plot | None:
    """Bits per subpixel against speed. Only codecs that coded every picture: the others' sizes do not compare.

    Args:
        way: "encode" or "decode".
    """
    rows = section.comparable[["file", f"{way}_mb_s"]].dropna()
    if len(rows) < 2:
        return None
    points = {str(key): (float(speed), float(size)) for key, size, speed in rows.itertuples()}
    front = pareto_front(points)
    kinds = {key: _kind(section, key) for key in points}
    speeds, sizes = np.array(list(points.values())).T
    with rc_context(STYLE):
        drawn = figure(WIDTH, 440)
        axes = drawn.add_subplot()
        axes.set_xscale("log")
        axes.set_xlim(speeds.min() / 1.7, speeds.max() * 1.7)
        margin = 0.08 * (np.ptp(sizes) or 1)
        axes.set_ylim(sizes.min() - margin, sizes.max() + margin)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=30))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        line: dict[str, Any] = {"color": COLOURS["muted"], "zorder": 1, **DASHED}
        axes.plot(*np.array([points[key] for key in front]).T, drawstyle="steps-pre", **line)
        marks = [
            axes.plot(*points[key], MARKS[kind], color=COLOURS[kind], markeredgecolor=COLOURS["page"], markersize=7.5)[
                0
            ]
            for key, kind in kinds.items()
        ]
        axes.set_xlabel(f"{way[:-1]}ing speed, MB/s of raw subpixels (log scale; faster is to the right)")
        axes.set_ylabel("bits per subpixel, files (smaller is lower)")
        handles = [
            Line2D([], [], marker=MARKS[kind], color=COLOURS[kind], linestyle="none", markersize=7, label=label)
            for kind, label in KINDS.items()
            if kind in kinds.values()
        ]
        handles.append(Line2D([], [], label="nobody is better in both", **line))
        drawn.legend(handles=handles, loc="outside upper left", ncols=len(handles), columnspacing=1.4)
        labelled(axes, section, points, marks)
        return Plot(
            name,
            f"Size against {way[:-1]}ing speed",
            "Both over all pictures of the set; the speed is raw bytes over the sum of each picture's median time. "
            f"Codecs that failed on a picture are left out. Front, slowest first: {', '.join(front)}.",
            svg(drawn, name=name, description=f"Scatter plot: {way[:-1]}ing speed and bits per subpixel of each codec"),
        )


def labelled(
    axes: Axes, section: Section, points: Mapping[str, tuple[float, float]], marks: Sequence[Line2D]
) -> list[Text]:
    """Writes each codec's name near its point, on no other name or mark: our models by label, the others by key."""
    texts = [
        axes.text(
            *point, section.label(key) if section.is_ours(key) else key, fontsize=8.5,
            color=COLOURS[_kind(section, key)], weight="bold" if section.is_ours(key) else "normal",
        )
        for key, point in points.items()
    ]  # fmt: skip
    drawn: Any = axes.figure
    drawn.canvas.draw()  # fixes the layout, and with it where points are in pixels
    drawn.set_layout_engine("none")
    adjust_text(
        texts, objects=list(marks), ax=axes, expand=(1.15, 1.4), force_text=(0.3, 0.6), iter_lim=1000,
        arrowprops={"arrowstyle": "-", "color": COLOURS["muted"], "linewidth": 0.6}, min_arrow_len=12,
    )  # fmt: skip
    return texts


def _kind(section: Section, key: str) -> str:
    if section.is_ours(key):
        return "ours"
    return "jxl" if key.startswith("jxl") else str(section.codecs[key]["family"])


def gains(section: Section, name: str) -> Plot | None:
    """A bar for each picture: what our file saves against the JPEG XL of the greatest effort."""
    values = section.gains()
    ours, reference = section.ours, section.reference
    if not values or ours is None or reference is None:
        return None
    percent = np.array([100 * gain for gain in values.values()])
    rows = section.coded[section.coded["picture"].isin(values)].groupby("codec")["bytes"].sum()
    total = 100 * (1 - rows[ours] / rows[reference])
    text = f"fewer bytes than {section.label(reference)}, %"
    named = len(values) <= NAMED
    low, high = min(0.0, percent.min()), max(0.0, percent.max())
    room = 0.09 * (high - low or 1)  # for the figures at the ends of the bars
    limits = (low - room * (low < 0), high + room * (high > 0))
    with rc_context(STYLE):
        drawn = figure(WIDTH, 90 + 19 * len(values) if named else 330)
        axes = drawn.add_subplot()
        if named:
            colours = [COLOURS["ours" if value >= 0 else "jxl"] for value in percent]
            bars = axes.barh([_trimmed(picture) for picture in values], percent, color=colours, height=0.72)
            back = {"facecolor": COLOURS["page"], "edgecolor": "none", "pad": 0.6}
            labels = [f"{value:+.1f}".replace("-", "\N{MINUS SIGN}") for value in percent]
            axes.bar_label(bars, labels, padding=4, fontsize=8, bbox=back)
            axes.set(ylim=(len(values) - 0.4, -0.6), xlim=limits, xlabel=text)
            axes.grid(axis="y", visible=False)
            axes.tick_params(axis="y", length=0)
        else:
            edges = np.arange(len(values) + 1) + 0.5
            for part, token in ((np.maximum(percent, 0), "ours"), (np.minimum(percent, 0), "jxl")):
                axes.stairs(part, edges, fill=True, color=COLOURS[token], linewidth=0)
            axes.set(ylim=limits, xlim=(0, len(values) + 1), xlabel="pictures, sorted by gain", ylabel=text)
        across = axes.axvline if named else axes.axhline
        across(total, color=COLOURS["ink"], zorder=1.8, **DASHED)
        across(0, color=COLOURS["muted"], linewidth=0.8)
        return Plot(
            name,
            f"{section.label(ours)} against {section.label(reference)}, picture by picture",
            f"The file is smaller on {int((percent > 0).sum())} of {len(values)} pictures. The dashed line is the gain "
            f"over all bytes, {total:+.2f} %.",
            svg(drawn, name=name, description=f"Bars: gain of {section.label(ours)} on each picture, sorted"),
        )


def _trimmed(name: str, limit: int = 26) -> str:
    """A file's name without its suffix, short enough for an axis; the ends tell more than the middle."""
    stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return stem if len(stem) <= limit else f"{stem[: limit // 2 - 1]}…{stem[-(limit // 2) :]}"
