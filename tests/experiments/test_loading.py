"""Pictures a second of a data loader, and the table of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from experiments import loading
from experiments.loading_table import loading_lines
from tests.pictures import generate


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of a process with threads, as test runners are
def test_formats_take_turns() -> None:
    found = loading.measure([generate("photo", 12, 10, seed) for seed in range(9)], epochs=2)
    assert list(found) == list(loading.FORMATS)
    assert all(len(entry["seconds"]) == 2 and min(entry["seconds"]) > 0 for entry in found.values())
    assert found["idfcodec fast"]["bytes"] < found["PNG"]["bytes"]


def test_the_table(tmp_path: Path) -> None:
    assert loading_lines(tmp_path) == []
    target = tmp_path / "benchmarks" / "results" / "loading.json"
    target.parent.mkdir(parents=True)
    measured = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "loading.json"
    if not measured.exists():
        pytest.skip("nothing has been measured")
    shutil.copy(measured, target)
    result = json.loads(target.read_text())
    result["sets"] = {
        "two": {
            "pictures": 10,
            "subpixels": 1000,
            "formats": {
                "idfcodec fast": {"bytes": 250, "seconds": [2.0, 4.0, 5.0]},
                "PNG": {"bytes": 500, "seconds": [1.0]},
            },
        }
    }
    target.write_text(json.dumps(result))
    lines = loading_lines(tmp_path)
    assert "| two | 10 | **idfcodec fast** | 2.5 ± 1.5 | 0.25 | 2.000 |" in lines
    assert "| two | 10 | PNG | 10.0 ± 0.0 | 1.00 | 4.000 |" in lines
