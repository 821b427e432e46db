"""What papers and repositories report, from `published.csv`: beside measured figures, never among them.

`kind` is `file` for written sizes and `likelihood` for a model's bound. `checked` is `no` where the figure was not read
in the source itself.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pandas as pd

from benchmarks.section import Section

__all__ = ["notes", "published", "published_figures"]

WHOLE = {"CIFAR-10": 10_000, "ImageNet32 (old)": 50_000, "ImageNet64 (old)": 50_000, "Kodak": 24}


@cache
def published() -> pd.DataFrame:
    """Every row of `published.csv`; "checked" is a bool, the figures are text in the digits of their sources."""
    table = pd.read_csv(Path(__file__).with_name("published.csv"), dtype=str, encoding="utf-8")
    return table.assign(checked=table["checked"] == "yes")


def published_figures(section: Section) -> pd.DataFrame:
    """Those of the set that a section's name or title speaks of, the smallest first."""
    table = published()
    table = table[table["dataset"].isin(_sets(section))]
    table = table.assign(figure=table["bits_per_subpixel"].astype(float))
    return table.sort_values(["dataset", "figure"], kind="stable")


def notes(section: Section, table: pd.DataFrame) -> list[str]:
    """What has to be said beside these figures."""
    if table.empty:
        return []
    out = ["Published figures are their authors' own; nothing of them was measured here."]
    count = len(section.dataset["pictures"])
    for name in sorted(set(table["dataset"])):
        if count != WHOLE[name]:
            out.append(f"They are over all {WHOLE[name]:,} pictures of {name}, the measured ones over {count:,}.")
    if table["dataset"].str.endswith("(old)").any():
        out.append("ImageNet32 and ImageNet64 exist in two downloads, whose figures do not compare; these are the old.")
    if not table["checked"].all():
        out.append("† not verified: repeated from the literature, not read in the source itself.")
    return out


def _sets(section: Section) -> set[str]:
    text = f"{section.name} {section.title}".lower()
    sides = re.findall("32|64", text) or ["32", "64"]
    wanted = {f"ImageNet{side} (old)" for side in sides if "imagenet" in text}
    wanted |= {"CIFAR-10"} if "cifar" in text else set()
    if "kodak" in text and section.dataset["kind"] == "folder":  # patches of the pictures are another set
        wanted.add("Kodak")
    return wanted
