"""Corrections of the network by a tile's own statistics, fitted by the encoder and sent with the tile.

What the network says of a plane of a coding step is moved by a linear combination of the differences d of the plane's
known neighbours from their mean, and by more or less of the residuals of the planes before it; its scale is moved, too:

    location += sum_i k_i d_i + k_0,   colour += k',   scale = a S + b,

for each class of latents, told apart by S.
Subsampled colours that were interpolated, sharpening, noise with a pattern: a network cannot know them all beforehand.
The fit is least squares, reweighted to care for absolute errors, in sums of integers and one sequence of binary64
operations: the same corrections on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled, compiled_sums
from idfcodec.entropy import Decoder, Encoder
from idfcodec.errors import CorruptFile
from idfcodec.flow.exact.tables import SCALE_MIN, SCALE_STEPS, SCALES, SHAPE_STEPS
from idfcodec.flow.hierarchical.walk import COLOUR_BITS, ONE, StepPrior, Values

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "LEVELS",
    "MOST_CLASSES",
    "Correction",
    "Corrections",
    "Known",
    "Part",
    "Search",
    "bits",
    "corrected",
    "fit",
    "pop",
    "push",
]

LEVELS = 2  # the finest levels, whose steps may be corrected
COEFFICIENT_BITS = 6
SLOPE_BITS = 5
CLIP = 2**11 - 1  # sixteenths; larger differences count as this
ROUNDING, SHARPEST = 2.0**-4, 2.0**-6  # squares of values
MOST_CLASSES = 4
SOLUTION_BITS = 12  # of a fit, before it is rounded

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
def _differences(phases: Values, table: Values, row: int, column: int, out: Values) -> None:
    """Each neighbour's difference from the mean of the four nearest, in quarters, and 4 at the end."""
    mean = 0
    for i in range(4):
        mean += phases[table[i, 0], row + table[i, 1] + REACH, column + table[i, 2] + REACH]
    for i in range(len(table)):
        out[i] = 4 * phases[table[i, 0], row + table[i, 1] + REACH, column + table[i, 2] + REACH] - mean
    out[len(table)] = 4


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


@compiled
def _features(
    where: Values,
    phases: Values,
    table: Values,
    width: int,
    errors: Values,
    residuals: Values,
    out: NDArray[np.float64],
) -> None:
    """(N, features + 1) of the latents at `where`: differences, 1, residuals and errors, in sixteenths."""
    differences = np.empty(len(table) + 1, np.int32)
    count = len(table) + 1
    for i in range(len(where)):
        n = where[i]
        _differences(phases, table, n // width, n % width, differences)
        for j in range(count):
            out[i, j] = min(max(differences[j] * (ONE // 4), -CLIP), CLIP)
        for j in range(len(residuals)):
            out[i, count + j] = min(max(residuals[j, n], -CLIP), CLIP)
        out[i, count + len(residuals)] = errors[n]


@compiled_sums
def _normal_equations(
    features: NDArray[np.float64], sizes: Values, solution: Values, matrix: NDArray[np.float64]
) -> None:
    """Sums of products of the features, the error last, weighted by what the solution leaves of the error.

    Exact, since they are of integers and below 2**53: the weights are below 2**13, features below 2**11.
    """
    count = features.shape[1] - 1
    for n in range(len(features)):
        left = features[n, count]
        moved = np.int64(0)
        for i in range(count):
            moved += solution[i] * np.int64(features[n, i])
        reach = min(4 * sizes[n], CLIP)
        rest = min(abs(np.int64(left) - (moved >> SOLUTION_BITS)), reach)
        weight = np.float64((1 << 16) // ((sizes[n] + 2) * (rest + sizes[n] + 2)) + 1)
        left = min(max(left, -reach), reach)
        for i in range(count):
            product = weight * features[n, i]
            for j in range(i + 1):
                matrix[i, j] += product * features[n, j]
        product = weight * left
        for j in range(count):
            matrix[count, j] += product * features[n, j]


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


# Weights of the numbers -128 to 127 of which corrections consist: most are small.
_NUMBERS = (2**20 // (4 + np.arange(-128, 128) ** 2)).astype(np.float64)
_BITS = np.array([_log2(_NUMBERS.sum() / weight) for weight in _NUMBERS])


def _fit_scale(errors: Values, scales: Values, shapes: Values) -> tuple[int, int]:
    """Slope and offset of the line through the scales that the errors of each scale ask for."""
    total = np.bincount(scales, np.minimum(np.abs(errors), 2**15), SCALES)
    count = np.bincount(scales, minlength=SCALES)
    # A heavy tail makes the mean absolute value larger than the scale says: up to 1/2 + 4/2 times.
    tails = np.bincount(scales, 2 * SHAPE_STEPS + 3 * np.maximum(shapes - SHAPE_STEPS, 0), SCALES)
    sums = [0.0] * 5
    for s in np.flatnonzero(count):
        # Rounding alone makes a mean absolute error of a quarter; that of a logistic is 2 ln 2 times its scale.
        mean = float(total[s]) / float(count[s]) / ONE
        tail = float(tails[s]) / float(count[s]) / (2 * SHAPE_STEPS)
        wanted = _log2(max(mean * mean - ROUNDING, SHARPEST)) / 2 - _log2(tail) - 0.4712 - SCALE_MIN
        wanted = wanted * SCALE_STEPS
        n = float(count[s])
        for i, term in enumerate((n, n * s, n * s * s, n * wanted, n * s * wanted)):
            sums[i] += term
    n, x, xx, y, xy = sums
    spread = xx * n - x * x
    prior = 16.0 * n * n  # a sixteenth of an octave's variance of belief in a slope of 1
    slope = (xy * n - x * y + prior) / (spread + prior)
    fixed = min(max(int(slope * 2**SLOPE_BITS + 0.5), 1), 127)
    offset = (y - x * fixed / 2**SLOPE_BITS) / n if n else 0.0
    return fixed, min(max(int(np.floor(offset * SCALE_STEPS + 0.5)), -128), 127)


def _phases(prior: StepPrior, plane: int) -> Values:
    known = np.stack([phase[plane] for phase in prior.phases])
    return np.pad(known, ((0, 0), (REACH, REACH), (REACH, REACH)), mode="edge")


@dataclass(frozen=True)
class Search:
    """How hard the encoder looks; part of a model, so that a picture has one file.

    Args:
        classes: numbers of classes of corrections to try for each plane of a step, in this order, until one pays.
        samples: latents of a step that a fit looks at.
        rounds: of reweighting.
        weights: the weights to try, see `adaptive.Switches`.
    """

    classes: tuple[int, ...] = (2, 1)
    samples: int = 2**12
    rounds: int = 2
    weights: int = 7


Known = Sequence[tuple[StepPrior, Values]]  # a step of one or more pictures: what is said of it, and its values (C, N)


def _gathered(where: Values, known: Known, group: int, plane: int) -> tuple[NDArray[np.float64], Values, Values]:
    """Features of the latents at `where`, counted through the pictures, see `_features`; their scales and shapes."""
    table = NEIGHBOURS[group]
    ends = np.cumsum([values.shape[1] for _, values in known])
    cuts = np.searchsorted(where, ends)
    out = np.empty((len(where), len(table) + 2 + plane))
    scales, shapes = np.empty(len(where), np.int32), np.empty(len(where), np.int32)
    start = 0
    for (prior, values), cut, end in zip(known, cuts.tolist(), ends.tolist(), strict=True):
        if start < cut:
            some = where[start:cut] - np.int32(end - values.shape[1])
            errors = prior.residual(plane, values)
            residuals = np.stack([prior.residual(p, values) for p in range(plane)] or [errors])[:plane]
            _features(some, _phases(prior, plane), table, prior.width, errors, residuals, out[start:cut])
            scales[start:cut], shapes[start:cut] = prior.scale[plane][some], prior.shape[plane][some]
        start = cut
    return out, scales, shapes


def fit(known: Known, group: int, plane: int, classes: int, search: Search) -> Correction:
    """The correction of a plane that suits its values in all the pictures; the planes before it are corrected."""
    table = NEIGHBOURS[group]
    scale = np.concatenate([prior.scale[plane] for prior, _ in known])
    ordered = np.sort(scale)
    thresholds = tuple(sorted({int(ordered[len(scale) * i // classes]) for i in range(1, classes)} - {int(ordered[0])}))
    of_class = Correction(thresholds, ()).classes(scale)
    parts = []
    for index in range(len(thresholds) + 1):
        where = np.flatnonzero(of_class == index).astype(np.int32)
        where = where[:: max(1, len(where) * classes // search.samples)]
        features, scales, shapes = _gathered(where, known, group, plane)
        count = features.shape[1] - 1
        solution = np.zeros(count, np.int32)
        for _ in range(search.rounds):
            matrix = np.zeros((count + 1, count + 1))
            _normal_equations(features, _SIZES[scales], solution, matrix)
            solution = (
                np.floor(_solve(matrix, 2.0**-10) * 2**SOLUTION_BITS + 0.5).clip(-(2**15), 2**15).astype(np.int32)
            )
        bits = np.full(count, COEFFICIENT_BITS)
        bits[len(table) + 1 :] = COLOUR_BITS
        coefficients = np.clip((solution + (1 << SOLUTION_BITS - bits >> 1)) >> SOLUTION_BITS - bits, -128, 127)
        moved = (features[:, :-1].astype(np.int64) @ (coefficients << SOLUTION_BITS - bits)) >> SOLUTION_BITS
        errors = features[:, -1].astype(np.int64) - moved
        parts.append(Part(coefficients.astype(np.int32), *_fit_scale(errors, scales, shapes)))
    return Correction(thresholds, tuple(parts))


def corrected(prior: StepPrior, group: int, plane: int, correction: Correction) -> StepPrior:
    """What is said of a step once a plane of it is corrected."""
    table = NEIGHBOURS[group]
    classes = correction.classes(prior.scale[plane])
    coefficients = np.stack([part.coefficients for part in correction.parts])
    location, scale = prior.location.copy(), prior.scale.copy()
    _move(prior.location[plane], _phases(prior, plane), table, prior.width, classes, coefficients, location[plane])
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
