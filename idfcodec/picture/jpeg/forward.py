"""From coefficients to pixels, as libjpeg-turbo does it: inverse DCT, upsampling, colours. FORMAT.md, 13.2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.conversion.table import JFIF
from idfcodec.picture.conversion.undoing import Exceptions, redo
from idfcodec.picture.jpeg.kernels import samples_of_blocks, upsample
from idfcodec.picture.jpeg.layout import Jpeg, samples_of
from idfcodec.types import Plane

__all__ = ["pixels_of", "planes_of", "source_planes"]


def source_planes(jpeg: Jpeg) -> list[NDArray[np.uint8]]:
    """The samples of each plane as they are stored, not upsampled: uint8."""
    found = []
    for plane, (coefficients, table) in enumerate(zip(jpeg.planes, jpeg.tables, strict=True)):
        rows, columns = coefficients.shape[:2]
        samples = np.empty((8 * rows, 8 * columns), np.uint8)
        samples_of_blocks(coefficients, table, samples)
        height, width = samples_of(jpeg.shape, jpeg.sampling, plane)
        found.append(np.ascontiguousarray(samples[:height, :width]))
    return found


def planes_of(jpeg: Jpeg) -> list[Plane]:
    """Y, or Y, C1 and C2 (Cb and Cr less 128), each (H, W) int32."""
    planes = []
    for plane, samples in enumerate(source_planes(jpeg)):
        full = np.empty(jpeg.shape, np.int32)
        down, across = jpeg.sampling if plane else (1, 1)
        smooth = jpeg.smooth and not (across == 2 and samples.shape[1] <= 2)
        upsample(samples, down, across, smooth, 128 if plane else 0, full)
        planes.append(full)
    return planes


def pixels_of(jpeg: Jpeg) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) uint8."""
    planes = planes_of(jpeg)
    if len(planes) == 1:
        return planes[0].astype(np.uint8)
    return redo(planes, JFIF, Exceptions(np.empty(0, np.int64), np.empty((0, 3), np.int16)))
