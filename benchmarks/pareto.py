"""Size against speed: who is beaten by nobody."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.drawing import COLOURS, WIDTH, Label, Plot, figure, place_labels, style, svg
from benchmarks.views import Section

__all__ = ["pareto", "pareto_front"]

MARKS = {"ours": "o", "jxl": "s", "peer": "^", "command": "D"}
KINDS = {"ours": "idfcodec", "jxl": "JPEG XL", "peer": "other codecs", "command": "commands"}


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
    """Bits per subpixel against speed. Only contenders that coded every picture: the others' sizes do not compare.

    Args:
        way: "encode" or "decode".
    """
    points = {
        key: (speed, row.bits_per_subpixel)
        for key, row in section.comparable().items()
        if (speed := row.encode_mb_s if way == "encode" else row.decode_mb_s) and row.bits_per_subpixel
    }
    if len(points) < 2:
        return None
    front = pareto_front(points)
    with style():
        drawn = figure(WIDTH, 440)
        axes = drawn.add_subplot()
        axes.set_xscale("log")
        speeds = [speed for speed, _ in points.values()]
        sizes = [size for _, size in points.values()]
        axes.set_xlim(min(speeds) / 1.7, max(speeds) * 1.7)
        margin = 0.08 * (max(sizes) - min(sizes) or 1)
        axes.set_ylim(min(sizes) - margin, max(sizes) + margin)
        _plain_log_axis(axes)
        steps = np.array([points[key] for key in front]).T
        (line,) = axes.plot(*steps, drawstyle="steps-pre", **_front_line())
        for key, (speed, size) in points.items():
            kind = _kind(section, key)
            axes.plot(speed, size, MARKS[kind], color=COLOURS[kind], markeredgecolor=COLOURS["page"], markersize=7.5)
        axes.set_xlabel(f"{way[:-1]}ing speed, MB/s of raw subpixels (log scale; faster is to the right)")
        axes.set_ylabel("bits per subpixel, files (smaller is lower)")
        present = [kind for kind in KINDS if any(_kind(section, key) == kind for key in points)]
        handles = [_handle(kind) for kind in present]
        handles.append(Line2D([], [], label="nobody is better in both", **_front_line()))
        drawn.legend(handles=handles, loc="outside upper left", ncols=len(handles), columnspacing=1.4)
        place_labels(
            axes,
            [
                Label(*point, section.short(key), COLOURS[_kind(section, key)], bold=section.is_ours(key))
                for key, point in points.items()
            ],
            line,
        )
        return Plot(
            name,
            f"Size against {way[:-1]}ing speed",
            "Both over all pictures of the set; the speed is raw bytes over the sum of each picture's median time. "
            f"Contenders that failed on a picture are left out. Front, slowest first: {', '.join(front)}.",
            svg(drawn, name=name, description=f"Scatter plot: {way[:-1]}ing speed and bits per subpixel of each codec"),
        )


def _kind(section: Section, key: str) -> str:
    if section.is_ours(key):
        return "ours"
    if section.contenders[key]["family"] == "command":
        return "command"
    return "jxl" if key.startswith("jxl") else "peer"


def _handle(kind: str) -> Line2D:
    return Line2D([], [], marker=MARKS[kind], color=COLOURS[kind], linestyle="none", markersize=7, label=KINDS[kind])


def _front_line() -> dict[str, Any]:
    return {"color": COLOURS["muted"], "linewidth": 1, "linestyle": (0, (4, 3)), "zorder": 1}


def _plain_log_axis(axes: Axes) -> None:
    """Ticks at 1, 2, 5 and their powers of ten, written as plain numbers."""
    low, high = axes.get_xlim()
    wide = high / low > 300
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0), numticks=30))
    axes.xaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0) if wide else (), numticks=60))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
