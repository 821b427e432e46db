"""The page of a result in a real browser: nothing fails, its table sorts, its plots and pictures are to be seen."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.results import validate
from benchmarks.section import Section
from benchmarks.tables import COLUMNS, table
from tests.benchmarks import synthetic

pytest.importorskip("matplotlib", reason="the page needs matplotlib, of the extra bench")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 300  # on a busy machine; it takes one or two
PLOTS = ("encode", "decode", "gains")

# Written into the page, at its end: what is seen goes into an attribute that is dumped with the document.
PROBE = """<script>
addEventListener("load", function () {
  %s
  const box = (element) => { const r = element.getBoundingClientRect(); return [r.width, r.height]; };
  document.documentElement.dataset.seen = JSON.stringify({
    plots: Object.fromEntries(Array.from(document.querySelectorAll("figure > .plot > svg"),
      (svg) => [svg.closest("figure").id, box(svg)])),
    texts: Array.from(document.querySelectorAll("figure > .plot > svg"), (svg) =>
      Array.from(svg.querySelectorAll("use")).filter((use) => box(use)[0] > 0).length),
    images: Array.from(document.images, (image) => image.complete ? image.naturalWidth * box(image)[0] : 0),
    width: [document.documentElement.scrollWidth, innerWidth],
    ink: getComputedStyle(document.querySelector('use[style*="--plot-ink"], g[style*="--plot-ink"]')).fill,
    back: getComputedStyle(document.body).backgroundColor,
    address: location.hash,
  });
});
</script></body>"""


@dataclass(frozen=True)
class Seen:
    """A page after it was loaded: its document, what the probe measured, what the browser wrote to its console."""

    document: str
    probe: dict[str, Any]
    console: list[str]

    @property
    def errors(self) -> str:
        found = re.search(r'<html[^>]*\bdata-errors="([^"]*)"', self.document)
        assert found, "the page's own script did not run"
        return unescape(found[1])

    def order(self) -> list[str]:
        """The keys of the first table's rows."""
        body = self.document[self.document.index("<tbody>") : self.document.index("</tbody>")]
        return re.findall(r'data-key="([^"]*)"', body)

    def sorted_by(self) -> list[tuple[str, str]]:
        """Column and direction of each table that says how it is sorted."""
        heads = [head for head in re.findall(r"<th [^>]*>", self.document) if "aria-sort" in head]
        return [(attribute(head, "data-column"), attribute(head, "aria-sort")) for head in heads]


def attribute(tag: str, name: str) -> str:
    return re.findall(rf'{name}="([^"]*)"', tag)[0]


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs a browser, and none of {', '.join(BROWSERS)} is on the PATH")
    return found


@pytest.fixture(scope="module")
def results() -> list[tuple[str, dict[str, Any]]]:
    kodak = synthetic.result(pictures=6)
    small = synthetic.result(seed=2, pictures=50, datasets={"cifar10": "CIFAR-10"}, maps=False, batched=True)
    return [("kodak.json", validate(kodak)), ("<b>.json", validate(small))]


@pytest.fixture(scope="module")
def page_text(results: list[tuple[str, dict[str, Any]]]) -> str:
    from benchmarks.page import page

    return page(results)


