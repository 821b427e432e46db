"""Discrete flows: the table that one layer solves exactly, and a picture of a few colours coded through one.

The table P(0,0) = 0.63, P(0,1) = 0.07, P(1,0) = 0.03, P(1,1) = 0.27 has no independent coordinates until x_2 is moved
by x_1; then it is (0.7, 0.3) times (0.9, 0.1). The picture is `idfcodec demo`'s with eight colours, sorted by
brightness. Its left half trains flows of 4x4 patches, its right half is coded by rANS: under independent tables for
each place of a patch, and through the flows.

References:
    Tran et al., *Discrete Flows: Invertible Generative Models of Discrete Data*, 2019,
    https://arxiv.org/abs/1905.10347
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from experiments.density.common import Options, parameters, write_record
from experiments.plane import figures
from experiments.plane.fit import FitConfig, evaluate, fit
from idfcodec.baselines.discrete import DiscreteConfig, DiscreteFlow, decode, encode
from idfcodec.demo import draw as draw_demo
from idfcodec.errors import IDFError

__all__ = ["run"]

TABLE = torch.tensor([0.63, 0.07, 0.03, 0.27])
PAIRS = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
COLOURS = 8
PATCH = 4


def run(options: Options) -> None:
    """discrete.json and discrete.png."""
    table, before, after = solve_table(options)
    picture, palette = palette_picture()
    coded, bits = code_picture(picture, options)
    record = {"unit": "nats for the table, bits for the picture", "table": table, "picture": coded}
    print(record, flush=True)
    write_record(options, "discrete", record)
    draw(before, after, picture, palette, bits, options)


def dependence(joint: Tensor) -> float:
    """Mutual information in nats of a (2, 2) table."""
    independent = joint.sum(1, keepdim=True) * joint.sum(0)
    return max(0.0, float((joint * torch.log(joint / independent)).sum()))


def solve_table(options: Options) -> tuple[dict[str, Any], Tensor, Tensor]:
    """One layer on the four pairs, weighted by their probabilities."""
    torch.manual_seed(options.seed)
    model = DiscreteFlow(DiscreteConfig(hidden=16))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(options.scaled(400)):
        optimiser.zero_grad(set_to_none=True)
        loss = -(TABLE * model.log_prob(PAIRS)).sum()
        loss.backward()
        optimiser.step()
    z = model.latents(PAIRS)[0]
    joint = torch.zeros(2, 2).index_put_((z[:, 0], z[:, 1]), TABLE)
    values = {
        "entropy": round(-float((TABLE * TABLE.log()).sum()), 6),
        "loss": round(float(loss.detach()), 6),
        "mutual_information_before": round(dependence(TABLE.reshape(2, 2)), 6),
        "mutual_information_after": round(dependence(joint), 6),
        "latents": [[round(v, 4) for v in row] for row in joint.tolist()],
    }
    return values, TABLE.reshape(2, 2), joint


def palette_picture() -> tuple[Tensor, np.ndarray]:
    """(H, W) indices and the (8, 3) uint8 colours, dark to bright."""
    image = Image.fromarray(draw_demo(512, 256)).quantize(COLOURS, dither=Image.Dither.NONE)
    colours = np.array(image.getpalette()[: 3 * COLOURS], np.uint8).reshape(-1, 3)
    order = np.argsort(colours.sum(1, dtype=np.int64))
    return torch.from_numpy(np.argsort(order)[np.asarray(image)]), colours[order]


def patches(picture: Tensor) -> Tensor:
    """(N, 16), rows of patches from left to right."""
    return picture.unfold(0, PATCH, PATCH).unfold(1, PATCH, PATCH).reshape(-1, PATCH * PATCH)


def unpatched(x: Tensor, height: int, width: int) -> Tensor:
    rows = x.reshape(height // PATCH, width // PATCH, PATCH, PATCH)
    return rows.permute(0, 2, 1, 3).reshape(height, width)


def code_picture(picture: Tensor, options: Options) -> tuple[dict[str, Any], Tensor]:
    """Bits per pixel of the right half by each model; and what each pixel costs the autoregressive one, in bits."""
    half = picture.shape[1] // 2
    # At every offset, so that there are enough patches to learn from.
    training = torch.cat([patches(picture[i : i - PATCH, j : half - PATCH + j]) for i in range(4) for j in range(4)])
    test = patches(picture[:, half:])
    out: dict[str, Any] = {"pixels": test.numel(), "colours": COLOURS, "models": {}}
    shape = (PATCH * PATCH,)
    models = {
        "independent": None,
        "bipartite": DiscreteConfig(shape, COLOURS, layers=6, hidden=128, kind="bipartite"),
        "autoregressive": DiscreteConfig(shape, COLOURS, layers=1, hidden=256, kind="autoregressive"),
    }
    for name, config in models.items():
        torch.manual_seed(options.seed)
        if config is None:  # the tables alone, whose best fit is known: the frequencies
            model = DiscreteFlow(DiscreteConfig(shape, COLOURS, layers=1, hidden=1))
            count = torch.nn.functional.one_hot(training, COLOURS).sum(0) + 0.5
            with torch.no_grad():
                model.bases[0].logits.copy_(torch.log(count))
        else:
            model = DiscreteFlow(config)

            def draw_patches(n: int, generator: torch.Generator) -> tuple[Tensor, None]:
                return training[torch.randint(len(training), (n,), generator=generator)], None

            fit(model, draw_patches, FitConfig(steps=options.scaled(800), learning_rate=0.003, seed=options.seed))
        model.eval()
        data = encode(model, test)
        if not torch.equal(decode(model, data, len(test)), test):
            raise IDFError(f"{name}: what came back is not what was coded")
        bits = -float(evaluate(model, test).double().sum()) / math.log(2)
        out["models"][name] = {
            "parameters": parameters(model),
            "likelihood_bits_per_pixel": round(bits / test.numel(), 4),
            "coded_bits_per_pixel": round(8 * len(data) / test.numel(), 4),
            "bytes": len(data),
        }
    cost = -torch.log_softmax(model.bases[0].logits.detach(), 1) / math.log(2)  # (16, 8), of the last model
    return out, unpatched(cost[torch.arange(PATCH * PATCH), model.latents(test)[0]], picture.shape[0], half)


def draw(before: Tensor, after: Tensor, picture: Tensor, palette: np.ndarray, bits: Tensor, options: Options) -> None:
    """The table before and after, the picture's right half, and what its latents cost."""
    figure, axes = figures.new_figure(1, 4, side=2.4)
    for axis, joint, title in ((axes[0, 0], before, "the table"), (axes[0, 1], after, "after one layer: independent")):
        axis.imshow(joint.numpy(), cmap="Blues", vmin=0, vmax=0.9)
        for i in range(2):
            for j in range(2):
                axis.text(j, i, f"{float(joint[i, j]):.2f}", ha="center", va="center", fontsize=10)
        axis.set_title(title, fontsize=8)
        axis.set_ylabel("first", fontsize=8)
        axis.set_xlabel("second", fontsize=8)
        axis.set_xticks([0, 1], ["0", "1"], fontsize=7)
        axis.set_yticks([0, 1], ["0", "1"], fontsize=7)
    axes[0, 2].imshow(palette[picture[:, picture.shape[1] // 2 :].numpy()])
    axes[0, 2].set_title("eight colours", fontsize=8)
    axes[0, 3].imshow(bits.numpy(), cmap="Greys", vmin=0, vmax=8)
    axes[0, 3].set_title("its latents' bits, white 0 to black 8", fontsize=8)
    figures.save_figure(figure, options.out / "discrete.png")
