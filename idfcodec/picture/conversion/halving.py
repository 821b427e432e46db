"""Chroma at its true resolution: the samples that the chroma of a picture was interpolated from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.conversion.layout import LAYOUTS, Layout
from idfcodec.picture.conversion.table import Conversion
from idfcodec.types import Shape

__all__ = ["first_guess", "halved", "likely", "nearest_samples", "upsampled"]

Plane = NDArray[np.int32]
_SWEEPS, _OVER = 8, 1.2  # towards the least squares, by successive over-relaxation
_REPAIRS = 6  # sweeps of steps by one
_BLOCK = 40  # side of what layouts are tried on
_CHOSEN = 4  # filters and phases that are tried with all their ways to round
_LIKELY = 0.75  # of its pixels: of other layouts than the true one, few
_BY_ROUNDING = 0.35  # of the pixels, most that come back by the right rounding alone; 0.3 was seen
_SETTLE = 4  # sweeps of steps by two of both planes
_FAINT = 1 / 32  # what a pixel that may have had another chroma counts


def upsampled(samples: Plane, layout: Layout, shape: Shape) -> tuple[Plane, Plane]:
    """The (H, W) chroma that samples make, and the sums before they are shifted."""
    from idfcodec.picture.conversion import upsampling

    out, sums = np.empty(shape, np.int32), np.empty(shape, np.int32)
    rows, columns = layout.axis(0, shape[0]), layout.axis(1, shape[1])
    upsampling.upsample(samples, rows, columns, layout.bias, layout.shift, sums, out)
    return out, sums


def nearest_samples(chroma: Plane, known: NDArray[np.bool_], layout: Layout, conversion: Conversion) -> Plane:
    """The samples of C1 and C2, (2, ..., ...), whose interpolations are nearest by least squares, rounded."""
    from idfcodec.picture.conversion import upsampling

    shape = (known.shape[0], known.shape[1])
    down, along = layout.taps(0, shape[0]), layout.taps(1, shape[1])
    start = np.ascontiguousarray(chroma[:, down[0, :, 0]][:, :, along[0, :, 0]])
    sums = np.stack([upsampled(plane, layout, shape)[1] for plane in start])
    samples = start.astype(np.float64)
    upsampling.approach(chroma, known, _FAINT, sums, down, along, layout.shift, _SWEEPS, _OVER, samples)
    low, high = (np.reshape(ends[1:], (2, 1, 1)) for ends in (conversion.low, conversion.high))
    return np.clip(np.rint(samples), low, high).astype(np.int32)


def first_guess(chroma: Plane, known: NDArray[np.bool_], layout: Layout, conversion: Conversion) -> tuple[Plane, float]:
    """The nearest samples of C1 and C2, (2, ..., ...), and the share of what is known that both give."""
    shape = (known.shape[0], known.shape[1])
    samples, right = nearest_samples(chroma, known, layout, conversion), known.copy()
    for plane, wanted in zip(samples, chroma, strict=True):
        right &= upsampled(plane, layout, shape)[0] == wanted
    return samples, float(np.count_nonzero(right)) / max(int(np.count_nonzero(known)), 1)


def halved(
    rgb: NDArray[np.uint8],
    planes: Plane,
    known: NDArray[np.bool_],
    samples: Plane,
    layout: Layout,
    conversion: Conversion,
) -> tuple[tuple[Plane, Plane], NDArray[np.bool_]]:
    """The chroma samples that pixels were made of; `planes` becomes the luma and chroma that they give.

    Pixels whose chroma is known come first: samples move by one where something is wrong. Then both planes move
    together, to where clipped pixels have a luma, too.

    Args:
        rgb: (H, W, 3) the picture.
        planes: (3, H, W) preimages of its pixels on their own, changed.
        known: (H, W) where there is one chroma only.
        samples: to start from, (2, ..., ...), changed.

    Returns:
        Samples of C1 and C2, and where pixels are exact.
    """
    from idfcodec.picture.conversion import repairing, settling

    shape = (rgb.shape[0], rgb.shape[1])
    down, along = layout.taps(0, shape[0]), layout.taps(1, shape[1])
    shift, group = layout.shift, _group(layout)
    sums = np.empty((2, *shape), np.int32)
    for k in range(2):
        low, high = conversion.low[1 + k], conversion.high[1 + k]
        sums[k] = upsampled(samples[k], layout, shape)[1]
        if shift:
            scratch = repairing.scratch_of(samples[k], sums[k])
            repairing.repair(
                planes[1 + k], known, down, along, shift, low, high, group, _REPAIRS, samples[k], sums[k], scratch
            )
            sums[k] = upsampled(samples[k], layout, shape)[1]
    tables, constants = conversion.tables, conversion.constants
    lacks, faults = np.zeros(shape, np.int32), np.zeros(shape[0], np.int64)
    stuck = np.zeros(samples.shape[1:], np.bool_)
    settling.settle(rgb, tables, constants, down, along, shift, _SETTLE, samples, sums, lacks, faults, stuck)
    planes[1:] = sums >> shift
    exact = np.empty(shape, np.bool_)
    settling.lumas(rgb, tables, constants, planes, exact)
    return (samples[0], samples[1]), exact


def likely(chroma: Plane, known: NDArray[np.bool_], conversion: Conversion) -> list[Layout]:
    """The layouts that the chroma of a tile may have, by the block in which it changes most, the likeliest first.

    At most one halves both axes, which comes first, and one halves one: that fits more, having twice the samples.

    Args:
        chroma: (2, H, W) C1 and C2, true where `known`.
    """
    top, left = _liveliest(chroma, known)
    block = slice(top, top + _BLOCK), slice(left, left + _BLOCK)
    pieces = np.stack([plane[block] for plane in chroma])
    inside = np.ascontiguousarray(known[block])

    def share(layout: Layout) -> float:
        """Of the block's pixels that come back, by simple rounding."""
        return first_guess(pieces, inside, layout, conversion)[1]

    def rank(layout: Layout) -> tuple[float, int]:
        return shares[layout], sum(layout.halved)

    shares = {layout: share(layout) for layout in LAYOUTS.values() if layout.filter and not layout.rounding}
    likeliest = [layout for layout in sorted(shares, key=rank)[-_CHOSEN:] if shares[layout] >= _LIKELY - _BY_ROUNDING]
    shares |= {
        layout: share(layout)
        for layout in LAYOUTS.values()
        if layout.rounding and replace(layout, rounding=0) in likeliest
    }
    found = []
    for axes in (2, 1):
        best = max((layout for layout in shares if sum(layout.halved) == axes), key=rank)
        if shares[best] >= _LIKELY:
            found.append(_moved(best, top, left))
    return found


