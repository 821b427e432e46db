"""The protocol of a run: everybody codes every picture, in turn, in one process, and is checked.

On each picture another contender comes first. Times are wall clock of a call that gets an array and gives bytes, or
gets bytes and gives an array; reading the pictures is timed on its own. A contender is called several times for a
picture unless it is slow there. What comes back different ends the run; what raises is written down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from benchmarks import batch
from benchmarks.contenders import Contender, Pixels
from benchmarks.datasets import Dataset, Entry
from benchmarks.heat import heat_map, striking_pictures, thumbnail
from benchmarks.likelihood import likelihood, payload_bytes, pixel_bits
from benchmarks.progress import Progress
from benchmarks.results import BenchmarkError

__all__ = ["Extras", "Protocol", "measure", "measure_batch", "measure_dataset", "one_line", "steps"]

WARM_UP = 1  # pictures that everybody codes before the clock counts
WARM_UP_BATCH = 8  # of a set that is coded into one file
MANY = 100  # pictures of a set, more than which no budgets are written down
Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Protocol:
    """How is measured.

    Attributes:
        threads: for everybody who can use them.
        device: of our models.
        repeats: calls for each picture.
        slow_seconds: a call that took longer is not repeated.
    """

    threads: int
    device: str = "cpu"
    repeats: int = 2
    slow_seconds: float = 1.0

    def facts(self) -> dict[str, Any]:
        """The object "protocol" of SCHEMA.md."""
        return {
            "threads": self.threads,
            "device": self.device,
            "warm_up": WARM_UP,
            "repeats": self.repeats,
            "slow_seconds": self.slow_seconds,
        }


@dataclass(frozen=True)
class Extras:
    """What else goes into a result.

    Attributes:
        likelihood: what our models say that pictures cost.
        maps: number of pictures with images of where the bits went.
    """

    likelihood: bool = True
    maps: int = 4


@dataclass
class Measured:
    """What has been measured of a data set so far, by contender and picture."""

    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    budgets: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)


def measure_dataset(
    dataset: Dataset,
    survey: tuple[tuple[Entry, ...], dict[str, dict[str, Any]], list[dict[str, str]]],
    contenders: Sequence[Contender],
    protocol: Protocol,
    *,
    extras: Extras,
    progress: Progress,
) -> Row:
    """Measures a surveyed set; returns its object of SCHEMA.md.

    Raises:
        BenchmarkError: something came back different.
    """
    entries, facts, skipped = survey
    sides = [max(facts[entry.name]["width"], facts[entry.name]["height"]) for entry in entries]
    small = dataset.kind != "folder" and max(sides) <= batch.LARGEST
    batched = small and any(contender.model for contender in contenders)
    measured = Measured({contender.key: {} for contender in contenders})
    single = [contender for contender in contenders if not (batched and contender.model)]
    several = [contender for contender in contenders if batched and contender.model]
    if several:
        names, pixels = [entry.name for entry in entries], [entry.read() for entry in entries]
        for contender in several:
            progress.step(f"{dataset.name} {contender.label}, one file")
            measured.rows[contender.key] = measure_batch(contender, names, pixels, protocol)
            if extras.likelihood:
                _add_batch_likelihood(measured.rows[contender.key], contender, pixels, protocol)
    for entry in entries[:WARM_UP]:
        one = entry.read()
        for contender in single:
            progress.step(f"warm-up {contender.label}")
            measure(contender, entry.name, one, protocol, repeats=1)
    for index, entry in enumerate(entries):
        start = time.perf_counter()
        one = entry.read()
        facts[entry.name]["read_seconds"] = round(time.perf_counter() - start, 6)
        first = index % len(single) if single else 0
        for contender in single[first:] + single[:first]:
            progress.step(f"{entry.name} {contender.label}")
            measured.rows[contender.key][entry.name] = measure(contender, entry.name, one, protocol)
        if extras.likelihood:
            for contender in single:
                _add_likelihood(measured, contender, entry.name, one, protocol)
    out: Row = {
        "title": dataset.title,
        "source": dataset.source,
        "kind": dataset.kind,
        "pictures": facts,
        "skipped": skipped,
        "batched": batched,
        "measurements": measured.rows,
    }
    if measured.budgets and len(entries) <= MANY:
        out["budgets"] = measured.budgets
    if extras.maps and dataset.kind == "folder":
        out["maps"] = _maps(entries, contenders, measured, extras, protocol)
    return out


def steps(entries: int, contenders: int) -> int:
    """How many steps of progress a set takes at most."""
    return (entries + WARM_UP) * contenders


def measure(contender: Contender, name: str, pixels: Pixels, protocol: Protocol, *, repeats: int | None = None) -> Row:
    """One contender on one picture.

    Returns:
        The measurement of SCHEMA.md, without what concerns likelihoods.

    Raises:
        BenchmarkError: the picture came back different.
    """
    count = protocol.repeats if repeats is None else repeats

    def decode() -> tuple[None, float]:
        again, took = contender.timed_decode(data)
        _check(contender, name, pixels, again)
        return None, took

    try:
        data, encode_seconds = _repeated(lambda: contender.timed_encode(pixels), count, protocol.slow_seconds)
        _, decode_seconds = _repeated(decode, count, protocol.slow_seconds)
    except BenchmarkError:
        raise
    except Exception as ex:  # whatever a library makes of a picture is a fact about the library
        return {"error": one_line(ex)}
    row: Row = {"bytes": len(data), "encode_seconds": encode_seconds, "decode_seconds": decode_seconds}
    if contender.model:
        row["payload_bytes"] = payload_bytes(data)
    return row


def measure_batch(
    contender: Contender, names: Sequence[str], pictures: Sequence[Pixels], protocol: Protocol
) -> dict[str, Row]:
    """One of our models on all pictures of a set, in one file; sizes and times are each picture's share.

    Raises:
        BenchmarkError: a picture came back different.
    """
    assert contender.model
    options: dict[str, Any] = {
        "model": contender.model,
        "threads": contender.threads,
        "device": protocol.device,
    }

    def encode(some: Sequence[Pixels]) -> tuple[bytes, float]:
        start = time.perf_counter()
        data = batch.encode_all(some, **options)
        return data, time.perf_counter() - start

    def decode(data: bytes, some: Sequence[Pixels]) -> tuple[None, float]:
        start = time.perf_counter()
        again = batch.decode_all(data, **options)
        took = time.perf_counter() - start
        if len(again) != len(some):
            raise BenchmarkError(f"{contender.label} gives back {len(again)} of {len(some)} pictures")
        for name, one, decoded in zip(names, some, again, strict=False):  # a warm-up has fewer pictures than names
            _check(contender, name, one, decoded)
        return None, took

    slow = protocol.slow_seconds * len(pictures)
    try:
        warm = pictures[:WARM_UP_BATCH]
        decode(encode(warm)[0], warm)
        data, encode_seconds = _repeated(lambda: encode(pictures), protocol.repeats, slow)
        _, decode_seconds = _repeated(lambda: decode(data, pictures), protocol.repeats, slow)
    except BenchmarkError:
        raise
    except Exception as ex:
        return {name: {"error": one_line(ex)} for name in names}
    payloads = batch.payload_lengths(data)
    subpixels = sum(one.size for one in pictures)
    rows = {}
    for name, one, size, payload in zip(names, pictures, batch.shares(len(data), payloads), payloads, strict=True):
        rows[name] = {
            "bytes": size,
            "encode_seconds": [round(seconds * one.size / subpixels, 9) for seconds in encode_seconds],
            "decode_seconds": [round(seconds * one.size / subpixels, 9) for seconds in decode_seconds],
            "payload_bytes": payload,
        }
    return rows


def _check(contender: Contender, name: str, pixels: Pixels, again: Pixels) -> None:
    if not contender.matches(pixels, again):
        leave_out = "" if contender.model else f" (--without {contender.key} leaves it out)"
        raise BenchmarkError(f"{name}: {contender.label} gives back another picture{leave_out}")


def one_line(error: BaseException) -> str:
    """An exception as one short line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _repeated(call: Callable[[], tuple[T, float]], repeats: int, slow: float) -> tuple[T, list[float]]:
    """What the last call gave, and the seconds of each; none follows one that took longer than `slow`."""
    seconds: list[float] = []
    while True:
        value, took = call()
        seconds.append(round(took, 9))
        if len(seconds) >= repeats or took > slow:
            return value, seconds


