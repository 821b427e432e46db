"""Finding out what a picture was: the share of its colours that a conversion can have made.

Of all colours every fourth has a preimage under JFIF's conversion, every ninth under PhotoCD's; of the colours of a
converted picture nearly all do. Counted by pixels the share misleads: what is nearly grey or flat has few colours, and
many pixels may have a lucky one. So a pair (R − G, B − G) counts by its pixels, but as four at most: photographs never
converted come to 0.5 at most, and converted ones to 0.99.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.format.tiles import tile_grid
from idfcodec.picture.conversion.table import CONVERSIONS, Conversion
from idfcodec.picture.conversion.undoing import preimages, unclipped

__all__ = ["detect", "detect_any", "makes", "shares"]

_SIDE = 96  # the sample has up to this many rows and columns
_PART, _PART_SIDE = 512, 48  # the same of the tiles of a larger picture
_REACH = np.arange(-2, 3)  # what a luma may differ by from the guess of it
_FEW, _FEW_SHARE = 200, 0.55  # so many colours say of most conversions that it was not they
_PICTURES = 32  # of many small ones, so many tell which conversions are looked for in the others
_PAIRS = 12  # fewer differences of colour prove nothing, and undoing gains little
_PAIR_MOST = 4
_PAIR_SHARE = 0.75
_PIXEL_SHARE = 0.9  # where exceptions, at about 8 bits and where they are, cost what two bits a pixel gain


def detect(rgb: NDArray[np.uint8], among: Sequence[Conversion] = CONVERSIONS) -> Conversion | None:
    """The conversion that made a picture, (H, W, 3) uint8, or None where none did or exceptions eat the gain.

    Of several the one that makes most pixels, the first of the table if they are alike. Where none made the picture as
    a whole, it is the one that made most of its tiles, if any: a picture pasted into another.

    A wrong answer costs bytes and is otherwise harmless.
    """
    if len(among) < len(CONVERSIONS) and max(rgb.shape[:2]) <= _SIDE:
        return _detect_again(rgb, among)
    whole = _detect(rgb, _SIDE, among)
    if whole is not None or max(rgb.shape[:2]) <= _PART:
        return whole
    tiles = tile_grid(rgb.shape[0], rgb.shape[1], _PART)
    parts = [rgb[t.top : t.top + t.height, t.left : t.left + t.width] for t in tiles]
    found = Counter(conversion for part in parts if (conversion := _detect(part, _PART_SIDE, among)))
    return found.most_common(1)[0][0] if found else None


def detect_any(pictures: Sequence[NDArray[Any]]) -> tuple[Conversion, ...]:
    """The conversions that made some of many pictures, (H, W, 3) each, by a few of those that have 8 bits."""
    of_bytes = [rgb for rgb in pictures if rgb.dtype == np.uint8]
    found = {detect(rgb) for rgb in of_bytes[:: max(1, -(-len(of_bytes) // _PICTURES))]}
    return tuple(conversion for conversion in CONVERSIONS if conversion in found)


def _detect(rgb: NDArray[np.uint8], side: int, among: Sequence[Conversion]) -> Conversion | None:
    colours, counts = _sample(rgb, side)
    best, most = None, 0.0
    few = colours[:: max(1, len(colours) // _FEW)]
    for conversion in among if len(colours) else ():
        if len(colours) > _FEW and makes(few, conversion).mean() < _FEW_SHARE:
            continue
        exact = makes(colours, conversion)
        pixels = _pixel_share(exact, counts)
        if pixels >= _PIXEL_SHARE and pixels > most:
            pairs, different = _pair_share(colours, exact, counts)
            if different >= _PAIRS and pairs >= _PAIR_SHARE:
                best, most = conversion, pixels
        if most == 1:
            break
    return best


def _detect_again(rgb: NDArray[np.uint8], among: Sequence[Conversion]) -> Conversion | None:
    """The same of a small picture, among conversions that made others: by the compiled loop that undoes them."""
    best, most = None, 0.0
    clear = unclipped(rgb)
    count = int(np.count_nonzero(clear))
    for conversion in among:
        exact = preimages(rgb, conversion)[1]
        pixels = int(np.count_nonzero(exact & clear)) / max(count, 1)
        if pixels >= _PIXEL_SHARE and pixels > most:
            colours = rgb[clear]
            pairs, different = _pair_share(colours, exact[clear], np.ones(count))
            if different >= _PAIRS and pairs >= _PAIR_SHARE:
                best, most = conversion, pixels
    return best


def makes(colours: NDArray[np.uint8], conversion: Conversion) -> NDArray[np.bool_]:
    """Which of (N, 3) colours, none of them clipped, a conversion can have made: (N,).

    Without compiled loops, which most pictures then need not wait for: with a luma given, red has one C2 at most and
    blue one C1, since the steps of their tables are longer than the divisor.
    """
    tables, divisor = conversion.tables, conversion.divisor
    rgb = colours.astype(np.int64)
    red, green, blue = (rgb * divisor).T
    near = (rgb @ conversion.guess[:3] + conversion.guess[3]) >> 16
    luma = np.clip(near + _REACH[:, None], conversion.low[0], conversion.high[0])
    base = conversion.luma * luma
    last = tables.shape[1] - 1
    second = np.minimum(np.searchsorted(tables[0], red - base), last)
    first = np.minimum(np.searchsorted(tables[1], blue - base), last)
    over = base - green - tables[2, first] - tables[3, second]
    found = (over >= 0) & (over < divisor)
    for over in (base + tables[0, second] - red, base + tables[1, first] - blue):
        found &= (over >= 0) & (over < divisor)
    any_luma: NDArray[np.bool_] = found.any(axis=0)
    return any_luma


def shares(rgb: NDArray[np.uint8], conversion: Conversion) -> tuple[float, float, int]:
    """Of a sample, what is not clipped: shares of pixels and of pairs (R − G, B − G) that are exact; number of pairs.

    Grey pixels count among the pixels, and are no pair.
    """
    colours, counts = _sample(rgb, _SIDE)
    if not len(colours):
        return 0.0, 0.0, 0
    exact = makes(colours, conversion)
    return _pixel_share(exact, counts), *_pair_share(colours, exact, counts)


def _sample(rgb: NDArray[np.uint8], most: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(N, 3) different colours that are not clipped, of pixels on a grid, and the number of pixels of each."""
    down, across = (max(1, -(-side // most)) for side in rgb.shape[:2])
    pixels = rgb[down // 2 :: down, across // 2 :: across].reshape(-1, 3)
    pixels = pixels[(pixels.min(axis=1) > 0) & (pixels.max(axis=1) < 255)] if len(pixels) else pixels
    codes, counts = np.unique(pixels.astype(np.int64) @ [1 << 16, 1 << 8, 1], return_counts=True)
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8), counts.astype(np.int64)


def _pixel_share(exact: NDArray[np.bool_], counts: NDArray[np.int64]) -> float:
    return float((exact * counts).sum() / counts.sum())


def _pair_share(colours: NDArray[np.uint8], exact: NDArray[np.bool_], counts: NDArray[Any]) -> tuple[float, int]:
    red, green, blue = colours.astype(np.int64).T
    pairs, which = np.unique((red - green) * 1024 + (blue - green), return_inverse=True)
    hits, members = np.bincount(which, weights=exact * counts), np.bincount(which, weights=counts)
    weights = np.minimum(members, _PAIR_MOST) * (pairs != 0)
    by_pair = float((hits / members * weights).sum() / max(weights.sum(), 1))
    return by_pair, int((pairs != 0).sum())
