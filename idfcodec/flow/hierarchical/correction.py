"""Corrections of the network by a tile's own statistics, fitted by the encoder and sent with the tile.

What the network says of a plane of a coding step is moved by a linear combination of the differences d of the plane's
known neighbours from their mean, and by more or less of the residuals of the planes before it; its scale is moved, too:

    location += sum_i k_i d_i + k_0,   colour += k',   scale = a S + b,

for each class of latents, told apart by S.
Subsampled colours that were interpolated, sharpening, noise with a pattern: a network cannot know them all beforehand.
`fitting.py` fits them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled
from idfcodec.entropy import Decoder, Encoder
from idfcodec.errors import CorruptFile
from idfcodec.flow.exact.tables import SCALE_STEPS, SCALES
from idfcodec.flow.hierarchical.walk import StepPrior, Values

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "LEVELS",
    "MOST_CLASSES",
    "Correction",
    "Corrections",
    "Part",
    "bits",
    "corrected",
    "extended_phases",
    "log2",
    "pop",
    "push",
]

ONE = 16  # as in `exact.tables`, repeated for the loop below: see `compiled`
LEVELS = 2  # the finest levels, whose steps may be corrected
COEFFICIENT_BITS = 6
SLOPE_BITS = 5
MOST_CLASSES = 4

# Neighbours of D, B and C: phase, row and column of the cell from that of the pixel. The first four are the nearest.
_OF_D = "A0+0 A0+1 A1+0 A1+1  A-1+0 A-1+1 A2+0 A2+1  A0-1 A1-1 A0+2 A1+2"
_OF_B = "A0+0 A0+1 D-1+0 D0+0  A-1+0 A-1+1 A1+0 A1+1  D-1-1 D0-1 D-1+1 D0+1"
_OF_C = "A0+0 A1+0 D0-1 D0+0  D-1-1 D-1+0 D1-1 D1+0  A0-1 A0+1 A1-1 A1+1  B0-1 B0+0 B1-1 B1+0"
NEIGHBOURS: tuple[NDArray[np.int32], ...] = tuple(
    np.array([("ADB".index(name[0]), int(name[1:-2]), int(name[-2:])) for name in names.split()], np.int32)
    for names in (_OF_D, _OF_B, _OF_C)
)
REACH = 2  # cells by which the known phases are extended, edges repeated


@dataclass(frozen=True)
class Part:
    """Of the latents of one class.

    Args:
        coefficients: of each neighbour, of 1/4, and of the residual of each plane before: int32 in [-128, 127], in
            units of 2**-COEFFICIENT_BITS, the residuals' of 2**-COLOUR_BITS.
        slope, offset: of the scale, in units of 2**-SLOPE_BITS and of 1 / SCALE_STEPS; slope in [-96, 159].
    """

    coefficients: Values
    slope: int
    offset: int


@dataclass(frozen=True)
class Correction:
    """Of one plane of a coding step: a part for each class of latents, told apart by their scales.

    Args:
        thresholds: the least scale of each class but the first, ascending.
        parts: of the classes.
    """

    thresholds: tuple[int, ...]
    parts: tuple[Part, ...]

    def classes(self, scale: Values) -> Values:
        """(N,) class of each latent, from its scale before it is corrected."""
        return np.searchsorted(np.array(self.thresholds, np.int32), scale, side="right").astype(np.int32)


Corrections = dict[tuple[int, int, int], Correction]  # by level, group and plane


@compiled
def _move(
    location: Values, phases: Values, table: Values, width: int, classes: Values, coefficients: Values, out: Values
) -> None:
    moved = np.zeros((len(coefficients), width), np.int32)
    for row in range(len(location) // width):
        moved[:] = 0
        for c in range(len(coefficients)):
            total = np.int32(0)
            for i in range(len(table)):
                total += coefficients[c, i]
            for i in range(len(table)):
                weight = np.int32(4 * coefficients[c, i] - (total if i < 4 else 0))
                line = phases[table[i, 0], row + table[i, 1] + REACH]
                start = table[i, 2] + REACH
                for j in range(width):
                    moved[c, j] += weight * line[start + j]
        for j in range(width):
            n = row * width + j
            # differences are quarters of a value, locations sixteenths
            by = (moved[classes[n], j] + 4 * coefficients[classes[n], len(table)]) * (ONE // 4)
            out[n] = location[n] + ((by + (1 << COEFFICIENT_BITS >> 1)) >> COEFFICIENT_BITS)


def log2(x: float) -> float:
    """Of a positive number, piecewise linear: the same on every machine."""
    mantissa, exponent = math.frexp(x)
    return exponent - 2 + 2 * mantissa


# Weights of the numbers -128 to 127 of which corrections consist: most are small.
_NUMBERS = (2**20 // (4 + np.arange(-128, 128) ** 2)).astype(np.float64)
_BITS = np.array([log2(_NUMBERS.sum() / weight) for weight in _NUMBERS])


def extended_phases(prior: StepPrior, plane: int) -> Values:
    known = np.stack([phase[plane] for phase in prior.phases])
    return np.pad(known, ((0, 0), (REACH, REACH), (REACH, REACH)), mode="edge")


def corrected(prior: StepPrior, group: int, plane: int, correction: Correction) -> StepPrior:
    """What is said of a step once a plane of it is corrected."""
    table = NEIGHBOURS[group]
    classes = correction.classes(prior.scale[plane])
    coefficients = np.stack([part.coefficients for part in correction.parts])
    location, scale = prior.location.copy(), prior.scale.copy()
    _move(
        prior.location[plane], extended_phases(prior, plane), table, prior.width, classes, coefficients, location[plane]
    )
    slopes, offsets = (np.array([getattr(p, name) for p in correction.parts]) for name in ("slope", "offset"))
    scales = np.arange(SCALES)[:, None] * slopes + (offsets << SLOPE_BITS) // SCALE_STEPS + (1 << SLOPE_BITS >> 1)
    scale[plane] = np.clip(scales >> SLOPE_BITS, 0, SCALES - 1).astype(np.int32)[scale[plane], classes]
    if not plane or prior.colour is None:
        return replace(prior, location=location, scale=scale)
    colour = prior.colour.copy()
    colour[plane - 1 : 2 * plane - 1] += coefficients[:, len(table) + 1 :].T[:, classes]
    return replace(prior, location=location, scale=scale, colour=colour)


def _keys(planes: int) -> Iterator[tuple[int, int, int]]:
    for level in reversed(range(LEVELS)):
        for group in range(3):
            for plane in range(planes):
                yield level, group, plane


def numbers(corrections: Corrections, planes: int) -> list[int]:
    """A tile's corrections as integers in [-128, 127].

    Of each plane of each step the number of classes, the thresholds, and of each part slope - 2**SLOPE_BITS, offset and
    coefficients.
    """
    out: list[int] = []
    for key in _keys(planes):
        correction = corrections.get(key)
        out.append(len(correction.parts) if correction else 0)
        if correction:
            out += correction.thresholds
            for part in correction.parts:
                out += [part.slope - (1 << SLOPE_BITS), part.offset, *part.coefficients.tolist()]
    return out


def push(encoder: Encoder, corrections: Corrections, planes: int) -> None:
    """Code corrections, to be popped first."""
    symbols = np.array(numbers(corrections, planes), np.int32) + 128
    encoder.push(symbols, np.broadcast_to(_NUMBERS, (len(symbols), 256)).copy())


def bits(corrections: Corrections, planes: int) -> float:
    """What `push` takes, in bits."""
    return float(_BITS[np.array(numbers(corrections, planes)) + 128].sum())


def pop(decoder: Decoder, planes: int) -> Corrections:
    """The corrections that were pushed last.

    Raises:
        CorruptFile: there are none such.
    """

    def take(count: int) -> list[int]:
        out: list[int] = (decoder.pop(np.broadcast_to(_NUMBERS, (count, 256)).copy()) - 128).tolist()
        return out

    corrections: Corrections = {}
    for key in _keys(planes):
        _, group, plane = key
        (classes,) = take(1)
        if not 0 <= classes <= MOST_CLASSES:
            raise CorruptFile("a tile has a wrong number of classes of corrections")
        if not classes:
            continue
        thresholds = tuple(take(classes - 1)) if classes > 1 else ()
        if list(thresholds) != sorted(set(thresholds)):
            raise CorruptFile("a tile's classes of corrections are not in order")
        parts = []
        for _ in range(classes):
            slope, offset, *coefficients = take(3 + len(NEIGHBOURS[group]) + plane)
            parts.append(Part(np.array(coefficients, np.int32), slope + (1 << SLOPE_BITS), offset))
        corrections[key] = Correction(thresholds, tuple(parts))
    return corrections
