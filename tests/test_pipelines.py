"""Dask: bags, arrays, and files on a real cluster of two processes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idfcodec.demo import draw
from idfcodec.errors import IDFError
from idfcodec.jobs import Settings, compress, guarded
from tests.test_readme import FOLDERS, blocks

da = pytest.importorskip("dask.array")
db = pytest.importorskip("dask.bag")
pytestmark = pytest.mark.filterwarnings("default")  # those of Dask's own are its affair

FAST = {"effort": "fast"}


def test_bags_go_there_and_back() -> None:
    from idfcodec.pipelines import decode_bag, encode_bag

    pictures = [draw(20 + i, 16, seed=i) for i in range(3)]
    files = encode_bag(db.from_sequence(pictures, npartitions=2), **FAST)
    assert all(isinstance(data, bytes) for data in files.compute(scheduler="sync"))
    back = decode_bag(files).compute(scheduler="sync")
    assert all(np.array_equal(a, b) for a, b in zip(back, pictures, strict=True))


@pytest.mark.parametrize(
    ("shape", "chunks", "dtype"),
    [
        ((50, 40), (32, 25), np.uint8),
        ((50, 40, 3), (32, 25, 3), np.uint8),
        ((2, 30, 20, 3), (1, 30, 10, 3), np.uint8),
        ((2, 30, 20), (1, 30, 20), np.uint16),
    ],
)
def test_arrays_go_there_and_back(shape: tuple[int, ...], chunks: tuple[int, ...], dtype: Any) -> None:
    from idfcodec.pipelines import decode_array, encode_array

    pixels = (np.arange(np.prod(shape)).reshape(shape) * 7 % 251).astype(dtype)
    array = da.from_array(pixels, chunks=chunks)
    files = encode_array(array, **FAST)
    assert files.shape == array.numblocks[: files.ndim]
    back = decode_array(files, array.chunks, array.dtype)
    assert (back.shape, back.dtype) == (array.shape, array.dtype)
    assert np.array_equal(back.compute(scheduler="sync"), pixels)


def test_the_example_in_the_docs_runs() -> None:
    (code,) = blocks("python", FOLDERS)
    exec(code, {})


def test_chunks_that_are_no_pictures_are_refused() -> None:
    from idfcodec.pipelines import encode_array

    for chunks in ((30, 20, 2), (2, 30, 20, 3)):
        with pytest.raises(IDFError, match="must be pictures"):
            encode_array(da.zeros((2, 30, 20, 3)[4 - len(chunks) :], chunks=chunks, dtype=np.uint8))


def test_no_scheduler_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    import dask

    from idfcodec.pipelines import run_jobs

    with dask.config.set({"distributed.comm.timeouts.connect": "100ms"}), pytest.raises(IDFError, match="no scheduler"):
        next(run_jobs("tcp://127.0.0.1:1", guarded(compress, Settings()), []))


@pytest.mark.slow
def test_a_model_is_loaded_once_a_worker(cluster: Any, tmp_path: Path) -> None:
    from distributed import Client
    from PIL import Image

    from idfcodec.pipelines import compress_files, decompress_files

    sources = [str(tmp_path / f"{i}.png") for i in range(6)]
    for i, name in enumerate(sources):
        Image.fromarray(draw(40, 30, seed=i)).save(name)
    targets = [name.replace(".png", ".idfc") for name in sources]
    with Client(cluster) as client:
        assert [done.error for done in compress_files(client, sources, targets, effort="fast")] == [None] * 6
        again = compress_files(client, sources, targets, effort="fast")
        assert [done.written for done in again] == [False] * 6
        kept = client.run(loaded)
        backs = [name.replace(".png", "-back.png") for name in sources]
        assert [done.error for done in decompress_files(client, targets, backs)] == [None] * 6
        assert client.run(loaded) == kept
        assert {len(models) for models in kept.values()} == {1}
        shutil.rmtree(tmp_path / "gone", ignore_errors=True)
        (failed,) = compress_files(client, [str(tmp_path / "gone.png")], [str(tmp_path / "gone.idfc")])
        assert isinstance(failed.error, FileNotFoundError)
    for name, back in zip(sources, backs, strict=True):
        assert np.array_equal(Image.open(name), Image.open(back))


def loaded() -> list[int]:
    """The models that this process holds."""
    from idfcodec import models

    return [id(coder) for coder in models._loaded.values()]
