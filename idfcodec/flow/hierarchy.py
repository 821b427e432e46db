"""The walk through the levels: which integers the networks see, in which order, and what they say of each latent.

One walk serves everything. A *visitor* is shown each coding step's prior, from the coarsest level to the finest, and
answers with the values of that step: known ones when it encodes or measures, decoded or drawn ones otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idfcodec.flow.exact import ExactNetwork
from idfcodec.flow.prior import CLASSES, LOCATION_BITS, SCALE_MIN, SCALE_STEPS, SCALES, SHAPE_STEPS, SHAPES

__all__ = ["COLOUR_BITS", "StepPrior", "Values", "Visitor", "offsets", "phase", "sizes", "walk"]

COLOUR_BITS = 5
ONE = 1 << LOCATION_BITS
Values = NDArray[np.int32]
PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))  # rows and columns of A, D, B, C
LOWEST = (0, -255, -255)  # of G, R-G, B-G
HIGHEST = 255

_CLASS_OF = np.concatenate([np.full(c.scales, i, np.int32) for i, c in enumerate(CLASSES)])
_BITS_OF = np.array([CLASSES[i].location_bits for i in _CLASS_OF], np.int32)
_FIRST_OF = np.array([CLASSES[i].first for i in _CLASS_OF], np.int32)


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

    def located(self, plane: int, known: list[Values]) -> Values:
        """(N,) location of `plane` once the planes before it have the values `known`, each (N,)."""
        location = self.location[plane]
        if plane and self.colour is not None:
            moved = (self.colour[plane - 1] * self.residual(0, known)).astype(np.int32)
            if plane == 2:
                moved += self.colour[2] * self.residual(1, known)
            location = location + ((moved + (1 << COLOUR_BITS >> 1)) >> COLOUR_BITS)
        return np.clip(location, LOWEST[plane] * ONE, HIGHEST * ONE)

    def residual(self, plane: int, known: list[Values]) -> Values:
        """(N,) value minus location of a plane that is known."""
        return known[plane] * ONE - self.located(plane, known)

    def tables(self, plane: int, location: Values) -> tuple[Values, Values, Values]:
        """Width class, row of its table and integer shift of the coupling for each latent, given its location."""
        scale = self.scale[plane]
        bits = _BITS_OF[scale]
        drop = LOCATION_BITS - bits
        steps = (location + ((1 << drop) >> 1)) >> drop
        half = (1 << bits) >> 1
        shift = (steps + half) >> bits
        fraction = steps - (shift << bits) + half
        row = (((scale - _FIRST_OF[scale]) * SHAPES + self.shape[plane]) << bits) + fraction
        return _CLASS_OF[scale], row, shift


class Visitor(Protocol):
    """What a walk calls at each step."""

    def __call__(self, level: int, group: int, prior: StepPrior) -> Values:
        """(C, N) values of the step; `group` 0, 1 and 2 are the phases D, B and C, -1 the last latents."""


def sizes(height: int, width: int, levels: int) -> list[tuple[int, int]]:
    """(height, width) of each level's picture: halves, rounded up."""
    out = [(height, width)]
    for _ in range(levels):
        height, width = -(-height // 2), -(-width // 2)
        out.append((height, width))
    return out


def phase(y: Values, group: int) -> Values:
    """The phase that coding step `group` writes, a view of (..., H, W); -1 is phase A."""
    row, column = PHASES[group + 1]
    return y[..., row::2, column::2]


def offsets(planes: int) -> NDArray[np.int32]:
    """(planes, 1, 1): what makes each plane's values bytes for the network, which sees them clamped to [0, 255]."""
    return np.array([0, 128, 128][:planes], np.int32).reshape(-1, 1, 1)


def _full(known: Values, group: int, a: Values) -> Values:
    """A phase on the whole grid: where the picture ends before it, the value of A in the same cell."""
    out = a.copy()
    out[:, : known.shape[1], : known.shape[2]] = known
    return out


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


def last_prior(last: Values, planes: int, count: int) -> StepPrior:
    """The prior of the last latents: the same for each of `count` pixels. `last` is (3, 3): see `Flow`."""
    location, scale, shape = (np.repeat(last[i, :planes, None], count, 1) for i in range(3))
    return StepPrior(location, scale, shape, np.zeros((3, count), np.int32) if planes == 3 else None)


def walk(
    networks: Callable[[int], ExactNetwork], levels: int, last: Values, shape: tuple[int, int, int], visit: Visitor
) -> Values:
    """Visit every coding step of a picture of `shape` (C, H, W), C 1 or 3, coarse to fine; return its planes.

    Args:
        networks: the network of each level.
        levels: how many.
        last: the prior of the last latents.
        shape: of the planes G, R-G, B-G, or of G alone.
        visit: gives the values.

    Returns:
        (C, H, W) int32 planes.
    """
    planes, *size = shape
    grid = sizes(size[0], size[1], levels)
    y = visit(levels, -1, last_prior(last, planes, grid[-1][0] * grid[-1][1])).reshape(planes, *grid[-1])
    trunk: Tensor | None = None
    for level in reversed(range(levels)):
        a, (height, width) = y, grid[level]
        y = np.empty((planes, height, width), np.int32)
        phase(y, -1)[:] = a
        cells = a.shape[1:]
        network = networks(level)
        if trunk is not None:
            trunk = network.upsample(trunk, *cells)
        padded: list[Values] = []
        inputs: list[Tensor] = []
        for group in range(3):
            known = a if group == 0 else _full(phase(y, group - 1), group - 1, a)
            padded.append(np.pad(known, ((0, 0), (1, 1), (1, 1)), mode="edge"))
            seen = np.full((3, *padded[0].shape[1:]), 128, np.uint8)
            np.clip(padded[-1] + offsets(planes), 0, 255, out=seen[:planes], casting="unsafe")
            inputs.append(torch.from_numpy(seen)[None])
            trunk, head = network.step(group, torch.cat(inputs, 1), trunk)
            target = phase(y, group)
            crop = np.s_[:, : target.shape[1], : target.shape[2]]
            base = _interpolated(padded, group)[crop]
            prior = _prior(head[0].cpu().numpy()[crop], base, planes)
            target[:] = visit(level, group, prior).reshape(target.shape)
    return y
