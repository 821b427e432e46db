"""Finding the JPEG that a picture was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from idfcodec.picture.jpeg.forward import pixels_of
from idfcodec.picture.jpeg.reading import read_jpeg
from idfcodec.picture.jpeg.source import JpegSource
from idfcodec.types import Pixels

__all__ = ["jpeg_source"]


def jpeg_source(pixels: Pixels, file: bytes = b"") -> JpegSource | None:
    """What a picture was made of, if it was a JPEG.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        file: the JPEG file that they were decoded from, if there is one.
    """
    found = read_jpeg(file) if file else None
    if found is None or found.shape != pixels.shape[:2] or (len(found.planes) > 1) != (pixels.ndim == 3):
        return None
    if min(int(plane.min(initial=0)) for plane in found.planes) < -32767:
        return None
    for smooth in (True, False) if found.sampling != (1, 1) else (False,):
        jpeg = replace(found, smooth=smooth)
        if np.array_equal(pixels_of(jpeg), pixels):
            return JpegSource(jpeg)
    return None