def _moved(layout: Layout, top: int, left: int) -> Layout:
    """The layout of a picture that has this one from a row and a column on."""
    starts = zip(layout.phase, (top, left), layout.halved, strict=True)
    rows, columns = ((phase + start) % 2 if half else 0 for phase, start, half in starts)
    return replace(layout, phase=(rows, columns))


def _liveliest(chroma: Plane, known: NDArray[np.bool_]) -> tuple[int, int]:
    """Row and column of the block in which known chroma changes most."""
    height, width = known.shape
    change = np.zeros((height, width), np.int32)
    both = known[:-1, :-1] & known[1:, :-1] & known[:-1, 1:]
    for plane in chroma:
        here = plane[:-1, :-1]
        change[:-1, :-1] += np.minimum(np.abs(plane[1:, :-1] - here), 8) + np.minimum(np.abs(plane[:-1, 1:] - here), 8)
    change[:-1, :-1] *= both
    down, along = (max(1, side // _BLOCK) for side in (height, width))
    rows, columns = (np.arange(count) * _BLOCK for count in (down, along))
    sums = np.add.reduceat(np.add.reduceat(change, rows, axis=0), columns, axis=1)
    row, column = divmod(int(sums.argmax()), along)
    return row * _BLOCK, column * _BLOCK


def _group(layout: Layout) -> NDArray[np.int32]:
    """The samples that are moved together: a square, or a line along the one axis that is halved."""
    if all(layout.halved):
        return np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int32)
    return np.arange(4, dtype=np.int32)[:, None] * np.array(layout.halved, np.int32)
