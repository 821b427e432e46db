"""The command line. NumPy, and PyTorch where it is needed at all, are imported where a command needs them: help and
`info` answer at once.

Exit codes: 0 all went well, 1 a file or the system failed, 2 wrong usage, 130 interrupted, 141 the reader of a pipe
has gone.
"""

import gc
from collections.abc import Sequence

import click

from idfcodec import __version__
from idfcodec.cli.compress import compress, decompress, test
from idfcodec.cli.demo import demo
from idfcodec.cli.density import density, sample
from idfcodec.cli.info import info
from idfcodec.cli.measure import bpd
from idfcodec.cli.train import train

__all__ = ["cli", "main"]

MOST_YOUNG = 100_000  # new objects between collections: imports make that many, and a tenth of a start went to looking


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="idfcodec", message="%(prog)s %(version)s")
def cli() -> None:
    """Make photographs smaller without losing a bit of them.

    idfcodec compresses pictures of every common kind with local least squares and a small neural network, an integer
    discrete flow. What comes back is the same picture to the last bit, on any machine, colour profile and camera data
    included; a damaged file gives an error, never a wrong picture.

    \b
    Examples:
      idfcodec compress photo.png             writes photo.idfc
      idfcodec decompress photo.idfc          writes photo.png
      idfcodec info photo.idfc                says what the file holds
    """


for command in (compress, decompress, info, test, bpd, train, demo, density, sample):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    gc.set_threshold(MOST_YOUNG)
    try:
        result = cli.main(arguments, prog_name="idfcodec", standalone_mode=False)
    except click.ClickException as ex:
        ex.show()
        return ex.exit_code
    except click.Abort:
        click.echo("idfcodec: interrupted", err=True)
        return 130
    except KeyboardInterrupt:
        return 130
    return result if isinstance(result, int) else 0
