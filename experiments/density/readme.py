"""`python -m experiments.density --readme`: the tables of README.md beside this module, from committed results alone.

What stands between `<!-- NAME -->` and `<!-- /NAME -->` is written here and nowhere else; a test tells whether it still
says what was measured. The prose around it is by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from idfcodec.errors import IDFError

__all__ = ["README", "TABLES", "rendered", "write"]

README = Path(__file__).resolve().parent / "README.md"
KINDS = {"exact": "exact", "uniform dequantization": "bound, uniform noise",
         "variational dequantization": "bound, learned noise"}  # fmt: skip


def write(results: Path, readme: Path = README) -> None:
    """Put the tables of `results` into `readme`."""
    readme.write_text(rendered(results, readme), encoding="utf-8")


def rendered(results: Path, readme: Path = README) -> str:
    """What `readme` should say.

    Raises:
        IDFError: it lacks the marks of a table.
    """
    text = readme.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        start, first, rest = text.partition(f"<!-- {name} -->\n")
        _, last, end = rest.partition(f"<!-- /{name} -->\n")
        if not first or not last:
            raise IDFError(f"{readme}: no <!-- {name} --> … <!-- /{name} -->")
        paths = [results / f"{part}.json" for part in TOGETHER.get(name, (name,))]
        known = all(path.exists() for path in paths)
        lines = table(*(json.loads(p.read_text(encoding="utf-8")) for p in paths)) if known else ["Not measured yet."]
        text = "\n".join([start + first.rstrip("\n"), *lines, last + end])
    return text


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> list[str]:
    """A Markdown table whose first `texts` columns are words, the others numbers."""
    align = ["---"] * texts + ["---:"] * (len(head) - texts)
    return [f"| {' | '.join(row)} |" for row in (head, align, *rows)]


def _mean(value: dict[str, float] | None, digits: int = 3) -> str:
    return "" if value is None else f"{value['mean']:.{digits}f} ±{value['spread']:.{digits}f}"


def images(record: dict[str, Any]) -> list[str]:
    """The models at equal parameters and time."""
    equal, count = record["equal"], record["noise_samples"]
    names = {"realnvp": "RealNVP", "glow": "Glow", "flowpp": "Flow++", "idf": "IDF"}
    known = {row["system"]: row for row in record["published"]}
    sets = [f"{part['title']} ({part['count']})" for part in record["pictures"].values()]
    head = ["model", "what the figure is", "parameters", "steps"]
    head += [column for title in sets for column in (title, f"with {count} samples")]
    head.append("published, full size, CIFAR-10")
    rows = []
    for name, model in record["models"].items():
        row = [model["title"], KINDS[model["kind"]], f"{model['parameters']:,}"]
        row.append(f"{sum(seed['steps'] for seed in model['seeds']) / len(model['seeds']):,.0f}")
        row += [_mean(model.get(f"{key}{tail}")) for key in record["pictures"] for tail in ("", "_tighter")]
        there = known.get(names.get(name, ""))
        row.append("" if there is None else f"{there['bits_per_dimension']:.2f}{'' if there['checked'] else ' †'}")
        rows.append(row)
    seeds = len(next(iter(record["models"].values()))["seeds"])
    last = [
        "",
        f"Bits per dimension, mean ± standard deviation over {seeds} seeds; {equal['processor_seconds']:.0f} seconds "
        f"of one thread a training. A bound is with one sample of the noise, then with {count}.",
    ]
    if any(not row["checked"] for row in record["published"]):
        last.append("† not verified: repeated from the literature, not read in the source itself.")
    return [*_rows(head, rows, 2), *last]


def budget(large: dict[str, Any], small: dict[str, Any]) -> list[str]:
    """The small budget beside the large one."""
    head = ["model", "crops, small budget", "large"]
    head += [f"{part['title']}, {size}" for part in small["pictures"].values() for size in ("small", "large", "gain")]
    rows = []
    for name, model in large["models"].items():
        before = small["models"].get(name)
        row = [model["title"], "" if before is None else f"{before['crops']:,}", f"{model['crops']:,}"]
        for key in small["pictures"]:
            best = f"{key}_tighter" if f"{key}_tighter" in model else key
            after = model[best]["mean"]
            if before is None:
                row += ["", f"{after:.3f}", ""]
            else:
                row += [f"{before[best]['mean']:.3f}", f"{after:.3f}", f"{before[best]['mean'] - after:.3f}"]
        rows.append(row)
    spent = large["equal"]
    last = (
        f"Bits per dimension, bounds with {large['noise_samples']} samples. Small: "
        f"{small['equal']['processor_seconds']:.0f} seconds of one thread, mean of the seeds. Large: "
        f"{spent['seconds']:.0f} seconds of {spent['hardware']}, one seed."
    )
    return [*_rows(head, rows), "", last]


def samples(record: dict[str, Any]) -> list[str]:
    """How likely samples are, and how far from the training's crops."""
    head = ["model", *(f"bits at {t:g}" for t in record["temperatures"])]
    head += ["samples to the nearest crop", "held-back squares to it"]
    rows = []
    for model in record["models"].values():
        bits = [f"{model['bits_of_samples'][str(t)]:.2f}" for t in record["temperatures"]]
        near = [f"{model[key]:.0f}" for key in ("to_nearest_crop", "held_back_to_nearest_crop")]
        rows.append([model["title"], *bits, *near])
    crops = record["crops_to_be_near_to"]
    last = (
        "Bits per dimension of a model's own samples by temperature; distances are root mean squares of 255, to "
        f"{crops:,} crops."
    )
    return [*_rows(head, rows), "", last]


