"""Transcripts: exit code, standard output, standard error, and what lies in the folder afterwards."""

import io
import json
import os
import re
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from idfcodec.format.metadata import Entry, pack_entries
from idfcodec.models import EFFORTS
from idfcodec.picture import pillow as planes

from .conftest import MODEL, Run, encode


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def pixels(source: Any) -> Any:
    return planes.read_picture(source).pixels


# --- Round trips ---------------------------------------------------------------------------------------------------


def test_compress_and_decompress_beside_the_input(run: Run, tmp_path: Path, picture_file: Path, photo: Any) -> None:
    done = run("compress", "photo.png")
    assert (done.code, done.out) == (0, b"")
    assert re.fullmatch(
        r"photo\.png -> photo\.idfc: 72x48 RGB, [\d,]+ -> [\d,]+ bytes \([\d.]+% (smaller|larger)\), "
        r"[\d.]+:1 against raw pixels, [\d.]+ bits per subpixel, [\d.]+ MB/s, verified\n",
        done.err,
    )
    before = picture_file.read_bytes()
    assert run("decompress", "photo.idfc", "-o", "back.png").code == 0
    assert (tmp_path / "back.png").read_bytes() == before
    assert np.array_equal(pixels(tmp_path / "back.png"), photo)
    assert names(tmp_path) == {"photo.png", "photo.idfc", "back.png"}


def test_options_reach_the_codec(run: Run, picture_file: Path, fake_codec: Any) -> None:
    run("compress", "photo.png")
    run("compress", "-f", "--no-verify", "-T", "3", "--model", "mine", "--device", "cuda", "--strip", "photo.png")
    run("decompress", "-f", "-T", "1", "photo.idfc")
    chosen = {"effort": None, "conversion": True}
    assert fake_codec.calls == [
        {"model": None, "strip": False, "verify": True, "threads": None, "device": "cpu", **chosen},
        {"model": "mine", "strip": True, "verify": False, "threads": 3, "device": "cuda", **chosen},
        {"model": None, "threads": 1, "device": "cpu"},
    ]


@pytest.mark.parametrize("command", ["compress", "bpd"])
def test_efforts_choose_models(run: Run, picture_file: Path, fake_codec: Any, command: str) -> None:
    force = ["-f"] if command == "compress" else []
    for option in ("-e", "--effort"):
        for effort in EFFORTS:
            fake_codec.calls.clear()
            assert run(command, option, effort, *force, "photo.png").code == 0
            assert {(call["model"], call["effort"]) for call in fake_codec.calls} == {(None, effort)}


@pytest.mark.parametrize("extension", sorted(planes.FORMATS))
def test_decompress_takes_the_format_from_the_suffix(run: Run, picture_file: Path, photo: Any, extension: str) -> None:
    run("compress", "photo.png")
    done = run("decompress", "photo.idfc", "-o", f"back.{extension}")
    if extension in ("pgm", "pbm", "gif"):
        assert done.code == 1
        assert f"a {extension} file does not hold 72x48 RGB" in done.err
        return
    assert done.code == 0
    assert np.array_equal(pixels(Path(f"back.{extension}")), photo)


def test_pipes(run: Run, picture_file: Path, photo: Any) -> None:
    small = run("compress", "-", stdin=picture_file.read_bytes())
    assert small.code == 0
    assert small.err.startswith("standard input -> standard output: 72x48 RGB")
    back = run("decompress", "-", stdin=small.out)
    assert back.code == 0
    assert np.array_equal(pixels(io.BytesIO(back.out)), photo)
    assert run("compress", "-c", "photo.png").out == small.out
    assert run("compress", "-o", "-", "photo.png").out == small.out
    assert run("compress", "-", "-o", "named.idfc", stdin=picture_file.read_bytes()).code == 0
    assert Path("named.idfc").read_bytes() == small.out


def test_quiet_and_verbose(run: Run, picture_file: Path) -> None:
    done = run("compress", "-q", "photo.png")
    assert (done.code, done.out, done.err) == (0, b"", "")
    lines = run("compress", "-vf", "photo.png").err.splitlines()
    assert len(lines) == 2
    assert f"model {MODEL.hex()}" in lines[1]


