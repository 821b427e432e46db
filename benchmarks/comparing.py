"""Two results side by side: what became larger or slower, and whether that is more than is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.results import Result, relative_spread

__all__ = ["Change", "compare_results", "same_machine"]

DIRECTIONS = ("encode", "decode")


@dataclass(frozen=True)
class Change:
    """From the first result to the second, of one contender on one data set.

    Attributes:
        dataset, key: which.
        pictures: coded in both runs, with the same pixels.
        bytes_before, bytes_after: of these.
        speeds: relative change of speed and the larger of the two runs' spreads by direction ("encode", "decode");
            empty where times cannot be compared.
        problem: why there is nothing to compare, or pictures are lost; "" if nothing is wrong.
    """

    dataset: str
    key: str
    pictures: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    speeds: tuple[tuple[str, float, float], ...] = ()
    problem: str = ""

    @property
    def bytes_change(self) -> float:
        """Relative."""
        return self.bytes_after / self.bytes_before - 1 if self.bytes_before else 0.0

    def regressions(self, *, bytes_threshold: float, speed_threshold: float) -> Iterator[str]:
        """What is worse than accepted; a speed counts only where the change exceeds the spread of the runs as well."""
        if self.problem:
            yield self.problem
        if self.bytes_change > bytes_threshold:
            yield f"{self.bytes_change:+.3%} bytes"
        for direction, change, spread in self.speeds:
            if -change > max(speed_threshold, spread):
                yield f"{direction} {change:+.1%} speed"


def same_machine(first: Result, second: Result) -> str:
    """Why times of the two cannot be compared; "" if they can."""
    for part, names in (("environment", ("processor", "cores")), ("protocol", ("threads", "device"))):
        for name in names:
            before, after = first[part][name], second[part][name]
            if before != after:
                return f"{name} differ{'' if name.endswith('s') else 's'}: {before} and {after}"
    return ""


def compare_results(first: Result, second: Result, *, speeds: bool) -> list[Change]:
    """Every contender that ran in the first result, on each of its data sets."""
    changes = []
    for name, data in first["datasets"].items():
        for key, rows in data["measurements"].items():
            if not any("error" not in row for row in rows.values()):
                continue
            changes.append(_change(name, key, data, second, speeds=speeds))
    return changes


def _change(dataset: str, key: str, before: dict[str, Any], second: Result, *, speeds: bool) -> Change:
    after = second["datasets"].get(dataset)
    if after is None:
        return Change(dataset, key, problem="the second result has no such data set")
    rows = {name: row for name, row in before["measurements"][key].items() if "error" not in row}
    found = after["measurements"].get(key, {})
    wrong = [
        name
        for name in rows
        if name in after["pictures"] and after["pictures"][name]["sha256"] != before["pictures"][name]["sha256"]
    ]
    shared = [name for name in rows if name not in wrong and "error" not in found.get(name, {"error": ""})]
    lost = len(rows) - len(shared)
    problem = f"{len(wrong)} pictures have other pixels" if wrong else ""
    if lost and not wrong:
        status = second["contenders"].get(key, {"status": "not run", "reason": "not in the second result"})
        why = f"{status['status']}{': ' + status['reason'] if status['reason'] else ''}"
        problem = f"{lost} of {len(rows)} pictures not coded in the second result ({why})"
    timed: list[tuple[str, float, float]] = []
    if speeds and shared:
        for direction in DIRECTIONS:
            times = [[side[name][f"{direction}_seconds"] for name in shared] for side in (rows, found)]
            earlier, later = (sum(map(median, side)) for side in times)
            if earlier and later:
                timed.append((direction, earlier / later - 1, max(relative_spread(side) or 0.0 for side in times)))
    return Change(
        dataset,
        key,
        len(shared),
        sum(rows[name]["bytes"] for name in shared),
        sum(found[name]["bytes"] for name in shared),
        tuple(timed),
        problem,
    )
