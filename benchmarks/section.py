"""One data set of one run as tables of pandas: what was measured of each picture, and the sums over all of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

import pandas as pd

from benchmarks.datasets import KNOWN
from benchmarks.results import Result

__all__ = ["OUR_DEFAULT", "Section", "sections"]

OUR_DEFAULT = "idfcodec-default"
NUMBERS = ["bytes", "encode", "decode", "encode_spread", "decode_spread", "payload_bytes", "likelihood_bits", "undone"]


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat = {name: row.get(name) for name in ("bytes", "payload_bytes", "likelihood_bits", "undone", "error")}
    for way in ("encode", "decode"):
        times = row.get(f"{way}_seconds", [])
        middle = median(times) if times else math.nan
        flat[way] = middle
        flat[f"{way}_spread"] = (max(times) - min(times)) / middle if len(times) > 1 and middle else math.nan
    return flat


@dataclass(frozen=True)
class Section:
    """One data set of one run.

    Attributes:
        result: as `benchmarks.results.load` returns it.
        name: of the data set.
    """

    result: Result
    name: str

    @property
    def dataset(self) -> dict[str, Any]:
        return dict(self.result["datasets"][self.name])

    @property
    def title(self) -> str:
        return str(self.dataset["title"] or self.name)

    @property
    def past(self) -> str:
        """One of `benchmarks.datasets.CLASSES`, "" where nobody has said."""
        known = KNOWN.get(self.name)
        return str(self.dataset.get("class", known.kind if known else ""))

    @property
    def codecs(self) -> dict[str, Any]:
        return dict(self.result["contenders"])

    def label(self, key: str) -> str:
        return str(self.codecs[key]["label"])

    def is_ours(self, key: str) -> bool:
        return bool(self.codecs[key]["family"] == "idfcodec")

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each codec and picture.

        Columns: "codec" and "picture" (their keys), "subpixels", "bytes", "encode" and "decode" (the median of the
        repeats in seconds), "encode_spread" and "decode_spread" (longest less shortest over the median, NaN where
        nothing was timed twice), "payload_bytes", "likelihood_bits", and "error" (text, missing where all went well).
        """
        rows = [
            {"codec": key, "picture": name, "subpixels": self.dataset["pictures"][name]["subpixels"], **_flat(row)}
            for key, measured in self.dataset["measurements"].items()
            for name, row in measured.items()
        ]
        frame = pd.DataFrame(rows, columns=["codec", "picture", "subpixels", *NUMBERS, "error"])
        return frame.astype({"subpixels": "int64", **dict.fromkeys(NUMBERS, "float64"), "error": "object"})

    @cached_property
    def coded(self) -> pd.DataFrame:
        """The rows of `frame` without those that failed."""
        return self.frame[self.frame["error"].isna()]

    @cached_property
    def common(self) -> frozenset[str]:
        """The pictures that every codec coded.

        One that failed on the set does not count: it must not choose for the others.
        """
        failed = self.frame.loc[self.frame["error"].notna(), "codec"].unique()
        counting = self.frame[~self.frame["codec"].isin(failed)]
        if counting.empty:
            return frozenset(self.frame["picture"])
        coded = counting.groupby("picture")["codec"].nunique()
        return frozenset(coded.index[coded == counting["codec"].nunique()])

    @cached_property
    def totals(self) -> pd.DataFrame:
        """Sums over the common pictures, a row for each codec of the result in its order, NaN where nothing was coded.

        Columns: "pictures" and "failures", "complete" (whether over the same pictures as everybody's, to be compared),
        "subpixels", "bytes", "undone" (pictures); "file", "payload", "likelihood" in bits per subpixel; "encode_mb_s",
        "decode_mb_s" (10^6 subpixels a second over the sum of each picture's median time) with their spreads (medians);
        "against" (bytes over the reference's); "memory" (MB), "parameters", "kmac_per_pixel" of the codec.
        """
        rows = self.coded[self.coded["picture"].isin(self.common)].groupby("codec")
        sums = rows[["subpixels", *NUMBERS]].sum(min_count=1)
        whole = rows[["payload_bytes", "likelihood_bits"]].count().eq(rows.size(), axis=0)
        table = pd.DataFrame(index=pd.Index(list(self.codecs), name="codec"))
        table["pictures"] = rows.size().reindex(table.index, fill_value=0)
        table["failures"] = self.frame.groupby("codec")["error"].count().reindex(table.index, fill_value=0)
        table["complete"] = (table["pictures"] > 0) & (table["pictures"] == len(self.common))
        table[["subpixels", "bytes", "undone"]] = sums[["subpixels", "bytes", "undone"]]
        table["file"] = 8 * sums["bytes"] / sums["subpixels"]
        table["payload"] = (8 * sums["payload_bytes"] / sums["subpixels"]).where(whole["payload_bytes"])
        table["likelihood"] = (sums["likelihood_bits"] / sums["subpixels"]).where(whole["likelihood_bits"])
        for way in ("encode", "decode"):
            table[f"{way}_mb_s"] = sums["subpixels"] / sums[way].where(sums[way] > 0) / 1e6
            table[f"{way}_spread"] = rows[f"{way}_spread"].median()
        for name, of in {"memory": "memory", "parameters": "model", "kmac_per_pixel": "model"}.items():
            table[name] = [_fact(entry.get(of, {}), name) for entry in self.codecs.values()]
        table["against"] = self._against(table)
        return table

    def _against(self, table: pd.DataFrame) -> pd.Series[float]:
        reference = _greatest_effort(table)
        rows = self.coded[self.coded["picture"].isin(self.common)]
        theirs = rows[rows["codec"] == reference].set_index("picture")["bytes"]
        both = rows.assign(theirs=rows["picture"].map(theirs)).dropna(subset=["theirs"])
        sums = both.groupby("codec")[["bytes", "theirs"]].sum()
        return (sums["bytes"] / sums["theirs"]).reindex(table.index)

    @property
    def comparable(self) -> pd.DataFrame:
        """The totals of those that coded the same pictures: what failed on some is left out."""
        return self.totals[self.totals["complete"]]

    @property
    def ours(self) -> str | None:
        """Our model of which plots show details: the default one, else the first that ran."""
        keys = [key for key in self.codecs if self.is_ours(key) and (self.coded["codec"] == key).any()]
        return OUR_DEFAULT if OUR_DEFAULT in keys else next(iter(keys), None)

    @property
    def reference(self) -> str | None:
        """The JPEG XL of the greatest effort that coded the set."""
        return _greatest_effort(self.totals)

    def errors(self, key: str) -> dict[str, str]:
        """The errors of a codec by picture."""
        rows = self.frame[(self.frame["codec"] == key) & self.frame["error"].notna()]
        return dict(zip(rows["picture"], rows["error"], strict=True))

    def bits(self, key: str, column: str = "bytes") -> dict[str, float]:
        """Bits per subpixel of each picture by a codec, of those that have the figure.

        Args:
            column: "bytes", "payload_bytes" or "likelihood_bits".
        """
        rows = self.coded[self.coded["codec"] == key].dropna(subset=[column])
        values = rows[column] * (8 if column.endswith("bytes") else 1) / rows["subpixels"]
        return dict(zip(rows["picture"], values, strict=True))

    def gains(self) -> dict[str, float]:
        """What our files save against the reference, by picture, the greatest first: 0.1 is ten per cent less."""
        if self.ours is None or self.reference is None:
            return {}
        ours, theirs = self.bits(self.ours), self.bits(self.reference)
        gains = {picture: 1 - ours[picture] / theirs[picture] for picture in ours if picture in theirs}
        return dict(sorted(gains.items(), key=lambda item: -item[1]))


def _greatest_effort(table: pd.DataFrame) -> str | None:
    keys = [str(key) for key in table.index[table["complete"]] if re.fullmatch(r"jxl-e\d+", str(key))]
    return max(keys, key=lambda key: int(key.removeprefix("jxl-e")), default=None)


def _fact(facts: dict[str, Any], name: str) -> float:
    if name == "memory":
        return max(facts["encode_bytes"], facts["decode_bytes"]) / 1e6 if facts else math.nan
    if name == "kmac_per_pixel":
        return facts["mac_per_pixel"] / 1000 if facts else math.nan
    return float(facts.get(name, math.nan))


def sections(results: Iterable[Result]) -> list[Section]:
    """Every data set of every result, in their order; the same set of two runs is two sections."""
    return [Section(result, name) for result in results for name in result["datasets"]]
