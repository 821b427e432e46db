"""The hierarchical family: its models made ready to code, their tables and sizes checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from idfcodec.errors import ModelError
from idfcodec.flow.contract import Family, Model
from idfcodec.flow.exact.quantised import kernels
from idfcodec.flow.exact.tables import (
    CLASSES,
    SCALE_STEPS,
    SCALES,
    SHAPE_STEPS,
    SHAPES,
    STARTS,
    TOTAL,
    checked_tables,
)
from idfcodec.flow.hierarchical.coder import HierarchicalFlow
from idfcodec.flow.hierarchical.config import HierarchicalConfig, Search
from idfcodec.flow.hierarchical.correction import MOST_CLASSES
from idfcodec.flow.hierarchical.exact import ExactNetwork
from idfcodec.flow.hierarchical.lattice import BLURS, blur_classes
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.rows import PART
from idfcodec.flow.loading import part

__all__ = ["FAMILY"]


def _configure(values: Mapping[str, Any]) -> HierarchicalConfig:
    config = HierarchicalConfig(
        channels=int(values["channels"]),
        blocks=tuple(values["blocks"]),
        levels=int(values["levels"]),
        networks=int(values["networks"]),
        search=Search.of(values["search"]),
    )
    if not 1 <= config.levels <= 12 or len(config.blocks) != 3 or not 1 <= config.networks <= config.levels:
        raise ModelError("the model's architecture is not one that this release runs")
    search = config.search
    if not all(1 <= n <= MOST_CLASSES for n in search.classes) or min(search.samples, search.rounds) < 1:
        raise ModelError("the model's search is not one that this release makes")
    return config


def _build(model: Model, config: HierarchicalConfig, kernel: str, device: str) -> HierarchicalFlow:
    arrays = model.arrays
    tables, excesses = checked_tables(arrays)
    escapes = excesses.reshape(SCALES, -1, PART).astype(np.float64)
    with torch.inference_mode():
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items() if name.startswith("networks.")}
        networks = tuple(
            ExactNetwork(part(tensors, f"networks.{i}"), config, kernel=kernel, device=device)
            for i in range(config.networks)
        )
    prepared = Prepared(
        config=config,
        networks=networks,
        last=_checked_last(arrays["last"]),
        tables=tables,
        escape_groups=escapes.sum(2),
        escape_parts=escapes + 1,
        blurs=_blurs(tables),
        blur_of=blur_classes(),
    )
    return HierarchicalFlow(model.id, model.name, kernel, prepared)


def _checked_last(last: NDArray[np.int32]) -> NDArray[np.int32]:
    if last.shape != (3, 3) or last.dtype != np.int32:
        raise ModelError("the model's tensor last has the wrong shape or type")
    if (last < [[-(2**20)], [0], [0]]).any() or (last >= [[2**20], [SCALES], [SHAPES]]).any():
        raise ModelError("the model's tensor last is out of range")
    return last


def _blurs(tables: NDArray[np.int32]) -> tuple[NDArray[np.float64], ...]:
    """Each blur of the weights: the table of one logistic around its centre, its escapes given to the middle."""
    out = []
    for blur in range(BLURS):
        scale = (blur + 1) * SCALE_STEPS
        index, kind = next((i, c) for i, c in enumerate(CLASSES) if c.first <= scale < c.first + c.scales)
        row = ((scale - kind.first) * SHAPES + SHAPE_STEPS << kind.location_bits) + ((1 << kind.location_bits) >> 1)
        cell = STARTS[index] + row * kind.width
        kernel = tables[cell + 1 : cell + kind.width].astype(np.float64)
        kernel[len(kernel) // 2] += TOTAL - kernel.sum()
        out.append(kernel)
    return tuple(out)


FAMILY = Family("hierarchical", _configure, _build, kernels, network="idfcodec.flow.hierarchical.model:TrainableFlow")
