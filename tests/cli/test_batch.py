"""Batches on the command line: `--batch`, and the commands that read what it makes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idfcodec.batch import decode_batch, encode_batch
from idfcodec.picture import pillow as planes
from tests.pictures import Pixels, generate

from .conftest import Run
from .test_startup import python

MODEL = ["--model", "photo-fast"]


@pytest.fixture
def run(run_for_real: Run) -> Run:
    return run_for_real


@pytest.fixture
def pictures(tmp_path: Path) -> list[Pixels]:
    """`a.png`, `b.png`, `c.png` and `d.png` in the folder where the command line runs."""
    found = [generate("photo", 12, 9), generate("gray", 5, 7), generate("photo", 12, 9, 2), generate("noise", 1, 1)]
    for name, pixels in zip("abcd", found, strict=True):
        with (tmp_path / f"{name}.png").open("wb") as file:
            planes.write_picture(planes.Picture(pixels), file, "png")
    return found


@pytest.fixture
def batch(tmp_path: Path, pictures: list[Pixels]) -> Path:
    """`small.idfb`, and a folder `out`."""
    (tmp_path / "small.idfb").write_bytes(encode_batch(pictures, model="photo-fast"))
    (tmp_path / "out").mkdir()
    return tmp_path / "small.idfb"


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def pixels(path: Path) -> Any:
    return planes.read_picture(path).pixels


def test_there_and_back(run: Run, tmp_path: Path, pictures: list[Pixels]) -> None:
    before = names(tmp_path)
    done = run("compress", "--batch", *MODEL, "a.png", "b.png", "c.png", "d.png", "-o", "small.idfb")
    assert (done.code, done.out) == (0, b"")
    assert re.fullmatch(
        r"4 pictures -> small\.idfb: [\d,]+ -> [\d,]+ bytes \([\d.]+% (smaller|larger)\), "
        r"[\d.]+:1 against raw pixels, [\d.]+ bits per subpixel, [\d.]+ MB/s, verified\n",
        done.err,
    )
    assert names(tmp_path) == before | {"small.idfb"}
    assert (tmp_path / "small.idfb").read_bytes() == encode_batch(pictures, model="photo-fast")
    (tmp_path / "out").mkdir()
    done = run("decompress", "small.idfb", "-o", "out")
    assert (done.code, done.out) == (0, b"")
    assert re.fullmatch(
        r"small\.idfb -> out/0000\.png to 0003\.png: 4 pictures, \d+ -> [\d,]+ bytes, checksum right, [\d.]+ MB/s\n",
        done.err,
    )
    assert names(tmp_path / "out") == {f"000{i}.png" for i in range(4)}
    for index, picture in enumerate(pictures):
        assert np.array_equal(pixels(tmp_path / "out" / f"000{index}.png"), picture)


def test_one_input_and_pipes(run: Run, tmp_path: Path, pictures: list[Pixels]) -> None:
    data = (tmp_path / "a.png").read_bytes()
    small = run("compress", "--batch", *MODEL, "-", stdin=data)
    assert (small.code, small.err.startswith("1 picture -> standard output: ")) == (0, True)
    assert np.array_equal(decode_batch(small.out)[0], pictures[0])
    assert run("compress", "--batch", *MODEL, "-c", "a.png").out == small.out
    both = run("compress", "--batch", *MODEL, "-c", "--no-verify", "a.png", "a.png")
    assert [pixels.shape for pixels in decode_batch(both.out)] == [(9, 12, 3)] * 2
    assert "verified" not in both.err
    assert run("test", "-", stdin=both.out).err.startswith("standard input: right, 2 pictures, ")


@pytest.mark.parametrize(
    ("chosen", "numbers"), [("2", [2]), ("0,2-3", [0, 2, 3]), ("1, 1,0-1", [0, 1]), ("0-3", [0, 1, 2, 3])]
)
def test_some_pictures(
    run: Run, tmp_path: Path, pictures: list[Pixels], batch: Path, chosen: str, numbers: list[int]
) -> None:
    done = run("decompress", "small.idfb", "-o", "out/", "--pictures", chosen)
    assert done.code == 0
    assert f"{len(numbers)} picture{'s' * (len(numbers) > 1)} of 4, " in done.err
    assert "checksums of the blocks right" in done.err
    assert names(tmp_path / "out") == {f"000{i}.png" for i in numbers}
    for number in numbers:
        assert np.array_equal(pixels(tmp_path / "out" / f"000{number}.png"), pictures[number])


def test_json(run: Run, tmp_path: Path, pictures: list[Pixels], batch: Path) -> None:
    values = json.loads(run("compress", "--json", "--batch", *MODEL, "a.png", "b.png", "-o", "two.idfb").out)
    assert values["inputs"] == ["a.png", "b.png"]
    assert (values["pictures"], values["output"], values["verified"]) == (2, "two.idfb", True)
    assert values["output_bytes"] == (tmp_path / "two.idfb").stat().st_size
    assert values["bits_per_subpixel"] == 8 * values["output_bytes"] / (12 * 9 * 3 + 35)
    values = json.loads(run("decompress", "--json", "two.idfb", "-o", "out").out)
    assert (values["pictures"], values["first"], values["last"]) == (2, "0000.png", "0001.png")
    assert values["checked"] == "pixels"
    values = json.loads(run("decompress", "-f", "--json", "two.idfb", "-o", "out", "--pictures", "1").out)
    assert (values["pictures"], values["first"], values["checked"]) == (1, "0001.png", "blocks")
    values = json.loads(run("test", "--json", "two.idfb").out)
    assert (values["input"], values["pictures"], values["ok"]) == ("two.idfb", 2, True)
    values = json.loads(run("info", "--json", "small.idfb").out)
    assert values["shapes"] == [
        {"mode": "rgb", "width": 12, "height": 9, "conversion": None, "pictures": 2},
        {"mode": "gray", "width": 5, "height": 7, "conversion": None, "pictures": 1},
        {"mode": "rgb", "width": 1, "height": 1, "conversion": None, "pictures": 1},
    ]
    assert (values["pictures"], values["bytes"], values["model_name"]) == (4, batch.stat().st_size, "photo-fast")


def test_info(run: Run, batch: Path) -> None:
    done = run("info", "small.idfb")
    assert (done.code, done.err) == (0, "")
    text = done.out.decode()
    assert "4 pictures: 2 of 12x9, rgb; 1 of 5x7, gray; 1 of 1x1, rgb; 8 bits" in text
    assert "(photo-fast)" in text


def test_info_does_not_import_torch(batch: Path) -> None:
    code = (
        "import sys; from idfcodec.cli.main import main; code = main(['info', sys.argv[1]]);"
        "sys.exit(code or bool({'torch', 'numpy'} & set(sys.modules)) * 3)"
    )
    assert python("-c", code, str(batch)).returncode == 0


def test_test_writes_nothing(run: Run, tmp_path: Path, batch: Path) -> None:
    before = names(tmp_path)
    lines = run("test", "-v", "small.idfb", "small.idfb").err.splitlines()
    assert lines[0].startswith("small.idfb: right, 4 pictures, ")
    assert re.fullmatch(r"  model [0-9a-f]{16}, [\d.]+ s", lines[1])
    assert lines[4].startswith("2 of 2 files: ")
    assert names(tmp_path) == before


# --- What is refused -----------------------------------------------------------------------------------------------


def test_one_bad_input_and_nothing_is_written(run: Run, tmp_path: Path, pictures: list[Pixels]) -> None:
    (tmp_path / "text.png").write_text("no picture\n")
    with (tmp_path / "large.png").open("wb") as file:
        planes.write_picture(planes.Picture(np.zeros((2, 513), np.uint8)), file, "png")
    before = names(tmp_path)
    done = run("compress", "--batch", "a.png", "text.png", "none.png", "large.png", "b.png", "-o", "small.idfb")
    lines = done.err.splitlines()
    assert (done.code, len(lines)) == (1, 3)
    assert lines[0].startswith("idfcodec: text.png: ")
    assert lines[1] == "idfcodec: none.png: No such file or directory"
    assert lines[2] == "idfcodec: large.png: 513x2 pixels are too large for a batch: 512 a side at most"
    assert names(tmp_path) == before


def test_existing_targets_need_force(run: Run, tmp_path: Path, batch: Path) -> None:
    before = batch.read_bytes()
    done = run("compress", "--batch", *MODEL, "a.png", "-o", "small.idfb")
    assert (done.code, done.err) == (1, "idfcodec: small.idfb: exists already; -f overwrites it\n")
    assert batch.read_bytes() == before
    (tmp_path / "out" / "0002.png").write_bytes(b"precious")
    done = run("decompress", "small.idfb", "-o", "out")
    assert (done.code, done.err) == (1, "idfcodec: out/0002.png: exists already; -f overwrites it\n")
    assert names(tmp_path / "out") == {"0002.png"}
    assert run("decompress", "small.idfb", "-o", "out", "--pictures", "0-1").code == 0
    assert (tmp_path / "out" / "0002.png").read_bytes() == b"precious"
    assert run("decompress", "-f", "small.idfb", "-o", "out").code == 0
    assert pixels(tmp_path / "out" / "0002.png").shape == (9, 12, 3)
    assert run("compress", "-f", "--batch", *MODEL, "a.png", "-o", "small.idfb").code == 0
    assert len(decode_batch(batch.read_bytes())) == 1


@pytest.mark.parametrize("force", [[], ["-f"]])
def test_no_input_is_the_output(run: Run, tmp_path: Path, pictures: list[Pixels], force: list[str]) -> None:
    before = (tmp_path / "b.png").read_bytes()
    done = run("compress", "--batch", *force, "a.png", "b.png", "-o", "b.png")
    assert (done.code, done.err) == (1, "idfcodec: b.png: is an input as well, and would be overwritten\n")
    assert (tmp_path / "b.png").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["compress", "--batch"], "Missing argument"),
        (["compress", "--batch", "a.png"], "name it with -o"),
        (["compress", "--batch", "a.png", "-o", "."], "-o must be a file, and '.' is a folder"),
        (["compress", "--batch", "-", "-o", "."], "-o must be a file"),
        (["compress", "--batch", "a.png", "-", "-o", "a.idfb"], "must be the only input"),
        (["compress", "--batch", "a.png", "-c", "-o", "a.idfb"], "exclude each other"),
        (["compress", "--batch", "a.png", "b.png", "-c", "--json"], "needs standard output for itself"),
        (["decompress", "a.idfb", "-o", ".", "--pictures", "3-1"], "'3-1' is not a number or a range"),
        (["decompress", "a.idfb", "-o", ".", "--pictures", "1,,2"], "'' is not a number or a range"),
        (["decompress", "a.idfb", "-o", ".", "--pictures", "-1"], "'-1' is not a number or a range"),
        (["decompress", "a.idfb", "-o", ".", "--pictures", "1" * 5000], "is not a number or a range"),
        (["decompress", "a.idfb", "-o", ".", "--pictures", "first"], "'first' is not a number or a range"),
    ],
)
def test_wrong_usage(run: Run, tmp_path: Path, arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, b"")
    assert says in " ".join(done.err.split())
    assert names(tmp_path) == set()


def test_binary_is_not_written_to_a_terminal(run: Run, pictures: list[Pixels], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    done = run("compress", "--batch", "-c", "a.png", "b.png")
    assert (done.code, done.out) == (2, b"")
    assert "not written to a terminal" in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "a batch of pictures needs a folder that exists; name it with -o"),
        (["-o", "one.png"], "a batch of pictures needs a folder that exists; name it with -o"),
        (["-c"], "a batch of pictures needs a folder that exists; name it with -o"),
        (["-o", "out", "--pictures", "0,4"], "there is no picture 4: 4 pictures, numbered from 0"),
        (
            ["-o", "out", "--pictures", f"0-{10**9 - 1}"],
            f"there is no picture {10**9 - 1}: 4 pictures, numbered from 0",
        ),
    ],
)
def test_a_batch_is_many_files(run: Run, tmp_path: Path, batch: Path, arguments: list[str], says: str) -> None:
    before = names(tmp_path)
    done = run("decompress", "small.idfb", *arguments)
    assert (done.code, done.out, done.err) == (1, b"", f"idfcodec: small.idfb: {says}\n")
    assert names(tmp_path) == before
    assert names(tmp_path / "out") == set()


def test_pictures_of_two_batches_would_share_their_names(run: Run, tmp_path: Path, batch: Path) -> None:
    (tmp_path / "other.idfb").write_bytes(batch.read_bytes())
    done = run("decompress", "-f", "small.idfb", "other.idfb", "-o", "out")
    assert done.code == 1
    assert done.err.count("a batch must be the only input") == 2
    assert names(tmp_path / "out") == set()


def test_a_single_picture_has_no_numbers(run: Run, tmp_path: Path, pictures: list[Pixels]) -> None:
    assert run("compress", *MODEL, "a.png").code == 0
    done = run("decompress", "a.idfc", "-o", "back.png", "--pictures", "0")
    assert (done.code, done.err) == (1, "idfcodec: a.idfc: --pictures is for batches, and this is none\n")


def test_a_damaged_batch_leaves_nothing(run: Run, tmp_path: Path, batch: Path) -> None:
    good = batch.read_bytes()
    for data in (good[:-1], good[:20], good[:-4] + bytes(4), good + b"\0"):
        batch.write_bytes(data)
        for arguments in (["test"], ["info"], ["decompress", "-o", "out"], ["decompress", "-o", "out", "--pictures=0"]):
            done = run(*arguments, "small.idfb")
            assert (done.code, done.out) == (1, b"")
            assert re.fullmatch(r"idfcodec: small\.idfb: [^\n]+\n", done.err)
    assert names(tmp_path / "out") == set()


def test_metadata_that_is_left_out_is_told(run: Run, tmp_path: Path, pictures: list[Pixels]) -> None:
    with (tmp_path / "x.png").open("wb") as file:
        planes.write_picture(planes.Picture(pictures[0], {"xmp": b"<x/>"}), file, "png")
    done = run("compress", "--batch", *MODEL, "a.png", "x.png", "-o", "small.idfb")
    assert done.code == 0
    assert done.err.splitlines()[0] == (
        "idfcodec: small.idfb: a batch cannot hold the pictures' xmp, which is left out"
    )
