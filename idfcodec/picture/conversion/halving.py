"""Chroma at its true resolution: the samples that the chroma of a picture was interpolated from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.conversion.layout import Layout
from idfcodec.picture.conversion.table import Conversion
from idfcodec.types import Shape

__all__ = ["halved", "nearest_samples", "upsampled"]

Plane = NDArray[np.int32]
_SWEEPS, _OVER = 8, 1.2  # towards the least squares, by successive over-relaxation
_REPAIRS = 2  # sweeps of steps by one
_SETTLE = 4  # sweeps of steps by two of both planes
_FAINT = np.float32(1 / 32)  # what a pixel that may have had another chroma counts


def upsampled(samples: Plane, layout: Layout, shape: Shape) -> tuple[Plane, Plane]:
    """The (H, W) chroma that samples make, and the sums before they are shifted."""
    from idfcodec.picture.conversion import upsampling

    out, sums = np.empty(shape, np.int32), np.empty(shape, np.int32)
    rows, columns = layout.axis(0, shape[0]), layout.axis(1, shape[1])
    upsampling.upsample(samples, rows, columns, layout.bias, layout.shift, sums, out)
    return out, sums


def nearest_samples(wanted: Plane, known: NDArray[np.bool_], layout: Layout, low: int, high: int) -> Plane:
    """The samples whose interpolation is nearest to `wanted` by least squares, rounded."""
    from idfcodec.picture.conversion import upsampling

    shape = (wanted.shape[0], wanted.shape[1])
    down, along = layout.taps(0, shape[0]), layout.taps(1, shape[1])
    start = np.ascontiguousarray(wanted[down[0, :, 0]][:, along[0, :, 0]])
    _, sums = upsampled(start, layout, shape)
    rest = ((wanted << layout.shift) - sums) + ((1 << layout.shift) - 1) / 2
    samples = start.astype(np.float64)
    upsampling.approach(rest, np.where(known, np.float32(1), _FAINT), down, along, _SWEEPS, _OVER, samples)
    return np.clip(np.rint(samples), low, high).astype(np.int32)


def halved(
    rgb: NDArray[np.uint8], planes: Plane, known: NDArray[np.bool_], layout: Layout, conversion: Conversion
) -> tuple[tuple[Plane, Plane], NDArray[np.bool_]]:
    """The chroma samples that pixels were made of; `planes` becomes the luma and chroma that they give.

    Pixels whose chroma is known come first: the samples are the least squares of what they ask for, rounded, and moved
    by one where something is wrong. Then both planes move together, to where clipped pixels have a luma, too.

    Args:
        rgb: (H, W, 3) the picture.
        planes: (3, H, W) preimages of its pixels on their own, changed.
        known: (H, W) where there is one chroma only.

    Returns:
        Samples of C1 and C2, and where pixels are exact.
    """
    from idfcodec.picture.conversion import upsampling

    shape = (rgb.shape[0], rgb.shape[1])
    down, along = layout.taps(0, shape[0]), layout.taps(1, shape[1])
    shift, group = layout.shift, _group(layout)
    samples, sums = np.empty((2, *layout.shape(shape)), np.int32), np.empty((2, *shape), np.int32)
    for k in range(2):
        low, high = conversion.low[1 + k], conversion.high[1 + k]
        samples[k] = nearest_samples(planes[1 + k], known, layout, low, high)
        sums[k] = upsampled(samples[k], layout, shape)[1]
        if shift:
            upsampling.repair(planes[1 + k], known, down, along, shift, low, high, group, _REPAIRS, samples[k], sums[k])
    tables, constants = conversion.tables, conversion.constants
    upsampling.settle(rgb, tables, constants, down, along, shift, _SETTLE, samples, sums)
    planes[1:] = sums >> shift
    exact = np.empty(shape, np.bool_)
    upsampling.lumas(rgb, tables, constants, planes, exact)
    return (samples[0], samples[1]), exact


def _group(layout: Layout) -> NDArray[np.int32]:
    """The samples that are moved together: a square, or a line along the one axis that is halved."""
    if all(layout.halved):
        return np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int32)
    return np.arange(4, dtype=np.int32)[:, None] * np.array(layout.halved, np.int32)
