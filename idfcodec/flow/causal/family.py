"""The causal family: its models made ready to code, their tables and sizes checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from idfcodec.errors import ModelError
from idfcodec.flow.causal.coder import CausalFlow
from idfcodec.flow.causal.config import LARGEST, SHARE_BITS, CausalConfig
from idfcodec.flow.causal.exact import SHARES, CausalExactNetwork
from idfcodec.flow.contract import Family, Model
from idfcodec.flow.exact.quantised import kernels
from idfcodec.flow.exact.tables import checked_tables
from idfcodec.flow.loading import part

__all__ = ["FAMILY"]


def _configure(values: Mapping[str, Any]) -> CausalConfig:
    config = CausalConfig(**{name: int(value) for name, value in values.items()})
    if not all(1 <= getattr(config, name) <= most for name, most in LARGEST.items()):
        raise ModelError("the model's architecture is not one that this release runs")
    return config


def _build(model: Model, config: CausalConfig, kernel: str, device: str) -> CausalFlow:
    tables, escapes = checked_tables(model.arrays)
    share_of = model.arrays["shares"]
    in_range = share_of.dtype == np.int32 and share_of.min(initial=0) >= 0 and share_of.max() <= 1 << SHARE_BITS
    if share_of.shape != (SHARES,) or not in_range:
        raise ModelError("the model's tensor shares has the wrong shape, type or range")
    with torch.inference_mode():
        tensors = {name: torch.from_numpy(array) for name, array in part(model.arrays, "network").items()}
        network = CausalExactNetwork(tensors, config, kernel=kernel, device=device)
    return CausalFlow(model.id, model.name, config, network, share_of, tables, escapes, kernel)


FAMILY = Family("causal", _configure, _build, kernels, network="idfcodec.flow.causal.network:TrainableCausalFlow")
