"""The walk through the levels: which integers the networks see, in which order, and what they say of each latent.

One walk serves everything. A *visitor* is shown each coding step's prior, from the coarsest level to the finest, and
answers with the values of that step: known ones when it encodes or measures, decoded or drawn ones otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idfcodec.flow.compiled import compiled
from idfcodec.flow.exact import ExactNetwork
from idfcodec.flow.layers import Squeeze
from idfcodec.flow.prior import CLASSES, LOCATION_BITS, SCALE_MIN, SCALE_STEPS, SCALES, SHAPE_STEPS, SHAPES, STARTS

if TYPE_CHECKING:
    from idfcodec.flow.runtime import Flow

__all__ = [
    "COLOUR_BITS",
    "HIGHEST",
    "LOWEST",
    "OF_SCALE",
    "ONE",
    "Step",
    "StepPrior",
    "Values",
    "Visitor",
    "record",
    "squeezes",
    "steps",
    "table_of",
    "walk",
]

COLOUR_BITS = 5
ONE = 1 << LOCATION_BITS
Values = NDArray[np.int32]
LOWEST = (0, -255, -255)  # of G, R-G, B-G
HIGHEST = 255

# For each scale: its class, and the class's location bits, first scale, first cell and width.
OF_SCALE = np.array(
    [(i, c.location_bits, c.first, STARTS[i], c.width) for i, c in enumerate(CLASSES) for _ in range(c.scales)],
    np.int32,
)


@compiled
def _located(plane: int, location: Values, colour: Values, known: Values) -> Values:
    """The location of a plane once the planes before it, `known`, have moved it."""
    out = np.empty(location.shape[1], np.int32)
    half = 1 << COLOUR_BITS >> 1
    for n in range(len(out)):
        if plane == 0:
            out[n] = min(max(location[0, n], 0), HIGHEST * ONE)
            continue
        green = known[0, n] * ONE - min(max(location[0, n], 0), HIGHEST * ONE)
        moved = location[1, n] + ((colour[0, n] * green + half) >> COLOUR_BITS)
        moved = min(max(moved, -HIGHEST * ONE), HIGHEST * ONE)
        if plane == 2:
            red = known[1, n] * ONE - moved
            moved = location[2, n] + ((colour[1, n] * green + colour[2, n] * red + half) >> COLOUR_BITS)
            moved = min(max(moved, -HIGHEST * ONE), HIGHEST * ONE)
        out[n] = moved
    return out


@compiled
def table_of(location: int, scale: int, shape: int, of_scale: Values) -> tuple[int, int, int, int]:
    """Width class, first cell of the row, integer shift of the coupling and width; `of_scale` is OF_SCALE."""
    kind, bits, first, start, width = of_scale[scale]
    drop = LOCATION_BITS - bits
    steps = (location + ((1 << drop) >> 1)) >> drop
    half = (1 << bits) >> 1
    shift = (steps + half) >> bits
    row = (((scale - first) * SHAPES + shape) << bits) + steps - (shift << bits) + half
    return kind, start + row * width, shift, width


@compiled
def _tables(
    location: Values, scales: Values, shapes: Values, of_scale: Values, classes: Values, cells: Values, shift: Values
) -> None:
    for n in range(len(location)):
        classes[n], cells[n], shift[n], _ = table_of(location[n], scales[n], shapes[n], of_scale)


@dataclass(frozen=True)
class StepPrior:
    """What the network says of the latents of one coding step, before any of their colours is known.

    Args:
        location: (C, N) int32 in units of 2**-LOCATION_BITS: G, R-G, B-G, or G alone.
        scale: (C, N) int32 in [0, SCALES).
        shape: (C, N) int32 in [0, SHAPES).
        colour: (3, N) int32 in [-64, 64], in units of 2**-COLOUR_BITS: how the residual of G moves R-G and B-G, and
            how that of R-G moves B-G. None where there is one plane.
        phases: those that are known, each (C, h, w), of the last latents none.
        width: columns of the step's pixels, which are N / width rows of the phases' cells.
    """

    location: Values
    scale: Values
    shape: Values
    colour: Values | None
    phases: tuple[Values, ...] = ()
    width: int = 0

    def located(self, plane: int, known: Values) -> Values:
        """(N,) location of `plane` once the planes before it have the values `known` (C, N)."""
        colour = self.colour if self.colour is not None else self.location[:0]
        located: Values = _located(plane, self.location, colour, known)
        return located

    def sampled(self, every: int) -> StepPrior:
        """Of one latent in so many, without the phases."""
        arrays = (self.location, self.scale, self.shape, self.colour if self.colour is not None else self.location[:0])
        location, scale, shape, colour = (np.ascontiguousarray(a[:, ::every]) for a in arrays)
        return StepPrior(location, scale, shape, None if self.colour is None else colour)

    def residual(self, plane: int, known: Values) -> Values:
        """(N,) value minus location of a plane that is known, as are those before it."""
        residual: Values = known[plane] * ONE - self.located(plane, known)
        return residual

    def tables(self, plane: int, location: Values) -> tuple[Values, Values, Values]:
        """Width class, first cell of the table's row and integer shift of the coupling for each latent."""
        classes, cells, shift = np.empty_like(location), np.empty_like(location), np.empty_like(location)
        _tables(location, self.scale[plane], self.shape[plane], OF_SCALE, classes, cells, shift)
        return classes, cells, shift


Step = tuple[int, int, StepPrior, Values]  # level, group, prior, values (C, N)


class Visitor(Protocol):
    """What a walk calls at each step."""

    def __call__(self, level: int, group: int, prior: StepPrior) -> Values:
        """(C, N) values of the step; `group` 0, 1 and 2 are the phases D, B and C, -1 the last latents."""


