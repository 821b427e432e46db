"""The trainer: crops in, checkpoints and an exported model out; stops and resumes at any time."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from idfcodec.errors import IDFError
from idfcodec.flow.loading import part
from idfcodec.training.config import TrainConfig
from idfcodec.training.data import load_folder, random_batches, validation_crops
from idfcodec.training.distributed import ALONE, Processes
from idfcodec.training.families import family_of

__all__ = ["Trained", "build", "train"]


def build(config: TrainConfig) -> nn.Module:
    """A fresh model for `config`, its initial weights drawn from the seed."""
    model: nn.Module = family_of(config).build()
    return model


@dataclass(frozen=True)
class Trained:
    """A finished run.

    Args:
        model: the averaged weights, in `eval`.
        summary: what was done, for the model's `config.json`.
    """

    model: nn.Module
    summary: dict[str, Any]


class _Run:
    """Everything that a checkpoint holds."""

    def __init__(self, config: TrainConfig, device: str) -> None:
        self.config = config
        self.family = family_of(config)
        self.model = self.family.build().to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.optimisers = self.family.optimisers(self.model)
        self.rates = [o.param_groups[0]["lr"] for o in self.optimisers]
        self.step = 0
        self.seconds = 0.0
        self.started_from: str | None = None  # id of the model whose weights were the first ones

    @property
    def progress(self) -> float:
        by_time = self.seconds / (60 * self.config.minutes) if self.config.minutes else 0.0
        return min(1.0, max(self.step / self.config.steps, by_time))

    def _tensors(self) -> dict[str, Tensor]:
        """Everything that changes, by name: weights, their average, and the optimisers' state by parameter."""
        tensors = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        tensors |= {f"average.{name}": t for name, t in self.average.state_dict().items()}
        for i, optimiser in enumerate(self.optimisers):
            for j, state in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser.{i}.{j}.{key}": value for key, value in state.items()}
        return tensors

    def save(self, path: Path) -> None:
        temporary = path.with_suffix(".tmp")
        tensors = {name: tensor.cpu().contiguous() for name, tensor in self._tensors().items()}
        metadata = {"step": self.step, "seconds": self.seconds, "start": self.started_from}
        save_file(tensors, temporary, {name: json.dumps(value) for name, value in metadata.items()})
        os.replace(temporary, path)

    def load(self, path: Path) -> None:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        self.model.load_state_dict(part(tensors, "model"))
        self.average.load_state_dict(part(tensors, "average"))
        for i, optimiser in enumerate(self.optimisers):
            state: dict[int, dict[str, Tensor]] = {}
            for name, tensor in part(tensors, f"optimiser.{i}").items():
                index, key = name.split(".")
                state.setdefault(int(index), {})[key] = tensor
            optimiser.load_state_dict(optimiser.state_dict() | {"state": state})
        self.step, self.seconds = int(metadata["step"]), float(metadata["seconds"])
        self.started_from = json.loads(metadata.get("start", "null"))

    def start(self, folder: Path) -> None:
        """Take the weights of an exported model."""
        self.started_from = self.family.restore(self.model, folder)
        self.average.load_state_dict(self.model.state_dict())

    def begin(self, batch: Tensor, processes: Processes) -> None:
        """What the first batch of a fresh run sets: alike in all processes, though each has its own share."""
        self.family.begin(self.model, batch)
        with torch.no_grad():
            processes.average(list(self.model.parameters()))
        self.average.load_state_dict(self.model.state_dict())

    def advance(self, batch: Tensor, processes: Processes) -> float:
        """One step on this process's share of the batch; the loss of the whole batch."""
        progress = self.progress
        self.family.prepare(self.model, progress)
        factor = min(1.0, (self.step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * progress)) + 1e-3
        for optimiser, rate in zip(self.optimisers, self.rates, strict=True):
            optimiser.param_groups[0]["lr"] = rate * factor
            optimiser.zero_grad(set_to_none=True)
        loss = self.family.loss(self.model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        loss = loss.detach()
        processes.average([loss, *(p.grad for p in self.model.parameters() if p.grad is not None)])
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if torch.isfinite(norm):  # one bad batch must not end a run of hours
            for optimiser in self.optimisers:
                optimiser.step()
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - decay)
            for average, buffer in zip(self.average.buffers(), self.model.buffers(), strict=True):
                average.lerp_(buffer, 1 - decay) if buffer.is_floating_point() else average.copy_(buffer)
        self.step += 1
        return float(loss)