def _add_likelihood(measured: Measured, contender: Contender, name: str, pixels: Pixels, protocol: Protocol) -> None:
    row = measured.rows[contender.key][name]
    if contender.model is None or "error" in row:
        return
    found = likelihood(contender, pixels, device=protocol.device)
    row |= found.row
    measured.budgets.setdefault(contender.key, {})[name] = found.budget


def _add_batch_likelihood(
    rows: dict[str, Row], contender: Contender, pictures: Sequence[Pixels], protocol: Protocol
) -> None:
    """In a batch nothing is learned from a picture; what all pictures have in common is."""
    if any("error" in row for row in rows.values()) or contender.model is None:
        return
    for key, fitted in (("likelihood_bits", True), ("likelihood_bits_without_weights", False)):
        options: dict[str, Any] = {"threads": contender.threads, "device": protocol.device, "fitted": fitted}
        for row, bits in zip(rows.values(), batch.costs_all(pictures, model=contender.model, **options), strict=True):
            row[key] = round(bits, 2)


def _maps(
    entries: Sequence[Entry],
    contenders: Sequence[Contender],
    measured: Measured,
    extras: Extras,
    protocol: Protocol,
) -> dict[str, Any]:
    ours = [contender for contender in contenders if contender.model]
    chosen = striking_pictures(measured.rows, [contender.key for contender in ours], extras.maps)
    by_name = {entry.name: entry for entry in entries}
    out = {}
    for name in chosen:
        pixels = by_name[name].read()
        bits = {
            contender.key: heat_map(pixel_bits(contender, pixels, device=protocol.device))
            for contender in ours
            if extras.likelihood and "error" not in measured.rows[contender.key][name]
        }
        out[name] = {"thumbnail": thumbnail(pixels), "bits": bits}
    return out
