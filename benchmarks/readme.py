"""`python -m benchmarks readme`: README's results, RESULTS.md and the models' cards, from committed results alone.

Nothing in these places is written by hand, so a test can tell whether they still say what was measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pandas as pd

from benchmarks.cards import card
from benchmarks.datasets import CLASSES, KNOWN
from benchmarks.models import model_name, shipped_models
from benchmarks.render import escaped, markdown_published, markdown_rows
from benchmarks.results import BenchmarkError, Result, load
from benchmarks.scaling import scaling_tables
from benchmarks.section import OUR_DEFAULT, Section, sections
from benchmarks.tables import machine, protocol, table
from experiments.loading_table import loading_lines
from idfcodec.models import EFFORTS

__all__ = ["readme", "rendered"]

ROOT = Path(__file__).resolve().parent.parent
TIMED = ("kodak",)  # the sets whose speeds are shown: those measured while nothing else ran
COLUMNS = ("file", "payload", "likelihood", "bytes", "against", "undone")
SPEEDS = ("encode_mb_s", "decode_mb_s", "memory")
README_COLUMNS = ("file", "bytes", "against", "undone", *SPEEDS)
README_PEERS = ("png-oxipng", "webp-m6", "jxl-e7", "jxl-e10", "jpegls-rct", "j2k-rct")
LINE_PEERS = ("png-oxipng", "webp-m6", "jxl-e7", "jxl-e10")
PEERS = ("png-oxipng", "webp-m6", "jxl-e7")  # that are held against ours picture by picture
START, END = "<!-- results -->\n", "<!-- /results -->"
WRITTEN = "Written by `python -m benchmarks readme` from benchmarks/results; every figure comes from a script."
PASTS = """\
What a codec can save depends on what a picture went through, so every data set has a class. *Clean photographs* were
never coded with losses, or were reduced in size since. Photographs *of a known past* were PhotoCD, JPEG or video once:
they have only some of the colours and frequencies that they could have, and this codec learns which while it decodes;
that is most of its gain on Kodak. *Screens and drawings* are what programs make, and scans of prints. *16 bits a
sample* are photographs and measurements of 10 to 16 bits, and test patterns."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if something would change.")
def readme(check: bool) -> None:
    """Write README's results, RESULTS.md and the models' cards.

    Reads benchmarks/results/NAME.json, which `run` and `scaling` wrote, and the models' own files. Writes what stands
    between the `<!-- results -->` marks of README.md, RESULTS.md, and CARD.md of each model. Results of models that are
    not shipped any more are refused: measure again.

    \b
    Examples:
      python -m benchmarks readme
      python -m benchmarks readme --check     says what is out of date
    """
    wanted = rendered(ROOT)
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check and stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        raise BenchmarkError(f"not what benchmarks/results says: {names}; `python -m benchmarks readme` writes them")
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
        click.echo(f"wrote {path.relative_to(ROOT)}")


def rendered(root: Path) -> dict[Path, str]:
    """What each file of a checkout should contain.

    Raises:
        BenchmarkError: a result cannot be read, is of a model that is not shipped, or README.md has no marks.
    """
    folders = shipped_models(root)
    names = {identity: model_name(folder) for identity, folder in folders.items()}
    measured = _measured(root / "benchmarks" / "results", names)
    target = root / "README.md"
    start, mark, rest = target.read_text(encoding="utf-8").partition(START)
    _, end_mark, end = rest.partition(END)
    if not mark or not end_mark:
        raise BenchmarkError(f"{target}: no {START.strip()} … {END}")
    short = "\n".join(_short(measured))
    wanted = {target: f"{start}{START}{short}\n{END}{end}"}
    wanted[root / "RESULTS.md"] = "\n".join(_long(root, measured)) + "\n"
    return wanted | {folder / "CARD.md": card(folder, names, measured, TIMED) for folder in folders.values()}


def _measured(folder: Path, names: Mapping[str, str]) -> dict[str, Section]:
    """What was measured of each set, in the order of `KNOWN`."""
    measured = {}
    for name in KNOWN:
        path = folder / f"{name}.json"
        if path.exists():
            (measured[name],) = sections([_with_todays_names(load(path), path, names)])
    return measured


def _with_todays_names(result: Result, path: Path, names: Mapping[str, str]) -> Result:
    """A result whose keys and labels of our models are those that a run of today would give them.

    Raises:
        BenchmarkError: a model is not shipped.
    """
    efforts = {model: effort for effort, model in EFFORTS.items()}
    keys, contenders = {}, {}
    for key, entry in result["contenders"].items():
        keys[key] = key
        model = entry.get("model", {}).get("id")
        if model:
            if model not in names:
                raise BenchmarkError(f"{path}: {entry['label']} was measured with model {model}, which is not shipped")
            called = efforts.get(names[model], names[model])
            keys[key] = f"idfcodec-{called}"
            entry = {**entry, "label": f"idfcodec {called}", "model": {**entry["model"], "name": names[model]}}
        contenders[keys[key]] = entry
    datasets = {
        name: {**dataset, "measurements": {keys[key]: rows for key, rows in dataset["measurements"].items()}}
        for name, dataset in result["datasets"].items()
    }
    return {**result, "contenders": contenders, "datasets": datasets}


