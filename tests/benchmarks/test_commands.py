"""Codecs that are command lines: those found, those missing, those that misbehave."""

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import commands
from benchmarks.codecs import Codec
from benchmarks.commands import command_codecs
from benchmarks.results import BenchmarkError

PYTHON = shlex.quote(sys.executable)
COPY = f"""'{PYTHON} -c "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])" {{input}} {{output}}'"""


def only(folder: Path, text: str, key: str = "copy") -> Codec:
    file = folder / "peers.toml"
    file.write_text(text)
    return next(codec for codec in command_codecs(file, 2) if codec.key == key)


def test_a_command_codes_and_decodes(tmp_path: Path, photo: NDArray[np.uint8], gray_photo: NDArray[np.uint8]) -> None:
    copy = only(
        tmp_path,
        f"""
        [copy]
        label = "a copy"
        version = '{PYTHON} -c "print(); print(12.5)"'
        encode = {COPY}
        decode = {COPY}
        format = "ppm"
        """,
    )
    assert (copy.label, copy.version, copy.family, copy.threads, copy.missing) == ("a copy", "12.5", "command", 1, "")
    data, encode_seconds = copy.timed_encode(photo)
    assert data.startswith(b"P6")
    again, decode_seconds = copy.timed_decode(data)
    assert copy.matches(photo, again)
    assert min(encode_seconds, decode_seconds) > 0
    assert copy.encode(gray_photo).startswith(b"P5")
    assert copy.matches(gray_photo, copy.decode(copy.encode(gray_photo)))


def test_pictures_come_as_png_and_a_suffix_of_its_own_is_found(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    program = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2] + '.v7')"
    copy = only(
        tmp_path,
        f"""
        [copy]
        label = "a copy"
        encode = '''{PYTHON} -c "{program}" {{input}} {{output}}'''
        decode = {COPY}
        suffix = ".copy"
        """,
    )
    data = copy.encode(photo)
    assert data.startswith(b"\x89PNG")
    assert copy.matches(photo, copy.decode(data))


def test_threads_are_filled_in(tmp_path: Path) -> None:
    copy = only(
        tmp_path, f'[copy]\nlabel = "c"\nencode = "{PYTHON} -j {{threads}} {{input}} {{output}}"\ndecode = {COPY}\n'
    )
    assert copy.threads == 2
    assert copy.settings.endswith("-j 2")


def test_a_command_that_fails_says_what_it_said(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    failing = only(
        tmp_path,
        f"""
        [copy]
        label = "a copy"
        encode = '{PYTHON} -c "import sys; sys.exit(sys.argv[0] + chr(10) + chr(110) + chr(111))" {{input}} {{output}}'
        decode = '{PYTHON} -c "pass" {{input}} {{output}}'
        """,
    )
    with pytest.raises(RuntimeError, match=r"ended with 1: no$"):
        failing.encode(photo)
    with pytest.raises(RuntimeError, match=r"nothing was written to decoded\.png"):
        failing.decode(b"data")


def test_a_program_that_is_missing_is_listed_with_the_reason(tmp_path: Path) -> None:
    absent = only(
        tmp_path,
        '[copy]\nlabel = "c"\nencode = "no-such-program-9 {input} {output}"\ndecode = "cat {input} {output}"\n',
    )
    assert absent.missing == "no-such-program-9 is not on the PATH"


def test_the_example_can_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    listed = command_codecs(Path(commands.__file__).with_name("commands.toml"), 1)
    assert {"flif", "cjxl-e7"} == {codec.key for codec in listed}
    assert all(codec.missing.endswith("is not on the PATH") for codec in listed)
    assert command_codecs(None, 1) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[copy]\nlabel = 'c'\nencode = 'a {input} {output}'\n", "copy: 'decode' is a required property"),
        (
            "[copy]\nlabel = 'c'\nencode = 'a {input}'\ndecode = 'a {input} {output}'\n",
            "copy.encode: 'a {input}' does",
        ),
        ("[copy\n", "not TOML"),
        ("copy = 1\n", "copy: 1 is not of type 'object'"),
        ("[copy]\nlabel = 'c'\nencode = 'a {input} {output}'\ndecode = 1\n", "copy.decode: 1 is not of type 'string'"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(BenchmarkError) as caught:
        only(tmp_path, text)
    assert complaint in caught.value.message
    assert "peers.toml" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("format = 'bmp'", "copy.format: 'bmp' is not one of"),
        ("threads = 0", "copy.threads: 0 is less than"),
        ("thread = 1", "'thread' was unexpected"),
    ],
)
def test_keys_are_checked(tmp_path: Path, line: str, complaint: str) -> None:
    lines = "label = 'c'\nencode = 'a {input} {output}'\ndecode = 'a {input} {output}'"
    with pytest.raises(BenchmarkError, match=complaint):
        only(tmp_path, f"[copy]\n{lines}\n{line}\n")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"none\.toml: No such file"):
        command_codecs(tmp_path / "none.toml", 1)
