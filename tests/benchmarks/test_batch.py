"""Small pictures that our models code into one file: sizes and times are shares of it that add up."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from benchmarks.__main__ import main
from benchmarks.codecs import OurCodec, shares
from benchmarks.protocol import Protocol, measure_batch
from benchmarks.results import BenchmarkError, load
from benchmarks.section import Section
from idfcodec.demo import draw

Pixels = NDArray[np.uint8]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """An .npz file of five pictures of 16 x 16 pixels."""
    file = tmp_path / "small.npz"
    np.savez(file, images=np.stack([draw(16, 16, seed=seed) for seed in range(5)]))
    return file


def test_shares_add_up_to_the_file() -> None:
    assert shares(112, [10, 30, 60]) == [14, 34, 64]
    assert shares(103, [10, 30, 60]) == [11, 31, 61]
    assert shares(101, [10, 30, 60]) == [11, 30, 60]


class Stored(OurCodec):
    """One of our models that only stores; a file is a header of 8 bytes and the pixels of 4 x 4 grays."""

    def encode_batch(self, pictures: Sequence[Pixels]) -> bytes:
        return b"12345678" + b"".join(pixels.tobytes() for pixels in pictures)

    def decode_batch(self, data: bytes) -> list[Pixels]:
        return list(np.frombuffer(data[8:], np.uint8).reshape(-1, 4, 4))

    def batch_payloads(self, data: bytes) -> list[int]:
        return [16] * ((len(data) - 8) // 16)


def stored(kind: type[Stored] = Stored) -> Stored:
    unused: Any = None
    return kind("idfcodec-m", "ours", "idfcodec", "1", "", 1, unused, unused, folder=Path("m"))


@pytest.fixture
def pictures(rng: np.random.Generator) -> dict[str, Pixels]:
    return {f"picture {i}": pixels for i, pixels in enumerate(rng.integers(0, 256, (10, 4, 4), dtype=np.uint8))}


def test_each_picture_has_its_share(pictures: dict[str, Pixels]) -> None:
    rows = measure_batch(stored(), pictures, Protocol(1, repeats=2))
    assert [row["bytes"] for row in rows.values()] == [17] * 8 + [16] * 2
    assert {row["payload_bytes"] for row in rows.values()} == {16}
    assert all(len(row["encode_seconds"]) == len(row["decode_seconds"]) == 2 for row in rows.values())


def test_a_picture_that_comes_back_different_ends_the_run(pictures: dict[str, Pixels]) -> None:
    class Swaps(Stored):
        def decode_batch(self, data: bytes) -> list[Pixels]:
            out = super().decode_batch(data)
            if len(out) == 10:
                out[3], out[4] = out[4], out[3]
            return out

    class Loses(Stored):
        def decode_batch(self, data: bytes) -> list[Pixels]:
            return super().decode_batch(data)[:-1]

    with pytest.raises(BenchmarkError, match="picture 3: ours gives back another picture"):
        measure_batch(stored(Swaps), pictures, Protocol(1))
    with pytest.raises(BenchmarkError, match="ours gives back 7 of 8 pictures"):
        measure_batch(stored(Loses), pictures, Protocol(1))


def test_one_that_raises_has_failed_on_all(pictures: dict[str, Pixels]) -> None:
    class Refuses(Stored):
        def encode_batch(self, pictures: Sequence[Pixels]) -> bytes:
            raise ValueError("no")

    rows = measure_batch(stored(Refuses), pictures, Protocol(1))
    assert set(map(str, rows.values())) == {"{'error': 'ValueError: no'}"}


def test_arrays_are_coded_into_one_file(images: Path, tmp_path: Path) -> None:
    command = ["run", str(images), "-o", str(tmp_path / "r.json"), "--model", "photo-fast", "--peers", "png", "-q"]
    done = CliRunner().invoke(main, [*command, "-T", "1", "--repeats", "1", "--no-memory"])
    assert done.exit_code == 0, done.output
    result = load(tmp_path / "r.json")
    dataset = result["datasets"]["small"]
    assert (dataset["kind"], dataset["batched"]) == ("arrays", True)
    ours = Section(result, "small").totals.loc["idfcodec-fast"]
    assert ours["pictures"] == 5
    assert 0 < ours["payload"] < ours["file"]
    assert ours["likelihood"] > 0
    from idfcodec import encode_batch

    pixels = np.load(images)["images"]
    assert ours["bytes"] == len(encode_batch(list(pixels), model="photo-fast"))
