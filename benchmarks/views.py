"""What the tables and plots ask of a result: one data set of one run at a time, seen by contender and picture."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmarks.results import Totals, totals

__all__ = ["Section", "sections"]

OUR_DEFAULT = "idfcodec-default"
PLANES = {"0": "G", "1": "R-G", "2": "B-G"}  # a gray picture's only plane counts as G


@dataclass(frozen=True)
class Section:
    """One data set of one run.

    Attributes:
        result: as `benchmarks.results.load` returns it.
        name: of the data set.
    """

    result: dict[str, Any]
    name: str

    @property
    def dataset(self) -> dict[str, Any]:
        return dict(self.result["datasets"][self.name])

    @property
    def title(self) -> str:
        return str(self.dataset["title"] or self.name)

    @property
    def contenders(self) -> dict[str, Any]:
        return dict(self.result["contenders"])

    def label(self, key: str) -> str:
        return str(self.contenders[key]["label"])

    def short(self, key: str) -> str:
        """What a contender is called where room is scarce: our models by their label, the others by their key."""
        return self.label(key) if self.is_ours(key) else key

    def is_ours(self, key: str) -> bool:
        return bool(self.contenders[key]["family"] == "idfcodec")

    @cached_property
    def _coded(self) -> dict[str, dict[str, dict[str, Any]]]:
        tables = self.dataset["measurements"].items()
        return {key: {name: row for name, row in rows.items() if "error" not in row} for key, rows in tables}

    def measured(self, key: str) -> dict[str, dict[str, Any]]:
        """The measurements of a contender by picture, without those that failed."""
        return self._coded.get(key, {})

    def failures(self, key: str) -> dict[str, str]:
        """The errors of a contender by picture."""
        entries = self.dataset["measurements"].get(key, {})
        return {picture: str(entry["error"]) for picture, entry in entries.items() if "error" in entry}

    @cached_property
    def totals(self) -> dict[str, Totals]:
        """The sums over the set, of every contender that the result names."""
        return {key: totals(self.result, self.name, key) for key in self.contenders}

    def comparable(self) -> dict[str, Totals]:
        """The sums of those that coded the same pictures: what failed on some is left out."""
        return {key: row for key, row in self.totals.items() if row.complete and row.bytes is not None}

    def ours(self) -> str | None:
        """Our model of which plots show details: the default one, else the first that ran."""
        keys = [key for key in self.contenders if self.is_ours(key) and self.measured(key)]
        return OUR_DEFAULT if OUR_DEFAULT in keys else next(iter(keys), None)

    def reference(self) -> str | None:
        """The strongest JPEG XL that coded the set: the one of the greatest effort."""
        efforts = {int(found[1]): key for key in self.comparable() if (found := re.fullmatch(r"jxl-e(\d+)", key))}
        return efforts[max(efforts)] if efforts else None

    def subpixels(self, picture: str) -> int:
        return int(self.dataset["pictures"][picture]["subpixels"])

    def bits(self, key: str, picture: str, field: str = "bytes") -> float | None:
        """A measured size of one picture in bits per subpixel; None where it was not measured.

        Args:
            field: `bytes` or `payload_bytes`, else one of the `likelihood_bits…`.
        """
        entry = self.measured(key).get(picture, {})
        if field not in entry:
            return None
        scale = 8 if field.endswith("bytes") else 1
        return float(scale * entry[field] / self.subpixels(picture))

    def gains(self) -> dict[str, float]:
        """What our files save against the reference, by picture, the greatest first: 0.1 is ten per cent less."""
        ours, reference = self.ours(), self.reference()
        if ours is None or reference is None:
            return {}
        theirs = self.measured(reference)
        gains = {
            picture: 1 - entry["bytes"] / theirs[picture]["bytes"]
            for picture, entry in self.measured(ours).items()
            if picture in theirs
        }
        return dict(sorted(gains.items(), key=lambda item: -item[1]))

    def with_and_without_lattice(self) -> dict[str, tuple[float, float]]:
        """Bits per subpixel by the likelihood of our model, with and without the colour lattice, most saved first."""
        ours = self.ours()
        pairs: dict[str, tuple[float, float]] = {}
        for picture in self.measured(ours) if ours else ():
            with_it = self.bits(str(ours), picture, "likelihood_bits")
            without = self.bits(str(ours), picture, "likelihood_bits_without_lattice")
            if with_it is not None and without is not None:
                pairs[picture] = (with_it, without)
        return dict(sorted(pairs.items(), key=lambda item: item[1][0] - item[1][1]))

    def budget(self) -> dict[tuple[int, int, str], float]:
        """Bits per subpixel that our model spends on each (level, group, plane), over all pictures with a budget."""
        ours = self.ours()
        budgets = self.dataset.get("budgets", {}).get(ours, {})
        total: dict[tuple[int, int, str], float] = {}
        for parts in budgets.values():
            for name, bits in parts.items():
                level, group, plane = name.split("/")
                place = (int(level), int(group), PLANES.get(plane, plane))
                total[place] = total.get(place, 0.0) + bits
        subpixels = sum(self.subpixels(picture) for picture in budgets)
        return {place: bits / subpixels for place, bits in total.items()}


def sections(results: Iterable[dict[str, Any]]) -> list[Section]:
    """Every data set of every result, in their order; the same set of two runs is two sections."""
    return [Section(result, name) for result in results for name in result["datasets"]]