def train(
    folder: Path,
    out: Path,
    config: TrainConfig,
    *,
    resume: bool = False,
    start_from: Path | None = None,
    device: str = "cpu",
    processes: Processes = ALONE,
    report: Callable[[dict[str, Any]], None] | None = None,
    save_every: float = 240.0,
    clock: Callable[[], float] = time.monotonic,
) -> Trained:
    """Train on the pictures of `folder`; keep checkpoints and a log in `out`; return the averaged weights.

    Args:
        folder: pictures, searched recursively; a tenth, chosen by file name, is held back for validation.
        out: folder for `checkpoint.safetensors`, `train.json` and `log.jsonl`.
        config: what to do.
        resume: continue from `out/checkpoint.safetensors`.
        start_from: folder of an exported model whose weights are the starting point, see `export.restore`; not
            looked at when resuming.
        device: "cpu" or "cuda".
        processes: those that train together, see `distributed.joined`; all call this function with equal arguments.
        report: called with each log record.
        save_every: seconds between checkpoints.
        clock: seconds, by which `config.minutes` are measured; `time.process_time` for those of the processor.

    Raises:
        IDFError: nothing to train on, nothing to resume, no such model to start from, a size that the levels do not
            divide, a batch that the processes do not, or what the family cannot do.
    """
    if config.batch % processes.count:
        raise IDFError(f"a batch of {config.batch} crops cannot be dealt evenly to {processes.count} processes")
    torch.set_num_threads(config.threads)
    run = _Run(config, device)
    training, held = load_folder(folder, smallest=config.size)
    crops = validation_crops(held, size=run.family.validation_size, kind=config.kind)
    checkpoint = out / "checkpoint.safetensors"
    if resume:
        if not checkpoint.exists():
            raise IDFError(f"{checkpoint}: nothing to resume from")
        run.load(checkpoint)
    elif start_from is not None:
        run.start(start_from)
    if processes.leads:
        out.mkdir(parents=True, exist_ok=True)
        (out / "train.json").write_text(json.dumps(asdict(config), indent=2) + "\n")
    run.average.eval()

    def log(**record: Any) -> None:
        if not processes.leads:
            return
        record = {"step": run.step, "seconds": round(run.seconds, 1), **record}
        with (out / "log.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")
        if report is not None:
            report(record)

    def check() -> float:
        run.family.prepare(run.average, run.progress)
        levels = run.family.validate(run.average, crops, device)
        log(validation=round(sum(levels), 5), levels=[round(v, 5) for v in levels])
        return sum(levels)

    batches = random_batches(
        training,
        batch=config.batch,
        size=config.size,
        seed=config.seed,
        kind=config.kind,
        first=run.step,
        rank=processes.rank,
        count=processes.count,
    )
    losses: list[float] = []
    before = saved = clock()
    while run.progress < 1:
        batch = torch.from_numpy(next(batches)).permute(0, 3, 1, 2).to(device)
        if run.step == 0 and start_from is None:
            run.begin(batch, processes)
        losses.append(run.advance(batch, processes))
        now = clock()
        run.seconds = processes.agree(run.seconds + now - before)
        before = now
        if len(losses) == config.log_every:
            log(loss=round(float(np.mean(losses)), 5), progress=round(run.progress, 4))
            losses.clear()
        if processes.leads and now - saved > save_every:
            run.save(checkpoint)
            check()
            before = saved = clock()
    batches.close()
    if processes.leads:
        run.save(checkpoint)
    validation = processes.agree(check() if processes.leads else 0.0)
    hardware = torch.cuda.get_device_name() if device == "cuda" else f"{config.threads} CPU cores"
    summary = asdict(config) | {
        "steps_done": run.step,
        "minutes_done": run.seconds / 60,
        "validation": validation,
        "started_from": run.started_from,
        "hardware": hardware if processes.count == 1 else f"{processes.count} x {hardware}",
        "pictures": len(training),
        "megapixels": sum(p.shape[0] * p.shape[1] for p in training) / 1e6,
    }
    return Trained(run.average, summary)