def squeezes(height: int, width: int, levels: int) -> list[Squeeze]:
    """The squeeze of each level of a picture, finest first."""
    out: list[Squeeze] = []
    for _ in range(levels):
        out.append(Squeeze(height, width))
        height, width = out[-1].grid
    return out


def steps(planes: Values, levels: int) -> dict[tuple[int, int], Values]:
    """What the walk codes: the values (C, N) of every coding step of (C, H, W) planes, by (level, group)."""
    out = {}
    y = torch.from_numpy(planes)[None]
    for level, squeeze in enumerate(squeezes(planes.shape[1], planes.shape[2], levels)):
        split = squeeze.forward(y).chunk(4, 1)
        for group in range(3):
            height, width = squeeze.extent(group + 1)
            out[level, group] = split[group + 1][0, :, :height, :width].reshape(len(planes), -1).numpy()
        y = split[0]
    out[levels, -1] = y.reshape(len(planes), -1).numpy()
    return out


def _bytes(padded: Values) -> Tensor:
    """Padded planes as the network sees them: (1, 3, h, w) uint8, clamped; planes that there are not, at zero."""
    seen = np.full((3, *padded.shape[1:]), 128, np.uint8)
    for plane, offset in zip(range(len(padded)), (0, 128, 128), strict=False):
        np.clip(padded[plane] + offset, 0, 255, out=seen[plane], casting="unsafe")
    return torch.from_numpy(seen)[None]


def _interpolated(padded: list[Values], group: int) -> Values:
    """Sum of the four nearest known neighbours, from phases padded by one cell on all sides."""
    a = padded[0]
    if group == 0:
        return a[:, 1:-1, 1:-1] + a[:, 1:-1, 2:] + a[:, 2:, 1:-1] + a[:, 2:, 2:]
    d = padded[1]
    if group == 1:
        return a[:, 1:-1, 1:-1] + a[:, 1:-1, 2:] + d[:, :-2, 1:-1] + d[:, 1:-1, 1:-1]
    return a[:, 1:-1, 1:-1] + a[:, 2:, 1:-1] + d[:, 1:-1, :-2] + d[:, 1:-1, 1:-1]


def _prior(head: NDArray[np.int32], base: Values, planes: int) -> StepPrior:
    """The head's fixed point to tables' indices; `head` (12, h, w) and `base` (C, h, w), cropped to what exists."""
    flat = head.reshape(12, -1)
    location = flat[:planes] + base.reshape(planes, -1) * (ONE // 4)
    scale = np.clip(flat[3 : 3 + planes] + SCALE_STEPS // 2 - SCALE_MIN * SCALE_STEPS, 0, SCALES - 1)
    shape = np.clip(flat[6 : 6 + planes] + SHAPE_STEPS, 0, SHAPES - 1)
    colour = np.clip(flat[9:12], -64, 64) if planes == 3 else None
    return StepPrior(location, scale, shape, colour)


def _last_prior(last: Values, planes: int, count: int) -> StepPrior:
    """The prior of the last latents: the same for each of `count` pixels. `last` is (3, 3): see `Flow`."""
    location, scale, shape = (np.repeat(last[i, :planes, None], count, 1) for i in range(3))
    return StepPrior(location, scale, shape, np.zeros((3, count), np.int32) if planes == 3 else None)


def walk(networks: Sequence[ExactNetwork], last: Values, shape: tuple[int, int, int], visit: Visitor) -> Values:
    """Visit every coding step of a picture of `shape` (C, H, W), C 1 or 3, coarse to fine; return its planes.

    Args:
        networks: the network of each level, finest first.
        last: the prior of the last latents.
        shape: of the planes G, R-G, B-G, or of G alone.
        visit: gives the values.

    Returns:
        (C, H, W) int32 planes.
    """
    planes, *size = shape
    levels = len(networks)
    stack = squeezes(size[0], size[1], levels)
    height, width = stack[-1].grid
    y = visit(levels, -1, _last_prior(last, planes, height * width)).reshape(planes, height, width)
    trunk: Tensor | None = None
    for level in reversed(range(levels)):
        squeeze, network = stack[level], networks[level]
        if trunk is not None:
            trunk = network.upsample(trunk, *squeeze.grid)
        phases, padded, inputs = [y], [], []
        for group in range(3):
            padded.append(np.pad(phases[-1], ((0, 0), (1, 1), (1, 1)), mode="edge"))
            inputs.append(_bytes(padded[-1]))
            trunk, head = network.step(group, torch.cat(inputs, 1), trunk)
            height, width = squeeze.extent(group + 1)
            crop = np.s_[:, :height, :width]
            prior = _prior(head[0].cpu().numpy()[crop], _interpolated(padded, group)[crop], planes)
            prior = replace(prior, phases=tuple(phases), width=width)
            phase = phases[0].copy()  # where the picture ends before the grid, A's values stand in
            phase[crop] = visit(level, group, prior).reshape(planes, height, width)
            phases.append(phase)
        y = squeeze.inverse(torch.from_numpy(np.concatenate(phases))[None])[0].numpy()
    return y


def record(flow: Flow, planes: Values) -> list[Step]:
    """What the networks say of each coding step of known (C, H, W) planes, and the step's values."""
    values = steps(planes, flow.config.levels)
    out: list[Step] = []

    def visit(level: int, group: int, prior: StepPrior) -> Values:
        out.append((level, group, prior, values[level, group]))
        return values[level, group]

    flow.walk(planes.shape, visit)
    return out