def _short(measured: Mapping[str, Section]) -> list[str]:
    """README: Kodak's table, and a line for each other set."""
    lines = [
        "Whole files, every picture decoded and compared; one process that goes round the codecs picture by picture.",
        "Sizes are bits per subpixel (pixel times channel); speeds are MB/s, 10^6 subpixels a second, ± half the range",
        "of the repeats; memory is MB, of a process with the largest picture.",
    ]
    for name in filter(measured.__contains__, TIMED):
        section, computed = measured[name], table(measured[name])
        columns = [column for column in computed.columns if column.name in README_COLUMNS]
        keys = {key for key in computed.rows.index if section.is_ours(key)} | set(README_PEERS)
        count = len(section.dataset["pictures"])
        lines += ["", f"**{KNOWN[name].short}, {count} photographs {section.past}** ({KNOWN[name].past})", ""]
        lines += markdown_rows(computed, columns, units=False, keys=keys)
    others = {name: section for name, section in measured.items() if name not in TIMED}
    lines += ["", "**Other sets**, bits per subpixel", "", *_lines(others), "", *PASTS.splitlines(), ""]
    machines = {machine(measured[name].result) for name in TIMED if name in measured}
    lines += [f"Speeds: {text.partition(';')[0]}." for text in sorted(machines)]
    return [*lines, "All codecs, versions, machines and what others published: [RESULTS.md](RESULTS.md)."]


def _lines(measured: Mapping[str, Section]) -> list[str]:
    """A row for each set, by class: bits per subpixel of each of our models and of some peers."""
    if not measured:
        return []
    sizes = pd.DataFrame({name: section.comparable["file"] for name, section in measured.items()})
    labels = {str(key): section.label(str(key)) for section in measured.values() for key in section.comparable.index}
    ours = [key for key in labels if key.startswith("idfcodec-")]
    keys = [*ours, *(key for key in LINE_PEERS if key in labels)]
    heads = ["class", "set", "pictures", *(labels[key] for key in keys), "our smallest against JPEG XL's"]
    lines = [f"| {' | '.join(heads)} |", "| --- | --- |" + " ---: |" * (len(heads) - 2)]
    for kind in CLASSES:
        for name, section in measured.items():
            if section.past != kind:
                continue
            cells = [f"{sizes[name][key]:.3f}" if pd.notna(sizes[name].get(key)) else "" for key in keys]
            smallest = [sizes[name].filter(regex=keys_of).min() for keys_of in ("^idfcodec-", "^jxl-e")]
            best = smallest[0] / smallest[1]
            count = f"{len(section.dataset['pictures']):,}"
            cells = [kind, KNOWN[name].short, count, *cells, f"{best:.3f}" if pd.notna(best) else ""]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _long(root: Path, measured: Mapping[str, Section]) -> list[str]:
    """RESULTS.md: every table, by class."""
    lines = ["# Results", "", WRITTEN, "", *PASTS.splitlines(), ""]
    lines += [
        "File, payload (the file less its container) and likelihood (the code length by the model) are bits per",
        "subpixel; speeds are MB/s, 10^6 subpixels a second, ± half the range of the repeats, of sets that were",
        "measured while nothing else ran; memory is MB, of a process with the largest picture.",
    ]
    for kind in CLASSES:
        of_kind = {name: section for name, section in measured.items() if section.past == kind}
        lines += ["", f"## {kind.capitalize()}"] if of_kind else []
        for name, section in of_kind.items():
            lines += ["", f"### {KNOWN[name].title}", "", *_set(name, section)]
    scaling = root / "benchmarks" / "results" / "scaling.json"
    if scaling.exists():
        lines += ["", "## Time and memory against size and threads", ""]
        lines += ["Mosaics of photographs. [Plot](benchmarks/scaling.svg)."]
        lines += scaling_tables(json.loads(scaling.read_bytes()))
    return lines + loading_lines(root)


def _set(name: str, section: Section) -> list[str]:
    """The tables of one set and what has to be said of them."""
    computed = table(section)
    wanted = COLUMNS + (SPEEDS if name in TIMED else ())
    columns = [column for column in computed.columns if column.name in wanted]
    past = f" The pictures' past: {KNOWN[name].past}."
    lines = [escaped(computed.counts + past), "", *markdown_rows(computed, columns, units=False)]
    if len(computed.published):
        lines += ["", *markdown_published(computed)]
    where = f"Measured on {machine(section.result)}. {protocol(section.result)}."
    for note in (*computed.notes, *_larger(section), where):
        lines += ["", escaped(note)]
    return lines


def _larger(section: Section) -> Iterator[str]:
    """On which pictures of screens, or of 16 bits, our default file is not the smallest, by more than 64 bytes."""
    sizes = section.coded.pivot(index="picture", columns="codec", values="bytes")
    others = sizes[[key for key in sizes.columns if key in PEERS]]
    if section.past in CLASSES[2:] and OUR_DEFAULT in sizes and len(others.columns):
        least = others.min(axis=1)
        over = sizes[sizes[OUR_DEFAULT] > least + 64][OUR_DEFAULT]
        names = "; ".join(f"{name} ({size:,.0f}, {least[name]:,.0f})" for name, size in over.items())
        among = ", ".join(section.label(key) for key in others.columns)
        where = f"larger by more than 64 bytes on {len(over)}{': ' if names else ''}{names}"
        yield f"Beside the smallest of {among}, picture by picture, {section.label(OUR_DEFAULT)} is {where}."
