"""Which families are worth trying on a picture: a quick look at how often colours repeat."""

from __future__ import annotations

import numpy as np

from idfcodec.picture.colour import Kind
from idfcodec.types import Pixels

__all__ = ["likely_families", "repeats"]

SURE, POSSIBLE = 0.6, 0.2


def repeats(pixels: Pixels) -> float:
    """The share of pixels, in every fourth row, that equal the one to the left, above, or above to the side."""
    rows = np.arange(1, pixels.shape[0], 4)
    if not len(rows) or pixels.shape[1] < 3:
        return 0.5
    here, above = pixels[rows], pixels[rows - 1]
    middle = here[:, 1:-1]
    same = np.zeros(middle.shape[:2], bool)
    for other in (here[:, :-2], above[:, 1:-1], above[:, :-2], above[:, 2:]):
        same |= (middle == other).reshape(*middle.shape[:2], -1).all(2)
    return float(same.mean())


def likely_families(kind: Kind, pixels: Pixels, effort: str) -> tuple[bool, bool]:
    """Whether a picture may be smallest as names of colours, and whether by a model.

    Args:
        kind: of the picture.
        pixels: of the picture.
        effort: "max" is surer of what it leaves out.
    """
    if kind.depth != 8:
        return False, True
    share = repeats(pixels)
    return share >= POSSIBLE, share < SURE
