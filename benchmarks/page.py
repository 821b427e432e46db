"""The HTML page of one or more results: a single file, which needs no network. page.html is its Jinja template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from benchmarks.drawing import COLOURS, DARK
from benchmarks.maps import coloured_maps, extremes
from benchmarks.plots import plots
from benchmarks.results import Result
from benchmarks.section import Section, sections
from benchmarks.tables import Table, count, machine, protocol, table, text_of

__all__ = ["page"]

TITLE = "Lossless image compression, measured"


def page(results: Sequence[tuple[str, Result]]) -> str:
    """The page.

    Args:
        results: each with the name of its file.
    """
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    runs = [
        {"source": source, "created": result["created"], "machine": machine(result), "protocol": protocol(result)}
        for source, result in results
    ]
    parts = [
        _part(section, f"set-{number}-{place}", source)
        for number, (source, result) in enumerate(results)
        for place, section in enumerate(sections([result]))
    ]
    return template.render(title=TITLE, light=COLOURS, dark=DARK, runs=runs, parts=parts, text_of=text_of) + "\n"


def _part(section: Section, name: str, source: str) -> dict[str, Any]:
    """What the page shows of one data set: every codec with figures, and every published one, the smallest first."""
    computed = table(section)
    rows = pd.concat([part for part in (computed.rows, computed.published) if len(part)] or [computed.rows])
    rows = rows.sort_values(computed.columns[0].name, kind="stable") if computed.columns else rows
    threads = count(section.result["protocol"]["threads"], "thread")
    return {
        "name": name,
        "source": source,
        "where": f"{section.result['environment']['processor']}, {threads}",
        "table": computed,
        "rows": [(str(key), row) for key, row in rows.iterrows()],
        "plots": plots(section, name),
        "ours": section.ours and section.label(section.ours),
        "reference": section.reference and section.label(section.reference),
        "extremes": extremes(section),
        "maps": coloured_maps(section),
        "details": list(_details(section, computed)),
    }


def _details(section: Section, computed: Table) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tables that are closed at first."""
    columns = [(column.title, column.explanation) for column in computed.columns]
    yield "What the columns mean", pd.DataFrame(columns, columns=["column", "meaning"])
    codecs = pd.DataFrame(section.codecs.values(), columns=["label", "version", "settings", "threads"])
    yield "Versions and settings", codecs.rename(columns={"label": "codec"})
    pictures = pd.DataFrame(section.dataset["pictures"].values())[["width", "height", "channels", "sha256"]]
    pictures.insert(0, "picture", list(section.dataset["pictures"]))
    yield f"What was measured: {count(len(pictures), 'picture')} ({section.dataset['source']})", pictures
    if section.dataset["skipped"]:
        yield "Files that were skipped", pd.DataFrame(section.dataset["skipped"])
