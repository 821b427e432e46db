"""`python -m benchmarks run`: who takes part, on what, and the result that comes of it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from benchmarks.codecs import PRESETS, Codec, OurCodec, library_codecs, our_codecs
from benchmarks.commands import command_codecs
from benchmarks.datasets import CLASSES, Dataset, Survey, open_dataset
from benchmarks.environment import available_cores, describe_environment, pinned
from benchmarks.isolated import Killed, measure_apart
from benchmarks.progress import Progress
from benchmarks.protocol import WARM_UP, Options, Protocol, measure_dataset
from benchmarks.results import FORMAT, SCHEMA, BenchmarkError, Result, save
from idfcodec.files import check_target, identities

__all__ = ["choose_codecs", "run", "run_benchmark"]

ALL, NONE = "all", "none"


def choose_codecs(
    *, models: Sequence[str], peers: str, without: Sequence[str], commands: Path | None, threads: int, device: str
) -> list[Codec]:
    """Who takes part, ours first; `peers` is "all", "none" or keys with commas, `without` leaves some of them out.

    Raises:
        BenchmarkError: a name that nobody has.
    """
    others = {codec.key: codec for codec in (*library_codecs(threads), *command_codecs(commands, threads))}
    wanted = list(others) if peers == ALL else [] if peers == NONE else [key for key in peers.split(",") if key]
    unknown = [key for key in (*wanted, *without) if key not in others]
    if unknown:
        raise BenchmarkError(f"no peer is called {unknown[0]!r}; there are {', '.join(others)}")
    ours = our_codecs(models, threads=threads, device=device)
    return [*ours, *(others[key] for key in dict.fromkeys(wanted) if key not in without)]


def run_benchmark(datasets: Sequence[Dataset], codecs: Sequence[Codec], protocol: Protocol, options: Options) -> Result:
    """Measures everything; returns the object that schema.json describes.

    Raises:
        BenchmarkError: a set has no picture that can be coded, or one came back different.
    """
    surveys = [dataset.survey() for dataset in datasets]
    for dataset, (entries, _, _) in zip(datasets, surveys, strict=True):
        if not entries:
            raise BenchmarkError(f"{dataset.name}: none of its {len(dataset.entries)} files is a picture to measure")
    described = {codec.key: _describe(codec) for codec in codecs}
    ready = [codec for codec in codecs if not codec.missing]
    count = sum((len(entries) + WARM_UP) * len(ready) for entries, _, _ in surveys)
    progress = Progress(count + (len(ready) if options.memory else 0), quiet=options.quiet)
    with pinned(protocol.threads):
        if options.memory:
            ready = _measure_memory(surveys, ready, described, protocol, options, progress)
        measured = {
            dataset.name: measure_dataset(dataset, survey, ready, protocol, options, progress)
            for dataset, survey in zip(datasets, surveys, strict=True)
        }
        environment = describe_environment(protocol.device)
    if sys.stderr.isatty() and not options.quiet:
        click.echo(err=True)  # ends the line of the progress
    for name, codec in ((name, codec) for name in measured for codec in ready):
        for picture, row in measured[name]["measurements"][codec.key].items():
            if "error" in row and described[codec.key]["status"] == "ran":
                described[codec.key] |= {"status": "crashed", "reason": f"{picture}: {row['error']}"}
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "environment": environment,
        "protocol": {**vars(protocol), "warm_up": WARM_UP},
        "contenders": described,
        "datasets": measured,
    }


def _describe(codec: Codec) -> dict[str, Any]:
    """The codec's object of a result before anything has been measured."""
    facts = {name: getattr(codec, name) for name in ("label", "family", "version", "settings", "threads")}
    facts |= {"status": "not run" if codec.missing else "ran", "reason": codec.missing}
    return facts | ({"model": codec.facts} if isinstance(codec, OurCodec) and codec.facts else {})


def _measure_memory(
    surveys: Sequence[Survey], codecs: Sequence[Codec], described: dict[str, Any], protocol: Protocol, options: Options,
    progress: Progress,
) -> list[Codec]:  # fmt: skip
    """Adds "memory", on the largest picture, to the descriptions; returns those who survived it."""
    every = [(facts[entry.name]["subpixels"], entry) for entries, facts, _ in surveys for entry in entries]
    largest = max(every, key=lambda found: found[0])[1]
    pixels = largest.read()
    survivors = []
    for codec in codecs:
        progress.step(f"memory of {codec.label}")
        try:
            found = measure_apart(codec, largest.name, pixels, device=protocol.device, commands=options.commands)
        except Killed as ex:
            described[codec.key] |= {"status": "crashed", "reason": str(ex)}
            continue
        survivors.append(codec)
        if found:
            described[codec.key]["memory"] = {
                "picture": largest.name,
                "idle_bytes": found["encode"].idle,
                "encode_bytes": found["encode"].peak,
                "decode_bytes": found["decode"].peak,
            }
    return survivors


