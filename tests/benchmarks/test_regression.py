"""Files of drawn pictures must not grow against the committed baseline; see regression.py for how it is made."""

from pathlib import Path

from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.results import load, save
from tests.benchmarks.regression import BASELINE, failures, run_small


def test_files_have_not_grown(tmp_path: Path) -> None:
    assert BASELINE.is_file(), f"{BASELINE} is missing"
    result = run_small()
    assert not failures(result)
    save(result, tmp_path / "now.json")
    done = CliRunner().invoke(main, ["compare", str(BASELINE), str(tmp_path / "now.json"), "--bytes-only"])
    assert done.exit_code == 0, done.output


def test_the_baseline_is_of_all_presets_and_holds_no_times() -> None:
    baseline = load(BASELINE)
    assert len(baseline["contenders"]) >= 3
    measurements = baseline["datasets"]["drawn"]["measurements"]
    assert measurements.keys() == baseline["contenders"].keys()
    assert not any(sum(row["encode_seconds"]) for rows in measurements.values() for row in rows.values())
