"""The command `bpd`: what pictures take, in bits per subpixel."""

import time

import click

from idfcodec.cli.options import (
    choose_model,
    compute_options,
    conversion_option,
    effort_option,
    inputs_argument,
    json_option,
    model_option,
)
from idfcodec.cli.report import Outcome, Progress, Report, common, finish, hear_notices, label
from idfcodec.files import load_picture

__all__ = ["bpd"]


@click.command()
@inputs_argument
@effort_option
@model_option
@conversion_option
@compute_options
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
@json_option
def bpd(
    inputs: tuple[str, ...],
    effort: str | None,
    model: str | None,
    no_conversion: bool,
    threads: int | None,
    device: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Measure pictures in bits per subpixel: what the model says, the coded tiles, the whole file. Writes nothing.

    \b
    Examples:
      idfcodec bpd photo.png
      idfcodec bpd --effort max photo.png
      idfcodec bpd --json --model models/mine *.png
    """
    choose_model(model, effort)
    report = Report(as_json=as_json, to_stdout=True)
    hear_notices(quiet=quiet)

    def work(name: str) -> Outcome:
        picture, before = load_picture(name)
        from idfcodec import code_length, codec
        from idfcodec.format.container import unpack

        start = time.perf_counter()
        with Progress(label(name), quiet=quiet) as progress:
            data = codec.encode(
                picture,
                model=model,
                effort=effort,
                conversion=not no_conversion,
                threads=threads,
                device=device,
                progress=progress,
            )
        seconds = time.perf_counter() - start
        bits = code_length.code_length(
            picture, model=model, effort=effort, conversion=not no_conversion, threads=threads, device=device
        ).total
        payload = sum(unpack(data, header_only=True).tile_lengths)
        size = picture.pixels.size
        values = common(name, picture.shape, size, len(data), seconds)
        values |= {
            "input_bytes": before,
            "likelihood_bits": bits,
            "payload_bytes": payload,
            "file_bytes": len(data),
            "likelihood_bits_per_subpixel": bits / size,
            "payload_bits_per_subpixel": 8 * payload / size,
        }
        line = (
            f"{label(name)}: {bits / size:.4f} by the model, {8 * payload / size:.4f} in tiles, "
            f"{8 * len(data) / size:.4f} bits per subpixel in the file ({len(data):,} bytes)"
        )
        return Outcome(line, values, "", size, before, len(data), len(data), seconds)

    finish(inputs, work, report)
