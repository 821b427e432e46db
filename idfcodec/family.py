"""Which families are tried on a picture: by how often its colours repeat and how they lie, or by coding a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from idfcodec.flow.categorical.coder import encode as encode_names
from idfcodec.format.mode import Mode
from idfcodec.parallel import each
from idfcodec.picture.colour import Kind
from idfcodec.picture.picture import Picture
from idfcodec.tile import encode_tile
from idfcodec.types import Pixels

if TYPE_CHECKING:
    from idfcodec.flow.contract import Coder

__all__ = ["QUICK", "lies_dense", "likely_families", "repeats", "sample"]

SURE, POSSIBLE = 0.75, 0.04
"""Shares of pixels that repeat a neighbour: from which names are taken untried, and below which the model is."""
CONVERTED = 0.5
"""The same share of a converted picture below which the model is taken: what it finds undone, names have to learn."""
ONCE, NEAR, EVEN, EQUAL = 0.03, 0.05, 0.4, 0.4  # see `lies_dense`
PART, LEAST, MOST = 16, 2**14, 2**15
"""A sample has one in so many of a picture's pixels, but so many at least and at most."""
QUICK = 2 * 48**2  # pixels of a first, smaller sample
FAR = 1.1  # where a size on it is so many times the other one, it tells enough
TINY = 2**12  # pixels up to which both families are tried
BIAS = 1.02  # names are learned from nothing: beside a model, a sample takes more than the whole
CLOSE = 0.25  # sizes of a sample that differ less are no reason to leave one out for effort max


def repeats(pixels: Pixels) -> float:
    """The share of pixels, in every fourth row, that equal the one to the left, above, or above to the side."""
    rows = np.arange(1, pixels.shape[0], 4)
    if not len(rows) or pixels.shape[1] < 3:
        return SURE
    here, above = pixels[rows], pixels[rows - 1]
    same = np.zeros((len(rows), pixels.shape[1] - 2), bool)
    for other in (here[:, :-2], above[:, 1:-1], above[:, :-2], above[:, 2:]):
        same |= (here[:, 1:-1] == other).reshape(*same.shape, -1).all(2)
    return float(same.mean())


def sample(pixels: Pixels, count: int) -> list[Pixels]:
    """Two rectangles on the picture's diagonal, of some `count` pixels together; all of a small picture."""
    height, width = pixels.shape[:2]
    share = count / (height * width)
    if share >= 0.25:
        return [pixels]
    h, w = (max(int(side * (share / 2) ** 0.5), 1) for side in (height, width))
    corners = [(height * i // 3 - h // 2, width * i // 3 - w // 2) for i in (1, 2)]
    return [np.ascontiguousarray(pixels[top : top + h, left : left + w]) for top, left in corners]


def lies_dense(parts: list[Pixels]) -> bool:
    """Whether the colours of a sample, (h, w, 3) uint8, lie as those of a photograph that nothing was done to.

    Some must occur once. Of their neighbours by one in one channel many must occur, and not many fewer than of those
    by one in all three: conversions and palettes leave gaps. Of pixels within one of the left pixel, not too many may
    equal it: what is drawn or enlarged repeats. On a picture whose sample tells otherwise, nothing is lost but time.
    """
    steps = np.array([1 << 18, 1 << 9, 1])
    codes = [part.astype(np.int64) @ steps for part in parts]
    colours, counts = np.unique(np.concatenate([code.ravel() for code in codes]), return_counts=True)

    def share(step: int) -> float:
        """Of the colours, those whose neighbour by a step is one as well."""
        places = np.minimum(np.searchsorted(colours, colours + step), len(colours) - 1)
        return float((colours[places] == colours + step).mean())

    single, gray = sum(map(share, steps)) / 3, share(int(steps.sum()))
    equal = sum(int(np.count_nonzero(code[:, 1:] == code[:, :-1])) for code in codes)
    close = 0
    for part in parts:
        left, right = part[:, :-1], part[:, 1:]
        close += int(np.count_nonzero((np.maximum(left, right) - np.minimum(left, right) <= 1).all(axis=2)))
    once = np.count_nonzero(counts == 1) / counts.sum()
    return bool(once >= ONCE) and single >= max(NEAR, EVEN * gray) and equal < EQUAL * close


def _ratio(kind: Kind, parts: list[Pixels], coder: Coder, threads: int | None) -> float:
    """How many times the model's size that of names is."""

    def size(index: int) -> int:
        part = parts[index // 2]
        if index % 2:
            return len(encode_tile(part, kind, coder))
        return len(encode_names(kind.names(part)[None], channels=kind.distinct, effort="sample"))

    sizes = each(size, 2 * len(parts), threads, None)
    return sum(sizes[::2]) / (sum(sizes[1::2]) * BIAS)


def likely_families(
    kind: Kind, picture: Picture, effort: str, coder: Coder, threads: int | None = None
) -> tuple[bool, bool]:
    """Whether a picture is to be coded as names of colours, and whether by the model.

    Args:
        kind: of the picture, as the model codes it.
        picture: it.
        effort: "max" tries both where a sample does not tell for sure.
        coder: the model.
        threads: parts of a sample coded at a time. The answer does not depend on it.
    """
    if kind.depth > 8:
        return False, True
    if picture.palette is not None or picture.frames or kind.depth == 1:
        return True, effort == "max"
    pixels = picture.pixels
    count = pixels.shape[0] * pixels.shape[1]
    if count <= TINY:
        return True, True
    share = repeats(pixels)
    if share < POSSIBLE:
        return False, True
    if share >= SURE and kind.conversion is None:
        return True, False
    parts = sample(pixels, min(max(count // PART, LEAST), MOST))
    if effort != "max":
        if kind.conversion is not None and share < CONVERTED:
            return False, True
        if kind.mode is Mode.RGB and lies_dense(parts):
            return False, True
    slack = 1 + CLOSE if effort == "max" else 1
    ratio = _ratio(kind, sample(pixels, QUICK), coder, threads)
    if 1 / (FAR * slack) <= ratio <= FAR * slack:
        ratio = _ratio(kind, parts, coder, threads)
    return ratio < slack, ratio * slack >= 1
