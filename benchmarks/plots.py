"""The plots of one data set of a run, each as an SVG for the page.

Every function takes a `Section` and the name that tells this plot from others on the page, and returns a `Plot`, or
None where the result does not hold what it would show.
"""

from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from benchmarks.drawing import COLOURS, WIDTH, Plot, figure, style, svg
from benchmarks.pareto import pareto
from benchmarks.views import Section

__all__ = ["budget", "gains", "lattice", "likelihood", "plots"]

CROWDED = 150  # pictures; beyond, marks are smaller
NAMED = 45  # pictures; beyond, their names would fill the page and only their rank is shown
PLANES = {"G": "first", "R-G": "second", "B-G": "third"}
GROUPS = {0: "D", 1: "B", 2: "C", -1: "last"}


def plots(section: Section, name: str) -> list[Plot]:
    """All plots that the result has figures for."""
    drawn = [
        pareto(section, f"{name}-encode", way="encode"),
        pareto(section, f"{name}-decode", way="decode"),
        gains(section, f"{name}-gains"),
        likelihood(section, f"{name}-likelihood"),
        budget(section, f"{name}-budget"),
        lattice(section, f"{name}-lattice"),
    ]
    return [plot for plot in drawn if plot is not None]


def gains(section: Section, name: str) -> Plot | None:
    """A bar for each picture: what our file saves against the strongest JPEG XL."""
    values = section.gains()
    ours, reference = section.ours(), section.reference()
    if not values or ours is None or reference is None:
        return None
    percent = np.array([100 * gain for gain in values.values()])
    bytes_ours, bytes_theirs = (
        sum(section.measured(key)[picture]["bytes"] for picture in values) for key in (ours, reference)
    )
    total = 100 * (1 - bytes_ours / bytes_theirs)
    colours = [COLOURS["ours" if value >= 0 else "jxl"] for value in percent]
    with style():
        low, high = min(0.0, percent.min()), max(0.0, percent.max())
        room = 0.09 * (high - low or 1)  # for the figures at the ends of the bars
        low, high = low - room * (low < 0), high + room * (high > 0)
        text = f"fewer bytes than {section.label(reference)}, %"
        if len(values) <= NAMED:
            drawn = figure(WIDTH, 90 + 19 * len(values))
            axes = drawn.add_subplot()
            axes.barh(range(len(values)), percent, color=colours, height=0.72)
            axes.set_yticks(range(len(values)), [_trimmed(picture) for picture in values])
            axes.set_ylim(len(values) - 0.4, -0.6)
            axes.set_xlim(low, high)
            axes.set_xlabel(text)
            axes.grid(axis="y", visible=False)
            axes.tick_params(axis="y", length=0)
            for place, value in enumerate(percent):
                side = 1 if value >= 0 else -1
                axes.annotate(
                    f"{value:+.1f}".replace("-", "\N{MINUS SIGN}"),
                    (value, place),
                    (4 * side, 0),
                    textcoords="offset points",
                    va="center",
                    ha="left" if side > 0 else "right",
                    fontsize=8,
                    bbox={"facecolor": COLOURS["page"], "edgecolor": "none", "pad": 0.6},
                )
            axes.axvline(total, color=COLOURS["ink"], linewidth=1, linestyle=(0, (4, 3)), zorder=1.8)
        else:
            drawn = figure(WIDTH, 330)
            axes = drawn.add_subplot()
            edges = np.arange(len(values) + 1) + 0.5
            for part, token in ((np.maximum(percent, 0), "ours"), (np.minimum(percent, 0), "jxl")):
                axes.stairs(part, edges, fill=True, color=COLOURS[token], linewidth=0)
            axes.set_ylim(low, high)
            axes.set_xlim(0, len(values) + 1)
            axes.set_xlabel("pictures, sorted by gain")
            axes.set_ylabel(text)
            axes.axhline(total, color=COLOURS["ink"], linewidth=1, linestyle=(0, (4, 3)), zorder=1.8)
        (axes.axvline if len(values) <= NAMED else axes.axhline)(0, color=COLOURS["muted"], linewidth=0.8)
        won = int((percent > 0).sum())
        return Plot(
            name,
            f"{section.label(ours)} against {section.label(reference)}, picture by picture",
            f"The file is smaller on {won} of {len(values)} pictures. The dashed line is the gain over all bytes, "
            f"{total:+.2f} %.",
            svg(drawn, name=name, description=f"Bars: gain of {section.label(ours)} on each picture, sorted"),
        )


