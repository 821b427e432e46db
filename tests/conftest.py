"""Fixtures that every test may use."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Workers of pytest-xdist share the cores, so that each computes with one thread."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of pictures beside the checkout; what needs it is skipped, in words, where it is missing."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the pictures of ../shared/data, which are not there")
    return folder


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A Dask cluster of two processes on this machine."""
    LocalCluster = pytest.importorskip("distributed").LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240607)


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    """A small photograph-like picture, (48, 72, 3) uint8."""
    from idfcodec.demo import draw

    return draw(72, 48)


@pytest.fixture
def gray_photo(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small gray picture, (48, 72) uint8."""
    return np.ascontiguousarray(photo[..., 1])


@pytest.fixture
def noise(rng: np.random.Generator) -> NDArray[np.uint8]:
    """What no codec can make smaller, (33, 41, 3) uint8."""
    return rng.integers(0, 256, (33, 41, 3), dtype=np.uint8)