def test_json(run: Run, picture_file: Path) -> None:
    done = run("compress", "--json", "photo.png", "none.png")
    first, second = map(json.loads, done.out.splitlines())
    assert done.code == 1
    assert first["bits_per_subpixel"] == 8 * first["output_bytes"] / (72 * 48 * 3)
    assert first["input_bytes"] == picture_file.stat().st_size
    assert (first["output"], first["verified"], first["width"]) == ("photo.idfc", True, 72)
    assert second == {"input": "none.png", "error": "No such file or directory"}
    done = run("decompress", "--json", "-f", "photo.idfc")
    assert json.loads(done.out)["output"] == "photo.png"


def test_metadata_that_the_format_cannot_hold_is_told(run: Run, tmp_path: Path, photo: Any) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        planes.write_picture(planes.Picture(photo, {"xmp": b"<x/>"}), file, "png")
    run("compress", "a.png")
    done = run("decompress", "a.idfc", "-o", "a.bmp")
    assert done.code == 0
    assert done.err.splitlines()[0] == "idfcodec: a.idfc: bmp cannot hold the picture's xmp, which is left out"
    assert run("decompress", "a.idfc", "-o", "b.png").err.count("\n") == 1
    assert planes.read_picture(tmp_path / "b.png").metadata == {"xmp": b"<x/>"}


def test_what_is_not_kept_of_a_file_is_told_in_one_line(run: Run, tmp_path: Path, photo: Any) -> None:
    Image.fromarray(photo).save(tmp_path / "a.jpg")
    done = run("compress", "--json", "a.jpg")
    note = "it is a JPEG: its pixels are kept, not the file"
    assert done.err == f"idfcodec: a.jpg: {note}\n"
    assert json.loads(done.out)["notes"] == [note]
    assert run("compress", "-q", "-f", "a.jpg").err == ""


def test_info_lists_metadata_and_obeys_no_text_in_it(run: Run, tmp_path: Path, photo: Any) -> None:
    text = b"one\x1b]0;two\n\xe2\x80\xae" + b"three" * 50
    entries = [Entry(b"gAMA", 0, bytes(4)), Entry(b"zTXt", 2, b"Title\0\0" + zlib.compress(text))]
    picture = planes.Picture(photo, {"comment": text, "png": pack_entries(entries)})
    (tmp_path / "a.idfc").write_bytes(encode(picture))
    done = run("info", "a.idfc")
    start = r"one\x1b]0;two \x202ethree"
    out = done.out.decode()
    lines = out.splitlines()
    assert f"comment {len(text)} bytes: {start}" in next(line for line in lines if "comment" in line)
    assert "png gAMA 4 bytes" in out
    assert f"bytes: Title: {start}" in next(line for line in lines if "zTXt" in line)
    assert all(len(line) < 120 and line.isprintable() for line in lines)
    parts = json.loads(run("info", "--json", "a.idfc").out)["metadata_parts"]
    assert [(part["block"], part["part"]) for part in parts] == [("comment", ""), ("png", "gAMA"), ("png", "zTXt")]


# --- Several inputs ------------------------------------------------------------------------------------------------


def test_several_inputs_go_on_after_a_failure(run: Run, tmp_path: Path, picture_file: Path) -> None:
    (tmp_path / "text.png").write_text("no picture\n")
    (tmp_path / "other.png").write_bytes(picture_file.read_bytes())
    done = run("compress", "photo.png", "text.png", "none.png", "other.png")
    lines = done.err.splitlines()
    assert done.code == 1
    assert len(lines) == 5
    assert lines[1].startswith("idfcodec: text.png: ")
    assert lines[2] == "idfcodec: none.png: No such file or directory"
    assert lines[4].startswith("2 of 4 files: ")
    assert names(tmp_path) == {"photo.png", "text.png", "other.png", "photo.idfc", "other.idfc"}


def test_output_folder(run: Run, tmp_path: Path, picture_file: Path) -> None:
    (tmp_path / "out").mkdir()
    assert run("compress", "photo.png", "-o", "out").code == 0
    assert names(tmp_path / "out") == {"photo.idfc"}
    assert run("decompress", "out/photo.idfc", "-o", "out/").code == 0
    assert names(tmp_path / "out") == {"photo.idfc", "photo.png"}


def test_two_inputs_never_share_a_target(run: Run, tmp_path: Path, picture_file: Path) -> None:
    with (tmp_path / "photo.bmp").open("wb") as file:
        planes.write_picture(planes.Picture(np.zeros((1, 1, 3), np.uint8)), file, "bmp")
    done = run("compress", "-f", "photo.png", "photo.bmp")
    assert done.code == 1
    refused = "idfcodec: photo.bmp: would be written to photo.idfc, which is the target of photo.png too"
    assert done.err.splitlines()[0] == refused, "it is said before any work"
    assert run("test", "photo.idfc").err.startswith("photo.idfc: right, 72x48 RGB")


