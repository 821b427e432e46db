"""Finding the JPEG that a picture was: its file's, or one recovered from the pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.conversion import detect
from idfcodec.picture.conversion.table import JFIF
from idfcodec.picture.conversion.undoing import Exceptions, preimages
from idfcodec.picture.jpeg.estimating import DCT, block_offset, blocks_at, steps_of
from idfcodec.picture.jpeg.forward import pixels_of, planes_of
from idfcodec.picture.jpeg.kernels import samples_of_blocks, upsample
from idfcodec.picture.jpeg.layout import Coefficients, Jpeg, blocks_of, samples_of
from idfcodec.picture.jpeg.quality import quality_of, table_of
from idfcodec.picture.jpeg.reading import read_jpeg
from idfcodec.picture.jpeg.solving import FREE, bound_chroma, bound_lumas, invert, solve
from idfcodec.picture.jpeg.source import JpegSource, render
from idfcodec.types import Pixels, Shape

__all__ = ["jpeg_source"]

_LOOK = 256  # rows and columns of the part on which samplings are compared
_MOST = 2000  # blocks looked at for a table
_ROUNDS = 24  # of the inversion of an upsampling
_TURNS = 8  # between what pixels ask for and what coefficients make
_ALTERNATIONS = 4  # between luma and chroma, where pixels are clipped
_WORTH = 0.35  # pixels that may be exceptions

Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]


def jpeg_source(pixels: Pixels, file: bytes = b"") -> JpegSource | None:
    """What a picture was made of, if it was a JPEG.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        file: the JPEG file that they were decoded from, if there is one.
    """
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or pixels.shape[2] == 3):
        return None
    samples = np.ascontiguousarray(pixels, np.uint8)
    if file:
        return _of_file(samples, file)
    return _recovered(samples)


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


@dataclass(frozen=True, eq=False)
class _Canvas:
    """A picture where it lies on the grid of its JPEG.

    Attributes:
        offset: rows and columns before it.
        shape: of the whole, in pixels.
        planes: (P, rows, columns) luma and chroma as they were, where known.
        known: where each of them is.
    """

    offset: tuple[int, int]
    shape: Shape
    planes: Ints
    known: Bools

    def inside(self, pixels: NDArray[np.uint8]) -> tuple[slice, slice]:
        """Where the picture is."""
        (top, left), (height, width) = self.offset, pixels.shape[:2]
        return slice(top, top + height), slice(left, left + width)


def _recovered(pixels: NDArray[np.uint8]) -> JpegSource | None:
    gray = pixels.ndim == 2 or not (pixels != pixels[..., :1]).any()
    if gray:
        planes = (pixels if pixels.ndim == 2 else pixels[..., 0])[None].astype(np.int32)
        known = (planes[0] > 0) & (planes[0] < 255)
    else:
        if detect(pixels) is not JFIF:
            return None
        planes, exact = preimages(pixels, JFIF)
        known = exact & (pixels.min(axis=2) > 0) & (pixels.max(axis=2) < 255)
    start = block_offset(planes[0], known)
    if start is None:
        return None
    table = steps_of(blocks_at(planes[0], known, *start, _MOST), 0)
    if table is None:
        return None
    first = -start[0] % 8, -start[1] % 8
    if gray:
        source = _gray(pixels if pixels.ndim == 2 else pixels[..., 0], first, table)
    else:
        source = _coloured(pixels, planes, known, first, table)
    return source if len(source.exceptions) < _WORTH * planes[0].size else None


def _placed(planes: Ints, known: Bools, offset: tuple[int, int], margin: tuple[int, int]) -> _Canvas:
    height, width = planes.shape[1:]
    shape = offset[0] + height + margin[0], offset[1] + width + margin[1]
    inside = slice(offset[0], offset[0] + height), slice(offset[1], offset[1] + width)
    whole, seen = np.zeros((len(planes), *shape), np.int32), np.zeros((len(planes), *shape), np.bool_)
    whole[:, inside[0], inside[1]], seen[:, inside[0], inside[1]] = planes, known
    return _Canvas(offset, shape, whole, seen)


def _solved(low: NDArray[np.int16], high: NDArray[np.int16], table: NDArray[np.int64]) -> Coefficients:
    """The coefficients of a plane between bounds."""
    rows, columns = -(-low.shape[0] // 8), -(-low.shape[1] // 8)
    bounds = [np.full((8 * rows, 8 * columns), way * FREE, np.int16) for way in (-1, 1)]
    for whole, part in zip(bounds, (low, high), strict=True):
        whole[: low.shape[0], : low.shape[1]] = part
    found, missed = np.zeros((rows, columns, 64), np.int16), np.zeros((rows, columns), np.int64)
    solve(bounds[0], bounds[1], table, DCT, found, missed)
    return found


def _bounds(plane: Ints, known: Bools) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    return np.where(known, plane, -FREE).astype(np.int16), np.where(known, plane, FREE).astype(np.int16)


def _with_exceptions(source: JpegSource, pixels: NDArray[np.uint8]) -> JpegSource:
    """The same with the exceptions that make it this picture."""
    made = render(source, (pixels.shape[0], pixels.shape[1])).astype(np.int16)
    rest = (pixels.astype(np.int16) - made).reshape(pixels.shape[0] * pixels.shape[1], -1)
    positions = np.flatnonzero(rest.any(axis=1))
    differences = np.zeros((len(positions), 3), np.int16)
    differences[:, : rest.shape[1]] = rest[positions]
    return replace(source, exceptions=Exceptions(positions, differences))


def _gray(pixels: NDArray[np.uint8], first: tuple[int, int], table: NDArray[np.int64]) -> JpegSource:
    canvas = _placed(pixels[None].astype(np.int32), np.ones(pixels.shape, np.bool_), first, (0, 0))
    planes = [_solved(*_bounds(canvas.planes[0], canvas.known[0]), table)]
    return _with_exceptions(JpegSource(Jpeg(canvas.shape, (1, 1), False, [table], planes), first), pixels)


def _coloured(
    pixels: NDArray[np.uint8], planes: Ints, known: Bools, first: tuple[int, int], table: NDArray[np.int64]
) -> JpegSource:
    quality = quality_of(table, 0)
    sampling, smooth = _sampling(planes, known, first, quality)
    margin = (2 * (sampling[0] - 1), 2 * (sampling[1] - 1)) if smooth else (0, 0)
    offset, canvas, most = first, _placed(planes, known, first, margin), -1.0
    sources = [_inverted(canvas, plane, sampling, smooth) for plane in (1, 2)]
    for other in _offsets(first, sampling):
        share = np.mean([_idle(_moved(source, first, other, sampling)) for source in sources])
        if share > most:
            offset, most = other, float(share)
    sources = [_moved(source, first, offset, sampling) for source in sources]
    canvas = _placed(planes, known, offset, margin)
    tables = []
    for source in sources:
        steps = table_of(quality, 1) if quality else steps_of(_chroma_blocks(source), 1)
        tables.append(np.ones(64, np.int64) if steps is None else steps)
    jpeg = Jpeg(canvas.shape, sampling, smooth, [table, *tables], [_none(canvas.shape)])
    best: JpegSource | None = None
    bounds = [_bounds(canvas.planes[plane] + 128, canvas.known[plane]) for plane in (1, 2)]
    for turn in range(_ALTERNATIONS):
        if turn:
            canvas, bounds = _with_chroma(pixels, canvas, jpeg)
            sources = [_inverted(canvas, plane, sampling, smooth) for plane in (1, 2)]
        chroma = []
        for plane, (source, steps) in enumerate(zip(sources, tables, strict=True), 1):
            if sampling == (1, 1):
                chroma.append(_solved(*bounds[plane - 1], steps))
            else:
                chroma.append(_chroma(canvas, plane, source, jpeg, steps))
        jpeg = replace(jpeg, planes=[jpeg.planes[0], *chroma])
        jpeg = replace(jpeg, planes=[_luma(pixels, canvas, jpeg, table), *chroma])
        found = _least(pixels, JpegSource(jpeg, offset))
        if best is not None and len(found.exceptions) >= len(best.exceptions):
            break
        best = found
        if canvas.known[0][canvas.inside(pixels)].all():
            break
    assert best is not None
    return best


def _with_chroma(
    pixels: NDArray[np.uint8], canvas: _Canvas, jpeg: Jpeg
) -> tuple[_Canvas, list[tuple[NDArray[np.int16], NDArray[np.int16]]]]:
    """The same, with the chroma of clipped pixels where the luma that was found leaves one value; and all bounds."""
    inside = canvas.inside(pixels)
    luma = np.ascontiguousarray(planes_of(jpeg)[0][inside])
    low, high = np.empty((2, *luma.shape), np.int16), np.empty((2, *luma.shape), np.int16)
    first, second = (np.ascontiguousarray(canvas.planes[k][inside]) for k in (1, 2))
    bound_chroma(pixels, luma, first, second, np.ascontiguousarray(canvas.known[0][inside]), low, high)
    planes, known, bounds = canvas.planes.copy(), canvas.known.copy(), []
    for k in range(2):
        known[1 + k][inside] = low[k] == high[k]
        planes[1 + k][inside] = np.where(low[k] == high[k], low[k] - 128, first if k == 0 else second)
        both = [np.full(canvas.shape, way * FREE, np.int16) for way in (-1, 1)]
        both[0][inside], both[1][inside] = low[k], high[k]
        bounds.append((both[0], both[1]))
    return replace(canvas, planes=planes, known=known), bounds


def _none(shape: Shape) -> Coefficients:
    return np.zeros((*blocks_of(shape, (1, 1), 0), 64), np.int16)


def _luma(pixels: NDArray[np.uint8], canvas: _Canvas, jpeg: Jpeg, table: NDArray[np.int64]) -> Coefficients:
    """The coefficients of luma, by block the better of two: where a pixel alone does not tell its luma, it is what the
    chroma that was found leaves, or left open."""
    low, high = _bounds(canvas.planes[0], canvas.known[0])
    inside = canvas.inside(pixels)
    unknown = ~canvas.known[0][inside]
    free = _solved(low, high, table)
    if not unknown.any():
        return free
    _, first, second = planes_of(replace(jpeg, planes=[free, *jpeg.planes[1:]]))
    least, most = np.empty(pixels.shape[:2], np.int16), np.empty(pixels.shape[:2], np.int16)
    bound_lumas(pixels, first[inside], second[inside], least, most)
    low[inside][unknown], high[inside][unknown] = least[unknown], most[unknown]
    bound = _solved(low, high, table)
    counts = []
    for planes in (bound, free):
        wrong = np.zeros((8 * free.shape[0], 8 * free.shape[1]), np.int64)
        made = pixels_of(replace(jpeg, planes=[planes, *jpeg.planes[1:]]))
        wrong[: canvas.shape[0], : canvas.shape[1]][inside] = (made[inside] != pixels).any(axis=2)
        counts.append(wrong.reshape(free.shape[0], 8, free.shape[1], 8).sum((1, 3)))
    return np.where((counts[0] <= counts[1])[..., None], bound, free)


def _sampling(planes: Ints, known: Bools, first: tuple[int, int], quality: int) -> tuple[tuple[int, int], bool]:
    """Of chroma, and whether it is smooth: the one that explains most of a part in the middle."""
    height, width = planes.shape[1:]
    start = -first[0] % 8, -first[1] % 8
    whole = np.mean([_rounded(plane, known, start, quality) for plane in planes[1:]])
    top, left = (max((side - _LOOK) // 2, 0) for side in (height, width))
    part = slice(top, top + _LOOK), slice(left, left + _LOOK)
    offset = (first[0] + top) % 2, (first[1] + left) % 2
    canvas = _placed(planes[:, part[0], part[1]], known[part], offset, (0, 0))
    best: tuple[tuple[int, int], bool] = (1, 1), False
    most = float(whole)
    for sampling in ((2, 2), (1, 2)):
        for smooth in (True, False):
            share = np.mean([_explained(canvas, plane, sampling, smooth) for plane in (1, 2)])
            if share > most:
                best, most = (sampling, smooth), float(share)
    return best


def _rounded(plane: Ints, known: Bools, start: tuple[int, int], quality: int) -> float:
    """The share of samples that come out of rounded coefficients, with as much chroma as luma."""
    found = blocks_at(plane + 128, known, *start, _MOST)
    steps = table_of(quality, 1) if quality else steps_of(found, 1)
    if steps is None or not len(found):
        return 0.0
    blocks = np.clip(np.rint(found / steps), -32767, 32767).astype(np.int16)[:, None]
    made = np.empty((8 * len(found), 8), np.uint8)
    samples_of_blocks(blocks, steps, made)
    wanted = DCT.T @ found.reshape(-1, 8, 8) @ DCT + 128.0
    return float((made.reshape(-1, 8, 8) == np.rint(wanted)).mean())


def _explained(canvas: _Canvas, plane: int, sampling: tuple[int, int], smooth: bool) -> float:
    """The share of the known pixels whose chroma comes out, to 1."""
    samples = np.clip(np.rint(_inverted(canvas, plane, sampling, smooth)), 0, 255).astype(np.uint8)
    full = np.empty(canvas.shape, np.int32)
    upsample(samples, *sampling, smooth, 128, full)
    same = full == canvas.planes[plane]
    known = canvas.known[plane]
    return float(same[known].mean()) if known.any() else 0.0


def _inverted(canvas: _Canvas, plane: int, sampling: tuple[int, int], smooth: bool) -> NDArray[np.float64]:
    """The samples of a plane of chroma, from 0 to 255 but not rounded."""
    values = canvas.planes[plane] + 128
    if sampling == (1, 1):
        return np.where(canvas.known[plane], values, -1).astype(np.float64)
    samples = np.full(samples_of(canvas.shape, sampling, 1), 128.0)
    invert(values, canvas.known[plane], *sampling, smooth, _ROUNDS, 0.0, samples)
    return samples


def _chroma(
    canvas: _Canvas, plane: int, source: NDArray[np.float64], jpeg: Jpeg, table: NDArray[np.int64]
) -> Coefficients:
    """The coefficients of a plane of chroma with fewer samples than pixels.

    In turn the samples are moved towards what the pixels ask for, and to what the nearest coefficients decode to; of
    each block the coefficients are kept that make most of its pixels come out.
    """
    rows, columns = blocks_of(canvas.shape, jpeg.sampling, 1)
    height, width = source.shape
    best, fewest = np.zeros((rows, columns, 64), np.int16), np.full((rows, columns), 1 << 30)
    samples, made = source, np.empty((8 * rows, 8 * columns), np.uint8)
    values, full = canvas.planes[plane] + 128, np.empty(canvas.shape, np.int32)
    smooth = jpeg.smooth and not (jpeg.sampling[1] == 2 and width <= 2)
    down, across = jpeg.sampling
    seen = np.zeros((down * height, across * width), np.int64)
    seen[: canvas.shape[0], : canvas.shape[1]] = canvas.known[plane]
    seen = seen.reshape(height, down, width, across).sum((1, 3)) >= down * across // 2
    for turn in range(_TURNS):
        if turn == 1:
            found = _solved(*_bounds(np.clip(np.rint(source), 0, 255).astype(np.int32), seen), table)
        else:
            whole = np.pad(samples, ((0, 8 * rows - height), (0, 8 * columns - width)), mode="edge")
            blocks = whole.reshape(rows, 8, columns, 8).swapaxes(1, 2) - 128.0
            found = np.clip(np.floor((DCT @ blocks @ DCT.T).reshape(rows, columns, 64) / table + 0.5), -32767, 32767)
            found = found.astype(np.int16)
        if turn:  # beside blocks that came out already
            found[fewest == 0] = best[fewest == 0]
        samples_of_blocks(found, table, made)
        upsample(made[:height, :width], *jpeg.sampling, smooth, 0, full)
        wrong = np.zeros((8 * rows * jpeg.sampling[0], 8 * columns * jpeg.sampling[1]), np.int64)
        wrong[: canvas.shape[0], : canvas.shape[1]] = (full != values) & canvas.known[plane]
        count = wrong.reshape(rows, 8 * jpeg.sampling[0], columns, 8 * jpeg.sampling[1]).sum((1, 3))
        better = count < fewest
        best[better], fewest[better] = found[better], count[better]
        if not fewest.any():
            break
        if turn == 0:
            continue
        samples_of_blocks(best, table, made)
        samples = made[:height, :width].astype(np.float64)
        invert(values, canvas.known[plane], *jpeg.sampling, smooth, _ROUNDS // 4, 0.45, samples)
    return best


def _offsets(first: tuple[int, int], sampling: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The offsets that there may be, given those of luma's blocks: chroma's blocks may be twice as large."""
    for down in range(sampling[0]):
        for across in range(sampling[1]):
            yield first[0] + 8 * down, first[1] + 8 * across


