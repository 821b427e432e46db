"""Trains the networks of the shipped causal models: `python -m experiments.causal_networks PICTURES OUT`.

The trainer (`idfcodec train --family causal`) sees a pool of pixels that it renews; this script looks at all pictures
once, in as many processes as there are, keeps their pixels on the device and trains the networks of a model side by
side, a captured graph a step. On a GPU that is two minutes a model, after a minute of looking. The tenth of the
pictures that is held back is left out. Each model is exported to OUT/PRESET.

`--set half --shipped` trains the networks of halved chroma alone, and takes the others from the shipped models.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from idfcodec.flow.causal.config import HALVED, NETWORKS, SETS, CausalConfig
from idfcodec.flow.causal.exact import exact_plane
from idfcodec.flow.causal.network import Samples, TrainableCausalFlow, bits, samples
from idfcodec.models import find_model
from idfcodec.picture.conversion import CONVERSIONS, LAYOUTS, undo
from idfcodec.training.causal import PRESETS
from idfcodec.training.data import KINDS, held_back
from idfcodec.training.data import _crop as thumbnail_crop
from idfcodec.training.export import export, read_exported, restore
from idfcodec.types import Planes, PlaneType, Role

RATES = {"fast": 0.01, "default": 0.008, "max": 0.005, "thumbnail": 0.005}
SECONDS = {"fast": 57, "default": 105, "max": 128, "thumbnail": 95}
SHIPPED = {"fast": "photo-fast", "default": "photo", "max": "photo-max", "thumbnail": "thumbnail"}
ROUNDS = {"rgb": 5, "ycc": 3, "half": 4}
SHARE = 0.4  # of a crop's pixels
THUMBNAILS = 250  # of a task
_RGB = [PlaneType(Role.LUMA), PlaneType(Role.DIFFERENCE, -255, 255), PlaneType(Role.DIFFERENCE, -255, 255)]
_YCC = [PlaneType(Role.LUMA), PlaneType(Role.CHROMA), PlaneType(Role.CHROMA)]
_JFIF, _PHOTOCD = CONVERSIONS[:2]
_PCD = [PlaneType(r, low, high) for r, low, high in zip(
    (Role.LUMA, Role.CHROMA, Role.CHROMA), _PHOTOCD.low, _PHOTOCD.high, strict=True)]  # fmt: skip
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Task:
    """Crops of one picture, or thumbnails of a few."""

    preset: str
    which: str
    paths: tuple[Path, ...]
    seed: int
    totals: bool  # the mean sums, in place of pixels
    priors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    start: Path | None = None


def _orient(x: Pixels, rng: np.random.Generator) -> Pixels:
    x = x[:, ::-1] if rng.random() < 0.5 else x
    x = x[::-1] if rng.random() < 0.5 else x
    return np.ascontiguousarray(x.transpose(1, 0, 2) if rng.random() < 0.5 else x)


def _cut(x: Pixels, rng: np.random.Generator, size: int = 512) -> Pixels:
    top, left = (int(rng.integers(max(side - size, 0) + 1)) for side in x.shape[:2])
    return np.ascontiguousarray(x[top : top + size, left : left + size])


def _smaller(x: Pixels, rng: np.random.Generator, low: float = 1.25, high: float = 2.6) -> Pixels:
    factor = rng.uniform(low, high)
    if min(x.shape[:2]) / factor < 64:
        return x
    kind = (Image.Resampling.LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.BOX, Image.Resampling.LANCZOS)
    size = int(x.shape[1] / factor), int(x.shape[0] / factor)
    return np.asarray(Image.fromarray(x).resize(size, kind[rng.integers(4)]))


def _jpeg(x: Pixels, rng: np.random.Generator, *, ycc: bool) -> Pixels:
    stream = io.BytesIO()
    quality, subsampling = int(rng.integers(80, 99)), int(rng.choice([0, 2]))
    Image.fromarray(x).save(stream, "JPEG", quality=quality, subsampling=subsampling)
    image = Image.open(stream)
    if ycc:
        image.draft("YCbCr", None)
    return np.asarray(image)


def _photocd(x: Pixels, *, halved: bool = False) -> list[NDArray[np.int32]]:
    """Roughly what PhotoCD makes of a picture: chroma of half the size, interpolated or as it is."""
    m = np.array([[1.3584, 0, 1.8215], [1.3584, -0.43, -0.927], [1.3584, 2.2179, 0]])
    height, width = (side // 2 * 2 for side in x.shape[:2])
    g = (x[:height, :width] + [0.5, 0.15, 0.5]) @ np.linalg.inv(m).T
    out = [np.clip(np.rint(g[..., 0]), 0, 255).astype(np.int32)]
    for k in (1, 2):
        small = np.rint(g[..., k].reshape(height // 2, 2, width // 2, 2).mean((1, 3)))
        q = np.pad(np.clip(small, _PHOTOCD.low[k], _PHOTOCD.high[k]).astype(np.int32), ((0, 1), (0, 1)), mode="edge")
        if halved:
            out.append(q)
            continue
        a, b, c, d = q[:-1, :-1], q[:-1, 1:], q[1:, :-1], q[1:, 1:]
        whole = np.empty((height, width), np.int32)
        whole[::2, ::2], whole[::2, 1::2] = a, (a + b + 1) >> 1
        whole[1::2, ::2], whole[1::2, 1::2] = (a + c + 1) >> 1, (a + b + c + d + 2) >> 2
        out.append(whole)
    return out


def _rgb(x: Pixels) -> list[NDArray[np.int32]]:
    red, green, blue = (x[..., c].astype(np.int32) for c in range(3))
    return [green, red - green, blue - green]


def _halved(x: Pixels, rng: np.random.Generator) -> tuple[Planes, Sequence[PlaneType]]:
    """A luma and halved chroma: of PhotoCD, of JPEGs as the codec finds it in what they decode to, or of video."""
    chance = rng.random()
    if chance < 0.35:
        layout, conversion, planes = LAYOUTS[15], _PHOTOCD, _photocd(x, halved=True)
    elif chance < 0.45:
        layout, conversion = LAYOUTS[13], _JFIF
        ycc = np.asarray(Image.fromarray(x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2]).convert("YCbCr"))
        planes = [np.ascontiguousarray(ycc[..., 0], np.int32)]
        for c in (1, 2):
            half = ycc[..., c].reshape(ycc.shape[0] // 2, 2, -1, 2).mean((1, 3))
            planes.append(np.rint(half - 128).astype(np.int32))
    else:
        wide = chance < 0.6
        layout, conversion = LAYOUTS[10 if wide else 14], _JFIF
        stream = io.BytesIO()
        Image.fromarray(x).save(stream, "JPEG", quality=int(rng.integers(75, 99)), subsampling=1 if wide else 2)
        decoded = np.asarray(Image.open(stream).convert("RGB"))
        top, left = (int(v) for v in rng.integers(0, 2, 2))
        phase = layout.phase[0] + top * layout.halved[0], left
        layout = replace(layout, phase=phase)
        planes = list(undo(np.ascontiguousarray(decoded[top:, left:]), conversion, layout)[0])
    kinds = [PlaneType(Role.LUMA, conversion.low[0], conversion.high[0])]
    bounds = zip(conversion.low[1:], conversion.high[1:], strict=True)
    return planes, [*kinds, *(PlaneType(Role.CHROMA, low, high, layout.grid()) for low, high in bounds)]


def _planes(x: Pixels, which: str, rng: np.random.Generator) -> tuple[Planes, Sequence[PlaneType]]:
    x = _orient(x, rng)
    chance = rng.random()
    if which == "rgb":
        if chance < 0.55:
            x = _cut(x, rng)
        elif chance < 0.85:
            x = _cut(_smaller(x, rng), rng)
        elif chance < 0.93:
            x = _smaller(x, rng, 1.3, 2.0)
            gain, noise = np.float32(np.exp(rng.uniform(-0.8, 0.3))), rng.random(x.shape, dtype=np.float32)
            x = _cut(np.clip(np.floor(x * gain + noise), 0, 255).astype(np.uint8), rng)
        else:
            x = _jpeg(_cut(x, rng), rng, ycc=False)
        return _rgb(x), _RGB
    x = _cut(_smaller(x, rng) if rng.random() < 0.3 else x, rng)
    if which == HALVED:
        return _halved(x, rng)
    if chance >= 0.7:
        return _photocd(x), _PCD
    ycc = np.asarray(Image.fromarray(x).convert("YCbCr")) if chance < 0.3 else _jpeg(x, rng, ycc=True)
    return [np.ascontiguousarray(ycc[..., c], np.int32) for c in range(3)], _YCC


def _flow(preset: str, priors: dict[str, NDArray[np.float32]], start: Path | None) -> TrainableCausalFlow:
    flow = TrainableCausalFlow(PRESETS[preset])
    if start:
        restore(flow, read_exported(start))
    for name, prior in priors.items():
        flow.prior(name).copy_(torch.from_numpy(prior))
    return flow


def look(task: Task) -> list[Any]:
    """Of each place the samples of a task, or the mean sums."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(task.seed)
    config: CausalConfig = PRESETS[task.preset]
    arrays = {name: tensor.numpy() for name, tensor in _flow(task.preset, task.priors, task.start).integers().items()}
    places = NETWORKS[task.which]
    names = [task.which if place in places else SETS[-1] for place in range(3)]
    models = [exact_plane(config, arrays, name, p, p, list(range(p))[::-1]) for p, name in enumerate(names)]
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in task.paths]
    if task.preset == "thumbnail":
        areas = np.array([p.shape[0] * p.shape[1] for p in pictures], np.float64)
        crops = [thumbnail_crop(pictures, areas / areas.sum(), 32, KINDS["thumbnails"], rng) for _ in range(THUMBNAILS)]
        seen = [samples(_rgb(np.ascontiguousarray(x)), _RGB, models, totals=task.totals) for x in crops]
    else:
        seen = [samples(*_planes(x, task.which, rng), models, totals=task.totals) for x in pictures]
    if task.totals:
        return [np.mean([sums[place] for _, sums in seen], 0) for place in places]
    out = []
    kept = [rng.random(len(found[places[0]].targets)) < SHARE for found, _ in seen]
    for place in places:
        inputs = np.concatenate([found[place].inputs[k] for (found, _), k in zip(seen, kept, strict=True)])
        targets = np.concatenate([found[place].targets[k] for (found, _), k in zip(seen, kept, strict=True)])
        out.append(Samples(inputs, targets))
    return out


