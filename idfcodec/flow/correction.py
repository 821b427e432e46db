"""Corrections of the network by a tile's own statistics, fitted by the encoder and sent with the tile.

What the network says of a plane of a coding step is moved by a linear combination of the differences d of the plane's
known neighbours from their mean, and by more or less of the residuals of the planes before it; its scale is moved, too:

    location += (sum_i k_i d_i + k_0) / 2**COEFFICIENT_BITS,   colour += k',   scale = (a S + b) / 2**SLOPE_BITS

Subsampled colours that were interpolated, sharpening, noise with a pattern: a network cannot know them all beforehand.
The fit is least squares, reweighted to care for absolute errors, in sums of integers and one sequence of binary64
operations: the same corrections on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile
from idfcodec.flow.compiled import compiled, compiled_sums
from idfcodec.flow.hierarchy import ONE, StepPrior, Values
from idfcodec.flow.prior import SCALE_MIN, SCALE_STEPS, SCALES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LEVELS", "Correction", "Corrections", "corrected", "fit", "parse", "serialise"]

LEVELS = 2  # the finest levels, whose steps may be corrected
COEFFICIENT_BITS = 6
SLOPE_BITS = 5
SAMPLES = 2**13  # of a step that a fit looks at
ROUNDS = 3
CLIP = 2**11 - 1  # sixteenths; larger differences count as this
ROUNDING, SHARPEST = 2.0**-4, 2.0**-6  # squares of values
NONE = 0  # slope of the scale of a plane that is not corrected

# Neighbours of D, B and C: phase, row and column of the cell from that of the pixel. The first four are the nearest.
_A, _D, _B = 0, 1, 2
NEIGHBOURS: tuple[NDArray[np.int32], ...] = tuple(
    np.array(table, np.int32)
    for table in (
        [(_A, 0, 0), (_A, 0, 1), (_A, 1, 0), (_A, 1, 1), (_A, -1, 0), (_A, -1, 1), (_A, 2, 0), (_A, 2, 1)]
        + [(_A, 0, -1), (_A, 1, -1), (_A, 0, 2), (_A, 1, 2)],
        [(_A, 0, 0), (_A, 0, 1), (_D, -1, 0), (_D, 0, 0), (_A, -1, 0), (_A, -1, 1), (_A, 1, 0), (_A, 1, 1)]
        + [(_D, -1, -1), (_D, 0, -1), (_D, -1, 1), (_D, 0, 1)],
        [(_A, 0, 0), (_A, 1, 0), (_D, 0, -1), (_D, 0, 0), (_D, -1, -1), (_D, -1, 0), (_D, 1, -1), (_D, 1, 0)]
        + [(_A, 0, -1), (_A, 0, 1), (_A, 1, -1), (_A, 1, 1), (_B, 0, -1), (_B, 0, 0), (_B, 1, -1), (_B, 1, 0)],
    )
)
REACH = 2  # cells by which the known phases are extended, edges repeated


@dataclass(frozen=True)
class Correction:
    """Of one plane of a coding step.

    Args:
        coefficients: one for each neighbour and one for 1/4, int32 in [-128, 127], units of 2**-COEFFICIENT_BITS.
        colour: (2,) int32 in [-128, 127], added to the weights of the residuals of G and R-G.
        slope, offset: of the scale; slope in [1, 255].
    """

    coefficients: Values
    colour: Values
    slope: int
    offset: int


Corrections = dict[tuple[int, int, int], Correction]  # by level, group and plane


@compiled
def _differences(phases: Values, table: Values, row: int, column: int, out: Values) -> None:
    """Each neighbour's difference from the mean of the four nearest, in quarters, and 4 at the end."""
    mean = 0
    for i in range(4):
        mean += phases[table[i, 0], row + table[i, 1] + REACH, column + table[i, 2] + REACH]
    for i in range(len(table)):
        out[i] = 4 * phases[table[i, 0], row + table[i, 1] + REACH, column + table[i, 2] + REACH] - mean
    out[len(table)] = 4


