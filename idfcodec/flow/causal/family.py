"""The causal family: its models made ready to code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idfcodec.flow.causal.coder import CausalFlow
from idfcodec.flow.causal.config import NETWORKS, SETS, CausalConfig
from idfcodec.flow.contract import Family, Model

__all__ = ["FAMILY"]


def _configure(values: Mapping[str, Any]) -> CausalConfig:
    return CausalConfig.of(values)


def _build(model: Model, config: CausalConfig, kernel: str, device: str) -> CausalFlow:
    flow = CausalFlow(model.id, model.name, config, model.arrays, kernel)
    for which, places in NETWORKS.items():
        for place in places if f"{which}1.prior" in model.arrays or which in SETS else ():
            flow.plane(which, place, place, list(range(place))[::-1])
    return flow


FAMILY = Family("causal", _configure, _build, network="idfcodec.flow.causal.network:TrainableCausalFlow")
