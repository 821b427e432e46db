"""What the experiments share: the record that each leaves, fresh models, and one way to train and judge them."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from experiments.plane.fit import FitConfig, evaluate, fit
from experiments.plane.toys import Toy
from idfcodec.baselines.families import build
from idfcodec.errors import IDFError

__all__ = [
    "PLANE",
    "SHARED",
    "Options",
    "Result",
    "experiment",
    "fit_toy",
    "parameters",
    "side_by_side",
    "write_record",
]

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"  # the pictures beside the checkout
CACHE = ROOT / "runs" / "density"  # git ignores it
PLANE = ("moons", "rings", "checkerboard", "gaussians")
HELD_OUT = 20000


@dataclass(frozen=True)
class Options:
    """What every experiment takes.

    Args:
        out: folder for its figures and its JSON.
        long: train four times as long in the plane, and models of pictures with the large budget too.
        seed: of weights and samples.
        steps: a fixed number of steps for all trainings, for trying things out; None for each experiment's own. Then
            pictures are smaller and fewer, too, and there is one seed only.
        jobs: trainings that run side by side, in processes of one thread.
        data: folder of pictures, with `train/` and `cifar10/` as ../shared/data has them.
        cache: folder for trained models of pictures, which later experiments take from there.
        large: whether a training of pictures has the large budget: `budget` alone asks for it.
        device: "cpu" or "cuda", where trainings with the large budget are.
        seconds: of each of these, in place of ten times those of the small budget.
    """

    out: Path
    long: bool = False
    seed: int = 0
    steps: int | None = None
    jobs: int = 1
    data: Path = SHARED
    cache: Path = CACHE
    large: bool = False
    device: str = "cpu"
    seconds: float | None = None

    def scaled(self, steps: int) -> int:
        return self.steps or steps * (4 if self.long else 1)

    def few(self, count: int, least: int = 4) -> int:
        """`count`, or `least` when things are only tried out."""
        return count if self.steps is None else least

    def seeds(self, count: int) -> list[int]:
        """As many seeds as an experiment repeats its trainings with."""
        return list(range(self.seed, self.seed + self.few(count, 1)))


@dataclass(frozen=True)
class Result:
    """A trained model and what it reached.

    Args:
        model: in `eval`.
        losses: of its training.
        values: for the record: parameters, seconds, held-out log-likelihood, and how far below the truth's it is.
    """

    model: Any
    losses: list[float]
    values: dict[str, Any]


def parameters(model: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(p.numel() for p in model.parameters())


def side_by_side(work: Callable[..., T], tasks: Sequence[tuple[Any, ...]], jobs: int) -> list[T]:
    """`work(*task)` for every task, in order; up to `jobs` of them at a time, each in a process of one thread.

    Args:
        work: a function at the top of a module.
        tasks: its arguments.
        jobs: 1 for this process.
    """
    if jobs == 1 or len(tasks) < 2:
        return [work(*task) for task in tasks]
    # Fresh processes: a fork would carry this one's threads along.
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(work, *zip(*tasks, strict=True)))


def fit_toy(toy: Toy, family: str, config: FitConfig, **settings: Any) -> Result:
    """A fresh model of a family, trained on a toy density and judged on 20,000 samples it has not seen.

    The samples are the same for all models: those of seed 10,000 + `config.seed`.
    """
    torch.manual_seed(config.seed)
    model = build(family, (toy.dimensions,), **settings)
    start = time.process_time()
    losses = fit(model, lambda n, generator: (toy.sample(n, generator)[0], None), config)
    seconds = time.process_time() - start
    held, _ = toy.sample(HELD_OUT, torch.Generator().manual_seed(10000 + config.seed))
    reached, true = evaluate(model, held).double(), toy.log_prob(held)
    values = {
        "parameters": parameters(model),
        "steps": len(losses),
        "processor_seconds": round(seconds, 1),
        "held_out_log_likelihood": round(float(reached.mean()), 4),
        "true_log_likelihood": round(float(true.mean()), 4),
        "gap": round(float((true - reached).mean()), 4),
        "gap_standard_error": round(float((true - reached).std() / HELD_OUT**0.5), 4),
    }
    return Result(model, losses, values)


def write_record(
    options: Options,
    name: str,
    values: dict[str, Any],
    unit: str = "nats, of 20,000 samples that no training has seen",
) -> None:
    """Leave `NAME.json` beside the figures, with what is needed to judge and to repeat it."""
    record = {
        "experiment": name,
        "command": f"python -m experiments.density --only {name}{' --long' if options.long else ''}",
        "seed": options.seed,
        "unit": unit,
        "environment": {"python": platform.python_version(), "torch": torch.__version__, "machine": platform.machine()},
        **values,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")


def experiment(name: str, options: Options) -> None:
    """Run the module of that name, and say how long it took.

    It is not in `__main__`, where spawned processes would not find it.
    """
    start = time.monotonic()
    try:
        import_module(f"experiments.density.{name}").run(options)
    except IDFError as ex:
        raise IDFError(f"{name}: {ex}") from ex
    print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
