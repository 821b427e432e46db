"""`run` from the command line: what is written, what is said, how it ends."""

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.__main__ import main
from benchmarks.results import load
from benchmarks.section import Section

SMALL = ["--peers", "png", "-T", "1", "--repeats", "1", "--no-memory"]


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, words)])


@pytest.fixture(scope="module")
def measured(drawn_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Result]:
    """A small but whole run of the fast preset, PNG and a command that is missing; its result and what it printed."""
    out = tmp_path_factory.mktemp("run") / "r.json"
    absent = out.with_name("absent.toml")
    absent.write_text('[gone]\nlabel = "G"\nencode = "no-such {input} {output}"\ndecode = "no-such {input} {output}"\n')
    words: list[Any] = [
        drawn_folder,
        "-o",
        out,
        "--model",
        "photo-fast",
        *SMALL,
        "--peers",
        "png,gone",
        "--commands",
        absent,
    ]
    words += ["--maps", "2", "--class", "clean photographs"]
    done = run(*words)
    assert done.exit_code == 0, done.output
    return load(out), done


def test_what_was_measured(measured: tuple[dict[str, Any], Result]) -> None:
    result, _ = measured
    dataset = result["datasets"]["drawn"]
    assert list(result["contenders"]) == ["idfcodec-fast", "png", "gone"]
    assert [contender["status"] for contender in result["contenders"].values()] == ["ran", "ran", "not run"]
    assert result["contenders"]["idfcodec-fast"]["model"]["name"] == "photo-fast"
    assert result["contenders"]["idfcodec-fast"]["model"]["parameters"] > 1_000
    assert result["contenders"]["idfcodec-fast"]["model"]["mac_per_pixel"] > 1_000
    assert result["protocol"] == {"threads": 1, "device": "cpu", "warm_up": 1, "repeats": 1, "slow_seconds": 1.0}
    assert len(dataset["skipped"]) == 2
    assert not dataset["batched"]
    assert dataset["class"] == "clean photographs"
    for key in ("idfcodec-fast", "png"):
        assert Section(result, "drawn").totals.loc[key, "pictures"] == 3


def test_what_the_model_says_is_below_what_is_written(measured: tuple[dict[str, Any], Result]) -> None:
    result, _ = measured
    dataset = result["datasets"]["drawn"]
    for row in dataset["measurements"]["idfcodec-fast"].values():
        assert row["payload_bytes"] < row["bytes"]
        assert row["likelihood_bits"] < 8 * row["payload_bytes"] < 1.05 * row["likelihood_bits"] + 800


def test_images_for_the_page(measured: tuple[dict[str, Any], Result]) -> None:
    result, _ = measured
    maps = result["datasets"]["drawn"]["maps"]
    assert len(maps) == 2
    for entry in maps.values():
        assert entry["thumbnail"].startswith("data:image/webp;base64,")
        assert entry["bits"]["idfcodec-fast"].startswith("data:image/png;base64,")


def test_what_is_said(measured: tuple[dict[str, Any], Result]) -> None:
    _, done = measured
    assert "drawn: 3 pictures, 2 files skipped" in done.output
    assert "skipped cut.png: " in done.output
    assert "gone not run: no-such is not on the PATH" in done.output
    assert "r.json written" in done.output


def test_a_mismatch_ends_the_run_with_1_and_no_result(drawn_folder: Path, tmp_path: Path) -> None:
    program = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
    spoil = "from PIL import Image; import sys; Image.open(sys.argv[1]).rotate(180).save(sys.argv[2])"
    lines = [f"{shlex.quote(sys.executable)} -c '{code}' {{input}} {{output}}" for code in (program, spoil)]
    (tmp_path / "bad.toml").write_text(f'[bad]\nlabel = "Bad"\nencode = """{lines[0]}"""\ndecode = """{lines[1]}"""\n')
    out = tmp_path / "r.json"
    done = run(
        drawn_folder, "-o", out, *SMALL, "--no-models", "--peers", "png,bad", "--commands", tmp_path / "bad.toml"
    )
    assert done.exit_code == 1
    assert "a.png: Bad gives back another picture (--without bad leaves it out)" in done.output
    assert not out.exists()


def test_images_can_be_left_out_and_sets_named(drawn_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    words: list[Any] = [
        drawn_folder,
        "-o",
        out,
        "--no-models",
        *SMALL,
        "--maps",
        "0",
        "-q",
        "--name",
        "n",
        "--title",
        "The set",
    ]
    done = run(*words, "--limit", "2")
    assert done.exit_code == 0, done.output
    assert done.output == ""
    dataset = load(out)["datasets"]["n"]
    assert "maps" not in dataset
    assert dataset["title"] == "The set"
    assert list(dataset["pictures"]) == ["a.png", "b.png"]


def test_patches_of_a_folder(drawn_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    done = run(drawn_folder, "-o", out, "--no-models", *SMALL, "-q", "--patches", "16")
    assert done.exit_code == 0, done.output
    dataset = load(out)["datasets"]["drawn-16"]
    assert dataset["kind"] == "patches"
    assert len(dataset["pictures"]) == 2 * 2 + 2 * 1 + 2 * 1
    assert "maps" not in dataset


def test_a_preset_by_its_own_name_is_the_preset(drawn_folder: Path, tmp_path: Path) -> None:
    from benchmarks.codecs import our_codecs

    (one,) = our_codecs(["photo-fast"], threads=1, device="cpu")
    every = {codec.key: codec for codec in our_codecs(["presets"], threads=1, device="cpu")}
    assert one.key == "idfcodec-fast"
    assert {"idfcodec-fast", "idfcodec-default", "idfcodec-max"} <= every.keys()
    assert every["idfcodec-fast"].facts == one.facts


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["--peers", "jxl-e99"], 1, "no peer is called 'jxl-e99'"),
        (["--without", "jxl-e99"], 1, "no peer is called 'jxl-e99'"),
        (["--model", "nobody"], 1, "nobody"),
        (["--no-models", "--peers", "none"], 1, "nobody can take part"),
        (["--no-models", "--model", "photo"], 2, "exclude each other"),
        (["--threads", "0"], 2, "--threads"),
        (["--commands", "no-such.toml"], 1, "no-such.toml: No such file"),
    ],
)
def test_wrong_words(drawn_folder: Path, tmp_path: Path, words: list[str], code: int, complaint: str) -> None:
    done = run(drawn_folder, "-o", tmp_path / "r.json", *words)
    assert done.exit_code == code, done.output
    assert complaint in done.output
    assert not (tmp_path / "r.json").exists()


def test_a_result_is_not_overwritten_unasked(drawn_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    out.write_text("precious")
    done = run(drawn_folder, "-o", out, "--no-models", *SMALL)
    assert done.exit_code == 1
    assert "exists already" in done.output
    assert out.read_text() == "precious"
    assert run(drawn_folder, "-o", out, "--no-models", *SMALL, "-f").exit_code == 0


def test_two_sets_of_one_name_are_refused(drawn_folder: Path, tmp_path: Path) -> None:
    done = run(drawn_folder, drawn_folder, "-o", tmp_path / "r.json", "--no-models", *SMALL)
    assert done.exit_code == 1
    assert "two sets would be called 'drawn'" in done.output


def test_the_list_of_commands() -> None:
    done = CliRunner().invoke(main, ["--help"])
    assert done.exit_code == 0
    assert all(word in done.output for word in ("run", "compare", "report", "scaling", "readme", "Typical use"))
