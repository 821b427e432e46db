"""Results: what is refused in words, and the sums over the pictures that all contenders coded."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import schema
from benchmarks.results import BenchmarkError, common_pictures, load, save, totals, validate

DOCUMENT = Path(schema.__file__).with_name("SCHEMA.md")


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
        "p": row(50, [1.0, 3.0, 2.0], [1.0], likelihood_bits=390.0, payload_bytes=49),
        "q": row(100, [2.0], [0.5, 1.5], likelihood_bits=790.0, payload_bytes=99),
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


def test_sums(result: dict[str, Any]) -> None:
    ours = totals(validate(result), "set", "idfcodec-m")
    assert (ours.pictures, ours.failures, ours.complete, ours.subpixels, ours.bytes) == (2, 0, True, 400, 150)
    assert ours.bits_per_subpixel == 8 * 150 / 400
    assert ours.mean_bits_per_subpixel == (4 + 8 / 3) / 2
    assert ours.encode_mb_s == 400 / (2.0 + 2.0) / 1e6
    assert ours.decode_mb_s == 400 / (1.0 + 1.0) / 1e6
    assert ours.encode_spread == 1.0
    assert ours.decode_spread == 1.0
    assert ours.likelihood == 1180 / 400
    assert ours.payload == 8 * 148 / 400
    assert ours.without_weights is None
    assert (ours.parameters, ours.mac_per_pixel) == (7, 2.5)
    peer = totals(result, "set", "peer")
    assert (peer.bytes, peer.encode_mb_s, peer.encode_spread, peer.likelihood) == (150, None, None, None)


def test_one_that_fails_does_not_choose_the_pictures_of_the_others(result: dict[str, Any]) -> None:
    assert common_pictures(result, "set") == ["p", "q"]
    fails = totals(result, "set", "fails")
    assert (fails.pictures, fails.failures, fails.complete, fails.bytes) == (1, 1, False, 10)
    assert (fails.status, fails.reason) == ("crashed", "why")


def test_one_that_did_not_run_has_a_row_without_figures(result: dict[str, Any]) -> None:
    absent = totals(result, "set", "absent")
    assert (absent.status, absent.pictures, absent.complete, absent.bytes) == ("not run", 0, False, None)


def test_pictures_that_somebody_was_not_given_count_for_nobody(result: dict[str, Any]) -> None:
    del result["datasets"]["set"]["measurements"]["peer"]["p"]
    assert common_pictures(result, "set") == ["q"]
    assert totals(result, "set", "idfcodec-m").bytes == 100


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
        (("schema",), "1", "result.schema: '1' is none of 1"),
        (("created",), None, "result.created: None is no str"),
        (("protocol", "device"), "tpu", "result.protocol.device: 'tpu' is none of 'cpu', 'cuda'"),
        (("protocol", "slow_seconds"), float("nan"), "result.protocol.slow_seconds: nan is no float"),
        (("contenders", "peer", "threads"), True, "result.contenders.peer.threads: True is no int"),
        (("contenders", "peer", "colour"), "red", "result.contenders.peer.colour: unknown"),
        (("datasets", "set", "skipped"), {}, "result.datasets.set.skipped: not a list"),
        (("datasets", "set", "pictures", "p", "channels"), 4, "result.datasets.set.pictures.p.channels: 4 is none"),
        (("datasets", "set", "measurements", "new"), {}, "result.datasets.set.measurements.new: no such contender"),
        (("datasets", "set", "measurements", "peer", "r"), {"error": ""}, "measurements.peer.r: no such picture"),
        (("datasets", "set", "measurements", "peer", "p", "bytes"), -1, "measurements.peer.p.bytes: -1 is no int"),
        (("datasets", "set", "measurements", "peer", "p", "decode_seconds"), [], "measurements.peer.p: no times"),
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
    with pytest.raises(BenchmarkError, match=r"result\.datasets\.set\.batched: missing"):
        validate(result)


def test_the_document_names_the_same_fields() -> None:
    def names(shape: Any) -> set[str]:
        if isinstance(shape, dict):
            return set(shape).union(*map(names, shape.values()))
        if isinstance(shape, list):
            return names(shape[0])
        parts = [getattr(shape, part, None) for part in ("value", "coded", "failed")]
        return set().union(*(names(part) for part in parts if part is not None))

    block = DOCUMENT.read_text().split("```")[1]
    assert set(re.findall(r'"(\w+)":', block)) == names(schema.RESULT)
