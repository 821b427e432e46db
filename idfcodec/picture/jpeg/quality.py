"""The quantisation tables of the Independent JPEG Group: Annex K of ITU-T T.81, scaled by a quality from 1 to 100."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["QUALITIES", "quality_of", "table_of", "tables_of"]

QUALITIES = range(1, 101)
_LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99),
    *(99,) * 32,
)


@cache
def tables_of(chroma: bool) -> NDArray[np.int64]:
    """(100, 64) the steps of all qualities, not to be changed."""
    scales = [5000 // quality if quality < 50 else 200 - 2 * quality for quality in QUALITIES]
    base = np.array(_CHROMA if chroma else _LUMA, np.int64)
    tables: NDArray[np.int64] = np.clip((base * np.array(scales)[:, None] + 50) // 100, 1, 255)
    return tables


def table_of(quality: int, plane: int) -> NDArray[np.int64]:
    """The steps, (64,) in rows, of luma (plane 0) or chroma."""
    table: NDArray[np.int64] = tables_of(plane > 0)[quality - 1].copy()
    return table


def quality_of(table: NDArray[np.int64], plane: int) -> int:
    """The greatest quality that has this table, 0 if none has."""
    found = np.flatnonzero((tables_of(plane > 0) == table).all(1))
    return QUALITIES[int(found[-1])] if len(found) else 0
