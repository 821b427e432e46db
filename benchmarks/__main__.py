"""`python -m benchmarks run | report | readme | compare`, from a checkout."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from benchmarks.results import BenchmarkError
from idfcodec.errors import IDFError

__all__ = ["main"]

# Name: module that holds the command of that name, what the list of commands says. Each is imported when it is asked
# for, so that measuring needs nothing that drawing needs.
COMMANDS = {
    "run": ("benchmarks.running", "Measure codecs on pictures."),
    "report": ("benchmarks.reporting", "Show what runs have measured."),
    "readme": ("benchmarks.readme", "Write the README's results and the models' cards."),
    "compare": ("benchmarks.compare", "Say what changed from one result to another."),
}


class Commands(click.Group):
    """The commands; whatever foreseen error ends one becomes a line and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        try:
            command: click.Command = getattr(import_module(module), cmd_name)
        except ModuleNotFoundError as ex:
            raise BenchmarkError(f"{cmd_name} needs {ex.name}: pip install -e '.[bench]'") from ex
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except IDFError as ex:
            raise BenchmarkError(str(ex)) from ex
        except OSError as ex:
            where = f"{ex.filename}: " if ex.filename else ""
            raise BenchmarkError(f"{where}{ex.strerror or ex}") from ex


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Lossless codecs on pictures: sizes of written files, speed, memory, and what the models say."""


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