def _tasks(preset: str, which: str, paths: list[Path], scale: float, **options: Any) -> list[Task]:
    if preset == "thumbnail":
        count = max(2, int(320 * scale))
        groups = [tuple(paths[(i * 12 + j) % len(paths)] for j in range(min(12, len(paths)))) for i in range(count)]
        return [Task(preset, which, group, 1000 + i, False, **options) for i, group in enumerate(groups)]
    rounds = max(1, int(ROUNDS[which] * scale))
    whole = [(r, i, path) for r in range(rounds) for i, path in enumerate(paths)]
    return [Task(preset, which, (path,), 1000 * r + i, False, **options) for r, i, path in whole]


def gather(
    preset: str, which: str, paths: list[Path], scale: float, pool: ProcessPoolExecutor, device: str, start: Path | None
) -> Any:
    """Mean sums by name, and (inputs, targets) of each place."""
    few = [
        Task(preset, which, group.paths, group.seed, True, start=start)
        for group in _tasks(preset, which, paths[::3], min(0.2, scale))
    ]
    sums = list(pool.map(look, few))
    names = [f"{which}{place}" for place in NETWORKS[which]]
    priors = {name: np.mean([s[i] for s in sums], 0).astype(np.float32) for i, name in enumerate(names)}
    found = list(pool.map(look, _tasks(preset, which, paths, scale, priors=priors, start=start)))
    data = []
    for i in range(len(names)):
        inputs = torch.from_numpy(np.concatenate([f[i].inputs for f in found])).to(device)
        data.append((inputs, torch.from_numpy(np.concatenate([f[i].targets for f in found])).to(device)))
    return priors, data


