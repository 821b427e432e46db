"""What a hierarchical flow says that tiles and small pictures take."""

from __future__ import annotations

import numpy as np

from idfcodec.entropy import intervals
from idfcodec.flow.contract import CodeLength
from idfcodec.flow.exact.tables import TOTAL
from idfcodec.flow.hierarchical.plane import HALF, planes_of
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.rows import PART
from idfcodec.flow.hierarchical.walk import Values, placed, record

__all__ = ["of_tile"]


def of_tile(model: Prepared, planes: Values) -> CodeLength:
    """What `encode_tile` takes for (C, H, W) planes."""
    steps = record(model, planes)
    by_step = {(level, phase): np.zeros(values.shape) for level, phase, _, values in steps}
    lines = iter([line for bits in by_step.values() for line in bits])
    for plane, (column, escaped, latent) in planes_of(model, steps):
        bits = next(lines)
        for where, (_, size) in plane.intervals(column):
            bits[where] -= np.log2(size / TOTAL)
        excess = np.abs(latent) - HALF[plane.classes[escaped]]
        group, part = excess // PART, excess % PART
        for rows_of, symbols in ((plane.escape_groups(escaped), group), (plane.escape_parts(escaped, group), part)):
            bits[escaped] -= np.log2(intervals(rows_of, symbols)[1] / TOTAL)
        bits[escaped] += 1
    pixels = placed({key: bits.sum(0) for key, bits in by_step.items()}, (planes.shape[1], planes.shape[2]))
    parts = {
        f"{level}/{phase}/{plane}": float(line.sum())
        for (level, phase), bits in by_step.items()
        for plane, line in enumerate(bits)
    }
    return CodeLength(pixels, parts=parts)
