"""`python -m benchmarks run`: who takes part, on what, and the result that comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from benchmarks.contenders import PRESETS, Contender, our_contenders
from benchmarks.datasets import Dataset, open_dataset
from benchmarks.environment import available_cores, describe_environment, pinned
from benchmarks.external import command_contenders
from benchmarks.memory import Killed, measure_memory
from benchmarks.peers import peer_contenders
from benchmarks.progress import Progress
from benchmarks.results import BenchmarkError, Result, save
from benchmarks.runner import Extras, Protocol, measure_dataset, steps
from benchmarks.schema import FORMAT, SCHEMA
from idfcodec.files import check_target

__all__ = ["choose_contenders", "run", "run_benchmark"]

ALL, NONE = "all", "none"


def choose_contenders(
    *,
    models: Sequence[str],
    peers: str,
    without: Sequence[str],
    commands: Path | None,
    threads: int,
    device: str,
) -> list[Contender]:
    """Who takes part, ours first.

    Args:
        models: as `our_contenders` takes them.
        peers: "all", "none" or keys with commas between them.
        without: keys of peers to leave out.
        commands: a file of further commands.

    Raises:
        BenchmarkError: a name that nobody has.
    """
    others = {peer.key: peer for peer in (*peer_contenders(threads), *command_contenders(commands, threads))}
    wanted = list(others) if peers == ALL else [] if peers == NONE else [key for key in peers.split(",") if key]
    unknown = [key for key in (*wanted, *without) if key not in others]
    if unknown:
        raise BenchmarkError(f"no peer is called {unknown[0]!r}; there are {', '.join(others)}")
    chosen = our_contenders(models, threads=threads, device=device)
    return chosen + [others[key] for key in dict.fromkeys(wanted) if key not in without]


@dataclass(frozen=True)
class Options:
    """What a run does besides measuring sizes and times."""

    extras: Extras
    memory: bool = True
    commands: Path | None = None
    quiet: bool = False


def run_benchmark(
    datasets: Sequence[Dataset], contenders: Sequence[Contender], protocol: Protocol, options: Options
) -> Result:
    """Measures everything; returns the object of SCHEMA.md.

    Raises:
        BenchmarkError: a set has no picture that can be coded, or one came back different.
    """
    surveys = [dataset.survey() for dataset in datasets]
    for dataset, (entries, _, _) in zip(datasets, surveys, strict=True):
        if not entries:
            raise BenchmarkError(f"{dataset.name}: none of its {len(dataset.entries)} files is a picture to measure")
    described = {contender.key: _describe(contender) for contender in contenders}
    ready = [contender for contender in contenders if not contender.missing]
    count = sum(steps(len(entries), len(ready)) for entries, _, _ in surveys)
    progress = Progress(count + (len(ready) if options.memory else 0), quiet=options.quiet)
    with pinned(protocol.threads):
        if options.memory:
            ready = _measure_memory(datasets, surveys, ready, described, protocol, options, progress)
        measured = {
            dataset.name: measure_dataset(dataset, survey, ready, protocol, extras=options.extras, progress=progress)
            for dataset, survey in zip(datasets, surveys, strict=True)
        }
        environment = describe_environment(protocol.device)
    progress.clear()
    for contender in ready:
        _judge(described[contender.key], contender.key, measured)
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "environment": environment,
        "protocol": protocol.facts(),
        "contenders": described,
        "datasets": measured,
    }


def _describe(contender: Contender) -> dict[str, Any]:
    """The contender's object of SCHEMA.md before anything has been measured."""
    facts = {
        "label": contender.label,
        "family": contender.family,
        "version": contender.version,
        "settings": contender.settings,
        "threads": contender.threads,
        "status": "not run" if contender.missing else "ran",
        "reason": contender.missing,
    }
    return facts | ({"model": contender.facts} if contender.model else {})


def _measure_memory(
    datasets: Sequence[Dataset],
    surveys: Sequence[tuple[Any, ...]],
    contenders: Sequence[Contender],
    described: dict[str, Any],
    protocol: Protocol,
    options: Options,
    progress: Progress,
) -> list[Contender]:
    """Adds "memory" to the descriptions; returns those who survived it."""
    sizes = [(facts[entry.name]["subpixels"], entry) for entries, facts, _ in surveys for entry in entries]
    largest = max(sizes, key=lambda found: found[0])[1]
    name, pixels = largest.name, largest.read()
    survivors = []
    for contender in contenders:
        progress.step(f"memory of {contender.label}")
        try:
            memory = measure_memory(contender, name, pixels, device=protocol.device, commands=options.commands)
        except Killed as ex:
            described[contender.key] |= {"status": "crashed", "reason": str(ex)}
            continue
        survivors.append(contender)
        if memory:
            described[contender.key]["memory"] = memory
    return survivors


