"""JPEG files and their pixels to test with, made by Pillow of drawn pictures."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from idfcodec.demo import draw
from idfcodec.types import Pixels

__all__ = ["SAMPLINGS", "decoded", "jpeg"]

SAMPLINGS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
"""Pillow's numbers of them."""


def jpeg(
    height: int, width: int, quality: int = 90, sampling: str = "4:2:0", *, seed: int = 1, **options: Any
) -> bytes:
    """The file of a drawn picture; gray where the sampling is "gray"."""
    image = Image.fromarray(draw(width, height, seed=seed))
    file = io.BytesIO()
    if sampling == "gray":
        image = image.convert("L")
    else:
        options["subsampling"] = SAMPLINGS[sampling]
    image.save(file, "JPEG", quality=quality, **options)
    return file.getvalue()


def decoded(file: bytes) -> Pixels:
    """The pixels that Pillow makes of it."""
    return np.asarray(Image.open(io.BytesIO(file)))
