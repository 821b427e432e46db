"""`python -m benchmarks report`: what was measured, as a table, Markdown, CSV or a page of HTML."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.render import csv_text, markdown, terminal
from benchmarks.results import BenchmarkError, Result, load
from benchmarks.section import sections
from benchmarks.tables import table
from idfcodec.files import write_target

__all__ = ["report"]

STREAM = "-"
NARROWEST = 80  # characters; narrower terminals wrap


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("results", metavar="RESULT.json...", nargs=-1, required=True, type=click.Path())
@click.option("--html", "page_path", metavar="OUT", help="Write a page with sortable tables, plots and heat maps.")
@click.option("--markdown", "markdown_path", metavar="OUT", help="Write the tables as GitHub's Markdown.")
@click.option("--csv", "csv_path", metavar="OUT", help="Write every row of every table, in full precision.")
@click.option("--width", type=click.IntRange(min=40), metavar="N", help="Characters a line.  [default: the terminal]")
@click.option("-f", "--force", is_flag=True, help="Overwrite existing targets.")
def report(
    results: tuple[str, ...], page_path: str | None, markdown_path: str | None, csv_path: str | None,
    width: int | None, force: bool,
) -> None:  # fmt: skip
    """Show what runs have measured.

    RESULT.json is what `python -m benchmarks run` wrote. Without an option, each of its data sets is printed as a
    table; columns that do not fit the terminal follow in a second block. Several results give one report: a data set
    that several runs measured stays apart, with the machine of each, for times of two machines do not compare.

    \b
    What the figures are (bpsp is bits per subpixel, pixel times channel):
      file              of the written files, containers included
      payload           of the files without their containers
      likelihood        the code length by the model
      size against      bytes over those of the JPEG XL of the greatest effort that ran
      encode, decode    10^6 subpixels a second, ± half the range of the repeats

    A codec that failed or did not run is named below. In tables of CIFAR-10, ImageNet and Kodak stand figures that
    others published, apart from the measured ones; † marks those not verified at the source.

    The page is one file without any link to the network. `page.html#sort=decode_mb_s` opens it sorted by a column of
    the CSV, `#sort=bytes,descending` the other way round.

    \b
    Examples:
      python -m benchmarks report kodak.json
      python -m benchmarks report kodak.json set14.json --html page.html
      python -m benchmarks report kodak.json --csv kodak.csv --markdown kodak.md
    """
    targets = [path for path in (page_path, markdown_path, csv_path) if path is not None]
    if targets.count(STREAM) > 1 or len(set(targets)) < len(targets):
        raise click.UsageError("two outputs would be written to the same place")
    loaded = _read(results)
    tables = [(source, table(section)) for source, result in loaded for section in sections([result])]
    if not tables:
        raise BenchmarkError("no data set in any of the results")
    if not targets:
        columns = width or max(NARROWEST, shutil.get_terminal_size().columns)
        click.echo("\n\n".join(terminal(entry, columns) for _, entry in tables), nl=False)
    if markdown_path is not None:
        _write(markdown_path, "\n".join(markdown(entry) for _, entry in tables), force=force)
    if csv_path is not None:
        _write(csv_path, csv_text(tables), force=force)
    if page_path is not None:
        from benchmarks.page import page

        _write(page_path, page(loaded), force=force)


def _read(paths: Sequence[str]) -> list[tuple[str, Result]]:
    """Loads results, each with a name that tells it from the others: the file's, or its path where two are alike."""
    names = [Path(path).name for path in paths]
    return [(name if names.count(name) == 1 else path, load(path)) for name, path in zip(names, paths, strict=True)]


def _write(target: str, text: str, *, force: bool) -> None:
    if target == STREAM:
        click.echo(text, nl=False)
        return
    write_target(Path(target), text.encode(), force=force)
    click.echo(f"wrote {target}", err=True)