def ood(record: dict[str, Any]) -> list[str]:
    """How often a picture of each set costs more than a held-back square."""
    models = list(record["models"].values())
    sets = [key for key in models[0]["sets"] if key != record["inside"]]
    rows = [[key, *(f"{m['sets'][key]['area']:.2f} ({m['sets'][key]['mean']:.2f})" for m in models)] for key in sets]
    rows.insert(0, [record["inside"], *(f"({m['sets'][record['inside']]['mean']:.2f})" for m in models)])
    last = (
        f"How often a picture costs more than a held-back square (1/2: no telling), in brackets the mean bits per "
        f"dimension; {record['pictures_of_a_set']} pictures of each set."
    )
    return [*_rows(["pictures", *(m["title"] for m in models)], rows), "", last]


def rounding(record: dict[str, Any]) -> list[str]:
    """Rounding on and off by depth."""
    head = ["pixels", "couplings", "with rounding", "trained without, judged with", "without (bound)"]
    head += ["cosine, early", "cosine, late", "slope, late"]
    keys = ("rounded", "switched", "relaxed", "rounded_agreement_early", "rounded_agreement_late", "rounded_slope_late")
    rows = [
        [f"{bits} bits", n, *(_mean(row[key]) for key in keys)]
        for bits, table in record["bits"].items()
        for n, row in table.items()
    ]
    last = (
        f"Bits per dimension on held-back squares, {record['seeds']} seeds; cosine of the straight-through gradient "
        "with the loss's own slopes, and the loss's slope along the gradient as a share of what it promises (both 1 if "
        "true)."
    )
    return [*_rows(head, rows, 2), "", last]


def table(record: dict[str, Any]) -> list[str]:
    """The densities of the plane: nats short of the truth."""
    densities = record["densities"]
    head = ["model", "parameters", *densities]
    first = next(iter(densities.values()))["models"]
    rows = []
    for name, model in first.items():
        gaps = [density["models"][name] for density in densities.values()]
        rows.append(
            [name, f"{model['parameters']:,}", *(f"{g['gap']:.3f} ±{g['gap_standard_error']:.3f}" for g in gaps)]
        )
    last = "Nats by which a held-out sample falls short of the true density's, ± standard error."
    return [*_rows(head, rows), "", last]


def copulas(record: dict[str, Any]) -> list[str]:
    """Four dimensions: nats short of the truth."""
    rows = [
        [name, f"{row['parameters']:,}", f"{row['gap']:.3f} ±{row['gap_standard_error']:.3f}"]
        for name, row in record["models"].items()
    ]
    last = "Nats by which a held-out sample falls short of the true density's, ± standard error."
    return [*_rows(["model", "parameters", "chain of four"], rows), "", last]


TABLES: dict[str, Callable[..., list[str]]] = {
    "table": table,
    "copulas": copulas,
    "images": images,
    "budget": budget,
    "samples": samples,
    "ood": ood,
    "rounding": rounding,
}
TOGETHER = {"budget": ("budget", "images")}  # the records of tables that need more than their own
