"""`scaling`: mosaics of any size, tables and a plot from figures that were measured before, and a small run."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.results import BenchmarkError
from benchmarks.scaling import mosaic

MEASURED = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "scaling.json"


@pytest.mark.parametrize("megapixels", [0.001, 0.4])
def test_a_mosaic_is_full(drawn_folder: Path, tmp_path: Path, megapixels: float) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes((drawn_folder / name).read_bytes())
    pixels = mosaic(tmp_path, megapixels)
    assert pixels.shape[0] * pixels.shape[1] == pytest.approx(megapixels * 1e6, rel=0.05)
    assert pixels.shape[1] == pytest.approx(1.5 * pixels.shape[0], abs=1)
    assert pixels[-20:, -20:].std() > 0
    with pytest.raises(BenchmarkError, match="no pictures in it"):
        mosaic(tmp_path / "..", megapixels)


def test_what_was_measured_is_shown_again(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["scaling", str(MEASURED), "--plot", str(tmp_path / "s.svg")])
    assert done.exit_code == 0, done.output
    assert "| 50.0 | decode |" in done.stdout
    assert "| 2 | encode |" in done.stdout
    assert (tmp_path / "s.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
    assert CliRunner().invoke(main, ["scaling", str(MEASURED), "--plot", str(tmp_path / "s.svg")]).exit_code == 1


@pytest.mark.slow
def test_a_small_run(drawn_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scaling.ENOUGH", 0.01)
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.png").write_bytes((drawn_folder / "a.png").read_bytes())
    words = [
        "scaling",
        str(folder),
        "--models",
        "photo-fast",
        "--max",
        "0.1",
        "-T",
        "1",
        "-o",
        str(tmp_path / "s.json"),
    ]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    measured = json.loads((tmp_path / "s.json").read_bytes())["models"]["idfcodec fast"]
    assert [(row["way"], row["threads"]) for row in measured["by_size"]] == [("encode", 1), ("decode", 1)]
    assert all(row["seconds"] > 0 and row["peak_gib"] > 0.05 for row in measured["by_threads"])
