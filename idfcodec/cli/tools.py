"""The commands around the codec: `bpd` measures, `train` makes models, `demo` draws a picture to try them on."""

import io
import json
import os
import time
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from idfcodec.cli.options import (
    choose_model,
    compute_options,
    effort_option,
    inputs_argument,
    json_option,
    model_option,
    parse_size,
    picture_format,
)
from idfcodec.cli.report import Outcome, Progress, Report, common, finish, label
from idfcodec.files import STREAM, load_picture, plan
from idfcodec.models import EFFORTS, find_model

__all__ = ["FAMILIES", "bpd", "demo", "train"]

# As in `training/families.py`; repeated so that help needs no PyTorch.
FAMILIES = ("idf", "causal", "nice", "realnvp", "glow", "flowpp", "pixelcnn")


@click.command()
@inputs_argument
@effort_option
@model_option
@compute_options
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
@json_option
def bpd(
    inputs: tuple[str, ...],
    effort: str | None,
    model: str | None,
    threads: int | None,
    device: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Measure pictures in bits per subpixel: what the model says, the coded tiles, the whole file. Writes nothing.

    \b
    Examples:
      idfcodec bpd photo.png
      idfcodec bpd --effort max photo.png
      idfcodec bpd --json --model models/mine *.png
    """
    model = choose_model(model, effort)
    report = Report(as_json=as_json, to_stdout=True)

    def work(name: str) -> Outcome:
        picture, before = load_picture(name)
        from idfcodec import code_length, codec
        from idfcodec.format.container import unpack

        start = time.perf_counter()
        with Progress(label(name), quiet=quiet) as progress:
            data = codec.encode(picture, model=model, threads=threads, device=device, progress=progress)
        seconds = time.perf_counter() - start
        bits = code_length.code_length(picture, model=model, threads=threads, device=device).total
        payload = sum(unpack(data, header_only=True).tile_lengths)
        size = picture.pixels.size
        values = common(name, picture.pixels.shape, size, len(data), seconds)
        values |= {
            "input_bytes": before,
            "likelihood_bits": bits,
            "payload_bytes": payload,
            "file_bytes": len(data),
            "likelihood_bits_per_subpixel": bits / size,
            "payload_bits_per_subpixel": 8 * payload / size,
        }
        line = (
            f"{label(name)}: {bits / size:.4f} by the model, {8 * payload / size:.4f} in tiles, "
            f"{8 * len(data) / size:.4f} bits per subpixel in the file ({len(data):,} bytes)"
        )
        return Outcome(line, values, "", size, before, len(data), len(data), seconds)

    finish(inputs, work, report)


@click.command()
@click.argument("folder", type=click.Path())
@click.option("--out", required=True, metavar="FOLDER", help="The new model's folder, such as models/mine.")
@click.option(
    "--from", "start", metavar="MODEL", help="Fine-tune a model: its name, id or folder, or fast, default or max."
)
@click.option(
    "--family",
    type=click.Choice(FAMILIES),
    default="idf",
    show_default=True,
    help="The codec's own, integer flows of photographs (idf) or small pictures (causal), or what is beside them.",
)
@click.option("--steps", type=click.IntRange(min=1), default=100_000, show_default=True, help="Steps of the optimizer.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Stop by the clock, the schedule with it.")
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=8,
    help="Crops in a step, of all processes.  [default: 8; of another family 32]",
)
@click.option(
    "--size",
    type=click.IntRange(min=16),
    default=96,
    help="Side of a crop in pixels.  [default: 96; of another family 32]",
)
@click.option(
    "--kind",
    type=click.Choice(["photos", "thumbnails"]),
    default="photos",
    show_default=True,
    help="What is to be coded: for thumbnails all crops are downscaled, up to whole pictures.",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    default=0.004,
    help="Of the first steps.  [default: 0.004; with --from 0.0012; of another family 0.002]",
)
@click.option(
    "--set",
    "given_settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="A size of another family than idf, such as layers=8 or hidden=64; repeatable.",
)
@click.option(
    "--channels",
    type=click.IntRange(min=1),
    default=64,
    help="Width of the networks.  [default: 64; with --from the model's]",
)
@click.option(
    "--blocks",
    type=click.IntRange(min=1),
    nargs=3,
    default=(3, 2, 2),
    metavar="A B C",
    help="Residual blocks of the three coding steps.  [default: 3 2 2; with --from the model's]",
)
@click.option(
    "--networks",
    type=click.IntRange(min=1),
    default=3,
    help="The finest levels have one each, the others share the last.  [default: 3; with --from the model's]",
)
@click.option("--levels", type=click.IntRange(min=1), default=5, show_default=True, help="Levels of the flow.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--log-every",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    metavar="N",
    help="Log the mean loss of each N steps.",
)
@click.option(
    "-T", "--threads", type=click.IntRange(min=1), metavar="N", help="Threads of a process.  [default: all cores]"
)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--resume", is_flag=True, help="Go on from the last checkpoint in the folder of --out, with the same settings."
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def train(
    folder: str,
    out: str,
    start: str | None,
    given_settings: tuple[str, ...],
    threads: int | None,
    device: str,
    resume: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    """Train a model on the pictures in FOLDER and export it, ready for --model.

    A family other than idf and causal becomes a FAMILY.safetensors, for the command sample.

    Checkpoints, a log (one JSON object a line) and the exported model go to the folder of --out. A run that was
    stopped goes on with --resume, its settings unchanged but for those that are given again. Several processes that
    torchrun starts train one model together; each takes its share of the batch.

    \b
    Examples:
      idfcodec train photos/ --out models/mine --minutes 60
      idfcodec train photos/ --out models/mine --resume
      idfcodec train slides/ --out models/slides --from default --minutes 10
      idfcodec train photos/ --family glow --set layers=8 --out runs/glow --minutes 10
      torchrun --nproc-per-node 2 -m idfcodec train photos/ --out models/mine --device cuda
      idfcodec compress --model models/mine photo.png
    """
    if start is not None and resume:
        raise click.UsageError("--from and --resume exclude each other: what is resumed has its start behind it.")
    source = click.get_current_context().get_parameter_source
    given = {name: value for name, value in settings.items() if source(name) is not ParameterSource.DEFAULT}
    if given_settings:
        given["settings"] = dict(_setting(text) for text in given_settings)
    quiet = quiet or os.environ.get("RANK", "0") != "0"  # of the processes of torchrun, the first one speaks
    report = Report(quiet=quiet)

    def work(name: str) -> Outcome:
        from idfcodec.training import loop
        from idfcodec.training.config import fine_tuning, fresh, resumed
        from idfcodec.training.distributed import default_threads, joined
        from idfcodec.training.families import family_of

        target = Path(out)
        given["threads"] = threads or default_threads()
        model = None
        if start is not None:
            model = find_model(None if start == "default" else EFFORTS.get(start, start))
            config = fine_tuning(model, **given)
        elif resume:
            config = resumed(target, **given)
        else:
            config = fresh(**given)
        say = None if quiet else log_line
        with joined(device) as processes:
            options: dict[str, Any] = {"device": device, "processes": processes, "report": say}
            trained = loop.train(Path(name), target, config, resume=resume, start_from=model, **options)
            identity = ""
            if processes.leads:
                family = family_of(config)
                identity = family.export(trained.model, target, summary=trained.summary, kept=trained.kept)
        return Outcome(f"{name} -> {out}: trained and exported as {identity}", {})

    finish([folder], work, report)


@click.command()
@click.argument("output", metavar="OUT.png", type=click.Path())
@click.option("--size", default="768x512", show_default=True, metavar="WxH", help="Width and height in pixels.")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing target.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def demo(output: str, size: str, force: bool, quiet: bool) -> None:
    """Draw a picture to try the codec on: a landscape with clouds, hills and grain, the same at every call.

    \b
    Examples:
      idfcodec demo demo.png
      idfcodec demo --size 3000x2000 large.png
    """
    width, height = parse_size(size)
    report = Report(quiet=quiet)
    targets = plan([STREAM], output, ".png")
    format = picture_format(output)

    def work(name: str) -> Outcome:
        targets.check(STREAM, force=force)
        from idfcodec.demo import draw
        from idfcodec.picture import pillow as planes

        stream = io.BytesIO()
        planes.write_picture(planes.Picture(draw(width, height), {}), stream, format)
        written = targets.write(STREAM, stream.getvalue(), force=force)
        return Outcome(f"{written}: {width}x{height} RGB, {len(stream.getvalue()):,} bytes", {})

    finish([output], work, report)


def _setting(text: str) -> tuple[str, Any]:
    """`NAME=VALUE` with a value that is a number, true or false, or a word."""
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="'--set'")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def log_line(record: dict[str, Any]) -> None:
    """Shows a record of the training log on standard error."""
    click.echo("  ".join(f"{key} {value}" for key, value in record.items()), err=True)
