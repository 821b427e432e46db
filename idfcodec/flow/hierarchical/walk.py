"""The walk through the levels: which integers the networks see, in which order, and what they say of each latent.

One walk serves everything. A *visitor* is shown each coding step's prior, from the coarsest level to the finest, and
answers with the values of that step: known ones when it encodes or measures, decoded or drawn ones otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idfcodec.compiled import compiled
from idfcodec.flow.exact.layers import Squeeze
from idfcodec.flow.exact.tables import OF_SCALE, ONE, SCALE_MIN, SCALE_STEPS, SCALES, SHAPE_STEPS, SHAPES
from idfcodec.flow.hierarchical.exact import ExactNetwork
from idfcodec.flow.hierarchical.lookup import rows_of
from idfcodec.flow.hierarchical.prepared import Prepared

__all__ = [
    "LOWEST",
    "Step",
    "StepPrior",
    "Values",
    "Visitor",
    "placed",
    "record",
    "squeezes",
    "steps",
    "walk",
]

Values = NDArray[np.int32]
LOWEST = (0, -255, -255)  # of G, R-G, B-G


@dataclass(frozen=True)
class StepPrior:
    """What the network says of the latents of one coding step, before any of their colours is known.

    Args:
        location: (C, N) int32 in units of 2**-LOCATION_BITS: G, R-G, B-G, or G alone.
        scale: (C, N) int32 in [0, SCALES).
        shape: (C, N) int32 in [0, SHAPES).
        colour: (3, N) int32 in [-64, 64], in units of 2**-COLOUR_BITS: how the residual of G moves R-G and B-G, and
            how that of R-G moves B-G. None where there is one plane.
    """

    location: Values
    scale: Values
    shape: Values
    colour: Values | None

    def tables(self, plane: int, known: Values) -> tuple[Values, Values, Values]:
        """Width class, first cell of the table's row and shift of the coupling of each latent of `plane`, (N,) each.

        The planes before it have the values `known` (C, N).
        """
        colour = self.colour if self.colour is not None else self.location[:0]
        tables: tuple[Values, Values, Values] = rows_of(
            plane, self.location, self.scale, self.shape, colour, known, OF_SCALE
        )
        return tables


Step = tuple[int, int, StepPrior, Values]  # level, phase, prior, values (C, N)


class Visitor(Protocol):
    """What a walk calls at each step."""

    def __call__(self, level: int, phase: int, prior: StepPrior) -> Values:
        """(C, N) values of the step; `phase` 0, 1 and 2 are the phases D, B and C, -1 the last latents."""


def squeezes(height: int, width: int, levels: int) -> list[Squeeze]:
    """The squeeze of each level of a picture, finest first."""
    out: list[Squeeze] = []
    for _ in range(levels):
        out.append(Squeeze(height, width))
        height, width = out[-1].grid
    return out


def steps(planes: Values, levels: int) -> dict[tuple[int, int], Values]:
    """What the walk codes: the values (C, N) of every coding step of (C, H, W) planes, by (level, phase)."""
    out = {}
    y = torch.from_numpy(planes)[None]
    for level, squeeze in enumerate(squeezes(planes.shape[1], planes.shape[2], levels)):
        split = squeeze.forward(y).chunk(4, 1)
        for phase in range(3):
            height, width = squeeze.extent(phase + 1)
            out[level, phase] = split[phase + 1][0, :, :height, :width].reshape(len(planes), -1).numpy()
        y = split[0]
    out[levels, -1] = y.reshape(len(planes), -1).numpy()
    return out


def placed(steps: Mapping[tuple[int, int], NDArray[np.float64]], size: tuple[int, int]) -> NDArray[np.float64]:
    """(H, W) from one number for each latent of every coding step, by (level, phase): the inverse of `steps`."""
    levels = max(level for level, _ in steps)
    stack = squeezes(size[0], size[1], levels)
    y = steps[levels, -1].reshape(stack[-1].grid if stack else size)
    for level in reversed(range(levels)):
        squeeze = stack[level]
        phases = np.zeros((4, *squeeze.grid))
        phases[0] = y
        for phase in range(3):
            height, width = squeeze.extent(phase + 1)
            phases[phase + 1, :height, :width] = steps[level, phase].reshape(height, width)
        y = squeeze.inverse(torch.from_numpy(phases)[None])[0, 0].numpy()
    return y


@compiled
def _show(phases: Values, count: int, seen: NDArray[np.uint8]) -> None:
    """The first `count` of (4, C, h, w) phases as the network sees them: `seen` (h + 2, w + 2, 3 * count).

    Edges are repeated, values clamped to bytes, and planes that there are not stand at zero.
    """
    planes, height, width = phases.shape[1:]
    for row in range(height + 2):
        r = min(max(row - 1, 0), height - 1)
        for column in range(width + 2):
            c = min(max(column - 1, 0), width - 1)
            for phase in range(count):
                for plane in range(3):
                    value = 128
                    if plane < planes:
                        value = phases[phase, plane, r, c] + (128 if plane else 0)
                    seen[row, column, 3 * phase + plane] = min(max(value, 0), 255)


@compiled
def _neighbours(phases: Values, phase: int, plane: int, row: int, column: int) -> int:
    """Sum of the four nearest known neighbours of a cell of phase `phase`, edges repeated."""
    height, width = phases.shape[2:]
    a, d = phases[0, plane], phases[1, plane]
    below, right = min(row + 1, height - 1), min(column + 1, width - 1)
    total: int = a[row, column]
    if phase == 0:
        total += a[row, right] + a[below, column] + a[below, right]
    elif phase == 1:
        total += a[row, right] + d[max(row - 1, 0), column] + d[row, column]
    else:
        total += a[below, column] + d[row, max(column - 1, 0)] + d[row, column]
    return total


@compiled
def _read(
    head: NDArray[np.float32],
    phases: Values,
    phase: int,
    width: int,
    location: Values,
    scale: Values,
    shape: Values,
    colour: Values,
) -> None:
    """The head's fixed point (h, w, 12) to tables' indices, of the first rows and `width` columns: (C, N) each."""
    planes, count = location.shape
    for row in range(count // max(width, 1)):
        for column in range(width):
            n = row * width + column
            for plane in range(planes):
                base = _neighbours(phases, phase, plane, row, column)
                location[plane, n] = np.int32(head[row, column, plane]) + base * (ONE // 4)
                level = np.int32(head[row, column, 3 + plane]) + SCALE_STEPS // 2 - SCALE_MIN * SCALE_STEPS
                scale[plane, n] = min(max(level, 0), SCALES - 1)
                kind = np.int32(head[row, column, 6 + plane]) + SHAPE_STEPS
                shape[plane, n] = min(max(kind, 0), SHAPES - 1)
            for i in range(len(colour)):
                colour[i, n] = min(max(np.int32(head[row, column, 9 + i]), -64), 64)


def _prior(head: Tensor, phases: Values, phase: int, extent: tuple[int, int]) -> StepPrior:
    """What the head (1, 12, h, w) says of phase `phase`, which has `extent` rows and columns."""
    said = np.ascontiguousarray(head[0].permute(1, 2, 0).cpu().numpy())
    height, width = extent
    planes = phases.shape[1]
    location, scale, shape = (np.empty((planes, height * width), np.int32) for _ in range(3))
    colour = np.empty((3 if planes == 3 else 0, height * width), np.int32)
    _read(said, phases, phase, width, location, scale, shape, colour)
    return StepPrior(location, scale, shape, colour if planes == 3 else None)


def _last_prior(last: Values, planes: int, count: int) -> StepPrior:
    """The prior of the last latents: the same for each of `count` pixels. `last` is (3, 3): see `Prepared`."""
    location, scale, shape = (np.repeat(last[i, :planes, None], count, 1) for i in range(3))
    return StepPrior(location, scale, shape, np.zeros((3, count), np.int32) if planes == 3 else None)


def walk(model: Prepared, shape: tuple[int, ...], visit: Visitor, final: int = 0) -> Values:
    """Visit every coding step of a picture, coarse to fine; return its planes.

    Args:
        model: says what there is to visit.
        shape: (C, H, W) of the planes G, R-G, B-G, or of G alone.
        visit: gives the values.
        final: the level whose picture is wanted, 0 being the whole one; the levels below are not visited.

    Returns:
        (C, H, W) int32 planes; of a level, every 2**level-th row and column.
    """
    with torch.inference_mode():
        networks = [model.network_of(level) for level in range(model.config.levels)]
        return _walk(networks, model.last, shape, visit, final)


def _walk(networks: Sequence[ExactNetwork], last: Values, shape: tuple[int, ...], visit: Visitor, final: int) -> Values:
    planes, *size = shape
    levels = len(networks)
    stack = squeezes(size[0], size[1], levels)
    height, width = stack[-1].grid
    y = visit(levels, -1, _last_prior(last, planes, height * width)).reshape(planes, height, width)
    trunk: Tensor | None = None
    for level in reversed(range(final, levels)):
        squeeze, network = stack[level], networks[level]
        if trunk is not None:
            trunk = network.upsample(trunk, *squeeze.grid)
        phases = np.empty((4, planes, *squeeze.grid), np.int32)
        phases[:] = y  # where the picture ends before the grid, A's values stand in
        for phase in range(3):
            seen = np.empty((squeeze.grid[0] + 2, squeeze.grid[1] + 2, 3 * phase + 3), np.uint8)
            _show(phases, phase + 1, seen)
            trunk, head = network.step(phase, torch.from_numpy(seen[None]).permute(0, 3, 1, 2), trunk)
            height, width = extent = squeeze.extent(phase + 1)
            values = visit(level, phase, _prior(head, phases, phase, extent))
            phases[phase + 1, :, :height, :width] = values.reshape(planes, height, width)
        y = squeeze.inverse(torch.from_numpy(phases.reshape(1, -1, *squeeze.grid)))[0].numpy()
    return y


def record(model: Prepared, planes: Values) -> list[Step]:
    """What the networks say of each coding step of known (C, H, W) planes, and the step's values."""
    values = steps(planes, model.config.levels)
    out: list[Step] = []

    def visit(level: int, phase: int, prior: StepPrior) -> Values:
        out.append((level, phase, prior, values[level, phase]))
        return values[level, phase]

    walk(model, planes.shape, visit)
    return out
