"""What a hierarchical flow says that tiles and small pictures take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import intervals
from idfcodec.flow.contract import CodeLength
from idfcodec.flow.exact.tables import TOTAL
from idfcodec.flow.hierarchical import correction
from idfcodec.flow.hierarchical.adaptive import Switches
from idfcodec.flow.hierarchical.choosing import choose, correct, with_corrections
from idfcodec.flow.hierarchical.correction import Corrections
from idfcodec.flow.hierarchical.palette import colours_of, list_bits, palette_bits
from idfcodec.flow.hierarchical.plane import HALF, planes_of
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.rows import PART
from idfcodec.flow.hierarchical.walk import Step, Values, placed, record

__all__ = ["of_small", "of_tile"]

_BySteps = dict[tuple[int, int], NDArray[np.float64]]


def of_tile(model: Prepared, planes: Values) -> CodeLength:
    """What `encode_tile` takes for (C, H, W) planes, all that is learned and fitted as far as it pays."""
    steps = record(model, planes)
    corrections, (corrected,) = correct(model, [steps], model.config.search)
    bits = _latent_bits(model, corrected, choose(model, corrected))
    rest = correction.bits(corrections, len(planes)) if corrections else 0.0
    return _shorter(model, steps, planes, _code_length(bits, rest, planes.shape))


def of_small(model: Prepared, planes: Values, corrections: Corrections) -> CodeLength:
    """What `encode_small` takes for the same."""
    steps = record(model, planes)
    bits = _latent_bits(model, with_corrections(steps, corrections), Switches(0))
    return _shorter(model, steps, planes, _code_length(bits, 0.0, planes.shape))


def _shorter(model: Prepared, steps: Sequence[Step], planes: Values, plain: CodeLength) -> CodeLength:
    """`plain`, or what the picture takes as a palette and indices if that is less."""
    colours = colours_of(planes)
    if colours is None:
        return plain
    by_step = {(level, group): np.zeros(values.shape) for level, group, _, values in steps}
    for pixels, into in zip(palette_bits(model, steps, colours), by_step.values(), strict=True):
        into[0] = pixels
    return min(plain, _code_length(by_step, list_bits(colours), planes.shape), key=lambda found: found.total)


def _code_length(steps: _BySteps, rest: float, shape: tuple[int, ...]) -> CodeLength:
    pixels = placed({key: bits.sum(0) for key, bits in steps.items()}, (shape[1], shape[2]))
    parts = {
        f"{level}/{phase}/{plane}": float(line.sum())
        for (level, phase), bits in steps.items()
        for plane, line in enumerate(bits)
    }
    return CodeLength(pixels, rest, parts)


def _latent_bits(model: Prepared, steps: Sequence[Step], switches: Switches) -> _BySteps:
    """Bits of each latent of steps whose corrections are made."""
    by_step = {(level, group): np.zeros(values.shape) for level, group, _, values in steps}
    lines = iter([line for bits in by_step.values() for line in bits])
    for plane, (column, escaped, latent) in planes_of(model, steps, switches):
        bits = next(lines)
        for where, (_, size) in plane.intervals(column, switches):
            bits[where] -= np.log2(size / TOTAL)
        excess = np.abs(latent) - HALF[plane.classes[escaped]]
        group, part = excess // PART, excess % PART
        for rows_of, symbols in ((plane.escape_groups(escaped), group), (plane.escape_parts(escaped, group), part)):
            bits[escaped] -= np.log2(intervals(rows_of, symbols)[1] / TOTAL)
        bits[escaped] += 1
    return by_step
