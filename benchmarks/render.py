"""Tables as text for a terminal, as Markdown and as CSV."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Container, Sequence

import pandas as pd

from benchmarks.tables import COLUMNS, FIGURES, Column, Table, text_of

__all__ = ["csv_text", "escaped", "markdown", "markdown_published", "markdown_rows", "terminal"]


def terminal(table: Table, width: int) -> str:
    """The table for a terminal of that many characters; columns that do not fit follow in a second block."""
    lines = [table.title, "=" * len(table.title), *textwrap.wrap(table.about, width), ""]
    lines += _blocks(table.rows, table.columns, width) if len(table.rows) else []
    for _, row in table.rows[table.rows["remark"] != ""].iterrows():
        lines += textwrap.wrap(f"{row['label']}: {row['remark']}", width, subsequent_indent="  ")
    if len(table.published):
        columns = [column for column in COLUMNS if table.published[column.name].notna().any()]
        lines += ["", "Published, not measured here", "", *_blocks(table.published, columns, width)]
        sources = (f"{row['label']}: {row['remark']}" for _, row in table.published.iterrows())
        lines += textwrap.wrap("; ".join(sources), width)
    lines += [line for note in table.notes for line in textwrap.wrap(note, width)]
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def _blocks(rows: pd.DataFrame, columns: Sequence[Column], width: int) -> list[str]:
    short = [column.title.replace("size against", "against") for column in columns]
    titles = [f"{title}, {column.unit}" if column.unit else title for title, column in zip(short, columns, strict=True)]
    titles = [title.replace("bits per subpixel", "bpsp") for title in titles]
    cells = [[text_of(row, column) for column in columns] for _, row in rows.iterrows()]
    frame = pd.DataFrame(cells, index=rows["label"].to_list(), columns=pd.Index(titles, name="codec"), dtype=str)
    text = frame.to_string(line_width=width)
    # pandas ends the lines of a block that another one follows with a backslash.
    return [line.removesuffix("\\").rstrip() for line in text.splitlines()]


def markdown(table: Table) -> str:
    """The table in GitHub's Markdown, with its heading and notes."""
    lines = [f"## {escaped(table.title)}", "", escaped(table.about), "", *markdown_rows(table, table.columns)]
    if len(table.published):
        lines += ["", *markdown_published(table)]
    lines += [line for note in table.notes for line in ("", escaped(note))]
    return "\n".join(lines) + "\n"


def markdown_rows(
    table: Table, columns: Sequence[Column], *, units: bool = True, keys: Container[str] | None = None
) -> list[str]:
    """The codecs, or those of `keys`, with these columns, ours in bold; those that failed somewhere say so."""
    titles = [f"{column.title}, {column.unit}" if units and column.unit else column.title for column in columns]
    lines = [f"| codec | {' | '.join(map(escaped, titles))} |", "| --- |" + " ---: |" * len(columns)]
    for key, row in table.rows.iterrows():
        if keys is not None and key not in keys:
            continue
        label = f"**{escaped(row['label'])}**" if row["family"] == "idfcodec" else escaped(row["label"])
        label += f" ({escaped(row['remark'])})" if row["remark"] else ""
        lines.append(f"| {' | '.join([label, *(text_of(row, column) for column in columns)])} |")
    return lines


def markdown_published(table: Table) -> list[str]:
    """The figures of others, in a table of their own."""
    lines = ["| published, not measured here | bits per subpixel | of | source |", "| --- | ---: | --- | --- |"]
    for _, row in table.published.iterrows():
        kind = "file" if pd.notna(row["file"]) else "likelihood"
        lines.append(f"| {' | '.join([escaped(row['label']), row['shown'], kind, escaped(row['remark'])])} |")
    return lines


def csv_text(tables: Sequence[tuple[str, Table]]) -> str:
    """Every row of every table, in full precision.

    Args:
        tables: with the name of the result that each comes from.
    """
    parts = [
        rows.rename_axis("key").reset_index().assign(result=result, set=table.title, about=table.about)
        for result, table in tables
        for rows in (table.rows, table.published)
    ]
    head = ["result", "set", "about", "origin", "key", "label", "family", "remark", *FIGURES]
    whole = pd.concat([part for part in parts if len(part)] or parts[:1])
    return str(whole.reindex(columns=head).to_csv(index=False, lineterminator="\n"))


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, in one cell."""
    return re.sub(r"([\\`*_|<>&\[\]])", r"\\\1", " ".join(text.split()))
