"""What a hierarchical flow says that tiles and small pictures cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import spans
from idfcodec.flow.contract import Costs
from idfcodec.flow.exact.tables import TOTAL
from idfcodec.flow.hierarchical import correction
from idfcodec.flow.hierarchical.adaptive import Switches
from idfcodec.flow.hierarchical.choosing import choose, correct, with_corrections
from idfcodec.flow.hierarchical.correction import Corrections
from idfcodec.flow.hierarchical.palette import colours_of, list_bits, palette_bits
from idfcodec.flow.hierarchical.plane import HALF, planes_of
from idfcodec.flow.hierarchical.rows import PART
from idfcodec.flow.hierarchical.walk import Step, Values, placed, record

if TYPE_CHECKING:
    from idfcodec.flow.hierarchical.runtime import Flow

__all__ = ["small_costs", "tile_costs"]

_BySteps = dict[tuple[int, int], NDArray[np.float64]]


def tile_costs(flow: Flow, planes: Values, *, weights: bool = True, lattice: bool = True) -> Costs:
    """What the model says that (C, H, W) planes cost.

    Args:
        flow: the model.
        planes: G, R-G and B-G, or G alone.
        weights: with all that a tile teaches and the encoder fits, as far as it pays: weights, corrections, palettes.
        lattice: with the weights of values and of pairs of values, if `weights`.
    """
    steps = record(flow, planes)
    size = (planes.shape[1], planes.shape[2])
    costs = _costs(*_plain_costs(flow, steps, len(planes), weights=weights, lattice=lattice), size)
    colours = colours_of(planes) if weights else None
    if colours is None:
        return costs
    bits = palette_bits(flow, steps, colours)
    by_step = {(level, group): np.zeros(values.shape) for level, group, _, values in steps}
    for pixels, into in zip(bits, by_step.values(), strict=True):
        into[0] = pixels
    few = _costs(by_step, list_bits(colours), size)
    return min(costs, few, key=lambda c: c.total)


def _costs(steps: _BySteps, rest: float, size: tuple[int, int]) -> Costs:
    return Costs(steps, rest, placed({key: bits.sum(0) for key, bits in steps.items()}, size))


def _plain_costs(flow: Flow, steps: list[Step], planes: int, *, weights: bool, lattice: bool) -> tuple[_BySteps, float]:
    rest, switches = 0.0, Switches(0)
    if weights:
        corrections, (steps,) = correct(flow, [steps], flow.search)
        switches = choose(flow, steps) if lattice else switches
        rest = correction.bits(corrections, planes) if corrections else 0.0
    return _latent_bits(flow, steps, switches), rest


def _latent_bits(flow: Flow, steps: Sequence[Step], switches: Switches) -> _BySteps:
    """Bits of each latent of steps whose corrections are made."""
    by_step = {(level, group): np.zeros(values.shape) for level, group, _, values in steps}
    lines = iter([line for bits in by_step.values() for line in bits])
    for plane, (column, escaped, latent) in planes_of(flow, steps, switches):
        bits = next(lines)
        for where, (_, size) in plane.spans(column, switches):
            bits[where] -= np.log2(size / TOTAL)
        excess = np.abs(latent) - HALF[plane.classes[escaped]]
        group, part = excess // PART, excess % PART
        for rows_of, symbols in ((plane.escape_groups(escaped), group), (plane.escape_parts(escaped, group), part)):
            bits[escaped] -= np.log2(spans(rows_of, symbols)[1] / TOTAL)
        bits[escaped] += 1
    return by_step


def small_costs(flow: Flow, planes: Values, corrections: Corrections) -> float:
    """What the model says in bits that a small picture costs, see `encode_small`."""
    steps = record(flow, planes)
    by_step = _latent_bits(flow, with_corrections(steps, corrections), Switches(0))
    bits = sum(float(bits.sum()) for bits in by_step.values())
    colours = colours_of(planes)
    if colours is None:
        return bits
    return min(bits, list_bits(colours) + sum(float(pixels.sum()) for pixels in palette_bits(flow, steps, colours)))