def fit(
    networks: Sequence[nn.Module], data: list[tuple[Tensor, Tensor]], seconds: float, rate: float, batch: int
) -> int:
    """Train the networks side by side for so many seconds; returns the steps."""
    device = data[0][0].device
    cuda = device.type == "cuda"
    parameters = [p for network in networks for p in network.parameters()]
    current = torch.tensor(rate, device=device)
    optimiser = torch.optim.AdamW(parameters, current, betas=(0.9, 0.98), weight_decay=1e-4, capturable=cuda)

    def step() -> None:
        optimiser.zero_grad(set_to_none=False)
        for network, (inputs, targets) in zip(networks, data, strict=True):
            where = torch.randint(len(targets), (batch,), device=device)
            bits(network(inputs[where]), targets[where]).mean().backward()
            nn.utils.clip_grad_norm_(network.parameters(), 0.5, foreach=True)
        optimiser.step()

    run: Callable[[], None] = step
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    if cuda:
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                step()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        run = graph.replay
    start, steps = time.monotonic(), 0
    while (progress := (time.monotonic() - start) / seconds) < 1:
        current.fill_(rate * min(1.0, (steps + 1) / 300) * (0.5 + 0.5 * math.cos(math.pi * progress)) + 1e-6)
        run()
        steps += 1
        if cuda and steps % 50 == 0:
            torch.cuda.synchronize()
    return steps


