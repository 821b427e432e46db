"""The plots' figures, and labels that can be read."""

import re

import numpy as np
import pytest

from benchmarks.results import validate
from benchmarks.views import Section
from tests.benchmarks import synthetic

pytest.importorskip("matplotlib", reason="plots need matplotlib, of the extra bench")

from benchmarks import drawing, plots
from benchmarks.maps import heat_maps, read_map
from benchmarks.pareto import pareto, pareto_front


def section(pictures: int = 6, **options: object) -> Section:
    return Section(validate(synthetic.result(pictures=pictures, **options)), "kodak")  # type: ignore[arg-type]


def test_front() -> None:
    points = {"slow": (1.0, 2.0), "beaten": (0.5, 2.5), "fast": (9.0, 4.0), "twin": (9.0, 5.0), "middle": (3.0, 3.0)}
    assert pareto_front(points) == ["slow", "middle", "fast"]
    assert pareto_front({}) == []


@pytest.mark.parametrize("seed", range(4))
def test_labels_do_not_overlap(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[drawing.Boxes] = []
    place = drawing.place_labels
    monkeypatch.setattr("benchmarks.pareto.place_labels", lambda *given: placed.append(place(*given)))
    measured = section(seed=seed)
    for way in ("encode", "decode"):
        assert pareto(measured, f"plot-{way}", way=way)
    for boxes in placed:
        assert len(boxes) == len(measured.comparable())
        for first in range(len(boxes)):
            for second in range(first):
                low = np.maximum(boxes[first, :2], boxes[second, :2])
                high = np.minimum(boxes[first, 2:], boxes[second, 2:])
                assert (high - low).min() <= 0, (first, second)


def test_pareto_leaves_out_what_failed() -> None:
    measured = section()
    assert "avif" not in measured.comparable()
    assert "gralic" not in measured.comparable()
    drawn = pareto(measured, "p", way="encode")
    assert drawn is not None
    assert "avif" not in drawn.caption


def test_gains_are_of_bytes() -> None:
    measured = section()
    gains = measured.gains()
    assert list(gains.values()) == sorted(gains.values(), reverse=True)
    rows = measured.dataset["measurements"]
    for picture, gain in gains.items():
        assert gain == 1 - rows["idfcodec-default"][picture]["bytes"] / rows["jxl-e10"][picture]["bytes"]
    assert len(gains) == 6


def test_budget_adds_up_to_the_likelihood() -> None:
    measured = section()
    rows = measured.measured("idfcodec-default")
    likelihood = sum(row["likelihood_bits"] for row in rows.values())
    subpixels = sum(map(measured.subpixels, rows))
    assert sum(measured.budget().values()) == pytest.approx(likelihood / subpixels)
    assert {plane for _, _, plane in measured.budget()} == {"G", "R-G", "B-G"}


@pytest.mark.parametrize("pictures", [1, 6, 60])
def test_all_plots_are_drawn(pictures: int) -> None:
    drawn = plots.plots(section(pictures), "set")
    assert len(drawn) == 6
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
    del dataset["budgets"]
    dataset["measurements"] = {key: dataset["measurements"][key] for key in ("jxl-e10", "png")}
    names = {plot.name for plot in plots.plots(Section(validate(result), "kodak"), "set")}
    assert names == {"set-encode", "set-decode"}
    assert heat_maps(Section(result, "kodak")) == ""


def test_heat_maps_share_a_scale_that_holds_their_values() -> None:
    measured = section()
    grays = [read_map(url) for entry in measured.dataset["maps"].values() for url in entry["bits"].values()]
    text = heat_maps(measured)
    assert text.count("<img") == 5 * 3
    top = int(re.findall(r"(\d+) or more bits per pixel", text)[0])
    share = np.mean([np.mean(gray <= 8 * top) for gray in grays])
    assert 0.99 < share <= 1
    assert max(int(gray.max()) for gray in grays) > 8 * (top - 3)