def _judge(description: dict[str, Any], key: str, measured: dict[str, Any]) -> None:
    """Says of a contender that failed on a picture that it crashed."""
    for dataset in measured.values():
        for name, row in dataset["measurements"].get(key, {}).items():
            if "error" in row:
                description |= {"status": "crashed", "reason": f"{name}: {row['error']}"}
                return


def _summary(result: Result) -> list[str]:
    """What a run should not leave unsaid."""
    lines = []
    for name, dataset in result["datasets"].items():
        lines.append(f"{name}: {len(dataset['pictures'])} pictures, {len(dataset['skipped'])} files skipped")
        lines += [f"  skipped {entry['file']}: {entry['reason']}" for entry in dataset["skipped"]]
    for key, contender in result["contenders"].items():
        if contender["status"] != "ran":
            lines.append(f"{key} {contender['status']}: {contender['reason']}")
    return lines


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("sources", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--out", metavar="RESULT.json", required=True, type=click.Path(path_type=Path), help="The result.")
@click.option("-f", "--force", is_flag=True, help="Overwrite it.")
@click.option(
    "--model", "models", multiple=True, metavar="ID", help="Our models: name, id or folder.  [default: presets]"
)
@click.option("--no-models", is_flag=True, help="None of them.")
@click.option("--peers", default=ALL, metavar="KEYS", show_default=True, help="Keys with commas between, all or none.")
@click.option("--without", multiple=True, metavar="KEY", help="Leave out this peer.")
@click.option(
    "--commands",
    metavar="FILE.toml",
    type=click.Path(path_type=Path),
    help="More codecs, see benchmarks/commands.toml.",
)
@click.option("--held-back", is_flag=True, help="Only pictures that training holds back.")
@click.option("--patches", type=click.IntRange(min=1), metavar="N", help="Cut the pictures into squares of N pixels.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only so many pictures of each set.")
@click.option("--name", help="The set's name in the result, if there is one FOLDER.")
@click.option("--title", help="And its title.")
@click.option("-T", "--threads", type=click.IntRange(min=1), metavar="N", help="For all.  [default: all cores]")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Of our models.")
@click.option("--repeats", type=click.IntRange(min=1), default=2, show_default=True, help="Times for each picture.")
@click.option(
    "--slow-seconds", type=float, default=1.0, show_default=True, help="What takes longer on a picture is timed once."
)
@click.option("--no-likelihood", is_flag=True, help="Leave out what the models say that pictures cost.")
@click.option("--maps", type=click.IntRange(min=0), default=4, show_default=True, help="Pictures with heat maps.")
@click.option("--no-maps", is_flag=True, help="Leave images out of the result.")
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
    check_target(out, map(str, sources), force=options["force"])
    threads = options["threads"] or available_cores()
    datasets = [
        open_dataset(
            source,
            patches=options["patches"],
            only_held_back=options["held_back"],
            limit=options["limit"],
            name=options["name"],
            title=options["title"],
        )
        for source in sources
    ]
    names = [dataset.name for dataset in datasets]
    for name in names:
        if names.count(name) > 1:
            raise BenchmarkError(f"two sets would be called {name!r}; measure one of them with --name")
    contenders = choose_contenders(
        models=() if options["no_models"] else options["models"] or (PRESETS,),
        peers=options["peers"],
        without=[key for keys in options["without"] for key in keys.split(",")],
        commands=options["commands"],
        threads=threads,
        device=options["device"],
    )
    if not any(not contender.missing for contender in contenders):
        raise BenchmarkError("nobody can take part")
    result = run_benchmark(
        datasets,
        contenders,
        Protocol(threads, options["device"], options["repeats"], options["slow_seconds"]),
        Options(
            Extras(not options["no_likelihood"], 0 if options["no_maps"] else options["maps"]),
            memory=not options["no_memory"],
            commands=options["commands"],
            quiet=options["quiet"],
        ),
    )
    save(result, out, force=options["force"])
    if not options["quiet"]:
        for line in _summary(result):
            click.echo(line, err=True)
        click.echo(f"{out} written; `python -m benchmarks report {out}` shows it", err=True)
