"""Models of pictures of equal size and equal training: how large each is, how it is trained, where it is kept.

All have about PARAMETERS parameters, by the width of their networks, and learn for as many seconds of one thread of the
processor from the same crops of ../shared/data/train (`idfcodec train` makes them, and trains). The integer flow is the
codec's own, and learns as the codec does: its trainer's Muon, its rounding for the last third, and bfloat16 where the
processor has it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from experiments.density.common import Options, parameters
from experiments.density.patches import side_of, train_folder
from idfcodec.baselines import families
from idfcodec.errors import IDFError
from idfcodec.flow.loading import part
from idfcodec.training.config import TrainConfig
from idfcodec.training.families import family_of
from idfcodec.training.loop import train

__all__ = [
    "CONTENDERS",
    "INTEGER",
    "PARAMETERS",
    "SECONDS",
    "SEEDS",
    "Contender",
    "contenders",
    "fitted",
    "sized",
    "training",
]

PARAMETERS = 200_000
SECONDS = 80.0  # of the processor, for one training
SEEDS = 3
NEAR = 0.05  # how far from PARAMETERS a model may be, as a share


@dataclass(frozen=True)
class Contender:
    """A family, but for its width.

    Args:
        title: for readers.
        width: the setting that is searched for.
        settings: the others.
        learning_rate: the first one.
        batch: crops of a step; fewer where a step is slow.
        step: what the width must be a multiple of.
    """

    title: str
    width: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    learning_rate: float = 0.005
    batch: int = 16
    step: int = 1


CONTENDERS = {
    "nice": Contender("NICE", "hidden", {"layers": 4, "depth": 1, "logit": 0.05}),
    "realnvp": Contender(
        "RealNVP", "hidden", {"layers": 2, "depth": 1, "scales": 3, "batch_norm": True, "logit": 0.05}
    ),
    "glow": Contender("Glow", "hidden", {"layers": 4, "depth": 1, "scales": 3}),
    "flowpp": Contender(
        "Flow++ (small)", "hidden", {"layers": 1, "depth": 1, "components": 4, "heads": 2, "noise": 1}, batch=8, step=2
    ),
    "pixelcnn": Contender("PixelCNN-style", "hidden", {}, batch=8),
    "idf": Contender("integer flow", "channels", {"levels": 4, "blocks": (1, 1, 1), "networks": 2}, 0.004),
}
INTEGER = ("idf",)  # those that are the codec's own


def contenders() -> dict[str, Contender]:
    """Those whose families this checkout has."""
    return {name: it for name, it in CONTENDERS.items() if name in INTEGER or name in families.FAMILIES}


def training(name: str, width: int, options: Options, seed: int) -> TrainConfig:
    """What a training does: so many seconds, or `options.steps`."""
    it = CONTENDERS[name]
    sizes = {**it.settings, it.width: width}
    own = sizes if name == "idf" else {"settings": sizes}
    config = TrainConfig(
        family=name, batch=it.batch, size=side_of(options), learning_rate=it.learning_rate, seed=seed, threads=1, **own
    )
    if options.steps is not None:
        return replace(config, steps=options.steps)
    return replace(config, minutes=SECONDS * (4 if options.long else 1) / 60)


def sized(name: str, options: Options, target: int = PARAMETERS) -> TrainConfig:
    """The training whose model is the nearest to `target` parameters.

    Raises:
        IDFError: no width comes within 5 %.
    """
    width = _width(name, options, target)
    config = training(name, width, options, options.seed)
    if abs(_count(name, width, options) / target - 1) > NEAR:
        raise IDFError(f"{name}: no width has about {target:,} parameters")
    return config


@cache
def _count(name: str, width: int, options: Options) -> int:
    return parameters(family_of(training(name, width, options, 0)).build())


def _width(name: str, options: Options, target: int) -> int:
    step = CONTENDERS[name].step
    low, high = 1, 2
    while _count(name, high * step, options) < target:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _count(name, middle * step, options) < target:
            low = middle
        else:
            high = middle
    return min((low * step, high * step), key=lambda width: abs(_count(name, width, options) - target))


def fitted(name: str, seed: int, options: Options) -> Path:
    """The folder of a trained model: from the cache, if it was trained just so, else trained now.

    It holds what `idfcodec train` leaves, and `fit.json` with the training, its steps and its processor seconds.
    """
    folder = options.cache / f"{name}-{seed}{'-long' * options.long}{'-trial' * (options.steps is not None)}"
    config = replace(sized(name, options), seed=seed)
    data = str(train_folder(options).resolve())
    wanted = json.loads(json.dumps({"data": data, "shapes": _shapes(config), **asdict(config)}))
    known = folder / "fit.json"
    if known.exists():
        kept = json.loads(known.read_text())
        if kept["training"] == wanted:
            return folder
        known.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.jsonl").unlink(missing_ok=True)
    trained = train(train_folder(options), folder, config, clock=time.process_time)
    count = parameters(trained.model)
    family_of(config).export(trained.model, folder, summary=trained.summary)
    record = {
        "training": wanted,
        "parameters": count,
        "steps": trained.summary["steps_done"],
        "processor_seconds": round(60 * trained.summary["minutes_done"], 1),
    }
    known.write_text(json.dumps(record, indent=1) + "\n")
    return folder


def _shapes(config: TrainConfig) -> str:
    """A hash of what a model's tensors are called and how large they are: another one, another model."""
    tensors = family_of(config).build().state_dict()
    text = json.dumps([[name, list(tensor.shape)] for name, tensor in tensors.items()])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def averaged(folder: Path) -> Any:
    """The trained model as it was trained, in `eval`: its averaged weights, from the folder that `fitted` left."""
    kept = json.loads((folder / "fit.json").read_text())["training"]
    known = {name: value for name, value in kept.items() if name not in ("data", "shapes")}
    config = TrainConfig(**{**known, "blocks": tuple(known["blocks"])})
    family = family_of(config)
    model = family.build().eval()
    model.load_state_dict(part(load_file(folder / "checkpoint.safetensors"), "average"))
    family.prepare(model, 1.0)
    return model
