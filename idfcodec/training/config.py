"""What a training run does: its settings, and where they come from when it starts from a model or from a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from idfcodec.errors import IDFError
from idfcodec.flow import registry
from idfcodec.training.export import read_exported

__all__ = ["BASELINE", "FINE_TUNING", "OTHERS", "TrainConfig", "fine_tuning", "fresh", "resumed"]


@dataclass(frozen=True)
class TrainConfig:
    """What a run does.

    `minutes` bounds the run by the clock, the schedule follows whichever of `steps` and `minutes` runs out first.
    `kind` is one of `data.KINDS`: what the pictures to be coded are like. `batch` counts the crops of a step over all
    processes, `threads` are those of one process.
    `quantise_from` is the share of the run after which weights and activations are rounded as they will be exported.
    The log holds the mean loss of every `log_every` steps.
    `family` is one of `families.FAMILIES`. The sizes from `levels` to `networks` are those of idf, the codec's
    own; the others have their `settings`, fields of the family's configuration.
    """

    steps: int = 100_000
    minutes: float | None = None
    batch: int = 8
    size: int = 96
    kind: str = "photos"
    learning_rate: float = 0.004
    levels: int = 5
    channels: int = 64
    blocks: tuple[int, int, int] = (3, 2, 2)
    networks: int = 3
    quantise_from: float = 0.67
    ema: float = 0.999
    seed: int = 0
    threads: int = 2
    log_every: int = 200
    family: str = "idf"
    settings: Mapping[str, Any] = field(default_factory=dict)


# What a run that starts from a model's weights does otherwise: smaller steps, and rounding from the first of them on,
# for the model has been rounded already.
FINE_TUNING = {"learning_rate": 0.0012, "quantise_from": 0.0}

# What a run does otherwise that trains another family: small pictures; the flows that are none of integers by Adam.
BASELINE = {"size": 32, "batch": 32, "learning_rate": 0.002}
OTHERS: Mapping[str, Mapping[str, Any]] = {"idf": {}, "causal": {"size": 128, "batch": 8, "learning_rate": 0.008}}
_OPTIONS = ("channels", "blocks", "networks")


def fresh(**settings: Any) -> TrainConfig:
    """The configuration of a run that starts from nothing, of any family, except for `settings`."""
    others = OTHERS.get(settings.get("family", "idf"), BASELINE)
    return _config({**others, **settings})


def fine_tuning(model: Path, **settings: Any) -> TrainConfig:
    """The configuration of a run that starts from the exported model in `model`, except for `settings`.

    Sizes are the model's, the rest as `FINE_TUNING` and `TrainConfig` have it.

    Raises:
        ModelError: there is no such model, or it is damaged.
    """
    exported = read_exported(model)
    sizes = registry.settings(exported.architecture)
    if exported.family == registry.HIERARCHICAL:  # its sizes are options of their own
        return _config({**FINE_TUNING, **{name: sizes[name] for name in _OPTIONS}, **settings})
    own = {"family": exported.family, "settings": sizes}
    return _config({**OTHERS.get(exported.family, {}), **FINE_TUNING, **own, **settings})


def resumed(out: Path, **settings: Any) -> TrainConfig:
    """The configuration of the run in `out`, as its `train.json` tells, except for `settings`.

    Raises:
        IDFError: `train.json` is damaged.
    """
    path = out / "train.json"
    if not path.exists():
        return _config(settings)
    try:
        before = {**json.loads(path.read_bytes())}
        known = {known.name: before[known.name] for known in fields(TrainConfig) if known.name in before}
        return _config({**known, **settings})
    except (ValueError, TypeError) as ex:
        raise IDFError(f"{path}: not the settings of a run ({ex})") from ex


def _config(settings: dict[str, Any]) -> TrainConfig:
    if "blocks" in settings:
        settings = {**settings, "blocks": tuple(settings["blocks"])}
    return TrainConfig(**settings)