class Browser:
    """Loads the page in a fresh profile, with JavaScript of the test's own before the probe."""

    def __init__(self, program: str, text: str, folder: Path) -> None:
        self.program, self.text, self.folder = program, text, folder

    def load(self, address: str = "", *, script: str = "", size: str = "1280,900", dark: bool = False) -> Seen:
        path = self.folder / "page.html"
        path.write_text(self.text.replace("</body>", PROBE.replace("%s", script)), encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += [f"--user-data-dir={self.folder / 'profile'}", f"--window-size={size}"]
        options += ["--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom"]
        options += ["--blink-settings=preferredColorScheme=0"] if dark else []
        done = subprocess.run(
            [self.program, *options, f"{path.as_uri()}{address}"], capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, done.stderr
        found = re.search(r'<html[^>]*\bdata-seen="([^"]*)"', done.stdout)
        assert found, f"the probe did not run: {done.stderr}"
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return Seen(done.stdout, json.loads(unescape(found[1])), console)


@pytest.fixture
def chromium(browser: str, page_text: str, tmp_path: Path) -> Browser:
    return Browser(browser, page_text, tmp_path)


@pytest.fixture(scope="module")
def seen(browser: str, page_text: str, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return Browser(browser, page_text, tmp_path_factory.mktemp("page")).load()


def test_nothing_fails(seen: Seen) -> None:
    assert seen.errors == ""
    assert seen.console == []


def test_errors_of_the_page_would_be_seen(chromium: Browser) -> None:
    broken = chromium.load(script="setTimeout(function () { missing(); }); Promise.reject('broken promise');")
    assert "missing is not defined" in broken.errors
    assert "broken promise" in broken.errors
    assert broken.console


def test_plots_are_to_be_seen(seen: Seen) -> None:
    wanted = {f"set-{number}-0-{plot}" for number in (0, 1) for plot in PLOTS}
    assert set(seen.probe["plots"]) == wanted
    for name, (width, height) in seen.probe["plots"].items():
        assert width > 400, name
        assert height > 150, name
    assert all(letters > 20 for letters in seen.probe["texts"])


def test_pictures_are_to_be_seen(seen: Seen) -> None:
    assert len(seen.probe["images"]) >= 5 * 3  # five pictures with a thumbnail and two heat maps
    assert all(size > 0 for size in seen.probe["images"])


@pytest.mark.parametrize("size", ["1280,900", "500,900"])
def test_the_page_fits_the_window(chromium: Browser, size: str) -> None:
    width, window = chromium.load(size=size).probe["width"]
    assert width <= window


def test_a_dark_page_has_light_ink(chromium: Browser, seen: Seen) -> None:
    dark = chromium.load(dark=True)
    assert brightness(seen.probe["back"]) > 200 > 100 > brightness(seen.probe["ink"])
    assert brightness(dark.probe["back"]) < 50 < 150 < brightness(dark.probe["ink"])


def brightness(colour: str) -> float:
    red, green, blue = map(float, re.findall(r"[\d.]+", colour)[:3])
    return (red + green + blue) / 3


def figures(result: dict[str, Any], column: str) -> pd.Series:
    """The figures of a column of the table by key, published ones included; of two alike the first."""
    computed = table(Section(result, next(iter(result["datasets"]))))
    values = pd.concat([computed.rows[column], computed.published[column]])
    return values[~values.index.duplicated()]


@pytest.mark.parametrize("address", ["", "#sort=decode_mb_s", "#sort=bytes,descending", "#sort=likelihood", "#sort=x"])
def test_the_address_sorts(chromium: Browser, results: list[tuple[str, dict[str, Any]]], address: str) -> None:
    sorted_page = chromium.load(address)
    assert sorted_page.errors == ""
    column, _, direction = address.removeprefix("#sort=").partition(",")
    if column not in {entry.name for entry in COLUMNS}:
        column = "file"  # as the page comes
    first = {entry.name: "descending" if entry.more_is_better else "ascending" for entry in COLUMNS}[column]
    direction = direction or first
    assert sorted_page.sorted_by() == [(column, direction)] * 2
    values = figures(results[0][1], column)
    found = values[[unescape(key) for key in dict.fromkeys(sorted_page.order())]].dropna()
    assert found.to_list() == sorted(found, reverse=direction == "descending")
    assert len(found) == values.count()


def test_clicks_sort_and_turn_round(chromium: Browser) -> None:
    click = "document.querySelector('th[data-column=encode_mb_s] button').click();"
    once, twice = chromium.load(script=click), chromium.load(script=2 * click)
    assert once.sorted_by()[0] == ("encode_mb_s", "descending")
    assert once.order()[0] == "qoi"
    assert once.probe["address"] == "#sort=encode_mb_s,descending"
    assert twice.sorted_by()[0] == ("encode_mb_s", "ascending")
    assert twice.order()[0] == "jxl-e10"
    names = chromium.load(script="document.querySelector('th[data-column=codec] button').click();")
    assert names.sorted_by()[0] == ("codec", "ascending")
    assert names.order()[0] == "avif"


def test_nothing_comes_from_the_network(page_text: str) -> None:
    targets = re.findall(r'(?:\bsrc|\bhref)=["\']?([^"\'\s>]*)', page_text)
    assert targets
    assert {target[:5] for target in targets if not target.startswith("#")} == {"data:"}
    assert not re.search(r"url\((?!#)|@import|fetch\(", page_text)


def test_text_of_results_is_no_html(page_text: str) -> None:
    assert "&lt;avif&gt; &amp; said no" in page_text
    assert "<avif>" not in page_text
    assert "&lt;b&gt;.json" in page_text
    assert "<b>.json" not in page_text


def test_ids_are_unique(page_text: str) -> None:
    found = re.findall(r'\bid="([^"]*)"', page_text)
    assert len(found) == len(set(found))
    for target in re.findall(r'(?:xlink:href="#|url\(#)([^")]*)', page_text):
        assert target in found


def test_what_did_not_run_and_what_was_skipped_is_listed(page_text: str) -> None:
    for wanted in ("flif is not on the PATH", "segmentation fault", "torn.png", "published", "1 file skipped"):
        assert wanted in page_text
    for number in ("picture 01.png", "picture 06.png"):
        assert number in page_text
