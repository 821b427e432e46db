"""The protocol of a run: everybody codes every picture, in turn, in one process, and is checked.

On each picture another codec comes first. Times are wall clock of a call that gets an array and gives bytes, or gets
bytes and gives an array; reading the pictures is timed on its own. A codec is called several times for a picture
unless it is slow there. What comes back different ends the run; what raises is written down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.codecs import Codec, OurCodec, Pixels, shares
from benchmarks.datasets import Dataset, Entry, Survey
from benchmarks.maps import heat_map, striking_pictures, thumbnail
from benchmarks.progress import Progress
from benchmarks.results import BenchmarkError

__all__ = ["WARM_UP", "Options", "Protocol", "measure", "measure_batch", "measure_dataset"]

WARM_UP = 1  # pictures that everybody codes before the clock counts
WARM_UP_BATCH = 8  # of a set that is coded into one file
LARGEST_OF_BATCH = 512  # pixels on a side of a picture, more than which no such file holds
Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Protocol:
    """How is measured: threads, the device of our models, calls repeated that took `slow_seconds` at most."""

    threads: int
    device: str = "cpu"
    repeats: int = 2
    slow_seconds: float = 1.0


@dataclass(frozen=True)
class Options:
    """What else a run does: code lengths by our models, maps of where bits went of so many pictures, memory."""

    likelihood: bool = True
    maps: int = 4
    memory: bool = True
    commands: Path | None = None
    quiet: bool = False


def measure_dataset(
    dataset: Dataset, survey: Survey, codecs: Sequence[Codec], protocol: Protocol, options: Options, progress: Progress
) -> Row:
    """Measures a surveyed set; returns its object of a result.

    Raises:
        BenchmarkError: something came back different.
    """
    entries, facts, skipped = survey
    largest = max(max(facts[entry.name]["width"], facts[entry.name]["height"]) for entry in entries)
    small = dataset.kind != "folder" and largest <= LARGEST_OF_BATCH
    batching = [codec for codec in codecs if small and isinstance(codec, OurCodec)]
    single = [codec for codec in codecs if codec not in batching]
    rows: dict[str, dict[str, Row]] = {codec.key: {} for codec in codecs}
    if batching:
        pictures = {entry.name: entry.read() for entry in entries}
        for ours in batching:
            progress.step(f"{dataset.name} {ours.label}, one file")
            rows[ours.key] = measure_batch(ours, pictures, protocol, likelihood=options.likelihood)
    for entry in entries[:WARM_UP]:
        for codec in single:
            progress.step(f"warm-up {codec.label}")
            measure(codec, entry.name, entry.read(), protocol, repeats=1)
    for index, entry in enumerate(entries):
        start = time.perf_counter()
        pixels = entry.read()
        facts[entry.name]["read_seconds"] = round(time.perf_counter() - start, 6)
        first = index % len(single) if single else 0
        for codec in single[first:] + single[:first]:
            progress.step(f"{entry.name} {codec.label}")
            row = rows[codec.key][entry.name] = measure(codec, entry.name, pixels, protocol)
            if options.likelihood and isinstance(codec, OurCodec) and "error" not in row:
                row["likelihood_bits"], _ = codec.code_length(pixels)
    out: Row = {
        **{name: getattr(dataset, name) for name in ("title", "source", "kind")},
        "pictures": facts,
        "skipped": skipped,
        "batched": bool(batching),
        "measurements": rows,
    }
    if dataset.past:
        out["class"] = dataset.past
    if options.maps and dataset.kind == "folder":
        out["maps"] = _maps(entries, codecs, rows, options)
    return out


def measure(codec: Codec, name: str, pixels: Pixels, protocol: Protocol, *, repeats: int | None = None) -> Row:
    """One codec on one picture: its measurement in a result, without the code length.

    Raises:
        BenchmarkError: the picture came back different.
    """
    count = protocol.repeats if repeats is None else repeats

    def decode() -> tuple[None, float]:
        again, took = codec.timed_decode(data)
        _check(codec, name, pixels, again)
        return None, took

    try:
        data, encode_seconds = _repeated(lambda: codec.timed_encode(pixels), count, protocol.slow_seconds)
        _, decode_seconds = _repeated(decode, count, protocol.slow_seconds)
    except BenchmarkError:
        raise
    except Exception as ex:  # whatever a library makes of a picture is a fact about the library
        return {"error": " ".join(f"{type(ex).__name__}: {ex}".split())[:200]}
    row: Row = {"bytes": len(data), "encode_seconds": encode_seconds, "decode_seconds": decode_seconds}
    return row | (codec.facts_of(data) if isinstance(codec, OurCodec) else {})


def measure_batch(
    codec: OurCodec, pictures: dict[str, Pixels], protocol: Protocol, *, likelihood: bool = False
) -> dict[str, Row]:
    """One of our models on all pictures of a set, in one file; sizes and times are each picture's share.

    Raises:
        BenchmarkError: a picture came back different.
    """

    def encode(some: Sequence[Pixels]) -> tuple[bytes, float]:
        start = time.perf_counter()
        return codec.encode_batch(some), time.perf_counter() - start

    def decode(data: bytes, some: Sequence[Pixels]) -> tuple[None, float]:
        start = time.perf_counter()
        again = codec.decode_batch(data)
        took = time.perf_counter() - start
        if len(again) != len(some):
            raise BenchmarkError(f"{codec.label} gives back {len(again)} of {len(some)} pictures")
        for name, one, decoded in zip(pictures, some, again, strict=False):  # a warm-up has fewer pictures than names
            _check(codec, name, one, decoded)
        return None, took

    every = list(pictures.values())
    slow = protocol.slow_seconds * len(every)
    try:
        warm = every[:WARM_UP_BATCH]
        decode(encode(warm)[0], warm)
        data, encode_seconds = _repeated(lambda: encode(every), protocol.repeats, slow)
        _, decode_seconds = _repeated(lambda: decode(data, every), protocol.repeats, slow)
    except BenchmarkError:
        raise
    except Exception as ex:
        return {name: {"error": " ".join(f"{type(ex).__name__}: {ex}".split())[:200]} for name in pictures}
    payloads = codec.batch_payloads(data)
    subpixels = sum(one.size for one in every)
    rows: dict[str, Row] = {}
    for (name, one), size, payload in zip(pictures.items(), shares(len(data), payloads), payloads, strict=True):
        rows[name] = {
            "bytes": size,
            "encode_seconds": [round(seconds * one.size / subpixels, 9) for seconds in encode_seconds],
            "decode_seconds": [round(seconds * one.size / subpixels, 9) for seconds in decode_seconds],
            "payload_bytes": payload,
        }
    for row, bits in zip(rows.values(), codec.batch_code_lengths(every) if likelihood else (), strict=False):
        row["likelihood_bits"] = bits
    return rows


def _check(codec: Codec, name: str, pixels: Pixels, again: Pixels) -> None:
    if not codec.matches(pixels, again):
        leave_out = "" if isinstance(codec, OurCodec) else f" (--without {codec.key} leaves it out)"
        raise BenchmarkError(f"{name}: {codec.label} gives back another picture{leave_out}")


def _repeated(call: Callable[[], tuple[T, float]], repeats: int, slow: float) -> tuple[T, list[float]]:
    """What the last call gave, and the seconds of each; none follows one that took longer than `slow`."""
    seconds: list[float] = []
    while True:
        value, took = call()
        seconds.append(round(took, 9))
        if len(seconds) >= repeats or took > slow:
            return value, seconds


def _maps(
    entries: Sequence[Entry], codecs: Sequence[Codec], rows: dict[str, dict[str, Row]], options: Options
) -> dict[str, Any]:
    ours = [codec for codec in codecs if isinstance(codec, OurCodec)]
    by_name = {entry.name: entry for entry in entries}
    out = {}
    for name in striking_pictures(rows, [codec.key for codec in ours], options.maps):
        pixels = by_name[name].read()
        able = [codec for codec in ours if options.likelihood and "error" not in rows[codec.key][name]]
        bits = {codec.key: heat_map(codec.code_length(pixels)[1]) for codec in able}
        out[name] = {"thumbnail": thumbnail(pixels), "bits": bits}
    return out
