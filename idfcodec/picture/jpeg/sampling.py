"""How chroma was sampled, and its samples, given the picture's pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.jpeg.canvas import Canvas, placed
from idfcodec.picture.jpeg.estimating import DCT, blocks_at, steps_of
from idfcodec.picture.jpeg.inverting import invert
from idfcodec.picture.jpeg.kernels import samples_of_blocks, upsample
from idfcodec.picture.jpeg.layout import blocks_of, samples_of
from idfcodec.picture.jpeg.quality import table_of

__all__ = ["inverted", "sampling_of"]

Bools = NDArray[np.bool_]
Reals = NDArray[np.float64]
_LOOK = 256  # rows and columns of the part on which samplings are compared
_MOST = 2000  # blocks looked at for a table
_CLEAR = 0.98  # of the pixels explained: no other sampling is looked at
_WHOLE = 0.99  # of them by as much chroma as luma
_LIKELY = 0.94  # of them by smooth samples: where pixels were doubled it is less
_ROUNDS = 8  # of the inversion of an upsampling
_FEW = 4  # of it, to tell samplings apart


def sampling_of(
    low: NDArray[np.int16], high: NDArray[np.int16], first: tuple[int, int], quality: int
) -> tuple[tuple[int, int], bool]:
    """Of chroma, and whether it is smooth: the one that explains most of a part in the middle."""
    height, width = low.shape[1:]
    top, left = (max((side - _LOOK) // 2, 0) for side in (height, width))
    low, high = (bound[:, top : top + _LOOK, left : left + _LOOK] for bound in (low, high))
    start = -(first[0] + top) % 8, -(first[1] + left) % 8
    canvas = placed(low, high, ((first[0] + top) % 2, (first[1] + left) % 2), (0, 0))
    best: tuple[tuple[int, int], bool] = (1, 1), False
    most = float(np.mean([_rounded(low[plane], low[plane] == high[plane], start, quality) for plane in (1, 2)]))
    if most > _WHOLE:
        return best
    for smooth in (True, False):
        for sampling in ((2, 2), (1, 2)):
            share = np.mean([_explained(canvas, plane, sampling, smooth) for plane in (1, 2)])
            if share > most:
                best, most = (sampling, smooth), float(share)
            if share == most > _CLEAR:
                return best
        if best[1] and most > _LIKELY:
            break
    return best


def _rounded(plane: NDArray[np.int16], known: Bools, start: tuple[int, int], quality: int) -> float:
    """The share of samples that come out of rounded coefficients, with as much chroma as luma."""
    found = blocks_at(plane, known, *start, _MOST)
    steps = table_of(quality, 1) if quality else steps_of(found, 1)
    if steps is None or not len(found):
        return 0.0
    blocks = np.clip(np.rint(found / steps), -32767, 32767).astype(np.int16)[:, None]
    made = np.empty((8 * len(found), 8), np.uint8)
    samples_of_blocks(blocks, steps, made)
    wanted = DCT.T @ found.reshape(-1, 8, 8) @ DCT + 128.0
    return float((made.reshape(-1, 8, 8) == np.rint(wanted)).mean())


def _explained(canvas: Canvas, plane: int, sampling: tuple[int, int], smooth: bool) -> float:
    """The share of the known pixels whose chroma comes out, to 1."""
    rounds = _FEW
    samples = np.clip(np.rint(inverted(canvas, plane, sampling, smooth, rounds=rounds)), 0, 255).astype(np.uint8)
    full = np.empty(canvas.shape, np.int32)
    upsample(samples, *sampling, smooth, 0, full)
    same, known = full == canvas.low[plane], canvas.known(plane)
    return float(same[known].mean()) if known.any() else 0.0


def inverted(
    canvas: Canvas,
    plane: int,
    sampling: tuple[int, int],
    smooth: bool,
    start: Reals | None = None,
    todo: Bools | None = None,
    rounds: int = _ROUNDS,
) -> Reals:
    """The samples of a plane of chroma, from 0 to 255 but not rounded; from `start` on, if there is one."""
    if sampling == (1, 1):
        return np.asarray(np.where(canvas.known(plane), canvas.low[plane], -1), np.float64)
    if start is None:
        start = np.full(samples_of(canvas.shape, sampling, 1), 128.0)
        corners = slice(None, None, sampling[0]), slice(None, None, sampling[1])
        known = canvas.known(plane)[corners]
        start[known] = canvas.low[plane][corners][known]
    samples: Reals = np.array(start, np.float64)
    if todo is None:
        todo = np.ones(blocks_of(canvas.shape, sampling, 1), np.bool_)
    invert(canvas.low[plane], canvas.high[plane], *sampling, smooth, rounds, 0.0, todo, samples)
    return samples
