"""An experiment: what does a causal flow gain from predictions by local least squares, and how small may it be then?

    python -m experiments.least_squares FOLDER [--channels 128 --blocks 3 --colour-channels 64] [--minutes 20] [--plain]

Each pixel is predicted linearly from its neighbours, with coefficients that solve least squares over the pixels decoded
before it nearby: normal equations are kept for small slanted blocks, DIAGONALS of the coding order wide and ROWS high,
and each block solves the sum of those around it that came before, lighter with distance and with their noise. The
network sees the prediction and the mean absolute error of the blocks, and moves the one and scales the other.
Prints bits per subpixel of the held-back pictures, by likelihood, before any rounding.

References:
    Li and Orchard, *Edge-directed prediction for lossless compression of natural images*, IEEE Transactions on Image
    Processing 10, 2001
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.codec import to_planes
from idfcodec.compiled import compiled
from idfcodec.flow.causal.network import COMPONENTS, CausalConfig, TrainableCausalFlow, neighbours
from idfcodec.flow.exact import tables as prior
from idfcodec.flow.hierarchical.model import normalise
from idfcodec.flow.hierarchical.network import QuantConv
from idfcodec.format.container import Mode
from idfcodec.format.tiles import tile_grid
from idfcodec.training.data import load_folder
from idfcodec.training.hierarchical import optimisers_of

__all__ = ["Equations", "Local", "averaged", "predictions"]

SLOPE = 4  # columns by which a row's pixels are coded behind those of the row above
DIAGONALS, ROWS = 4, 2  # of a block
REACH, DECAY, TALLER = 30.0, 12.0, 1.5  # pixels that count, that weaken to 1/e, and how much farther a row is
BELIEF = 5.0  # pixels' worth of trust in the average picture's coefficients
RIDGE, LEAST = 5e-4, 1e-3
TILE = 512
_OWN = "0-1 -1+0 -1-1 -1+1 0-2 -2+0 -1+2 -1-2 -2-1 -2+1 0-3 -2+2 -2-2 -1+3 -3+0 -1-3 -3+1 -3-1"
_OTHER = "0+0 0-1 -1+0 -1-1 -1+1"
OWN, OTHER = (np.array([(int(n[:-2]), int(n[-2:])) for n in names.split()], np.int64) for names in (_OWN, _OTHER))
OWN_OF = (18, 10, 10)  # neighbours of the same plane that G, R-G and B-G are predicted from

Floats = NDArray[np.float64]


class Equations(NamedTuple):
    """Normal equations: the sums of products of (N,) neighbours, and of each with what is predicted."""

    matrix: Floats
    right: Floats


class Local(NamedTuple):
    """A tile: (3, H, W) float32 planes, their predictions, and the mean absolute error that is to be expected."""

    planes: NDArray[np.float32]
    predicted: NDArray[np.float32]
    error: NDArray[np.float32]


def _blocks() -> tuple[NDArray[np.int64], Floats]:
    """The blocks around one that come before it, (M, 2) diagonals and rows of blocks away, and their weights."""
    around = []
    for v in range(-int(REACH), int(REACH)):
        for u in range(-int(4 * REACH), 0):
            distance = math.hypot(DIAGONALS * u - SLOPE * ROWS * v, TALLER * ROWS * v)
            if distance <= REACH:
                around.append((u, v, math.exp(-distance / DECAY)))
    table = np.array(around)
    return table[:, :2].astype(np.int64), np.ascontiguousarray(table[:, 2])


@compiled
def _base(plane: NDArray[np.int32], row: int, column: int) -> float:
    """Half the sum of the left and the upper neighbour, twice the one there is, or 0."""
    if row and column:
        return 0.5 * (plane[row, column - 1] + plane[row - 1, column])
    if column:
        return 1.0 * plane[row, column - 1]
    return 1.0 * plane[row - 1, column] if row else 0.0


@compiled
def _neighbours(
    planes: NDArray[np.int32],
    plane: int,
    row: int,
    column: int,
    own: NDArray[np.int64],
    other: NDArray[np.int64],
    out: Floats,
) -> None:
    """Neighbours of a pixel, less the base of their plane at it; edges repeated, what is not known 0."""
    width = planes.shape[2]
    k = 0
    for p in range(plane, -1, -1):
        base = _base(planes[p], row, column)
        table = own if p == plane else other
        for i in range(len(table)):
            r, c = max(row + table[i, 0], 0), min(max(column + table[i, 1], 0), width - 1)
            known = r < row or c < column or (p < plane and c == column)
            out[k] = planes[p, r, c] - base if known else 0.0
            k += 1


@compiled
def _solve(matrix: Floats, right: Floats, out: Floats, lower: Floats) -> None:
    """By Cholesky's decomposition; the lower triangle of `matrix` is looked at."""
    n = len(right)
    for i in range(n):
        for j in range(i + 1):
            value = matrix[i, j]
            for k in range(j):
                value -= lower[i, k] * lower[j, k]
            lower[i, j] = np.sqrt(max(value, 1e-9)) if i == j else value / lower[j, j]
    for i in range(n):
        value = right[i]
        for k in range(i):
            value -= lower[i, k] * out[k]
        out[i] = value / lower[i, i]
    for i in range(n - 1, -1, -1):
        value = out[i]
        for k in range(i + 1, n):
            value -= lower[k, i] * out[k]
        out[i] = value / lower[i, i]


