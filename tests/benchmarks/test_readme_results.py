"""README's results, RESULTS.md and the models' cards come from results of shipped models alone."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks import readme as module
from benchmarks.readme import readme, rendered
from benchmarks.results import BenchmarkError
from tests.benchmarks import synthetic

REPOSITORY = Path(__file__).resolve().parents[2]
EFFORTS = {"fast": "2be78791249aeec4", "default": "f6d1ebdf7612efbf", "max": "17bf6c46d5503c6b"}


def write(folder: Path, name: str, result: dict[str, Any]) -> None:
    (folder / "benchmarks" / "results" / f"{name}.json").write_text(json.dumps(result), encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the command reads and writes, with results drawn for the models that are there."""
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "models", tmp_path / "models")
    (tmp_path / "README.md").write_text("# Before\n<!-- results -->\nold\n<!-- /results -->\nAfter\n", encoding="utf-8")
    sets: dict[str, dict[str, Any]] = {
        "kodak": {"datasets": {"kodak": "Kodak"}},
        "set14": {"datasets": {"set14": "Set14"}, "seed": 2},
        "cifar10": {"datasets": {"cifar10": "CIFAR-10"}, "seed": 3, "batched": True},
    }
    for name, options in sets.items():
        write(tmp_path, name, synthetic.result(pictures=4, models=shipped(), maps=False, **options))
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


def shipped() -> dict[str, str]:
    return dict(EFFORTS)


def section(checkout: Path) -> str:
    return (checkout / "README.md").read_text(encoding="utf-8")


def test_it_writes_and_then_agrees(checkout: Path) -> None:
    assert CliRunner().invoke(readme, ["--check"]).exit_code == 1
    assert "old" in section(checkout)
    done = CliRunner().invoke(readme)
    assert done.exit_code == 0, done.output
    assert "wrote README.md\nwrote RESULTS.md" in done.output
    assert section(checkout).startswith("# Before\n<!-- results -->\nWhole files")
    assert section(checkout).endswith("\n<!-- /results -->\nAfter\n")
    again = CliRunner().invoke(readme, ["--check"])
    assert (again.exit_code, again.output) == (0, "")


@pytest.mark.parametrize("path", ["README.md", "RESULTS.md", "models/f6d1ebdf7612efbf/CARD.md"])
def test_a_change_by_hand_is_found(checkout: Path, path: str) -> None:
    CliRunner().invoke(readme)
    target = checkout / path
    target.write_text(target.read_text(encoding="utf-8").replace("JPEG XL", "JPEG 2000", 1), encoding="utf-8")
    done = CliRunner().invoke(readme, ["--check"])
    assert done.exit_code == 1
    assert path in done.output


def test_readme_has_kodak_and_a_line_for_each_other_set(checkout: Path) -> None:
    CliRunner().invoke(readme)
    kodak, rest = section(checkout).split("| class | set | pictures |")
    assert "**Kodak, 4 photographs of a known past** (PhotoCD" in kodak
    assert "| codec | file | bytes | size against JPEG XL effort 10 | encode | decode | peak memory |" in kodak
    assert kodak.count("| **idfcodec default** |") == 1
    assert "QOI" not in kodak
    assert re.findall(r"^\| ([a-z ]+) \| (CIFAR-10, 32 x 32|Set14) \| 4 \|", rest, re.MULTILINE) == [
        ("clean photographs", "CIFAR-10, 32 x 32"),
        ("of a known past", "Set14"),
    ]
    assert "published" not in section(checkout).partition("All codecs")[0]


def test_results_have_every_table_by_class(checkout: Path) -> None:
    CliRunner().invoke(readme)
    text = (checkout / "RESULTS.md").read_text(encoding="utf-8")
    headings = re.findall(r"^##+ (.*?)(?:[,:].*)?$", text, re.MULTILINE)
    assert headings == ["Clean photographs", "CIFAR-10", "Of a known past", "Kodak", "Set14"]
    cifar, kodak, set14 = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    assert "| codec | file | payload | likelihood | bytes |" in cifar
    assert "| IDF trained on ImageNet32 | 3.60 |" in cifar
    assert "| encode | decode | peak memory |" in kodak
    assert "QOI" in kodak
    assert "FLIF (not run: flif is not on the PATH)" in kodak
    assert "encode" not in set14
    assert "published" not in set14
    assert text.count("Measured on Drawn by Hand 9000") == 3


def test_cards_say_what_the_model_reached(checkout: Path) -> None:
    CliRunner().invoke(readme)
    for name in EFFORTS.values():
        text = (checkout / "models" / name / "CARD.md").read_text(encoding="utf-8")
        identity = json.loads((checkout / "models" / name / "config.json").read_text(encoding="utf-8"))["id"]
        assert f"| id | `{identity}` |" in text
        assert "| kMAC/pixel |" in text
        assert [line.split(" | ")[0] for line in text.splitlines()[-5:-2]] == ["| kodak", "| set14", "| cifar10"]
        assert "JPEG XL effort 10" in text


def test_results_of_other_models_are_refused(checkout: Path) -> None:
    result = synthetic.result(pictures=2, models={**shipped(), "fast": "0123456789abcdef"}, maps=False)
    write(checkout, "kodak", result)
    with pytest.raises(BenchmarkError, match="idfcodec fast was measured with model 0123456789abcdef"):
        rendered(checkout)


def test_models_have_the_names_of_today(checkout: Path) -> None:
    """A result that was measured when another model was a preset is of that model, not of the preset."""
    result = synthetic.result(pictures=2, models={**shipped(), "default": "afa1a330c85cfe0a"}, maps=False)
    write(checkout, "kodak", result)
    text = rendered(checkout)[checkout / "RESULTS.md"]
    kodak = text[text.index("### Kodak") :].partition("\n### ")[0]
    assert "| **idfcodec idf** |" in kodak
    assert "| **idfcodec default** |" not in kodak


def test_cards_say_how_networks_were_made(checkout: Path) -> None:
    cards = {path.parent.name: text for path, text in rendered(checkout).items() if path.name == "CARD.md"}
    assert len(cards) == 12
    causal, hierarchical = cards[EFFORTS["default"]], cards["afa1a330c85cfe0a"]
    assert "multiples of 2^-8" in causal
    assert "`experiments/causal_networks.py`: 52,900 steps of 32,768 pixels" in causal
    assert "Muon" not in causal
    assert "integers in [-64, 64]" in hierarchical
    assert "| optimiser | Muon" in hierarchical


def test_a_readme_without_marks_is_refused(checkout: Path) -> None:
    (checkout / "README.md").write_text("nothing", encoding="utf-8")
    done = CliRunner().invoke(readme)
    assert done.exit_code == 1
    assert "<!-- results -->" in done.output


def test_nothing_measured_yet(checkout: Path) -> None:
    for path in (checkout / "benchmarks" / "results").iterdir():
        path.unlink()
    assert CliRunner().invoke(readme).exit_code == 0
    assert "Not measured yet." in (checkout / "models" / EFFORTS["default"] / "CARD.md").read_text(encoding="utf-8")
