"""Tables as text for a terminal, as Markdown and as CSV."""

import csv
import io
import re
import textwrap
from collections.abc import Container, Sequence

from benchmarks.tables import COLUMNS, Column, Row, Table

__all__ = ["csv_text", "escaped", "markdown", "markdown_published", "markdown_rows", "terminal"]

GAP = "  "
SPREADS = tuple(column.spread for column in COLUMNS if column.spread)


def terminal(table: Table, width: int) -> str:
    """The table for a terminal of that many characters; columns that do not fit follow in a second block."""
    lines = [table.title, "=" * len(table.title), *textwrap.wrap(table.about, width), ""]
    first = max(map(len, ("codec", *(_marked(row) for row in (*table.rows, *table.published)))))
    figures = [row for row in table.rows if row.figures]
    for columns in _blocks(table, first, width):
        present = [row for row in figures if any(column.name in row.figures for column in columns)]
        lines += [*_block(columns, present, first), ""]
    for row in table.rows:
        if row.remark:
            lines += textwrap.wrap(f"* {row.label}: {row.remark}", width, subsequent_indent="  ")
    if table.published:
        lines += ["", "Published, not measured here", "-" * len("Published, not measured here")]
        columns = [column for column in COLUMNS if any(column.name in row.figures for row in table.published)]
        lines += [*_block(columns, table.published, first, width=width), ""]
    lines += [line for note in table.notes for line in textwrap.wrap(note, width)]
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def _blocks(table: Table, first: int, width: int) -> list[list[Column]]:
    """The columns, as many at a time as fit."""
    blocks: list[list[Column]] = [[]]
    used = first
    for column in table.columns:
        needed = len(GAP) + _width(column, table.rows)
        if blocks[-1] and used + needed > width:
            blocks.append([])
            used = first
        blocks[-1].append(column)
        used += needed
    return [block for block in blocks if block]


def _heading(column: Column) -> list[str]:
    """The title and the unit over some lines, none wider than the figures have to be."""
    return textwrap.wrap(f"{column.title} {column.unit}".strip(), 12, break_long_words=False)


def _width(column: Column, rows: Sequence[Row]) -> int:
    return max(len(text) for text in (*_heading(column), *(row.text(column) for row in rows)))


def _block(columns: Sequence[Column], rows: Sequence[Row], first: int, *, width: int | None = None) -> list[str]:
    """Headings and rows; with `width`, each row's remark follows in lines no longer than that."""
    headings = [_heading(column) for column in columns]
    height = max(map(len, headings), default=1)
    widths = [_width(column, rows) for column in columns]
    lines = []
    for line in range(height):
        cells = [
            text[line - height + len(text)] if line >= height - len(text) else "" for text in headings
        ]  # fmt: skip
        start = "codec" if line == height - 1 else ""
        lines.append(GAP.join([start.ljust(first), *(c.rjust(w) for c, w in zip(cells, widths, strict=True))]))
    lines.append("-" * (first + sum(len(GAP) + w for w in widths)))
    for row in rows:
        cells = [row.text(column).rjust(w) for column, w in zip(columns, widths, strict=True)]
        start = GAP.join([_marked(row).ljust(first), *cells])
        room = 0 if width is None else max(20, width - len(start) - len(GAP))
        remark = textwrap.wrap(row.remark, room) if room else []
        lines.append(GAP.join([start, *remark[:1]]))
        lines += [GAP.join([" " * len(start), rest]) for rest in remark[1:]]
    return lines


def _marked(row: Row) -> str:
    """The label, with a star where a line below the figures has to be read with them."""
    return f"{row.label} *" if row.origin == "incomplete" else row.label


def markdown(table: Table) -> str:
    """The table in GitHub's Markdown, with its heading and notes."""
    lines = [f"## {escaped(table.title)}", "", escaped(table.about), "", *markdown_rows(table, table.columns)]
    if table.published:
        lines += ["", *markdown_published(table)]
    lines += [line for note in table.notes for line in ("", escaped(note))]
    return "\n".join(lines) + "\n"


def markdown_rows(
    table: Table, columns: Sequence[Column], *, units: bool = True, keys: Container[str] | None = None
) -> list[str]:
    """The contenders, or those of `keys`, with these columns, ours in bold; those without figures say why."""
    titles = [f"{column.title}, {column.unit}" if units and column.unit else column.title for column in columns]
    head = " | ".join(map(escaped, titles))
    lines = [f"| codec | {head} |", "| --- |" + " ---: |" * len(columns)]
    for row in table.rows:
        if keys is not None and row.key not in keys:
            continue
        label = f"**{escaped(row.label)}**" if row.family == "idfcodec" else escaped(row.label)
        label += f" ({escaped(row.remark)})" if row.remark else ""
        lines.append(f"| {' | '.join([label, *(row.text(column) for column in columns)])} |")
    return lines


def markdown_published(table: Table) -> list[str]:
    """The figures of others, in a table of their own."""
    lines = ["| published, not measured here | bits per subpixel | of | source |", "| --- | ---: | --- | --- |"]
    for row in table.published:
        ((kind, figure),) = row.shown.items()
        lines.append(f"| {' | '.join([escaped(row.label), figure, kind, escaped(row.remark)])} |")
    return lines


def csv_text(tables: Sequence[tuple[str, Table]]) -> str:
    """Every row of every table, in full precision.

    Args:
        tables: with the name of the result that each comes from.
    """
    names = [column.name for column in COLUMNS]
    head = ["result", "set", "about", "origin", "key", "label", "family", "remark", *names, *SPREADS]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, head, lineterminator="\n")
    writer.writeheader()
    for result, table in tables:
        for row in (*table.rows, *table.published):
            facts = {"result": result, "set": table.title, "about": table.about, "origin": row.origin}
            words = {"key": row.key, "label": row.label, "family": row.family, "remark": row.remark}
            writer.writerow({**facts, **words, **row.figures})
    return stream.getvalue()


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, in one cell."""
    return re.sub(r"([\\`*_|<>&\[\]])", r"\\\1", " ".join(text.split()))
