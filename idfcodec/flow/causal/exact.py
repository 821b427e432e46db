"""A causal model as its kernels take it: the arrays of each plane, their bounds proved; and one call a plane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import ModelError
from idfcodec.flow.causal.config import (
    ACTIVATION_BITS,
    COMPONENTS,
    INPUT_BITS,
    OUTPUT_BITS,
    OUTPUTS,
    WEIGHT_BITS,
    CausalConfig,
)
from idfcodec.types import PlaneType, Shape

__all__ = ["Arrays", "ExactPlane", "Work", "exact_plane", "run_plane"]

Arrays = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float32]
LIMIT = 2**24  # of a sum of integers in binary32
TOP = 255  # of an activation
WIDE = 510  # what greatest and least value of a plane of 8 bits differ by; networks have seen no other planes,
MOST_UNIT = 2.5  # and of the local errors of others, which are in the hundreds, are told no more than this log2
MOST_WEIGHT = 2**15 - 1


@dataclass(frozen=True)
class ExactPlane:
    """What the kernel takes of a model for one plane; see `kernels.code_plane` for each."""

    near: NDArray[np.int64]
    counts: NDArray[np.int64]
    every: NDArray[np.int64]
    forget: Floats
    ridge: Floats
    belief: np.float32
    prior: Floats
    layers: NDArray[np.int16]
    biases: NDArray[np.int32]
    sizes: NDArray[np.int64]
    rescalings: NDArray[np.int32]
    inverse_scale: NDArray[np.int64]
    exponential: NDArray[np.int64]
    logistic: NDArray[np.int64]
    earlier: NDArray[np.int64]
    values: NDArray[np.int64]
    residuals: NDArray[np.int64]
    rates: Floats

    @property
    def inputs(self) -> int:
        """Of the network, before padding."""
        return len(self.values) + len(self.residuals) + 6 + 2 * (len(self.counts) - 1) + 2 * len(self.earlier)


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _network(config: CausalConfig, arrays: Arrays, name: str, place: int) -> tuple[Any, ...]:
    """Layers, biases, sizes and rescalings, if every sum is proved to be exact."""
    from idfcodec.flow.causal.kernels import INPUTS, WIDTH

    shapes = config.layers(place)
    padded = [(_up(inputs, INPUTS), _up(outputs, WIDTH)) for inputs, outputs in shapes]
    most_inputs, most_outputs = (max(sizes) for sizes in zip(*padded, strict=True))
    layers = np.zeros((len(shapes), most_inputs // 2, most_outputs, 2), np.int16)
    biases = np.zeros((len(shapes), most_outputs), np.int32)
    for k, (inputs, outputs) in enumerate(shapes):
        weight, bias = arrays[f"{name}.weight{k}"], arrays[f"{name}.bias{k}"]
        if (
            weight.shape != (inputs, outputs)
            or bias.shape != (outputs,)
            or {weight.dtype, bias.dtype} != {np.dtype("i4")}
        ):
            raise ModelError(f"the model's layer {k} of {name} has the wrong shape or type")
        most = TOP if k else 2 ** (INPUT_BITS + 3)
        sums = np.abs(weight.astype(np.int64)).sum(0) * most + np.abs(bias.astype(np.int64))
        if sums.max() >= LIMIT or np.abs(weight.astype(np.int64)).max() > MOST_WEIGHT:
            raise ModelError(f"the model's layer {k} of {name} is not proved to be exact")
        rows = np.zeros((padded[k][0], outputs), np.int16)
        rows[:inputs] = weight
        layers[k, : len(rows) // 2, :outputs] = rows.reshape(-1, 2, outputs).swapaxes(1, 2)
        biases[k, :outputs] = bias
    last = len(shapes) - 1
    hidden, final = (WEIGHT_BITS, 0, TOP), (WEIGHT_BITS - (OUTPUT_BITS - ACTIVATION_BITS), -LIMIT, LIMIT)
    return (
        layers.reshape(len(shapes), most_inputs // 2, 2 * most_outputs),
        biases,
        np.array(padded, np.int64),
        np.array([hidden] * last + [final], np.int32),
    )


def exact_plane(
    config: CausalConfig, arrays: Arrays, which: str, place: int, plane: int, earlier: list[int]
) -> ExactPlane:
    """Take from a model's arrays what codes plane number `plane`.

    Args:
        which: one of `SETS`.
        place, earlier: see `planes.places_of`.

    Raises:
        ModelError: an array has the wrong shape or range.
        KeyError: it is missing.
    """
    from idfcodec.flow.causal.kernels import WIDTH

    predictors = config.predictors(place)
    lists = [p.neighbours(plane, earlier) for p in predictors]
    n = config.regressors(place)
    near = np.zeros((len(lists), n, 3), np.int64)
    for k, neighbours in enumerate(lists):
        near[k, : len(neighbours)] = neighbours
    name = f"{which}{place}"
    prior = arrays[f"{name}.prior"]
    if prior.shape != (len(lists), n, n + 1) or prior.dtype != np.float32 or not np.isfinite(prior).all():
        raise ModelError(f"the model's sums of {name} have the wrong shape, type or range")
    tables = [arrays[table] for table in ("inverse_scale", "exponential", "logistic")]
    for table, (length, most) in zip(tables, ((384, 2**28), (512, 2**16), (2050, 2**30)), strict=True):
        if table.shape != (length,) or table.dtype != np.int64 or table.min() < 0 or table.max() > most:
            raise ModelError("the model's tables have the wrong shape, type or range")
    if (np.diff(tables[2]) < 0).any() or tables[1][0] != 2**16:
        raise ModelError("the model's tables are not monotonic")
    layers, biases, sizes, rescalings = _network(config, arrays, name, place)
    return ExactPlane(
        near,
        np.array([len(neighbours) for neighbours in lists], np.int64),
        np.array([p.every for p in predictors], np.int64),
        np.array([p.forget for p in predictors], np.float32),
        np.array([p.ridge for p in predictors], np.float32),
        np.float32(config.belief),
        np.ascontiguousarray(prior),
        layers,
        biases,
        sizes,
        rescalings,
        tables[0],
        tables[1],
        tables[2],
        np.array(earlier, np.int64),
        np.array(config.seen_values(plane, earlier), np.int64),
        np.array(config.seen_residuals(plane, earlier), np.int64),
        np.array([*np.repeat(config.learning, COMPONENTS), *[0] * (WIDTH - OUTPUTS)], np.float32),
    )


class Work:
    """The arrays of the planes of one size of a tile while it is coded.

    Args:
        shape: of the planes.
        planes: how many they are.
        mode: one of the modes of `kernels`.
        words: what is decoded.
        above: what is coded before these, into the same words.
        most: intervals to make room for.
    """

    def __init__(
        self,
        shape: Shape,
        planes: int,
        mode: int,
        words: NDArray[np.uint32] | None = None,
        above: Work | None = None,
        most: int = 0,
    ) -> None:
        from idfcodec.flow.causal.kernels import MARGIN

        height, width = shape
        self.mode = mode
        self.planes = np.zeros((planes, height + 2 * MARGIN, width + 2 * MARGIN), np.float32)
        self.inside = self.planes[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        self.errors = np.zeros_like(self.planes)
        self.spread = np.zeros((2 * planes, height, width), np.float32)
        self.local = np.zeros(shape, np.float32)
        self.starts, self.lengths = np.zeros(most, np.int32), np.zeros(most, np.int32)
        self.words = np.zeros(0, np.uint32) if words is None else words
        self.coder = np.zeros(3, np.uint64)
        if above is not None:
            self.words, self.coder, self.starts, self.lengths = above.words, above.coder, above.starts, above.lengths
        self.dump, self.targets = np.zeros((0, 1), np.int8), np.zeros((0, 1), np.float32)
        self.totals = np.zeros((0, 1, 1), np.float32)


def _scratch(plane: ExactPlane, width: int) -> tuple[Any, ...]:
    from idfcodec.flow.causal.kernels import LANES, MARGIN, WIDTH, ZEROS

    predictors, n = plane.near.shape[:2]
    products = n * (n + 3) // 2
    cells = -(-width // int(plane.every.min()))
    layers, outputs = plane.biases.shape
    inputs = _up(2 * plane.layers.shape[1], WIDTH)

    def zeros(*shape: int) -> Floats:
        return np.zeros(shape, np.float32)

    real = zeros(1)
    return (
        zeros(predictors, products, cells),
        zeros(n + 1, width + 4),
        zeros(n + 1, width + 4),
        zeros(products, LANES),
        zeros(LANES),
        zeros(n + 1, LANES),
        zeros(n, cells),
        zeros(predictors, cells + 2 * ZEROS),  # a row each: beyond the cells of a predictor all stays zero
        zeros(predictors, cells + 2 * ZEROS),
        zeros(predictors, width),
        zeros(predictors, 5, cells),
        zeros(predictors, 3, width + 2 * MARGIN),
        zeros(width),
        zeros(width),
        zeros(inputs),
        np.zeros(inputs, np.int16),
        np.zeros((layers, max(inputs, outputs)), np.int16),
        np.zeros(outputs, np.int32),
        zeros(width),
        np.zeros(9, np.int64),
        real,
        real.view(np.int32),
        zeros(predictors),
        zeros(WIDTH),
        np.zeros(WIDTH, np.int16),
    )


def run_plane(work: Work, model: ExactPlane, plane: int, kind: PlaneType) -> None:
    """Code one plane of a tile, the planes that it sees done."""
    from idfcodec.flow.causal.kernels import FINER, WIDTH, code_plane

    call: Callable[..., None] = code_plane
    low, high = np.float32(kind.low), np.float32(kind.high)
    most_unit = np.float32(MOST_UNIT if kind.high - kind.low > WIDE else 16)  # 16 bounds nothing
    step = np.array([work.planes[0].size, work.planes.shape[2], 1])  # to the next plane, row and column
    values, residuals = ((seen - [plane, 0, 0]) @ step for seen in (model.values, model.residuals))
    compared = (model.values[:, 0] - plane) * step[0]
    reach = 1 - min(values.min(), residuals.min(), compared.min())
    learnt = model.layers[-1, : model.sizes[-1, 0] // 2, : 2 * WIDTH].copy()
    fine = learnt.reshape(-1, WIDTH, 2).swapaxes(1, 2).reshape(-1, WIDTH).astype(np.int32)
    fine = (fine << FINER) + (1 << FINER - 1)
    pixels = np.stack((values + reach, np.where(compared, compared + reach, 0)), 1)
    call(
        work.mode, work.planes, work.planes.ravel(), plane, low, high, np.float32((kind.high - kind.low) / 800),
        most_unit, model.near, model.counts, model.every, model.forget, model.ridge, model.belief, model.prior,
        model.layers, model.biases, model.sizes, model.rescalings, model.inverse_scale, model.exponential,
        model.logistic, model.earlier, reach, pixels.astype(np.uint64), (residuals + reach).astype(np.uint64),
        work.errors, work.errors.ravel(), work.spread, work.local, work.coder, work.words, work.starts, work.lengths,
        work.dump, work.targets, work.totals, model.rates, fine, learnt, _scratch(model, work.local.shape[1]),
    )  # fmt: skip