# --- What is refused -----------------------------------------------------------------------------------------------


def test_existing_target_needs_force(run: Run, tmp_path: Path, picture_file: Path) -> None:
    (tmp_path / "photo.idfc").write_bytes(b"precious")
    done = run("compress", "photo.png")
    assert (done.code, done.err) == (1, "idfcodec: photo.idfc: exists already; -f overwrites it\n")
    assert (tmp_path / "photo.idfc").read_bytes() == b"precious"
    assert run("compress", "-f", "photo.png").code == 0
    assert (tmp_path / "photo.idfc").read_bytes() != b"precious"


@pytest.mark.parametrize("force", [[], ["-f"]])
def test_the_input_is_never_the_output(run: Run, tmp_path: Path, picture_file: Path, force: list[str]) -> None:
    before = picture_file.read_bytes()
    (tmp_path / "link.idfc").symlink_to("photo.png")
    for target in ("photo.png", "./photo.png", "link.idfc"):
        done = run("compress", *force, "photo.png", "-o", target)
        assert done.code == 1
        assert done.err.endswith("is an input as well, and would be overwritten\n")
    assert picture_file.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["compress"], "Missing argument"),
        (["compress", "a.png", "b.png", "-o", "c.idfc"], "-o must be a folder that exists"),
        (["compress", "a.png", "-c", "-o", "b.idfc"], "exclude each other"),
        (["compress", "a.png", "b.png", "-c"], "cannot share standard output"),
        (["compress", "a.png", "-"], "must be the only input"),
        (["compress", "-", "--json"], "needs standard output for itself"),
        (["compress", "-", "-o", "."], "no name to give"),
        (["compress", "a.png", "-T", "0"], "Invalid value"),
        (["compress", "a.png", "--device", "abacus"], "Invalid value"),
        (["compress", "a.png", "-e", "best"], "'best' is not one of 'fast', 'default', 'max'"),
        (["compress", "a.png", "-e", "default", "--model", "mine"], "--model and --effort exclude each other"),
        (["bpd", "a.png", "-e", "best"], "'best' is not one of 'fast', 'default', 'max'"),
        (["bpd", "a.png", "-e", "max", "--model", "mine"], "--model and --effort exclude each other"),
        (["decompress", "a.idfc", "--effort", "max"], "No such option"),
        (["decompress", "a.idfc", "-o", "a.jpg"], ".jpg would lose something"),
        (["decompress", "a.idfc", "-o", "a.xyz"], ".xyz is not a format this writes; use one of .png, "),
        (["decompress", "a.idfc", "-o", "plain"], "'plain' is not a format this writes"),
        (["demo", "a.png", "--size", "big"], "is not a size such as"),
        (["demo", "a.png", "--size", "0x5"], "must be from 1"),
        (["nonsense"], "No such command"),
        (["train", "folder"], "Missing option '--out'"),
    ],
)
def test_wrong_usage(run: Run, tmp_path: Path, arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, b"")
    assert says in " ".join(done.err.split())
    assert names(tmp_path) == set()


