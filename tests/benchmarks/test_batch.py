"""Small pictures that our models code into one file: sizes and times are shares of it that add up."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from benchmarks import batch
from benchmarks.__main__ import main
from benchmarks.contenders import Contender
from benchmarks.results import BenchmarkError, load, totals
from benchmarks.runner import Protocol, measure_batch
from idfcodec.demo import draw

Pixels = NDArray[np.uint8]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """An .npz file of five pictures of 16 x 16 pixels."""
    file = tmp_path / "small.npz"
    np.savez(file, images=np.stack([draw(16, 16, seed=seed) for seed in range(5)]))
    return file


def test_shares_add_up_to_the_file() -> None:
    assert batch.shares(112, [10, 30, 60]) == [14, 34, 64]
    assert batch.shares(103, [10, 30, 60]) == [11, 31, 61]
    assert batch.shares(101, [10, 30, 60]) == [11, 30, 60]


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Contender:
    """One of our models that only stores; a file is a header of 8 bytes and the pixels of 4 x 4 grays."""

    def encode(pictures: Sequence[Pixels], **options: Any) -> bytes:
        return b"12345678" + b"".join(pixels.tobytes() for pixels in pictures)

    def decode(data: bytes, **options: Any) -> list[Pixels]:
        return list(np.frombuffer(data[8:], np.uint8).reshape(-1, 4, 4))

    monkeypatch.setattr(batch, "encode_all", encode)
    monkeypatch.setattr(batch, "decode_all", decode)
    monkeypatch.setattr(batch, "payload_lengths", lambda data: [16] * ((len(data) - 8) // 16))
    unused: Any = None
    return Contender("idfcodec-m", "ours", "idfcodec", "1", "", 1, unused, unused, model=Path("m"))


def test_each_picture_has_its_share(stored: Contender, rng: np.random.Generator) -> None:
    pictures = list(rng.integers(0, 256, (10, 4, 4), dtype=np.uint8))
    rows = measure_batch(stored, [str(i) for i in range(10)], pictures, Protocol(1, repeats=2))
    assert [row["bytes"] for row in rows.values()] == [17] * 8 + [16] * 2
    assert {row["payload_bytes"] for row in rows.values()} == {16}
    assert all(len(row["encode_seconds"]) == len(row["decode_seconds"]) == 2 for row in rows.values())


def test_a_picture_that_comes_back_different_ends_the_run(
    stored: Contender, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    pictures = list(rng.integers(0, 256, (10, 4, 4), dtype=np.uint8))
    names = [f"picture {i}" for i in range(10)]
    decode = batch.decode_all

    def swapped(data: bytes, **options: Any) -> list[Pixels]:
        out = decode(data, **options)
        if len(out) == 10:
            out[3], out[4] = out[4], out[3]
        return out

    monkeypatch.setattr(batch, "decode_all", swapped)
    with pytest.raises(BenchmarkError, match="picture 3: ours gives back another picture"):
        measure_batch(stored, names, pictures, Protocol(1))
    monkeypatch.setattr(batch, "decode_all", lambda data, **options: decode(data)[:-1])
    with pytest.raises(BenchmarkError, match="ours gives back 7 of 8 pictures"):
        measure_batch(stored, names, pictures, Protocol(1))


def test_one_that_raises_has_failed_on_all(stored: Contender, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pictures: Sequence[Pixels], **options: Any) -> bytes:
        raise ValueError("no")

    monkeypatch.setattr(batch, "encode_all", refuse)
    rows = measure_batch(stored, ["a", "b"], [np.zeros((4, 4), np.uint8)] * 2, Protocol(1))
    assert rows == {"a": {"error": "ValueError: no"}, "b": {"error": "ValueError: no"}}


def test_arrays_are_coded_into_one_file(images: Path, tmp_path: Path) -> None:
    command = ["run", str(images), "-o", str(tmp_path / "r.json"), "--model", "photo-fast", "--peers", "png", "-q"]
    done = CliRunner().invoke(main, [*command, "-T", "1", "--repeats", "1", "--no-memory"])
    assert done.exit_code == 0, done.output
    result = load(tmp_path / "r.json")
    dataset = result["datasets"]["small"]
    assert (dataset["kind"], dataset["batched"]) == ("arrays", True)
    ours = totals(result, "small", "idfcodec-fast")
    assert ours.pictures == 5
    assert 0 < (ours.payload or 0) < (ours.bits_per_subpixel or 0)
    assert ours.likelihood
    assert ours.without_weights
    from idfcodec import encode_batch

    pixels = np.load(images)["images"]
    assert ours.bytes == len(encode_batch(list(pixels), model="photo-fast"))