def _moved(
    source: NDArray[np.float64], old: tuple[int, int], new: tuple[int, int], sampling: tuple[int, int]
) -> NDArray[np.float64]:
    """Samples on a canvas that begins earlier; −1 is before them."""
    down, across = ((new[i] - old[i]) // sampling[i] for i in range(2))
    return np.pad(source, ((down, 0), (across, 0)), constant_values=-1.0)


def _chroma_blocks(source: NDArray[np.float64]) -> NDArray[np.float64]:
    return blocks_at(source, source >= 0, 0, 0, _MOST)


def _idle(source: NDArray[np.float64]) -> float:
    """The share of coefficients that are next to nothing."""
    found = _chroma_blocks(source)
    return float((np.abs(found[:, 1:]) < 0.9).mean()) if len(found) else 0.0


def _least(pixels: NDArray[np.uint8], source: JpegSource) -> JpegSource:
    """The one with the fewest exceptions of those that end with the picture and those that go on."""
    jpeg, (height, width) = source.jpeg, pixels.shape[:2]
    ends = [sorted({source.offset[i] + (height, width)[i], jpeg.shape[i]}) for i in range(2)]
    best = None
    for shape in [(a, b) for a in ends[0] for b in ends[1]]:
        planes = []
        for plane, blocks in enumerate(jpeg.planes):
            rows, columns = blocks_of(shape, jpeg.sampling, plane)
            planes.append(np.ascontiguousarray(blocks[:rows, :columns]))
        found = _with_exceptions(replace(source, jpeg=replace(jpeg, shape=shape, planes=planes)), pixels)
        if best is None or len(found.exceptions) < len(best.exceptions):
            best = found
    assert best is not None
    return best
