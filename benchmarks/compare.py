"""`python -m benchmarks compare`: exit code 1 if files became larger, or coding slower, than is accepted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import click
import pandas as pd

from benchmarks.results import Result, load
from benchmarks.section import Section

__all__ = ["changes", "compare", "same_machine"]

WAYS = ("encode", "decode")
TIMES = ("encode", "encode_spread", "decode", "decode_spread")


def same_machine(first: Result, second: Result) -> str:
    """Why times of the two cannot be compared; "" if they can."""
    places = (("environment", "processor"), ("environment", "cores"), ("protocol", "threads"), ("protocol", "device"))
    for part, name in places:
        if first[part][name] != second[part][name]:
            verb = "differ" if name.endswith("s") else "differs"
            return f"{name} {verb}: {first[part][name]} and {second[part][name]}"
    return ""


def changes(first: Result, second: Result) -> pd.DataFrame:
    """From one result to another: a row for each data set and codec that ran in the first.

    Columns: "set", "codec"; "pictures", "bytes_before" and "bytes_after", over the pictures that were coded in both,
    with the same pixels; "bytes" (relative change); "encode" and "decode" (relative change of speed) and their
    "_spread" (the larger of the two runs' spreads); "problem" (why pictures are not compared, or "").
    """
    sections = [Section(first, name) for name in first["datasets"]]
    rows = [
        _change(section.name, str(key), frame, first, second)
        for section in sections
        for key, frame in section.coded.groupby("codec", sort=False)
    ]
    return pd.DataFrame(rows)


def _change(name: str, key: str, before: pd.DataFrame, first: Result, second: Result) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(["pictures", "bytes_before", "bytes_after"], 0)
    row |= {"set": name, "codec": key, "bytes": 0.0, "problem": "", **dict.fromkeys(TIMES, math.nan)}
    if name not in second["datasets"]:
        return row | {"problem": "the second result has no such data set"}
    old, new = ({p: e["sha256"] for p, e in r["datasets"][name]["pictures"].items()} for r in (first, second))
    wrong = [picture for picture in before["picture"] if new.get(picture, old[picture]) != old[picture]]
    after = Section(second, name).coded
    after = after[(after["codec"] == key) & ~after["picture"].isin(wrong)]
    both = before.merge(after, on="picture", suffixes=("_before", "_after"))
    lost = len(before) - len(both)
    if wrong:
        row["problem"] = f"{len(wrong)} pictures have other pixels"
    elif lost:
        status = second["contenders"].get(key, {"status": "not run", "reason": "not in the second result"})
        why = ": ".join(filter(None, [status["status"], status["reason"]]))
        row["problem"] = f"{lost} of {len(before)} pictures not coded in the second result ({why})"
    sums = both.sum(numeric_only=True)
    row |= {"pictures": len(both), "bytes_before": sums["bytes_before"], "bytes_after": sums["bytes_after"]}
    if len(both):
        row["bytes"] = sums["bytes_after"] / sums["bytes_before"] - 1
    for way in WAYS:
        if sums[f"{way}_before"] and sums[f"{way}_after"]:
            row[way] = sums[f"{way}_before"] / sums[f"{way}_after"] - 1
            row[f"{way}_spread"] = both[[f"{way}_spread_before", f"{way}_spread_after"]].median().fillna(0.0).max()
    return row


def _worse(row: pd.Series, *, bytes_threshold: float, speed_threshold: float) -> Iterator[str]:
    """What is worse than accepted; a speed counts only where the change exceeds the spread of the runs as well."""
    if row["problem"]:
        yield row["problem"]
    if row["bytes"] > bytes_threshold:
        yield f"{row['bytes']:+.3%} bytes"
    for way in WAYS:
        if way in row and -row[way] > max(speed_threshold, row[f"{way}_spread"]):
            yield f"{way} {row[way]:+.1%} speed"


def _share(context: click.Context, parameter: click.Parameter, value: str) -> float:
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
@click.option("--bytes-threshold", callback=_share, metavar="SHARE", default="0.1%", show_default=True,
              help="Growth of files that is accepted.")  # fmt: skip
@click.option("--speed-threshold", callback=_share, metavar="SHARE", default="10%", show_default=True,
              help="Loss of speed that is accepted.")  # fmt: skip
@click.option("--bytes-only", is_flag=True, help="Leave speeds out.")
@click.pass_context
def compare(
    context: click.Context, first: Path, second: Path, bytes_threshold: float, speed_threshold: float, bytes_only: bool
) -> None:
    """Say what changed from one result to another.

    Every codec that ran in A.json is compared over the pictures that it coded in both, if their pixels are the same.
    Speeds are compared only where processor, cores, threads and device are; ± is the larger of the two runs' spreads
    (the range of the repeats), and a loss counts if it exceeds that as well. The exit code is 1 if files grew or speed
    fell by more than is accepted, or if pictures are no longer coded.

    \b
    Examples:
      python -m benchmarks compare before.json after.json
      python -m benchmarks compare before.json after.json --bytes-only --bytes-threshold 0
    """
    before, after = load(first), load(second)
    other = "" if bytes_only else same_machine(before, after)
    if other:
        click.echo(f"Speeds are not compared: {other}.")
    found = changes(before, after)
    if bytes_only or other:
        found = found.drop(columns=list(TIMES), errors="ignore")
    if found.empty:
        click.echo(f"{first}: nothing in it ran")
        context.exit(1)
    click.echo(_table(found))
    worse = [
        f"worse: {row['set']} {row['codec']}: {text}"
        for _, row in found.iterrows()
        for text in _worse(row, bytes_threshold=bytes_threshold, speed_threshold=speed_threshold)
    ]
    click.echo("\n".join(worse), nl=bool(worse))
    context.exit(1 if worse else 0)


def _table(found: pd.DataFrame) -> str:
    """Aligned columns."""
    text = found[["set", "codec"]].assign(pictures=found["pictures"].astype(str))
    for column in ("bytes_before", "bytes_after"):
        text[column.replace("_", " ")] = found[column].map("{:,.0f}".format)
    text["change"] = found["bytes"].map("{:+.3%}".format)
    for way in WAYS:
        if way in found:
            speeds = found[way].map("{:+.1%} ±".format) + found[f"{way}_spread"].map("{:.1%}".format)
            text[way] = speeds.where(found[way].notna(), "")
    return str(text.to_string(index=False))
