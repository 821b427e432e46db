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

__all__ = ["CONVERTED", "POSSIBLE", "QUICK", "SURE", "lies_dense", "likely_families", "repeats", "sample"]

SURE, POSSIBLE = 0.75, 0.04
"""Shares of pixels that repeat a neighbour: from which names are taken untried, and below which the model is."""
DRAWN = 0.25  # the same share from which small pictures of photographs' colours may be drawn
CONVERTED = 0.5
"""The same share of a converted picture below which the model is taken: what it finds undone, names have to learn."""
ONCE, NEAR, EVEN, EQUAL = 0.03, 0.05, 0.4, 0.4  # see `lies_dense`
PART, LEAST, MOST = 16, 2**14, 2**15
"""A sample has one in so many of a picture's pixels, but so many at least and at most."""
DOUBT = 2**16  # pixels of a larger one, where colours do not lie dense and the model seems a little better
QUICK = 2 * 48**2  # pixels of a first, smaller sample
FAR = 1.1  # where a size on it is so many times the other one, it tells enough
TINY, DENSE = 2**13, 2**11  # pixels up to which both families are tried, and from which colours may tell enough
HASTE = 0.95  # how much smaller names are to be for effort fast, whose model is several times as fast
BIAS = 1.02  # names are learned from nothing: beside a model, a sample takes more than the whole
FRAMES = 4  # that a sample has at most: those of the middle
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


def sample(frames: Pixels, count: int) -> list[Pixels]:
    """Two rectangles on the diagonal of frames (F, H, W) or (F, H, W, C), those in the middle; all of small ones.

    They have some `count` pixels together, of each frame.
    """
    first = max(len(frames) - FRAMES, 0) // 2
    frames = frames[first : first + FRAMES]
    height, width = frames.shape[1:3]
    share = count / (height * width)
    if share >= 0.25:
        return [frames]
    h, w = (max(int(side * (share / 2) ** 0.5), 1) for side in (height, width))
    corners = [(height * i // 3 - h // 2, width * i // 3 - w // 2) for i in (1, 2)]
    return [np.ascontiguousarray(frames[:, top : top + h, left : left + w]) for top, left in corners]


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


def _ratio(kind: Kind, parts: list[Pixels], coder: Coder, threads: int | None, count: int = 1) -> float:
    """How many times the model's size that of names is, for as many frames as there are."""
    shown = len(parts[0])
    ways = 3 if shown > 1 else 2

    def size(index: int) -> int:
        part, way = parts[index // ways], index % ways
        if way == 1:
            return sum(len(encode_tile(one, kind, coder, part[i - 1] if i else None)) for i, one in enumerate(part))
        part = part if way else part[:1]
        names = kind.names(part.reshape(-1, *part.shape[2:])).reshape(part.shape[:3])
        return len(encode_names(names, channels=kind.parts, effort="sample"))

    sizes = each(size, ways * len(parts), threads, None)
    names, model = sum(sizes[::ways]), sum(sizes[1::ways])
    if shown > 1:  # what the first frame takes is taken once
        names += (sum(sizes[2::3]) - names) * (count - 1) // (shown - 1)
    return names * shown / (model * count * BIAS)


def likely_families(
    kind: Kind, picture: Picture, effort: str, coder: Coder, threads: int | None = None
) -> tuple[bool, bool]:
    """Whether a picture is to be coded as names of colours, and whether by the model.

    Args:
        kind: of the picture, as the model codes it.
        picture: it.
        effort: "max" tries both where a sample does not tell for sure; "fast" takes names where they are much smaller.
        coder: the model.
        threads: parts of a sample coded at a time. The answer does not depend on it.
    """
    if kind.parts > 4:
        return False, True
    if picture.palette is not None or kind.depth == 1:
        return True, effort == "max"
    frames = picture.pixels if picture.frames else picture.pixels[None]
    count = frames[..., 0].size if picture.channels > 1 else frames.size
    share = repeats(picture.column)
    still = len(frames) == 1
    if effort != "max" and still and kind.conversion is not None and share < CONVERTED:
        return False, True
    clean = effort == "default" and still and kind.mode is Mode.RGB  # names often beat the model of fast
    if count <= TINY:
        return not (clean and count >= DENSE and share < DRAWN and lies_dense([frames[0]])), True
    if share < POSSIBLE and still:
        return False, True
    if share >= SURE and kind.conversion is None:
        return True, False
    parts = sample(frames, min(max(count // (PART * len(frames)), LEAST), MOST))
    if clean and lies_dense([part[0] for part in parts]):
        return False, True
    slack, wanted = 1 + CLOSE if effort == "max" else 1, HASTE if effort == "fast" else 1
    quick = sample(frames, QUICK)
    ratio = _ratio(kind, quick, coder, threads) / wanted if still and quick[0].size < frames.size else 1.0
    if 1 / (FAR * slack) <= ratio <= FAR * slack:
        if parts[0].size < frames.size:
            ratio = _ratio(kind, parts, coder, threads, len(frames)) / wanted
        elif effort != "fast":
            return True, True  # it may as well be coded both ways
    if clean and 1 <= ratio <= FAR and count > DOUBT:
        ratio = _ratio(kind, sample(frames, DOUBT), coder, threads)  # gaps between colours are learned late
    return ratio < slack, ratio * slack >= 1
