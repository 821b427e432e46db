"""The protocol: turns, repeats, checks, and what becomes of codecs that fail."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.codecs import Codec
from benchmarks.datasets import open_dataset
from benchmarks.protocol import Options, Protocol, measure
from benchmarks.results import BenchmarkError, Result, validate
from benchmarks.run import run_benchmark
from benchmarks.section import Section
from idfcodec.demo import draw

Pixels = NDArray[np.uint8]
QUIET = Options(likelihood=False, maps=0, memory=False, quiet=True)


def store(pixels: Pixels) -> bytes:
    height, width = pixels.shape[:2]
    return np.array([height, width, pixels.ndim], "<u4").tobytes() + pixels.tobytes()


def restore(data: bytes) -> Pixels:
    height, width, dimensions = np.frombuffer(data[:12], "<u4")
    shape = (height, width) if dimensions == 2 else (height, width, 3)
    return np.frombuffer(data[12:], np.uint8).reshape(shape)


def codec(
    key: str = "raw",
    encode: Callable[[Pixels], bytes] = store,
    decode: Callable[[bytes], Pixels] = restore,
    **more: Any,
) -> Codec:
    return Codec(key, key, "peer", "1", "", 1, encode, decode, **more)


def run(folder: Path, *codecs: Codec, options: Options = QUIET, repeats: int = 1) -> Result:
    result = run_benchmark([open_dataset(folder)], codecs, Protocol(1, repeats=repeats), options)
    return validate(result)


def total(result: Result, key: str) -> Any:
    return Section(result, "drawn").totals.loc[key]


def test_a_result_is_what_the_schema_says(drawn_folder: Path) -> None:
    result = run(drawn_folder, codec())
    data = result["datasets"]["drawn"]
    assert list(data["pictures"]) == ["a.png", "b.png", "c.png"]
    assert [entry["file"] for entry in data["skipped"]] == ["cut.png", "not.png"]
    assert data["measurements"]["raw"]["c.png"]["bytes"] == 12 + 32 * 24
    assert data["pictures"]["a.png"]["read_seconds"] > 0
    assert result["contenders"]["raw"]["status"] == "ran"
    assert total(result, "raw")["file"] == pytest.approx(8, rel=0.02)


def test_codecs_take_turns_in_coming_first(drawn_folder: Path) -> None:
    calls: list[str] = []

    def named(key: str) -> Codec:
        def encode(pixels: Pixels) -> bytes:
            calls.append(key)
            return store(pixels)

        return codec(key, encode)

    run(drawn_folder, *map(named, "xyz"))
    assert "".join(calls) == "xyz" + "xyz" + "yzx" + "zxy"  # the first three warm up


def test_repeats_end_where_a_codec_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    pixels = draw(4, 4)
    slow = measure(codec(), "p", pixels, Protocol(1, repeats=3, slow_seconds=0.5))
    assert slow == {"bytes": 60, "encode_seconds": [1.0], "decode_seconds": [1.0]}
    quick = measure(codec(), "p", pixels, Protocol(1, repeats=3, slow_seconds=1.0))
    assert quick == {"bytes": 60, "encode_seconds": [1.0] * 3, "decode_seconds": [1.0] * 3}


@pytest.mark.parametrize("wrong", ["pixel", "shape"])
def test_what_comes_back_different_ends_the_run(drawn_folder: Path, wrong: str) -> None:
    def decode(data: bytes) -> Pixels:
        pixels = restore(data).copy()
        if pixels.shape == (40, 24, 3):
            if wrong == "shape":
                return pixels.transpose(1, 0, 2)
            pixels[3, 4, 1] ^= 1
        return pixels

    with pytest.raises(BenchmarkError) as caught:
        run(drawn_folder, codec("good"), codec("bad", decode=decode))
    assert caught.value.message == "b.png: bad gives back another picture (--without bad leaves it out)"
    assert caught.value.exit_code == 1


def test_gray_that_comes_back_as_rgb_counts_where_a_codec_knows_no_gray(drawn_folder: Path) -> None:
    def decode(data: bytes) -> Pixels:
        pixels = restore(data)
        return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)

    result = run(drawn_folder, codec("rgb", decode=decode, keeps_channels=False))
    assert total(result, "rgb")["pictures"] == 3
    with pytest.raises(BenchmarkError, match=r"c\.png: rgb gives back another picture"):
        run(drawn_folder, codec("rgb", decode=decode))


@pytest.mark.parametrize("way", ["encode", "decode"])
def test_one_that_raises_is_a_row_that_says_so(drawn_folder: Path, way: str) -> None:
    def encode(pixels: Pixels) -> bytes:
        if way == "encode" and pixels.ndim == 2:
            raise MemoryError("two\nlines")
        return store(pixels)

    def decode(data: bytes) -> Pixels:
        pixels = restore(data)
        if way == "decode" and pixels.ndim == 2:
            raise MemoryError("two\nlines")
        return pixels

    result = run(drawn_folder, codec("bad", encode, decode), codec("good"))
    assert result["datasets"]["drawn"]["measurements"]["bad"]["c.png"] == {"error": "MemoryError: two lines"}
    assert result["contenders"]["bad"]["status"] == "crashed"
    assert result["contenders"]["bad"]["reason"] == "c.png: MemoryError: two lines"
    assert total(result, "bad")["failures"] == 1
    assert total(result, "good")["pictures"] == 3


def test_one_that_is_missing_is_a_row_that_says_so(drawn_folder: Path) -> None:
    result = run(drawn_folder, codec("gone", missing="it is gone"), codec())
    assert result["contenders"]["gone"]["status"] == "not run"
    assert result["contenders"]["gone"]["reason"] == "it is gone"
    assert "gone" not in result["datasets"]["drawn"]["measurements"]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.png").write_bytes(b"")
    with pytest.raises(BenchmarkError, match="none: none of its 1 files is a picture"):
        run(tmp_path / "none", codec())
