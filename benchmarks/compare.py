"""`python -m benchmarks compare`: exit code 1 if files became larger, or coding slower, than is accepted."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.comparing import Change, compare_results, same_machine
from benchmarks.results import load

__all__ = ["compare", "share"]


def share(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """`0.1%` or `0.001` as 0.001."""
    try:
        number = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise click.BadParameter(f"{value!r} is not a share such as 0.1%.", context, parameter)
    return number


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("first", metavar="A.json", type=click.Path(path_type=Path))
@click.argument("second", metavar="B.json", type=click.Path(path_type=Path))
@click.option(
    "--bytes-threshold",
    callback=share,
    metavar="SHARE",
    default="0.1%",
    show_default=True,
    help="Growth of files that is accepted.",
)
@click.option(
    "--speed-threshold",
    callback=share,
    metavar="SHARE",
    default="10%",
    show_default=True,
    help="Loss of speed that is accepted.",
)
@click.option("--bytes-only", is_flag=True, help="Leave speeds out.")
@click.pass_context
def compare(
    context: click.Context,
    first: Path,
    second: Path,
    bytes_threshold: float,
    speed_threshold: float,
    bytes_only: bool,
) -> None:
    """Say what changed from one result to another.

    Every contender that ran in A.json is compared over the pictures that it coded in both, if their pixels are the
    same. Speeds are compared only where processor, cores, threads and device are; ± is the larger of the two runs'
    spreads (the range of the repeats), and a loss counts if it exceeds that as well. The exit code is 1 if files grew
    or speed fell by more than is accepted, or if pictures are no longer coded.
    """
    before, after = load(first), load(second)
    other = "" if bytes_only else same_machine(before, after)
    if other:
        click.echo(f"Speeds are not compared: {other}.")
    changes = compare_results(before, after, speeds=not (bytes_only or other))
    worse = 0
    for line in _table(changes):
        click.echo(line)
    for change in changes:
        for text in change.regressions(bytes_threshold=bytes_threshold, speed_threshold=speed_threshold):
            click.echo(f"worse: {change.dataset} {change.key}: {text}")
            worse += 1
    if not changes:
        click.echo(f"{first}: nothing in it ran")
    context.exit(1 if worse or not changes else 0)


def _table(changes: list[Change]) -> list[str]:
    """Aligned columns."""
    rows = [["set", "contender", "pictures", "bytes before", "after", "change", "encode", "decode"]]
    for change in changes:
        speeds = {direction: f"{speed:+.1%} ±{spread:.1%}" for direction, speed, spread in change.speeds}
        rows.append(
            [
                change.dataset,
                change.key,
                str(change.pictures),
                f"{change.bytes_before:,}",
                f"{change.bytes_after:,}",
                f"{change.bytes_change:+.3%}",
                speeds.get("encode", ""),
                speeds.get("decode", ""),
            ]
        )
    if not any(change.speeds for change in changes):
        rows = [row[:-2] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
