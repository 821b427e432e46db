"""The data set of PyTorch."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import idfcodec
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.picture.picture import Frames, Picture
from idfcodec.plugins.torch import Pictures, as_tensor
from tests.pictures import generate

SMALL = [generate("photo", 12, 10, seed) for seed in range(5)]
GRAY = generate("gray", 20, 14)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files and batches of eight pictures: one, five, one in a folder, one."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "c").mkdir()
    (folder / "a.idfc").write_bytes(idfcodec.encode(GRAY, effort="fast"))
    (folder / "b.idfb").write_bytes(idfcodec.encode_batch(SMALL, effort="fast"))
    (folder / "c" / "a.idfc").write_bytes(idfcodec.encode(SMALL[0], effort="fast"))
    palette = np.array([[1, 2, 3], [9, 8, 7]], np.uint8)
    (folder / "d.idfc").write_bytes(idfcodec.encode(Picture(GRAY % 2, palette=palette), effort="fast"))
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_folder_in_order(folder: Path) -> None:
    pictures = Pictures(folder, lambda pixels: pixels)
    assert len(pictures) == 8
    assert np.array_equal(pictures[0], GRAY)
    assert all(np.array_equal(pictures[1 + i], one) for i, one in enumerate(SMALL))
    assert np.array_equal(pictures[6], SMALL[0])
    assert np.array_equal(pictures[-1], np.array([[1, 2, 3], [9, 8, 7]])[GRAY % 2])
    assert pictures.place(3) == (str(folder / "b.idfb"), 2)
    for index in (8, -9):
        with pytest.raises(IndexError, match="there are 8"):
            pictures[index]
    mixed = pictures.__getitems__([3, 6, 1, 3, 0])
    assert all(np.array_equal(a, pictures[i]) for a, i in zip(mixed, [3, 6, 1, 3, 0], strict=True))
    again = pickle.loads(pickle.dumps(Pictures([folder / "b.idfb", str(folder / "c")])))
    assert torch.equal(again[4], as_tensor(SMALL[4]))
    assert torch.equal(again[5], as_tensor(SMALL[0]))
    with pytest.raises(IDFError, match=r"no \.idfc or \.idfb files"):
        Pictures([])


def test_tensors() -> None:
    assert as_tensor(GRAY).shape == (1, 14, 20)
    assert as_tensor(SMALL[0]).shape == (3, 10, 12)
    assert as_tensor(np.stack([GRAY] * 2)).shape == (2, 1, 14, 20)
    assert as_tensor(np.stack(SMALL)).shape == (5, 3, 10, 12)
    assert as_tensor(GRAY.astype(np.uint16)).dtype == torch.uint16
    assert as_tensor(GRAY > 9).dtype == torch.bool


def test_damaged_files_are_named(tmp_path: Path) -> None:
    data = idfcodec.encode_batch(SMALL, effort="fast")
    (tmp_path / "a.idfb").write_bytes(data[:-1])
    with pytest.raises(CorruptFile, match=r"a\.idfb: "):
        Pictures(tmp_path)
    (tmp_path / "a.idfb").unlink()
    (tmp_path / "b.idfc").write_bytes(idfcodec.encode(GRAY, effort="fast")[:-1])
    with pytest.raises(CorruptFile, match=r"b\.idfc: .*truncated"):
        next(iter(DataLoader(Pictures(tmp_path))))


def test_frames_and_open_urls() -> None:
    fsspec = pytest.importorskip("fsspec", reason="needs fsspec")
    pages = np.stack([GRAY, 255 - GRAY])
    with fsspec.open("memory://torch/a.idfc", "wb") as file:
        file.write(idfcodec.encode(Picture(pages, frames=Frames(2)), effort="fast"))
    assert torch.equal(Pictures("memory://torch/a.idfc")[0], as_tensor(pages))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_worker_processes(folder: Path, tmp_path: Path, start: str) -> None:
    """Two of them decode, and the pictures are those that one process gives."""
    if start == "fork" and sys.platform == "win32":
        pytest.skip("there is no fork")
    script = tmp_path / "load.py"
    script.write_text(
        """
import os, sys
import torch
from torch.utils.data import DataLoader, get_worker_info
from idfcodec.plugins.torch import Pictures, as_tensor

def with_worker(pixels):
    return as_tensor(pixels), get_worker_info().id, os.getpid()

if __name__ == "__main__":
    pictures = Pictures(sys.argv[1], with_worker)
    plain = Pictures(sys.argv[1])
    plain[0]  # the parent has used the codec before
    loader = DataLoader(
        pictures, batch_size=2, num_workers=2, multiprocessing_context=sys.argv[2], collate_fn=list, shuffle=True,
        persistent_workers=True,
    )
    for epoch in range(2):
        found = [one for batch in loader for one in batch]
        assert len(found) == len(pictures) == 8
        assert {worker for _, worker, _ in found} == {0, 1}
        assert os.getpid() not in {process for _, _, process in found}
        key = lambda tensor: (tuple(tensor.shape), tensor.numpy().tobytes())
        assert sorted(key(tensor) for tensor, _, _ in found) == sorted(key(plain[i]) for i in range(8))
"""
    )
    arguments = [sys.executable, str(script), str(folder), start]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
