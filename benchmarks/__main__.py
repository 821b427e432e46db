"""`python -m benchmarks`, from a checkout."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from benchmarks.results import BenchmarkError
from idfcodec.errors import IDFError

__all__ = ["main"]

# Name: what the list of commands says. Each is a module with a command of its name, imported when it is asked for.
COMMANDS = {
    "run": "Measure codecs on pictures.",
    "report": "Show what runs have measured.",
    "compare": "Say what changed from one result to another.",
    "scaling": "Measure time and memory against size and threads.",
    "readme": "Write README's results, RESULTS.md and the models' cards.",
}


class Commands(click.Group):
    """The commands; whatever foreseen error ends one becomes a line and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        try:
            command: click.Command = getattr(import_module(f"benchmarks.{cmd_name}"), cmd_name)
        except ModuleNotFoundError as ex:
            raise BenchmarkError(f"{cmd_name} needs {ex.name}: pip install -e '.[bench]'") from ex
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except IDFError as ex:
            raise BenchmarkError(str(ex)) from ex
        except OSError as ex:
            where = f"{ex.filename}: " if ex.filename else ""
            raise BenchmarkError(f"{where}{ex.strerror or ex}") from ex


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Lossless codecs on pictures: sizes of written files, speed, memory, and code lengths by our models.

    Needs a checkout and `pip install -e '.[bench]'`. A run writes one JSON file, which schema.json describes; the other
    commands read such files.

    \b
    Typical use:
      python -m benchmarks run photos/ --out before.json        measure
      python -m benchmarks report before.json                   tables in the terminal
      python -m benchmarks report before.json --html page.html  tables, plots and heat maps in a browser
      python -m benchmarks compare before.json after.json       fails if files grew or coding slowed down
      python -m benchmarks readme --check                       the committed results are what README says
    """


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