def likelihood(section: Section, name: str) -> Plot | None:
    """Files of our models against what the models say that they should take."""
    entries = {
        key: [
            (said, written)
            for picture in section.measured(key)
            if (said := section.bits(key, picture, "likelihood_bits")) and (written := section.bits(key, picture))
        ]
        for key in section.contenders
        if section.is_ours(key)
    }
    entries = {key: pairs for key, pairs in entries.items() if pairs}
    if not entries:
        return None
    with style():
        drawn = figure(WIDTH, 330)
        left, right = drawn.subplots(1, 2)
        for (key, pairs), mark, token in zip(entries.items(), "os^Dvp" * 9, ("ours", "jxl", "first", "command") * 9):  # noqa: B905
            said, written = np.array(pairs).T
            size = 4.5 if len(pairs) <= CROWDED else 2.5
            look: dict[str, Any] = {"marker": mark, "color": COLOURS[token], "linestyle": "none", "markersize": size}
            left.plot(said, written, label=section.label(key), alpha=0.8, **look)
            right.plot(said, 100 * (written / said - 1), alpha=0.8, **look)
        every = np.concatenate([np.array(pairs).ravel() for pairs in entries.values()])
        ends = [every.min() - 0.05, every.max() + 0.05]
        left.plot(ends, ends, color=COLOURS["muted"], linewidth=0.8, zorder=1)
        left.set_aspect("equal", adjustable="datalim")
        left.set_ylabel("file, bits per subpixel")
        right.set_ylabel("file over likelihood, %")
        right.set_ylim(min(0.0, right.get_ylim()[0]), right.get_ylim()[1])
        for axes in (left, right):
            axes.set_xlabel("likelihood, bits per subpixel")
            axes.xaxis.set_major_locator(MaxNLocator(6))
        left.yaxis.set_major_locator(MaxNLocator(6))
        drawn.legend(loc="outside upper left", ncols=4, columnspacing=1.4, handletextpad=0.2)
        excess = [written / said - 1 for pairs in entries.values() for said, written in pairs]
        return Plot(
            name,
            "Likelihood and file",
            "One mark for each picture and model. Left: on the line both are equal. Right: what the file takes beyond "
            f"the likelihood, its container included; {100 * median(excess):.2f} % in the median.",
            svg(drawn, name=name, description="Scatter plots: size of each file against the model's likelihood"),
        )


def budget(section: Section, name: str) -> Plot | None:
    """Where our model's bits go: by level and group, stacked by plane."""
    parts = section.budget()
    ours = section.ours()
    if not parts or ours is None:
        return None
    places = sorted({(level, group) for level, group, _ in parts}, key=lambda place: (place[0], place[1] % 99))
    planes = list(dict.fromkeys([*(plane for plane in PLANES if any(part[2] == plane for part in parts)),
                                 *(part[2] for part in parts)]))  # fmt: skip
    with style():
        drawn = figure(WIDTH, 330)
        axes = drawn.add_subplot()
        bottom = np.zeros(len(places))
        for plane in planes:
            heights = np.array([parts.get((*place, plane), 0.0) for place in places])
            colour = COLOURS[PLANES.get(plane, "peer")]
            axes.bar(range(len(places)), heights, bottom=bottom, label=_plane(plane), color=colour)
            bottom += heights
        for place, height in enumerate(bottom):
            axes.annotate(f"{height:.3f}", (place, height), (0, 3), textcoords="offset points", ha="center", fontsize=8)
        axes.set_ylim(0, 1.08 * bottom.max())
        axes.set_xticks(range(len(places)), [GROUPS.get(group, str(group)) for _, group in places])
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="x", visible=False)
        axes.set_ylabel("bits per subpixel of the picture")
        _name_levels(axes, [level for level, _ in places])
        axes.legend(loc="upper right", handlelength=1.6, reverse=True)  # as they are stacked
        total = sum(parts.values())
        finest = sum(bits for (level, _, _), bits in parts.items() if level == 0)
        return Plot(
            name,
            f"Where the bits of {section.label(ours)} go",
            f"All bars together are {total:.3f} bits per subpixel by likelihood; the finest level takes "
            f"{finest / total:.0%} of them. D, B and C are the groups of a level in the order in which they are coded.",
            svg(drawn, name=name, description="Stacked bars: bits of each level and group by colour plane"),
        )


