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
    wanted: Plane, known: NDArray[np.bool_], layout: Layout, conversion: Conversion, plane: int, samples: Plane | None
) -> tuple[Plane, Plane]:
    """The samples of a chroma plane, 1 or 2, whose interpolation is what is known, and that interpolation.

    Args:
        wanted: (H, W) chroma, true where `known`.
        samples: to start from.
    """
    from idfcodec.picture.conversion import upsampling

    low, high = conversion.low[plane], conversion.high[plane]
    shape = (wanted.shape[0], wanted.shape[1])
    if samples is None:
        samples = nearest_samples(wanted, known, layout, low, high)
    out, sums = upsampled(samples, layout, shape)
    if layout.shift:
        down, along = layout.taps(0, shape[0]), layout.taps(1, shape[1])
        shift, group = layout.shift, _group(layout)
        upsampling.repair(wanted, known, down, along, shift, low, high, group, _REPAIRS, samples, sums)
        out = sums >> shift
    return samples, out


def _group(layout: Layout) -> NDArray[np.int32]:
    """The samples that are moved together: a square, or a line along the one axis that is halved."""
    if all(layout.halved):
        return np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int32)
    return np.arange(4, dtype=np.int32)[:, None] * np.array(layout.halved, np.int32)
