"""The table of one data set: every figure that any report shows is chosen, named and formatted here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from benchmarks.published import notes, published_figures
from benchmarks.section import Section

__all__ = ["COLUMNS", "FIGURES", "Column", "Table", "count", "machine", "protocol", "table", "text_of"]


@dataclass(frozen=True)
class Column:
    """One kind of figure.

    Attributes:
        name: for CSV, and for `#sort=` in the page.
        title: "{reference}" stands for the JPEG XL that sizes are held against.
        decimals: that are shown.
        spread: the name of the figure that says how far repeats lay apart, as a share of their median.
        more_is_better: what a reader sorts to the top first.
    """

    name: str
    title: str
    unit: str
    decimals: int
    explanation: str
    spread: str = ""
    more_is_better: bool = False


BITS = "bits per subpixel"
COLUMNS = (
    Column("file", "file", BITS, 3, "The written files, containers included."),
    Column("payload", "payload", BITS, 3, "The files less their containers."),
    Column("likelihood", "likelihood", BITS, 3, "The pictures' code length by the model."),
    Column("bytes", "bytes", "", 0, "All files of the set together."),
    Column("against", "size against {reference}", "", 3, "Bytes over the reference's bytes, on the same pictures."),
    Column(
        "encode_mb_s", "encode", "MB/s", 2,
        "10^6 subpixels a second: all of them over the sum of each picture's median time; ± half the range of the "
        "repeats.",
        spread="encode_spread", more_is_better=True,
    ),
    Column(
        "decode_mb_s", "decode", "MB/s", 2, "As for encoding.", spread="decode_spread", more_is_better=True
    ),
    Column(
        "memory", "peak memory", "MB", 0,
        "Of a process that codes the largest picture, all that it holds included; of a command, its largest process.",
    ),
    Column("undone", "conversions undone", "pictures", 0, "That were converted from others, or JPEGs."),
    Column("parameters", "parameters", "", 0, "Weights and biases of the model's networks."),
    Column("kmac_per_pixel", "kMAC/pixel", "", 1, "Thousand multiply-accumulates of the networks for each pixel."),
)  # fmt: skip
SPREADS = tuple(column.spread for column in COLUMNS if column.spread)
FIGURES = [*(column.name for column in COLUMNS), *SPREADS]


@dataclass(frozen=True)
class Table:
    """What is known of one data set of one run.

    Attributes:
        counts: how many pictures, how many were skipped, in one sentence.
        about: the class, the counts, the machine and how it was measured.
        columns: those with a figure in any row.
        rows: by the codec's key: "label", "family", "origin" ("measured", or "incomplete" where some pictures
            failed), "remark", and a column for each of `COLUMNS` and its spread.
        published: the same of others' figures, the smallest first; the origin is "published", the remark the source,
            and "shown" is the figure in the digits of its source.
        notes: sentences that belong below; who has no figures, and why, is among them.
    """

    title: str
    past: str
    counts: str
    about: str
    columns: tuple[Column, ...]
    rows: pd.DataFrame
    published: pd.DataFrame
    notes: tuple[str, ...]


def table(section: Section) -> Table:
    """The table of a section."""
    others = published_figures(section)
    rows = _rows(section)
    title = section.label(section.reference) if section.reference else ""
    columns = tuple(
        replace(column, title=column.title.format(reference=title))
        for column in COLUMNS
        if rows[column.name].notna().any()
    )
    counts = _counts(section)
    past = f"Class: {section.past}" if section.past else ""
    sentences = [past, counts[:-1], f"Measured on {machine(section.result)}", protocol(section.result)]
    return Table(
        title=section.title,
        past=section.past,
        counts=counts,
        about=" ".join(f"{sentence}." for sentence in sentences if sentence),
        columns=columns,
        rows=rows,
        published=_published(others),
        notes=(*_notes(section), *notes(section, others)),
    )


def text_of(row: Any, column: Column) -> str:
    """A row's figure as every report shows it, "" where there is none."""
    value, spread = row[column.name], row[column.spread] if column.spread else float("nan")
    if pd.isna(value):
        return ""
    if isinstance(row.get("shown"), str):
        return str(row["shown"])
    text = f"{value:,.{column.decimals}f}"
    return text if pd.isna(spread) else f"{text} ±{100 * spread / 2:.0f} %"