def test_binary_is_not_written_to_a_terminal(run: Run, picture_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    done = run("compress", "-c", "photo.png")
    assert (done.code, done.out) == (2, b"")
    assert "not written to a terminal" in done.err


@pytest.mark.parametrize("command", ["compress", "decompress", "test", "info", "bpd"])
@pytest.mark.parametrize("kind", ["missing", "folder", "text", "empty", "zeros"])
def test_bad_input_gives_one_line(run: Run, tmp_path: Path, command: str, kind: str) -> None:
    path = tmp_path / "bad"
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes({"text": b"hello, world\n", "empty": b"", "zeros": bytes(1000)}[kind])
    before = names(tmp_path)
    done = run(command, "bad")
    assert (done.code, done.out) == (1, b"")
    assert re.fullmatch(r"idfcodec: bad: [^\n]+\n", done.err)
    assert names(tmp_path) == before


def test_a_damaged_file_leaves_nothing(run: Run, tmp_path: Path, picture_file: Path) -> None:
    run("compress", "photo.png")
    data = bytearray((tmp_path / "photo.idfc").read_bytes())
    data[-10] ^= 1
    (tmp_path / "photo.idfc").write_bytes(data)
    for command in ("test", "decompress"):
        done = run(command, "photo.idfc", *(["-o", "back.png"] if command == "decompress" else []))
        assert done.code == 1
        assert re.fullmatch(r"idfcodec: photo\.idfc: [^\n]+\n", done.err)
    assert names(tmp_path) == {"photo.png", "photo.idfc"}


def test_an_unsupported_picture_names_its_mode(run: Run, tmp_path: Path) -> None:
    Image.new("F", (4, 4)).save(tmp_path / "float.tif")
    done = run("compress", "float.tif")
    assert done.code == 1
    assert "floating point" in done.err.removeprefix("idfcodec: float.tif: ")


# --- When the system fails -----------------------------------------------------------------------------------------


def test_out_of_memory(run: Run, picture_file: Path, fake_codec: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(fake_codec, "encode", fail)
    done = run("compress", "photo.png")
    assert (done.code, done.err) == (1, "idfcodec: photo.png: not enough memory\n")


def test_interrupt(
    run: Run, tmp_path: Path, picture_file: Path, fake_codec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fake_codec, "encode", interrupt)
    assert run("compress", "photo.png").code == 130
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", interrupt)
    assert run("demo", "drawn.png", "--size", "8x8").code == 130
    assert names(tmp_path) == {"photo.png"}


def test_a_reader_that_has_gone_ends_quietly(run: Run, picture_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from idfcodec import targets

    def gone(data: bytes) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(targets, "write_stream", gone)
    done = run("compress", "-c", "photo.png")
    assert (done.code, done.out, done.err) == (141, b"", "")


# --- The other commands --------------------------------------------------------------------------------------------


def test_info(run: Run, tmp_path: Path, picture_file: Path) -> None:
    run("compress", "photo.png")
    done = run("info", "photo.idfc")
    assert (done.code, done.err) == (0, "")
    text = done.out.decode()
    assert "72x48, rgb, 8 bits" in text
    assert f"{MODEL.hex()} (not installed)" in text
    values = json.loads(run("info", "--json", "-", stdin=(tmp_path / "photo.idfc").read_bytes()).out)
    assert (values["width"], values["height"], values["mode"], values["tiles"]) == (72, 48, "rgb", 1)
    assert values["model"] == MODEL.hex()
    assert values["bytes"] == (tmp_path / "photo.idfc").stat().st_size


def test_test_writes_nothing(run: Run, tmp_path: Path, picture_file: Path) -> None:
    run("compress", "photo.png")
    before = names(tmp_path)
    done = run("test", "photo.idfc")
    assert (done.code, done.out) == (0, b"")
    assert done.err.startswith("photo.idfc: right, 72x48 RGB, ")
    assert json.loads(run("test", "--json", "photo.idfc").out)["ok"] is True
    assert run("test", "photo.idfc", "photo.idfc").err.splitlines()[2].startswith("2 of 2 files: ")
    assert names(tmp_path) == before


def test_bpd_writes_nothing(run: Run, tmp_path: Path, picture_file: Path) -> None:
    done = run("bpd", "photo.png")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(b"photo.png: 2.5000 by the model, ")
    values = json.loads(run("bpd", "--json", "photo.png").out)
    assert values["likelihood_bits_per_subpixel"] == 2.5
    assert values["payload_bytes"] < values["file_bytes"]
    assert names(tmp_path) == {"photo.png"}


def test_demo(run: Run, tmp_path: Path) -> None:
    done = run("demo", "drawn.png", "--size", "40x30")
    assert (done.code, done.out) == (0, b"")
    assert re.fullmatch(r"drawn\.png: 40x30 RGB, [\d,]+ bytes\n", done.err)
    assert pixels(tmp_path / "drawn.png").shape == (30, 40, 3)
    assert run("demo", "drawn.png").code == 1


def test_progress_is_for_terminals_and_long_work(run: Run, picture_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from idfcodec.cli.report import Progress

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert "%]" not in run("compress", "photo.png").err
    monkeypatch.setattr(Progress, "DELAY", 0.0)
    text = run("compress", "-f", "photo.png").err
    assert f"\rphoto.png [{'#' * 15}{'.' * 15}]  50%" in text
    assert text.rsplit("\r", 1)[1].startswith("photo.png -> photo.idfc")
    assert "\r" not in run("compress", "-fq", "photo.png").err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert "\r" not in run("compress", "-f", "photo.png").err
