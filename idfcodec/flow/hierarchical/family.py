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
from idfcodec.flow.exact.tables import SCALES, SHAPES, checked_tables
from idfcodec.flow.hierarchical.coder import HierarchicalFlow
from idfcodec.flow.hierarchical.config import HierarchicalConfig
from idfcodec.flow.hierarchical.exact import ExactNetwork
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.rows import PART
from idfcodec.flow.hierarchical.settings import own_settings
from idfcodec.flow.loading import part

__all__ = ["FAMILY"]


def _configure(values: Mapping[str, Any]) -> HierarchicalConfig:
    config = HierarchicalConfig(
        channels=int(values["channels"]),
        blocks=tuple(values["blocks"]),
        levels=int(values["levels"]),
        networks=int(values["networks"]),
    )
    if not 1 <= config.levels <= 12 or len(config.blocks) != 3 or not 1 <= config.networks <= config.levels:
        raise ModelError("the model's architecture is not one that this release runs")
    return config


def _build(model: Model, config: HierarchicalConfig, kernel: str, device: str) -> HierarchicalFlow:
    arrays = model.arrays
    tables, excesses = checked_tables(arrays)
    escapes = excesses.reshape(SCALES, -1, PART).astype(np.float64)
    with own_settings(), torch.inference_mode():
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
    )
    return HierarchicalFlow(model.id, model.name, kernel, prepared)


def _checked_last(last: NDArray[np.int32]) -> NDArray[np.int32]:
    if last.shape != (3, 3) or last.dtype != np.int32:
        raise ModelError("the model's tensor last has the wrong shape or type")
    if (last < [[-(2**20)], [0], [0]]).any() or (last >= [[2**20], [SCALES], [SHAPES]]).any():
        raise ModelError("the model's tensor last is out of range")
    return last


FAMILY = Family("hierarchical", _configure, _build, kernels, network="idfcodec.flow.hierarchical.model:TrainableFlow")
