"""Taking a coloured picture back to the coefficients of its JPEG: sampling, offset and tables, then block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.jpeg.bounding import FREE, bound_chroma, bound_lumas
from idfcodec.picture.jpeg.canvas import Canvas, bounded, placed, prior_of, solved
from idfcodec.picture.jpeg.counting import count_outside, count_wrong
from idfcodec.picture.jpeg.estimating import COSINES, blocks_at, steps_of
from idfcodec.picture.jpeg.forward import plane_of, planes_of
from idfcodec.picture.jpeg.inverting import invert
from idfcodec.picture.jpeg.kernels import samples_of_blocks, upsample
from idfcodec.picture.jpeg.layout import Coefficients, Jpeg, blocks_of, samples_of
from idfcodec.picture.jpeg.quality import quality_of, table_of
from idfcodec.picture.jpeg.sampling import inverted, sampling_of
from idfcodec.picture.jpeg.solving import round_blocks
from idfcodec.picture.jpeg.source import JpegSource
from idfcodec.types import Shape

__all__ = ["coloured", "wrong_pixels"]

_MOST = 2000  # blocks looked at for a table
_MORE = 6  # of each further one
_TURNS = 8  # between what pixels ask for and what coefficients make
_ALTERNATIONS = 4  # between luma and chroma, where pixels are clipped
_HOPELESS = 0.05  # of the pixels wrong after a turn, for each of the mean step: planes are smaller
_SURE = 0.1  # variance of a sample of chroma all of whose pixels are known

Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]
Reals = NDArray[np.float64]


def coloured(
    pixels: NDArray[np.uint8],
    planes: Ints,
    known: Bools,
    first: tuple[int, int],
    table: NDArray[np.int64],
) -> JpegSource | None:
    """What a picture was made of, without the exceptions; None where they would be too many.

    Args:
        pixels: (H, W, 3).
        planes: (3, H, W) its luma and chroma, less 128, where `known`.
        first: rows and columns of the first blocks that are missing.
        table: of luma.
    """
    quality = quality_of(table, 0)
    low, high = bounded(pixels, planes, known)
    sampling, smooth = sampling_of(low, high, first, quality)
    margin = (2 * (sampling[0] - 1), 2 * (sampling[1] - 1)) if smooth else (0, 0)
    offset, canvas, most = first, placed(low, high, first, margin), -1.0
    sources = [inverted(canvas, plane, sampling, smooth) for plane in (1, 2)]
    if sampling != (1, 1):
        for other in _offsets(first, sampling):
            share = np.mean([_idle(_moved(source, first, other, sampling)) for source in sources])
            if share > most:
                offset, most = other, float(share)
        sources = [_moved(source, first, offset, sampling) for source in sources]
        canvas = placed(low, high, offset, margin)
    tables = []
    for source in sources:
        steps = table_of(quality, 1) if quality else steps_of(_chroma_blocks(source), 1)
        tables.append(np.ones(64, np.int64) if steps is None else steps)
    jpeg = Jpeg(canvas.shape, sampling, smooth, [table, *tables], [])
    found = _alternated(pixels, canvas, jpeg, sources, _HOPELESS * float(table.mean()))
    return None if found is None else JpegSource(found, offset)


def _alternated(
    pixels: NDArray[np.uint8], canvas: Canvas, jpeg: Jpeg, sources: list[Reals], hopeless: float
) -> Jpeg | None:
    """With coefficients: luma as the chroma that was found leaves it, then the other way round, where that is unclear.

    Of what is found one way and the other, what makes more pixels of a unit of blocks come out is kept. After the first
    turn at most as many units are done again as the picture has, fewer where more of its pixels are still wrong; there
    is nothing where a share of `hopeless` is.
    """
    units = blocks_of(canvas.shape, jpeg.sampling, 1)
    best: Jpeg | None = None
    fewest = np.full(units, 1 << 30)
    unclear = _by_unit(~canvas.known(0)[canvas.inside], canvas, jpeg.sampling) > 0
    todo, budget = np.ones(units, np.bool_), 0
    off = np.ones(blocks_of(canvas.shape, (1, 1), 0), np.bool_)  # blocks of luma with wrong pixels
    bounds = canvas
    turn = 0
    while True:
        turn += 1
        if best is not None:
            bounds = _with_chroma(pixels, canvas, best)
        chroma = []
        for plane in (1, 2):
            start = best.planes[plane] if best is not None else None
            steps = jpeg.tables[plane]
            if jpeg.sampling == (1, 1):
                chroma.append(solved(bounds.low[plane], bounds.high[plane], steps, todo, start))
            else:
                if best is not None:
                    sources[plane - 1] = inverted(bounds, plane, jpeg.sampling, jpeg.smooth, sources[plane - 1], todo)
                chroma.append(_chroma(bounds, plane, sources[plane - 1], jpeg, steps, todo, start))
        lumas = best.planes[0] if best is not None else np.zeros((*blocks_of(canvas.shape, (1, 1), 0), 64), np.int16)
        trial = replace(jpeg, planes=[lumas, *chroma])
        some = _wide(todo, jpeg.sampling, lumas) & off
        trial = replace(trial, planes=[_luma(pixels, canvas, trial, some, best), *chroma])
        missed = wrong_pixels(trial, pixels, canvas.offset)
        wrong = _summed(missed, units)
        better = wrong < fewest
        if best is None:
            best = trial
        else:
            if not better.any():
                return best
            masks = [_wide(better, jpeg.sampling, lumas), better, better]
            best = replace(
                jpeg,
                planes=[
                    np.where(m[..., None], new, old)
                    for m, new, old in zip(masks, trial.planes, best.planes, strict=True)
                ],
            )
            missed = wrong_pixels(best, pixels, canvas.offset)
        fewest, off = _summed(missed, units), missed > 0
        if turn == 1:
            left = 1 - missed.sum() / (hopeless * pixels.shape[0] * pixels.shape[1])
            if left <= 0:
                return None
            budget = int(fewest.size * min(2 * left, 1))
        todo = _worst(fewest, unclear & _about(better), budget)
        budget -= int(todo.sum())
        if turn == _ALTERNATIONS or not todo.any():
            return best


def _about(some: Bools) -> Bools:
    """These blocks, and those beside them."""
    wide = np.pad(some, 1)
    rows = wide[:-2] | wide[1:-1] | wide[2:]
    return np.asarray(rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:])


def _worst(wrong: NDArray[np.int64], some: Bools, most: int) -> Bools:
    """Those of some units that have wrong pixels, where they are too many the ones that have the most."""
    counts = np.where(some, wrong, 0).ravel()
    chosen = np.zeros(counts.size, np.bool_)
    chosen[np.argsort(-counts, kind="stable")[:most]] = True
    return (chosen & (counts > 0)).reshape(wrong.shape)


def _wide(units: Bools, sampling: tuple[int, int], lumas: Coefficients) -> Bools:
    """The blocks of luma of units."""
    rows, columns = lumas.shape[:2]
    return units.repeat(sampling[0], 0).repeat(sampling[1], 1)[:rows, :columns]


def wrong_pixels(jpeg: Jpeg, pixels: NDArray[np.uint8], offset: tuple[int, int]) -> NDArray[np.int64]:
    """How many pixels of a coloured picture do not come out, in each block of luma."""
    counts = np.empty(blocks_of(jpeg.shape, (1, 1), 0), np.int64)
    luma, first, second = planes_of(jpeg)
    count_wrong(pixels, luma, first, second, *offset, counts)
    return counts


def _summed(counts: NDArray[np.int64], units: Shape) -> NDArray[np.int64]:
    """Counts of luma's blocks, of so many units of blocks."""
    down, across = (-(-counts.shape[i] // units[i]) for i in range(2))
    whole = np.zeros((down * units[0], across * units[1]), np.int64)
    whole[: counts.shape[0], : counts.shape[1]] = counts
    return np.asarray(whole.reshape(units[0], down, units[1], across).sum((1, 3)))


def _by_unit(wrong: Bools, canvas: Canvas, sampling: tuple[int, int]) -> NDArray[np.int64]:
    """How many pixels of the picture are so in each block of a plane that is sampled so."""
    rows, columns = blocks_of(canvas.shape, sampling, 1)
    down, across = (8 * side for side in sampling)
    whole = np.zeros((down * rows, across * columns), np.bool_)
    whole[canvas.inside] = wrong
    return np.asarray(whole.reshape(rows, down, columns, across).sum((1, 3), dtype=np.int64))


def _with_chroma(pixels: NDArray[np.uint8], canvas: Canvas, jpeg: Jpeg) -> Canvas:
    """The same, with the chroma of clipped pixels as far as the luma that was found leaves it open."""
    inside = canvas.inside
    luma = np.ascontiguousarray(plane_of(jpeg, 0)[inside])
    bounds = [np.stack([plane[inside] for plane in part[1:]]) for part in (canvas.low, canvas.high)]
    bound_chroma(pixels, luma, *bounds)
    low, high = canvas.low.copy(), canvas.high.copy()
    for k in range(2):
        low[1 + k][inside], high[1 + k][inside] = bounds[0][k], bounds[1][k]
    return replace(canvas, low=low, high=high)


def _luma(pixels: NDArray[np.uint8], canvas: Canvas, jpeg: Jpeg, todo: Bools, best: Jpeg | None) -> Coefficients:
    """The coefficients of luma: where a pixel alone does not tell its luma, it is what the chroma leaves."""
    inside = canvas.inside
    low, high = canvas.low[0].copy(), canvas.high[0].copy()
    unknown = ~canvas.known(0)[inside]
    if unknown.any():
        first, second = plane_of(jpeg, 1), plane_of(jpeg, 2)
        least, most = np.ascontiguousarray(low[inside]), np.ascontiguousarray(high[inside])
        bound_lumas(pixels, np.ascontiguousarray(first[inside]), np.ascontiguousarray(second[inside]), least, most)
        low[inside], high[inside] = least, most
    return solved(low, high, jpeg.tables[0], todo, None if best is None else best.planes[0])


def _chroma(
    canvas: Canvas,
    plane: int,
    source: Reals,
    jpeg: Jpeg,
    table: NDArray[np.int64],
    wanted: Bools,
    start: Coefficients | None,
) -> Coefficients:
    """The coefficients of a plane of chroma with fewer samples than pixels, in the wanted blocks.

    In turn the samples are moved towards what the pixels ask for, and to what the nearest coefficients decode to; of
    each block the coefficients are kept that make most of its pixels come out.
    """
    rows, columns = blocks_of(canvas.shape, jpeg.sampling, 1)
    height, width = source.shape
    low, high = canvas.low[plane], canvas.high[plane]
    smooth = jpeg.smooth and not (jpeg.sampling[1] == 2 and width <= 2)
    variance = _uncertain(canvas, plane, jpeg.sampling, (8 * rows, 8 * columns))
    whole = (variance.reshape(rows, 8, columns, 8) < 2).all((1, 3))
    best = np.zeros((rows, columns, 64), np.int16) if start is None else start.copy()
    fewest = np.full((rows, columns), 1 << 30)
    made, full = np.empty((8 * rows, 8 * columns), np.uint8), np.empty(canvas.shape, np.int32)
    padded, count = np.empty((8 * rows, 8 * columns)), np.empty((rows, columns), np.int64)
    end = canvas.inside[0].stop, canvas.inside[1].stop
    unit = 8 * jpeg.sampling[0], 8 * jpeg.sampling[1]
    samples, todo, prior = source, wanted, np.full(64, -1.0)
    for turn in range(_TURNS):
        padded[:height, :width] = samples
        padded[height:, :width], padded[:, width:] = padded[height - 1, :width], padded[:, width - 1 : width]
        found = best.copy()
        if turn == 0:
            round_blocks(padded, variance, table, COSINES, prior, todo & whole, found)
            prior = prior_of(found, todo & whole if start is None else fewest == fewest, table)
            round_blocks(padded, variance, table, COSINES, prior, todo & ~whole, found)
        elif turn == 1:  # most samples are right when they are rounded
            near, sure = np.clip(np.rint(padded), 0, 255).astype(np.int16), variance <= _SURE
            found = solved(np.where(sure, near, -FREE), np.where(sure, near, FREE), table, todo, best)
        else:
            round_blocks(padded, variance, table, COSINES, prior, todo, found)
        samples_of_blocks(found, table, made)
        upsample(np.ascontiguousarray(made[:height, :width]), *jpeg.sampling, smooth, 0, full)
        count_outside(full, low, high, *canvas.offset, *end, *unit, count)
        better = (count < fewest) & todo if turn else todo
        best[better], fewest[better] = found[better], count[better]
        todo = wanted & (fewest > 0)
        if turn > 1:
            todo &= _about(better)  # elsewhere the next turn would be the same as this one
        if not todo.any() or turn == _TURNS - 1:
            break
        if turn == 0:
            continue
        samples_of_blocks(best, table, made)
        samples = made[:height, :width].astype(np.float64)
        invert(low, high, *jpeg.sampling, smooth, _MORE, 0.45, todo, samples)
    return best


def _uncertain(canvas: Canvas, plane: int, sampling: tuple[int, int], shape: Shape) -> Reals:
    """(8 rows, 8 columns) how uncertain each sample of chroma is, by the share of its pixels that is known."""
    height, width = samples_of(canvas.shape, sampling, 1)
    down, across = sampling
    seen = np.zeros((down * height, across * width), np.int16)
    seen[: canvas.shape[0], : canvas.shape[1]] = canvas.high[plane] - canvas.low[plane] <= 1
    count = seen.reshape(height, down, width, across).sum((1, 3))
    share = np.zeros(shape)
    share[:height, :width] = count / (down * across)
    return np.asarray(np.where(share > 0, _SURE / np.maximum(share, 0.1) ** 3, 1e5), np.float64)


def _offsets(first: tuple[int, int], sampling: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The offsets that there may be, given those of luma's blocks: chroma's blocks may be twice as large."""
    for down in range(sampling[0]):
        for across in range(sampling[1]):
            yield first[0] + 8 * down, first[1] + 8 * across


def _moved(source: Reals, old: tuple[int, int], new: tuple[int, int], sampling: tuple[int, int]) -> Reals:
    """Samples on a canvas that begins earlier; −1 is before them."""
    down, across = ((new[i] - old[i]) // sampling[i] for i in range(2))
    return np.pad(source, ((down, 0), (across, 0)), constant_values=-1.0)


def _chroma_blocks(source: Reals) -> Reals:
    return blocks_at(source, source >= 0, 0, 0, _MOST)


def _idle(source: Reals) -> float:
    """The share of coefficients that are next to nothing."""
    found = _chroma_blocks(np.rint(4 * source) / 4)
    return float((np.abs(found[:, 1:]) < 0.9).mean()) if len(found) else 0.0
