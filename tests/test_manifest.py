"""The list of a folder's files: read by us and by sha256sum, appended to, mended, and refused where it is none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from idfcodec.errors import CorruptFile
from idfcodec.manifest import NAME, Entry, Origin, append, checksum_of, compact, mend, read_manifest

NAMES = ["b/plain.idfc", "two words.idfc", "back\\slash.idfc", "line\nbreak.idfc", "ä.idfc", "a/b.idfc"]
ORIGIN = Origin("b/plain.png", 5, 10**18, "0" * 64, "max", True)


@pytest.fixture
def entries(tmp_path: Path) -> dict[str, Entry]:
    found = {}
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
        found[name] = Entry(name, checksum_of(path), ORIGIN if name == NAMES[0] else None)
    return found


def test_what_was_appended_comes_back(tmp_path: Path, entries: dict[str, Entry]) -> None:
    assert read_manifest(tmp_path) == {}
    for entry in entries.values():
        append(tmp_path, entry)
    assert read_manifest(tmp_path) == entries
    newer = Entry(NAMES[0], "f" * 64)
    append(tmp_path, newer)
    assert read_manifest(tmp_path) == entries | {NAMES[0]: newer}


def test_a_compact_list_is_sorted_and_the_same(tmp_path: Path, entries: dict[str, Entry]) -> None:
    compact(tmp_path, entries)
    assert list(read_manifest(tmp_path)) == sorted(NAMES)
    assert read_manifest(tmp_path) == entries


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_sha256sum_reads_it(tmp_path: Path, entries: dict[str, Entry]) -> None:
    compact(tmp_path, entries)
    command = ["sha256sum", "--check", "--strict", "--warn", NAME]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / NAMES[3]).write_bytes(b"other")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 1
    done = subprocess.run(["sha256sum", *NAMES], cwd=tmp_path, capture_output=True)
    (tmp_path / NAME).write_bytes(done.stdout)
    assert set(read_manifest(tmp_path)) == set(NAMES)


def test_a_line_that_was_cut_off_is_none(tmp_path: Path, entries: dict[str, Entry]) -> None:
    append(tmp_path, entries[NAMES[0]])
    whole = (tmp_path / NAME).read_bytes()
    append(tmp_path, entries[NAMES[1]])
    data = (tmp_path / NAME).read_bytes()
    for end in range(len(whole), len(data)):
        (tmp_path / NAME).write_bytes(data[:end])
        assert list(read_manifest(tmp_path)) == NAMES[:1]
    mend(tmp_path)
    append(tmp_path, entries[NAMES[2]])
    assert list(read_manifest(tmp_path)) == [NAMES[0], NAMES[2]]


def test_other_comments_say_nothing_and_other_lines_are_refused(tmp_path: Path, entries: dict[str, Entry]) -> None:
    line = entries[NAMES[0]].sha256.encode() + b"  " + NAMES[0].encode() + b"\n"
    for comment in (b"# by hand\n", b'#idfcodec {"source": 5}\n', b"#idfcodec [\n", b"#idfcodec 5\n"):
        (tmp_path / NAME).write_bytes(comment + line)
        assert read_manifest(tmp_path)[NAMES[0]].origin is None
    (tmp_path / NAME).write_bytes(line + b"no checksum\n")
    with pytest.raises(CorruptFile, match="line 2 of "):
        read_manifest(tmp_path)