@compiled
def _predict(
    planes: NDArray[np.int32],
    plane: int,
    own: NDArray[np.int64],
    other: NDArray[np.int64],
    around: NDArray[np.int64],
    weights: Floats,
    matrix: Floats,
    right: Floats,
    sizes: tuple[int, int, int],
    predicted: NDArray[np.float32],
    error: NDArray[np.float32],
    sums: Floats,
) -> None:
    """One plane of a tile. `sums` (N, N + 1) are given the tile's mean normal equations."""
    slope, diagonals, rows = sizes
    height, width = planes.shape[1:]
    n = len(right)
    shear = slope * rows // diagonals  # blocks that a row of blocks is behind the one above
    high, wide = (height - 1) // rows + 1, (width + slope * (rows - 1) - 1) // diagonals + 1
    matrices = np.zeros((high, wide, n, n), np.float32)
    rights = np.zeros((high, wide, n), np.float32)
    totals = np.zeros((high, wide, 3))  # pixels, absolute errors, squares
    seen, solution, own_right = np.zeros(n), np.zeros(n), np.zeros(n)
    total, lower, own_matrix = np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n))
    counted = 0.0
    for u in range(wide + shear * (high - 1)):
        for v in range(max(0, -(-(u - wide + 1) // shear)), min(high, u // shear + 1)):
            total[:] = matrix * BELIEF
            own_right[:] = right * BELIEF
            errors, pixels = 1.6, 0.2
            for m in range(len(around)):
                y = v + around[m, 1]
                x = u + around[m, 0] - shear * y
                if not (0 <= y < high and 0 <= x < wide) or not totals[y, x, 0]:
                    continue
                weight = weights[m] / (totals[y, x, 2] / totals[y, x, 0] + 1.0)
                for i in range(n):
                    own_right[i] += weight * rights[y, x, i]
                    for j in range(i + 1):
                        total[i, j] += weight * matrices[y, x, i, j]
                pixels += weights[m] * totals[y, x, 0]
                errors += weights[m] * totals[y, x, 1]
            for i in range(n):
                total[i, i] = total[i, i] * (1 + RIDGE) + LEAST
            _solve(total, own_right, solution, lower)
            own_matrix[:] = 0
            own_right[:] = 0
            count, absolute, square = 0, 0.0, 0.0
            for row in range(v * rows, min(height, (v + 1) * rows)):
                first = u * diagonals - slope * row
                for column in range(max(0, first), min(width, first + diagonals)):
                    _neighbours(planes, plane, row, column, own, other, seen)
                    base = _base(planes[plane], row, column)
                    moved = 0.0
                    for i in range(n):
                        moved += solution[i] * seen[i]
                    predicted[row, column], error[row, column] = base + moved, errors / pixels
                    left = planes[plane, row, column] - base
                    count += 1
                    absolute += abs(left - moved)
                    square += (left - moved) ** 2
                    for i in range(n):
                        own_right[i] += seen[i] * left
                        for j in range(i + 1):
                            own_matrix[i, j] += seen[i] * seen[j]
            if not count:
                continue
            place = u - shear * v
            totals[v, place, 0], totals[v, place, 1], totals[v, place, 2] = count, absolute, square
            weight = 1 / (square / count + 1)
            for i in range(n):
                rights[v, place, i] = own_right[i]
                sums[i, n] += weight * own_right[i]
                for j in range(i + 1):
                    matrices[v, place, i, j] = own_matrix[i, j]
                    sums[i, j] += weight * own_matrix[i, j]
            counted += count
    sums /= max(counted, 1.0)


def _coefficients(plane: int) -> int:
    return OWN_OF[plane] + len(OTHER) * plane


def predictions(planes: NDArray[np.int32], average: Sequence[Equations]) -> tuple[Local, list[Equations]]:
    """Predict every pixel of (3, H, W) planes G, R-G, B-G from those coded before it, and the tile's own equations.

    Args:
        planes: of a tile.
        average: of each plane, what stands for a tile of which nothing is known, see `averaged`.
    """
    predicted, error = (np.zeros(planes.shape, np.float32) for _ in range(2))
    around, weights = _blocks()
    found = []
    for p, equations in enumerate(average):
        n = len(equations.right)
        sums = np.zeros((n, n + 1))
        _predict(
            planes,
            p,
            OWN[: OWN_OF[p]],
            OTHER,
            around,
            weights,
            *equations,
            (SLOPE, DIAGONALS, ROWS),
            predicted[p],
            error[p],
            sums,
        )
        found.append(Equations(np.ascontiguousarray(sums[:, :n]), np.ascontiguousarray(sums[:, n])))
    return Local(planes.astype(np.float32), predicted, error), found


def averaged(tiles: Sequence[NDArray[np.int32]]) -> list[Equations]:
    """Mean normal equations of tiles, each predicted with little belief in anything."""
    sizes = [_coefficients(p) for p in range(3)]
    nothing = [Equations(0.01 * np.eye(n), np.zeros(n)) for n in sizes]
    found = [predictions(planes, nothing)[1] for planes in tiles]
    return [Equations(*(np.mean(part, 0) for part in zip(*(f[p] for f in found), strict=True))) for p in range(3)]


class _Flow(TrainableCausalFlow):
    """The causal flow, its locations moved from the predictions and its scales from their errors."""

    def __init__(self, config: CausalConfig, *, plain: bool) -> None:
        super().__init__(config)
        self.plain = plain
        if not plain:
            self.network.first = QuantConv(4 * len(neighbours(config)) + 6, config.channels, 1, padding=0)
            self.network.into = nn.ModuleList(
                QuantConv(config.channels + p + 2, config.colour_channels, 1, padding=0) for p in range(3)
            )

    def bits(self, y: Tensor, predicted: Tensor, error: Tensor, where: Tensor) -> Tensor:
        """Bits of the pixels at `where` of (B, 3, H, W) planes, (); see `TrainableCausalFlow.forward`."""
        shown = normalise(y)
        left, above = F.pad(y[..., :-1], (1, 0)), F.pad(y[..., :-1, :], (0, 0, 1, 0))
        base, values, known, local, noise = (
            x.permute(0, 2, 3, 1).flatten(0, 2)[where] for x in ((left + above) / 2, y, shown, predicted, error)
        )
        seen = self._gather(shown, where)
        noise = torch.log2(noise + 0.25) / 2
        moved = ((local - base) / 8).clamp(-4, 4)
        if not self.plain:
            base = local
            seen = torch.cat((seen, moved[:, :1], (local[:, :1] - 128) / 32, noise, noise.mean(1, keepdim=True)), 1)
        h = self.network.trunk(seen)
        total = h.new_zeros(())
        residuals: list[Tensor] = []
        for p in range(3):
            more = () if self.plain else (moved[:, p : p + 1], noise[:, p : p + 1])
            head = self.network.plane(p, h, torch.cat((known[:, :p], *more), 1))
            location, log_scale, shape, logit, colours = torch.split(head, [*[COMPONENTS] * 3, 1, p], 1)
            location = base[:, p : p + 1] + 8 * location
            for q, residual in enumerate(residuals):
                location = location + colours[:, q : q + 1].clamp(-2, 2) * residual
            log_scale = 2 * log_scale + 0.5 + (0 if self.plain else 1.4 * noise[:, p : p + 1])
            cost = prior.bits(values[:, p : p + 1] - location, log_scale, 2 * shape + 1) * math.log(2)
            logit = (2 * logit).clamp(-4, 4)
            shares = torch.cat((F.logsigmoid(logit), F.logsigmoid(-logit)), 1)
            total = total - torch.logsumexp(shares - cost, 1).sum() / math.log(2)
            residuals.append(values[:, p : p + 1] - (shares.exp() * location).sum(1, keepdim=True))
        return total


def _tiles(pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.int32]]:
    return [
        to_planes(pixels, tile, Mode.RGB)
        for pixels in pictures
        for tile in tile_grid(pixels.shape[0], pixels.shape[1], TILE)
    ]


def _unpredicted(planes: NDArray[np.int32]) -> Local:
    """Planes for a network that does not look at predictions."""
    nothing = np.zeros(planes.shape, np.float32)
    return Local(planes.astype(np.float32), nothing, nothing)


def _batch(tiles: Sequence[Local], size: int, count: int, rng: np.random.Generator) -> list[Tensor]:
    """`count` crops of (3, size, size): planes, predictions and errors."""
    areas = np.array([t.error[0].size for t in tiles], np.float64)
    crops = []
    for i in rng.choice(len(tiles), size=count, p=areas / areas.sum()):
        _, height, width = tiles[i].error.shape
        top, left = rng.integers(height - size + 1), rng.integers(width - size + 1)
        crops.append([part[:, top : top + size, left : left + size] for part in tiles[i]])
    return [torch.from_numpy(np.stack(parts)) for parts in zip(*crops, strict=True)]


def _train(flow: _Flow, tiles: Sequence[Local], *, minutes: float, seed: int) -> int:
    """Train for minutes of one core; returns the number of steps."""
    rng = np.random.default_rng(seed)
    size, count, rate = 32, 64, 4e-3
    tiles = [t for t in tiles if min(t.error.shape[1:]) >= size]
    optimisers = optimisers_of(flow, rate)
    rates = [o.param_groups[0]["lr"] for o in optimisers]
    started, step = time.process_time(), 0
    while (progress := (time.process_time() - started) / 60 / minutes) < 1:
        factor = min(1.0, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * progress)) + 1e-3
        for optimiser, first in zip(optimisers, rates, strict=True):
            optimiser.param_groups[0]["lr"] = first * factor
            optimiser.zero_grad(set_to_none=True)
        where = torch.from_numpy(rng.integers(count * size**2, size=count * size**2 // 4))
        loss = flow.bits(*_batch(tiles, size, count, rng), where) / (3 * len(where))
        loss.backward()  # type: ignore[no-untyped-call]
        if torch.isfinite(nn.utils.clip_grad_norm_(flow.parameters(), 1.0)):
            for optimiser in optimisers:
                optimiser.step()
        step += 1
    return step


@torch.no_grad()
def _judged(flow: _Flow, tiles: Sequence[Local]) -> float:
    """Bits per subpixel."""
    total = 0.0
    for tile in tiles:
        parts = [torch.from_numpy(part)[None] for part in tile]
        total += sum(float(flow.bits(*parts, where)) for where in torch.arange(tile.error[0].size).split(2**14))
    return total / sum(tile.error.size for tile in tiles)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.least_squares", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="pictures; a tenth, chosen by name, judges")
    parser.add_argument("--channels", type=int, default=128, help="of the trunk; default: %(default)s")
    parser.add_argument("--blocks", type=int, default=3, help="of the trunk; default: %(default)s")
    parser.add_argument("--colour-channels", type=int, default=64, help="of each colour; default: %(default)s")
    parser.add_argument("--minutes", type=float, default=20.0, help="of one core; default: %(default)s")
    parser.add_argument("--plain", action="store_true", help="without the predictions")
    parser.add_argument("--limit", type=int, help="only so many pictures")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    training, held = (_tiles(pictures[: given.limit]) for pictures in load_folder(given.folder, smallest=64))
    started = time.process_time()
    if given.plain:
        learned, judging = ([_unpredicted(tile) for tile in tiles] for tiles in (training, held))
    else:
        average = averaged(training[::16])
        learned, judging = ([predictions(tile, average)[0] for tile in tiles] for tiles in (training, held))
        pixels = sum(tile[0].size for tile in (*training, *held)) / 1e6
        print(f"{pixels:.1f} megapixels predicted in {time.process_time() - started:.0f} s of one core")
    flow = _Flow(CausalConfig(given.channels, given.blocks, given.colour_channels), plain=given.plain)
    steps = _train(flow, learned, minutes=given.minutes, seed=given.seed)
    macs = sum(m.weight.numel() for m in flow.modules() if isinstance(m, QuantConv)) / 1e3
    print(f"{'plain' if given.plain else 'with predictions'}: {macs:.1f} kMAC/pixel, {steps} steps")
    print(f"{_judged(flow, judging):.4f} bits per subpixel of {len(held)} held-back tiles (likelihood, not rounded)")


if __name__ == "__main__":
    main()
