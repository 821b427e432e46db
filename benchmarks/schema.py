"""What a result must look like, and the check of it: SCHEMA.md in Python."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["FORMAT", "SCHEMA", "Named", "OneOf", "Optional", "faults"]

FORMAT = "idfcodec-benchmark"
SCHEMA = 1


@dataclass(frozen=True)
class Named:
    """An object of any keys, all of whose values look like `value`."""

    value: Any


@dataclass(frozen=True)
class OneOf:
    """One of these constants."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Optional:
    """A key that may be missing."""

    value: Any


@dataclass(frozen=True)
class Measurement:
    """`coded`, or `failed` where the key "error" says that the contender failed."""

    coded: Any
    failed: Any


MODEL = {"id": str, "name": str, "parameters": int, "mac_per_pixel": float}
MEMORY = {"picture": str, "idle_bytes": int, "encode_bytes": int, "decode_bytes": int}
CONTENDER = {
    "label": str,
    "family": OneOf(("idfcodec", "peer", "command")),
    "version": str,
    "settings": str,
    "threads": int,
    "status": OneOf(("ran", "not run", "crashed")),
    "reason": str,
    "model": Optional(MODEL),
    "memory": Optional(MEMORY),
}
PICTURE = {
    "sha256": str,
    "width": int,
    "height": int,
    "channels": OneOf((1, 3)),
    "subpixels": int,
    "read_seconds": float,
}
CODED = {
    "bytes": int,
    "encode_seconds": [float],
    "decode_seconds": [float],
    "payload_bytes": Optional(int),
    "likelihood_bits": Optional(float),
    "likelihood_bits_without_weights": Optional(float),
    "likelihood_bits_without_lattice": Optional(float),
}
DATASET = {
    "title": str,
    "source": str,
    "kind": OneOf(("folder", "patches", "arrays")),
    "pictures": Named(PICTURE),
    "skipped": [{"file": str, "reason": str}],
    "batched": bool,
    "measurements": Named(Named(Measurement(CODED, {"error": str}))),
    "budgets": Optional(Named(Named(Named(float)))),
    "maps": Optional(Named({"thumbnail": str, "bits": Named(str)})),
}
RESULT = {
    "format": OneOf((FORMAT,)),
    "schema": OneOf((SCHEMA,)),
    "created": str,
    "environment": {
        "processor": str,
        "cores": int,
        "memory_bytes": int,
        "system": str,
        "python": str,
        "accelerator": Optional(str),
        "packages": Named(str),
        "libraries": Named(str),
    },
    "protocol": {
        "threads": int,
        "device": OneOf(("cpu", "cuda")),
        "warm_up": int,
        "repeats": int,
        "slow_seconds": float,
    },
    "contenders": Named(CONTENDER),
    "datasets": Named(DATASET),
}


def faults(result: Any) -> Iterator[str]:
    """Each way in which a parsed result is not what SCHEMA.md says, as "where: what"."""
    shape = list(_compare(result, RESULT, "result"))
    yield from shape
    if not shape:
        yield from _dangling(result)


def _compare(value: Any, wanted: Any, where: str) -> Iterator[str]:
    if isinstance(wanted, OneOf):
        if value not in wanted.values or isinstance(value, bool):
            yield f"{where}: {value!r} is none of {', '.join(map(repr, wanted.values))}"
    elif isinstance(wanted, Measurement):
        failed = isinstance(value, dict) and "error" in value
        yield from _compare(value, wanted.failed if failed else wanted.coded, where)
    elif isinstance(wanted, Named):
        if not isinstance(value, dict):
            yield f"{where}: not an object"
            return
        for key, entry in value.items():
            yield from _compare(entry, wanted.value, f"{where}.{key}")
    elif isinstance(wanted, dict):
        yield from _compare_keys(value, wanted, where)
    elif isinstance(wanted, list):
        if not isinstance(value, list):
            yield f"{where}: not a list"
            return
        for index, entry in enumerate(value):
            yield from _compare(entry, wanted[0], f"{where}[{index}]")
    elif not _is(value, wanted):
        yield f"{where}: {value!r} is no {wanted.__name__}"


def _compare_keys(value: Any, wanted: dict[str, Any], where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: not an object"
        return
    for key, entry in wanted.items():
        if key in value:
            yield from _compare(value[key], entry.value if isinstance(entry, Optional) else entry, f"{where}.{key}")
        elif not isinstance(entry, Optional):
            yield f"{where}.{key}: missing"
    for key in value.keys() - wanted.keys():
        yield f"{where}.{key}: unknown"


def _is(value: Any, wanted: type) -> bool:
    """Whether a parsed value is of that type; numbers are finite and not negative, and a float may be whole."""
    if isinstance(value, bool):
        return wanted is bool
    if wanted in (bool, str):
        return isinstance(value, wanted)
    if wanted is int or isinstance(value, int):
        return isinstance(value, int) and value >= 0
    return isinstance(value, float) and math.isfinite(value) and value >= 0


def _dangling(result: dict[str, Any]) -> Iterator[str]:
    """Names of contenders and pictures that are nowhere described, and times without a repeat."""
    for name, dataset in result["datasets"].items():
        tables = {"measurements": dataset["measurements"], "budgets": dataset.get("budgets", {})}
        for part, table in tables.items():
            for key in table.keys() - result["contenders"].keys():
                yield f"result.datasets.{name}.{part}.{key}: no such contender"
            for key, rows in table.items():
                for picture in rows.keys() - dataset["pictures"].keys():
                    yield f"result.datasets.{name}.{part}.{key}.{picture}: no such picture"
        for key, rows in dataset["measurements"].items():
            for picture, row in rows.items():
                if "error" not in row and not (row["encode_seconds"] and row["decode_seconds"]):
                    yield f"result.datasets.{name}.measurements.{key}.{picture}: no times"
        for picture in dataset.get("maps", {}).keys() - dataset["pictures"].keys():
            yield f"result.datasets.{name}.maps.{picture}: no such picture"
