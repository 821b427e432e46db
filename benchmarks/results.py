"""Results of runs: reading, checking and writing them.

A result is the JSON object that schema.json describes field by field.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click

from idfcodec.files import write_target

__all__ = ["FORMAT", "SCHEMA", "BenchmarkError", "Result", "load", "save", "validate"]

FORMAT, SCHEMA = "idfcodec-benchmark", 1
Result = dict[str, Any]
"""A parsed result."""


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
    for error in _validator().iter_errors(result):
        raise BenchmarkError(f"{name}: {'.'.join(map(str, error.absolute_path)) or 'result'}: {error.message[:300]}")
    for fault in _dangling(result):
        raise BenchmarkError(f"{name}: {fault}")
    return result


@cache
def _validator() -> Any:
    import jsonschema  # here, for processes whose memory is measured shall not hold it

    return jsonschema.Draft202012Validator(json.loads(Path(__file__).with_name("schema.json").read_bytes()))


def _dangling(result: Result) -> Iterator[str]:
    """Names of codecs and pictures that are nowhere described, which no schema can say."""
    for name, dataset in result["datasets"].items():
        for key, rows in dataset["measurements"].items():
            if key not in result["contenders"]:
                yield f"datasets.{name}.measurements.{key}: no such codec"
            for picture in rows.keys() - dataset["pictures"].keys():
                yield f"datasets.{name}.measurements.{key}.{picture}: no such picture"
        for picture in dataset.get("maps", {}).keys() - dataset["pictures"].keys():
            yield f"datasets.{name}.maps.{picture}: no such picture"


def save(result: Result, path: str | Path, *, force: bool = False) -> None:
    """Checks a result and writes it, as a whole or not at all.

    Raises:
        BenchmarkError: it is not what the schema says, or cannot be written.
    """
    text = json.dumps(validate(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        write_target(Path(path), text.encode(), force=force)
    except OSError as ex:
        raise BenchmarkError(f"{path}: {ex.strerror or ex}") from ex
