"""Rounding on and off: is the gradient of an integer flow biased, and does the bias grow with depth?

Hoogeboom et al. 2019 find that integer flows do not gain from depth as continuous ones do, and blame the gradient,
which passes through the rounding as if it were not there. Van den Berg et al. 2020 (IDF++) find that more couplings
keep helping, and that the bias is not what holds them back. Here a small flow of each depth, on 4 x 4 gray squares
of photographs, of 8 and of 4 bits (where a step of the rounding is sixteen times as large), is trained three seeds over

    with rounding      z integers, cost by the discretized logistic: exact
    without rounding   z reals, cost by the logistic density under uniform noise in [-1/2, 1/2): a bound

and the second one's weights are judged with rounding, too. Then the straight-through gradient is compared with the
slope of the loss itself: central differences along random directions, so long that the latents change by a quarter of
a step of the rounding or by a whole one, which smooths the steps. Without rounding, they tell what the method loses.

References:
    Hoogeboom et al., *Integer Discrete Flows and Lossless Compression*, 2019, https://arxiv.org/abs/1905.07376
    van den Berg et al., *IDF++: Analyzing and Improving Integer Discrete Flows for Lossless Compression*, 2020,
    https://arxiv.org/abs/2006.12459
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from experiments.density.common import Options, parameters, side_by_side, write_record
from experiments.density.loaded import spread
from experiments.density.patches import pictures
from experiments.plane import figures
from idfcodec.baselines.networks import Dense
from idfcodec.flow.exact.layers import AdditiveCoupling, Composition, Permutation

__all__ = ["COUPLINGS", "SmallFlow", "agreement", "run"]

COUPLINGS = (1, 2, 4, 8, 16)
SEEDS = 3
SIDE = 4  # of the squares
D = SIDE * SIDE
STEPS = 800
BATCH = 256
DIRECTIONS = 32
# By bits of a pixel, the steps of the rounding by which a perturbation changes the latents, root mean square: enough to
# smooth them out, and no more than leaves the slopes of the flow without rounding as they are.
MOVES = {8: 1.0, 4: 0.25}

# What is drawn: panels, and their lines with where the values are.
_TIMES = [(w, t) for w in ("rounded", "relaxed") for t in ("early", "late")]
_NAMES = {"rounded": "with rounding", "relaxed": "without"}
PANELS = {
    "bits per dimension": {"with rounding": "rounded", "trained without, judged with": "switched",
                           "without (a bound)": "relaxed"},
    "cosine of gradient, slopes": {f"{_NAMES[w]}, {t}": f"{w}_agreement_{t}" for w, t in _TIMES},
    "slope along gradient": {f"{_NAMES[w]}, {t}": f"{w}_slope_{t}" for w, t in _TIMES},
}  # fmt: skip


class _Coupling(AdditiveCoupling):
    """With a rounding that can be switched off."""

    rounding = True

    def _shift(self, a: Tensor, dtype: torch.dtype) -> Tensor:
        return super()._shift(a, dtype) if self.rounding else self.translation(a)


class SmallFlow(nn.Module):
    """Additive couplings of (B, 16) integers, or reals, under independent logistics.

    Args:
        couplings: how many; their halves alternate between the colours of a checkerboard, rows and columns.
        bits: of the integers.
        hidden: units of the two hidden layers of each network.
    """

    def __init__(self, couplings: int, bits: int, hidden: int = 48) -> None:
        super().__init__()
        self.unit = 2**bits / 4  # of everything that is learned
        self.move = MOVES[bits]
        self.networks = nn.ModuleList(Dense(D // 2, D // 2, hidden=hidden, depth=2) for _ in range(couplings))
        self.location = nn.Parameter(torch.full((D,), 2.0))
        self.log_scale = nn.Parameter(torch.full((D,), -0.7))
        row, column = np.divmod(np.arange(D), SIDE)
        parts = [(row + column) % 2, row % 2, column % 2]
        self.couplings = []
        layers: list[Any] = []
        for i, network in enumerate(self.networks):
            half = parts[i // 2 % len(parts)] ^ i % 2
            order = np.argsort(half, kind="stable").tolist()
            self.couplings.append(_Coupling(D // 2, _translation(network, self.unit)))
            back = np.argsort(order).tolist()
            layers += [Permutation(order), self.couplings[-1], Permutation(back)]
        self.flow = Composition(layers)

    def round(self, on: bool) -> None:
        """Switch the rounding on or off."""
        for coupling in self.couplings:
            coupling.rounding = on

    def exact(self, x: Tensor) -> Tensor:
        """Bits per dimension, (B,), of integers (B, 16) held in floats, with rounding."""
        self.round(True)
        scale = self.unit * torch.exp(self.log_scale)
        z = (self.flow.forward(x) - self.unit * self.location) / scale
        half = 0.5 / scale
        # sigmoid(u + h) - sigmoid(u - h) = sigmoid(u + h) sigmoid(h - u) (1 - exp(-2 h))
        log_p = F.logsigmoid(z + half) + F.logsigmoid(half - z) + torch.log(-torch.expm1(-2 * half))
        return -log_p.mean(1) / math.log(2)

    def bound(self, x: Tensor, noise: Tensor) -> Tensor:
        """Bits per dimension, (B,), of integers (B, 16) plus noise in [-1/2, 1/2), without rounding."""
        self.round(False)
        scale = self.unit * torch.exp(self.log_scale)
        z = (self.flow.forward(x + noise) - self.unit * self.location) / scale
        log_p = F.logsigmoid(z) + F.logsigmoid(-z) - torch.log(scale)
        return -log_p.mean(1) / math.log(2)


def _translation(network: nn.Module, unit: float) -> Callable[[Tensor], Tensor]:
    return lambda a: unit * network(a / unit - 2)


def squares(options: Options, depth: int, count: int, seed: int, *, held: bool) -> Tensor:
    """(count, 16) float32 integers of `depth` bits: gray squares of the training pictures, or of those held back."""
    rng = np.random.default_rng(seed)
    chosen = pictures(options, held=held)
    out = np.empty((count, SIDE, SIDE), np.float32)
    for square in out:
        picture = chosen[rng.integers(len(chosen))]
        top, left = (rng.integers(side - SIDE + 1) for side in picture.shape[:2])
        square[:] = picture[top : top + SIDE, left : left + SIDE, 1]
    return torch.from_numpy(out.reshape(count, D) // 2 ** (8 - depth))


def run(options: Options) -> None:
    """rounding.json and rounding.png."""
    tasks = [(bits, n, seed, options) for seed in options.seeds(SEEDS) for bits in MOVES for n in COUPLINGS]
    rows = side_by_side(measure, tasks, options.jobs)
    tables: dict[str, Any] = {}
    for bits in MOVES:
        tables[str(bits)] = {}
        for n in COUPLINGS:
            ours = [row for task, row in zip(tasks, rows, strict=True) if task[:2] == (bits, n)]
            row = {key: spread([row[key] for row in ours]) for key in ours[0] if key != "parameters"}
            tables[str(bits)][str(n)] = {"parameters": ours[0]["parameters"], **row}
            print(f"rounding: {bits} bits, {n} couplings", {k: v["mean"] for k, v in row.items()}, flush=True)
    record = {
        "squares": f"{SIDE} x {SIDE}, gray, held back",
        "moves": {str(bits): move for bits, move in MOVES.items()},
        "seeds": len(options.seeds(SEEDS)),
    }
    unit = "bits per dimension; agreement is a cosine, slope a ratio"
    write_record(options, "rounding", {**record, "bits": tables}, unit)
    draw(tables, options)


def measure(depth: int, couplings: int, seed: int, options: Options) -> dict[str, Any]:
    """Both trainings of one flow and seed, what they reach on held-back squares, and how true their gradients are."""
    held = squares(options, depth, options.few(8192, 64), seed + 1000, held=True)
    data = squares(options, depth, options.few(60_000, 512), seed, held=False)
    count = options.few(2048, 32)
    some = data[:count], data[count : 2 * count]
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(held.shape, generator=generator) - 0.5
    out: dict[str, Any] = {}
    for mode in ("rounded", "relaxed"):
        torch.manual_seed(seed)
        model = SmallFlow(couplings, depth)
        out["parameters"] = parameters(model)
        of = _loss(model, mode, noise[:count])
        for when in fit(model, mode, data, options.scaled(STEPS), seed):
            cosine, slope = agreement(model, of, some, seed, options.few(DIRECTIONS))
            out[f"{mode}_agreement_{when}"], out[f"{mode}_slope_{when}"] = cosine, slope
        with torch.no_grad():
            exact = float(model.exact(held).mean())
            if mode == "rounded":
                out["rounded"] = exact
            else:
                out["switched"], out["relaxed"] = exact, float(model.bound(held, noise).mean())
    return out


def _loss(model: SmallFlow, mode: str, noise: Tensor) -> Callable[[Tensor], Tensor]:
    if mode == "rounded":
        return lambda x: model.exact(x).mean()
    return lambda x: model.bound(x, noise).mean()


def fit(model: SmallFlow, mode: str, data: Tensor, steps: int, seed: int) -> Any:
    """Train in place; yields "early" after a tenth of the steps, "late" after half of them."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.003)
    for step in range(steps):
        yield from (when for when, at in (("early", steps // 10), ("late", steps // 2)) if at == step)
        optimiser.param_groups[0]["lr"] = 0.003 * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        x = data[torch.randint(len(data), (BATCH,), generator=generator)]
        noise = torch.rand(x.shape, generator=generator) - 0.5
        optimiser.zero_grad()
        _loss(model, mode, noise)(x).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()


def agreement(
    model: SmallFlow, loss: Callable[[Tensor], Tensor], halves: tuple[Tensor, Tensor], seed: int, directions: int
) -> tuple[float, float]:
    """How the gradient that autograd gives compares with the slope of the loss itself.

    Products are between one half of the data and the other, whose errors have nothing to do with each other: so neither
    the steps of a finite sample's loss nor the sample itself count as a bias.

    Returns:
        The cosine between both slopes along random directions in the space of the networks' weights, and the loss's own
        slope along the gradient as a share of what the gradient promises: 1 and 1 for a gradient without bias.
    """
    weights = list(model.networks.parameters())
    gradients = torch.stack([torch.cat([g.flatten() for g in torch.autograd.grad(loss(x), weights)]) for x in halves])
    generator = torch.Generator().manual_seed(seed)
    random = torch.randn(directions, gradients.shape[1], generator=generator)
    along = F.normalize(torch.cat((gradients, random)))
    start = torch.nn.utils.parameters_to_vector(weights).detach()
    found = torch.zeros(len(along), 2)
    with torch.no_grad():
        for i, direction in enumerate(along):
            length = _length(model, weights, start, direction, halves[0])
            for sign in (1, -1):
                torch.nn.utils.vector_to_parameters(start + sign * length * direction, weights)
                found[i] += torch.stack([sign * loss(x) for x in halves]) / (2 * length)
        torch.nn.utils.vector_to_parameters(start, weights)
    promised = along @ gradients.T
    p, f = promised[2:].double(), found[2:].double()
    crossed = (p[:, 0] @ f[:, 1] + p[:, 1] @ f[:, 0]) / 2
    lengths = (p[:, 0] @ p[:, 1]).clamp_min(1e-30) * (f[:, 0] @ f[:, 1]).clamp_min(1e-30)
    cosine = float((crossed / lengths.sqrt()).clamp(-1.5, 1.5))
    slope = float((found[0, 1] + found[1, 0]) / (promised[0, 1] + promised[1, 0]))
    return cosine, max(-2.0, min(2.0, slope))


def _length(model: SmallFlow, weights: list[Any], start: Tensor, direction: Tensor, x: Tensor) -> float:
    """How far to go so that the latents, without rounding, move as far as they should."""
    model.round(False)
    torch.nn.utils.vector_to_parameters(start, weights)
    before = model.flow.forward(x)
    length = 1e-2
    for _ in range(3):
        torch.nn.utils.vector_to_parameters(start + length * direction, weights)
        moved = float((model.flow.forward(x) - before).square().mean().sqrt())
        length *= min(30.0, max(1 / 30, model.move / max(moved, 1e-9)))
    return length


def draw(tables: dict[str, Any], options: Options) -> None:
    """Bits, agreement and slope against the number of couplings; a row for each depth of the pixels."""
    figure, axes = figures.new_figure(len(tables), 3, side=2.7)
    for row, (bits, table) in enumerate(tables.items()):
        at = [int(n) for n in table]
        for axis, (title, lines) in zip(axes[row], PANELS.items(), strict=True):
            for i, (label, key) in enumerate(lines.items()):
                mean, deviation = ([values[key][part] for values in table.values()] for part in ("mean", "spread"))
                colour = figures.CLASS_COLOURS[i if len(lines) == 3 else i // 2]
                style = "--" if "early" in label else "-"
                axis.errorbar(at, mean, deviation, color=colour, linestyle=style, marker=".", capsize=2, linewidth=1,
                              label=label)  # fmt: skip
            axis.set_xscale("log", base=2)
            axis.set_xticks(at, [str(n) for n in at], fontsize=7)
            axis.minorticks_off()
            axis.yaxis.set_major_locator(figures.few_ticks(5))
            axis.tick_params(labelsize=7, length=2)
            axis.set_title(f"{bits}-bit pixels: {title}", fontsize=8)
            if row + 1 == len(tables):
                axis.set_xlabel("couplings", fontsize=8)
            if row == 0:
                axis.legend(fontsize=6.5, frameon=False)
    figures.save_figure(figure, options.out / "rounding.png", resolution=110)
