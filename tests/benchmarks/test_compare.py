"""`compare`: what counts as worse, and what is not compared."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.__main__ import main
from tests.benchmarks import synthetic

KEY = "idfcodec-default"


@pytest.fixture
def before() -> dict[str, Any]:
    result = synthetic.result(maps=False, pictures=4)
    for rows in result["datasets"]["kodak"]["measurements"].values():
        for row in rows.values():
            if "error" not in row:
                row |= {"encode_seconds": [0.98, 1.0, 1.02], "decode_seconds": [1.0]}
    return result


@pytest.fixture
def after(before: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(before)


def rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    return list(result["datasets"]["kodak"]["measurements"][KEY].values())


def compare(folder: Path, before: dict[str, Any], after: dict[str, Any], *options: str) -> Result:
    for name, result in (("a.json", before), ("b.json", after)):
        (folder / name).write_text(json.dumps(result))
    return CliRunner().invoke(main, ["compare", str(folder / "a.json"), str(folder / "b.json"), *options])


def test_the_same_result_is_not_worse(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    done = compare(tmp_path, before, after)
    assert done.exit_code == 0, done.output
    (line,) = (line for line in done.output.splitlines() if KEY in line)
    assert line.split()[-5:] == ["+0.000%", "+0.0%", "±4.0%", "+0.0%", "±0.0%"]
    assert "worse" not in done.output


@pytest.mark.parametrize(("threshold", "code"), [("0.1%", 1), ("0.5%", 0), ("0.005", 0), ("0", 1)])
def test_larger_files(tmp_path: Path, before: dict[str, Any], after: dict[str, Any], threshold: str, code: int) -> None:
    for one, other in zip(rows(before), rows(after), strict=True):
        one["bytes"], other["bytes"] = 10_000, 10_040
    done = compare(tmp_path, before, after, "--bytes-threshold", threshold, "--bytes-only")
    assert done.exit_code == code
    assert "+0.400%" in done.output
    assert ("worse: kodak idfcodec-default: +0.400% bytes" in done.output) == bool(code)
    assert "encode" not in done.output


@pytest.mark.parametrize(
    ("seconds", "options", "code"),
    [
        ([1.2, 1.2, 1.2], [], 1),
        ([1.2, 1.2, 1.2], ["--speed-threshold", "20%"], 0),
        ([1.2, 1.2, 1.2], ["--bytes-only"], 0),
        ([0.7, 1.2, 1.3], [], 0),  # the repeats differ by more than the runs do
        ([0.5, 0.5, 0.5], [], 0),
    ],
)
def test_slower_coding(
    tmp_path: Path,
    before: dict[str, Any],
    after: dict[str, Any],
    seconds: list[float],
    options: list[str],
    code: int,
) -> None:
    for row in rows(after):
        row["encode_seconds"] = seconds
    done = compare(tmp_path, before, after, *options)
    assert done.exit_code == code, done.output
    assert ("worse: kodak idfcodec-default: encode -16.7% speed" in done.output) == bool(code)


def test_times_of_two_machines_are_not_compared(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    for row in rows(after):
        row["encode_seconds"] = [9.0]
    after["environment"]["processor"] = "another"
    done = compare(tmp_path, before, after)
    assert done.exit_code == 0
    assert "Speeds are not compared: processor differs: " in done.output


def test_pictures_that_are_no_longer_coded(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    measured = after["datasets"]["kodak"]["measurements"][KEY]
    measured[next(iter(measured))] = {"error": "OSError: no"}
    after["contenders"][KEY] |= {"status": "crashed", "reason": "first: OSError: no"}
    done = compare(tmp_path, before, after)
    assert done.exit_code == 1
    assert "1 of 4 pictures not coded in the second result (crashed: first: OSError: no)" in done.output


def test_a_codec_or_a_set_that_is_gone(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    del after["contenders"][KEY]
    del after["datasets"]["kodak"]["measurements"][KEY]
    done = compare(tmp_path, before, after)
    assert done.exit_code == 1
    assert "4 of 4 pictures not coded in the second result (not run: not in the second result)" in done.output
    after["datasets"] = {}
    done = compare(tmp_path, before, after)
    assert done.exit_code == 1
    assert "the second result has no such data set" in done.output


def test_other_pixels(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    picture = next(iter(after["datasets"]["kodak"]["pictures"].values()))
    picture["sha256"] = "0" * 64
    done = compare(tmp_path, before, after)
    assert done.exit_code == 1
    assert "1 pictures have other pixels" in done.output


def test_wrong_usage_and_unreadable_results(tmp_path: Path, before: dict[str, Any]) -> None:
    assert compare(tmp_path, before, before, "--bytes-threshold", "much").exit_code == 2
    assert compare(tmp_path, before, before, "--speed-threshold", "-1%").exit_code == 2
    done = compare(tmp_path, before, before | {"schema": 99})
    assert done.exit_code == 1
    assert done.output.strip().endswith("b.json: schema 99 is newer than 1, the newest that this version reads")
