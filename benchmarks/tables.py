"""The table of one data set: every figure that any report shows is computed here, and formatted here."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.published import Published, notes, published_figures
from benchmarks.results import Totals, common_pictures
from benchmarks.views import Section

__all__ = ["COLUMNS", "Column", "Row", "Table", "count", "machine", "protocol", "table"]

Figures = dict[str, float]


@dataclass(frozen=True)
class Column:
    """One kind of figure.

    Attributes:
        name: for CSV, and for `#sort=` in the page.
        title: without the unit; `{reference}` stands for the JPEG XL that sizes are held against.
        unit: "" for a ratio.
        decimals: that are shown.
        explanation: one sentence.
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
    Column("likelihood", "likelihood", BITS, 3, "What the model says that the pictures cost."),
    Column(
        "without_weights", "without weights", BITS, 3,
        "The likelihood if nothing were learned from the picture: no weights, no corrections, no palette.",
    ),
    Column(
        "without_lattice", "without lattice", BITS, 3,
        "The likelihood but for the weights of pairs and of values, which learn what colours occur.",
    ),
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
    Column("parameters", "parameters", "", 0, "Weights and biases of the model's networks."),
    Column("kmac_per_pixel", "kMAC/pixel", "", 0, "Thousand multiply-accumulates of the networks for each pixel."),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One contender, or one published figure.

    Attributes:
        origin: "measured", "incomplete" (some pictures failed), "crashed", "not run", "not measured" (on this set) or
            "published".
        key: of the contender; the system for a published figure.
        family: as in the schema, or "published".
        figures: by the name of the column, and of its spread; what is not there was not measured.
        remark: why there are no figures, or how far they hold; the source of a published one.
        shown: figures to be shown in other digits than the column's, as in their source.
    """

    origin: str
    key: str
    label: str
    family: str
    figures: Figures
    remark: str = ""
    shown: dict[str, str] = field(default_factory=dict)

    def text(self, column: Column) -> str:
        """The figure as every report shows it, "" where there is none."""
        if column.name in self.shown:
            return self.shown[column.name]
        if column.name not in self.figures:
            return ""
        text = f"{self.figures[column.name]:,.{column.decimals}f}"
        spread = self.figures.get(column.spread)
        return text if spread is None else f"{text} ±{100 * spread / 2:.0f} %"


@dataclass(frozen=True)
class Table:
    """What is known of one data set of one run.

    Attributes:
        title: of the data set.
        counts: how many pictures, how many were skipped, in one sentence.
        about: the counts, the machine and how it was measured.
        columns: those with a figure in any row.
        rows: of the contenders, in the order of the result.
        published: figures of others, the smallest first.
        notes: sentences that belong below.
    """

    title: str
    counts: str
    about: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    published: tuple[Row, ...]
    notes: tuple[str, ...]


def table(section: Section) -> Table:
    """Computes the table of a section."""
    rows = tuple(_row(section, totals) for totals in section.totals.values())
    others = published_figures(section)
    reference = section.reference()
    title = "" if reference is None else section.label(reference)
    columns = tuple(
        Column(**{**vars(column), "title": column.title.format(reference=title)})
        for column in COLUMNS
        if any(column.name in row.figures for row in rows)
    )
    return Table(
        title=section.title,
        counts=_counts(section),
        about=f"{_counts(section)} Measured on {machine(section.result)}. {protocol(section.result)}.",
        columns=columns,
        rows=rows,
        published=tuple(_published_row(row) for row in others),
        notes=(*_left_out(section), *notes(section, others)),
    )


def machine(result: dict[str, Any]) -> str:
    """Where and with what a result was measured, in one sentence without its full stop."""
    facts = result["environment"]
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    libraries = ", ".join(_library(name, version) for name, version in facts["libraries"].items())
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


def _row(section: Section, totals: Totals) -> Row:
    contender = section.contenders[totals.key]
    figures: dict[str, float | None] = {
        "file": totals.bits_per_subpixel,
        "payload": totals.payload,
        "likelihood": totals.likelihood,
        "without_weights": totals.without_weights,
        "without_lattice": totals.without_lattice,
        "bytes": totals.bytes,
        "against": _against(section, totals.key),
        "encode_mb_s": totals.encode_mb_s,
        "encode_spread": totals.encode_spread,
        "decode_mb_s": totals.decode_mb_s,
        "decode_spread": totals.decode_spread,
        "parameters": totals.parameters,
        "kmac_per_pixel": None if totals.mac_per_pixel is None else totals.mac_per_pixel / 1000,
    }
    if "memory" in contender:
        figures["memory"] = max(contender["memory"][f"{way}_bytes"] for way in ("encode", "decode")) / 1e6
    origin, remark = _state(section, totals)
    present = {name: value for name, value in figures.items() if value is not None}
    coded = origin in ("measured", "incomplete")
    return Row(origin, totals.key, totals.label, totals.family, present if coded else {}, remark)


def _state(section: Section, totals: Totals) -> tuple[str, str]:
    """The origin of a row and its remark."""
    if totals.status == "not run":
        return "not run", f"not run: {totals.reason}"
    failures = section.failures(totals.key)
    reason = next(iter(failures.values()), totals.reason)
    if totals.pictures == 0:
        crashed = bool(failures) or totals.status == "crashed"
        return ("crashed", f"crashed: {reason}") if crashed else ("not measured", "not measured on this set")
    if failures or not totals.complete:
        return (
            "incomplete",
            f"failed on {count(len(failures), 'picture')} ({reason}); figures over the other {totals.pictures}",
        )
    return "measured", ""


def _against(section: Section, key: str) -> float | None:
    """Bytes over those of the reference, over the pictures of the totals that the contender coded."""
    reference = section.reference()
    if reference is None:
        return None
    mine, theirs = section.measured(key), section.measured(reference)
    names = [name for name in common_pictures(section.result, section.name) if name in mine and name in theirs]
    pairs = [(mine[name]["bytes"], theirs[name]["bytes"]) for name in names]
    return sum(size for size, _ in pairs) / sum(size for _, size in pairs) if pairs else None


def _published_row(row: Published) -> Row:
    name = row.system if row.checked else f"{row.system} †"
    label = name if row.dataset.split()[0] in ("CIFAR-10", "Kodak") else f"{name}, {row.dataset}"
    return Row(
        "published",
        row.system,
        label,
        "published",
        {row.kind: float(row.bits_per_subpixel)},
        row.source,
        {row.kind: row.bits_per_subpixel},
    )


def _counts(section: Section) -> str:
    pictures = section.dataset["pictures"]
    subpixels = sum(entry["subpixels"] for entry in pictures.values())
    skipped = len(section.dataset["skipped"])
    parts = [count(len(pictures), "picture"), f"{subpixels:,} subpixels"]
    parts += [f"{count(skipped, 'file')} skipped"] if skipped else []
    parts += ["our models coded all pictures into one file"] if section.dataset["batched"] else []
    return f"{', '.join(parts)}."


def _left_out(section: Section) -> Iterable[str]:
    common, everything = len(common_pictures(section.result, section.name)), len(section.dataset["pictures"])
    if common < everything:
        yield f"Figures are over the {common:,} of {everything:,} pictures that every contender coded."
    skipped = section.dataset["skipped"]
    if skipped:
        names = "; ".join(f"{entry['file']} ({entry['reason']})" for entry in skipped[:5])
        more = f" and {len(skipped) - 5} more" if len(skipped) > 5 else ""
        yield f"{count(len(skipped), 'file')} skipped: {names}{more}."


def _library(name: str, version: str) -> str:
    """The version alone where it names the library, as "libjxl 0.11.2" does."""
    return version if re.match(r"[A-Za-z]", version) else f"{name} {version}"


def count(number: int, noun: str) -> str:
    """Number and noun: "1 picture", "1,200 pictures"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