def _rows(section: Section) -> pd.DataFrame:
    rows = section.totals[section.totals["pictures"] > 0]
    facts: dict[str, list[str]] = {"label": [], "family": [], "origin": [], "remark": []}
    for key, row in rows.iterrows():
        errors = section.errors(str(key))
        whole = row["complete"] and not errors
        reason = next(iter(errors.values()), "")
        failed = f"failed on {count(len(errors), 'picture')} ({reason}); figures over the other {row['pictures']}"
        facts["label"].append(section.label(str(key)))
        facts["family"].append(str(section.codecs[str(key)]["family"]))
        facts["origin"].append("measured" if whole else "incomplete")
        facts["remark"].append("" if whole else failed)
    return pd.DataFrame({**facts}, index=rows.index).join(rows.reindex(columns=FIGURES))


def _published(others: pd.DataFrame) -> pd.DataFrame:
    names = others["system"].where(others["checked"], others["system"] + " †")
    alone = others["dataset"].isin(["CIFAR-10", "Kodak"])
    rows = pd.DataFrame(
        {
            "label": names.where(alone, names + ", " + others["dataset"]),
            "family": "published",
            "origin": "published",
            "remark": others["source"],
            "shown": others["bits_per_subpixel"],
            **{name: float("nan") for name in FIGURES},
        }
    ).set_axis(pd.Index(others["system"], name="codec"))
    for kind in ("file", "likelihood"):
        rows[kind] = others["figure"].where(others["kind"] == kind).to_numpy()
    return rows


def machine(result: dict[str, Any]) -> str:
    """Where and with what a result was measured, in one sentence without its full stop."""
    facts = result["environment"]
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    # A version that names its library, as "libjxl 0.11.2", is enough.
    libraries = ", ".join(
        version if re.match(r"[A-Za-z]", version) else f"{name} {version}"
        for name, version in facts["libraries"].items()
    )
    memory = f"{facts['memory_bytes'] / 2**30:.0f} GiB"
    parts = [facts["processor"], f"{facts['cores']} cores", memory, facts["system"], f"Python {facts['python']}"]
    return "; ".join(filter(None, [", ".join(parts), packages, libraries]))


def protocol(result: dict[str, Any]) -> str:
    """How a result was measured, in one sentence without its full stop."""
    facts = result["protocol"]
    once = f" (one where a picture takes more than {facts['slow_seconds']:g} s)" if facts["repeats"] > 1 else ""
    device = "the GPU" if facts["device"] == "cuda" else "the processor"
    return (
        f"{count(facts['threads'], 'thread')}, our models on {device}, {count(facts['warm_up'], 'warm-up')}, "
        f"{count(facts['repeats'], 'repeat')}{once}"
    )


def _counts(section: Section) -> str:
    pictures = section.dataset["pictures"]
    subpixels = sum(entry["subpixels"] for entry in pictures.values())
    skipped = len(section.dataset["skipped"])
    parts = [count(len(pictures), "picture"), f"{subpixels:,} subpixels"]
    parts += [f"{count(skipped, 'file')} skipped"] if skipped else []
    parts += ["our models coded all pictures into one file"] if section.dataset["batched"] else []
    return f"{', '.join(parts)}."


def _notes(section: Section) -> Iterator[str]:
    everything = len(section.dataset["pictures"])
    if len(section.common) < everything:
        yield f"Figures are over the {len(section.common):,} of {everything:,} pictures that every codec coded."
    without = []
    for key in section.totals.index[section.totals["pictures"] == 0]:
        entry = section.codecs[key]
        error = next(iter(section.errors(key).values()), entry["reason"])
        status = entry["status"] if entry["status"] == "not run" or error else "not measured on this set"
        without.append(f"{entry['label']} ({': '.join(filter(None, [status, error]))})")
    if without:
        yield f"Without figures: {'; '.join(without)}."
    skipped = section.dataset["skipped"]
    if skipped:
        names = "; ".join(f"{entry['file']} ({entry['reason']})" for entry in skipped[:5])
        more = f" and {len(skipped) - 5} more" if len(skipped) > 5 else ""
        yield f"{count(len(skipped), 'file')} skipped: {names}{more}."


def count(number: int, noun: str) -> str:
    """Number and noun: "1 picture", "1,200 pictures"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