@click.command(help=__doc__)
@click.argument("pictures", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--preset", "presets", multiple=True, type=click.Choice(list(PRESETS)), default=list(PRESETS))
@click.option("--set", "sets", multiple=True, type=click.Choice(list(NETWORKS)), default=list(NETWORKS))
@click.option("--shipped", is_flag=True, help="Take what is not trained from the shipped models.")
@click.option("--scale", default=1.0, help="Of the samples and of the time.")
@click.option("--batch", default=32768, help="Pixels a step, of each network.")
@click.option("--processes", default=2)
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu")
def main(
    pictures: Path,
    out: Path,
    presets: Sequence[str],
    sets: Sequence[str],
    shipped: bool,
    scale: float,
    batch: int,
    processes: int,
    device: str,
) -> None:
    paths = [p for p in sorted(pictures.rglob("*")) if p.suffix in (".png", ".webp") and not held_back(p)]
    if scale < 0.1:
        paths = paths[:: max(1, int(0.1 / scale))]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for preset in presets:
            folder = find_model(SHIPPED[preset]) if shipped else None
            own = [name for name in sets if preset != "thumbnail" or name == SETS[0]]
            gathered = {which: gather(preset, which, paths, scale, pool, device, folder) for which in own}
            priors = {name: prior for found, _ in gathered.values() for name, prior in found.items()}
            flow = _flow(preset, priors, folder).to(device)
            names = [f"{which}{place}" for which in own for place in NETWORKS[which]]
            data = [part for _, parts in gathered.values() for part in parts]
            networks = [flow.networks[name] for name in names]
            steps = fit(networks, data, SECONDS[preset] * scale, RATES[preset], batch)
            if preset == "thumbnail":  # nothing of its own for what was YCbCr once
                for which in (SETS[1], HALVED):
                    for place in NETWORKS[which]:
                        flow.networks[f"{which}{place}"].load_state_dict(flow.networks[f"rgb{place}"].state_dict())
                        flow.prior(f"{which}{place}").copy_(flow.prior(f"rgb{place}"))
            note = {
                "made_by": "experiments/causal_networks.py", "steps": steps, "pixels_a_step": batch,
                "seconds": round(SECONDS[preset] * scale), "pictures": len(paths), "sets": list(own),
                "started_from": folder and read_exported(folder).id.hex(),
                "hardware": torch.cuda.get_device_name() if device == "cuda" else f"{processes} CPU cores",
                "megapixels_of_samples": {w: round(len(d[0][1]) / 1e6) for w, (_, d) in gathered.items()},
            }  # fmt: skip
            print(preset, export(flow.cpu(), out / preset, note={"networks": note}), f"{steps} steps", flush=True)


if __name__ == "__main__":
    main()
