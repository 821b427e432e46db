"""What a training run does: its settings, and where they come from when it starts from a model or from a checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from idfcodec.errors import IDFError
from idfcodec.training.export import read_exported

__all__ = ["FINE_TUNING", "TrainConfig", "fine_tuning", "resumed"]


@dataclass(frozen=True)
class TrainConfig:
    """What a run does.

    `minutes` bounds the run by the clock, the schedule follows whichever of `steps` and `minutes` runs out first.
    `kind` is one of `data.KINDS`: what the pictures to be coded are like. `batch` counts the crops of a step over all
    processes, `threads` are those of one process.
    `quantise_from` is the share of the run after which weights and activations are rounded as they will be exported.
    The log holds the mean loss of every `log_every` steps.
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


# What a run that starts from a model's weights does otherwise: smaller steps, and rounding from the first of them on,
# for the model has been rounded already.
FINE_TUNING = {"learning_rate": 0.0012, "quantise_from": 0.0}


def fine_tuning(model: Path, **settings: Any) -> TrainConfig:
    """The configuration of a run that starts from the exported model in `model`, except for `settings`.

    Sizes are the model's, the rest as `FINE_TUNING` and `TrainConfig` have it.

    Raises:
        ModelError: there is no such model, or it is damaged.
    """
    architecture = read_exported(model).architecture
    sizes = {name: architecture[name] for name in ("channels", "blocks", "networks")}
    return _config({**FINE_TUNING, **sizes, **settings})


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
        known = {field.name: before[field.name] for field in fields(TrainConfig) if field.name in before}
        return _config({**known, **settings})
    except (ValueError, TypeError) as ex:
        raise IDFError(f"{path}: not the settings of a run ({ex})") from ex


def _config(settings: dict[str, Any]) -> TrainConfig:
    if "blocks" in settings:
        settings = {**settings, "blocks": tuple(settings["blocks"])}
    return TrainConfig(**settings)
