"""Finding the JPEG that a picture was: its file's, or one recovered from the pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.conversion import Conversion, detect
from idfcodec.picture.conversion.table import JFIF
from idfcodec.picture.conversion.undoing import Exceptions, preimages, unclipped
from idfcodec.picture.jpeg.canvas import placed, solved
from idfcodec.picture.jpeg.estimating import block_offset, blocks_at, steps_of
from idfcodec.picture.jpeg.forward import pixels_of
from idfcodec.picture.jpeg.layout import Jpeg, blocks_of
from idfcodec.picture.jpeg.reading import read_jpeg
from idfcodec.picture.jpeg.recovering import coloured, wrong_pixels
from idfcodec.picture.jpeg.source import JpegSource, render
from idfcodec.types import Pixels

__all__ = ["jpeg_source"]

_MOST = 2000  # blocks looked at for a table
_WORTH = 0.35, 0.1, 0.02  # of the pixels may be exceptions at most; at least, and for each of the mean step
_SPARSE = 61  # rows, one in so many of which tells that most pictures are no gray ones


def jpeg_source(
    pixels: Pixels, file: bytes = b"", detected: Callable[[NDArray[np.uint8]], Conversion | None] = detect
) -> JpegSource | None:
    """What a picture was made of, if it was a JPEG.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        file: the JPEG file that they were decoded from, if there is one.
        detected: which conversion made pixels of this shape, where that is known already.
    """
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or pixels.shape[2] == 3):
        return None
    samples = np.require(pixels, np.uint8, ["C", "W"])  # machine code is made once for each kind of array
    if file:
        return _of_file(samples, file)
    return _recovered(samples, detected)


def _of_file(pixels: NDArray[np.uint8], file: bytes) -> JpegSource | None:
    found = read_jpeg(file)
    if found is None or found.shape != pixels.shape[:2] or (len(found.planes) > 1) != (pixels.ndim == 3):
        return None
    if min(int(plane.min(initial=0)) for plane in found.planes) < -32767:
        return None
    for smooth in (True, False) if found.sampling != (1, 1) else (False,):
        jpeg = replace(found, smooth=smooth)
        if np.array_equal(pixels_of(jpeg), pixels):
            return JpegSource(jpeg)
    return None


def _gray_plane(pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The one plane of a picture without colours."""
    if pixels.ndim == 2:
        return pixels
    red, green, blue = (pixels[..., k] for k in range(3))
    for rows in (slice(0, None, _SPARSE), slice(None)):
        if not (np.array_equal(red[rows], green[rows]) and np.array_equal(red[rows], blue[rows])):
            return None
    return np.ascontiguousarray(red)


def _recovered(
    pixels: NDArray[np.uint8], detected: Callable[[NDArray[np.uint8]], Conversion | None]
) -> JpegSource | None:
    gray = _gray_plane(pixels)
    if gray is not None:
        planes = gray[None].astype(np.int32)
        known = (gray > 0) & (gray < 255)
    else:
        if detected(pixels) is not JFIF:
            return None
        planes, exact = preimages(pixels, JFIF)
        known = exact & unclipped(pixels)
    start = block_offset(planes[0], known)
    if start is None:
        return None
    table = steps_of(blocks_at(planes[0], known, *start, _MOST), 0)
    if table is None:
        return None
    first = -start[0] % 8, -start[1] % 8
    if gray is not None:
        pixels = gray
        canvas = placed(planes.astype(np.int16), planes.astype(np.int16), first, (0, 0))
        found = solved(canvas.low[0], canvas.high[0], table)
        source = JpegSource(Jpeg(canvas.shape, (1, 1), False, [table], [found]), first)
    else:
        recovered = coloured(pixels, planes, known, first, table)
        if recovered is None:
            return None
        source = recovered
    source = _least(pixels, source)
    most, least, each = _WORTH
    worth = min(most, least + each * float(table.mean()))
    return source if len(source.exceptions) < worth * planes[0].size else None


def _with_exceptions(source: JpegSource, pixels: NDArray[np.uint8]) -> JpegSource:
    """The same with the exceptions that make it this picture."""
    made = render(source, (pixels.shape[0], pixels.shape[1])).astype(np.int16)
    rest = (pixels.astype(np.int16) - made).reshape(pixels.shape[0] * pixels.shape[1], -1)
    positions = np.flatnonzero(rest.any(axis=1))
    differences = np.zeros((len(positions), 3), np.int16)
    differences[:, : rest.shape[1]] = rest[positions]
    return replace(source, exceptions=Exceptions(positions, differences))


def _least(pixels: NDArray[np.uint8], source: JpegSource) -> JpegSource:
    """The one with the fewest exceptions of those that end with the picture and those that go on."""
    jpeg, (height, width) = source.jpeg, pixels.shape[:2]
    ends = [sorted({source.offset[i] + (height, width)[i], jpeg.shape[i]}) for i in range(2)]
    found = []
    for shape in [(a, b) for a in ends[0] for b in ends[1]]:
        planes = []
        for plane, blocks in enumerate(jpeg.planes):
            rows, columns = blocks_of(shape, jpeg.sampling, plane)
            planes.append(np.ascontiguousarray(blocks[:rows, :columns]))
        found.append(replace(jpeg, shape=shape, planes=planes))
    best = found[0]
    if len(found) > 1:
        best = min(found, key=lambda one: int(wrong_pixels(one, pixels, source.offset).sum()))
    return _with_exceptions(replace(source, jpeg=best), pixels)
