"""The command `demo`: a picture to try the others on."""

import io

import click

from idfcodec.cli.options import parse_size, picture_format
from idfcodec.cli.report import Outcome, Report, finish
from idfcodec.files import STREAM
from idfcodec.targets import plan

__all__ = ["demo"]


@click.command()
@click.argument("output", metavar="OUT.png", type=click.Path())
@click.option("--size", default="768x512", show_default=True, metavar="WxH", help="Width and height in pixels.")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing target.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def demo(output: str, size: str, force: bool, quiet: bool) -> None:
    """Draw a picture to try the codec on: a landscape with clouds, hills and grain, the same at every call.

    \b
    Examples:
      idfcodec demo demo.png
      idfcodec demo --size 3000x2000 large.png
    """
    width, height = parse_size(size)
    report = Report(quiet=quiet)
    targets = plan([STREAM], output, ".png")
    format = picture_format(output)

    def work(name: str) -> Outcome:
        targets.check(STREAM, force=force)
        from idfcodec.demo import draw
        from idfcodec.picture import pillow as planes

        stream = io.BytesIO()
        planes.write_picture(planes.Picture(draw(width, height), {}), stream, format)
        written = targets.write(STREAM, stream.getvalue(), force=force)
        return Outcome(f"{written}: {width}x{height} RGB, {len(stream.getvalue()):,} bytes", {})

    finish([output], work, report)
