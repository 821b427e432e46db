"""Models as densities: `density` trains a real-valued flow on a toy and judges it, `sample` draws pictures."""

import io
import math
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from idfcodec.cli.options import json_option, parse_size, picture_format
from idfcodec.cli.report import Outcome, Report, finish
from idfcodec.errors import IDFError
from idfcodec.files import STREAM, check_target
from idfcodec.models import EFFORTS, load_model
from idfcodec.targets import plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from idfcodec.baselines.contract import Density

__all__ = ["density", "sample"]

TOYS = ("moons", "rings", "checkerboard", "gaussians", "circle", "torus")
FLOWS = ("nice", "realnvp", "glow", "flowpp", "maf", "iaf", "nsf", "ncsf", "planar", "radial")
OTHERS = ("rnade", "rad", "copula", "gaussian-copula", "vine", "gaussianisation", "distribution", "ddm")
MODELS = (*FLOWS, *OTHERS)
HELD_OUT = 20000
MARGIN = 2  # pixels between the pictures of a sheet


@click.command()
@click.argument("toy", type=click.Choice(TOYS))
@click.option("--model", type=click.Choice(MODELS), default="realnvp", show_default=True, help="The family.")
@click.option(
    "--layers", type=click.IntRange(min=1), default=8, show_default=True, help="Couplings or other layers, if any."
)
@click.option(
    "--hidden", type=click.IntRange(min=1), default=32, show_default=True, help="Width of the networks, if any."
)
@click.option("--steps", type=click.IntRange(min=1), default=1500, show_default=True, help="Steps of the optimizer.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop by the clock, the schedule with it.")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), default=0.005, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--out", metavar="FIGURE", help="Draw it: density, samples, latents, warped grids, loss (.png, .svg).")
@click.option("--save", "saved", metavar="FILE", help="Keep the trained model, for the command sample (.safetensors).")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing target.")
@json_option
def density(
    toy: str,
    model: str,
    layers: int,
    hidden: int,
    steps: int,
    seconds: float | None,
    learning_rate: float,
    seed: int,
    out: str | None,
    saved: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Train a real-valued flow, or a relative, on a density of the plane, the circle or the torus.

    It says how close the model comes.

    The log-likelihood is that of 20,000 samples which the training has not seen, beside what the true density gives
    them. Angles (circle, torus) are for --model ncsf. The densities are in experiments/ of the repository: this command
    needs a checkout of it.

    \b
    Examples:
      idfcodec density moons --model realnvp --layers 8 --out moons.png
      idfcodec density rings --model nsf --layers 4 --seconds 30
      idfcodec density torus --model ncsf --layers 6 --out torus.svg
    """
    if (toy in ("circle", "torus")) != (model == "ncsf"):
        raise click.UsageError("circle and torus need --model ncsf, and ncsf needs angles.")
    report = Report(as_json=as_json, to_stdout=True)

    def work(name: str) -> Outcome:
        for path in (out, saved):
            if path is not None:
                check_target(Path(path), (), force=force)
        import torch

        from idfcodec.baselines.families import build, family_of

        toys, training = _plane("toys"), _plane("fit")
        figures = None if out is None else _plane("figures")
        if figures is not None:
            figures.new_figure(1, 1)  # what it needs is missed before the training, not after
        target = toys.toy(name)
        torch.manual_seed(seed)
        known = {field.name for field in fields(family_of(model).config_type)}
        settings = {name: size for name, size in (("layers", layers), ("hidden", hidden)) if name in known}
        flow = build(model, (target.dimensions,), **settings)
        config = training.FitConfig(steps=steps, seconds=seconds, learning_rate=learning_rate, seed=seed)
        losses = training.fit(flow, lambda n, generator: (target.sample(n, generator)[0], None), config)
        held, _ = target.sample(HELD_OUT, torch.Generator().manual_seed(10000 + seed))
        reached, true = float(training.evaluate(flow, held).mean()), float(target.log_prob(held).mean())
        if out is not None and figures is not None:
            figures.save_figure(figures.overview(flow, target, losses, seed=seed), Path(out), force=force)
        if saved is not None:
            flow.save(Path(saved))
        parameters = sum(p.numel() for p in flow.parameters())
        values = {
            "density": name,
            "model": model,
            "layers": layers,
            "parameters": parameters,
            "steps": len(losses),
            "held_out_log_likelihood": reached,
            "true_log_likelihood": true,
            "entropy": target.entropy(),
            "figure": out,
            "saved": saved,
        }
        line = (
            f"{name}, {model}: {reached:.4f} nats a held-out sample, {true - reached:.4f} short of the true density's "
            f"{true:.4f}; {parameters:,} parameters, {len(losses):,} steps"
        )
        return Outcome(line, values)

    finish([toy], work, report)


@click.command()
@click.argument("output", metavar="OUT.png", type=click.Path())
@click.option(
    "--model",
    metavar="ID",
    help="A model's name, id or folder; fast, default or max; or a baseline's .safetensors.  [default: default]",
)
@click.option("--n", type=click.IntRange(min=1, max=4096), default=64, show_default=True, help="How many.")
@click.option(
    "--size", metavar="WxH", help="Width and height of a picture; a baseline's are its own.  [default: 64x64]"
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Below 1: likelier pictures, less various.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing target.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def sample(
    output: str, model: str | None, n: int, size: str | None, temperature: float, seed: int, force: bool, quiet: bool
) -> None:
    """Draw pictures from a model and write them as one sheet, rows from left to right.

    Of a baseline that was trained in the plane, a scatter plot. The same seed gives the same sheet.

    \b
    Examples:
      idfcodec sample --model photo --n 64 sheet.png
      idfcodec sample --model max --n 16 --size 96x96 --temperature 0.8 sheet.png
      idfcodec sample --model moons.safetensors --n 2000 moons.png
    """
    baseline = model is not None and model.endswith(".safetensors")
    if baseline and size is not None:
        raise click.UsageError("a baseline has a size of its own; --size is for the shipped models.")
    width, height = parse_size(size or "64x64")
    report = Report(quiet=quiet)
    targets = plan([STREAM], output, ".png")
    format = picture_format(output)

    def work(name: str) -> Outcome:
        targets.check(STREAM, force=force)
        from idfcodec.picture import pillow as planes

        if baseline:
            from idfcodec.baselines.dequantization import to_pixels
            from idfcodec.baselines.families import load

            flow = load(Path(str(model)))
            drawn = _drawn(flow, n, temperature, seed)
            if drawn.ndim == 2:
                _scatter(drawn, Path(output), force=force)
                return Outcome(f"{output}: {n:,} samples in the plane", {})
            pictures = to_pixels(drawn).permute(0, 2, 3, 1).numpy()
        else:
            from idfcodec import density as densities

            shipped = load_model(None if model is None else EFFORTS.get(model, model))
            pictures = densities.sample(shipped, n, (height, width), temperature, seed=seed)
        stream = io.BytesIO()
        planes.write_picture(planes.Picture(sheet(pictures), {}), stream, format)
        written = targets.write(STREAM, stream.getvalue(), force=force)
        shape = "x".join(map(str, reversed(pictures.shape[1:3])))
        return Outcome(f"{written}: {n} samples of {shape} at a temperature of {temperature:g}", {})

    finish([output], work, report)


def _plane(name: str) -> Any:
    """A module of experiments/plane, which a checkout has and a wheel has not.

    Raises:
        IDFError: there is no such folder.
    """
    try:
        return import_module(f"experiments.plane.{name}")
    except ModuleNotFoundError as ex:
        if (ex.name or "").partition(".")[0] != "experiments":
            raise
        raise IDFError(
            "the densities of the plane come with a checkout of the repository (experiments/), not with the package"
        ) from ex


def sheet(pictures: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """(n, H, W, C) uint8 with C of 1 or 3 as one (H', W') or (H', W', 3) uint8 array, white between and around.

    As many rows as make the sheet nearly square.
    """
    import numpy as np

    n, height, width, channels = pictures.shape
    columns = min(n, max(1, round(math.sqrt(n * height / width))))
    rows = -(-n // columns)
    shape = (rows * (height + MARGIN) + MARGIN, columns * (width + MARGIN) + MARGIN, channels)
    out = np.full(shape, 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = MARGIN + i // columns * (height + MARGIN), MARGIN + i % columns * (width + MARGIN)
        out[top : top + height, left : left + width] = picture
    return out if channels == 3 else out[..., 0].copy()


def _drawn(flow: "Density", n: int, temperature: float, seed: int) -> "Tensor":
    import torch

    shape = tuple(flow.config.shape)
    if flow.config.condition:
        raise IDFError("this model is conditional, and there is no telling here on what")
    if shape != (2,) and not (len(shape) == 3 and shape[0] in (1, 3)):
        raise IDFError(f"samples of shape {shape} are neither pictures nor points of the plane")
    return flow.sample(n, temperature, generator=torch.Generator().manual_seed(seed))


def _scatter(x: "Tensor", target: Path, *, force: bool) -> None:
    figures = _plane("figures")
    figure, axes = figures.new_figure(1, 1, side=5)
    reach = max(float(x.abs().quantile(0.995)) * 1.1, 1e-3)
    figures.draw_points(axes[0, 0], x, None, -reach, reach, size=6)
    figures.save_figure(figure, target, force=force)
