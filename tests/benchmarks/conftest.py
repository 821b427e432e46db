"""Fixtures of the tests of the benchmark."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idfcodec.demo import draw


@pytest.fixture(scope="session")
def drawn_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small drawn pictures, one of them gray, and two files that are none."""
    folder = tmp_path_factory.mktemp("pictures") / "drawn"
    folder.mkdir()
    for name, pixels in {"a.png": draw(40, 32), "b.png": draw(24, 40, seed=2), "c.png": draw(32, 24)[..., 1]}.items():
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / name)
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:-30])
    (folder / "not.png").write_bytes(b"not a picture")
    return folder