def _summary(result: Result) -> list[str]:
    """What a run should not leave unsaid."""
    lines = []
    for name, dataset in result["datasets"].items():
        lines.append(f"{name}: {len(dataset['pictures'])} pictures, {len(dataset['skipped'])} files skipped")
        lines += [f"  skipped {entry['file']}: {entry['reason']}" for entry in dataset["skipped"]]
    for key, codec in result["contenders"].items():
        if codec["status"] != "ran":
            lines.append(f"{key} {codec['status']}: {codec['reason']}")
    return lines


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("sources", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--out", metavar="RESULT.json", required=True, type=click.Path(path_type=Path), help="The result.")
@click.option("-f", "--force", is_flag=True, help="Overwrite it.")
@click.option("--model", "models", multiple=True, metavar="ID", help="One of our models.  [default: presets]")
@click.option("--no-models", is_flag=True, help="None of our models.")
@click.option("--peers", default=ALL, metavar="KEYS", show_default=True, help="Other codecs: keys, all or none.")
@click.option("--without", multiple=True, metavar="KEY", help="Leave out this other codec.")
@click.option(
    "--commands", metavar="FILE.toml", type=click.Path(path_type=Path), help="More codecs, see commands.toml."
)
@click.option("--held-back", is_flag=True, help="Only pictures that training holds back.")
@click.option("--patches", type=click.IntRange(min=1), metavar="N", help="Cut the pictures into squares of N pixels.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only so many pictures of each set.")
@click.option("--name", help="The set's name in the result, if there is one FOLDER.")
@click.option("--title", help="And its title.")
@click.option("--class", "past", type=click.Choice(CLASSES), help="Their class; known sets have one.")
@click.option("-T", "--threads", type=click.IntRange(min=1), metavar="N", help="Of every codec.  [default: all cores]")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Of our models.")
@click.option("--repeats", type=click.IntRange(min=1), default=2, show_default=True, help="Calls for each picture.")
@click.option("--slow-seconds", type=float, default=1.0, show_default=True, help="A slower call is not repeated.")
@click.option("--no-likelihood", is_flag=True, help="Leave out code lengths by our models.")
@click.option("--maps", type=click.IntRange(min=0), default=4, show_default=True, help="Heat maps of so many pictures.")
@click.option("--no-memory", is_flag=True, help="Leave out peak memory, and with it what shields from crashes.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def run(sources: tuple[Path, ...], out: Path, **options: Any) -> None:
    """Measure codecs on pictures.

    FOLDER holds pictures, in folders of any depth, or is an .npz file with an array `images`. Everybody codes every
    picture in one process, in turn; each is decoded and compared with its source, and a difference ends the run with
    exit code 1. A codec that is missing, or that fails, is part of the result and says so; a file that is no picture
    is skipped and counted.

    \b
    Examples:
      python -m benchmarks run photos/ --out photos.json
      python -m benchmarks run photos/ --out fast.json --without jxl-e9,jxl-e10 --repeats 1
      python -m benchmarks run slides/ --out slides.json --model models/slides --peers jxl-e7,webp-m6
      python -m benchmarks run photos/ --out patches.json --patches 64 --limit 1000
    """
    if len(sources) > 1 and (options["name"] or options["title"]):
        raise click.UsageError("--name and --title are for one FOLDER.")
    if options["models"] and options["no_models"]:
        raise click.UsageError("--model and --no-models exclude each other.")
    check_target(out, identities(map(str, sources)), force=options["force"])
    threads = options["threads"] or available_cores()
    how = {name: options[name] for name in ("patches", "limit", "name", "title", "past")}
    datasets = [open_dataset(source, only_held_back=options["held_back"], **how) for source in sources]
    for name, times in Counter(dataset.name for dataset in datasets).items():
        if times > 1:
            raise BenchmarkError(f"two sets would be called {name!r}; measure one of them with --name")
    codecs = choose_codecs(
        models=() if options["no_models"] else options["models"] or (PRESETS,),
        without=[key for keys in options["without"] for key in keys.split(",")],
        threads=threads,
        **{name: options[name] for name in ("peers", "commands", "device")},
    )
    if not any(not codec.missing for codec in codecs):
        raise BenchmarkError("nobody can take part")
    protocol = Protocol(threads, options["device"], options["repeats"], options["slow_seconds"])
    others = {name: options[name] for name in ("maps", "commands", "quiet")}
    also = Options(likelihood=not options["no_likelihood"], memory=not options["no_memory"], **others)
    result = run_benchmark(datasets, codecs, protocol, also)
    save(result, out, force=options["force"])
    if not options["quiet"]:
        for line in _summary(result):
            click.echo(line, err=True)
        click.echo(f"{out} written; `python -m benchmarks report {out}` shows it", err=True)
