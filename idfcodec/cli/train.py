"""The command `train`: models from folders of pictures."""

import json
import os
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from idfcodec.cli.report import Outcome, Report, finish
from idfcodec.cli.streams import say
from idfcodec.models import EFFORTS, find_model
from idfcodec.training import names as families

__all__ = ["FAMILIES", "log_line", "train"]

FAMILIES = tuple(families.FAMILIES)


@click.command()
@click.argument("folder", type=click.Path())
@click.option("--out", required=True, metavar="FOLDER", help="The new model's folder, such as models/mine.")
@click.option("--from", "start", metavar="MODEL", help="Fine-tune a model, such as idf: its name, id or folder.")
@click.option(
    "--family",
    type=click.Choice(FAMILIES),
    default="idf",
    show_default=True,
    help="An integer flow, hierarchical (idf) or causal, as the shipped presets are; or a flow beside them.",
)
@click.option(
    "--preset",
    type=click.Choice(families.CAUSAL_PRESETS),
    help="Architecture of a causal model: that of this shipped one.",
)
@click.option("--steps", type=click.IntRange(min=1), default=100_000, show_default=True, help="Steps of the optimizer.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Stop by the clock, the schedule with it.")
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=8,
    help="Crops in a step, of all processes.  [default: 8; of a baseline 32]",
)
@click.option(
    "--size",
    type=click.IntRange(min=16),
    default=96,
    help="Side of a crop in pixels.  [default: 96; of causal 128; of a baseline 32]",
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
    help="Of the first steps.  [default: 0.004; with --from 0.0012; of causal 0.008; of a baseline 0.002]",
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
    preset: str | None,
    given_settings: tuple[str, ...],
    threads: int | None,
    device: str,
    resume: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    """Train a model on the pictures in FOLDER and export it, ready for --model.

    A family other than idf and causal becomes a FAMILY.safetensors, for the command sample. Training needs PyTorch:
    pip install 'idfcodec[torch]'.

    Checkpoints, a log (one JSON object a line) and the exported model go to the folder of --out. A run that was
    stopped goes on with --resume, its settings unchanged but for those that are given again. Several processes that
    torchrun starts train one model together; each takes its share of the batch.

    \b
    Examples:
      idfcodec train photos/ --out models/mine --minutes 60
      idfcodec train photos/ --out models/mine --resume
      idfcodec train slides/ --out models/slides --from idf --minutes 10
      idfcodec train photos/ --family causal --preset default --out models/mine --minutes 60
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
    if preset is not None:
        if settings["family"] != "causal" or given_settings:
            raise click.UsageError("--preset is for --family causal, and in place of --set.")
        given["settings"] = {"preset": preset}
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
                identity = family.export(trained.model, target, summary=trained.summary)
        return Outcome(f"{name} -> {out}: trained and exported as {identity}", {})

    finish([folder], work, report)


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
    say("  ".join(f"{key} {value}" for key, value in record.items()))
