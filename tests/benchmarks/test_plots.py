"""The plots' figures, and labels that can be read."""

import re

import numpy as np
import pytest

from benchmarks.results import validate
from benchmarks.section import Section
from tests.benchmarks import synthetic

pytest.importorskip("matplotlib", reason="plots need matplotlib, of the extra bench")

from matplotlib.text import Text

from benchmarks import plots
from benchmarks.maps import coloured_maps, read_map
from benchmarks.plots import pareto, pareto_front


def section(pictures: int = 6, **options: object) -> Section:
    return Section(validate(synthetic.result(pictures=pictures, **options)), "kodak")  # type: ignore[arg-type]


def test_front() -> None:
    points = {"slow": (1.0, 2.0), "beaten": (0.5, 2.5), "fast": (9.0, 4.0), "twin": (9.0, 5.0), "middle": (3.0, 3.0)}
    assert pareto_front(points) == ["slow", "middle", "fast"]
    assert pareto_front({}) == []


@pytest.mark.parametrize("seed", range(2))
def test_names_do_not_lie_on_each_other(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[list[Text]] = []
    place = plots.labelled
    monkeypatch.setattr(plots, "labelled", lambda *given: placed.append(place(*given)))
    measured = section(seed=seed)
    for way in ("encode", "decode"):
        assert pareto(measured, f"plot-{way}", way=way)
    for texts in placed:
        assert len(texts) == len(measured.comparable)
        boxes = [text.get_window_extent() for text in texts]
        overlaps = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.shrunk(0.8, 0.6).overlaps(b)]
        assert not overlaps


def test_pareto_leaves_out_what_failed() -> None:
    measured = section()
    assert "avif" not in measured.comparable.index
    assert "gralic" not in measured.comparable.index
    drawn = pareto(measured, "p", way="encode")
    assert drawn is not None
    assert "avif" not in drawn.caption


def test_gains_are_of_bytes() -> None:
    measured = section()
    gains = measured.gains()
    assert list(gains.values()) == sorted(gains.values(), reverse=True)
    rows = measured.dataset["measurements"]
    for picture, gain in gains.items():
        assert gain == pytest.approx(1 - rows["idfcodec-default"][picture]["bytes"] / rows["jxl-e10"][picture]["bytes"])
    assert len(gains) == 6


@pytest.mark.parametrize("pictures", [1, 6, 60])
def test_all_plots_are_drawn(pictures: int) -> None:
    drawn = plots.plots(section(pictures), "set")
    assert len(drawn) == 3
    for plot in drawn:
        assert plot.svg.startswith("<svg ")
        assert plot.svg.endswith("</svg>")
        assert 'role="img"' in plot.svg
        assert not re.search("<metadata|<style|nan", plot.svg)


def test_plots_are_the_same_every_time() -> None:
    assert [plot.svg for plot in plots.plots(section(3), "set")] == [
        plot.svg for plot in plots.plots(section(3), "set")
    ]


def test_what_was_not_measured_is_not_drawn() -> None:
    result = synthetic.result(maps=False)
    dataset = result["datasets"]["kodak"]
    dataset["measurements"] = {key: dataset["measurements"][key] for key in ("jxl-e10", "png")}
    names = {plot.name for plot in plots.plots(Section(validate(result), "kodak"), "set")}
    assert names == {"set-encode", "set-decode"}
    assert coloured_maps(Section(result, "kodak")) is None


def test_heat_maps_share_a_scale_that_holds_their_values() -> None:
    measured = section()
    grays = [read_map(url) for entry in measured.dataset["maps"].values() for url in entry["bits"].values()]
    shown = coloured_maps(measured)
    assert shown is not None
    assert [len(entry["maps"]) for entry in shown["pictures"]] == [2] * 5
    top = shown["top"]
    share = np.mean([np.mean(gray <= 8 * top) for gray in grays])
    assert 0.99 < share <= 1
    assert max(int(gray.max()) for gray in grays) > 8 * (top - 3)
