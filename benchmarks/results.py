"""Results of runs: reading, checking and writing them, and the sums that every reader of one needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks.schema import FORMAT, SCHEMA, faults
from idfcodec.files import write_target

__all__ = [
    "BenchmarkError",
    "Result",
    "Totals",
    "common_pictures",
    "load",
    "relative_spread",
    "save",
    "totals",
    "validate",
]

Result = dict[str, Any]
"""A parsed result, as SCHEMA.md describes it."""


class BenchmarkError(click.ClickException):
    """What ends a command with one line and exit code 1."""


def load(path: str | Path) -> Result:
    """Reads and checks a result.

    Raises:
        BenchmarkError: the file cannot be read, is no result, or is one of a newer schema.
    """
    try:
        result = json.loads(Path(path).read_bytes())
    except OSError as ex:
        raise BenchmarkError(f"{path}: {ex.strerror or ex}") from ex
    except ValueError as ex:
        raise BenchmarkError(f"{path}: not JSON ({ex})") from ex
    return validate(result, str(path))


def validate(result: Any, name: str = "result") -> Result:
    """Checks a parsed result, whose origin is `name`, and returns it.

    Raises:
        BenchmarkError: its first fault.
    """
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise BenchmarkError(f"{name}: not the result of a benchmark (no format {FORMAT!r})")
    schema = result.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise BenchmarkError(f"{name}: schema {schema} is newer than {SCHEMA}, the newest that this version reads")
    for fault in faults(result):
        raise BenchmarkError(f"{name}: {fault}")
    return result


def save(result: Result, path: str | Path, *, force: bool = False) -> None:
    """Checks a result and writes it, as a whole or not at all.

    Raises:
        BenchmarkError: it is not what SCHEMA.md says, or cannot be written.
    """
    text = json.dumps(validate(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        write_target(Path(path), text.encode(), force=force)
    except OSError as ex:
        raise BenchmarkError(f"{path}: {ex.strerror or ex}") from ex


@dataclass(frozen=True)
class Totals:
    """One contender over one data set: sums over the pictures that every contender coded.

    Figures of our own models are None for others, and all figures are None where nothing was coded.

    Attributes:
        key, label, family, status, reason: of the contender, as SCHEMA.md has them.
        pictures: how many the figures are over.
        failures: how many pictures of the set the contender could not code.
        complete: whether the figures are over the same pictures as everybody's, and may be compared. Those of one
            that failed on some are over those it coded.
        subpixels: of those pictures.
        bytes: of the files.
        bits_per_subpixel: of all files together.
        mean_bits_per_subpixel: the mean over pictures of each one's.
        encode_mb_s, decode_mb_s: 10^6 subpixels (bytes, of 8 bits each) per second: all subpixels over the sum of
            each picture's median time.
        encode_spread, decode_spread: median over pictures of (longest - shortest) / median of the repeats, relative;
            None where nothing was timed twice.
        likelihood, payload, without_weights, without_lattice: bits per subpixel.
        mac_per_pixel, parameters: of the model.
    """

    key: str
    label: str
    family: str
    status: str
    reason: str
    pictures: int
    failures: int
    complete: bool
    subpixels: int
    bytes: int | None = None
    bits_per_subpixel: float | None = None
    mean_bits_per_subpixel: float | None = None
    encode_mb_s: float | None = None
    decode_mb_s: float | None = None
    encode_spread: float | None = None
    decode_spread: float | None = None
    likelihood: float | None = None
    payload: float | None = None
    without_weights: float | None = None
    without_lattice: float | None = None
    parameters: int | None = None
    mac_per_pixel: float | None = None


def common_pictures(result: Result, dataset: str) -> list[str]:
    """The pictures that every contender coded, in the manifest's order.

    Contenders that were not run do not count, nor does one that failed on the set: it must not choose for the others.
    """
    data = result["datasets"][dataset]
    counting = [rows for rows in data["measurements"].values() if rows and not _failures(rows)]
    return [name for name in data["pictures"] if all(name in rows for rows in counting)]


def totals(result: Result, dataset: str, key: str) -> Totals:
    """The sums of the contender `key` over the set `dataset`."""
    contender = result["contenders"][key]
    data = result["datasets"][dataset]
    rows = data["measurements"].get(key, {})
    common = common_pictures(result, dataset)
    names = [name for name in common if name in rows and "error" not in rows[name]]
    coded = [rows[name] for name in names]
    subpixels = [data["pictures"][name]["subpixels"] for name in names]
    total = sum(subpixels)
    model = contender.get("model", {})
    head = {field: contender[field] for field in ("label", "family", "status", "reason")}
    known = {"parameters": model.get("parameters"), "mac_per_pixel": model.get("mac_per_pixel")}
    counts = {
        "pictures": len(names),
        "failures": _failures(rows),
        "complete": bool(names) and len(names) == len(common),
        "subpixels": total,
    }
    if not coded:
        return Totals(key=key, **head, **counts, **known)

    def bits_of(field: str, unit: int = 1) -> float | None:
        """Bits per subpixel where every picture has the figure, in `unit` bits."""
        return unit * sum(row[field] for row in coded) / total if all(field in row for row in coded) else None

    return Totals(
        key=key,
        **head,
        **counts,
        **known,
        bytes=sum(row["bytes"] for row in coded),
        bits_per_subpixel=bits_of("bytes", 8),
        mean_bits_per_subpixel=sum(8 * row["bytes"] / n for row, n in zip(coded, subpixels, strict=True)) / len(coded),
        encode_mb_s=_speed(total, [row["encode_seconds"] for row in coded]),
        decode_mb_s=_speed(total, [row["decode_seconds"] for row in coded]),
        encode_spread=relative_spread([row["encode_seconds"] for row in coded]),
        decode_spread=relative_spread([row["decode_seconds"] for row in coded]),
        likelihood=bits_of("likelihood_bits"),
        payload=bits_of("payload_bytes", 8),
        without_weights=bits_of("likelihood_bits_without_weights"),
        without_lattice=bits_of("likelihood_bits_without_lattice"),
    )


def _failures(rows: dict[str, Any]) -> int:
    return sum("error" in row for row in rows.values())


def _speed(subpixels: int, times: Sequence[list[float]]) -> float | None:
    seconds = sum(map(_median, times))
    return subpixels / seconds / 1e6 if seconds else None


def relative_spread(times: Sequence[list[float]]) -> float | None:
    """Median over pictures of (longest - shortest) / median of the repeats; None where nothing was timed twice."""
    repeated = [repeats for repeats in times if len(repeats) > 1 and _median(repeats)]
    return _median([(max(repeats) - min(repeats)) / _median(repeats) for repeats in repeated]) if repeated else None


_median: Callable[[list[float]], float] = median