@compiled
def _move(location: Values, phases: Values, table: Values, width: int, coefficients: Values) -> Values:
    out = np.empty_like(location)
    differences = np.empty(len(table) + 1, np.int32)
    for n in range(len(location)):
        _differences(phases, table, n // width, n % width, differences)
        moved = 0
        for i in range(len(differences)):
            moved += coefficients[i] * differences[i]
        # differences are quarters of a value, locations sixteenths
        out[n] = location[n] + ((moved * (ONE // 4) + (1 << COEFFICIENT_BITS >> 1)) >> COEFFICIENT_BITS)
    return out


@compiled_sums
def _normal_equations(
    errors: Values,
    fitted: Values,
    scales: Values,
    sizes: Values,
    phases: Values,
    table: Values,
    width: int,
    residuals: Values,
    every: int,
    matrix: NDArray[np.float64],
) -> None:
    """Sums of products of the features, the error last, weighted; exact, since they are integers below 2**53."""
    count = len(table) + 1 + len(residuals)
    features = np.zeros(count + 1, np.int32)
    for n in range(0, len(errors), every):
        _differences(phases, table, n // width, n % width, features)
        for i in range(len(table) + 1):  # in sixteenths, as locations are
            features[i] = min(max(features[i] * (ONE // 4), -CLIP), CLIP)
        for i in range(len(residuals)):
            features[len(table) + 1 + i] = min(max(residuals[i, n], -CLIP), CLIP)
        size = sizes[scales[n]]
        reach = min(4 * size, CLIP)
        features[count] = min(max(errors[n], -reach), reach)
        weight = np.float64((1 << 16) // ((size + 2) * (min(abs(fitted[n]), reach) + size + 2)) + 1)
        for i in range(count + 1):
            product = weight * features[i]
            for j in range(i + 1):
                matrix[i, j] += product * features[j]


@compiled
def _solve(matrix: NDArray[np.float64], ridge: float) -> NDArray[np.float64]:
    """Least squares by Cholesky's decomposition of the leading part of (n + 1, n + 1) sums, the lower triangle."""
    n = len(matrix) - 1
    lower = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            value = matrix[i, j]
            if i == j:
                value = value * (1 + ridge) + 1.0
            for k in range(j):
                value = value - lower[i, k] * lower[j, k]
            lower[i, j] = np.sqrt(max(value, 1e-3)) if i == j else value / lower[j, j]
    out = np.zeros(n)
    for i in range(n):
        value = matrix[n, i]
        for k in range(i):
            value = value - lower[i, k] * out[k]
        out[i] = value / lower[i, i]
    for i in range(n - 1, -1, -1):
        value = out[i]
        for k in range(i + 1, n):
            value = value - lower[k, i] * out[k]
        out[i] = value / lower[i, i]
    return out


def _sizes() -> Values:
    """(SCALES,) the scales in sixteenths of a value, rounded; from the mantissas of the quarter octaves."""
    mantissas = (65536, 77936, 92682, 110218)  # 2**16 times 2**(i / 4)
    sizes = [max(1, (mantissas[s % 4] << (s // 4 + 6)) >> (22 - SCALE_MIN - 4)) for s in range(SCALES)]
    return np.array(sizes, np.int32)


_SIZES = _sizes()


def _log2(x: float) -> float:
    """Of a positive number, piecewise linear: the same on every machine."""
    mantissa, exponent = math.frexp(x)
    return exponent - 2 + 2 * mantissa


def _fit_scale(errors: Values, scales: Values) -> tuple[int, int]:
    """Slope and offset of the line through the scales that the errors of each scale ask for."""
    total = np.bincount(scales, np.minimum(np.abs(errors), 2**15), SCALES)
    count = np.bincount(scales, minlength=SCALES)
    sums = [0.0] * 5
    for s in np.flatnonzero(count):
        # Rounding alone makes a mean absolute error of a quarter; that of a logistic is 2 ln 2 times its scale.
        mean = float(total[s]) / float(count[s]) / ONE
        wanted = (_log2(max(mean * mean - ROUNDING, SHARPEST)) / 2 - 0.4712 - SCALE_MIN) * SCALE_STEPS
        n = float(count[s])
        for i, term in enumerate((n, n * s, n * s * s, n * wanted, n * s * wanted)):
            sums[i] += term
    n, x, xx, y, xy = sums
    spread = xx * n - x * x
    prior = 16.0 * n * n  # a sixteenth of an octave's variance of belief in a slope of 1
    slope = (xy * n - x * y + prior) / (spread + prior)
    fixed = min(max(int(slope * 2**SLOPE_BITS + 0.5), 1), 255)
    offset = (y - x * fixed / 2**SLOPE_BITS) / n if n else 0.0
    return fixed, min(max(int(np.floor(offset * SCALE_STEPS + 0.5)), -128), 127)


def _phases(prior: StepPrior, plane: int) -> Values:
    known = np.stack([phase[plane] for phase in prior.phases])
    return np.pad(known, ((0, 0), (REACH, REACH), (REACH, REACH)), mode="edge")


def _scaled(scale: Values, slope: int, offset: int) -> Values:
    moved = (scale * slope + (offset << SLOPE_BITS) // SCALE_STEPS + (1 << SLOPE_BITS >> 1)) >> SLOPE_BITS
    return np.clip(moved, 0, SCALES - 1).astype(np.int32)


def fit(prior: StepPrior, group: int, plane: int, values: Values) -> Correction:
    """The correction of a plane that suits its `values` (C, N); the planes before it are corrected in `prior`."""
    table = NEIGHBOURS[group]
    phases = _phases(prior, plane)
    known = [values[p] for p in range(plane)]
    errors = values[plane] * ONE - prior.located(plane, known)
    residuals = np.stack([prior.residual(p, known) for p in range(plane)] or [np.zeros_like(errors)])[:plane]
    fitted = errors
    every = max(1, len(errors) // SAMPLES)
    features = len(table) + 1
    for _ in range(ROUNDS):
        matrix = np.zeros((features + plane + 1,) * 2)
        _normal_equations(
            errors, fitted, prior.scale[plane], _SIZES, phases, table, prior.width, residuals, every, matrix
        )
        solution = _solve(matrix, 2.0**-10)
        coefficients = np.clip(np.floor(solution[:features] * 2**COEFFICIENT_BITS + 0.5), -128, 127).astype(np.int32)
        colour = np.zeros(2, np.int32)
        colour[:plane] = np.clip(np.floor(solution[features:] * 32 + 0.5), -128, 127)
        trial = replace(prior, **_moved(prior, group, plane, Correction(coefficients, colour, 1 << SLOPE_BITS, 0)))
        fitted = values[plane] * ONE - trial.located(plane, known)
    return Correction(coefficients, colour, *_fit_scale(fitted[::every], prior.scale[plane][::every]))


def _moved(prior: StepPrior, group: int, plane: int, correction: Correction) -> dict[str, Values]:
    location = prior.location.copy()
    phases = _phases(prior, plane)
    location[plane] = _move(location[plane], phases, NEIGHBOURS[group], prior.width, correction.coefficients)
    scale = prior.scale.copy()
    scale[plane] = _scaled(scale[plane], correction.slope, correction.offset)
    parts = {"location": location, "scale": scale}
    if plane and prior.colour is not None:
        colour = prior.colour.copy()
        for i in range(plane):
            colour[plane - 1 + i] += correction.colour[i]
        parts["colour"] = colour
    return parts


def corrected(prior: StepPrior, level: int, group: int, corrections: Corrections) -> StepPrior:
    """What is said of a step once its planes' corrections are made."""
    for plane in range(len(prior.location)):
        correction = corrections.get((level, group, plane))
        if correction is not None:
            prior = replace(prior, **_moved(prior, group, plane, correction))
    return prior


def _keys(planes: int) -> Iterator[tuple[int, int, int]]:
    for level in reversed(range(LEVELS)):
        for group in range(3):
            for plane in range(planes):
                yield level, group, plane


def serialise(corrections: Corrections, planes: int) -> bytes:
    """The bytes of a tile's corrections: of each plane of each step the slope, then the rest if it is not 0."""
    out = bytearray()
    for key in _keys(planes):
        correction = corrections.get(key)
        if correction is None:
            out.append(NONE)
            continue
        out.append(correction.slope)
        parts = [[correction.offset], correction.coefficients, correction.colour[: key[2]]]
        out += np.concatenate(parts).astype(np.int8).tobytes()
    return bytes(out)


def parse(data: bytes | memoryview, planes: int) -> tuple[Corrections, int]:
    """The corrections at the start of `data`, and how many bytes they take.

    Raises:
        CorruptFile: the data ends within them.
    """
    corrections: Corrections = {}
    position = 0
    for key in _keys(planes):
        _, group, plane = key
        features = len(NEIGHBOURS[group]) + 1
        slope = data[position] if position < len(data) else NONE
        position += 1
        if slope != NONE:
            numbers = np.frombuffer(data[position : position + 1 + features + plane], np.int8).astype(np.int32)
            position += 1 + features + plane
            if position <= len(data):
                colour = np.zeros(2, np.int32)
                colour[:plane] = numbers[1 + features :]
                corrections[key] = Correction(numbers[1 : 1 + features], colour, slope, int(numbers[0]))
        if position > len(data):
            raise CorruptFile("a tile ends within its corrections")
    return corrections, position
