"""What papers and repositories report, from `published.csv`: beside measured figures, never among them.

`kind` is `file` for written sizes and `likelihood` for a model's bound. `checked` is `no` where the figure was not read
in the source itself.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.views import Section

__all__ = ["Published", "notes", "published", "published_figures"]

WHOLE = {"CIFAR-10": 10_000, "ImageNet32 (old)": 50_000, "ImageNet64 (old)": 50_000, "Kodak": 24}


@dataclass(frozen=True)
class Published:
    """A figure of somebody else.

    Attributes:
        bits_per_subpixel: as text, with the digits of the source.
        kind: "file" or "likelihood".
        checked: whether it was read in the source itself.
    """

    system: str
    dataset: str
    bits_per_subpixel: str
    kind: str
    source: str
    checked: bool


@cache
def published() -> tuple[Published, ...]:
    """Every row of `published.csv`."""
    with (Path(__file__).parent / "published.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tuple(Published(checked=row.pop("checked") == "yes", **row) for row in rows)


def published_figures(section: Section) -> list[Published]:
    """Those of the set that a section's name or title speaks of, the smallest first."""
    wanted = _sets(section)
    return sorted((row for row in published() if row.dataset in wanted), key=_place)


def notes(section: Section, rows: Sequence[Published]) -> list[str]:
    """What has to be said beside these figures."""
    if not rows:
        return []
    out = ["Published figures are their authors' own; nothing of them was measured here."]
    count = len(section.dataset["pictures"])
    for name in sorted({row.dataset for row in rows}):
        if count != WHOLE[name]:
            out.append(f"They are over all {WHOLE[name]:,} pictures of {name}, the measured ones over {count:,}.")
    if any(row.dataset.endswith("(old)") for row in rows):
        out.append("ImageNet32 and ImageNet64 exist in two downloads, whose figures do not compare; these are the old.")
    if not all(row.checked for row in rows):
        out.append("† not verified: repeated from the literature, not read in the source itself.")
    return out


def _place(row: Published) -> tuple[str, float]:
    return row.dataset, float(row.bits_per_subpixel)


def _sets(section: Section) -> set[str]:
    text = f"{section.name} {section.title}".lower()
    wanted = set()
    if "cifar" in text:
        wanted.add("CIFAR-10")
    if "imagenet" in text:
        sides = [side for side in ("32", "64") if side in text] or ["32", "64"]
        wanted |= {f"ImageNet{side} (old)" for side in sides}
    if "kodak" in text and section.dataset["kind"] == "folder":  # patches of the pictures are another set
        wanted.add("Kodak")
    return wanted
