"""The HTML page of one or more results: a single file, which needs no network."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from benchmarks.drawing import COLOURS, DARK, Plot
from benchmarks.maps import cards, heat_maps
from benchmarks.plots import plots
from benchmarks.results import Result
from benchmarks.tables import Column, Row, Table, count, machine, protocol, table
from benchmarks.views import Section, sections

__all__ = ["page"]

TITLE = "Lossless image compression, measured"


def page(results: Sequence[tuple[str, Result]]) -> str:
    """The page.

    Args:
        results: each with the name of its file.
    """
    parts, links = [], []
    for number, (source, result) in enumerate(results):
        for place, section in enumerate(sections([result])):
            name = f"set-{number}-{place}"
            links.append(f'<li><a href="#{name}">{escape(section.title)}</a> ({escape(source)})</li>')
            parts.append(_section(section, name, source))
    runs = "".join(_run(source, result) for source, result in results)
    navigation = f"<nav aria-label='Data sets'><ul>{''.join(links)}</ul></nav>" if len(links) > 1 else ""
    template = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=TITLE,
        light=_variables(COLOURS),
        dark=_variables(DARK),
        header=runs + navigation,
        sections="\n".join(parts),
    )


def _variables(colours: dict[str, str]) -> str:
    return " ".join(f"--plot-{name}: {colour};" for name, colour in colours.items())


def _run(source: str, result: Result) -> str:
    return (
        f"<p><strong>{escape(source)}</strong>, {escape(result['created'])}: {escape(machine(result))}. "
        f"{escape(protocol(result))}.</p>"
    )


def _where(section: Section, source: str) -> str:
    """In short, what the heading of the page says of the run."""
    processor, threads = section.result["environment"]["processor"], section.result["protocol"]["threads"]
    return f"From {source}: {processor}, {count(threads, 'thread')}."


def _section(section: Section, name: str, source: str) -> str:
    computed = table(section)
    parts = [
        f'<section id="{name}"><h2>{escape(computed.title)}</h2>',
        f'<p class="muted">{escape(computed.counts)} {escape(_where(section, source))}</p>',
        _table(computed),
        *(f'<p class="muted">{escape(note)}</p>' for note in computed.notes),
        _meanings(computed),
        _failed(computed),
        f'<div class="plots">{"".join(_figure(plot) for plot in plots(section, name))}</div>',
        cards(section),
        heat_maps(section),
        _contenders(section),
        _manifest(section),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _table(computed: Table) -> str:
    """Every contender with figures and every published figure, the smallest files first."""
    first = computed.columns[0].name if computed.columns else ""
    rows = [row for row in (*computed.rows, *computed.published) if row.figures]
    rows.sort(key=lambda row: row.figures.get(first, float("inf")))
    heads = [_heading("codec", "codec", "words", "ascending", sorted_by=False)]
    for column in computed.columns:
        unit = f"<small>{escape(column.unit)}</small>" if column.unit else ""
        order = "descending" if column.more_is_better else "ascending"
        title = escape(column.title) + unit
        heads.append(_heading(column.name, title, "number", order, sorted_by=column.name == first))
    legend = [f"{_swatch('ours')} our models"]
    legend += [f"{_swatch('theirs')} published by others, not measured here"] if computed.published else []
    entries = "".join(_row(row, computed.columns) for row in rows)
    return (
        f'<p class="muted">{" · ".join([*legend, "click on a heading to sort"])}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Figures of {escape(computed.title)}">'
        f'<table class="sortable"><thead><tr>{"".join(heads)}</tr></thead><tbody>{entries}</tbody></table></div>'
    )


def _swatch(colour: str) -> str:
    return f'<span class="swatch" style="background: var(--{colour})"></span>'


def _heading(name: str, title: str, kind: str, order: str, *, sorted_by: bool) -> str:
    state = f' aria-sort="{order}"' if sorted_by else ""
    return (
        f'<th scope="col" data-column="{name}" data-kind="{kind}" data-first="{order}"{state}>'
        f'<button type="button">{title}</button></th>'
    )


def _row(row: Row, columns: Sequence[Column]) -> str:
    tag = ' <span class="tag">published</span>' if row.origin == "published" else ""
    remark = f"<small>{escape(row.remark)}</small>" if row.remark else ""
    cells = [
        f'<td data-value="{row.figures.get(column.name, "")}">{escape(row.text(column))}</td>' for column in columns
    ]
    return (
        f'<tr class="{escape(row.family)}" data-key="{escape(row.key)}">'
        f'<th scope="row" data-value="{escape(row.label)}">{escape(row.label)}{tag}{remark}</th>{"".join(cells)}</tr>'
    )


def _meanings(computed: Table) -> str:
    entries = "".join(
        f"<tr><th scope='row'>{escape(column.title)}</th><td class='words'>{escape(column.explanation)}</td></tr>"
        for column in computed.columns
    )
    return _collapsed("What the columns mean", "<th>column</th><th>meaning</th>", entries)


def _failed(computed: Table) -> str:
    """Whoever has no figures, and why."""
    rows = [row for row in computed.rows if not row.figures]
    if not rows:
        return ""
    entries = "".join(f"<li><strong>{escape(row.label)}</strong>: {escape(row.remark)}</li>" for row in rows)
    return f'<h3>Without figures</h3><ul class="failed">{entries}</ul>'


def _figure(plot: Plot) -> str:
    return (
        f'<figure id="{plot.name}"><h3>{escape(plot.title)}</h3><div class="plot">{plot.svg}</div>'
        f"<figcaption>{escape(plot.caption)}</figcaption></figure>"
    )


def _contenders(section: Section) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{escape(entry['label'])}<small>{escape(key)}</small></th>"
        f"<td class='words'>{escape(entry['version'])}</td><td class='words'>{escape(entry['settings'])}</td>"
        f"<td>{entry['threads']}</td></tr>"
        for key, entry in section.contenders.items()
    )
    heads = "<th>codec</th><th>version</th><th>settings</th><th>threads</th>"
    return _collapsed("Versions and settings", heads, rows)


def _manifest(section: Section) -> str:
    pictures = section.dataset["pictures"]
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{entry['width']} × {entry['height']} × {entry['channels']}</td>"
        f"<td class='words hash'>{escape(entry['sha256'])}</td></tr>"
        for name, entry in pictures.items()
    )
    rows += "".join(
        f"<tr><th scope='row'>{escape(entry['file'])}</th><td>skipped</td><td class='words'>{escape(entry['reason'])}"
        "</td></tr>"
        for entry in section.dataset["skipped"]
    )
    heads = "<th>picture</th><th>width × height × channels</th><th>SHA-256 of the pixels</th>"
    title = f"What was measured: {count(len(pictures), 'picture')} ({section.dataset['source']})"
    return _collapsed(title, heads, rows)


def _collapsed(title: str, heads: str, rows: str) -> str:
    return (
        f'<details><summary>{escape(title)}</summary><div class="scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )
