"""The encoder's fit of corrections: least squares, reweighted to care for absolute errors.

Sums of integers and one sequence of binary64 operations: the same corrections on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled, compiled_sums
from idfcodec.flow.exact.tables import COLOUR_BITS, SCALE_MIN, SCALE_STEPS, SCALES, SHAPE_STEPS
from idfcodec.flow.hierarchical.config import Search
from idfcodec.flow.hierarchical.correction import (
    COEFFICIENT_BITS,
    NEIGHBOURS,
    SLOPE_BITS,
    Correction,
    Part,
    extended_phases,
    log2,
)
from idfcodec.flow.hierarchical.walk import StepPrior, Values

__all__ = ["Known", "fit"]

# Numbers of `exact.tables` and `correction`, repeated for the loops below: see `compiled`.
ONE, REACH = 16, 2
CLIP = 2**11 - 1  # sixteenths; larger differences count as this
ROUNDING, SHARPEST = 2.0**-4, 2.0**-6  # squares of values
SOLUTION_BITS = 12  # of a fit, before it is rounded


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
        wanted = log2(max(mean * mean - ROUNDING, SHARPEST)) / 2 - log2(tail) - 0.4712 - SCALE_MIN
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
            _features(some, extended_phases(prior, plane), table, prior.width, errors, residuals, out[start:cut])
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
