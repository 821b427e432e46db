"""Results: what is refused in words, and the sums over the pictures that all codecs coded."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks import results
from benchmarks.datasets import CLASSES
from benchmarks.results import BenchmarkError, load, save, validate
from benchmarks.section import Section


def row(size: int, encode: list[float], decode: list[float], **more: float) -> dict[str, Any]:
    return {"bytes": size, "encode_seconds": encode, "decode_seconds": decode, **more}


def contender(family: str = "peer", status: str = "ran", **more: Any) -> dict[str, Any]:
    facts = {"label": "x", "family": family, "version": "1", "settings": "", "threads": 1, "status": status}
    return facts | {"reason": "" if status == "ran" else "why"} | more


@pytest.fixture
def result() -> dict[str, Any]:
    """Two pictures of 100 and 300 subpixels: our model and a peer code both, one peer fails on the second."""
    picture = {"sha256": "0", "width": 10, "height": 10, "channels": 1, "subpixels": 100, "read_seconds": 0.1}
    model = {"id": "0" * 16, "name": "m", "parameters": 7, "mac_per_pixel": 2.5}
    ours = {
        "p": row(50, [1.0, 3.0, 2.0], [1.0], likelihood_bits=390.0, payload_bytes=49, undone=1),
        "q": row(100, [2.0], [0.5, 1.5], likelihood_bits=790.0, payload_bytes=99, undone=0),
    }
    return {
        "format": "idfcodec-benchmark",
        "schema": 1,
        "created": "2026-01-31T12:00:00+00:00",
        "environment": {
            "processor": "p",
            "cores": 2,
            "memory_bytes": 1,
            "system": "s",
            "python": "3",
            "packages": {},
            "libraries": {},
        },
        "protocol": {"threads": 1, "device": "cpu", "warm_up": 1, "repeats": 3, "slow_seconds": 1.0},
        "contenders": {
            "idfcodec-m": contender("idfcodec", model=model),
            "peer": contender(),
            "fails": contender(status="crashed"),
            "absent": contender("command", status="not run"),
        },
        "datasets": {
            "set": {
                "title": "Set",
                "source": "folder set",
                "kind": "folder",
                "pictures": {"p": picture, "q": picture | {"subpixels": 300}},
                "skipped": [],
                "batched": False,
                "measurements": {
                    "idfcodec-m": ours,
                    "peer": {"p": row(60, [0.0], [0.0]), "q": row(90, [0.0], [0.0])},
                    "fails": {"p": row(10, [1.0], [1.0]), "q": {"error": "OSError: no"}},
                },
            }
        },
    }


def totals(result: dict[str, Any], key: str) -> Any:
    return Section(validate(result), "set").totals.loc[key]


def test_sums(result: dict[str, Any]) -> None:
    ours = totals(result, "idfcodec-m")
    assert ours["undone"] == 1
    assert [ours[name] for name in ("pictures", "failures", "complete", "subpixels", "bytes")] == [2, 0, True, 400, 150]
    assert ours["file"] == 8 * 150 / 400
    assert ours["encode_mb_s"] == 400 / (2.0 + 2.0) / 1e6
    assert ours["decode_mb_s"] == 400 / (1.0 + 1.0) / 1e6
    assert ours["encode_spread"] == 1.0
    assert ours["decode_spread"] == 1.0
    assert ours["likelihood"] == 1180 / 400
    assert ours["payload"] == 8 * 148 / 400
    assert (ours["parameters"], ours["kmac_per_pixel"]) == (7, 0.0025)
    peer = totals(result, "peer")
    assert peer["bytes"] == 150
    assert peer[["encode_mb_s", "encode_spread", "likelihood", "against", "memory"]].isna().all()


def test_a_figure_that_some_pictures_lack_is_none(result: dict[str, Any]) -> None:
    del result["datasets"]["set"]["measurements"]["idfcodec-m"]["p"]["likelihood_bits"]
    ours = totals(result, "idfcodec-m")
    assert math.isnan(ours["likelihood"])
    assert ours["payload"] == 8 * 148 / 400


def test_one_that_fails_does_not_choose_the_pictures_of_the_others(result: dict[str, Any]) -> None:
    assert Section(result, "set").common == {"p", "q"}
    fails = totals(result, "fails")
    assert [fails[name] for name in ("pictures", "failures", "complete", "bytes")] == [1, 1, False, 10]


def test_one_that_did_not_run_has_no_figures(result: dict[str, Any]) -> None:
    absent = totals(result, "absent")
    assert (absent["pictures"], absent["complete"]) == (0, False)
    assert math.isnan(absent["bytes"])


def test_pictures_that_somebody_was_not_given_count_for_nobody(result: dict[str, Any]) -> None:
    del result["datasets"]["set"]["measurements"]["peer"]["p"]
    assert Section(result, "set").common == {"q"}
    assert totals(result, "idfcodec-m")["bytes"] == 100


def test_the_class_is_that_of_the_result_or_of_a_known_set(result: dict[str, Any]) -> None:
    assert Section(result, "set").past == ""
    result["datasets"]["kodak"] = result["datasets"]["set"]
    assert Section(result, "kodak").past == "of a known past"
    result["datasets"]["kodak"]["class"] = "clean photographs"
    assert Section(validate(result), "kodak").past == "clean photographs"


def test_what_is_saved_is_loaded(result: dict[str, Any], tmp_path: Path) -> None:
    save(result, tmp_path / "r.json")
    assert load(tmp_path / "r.json") == result
    with pytest.raises(BenchmarkError, match=r"r\.json: exists already"):
        save(result, tmp_path / "r.json")
    save(result, tmp_path / "r.json", force=True)


def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path, result: dict[str, Any]) -> None:
    files = {
        "none.json": (None, "No such file"),
        "text.json": ("{", "not JSON"),
        "list.json": ("[]", "not the result of a benchmark"),
        "other.json": ('{"format": "else"}', "not the result of a benchmark"),
        "newer.json": (json.dumps(result | {"schema": 2}), "schema 2 is newer than 1"),
    }
    for name, (text, complaint) in files.items():
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(BenchmarkError) as caught:
            load(tmp_path / name)
        assert complaint in caught.value.message
        assert caught.value.message.startswith(str(tmp_path / name))
        assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("schema",), "1", "schema: 1 was expected"),
        (("created",), None, "created: None is not of type 'string'"),
        (("protocol", "device"), "tpu", "protocol.device: 'tpu' is not one of"),
        (("contenders", "peer", "threads"), True, "contenders.peer.threads: True is not of type 'integer'"),
        (("contenders", "peer", "colour"), "red", "contenders.peer: Additional properties are not allowed ('colour'"),
        (("datasets", "set", "skipped"), {}, "datasets.set.skipped: {} is not of type 'array'"),
        (("datasets", "set", "pictures", "p", "channels"), 5, "datasets.set.pictures.p.channels: 5 is greater than"),
        (("datasets", "set", "measurements", "new"), {}, "datasets.set.measurements.new: no such codec"),
        (("datasets", "set", "measurements", "peer", "r"), {"error": ""}, "measurements.peer.r: no such picture"),
        (("datasets", "set", "measurements", "peer", "p", "bytes"), -1, "measurements.peer.p.bytes: -1 is less than"),
        (("datasets", "set", "measurements", "peer", "p", "decode_seconds"), [], "peer.p.decode_seconds: []"),
        (("datasets", "set", "class"), "clean", "datasets.set.class: 'clean' is not one of"),
    ],
)
def test_every_field_is_checked(result: dict[str, Any], path: tuple[str, ...], value: Any, complaint: str) -> None:
    place = result
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(BenchmarkError) as caught:
        validate(result)
    assert complaint in caught.value.message


def test_a_field_that_is_missing_is_named(result: dict[str, Any]) -> None:
    del result["datasets"]["set"]["batched"]
    with pytest.raises(BenchmarkError, match=r"datasets\.set: 'batched' is a required property"):
        validate(result)


def test_results_of_earlier_versions_can_be_read(result: dict[str, Any]) -> None:
    result["datasets"]["set"]["budgets"] = {"idfcodec-m": {"p": {"0/0/0": 1.0}}}
    result["datasets"]["set"]["measurements"]["idfcodec-m"]["p"]["likelihood_bits_without_weights"] = 1.0
    assert totals(result, "idfcodec-m")["bytes"] == 150


def test_the_classes_of_the_schema_are_those_of_the_sets() -> None:
    schema = json.loads(Path(results.__file__).with_name("schema.json").read_bytes())
    dataset = schema["properties"]["datasets"]["additionalProperties"]["properties"]
    assert tuple(dataset["class"]["enum"]) == CLASSES
