"""From coefficients to pixels, as libjpeg-turbo does it: inverse DCT, upsampling, colours. FORMAT.md, 13.2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.conversion.table import JFIF
from idfcodec.picture.conversion.undoing import Exceptions, redo
from idfcodec.picture.jpeg.kernels import samples_of_blocks, upsample
from idfcodec.picture.jpeg.layout import Jpeg, samples_of
from idfcodec.types import Plane

__all__ = ["pixels_of", "plane_of", "planes_of"]


def _samples(jpeg: Jpeg, plane: int) -> NDArray[np.uint8]:
    """The samples of a plane as they are stored, not upsampled: uint8."""
    rows, columns = jpeg.planes[plane].shape[:2]
    samples = np.empty((8 * rows, 8 * columns), np.uint8)
    samples_of_blocks(jpeg.planes[plane], jpeg.tables[plane], samples)
    height, width = samples_of(jpeg.shape, jpeg.sampling, plane)
    return np.ascontiguousarray(samples[:height, :width])


def plane_of(jpeg: Jpeg, plane: int) -> Plane:
    """Y, C1 or C2 (Cb and Cr less 128), (H, W) int32."""
    samples, full = _samples(jpeg, plane), np.empty(jpeg.shape, np.int32)
    down, across = jpeg.sampling if plane else (1, 1)
    smooth = jpeg.smooth and not (across == 2 and samples.shape[1] <= 2)
    upsample(samples, down, across, smooth, 128 if plane else 0, full)
    return full


def planes_of(jpeg: Jpeg) -> list[Plane]:
    """Y, or Y, C1 and C2."""
    return [plane_of(jpeg, plane) for plane in range(len(jpeg.planes))]


def pixels_of(jpeg: Jpeg) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) uint8."""
    planes = planes_of(jpeg)
    if len(planes) == 1:
        return planes[0].astype(np.uint8)
    return redo(planes, JFIF, Exceptions(np.empty(0, np.int64), np.empty((0, 3), np.int16)))
