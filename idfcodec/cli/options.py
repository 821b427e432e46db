"""The options that several commands share, and the refusal of what makes no sense (`click.UsageError`, exit code 2)."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click

from idfcodec import models
from idfcodec.files import STREAM
from idfcodec.models import EFFORTS
from idfcodec.targets import is_folder

__all__ = [
    "Options",
    "check_recursive",
    "check_usage",
    "choose_model",
    "compute_options",
    "conversion_option",
    "effort_option",
    "inputs_argument",
    "json_option",
    "model_option",
    "output_options",
    "parse_box",
    "parse_size",
    "part_options",
    "picture_format",
    "recursive_option",
    "scheduler_option",
    "strip_option",
    "verbosity_options",
]

LOSSY = frozenset({".jpg", ".jpeg", ".jfif", ".jpe", ".avif", ".heic", ".heif"})


class Options(TypedDict):
    """What every command that computes hands on as it is."""

    threads: int | None
    device: str
    quiet: bool


Command = TypeVar("Command", bound=Callable[..., Any])


def shared(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several click options as one decorator, listed in the help in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


inputs_argument = click.argument("inputs", metavar="IN...", nargs=-1, required=True, type=click.Path())
output_options = shared(
    click.option("-o", "--output", metavar="OUT", help="Where to write: a file, an existing folder, or - for stdout."),
    click.option("-c", "--stdout", is_flag=True, help="Write to standard output."),
    click.option("-f", "--force", is_flag=True, help="Overwrite an existing target."),
    click.option(
        "--preserve", is_flag=True, help="Keep the owner, too; permissions and dates are those of the input anyway."
    ),
)
model_option = click.option(
    "--model", metavar="ID", help="A model's name, id or folder.  [default: the shipped one; for a file, its own]"
)
effort_option = click.option(
    "-e",
    "--effort",
    type=click.Choice(list(EFFORTS)),
    help="Which shipped model to code with. Against default, fast takes half the time and makes files some 2 % larger; "
    "max takes twice the time and makes them some 1 % smaller. Decoding takes as long as encoding, and needs no option."
    "  [default: default]",
)
conversion_option = click.option(
    "--no-conversion", is_flag=True, help="Code red, green and blue, even of a picture that was YCbCr or PhotoCD YCC."
)
strip_option = click.option(
    "--strip",
    is_flag=True,
    help="Leave out all metadata: profile, EXIF and with it the orientation, XMP, texts, resolution and the rest.",
)
compute_options = shared(
    click.option("-T", "--threads", type=click.IntRange(min=1), metavar="N", help="Threads.  [default: all cores]"),
    click.option(
        "--device",
        type=click.Choice(["cpu", "cuda"]),
        default="cpu",
        show_default=True,
        help="What computes; cuda is for --model idf.",
    ),
)
recursive_option = click.option(
    "-r",
    "--recursive",
    is_flag=True,
    help="IN is a folder: all in it, by a process for each core. -o names the folder of the results.",
)
scheduler_option = click.option(
    "--scheduler", metavar="ADDRESS", help="With -r: work on a Dask cluster that sees the same folders, tcp://…"
)
part_options = shared(
    click.option(
        "--box", metavar="L,T,R,B", help="Only the columns L to R - 1 and the rows T to B - 1; decodes the tiles there."
    ),
    click.option(
        "--preview",
        type=click.Choice(["1/2", "1/4", "1/8"]),
        help="A smaller picture: of --model idf, only so many levels are decoded; others are decoded and averaged.",
    ),
)
verbosity_options = shared(
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
    click.option("-v", "--verbose", is_flag=True, help="Say more."),
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object for each input on stdout.")


def check_usage(
    inputs: Sequence[str], output: str | None, stdout: bool, as_json: bool, *, batch: bool = False
) -> str | None:
    """Refuses combinations that make no sense; returns the output with `-c` folded into it."""
    if "" in (*inputs, output):
        raise click.UsageError("a name is empty.")
    if stdout and output not in (None, STREAM):
        raise click.UsageError("-c and -o exclude each other.")
    if stdout:
        output = STREAM
    if len(inputs) > 1:
        if STREAM in inputs:
            raise click.UsageError("'-' (standard input) must be the only input.")
        if output == STREAM and not batch:
            raise click.UsageError("several inputs cannot share standard output.")
        if output is not None and not batch and not is_folder(output):
            raise click.UsageError(f"with several inputs -o must be a folder that exists, and {output!r} is none.")
    if batch and output is None and inputs[0] != STREAM:
        raise click.UsageError("--batch makes one file of all inputs; name it with -o.")
    if batch and output is not None and output != STREAM and is_folder(output):
        raise click.UsageError(f"with --batch -o must be a file, and {output!r} is a folder.")
    if inputs[0] == STREAM and output not in (None, STREAM) and is_folder(output):
        raise click.UsageError("standard input has no name to give its result in a folder; name a file.")
    if output == STREAM or (output is None and inputs[0] == STREAM):
        if as_json:
            raise click.UsageError("--json needs standard output for itself; name a file with -o.")
        if sys.stdout.isatty():
            raise click.UsageError("binary data is not written to a terminal; use -o FILE or a pipe.")
    return output


def check_recursive(
    inputs: Sequence[str],
    output: str | None,
    recursive: bool,
    scheduler: str | None,
    *,
    batch: bool = False,
    part: bool = False,
) -> str | None:
    """The folder that `-r` is for, None without it; refuses what does not go with it."""
    if not recursive:
        if scheduler is not None:
            raise click.UsageError("--scheduler needs -r.")
        return None
    if batch or part:
        raise click.UsageError("-r is for files of one picture each, all of it.")
    if len(inputs) != 1 or not Path(inputs[0]).is_dir():
        raise click.UsageError("-r takes one folder.")
    if output == STREAM or (output is not None and Path(output).exists() and not Path(output).is_dir()):
        raise click.UsageError("with -r -o must be a folder.")
    return inputs[0]


def choose_model(model: str | None, effort: str | None, *, batch: bool = False) -> str | None:
    """The model that `--model` or `--effort` names, see `models.choose_model`; refuses both together."""
    if effort is not None and model is not None:
        raise click.UsageError("--model and --effort exclude each other.")
    return models.choose_model(model, effort, batch=batch)


def picture_format(output: str | None) -> str:
    """The key of `planes.FORMATS` that the suffix of `output` names, png where there is no suffix to go by."""
    if output is None or output == STREAM or is_folder(output) or output.startswith("/dev/"):
        return "png"
    from idfcodec.picture.pillow import FORMATS

    suffix = Path(output).suffix.lower()
    if suffix[1:] in FORMATS:
        return suffix[1:]
    lossy = " would lose something" if suffix in LOSSY else " is not a format this writes"
    raise click.UsageError(f"{suffix or repr(output)}{lossy}; use one of {', '.join(f'.{name}' for name in FORMATS)}.")


def parse_box(text: str | None) -> tuple[int, ...] | None:
    """`0,0,768,512` as four numbers; None stays None."""
    if text is None:
        return None
    sides = text.split(",")
    if len(sides) != 4 or not all(side.strip().isdecimal() for side in sides):
        raise click.UsageError(f"{text!r} is not a box such as 0,0,768,512: left, top, right, bottom.")
    return tuple(map(int, sides))


def parse_size(text: str) -> tuple[int, int]:
    """`768x512` as (768, 512)."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise click.UsageError(f"{text!r} is not a size such as 768x512.")
    if not (1 <= int(width) <= 16384 and 1 <= int(height) <= 16384):
        raise click.UsageError("width and height must be from 1 to 16384.")
    return int(width), int(height)