def lattice(section: Section, name: str) -> Plot | None:
    """The likelihood of each picture with and without the colour lattice."""
    pairs = section.with_and_without_lattice()
    ours = section.ours()
    if not pairs or ours is None:
        return None
    with_it, without = np.array(list(pairs.values())).T
    ranks = np.arange(len(pairs))
    on: dict[str, Any] = {
        "marker": "o",
        "color": COLOURS["ours"],
        "linestyle": "none",
        "label": "with",
        "markersize": 6,
    }
    off: dict[str, Any] = {
        "marker": "s",
        "color": COLOURS["jxl"],
        "linestyle": "none",
        "label": "without",
        "markersize": 5.5,
    }
    off["markerfacecolor"] = COLOURS["page"]
    with style():
        if len(pairs) <= NAMED:
            drawn = figure(WIDTH, 100 + 19 * len(pairs))
            axes = drawn.add_subplot()
            axes.hlines(ranks, with_it, without, color=COLOURS["muted"], linewidth=1.4)
            axes.plot(without, ranks, **off)
            axes.plot(with_it, ranks, **on)
            axes.set_yticks(ranks, [_trimmed(picture) for picture in pairs])
            axes.set_ylim(len(pairs) - 0.4, -0.6)
            axes.tick_params(axis="y", length=0)
            axes.set_xlabel("likelihood, bits per subpixel")
        else:
            drawn = figure(WIDTH, 330)
            axes = drawn.add_subplot()
            axes.vlines(ranks + 1, with_it, without, color=COLOURS["grid"], linewidth=0.8)
            axes.plot(ranks + 1, without, **{**off, "markersize": 2.5})
            axes.plot(ranks + 1, with_it, **{**on, "markersize": 2.5})
            axes.set_xlabel("pictures, sorted by what the lattice saves")
            axes.set_ylabel("likelihood, bits per subpixel")
        drawn.legend(loc="outside upper left", ncols=2, title=None)
        weights = np.array([section.subpixels(picture) for picture in pairs])
        saved = float(((without - with_it) * weights).sum() / weights.sum())
        return Plot(
            name,
            f"Colour lattice of {section.label(ours)} on and off",
            '"Without" counts what the pictures cost but for the weights of pairs and of values, which learn the '
            f"colours that occur. Saved over all pictures: {saved:.3f} bits per subpixel. Sorted by the saving.",
            svg(drawn, name=name, description="Pairs of marks: likelihood of each picture with and without lattice"),
        )


def _name_levels(axes: Axes, levels: Sequence[int]) -> None:
    """The level below the names of its groups, and a line between levels."""
    for level in dict.fromkeys(levels):
        first = levels.index(level)
        count = levels.count(level)
        text = f"level {level}" + (", the finest" if level == 0 else "")
        axes.annotate(
            text, (first + (count - 1) / 2, 0), (0, -28), xycoords="data", textcoords="offset points", ha="center",
            color=COLOURS["ink"], annotation_clip=False,
        )  # fmt: skip
        if first:
            axes.axvline(first - 0.5, color=COLOURS["grid"], linewidth=0.8, ymin=-0.1, clip_on=False)
    axes.set_xlabel(" ", fontsize=16)  # keeps the room


def _plane(plane: str) -> str:
    return plane.replace("-", "\N{MINUS SIGN}")


def _trimmed(name: str, limit: int = 26) -> str:
    """A file's name without its suffix, short enough for an axis; the ends tell more than the middle."""
    stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return stem if len(stem) <= limit else f"{stem[: limit // 2 - 1]}…{stem[-(limit // 2) :]}"
