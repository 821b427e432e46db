"""Pictures to train on."""

from pathlib import Path

import pytest
from PIL import Image

from idfcodec.demo import draw


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures")
    for i in range(2):
        Image.fromarray(draw(64 + 8 * i, 48)).save(path / f"{i}.png")
    return path
