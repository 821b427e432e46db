"""The commands for compressed files: `compress`, `decompress`, `info` and `test`."""

import io
import time
from typing import TYPE_CHECKING

import click

from idfcodec.cli.batch import compress_batch, decompress_batch, info_batch, is_batch, parse_pictures, verify_batch
from idfcodec.cli.options import (
    Options,
    check_usage,
    choose_model,
    compute_options,
    conversion_option,
    effort_option,
    inputs_argument,
    json_option,
    model_option,
    output_options,
    picture_format,
    verbosity_options,
)
from idfcodec.cli.report import Outcome, Progress, Report, common, describe, finish, label, shape_text, speed
from idfcodec.errors import IDFError
from idfcodec.files import load_picture, plan, read_source

if TYPE_CHECKING:
    from idfcodec.picture.pillow import Picture

__all__ = ["compress", "decompress", "info", "test"]

SUFFIX = ".idfc"
CONVERSIONS = {"JFIF": "JFIF YCbCr", "PHOTOCD": "PhotoCD YCC", "JFIF_SHORT": "JFIF YCbCr, short"}
"""What pictures of these modes were: a name for people."""


@click.command()
@inputs_argument
@output_options
@effort_option
@model_option
@conversion_option
@compute_options
@click.option("--batch", is_flag=True, help="Put all inputs, small pictures, into one file, which -o names.")
@click.option("--no-verify", is_flag=True, help="Do not decode the result to check it (about twice as fast).")
@verbosity_options
@json_option
def compress(
    inputs: tuple[str, ...],
    output: str | None,
    stdout: bool,
    force: bool,
    effort: str | None,
    model: str | None,
    no_conversion: bool,
    threads: int | None,
    device: str,
    batch: bool,
    no_verify: bool,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Compress pictures: each IN becomes a file with the suffix .idfc beside it.

    Reads PNG, JPEG, WebP, TIFF, BMP and PNM. The result is decoded and compared with the
    picture before it is written. An existing file is not overwritten without -f, and a failure leaves nothing behind.

    \b
    Examples:
      idfcodec compress photo.png                  writes photo.idfc
      idfcodec compress -e max photo.png           the smallest file, in more time
      idfcodec compress *.png -o small/            writes into a folder that exists
      idfcodec compress --batch *.png -o all.idfb  one file of many small pictures
      idfcodec compress - <photo.png >photo.idfc   from and to a pipe
      idfcodec compress --json photo.png           sizes and speed for a script
    """
    output = check_usage(inputs, output, stdout, as_json, batch=batch)
    model = choose_model(model, effort, batch=batch)
    report = Report(quiet=quiet, verbose=verbose, as_json=as_json)
    options: Options = {"threads": threads, "device": device, "quiet": quiet}
    if batch:
        compress_batch(inputs, output, report, force=force, model=model, verify=not no_verify, **options)
    targets = plan(inputs, output, SUFFIX)

    def work(name: str) -> Outcome:
        targets.check(name, force=force)
        picture, before = load_picture(name)
        from idfcodec import codec, models

        coder = models.load_model(model, device=device)  # loaded once for all inputs, so no picture's time
        start = time.perf_counter()
        with Progress(label(name), quiet=quiet) as progress:
            data = codec.encode(
                picture,
                model=model,
                conversion=not no_conversion,
                verify=not no_verify,
                threads=threads,
                device=device,
                progress=progress,
            )
        seconds = time.perf_counter() - start
        written = targets.write(name, data, force=force)
        size, shape = picture.pixels.size, picture.pixels.shape
        values = common(name, shape, size, len(data), seconds)
        values |= {"output": written, "input_bytes": before, "output_bytes": len(data), "verified": not no_verify}
        values |= {"conversion": conversion_of(data), "kernel": coder.kernel}
        line = (
            f"{label(name)} -> {written}: {shape_text(shape)}, {describe(before, len(data))}, "
            f"{size / len(data):.2f}:1 against raw pixels, {8 * len(data) / size:.3f} bits per subpixel, "
            f"{speed(size, seconds)}{'' if no_verify else ', verified'}"
        )
        detail = detail_of(data, coder.kernel, seconds)
        return Outcome(line, values, detail, size, before, len(data), len(data), seconds)

    finish(inputs, work, report)


@click.command()
@inputs_argument
@output_options
@click.option("--pictures", metavar="N,N-N", help="Of a batch, only the pictures of these numbers, from 0.")
@model_option
@compute_options
@verbosity_options
@json_option
def decompress(
    inputs: tuple[str, ...],
    output: str | None,
    stdout: bool,
    force: bool,
    pictures: str | None,
    model: str | None,
    threads: int | None,
    device: str,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Restore pictures: each IN becomes a PNG beside it, or the format that the suffix of OUT names.

    The pixels are compared with the checksum in the file before anything is written. Formats that would lose
    something are refused. The pictures of a batch become 0000.png, 0001.png and so on in the folder OUT.

    \b
    Examples:
      idfcodec decompress photo.idfc                  writes photo.png
      idfcodec decompress photo.idfc -o photo.tiff    another lossless format
      idfcodec decompress *.idfc -o restored/         into a folder that exists
      idfcodec decompress all.idfb -o restored/       the pictures of a batch; all or --pictures 3,10-12
      idfcodec decompress -c photo.idfc | display -   PNG to a pipe
    """
    output = check_usage(inputs, output, stdout, as_json)
    report = Report(quiet=quiet, verbose=verbose, as_json=as_json)
    targets = plan(inputs, output, ".png", replaces=SUFFIX)
    format = picture_format(output)
    chosen = parse_pictures(pictures)
    options: Options = {"threads": threads, "device": device, "quiet": quiet}

    def work(name: str) -> Outcome:
        targets.check(name, force=force)
        data = read_source(name)
        if is_batch(data):
            alone = len(inputs) == 1
            return decompress_batch(name, data, output, chosen, alone=alone, force=force, model=model, **options)
        if chosen is not None:
            raise IDFError("--pictures is for batches, and this is none")
        from idfcodec.picture import pillow as planes

        picture, kernel, seconds = timed_decode(name, data, model=model, **options)
        stream = io.BytesIO()
        left_out = planes.write_picture(picture, stream, format)
        if left_out:
            report.warn(name, f"{format} cannot hold the picture's {', '.join(left_out)}, which is left out")
        result = stream.getvalue()
        written = targets.write(name, result, force=force)
        size, shape = picture.pixels.size, picture.pixels.shape
        values = common(name, shape, size, len(data), seconds)
        values |= {"output": written, "input_bytes": len(data), "output_bytes": len(result), "left_out": left_out}
        values |= {"conversion": conversion_of(data), "kernel": kernel}
        line = (
            f"{label(name)} -> {written}: {shape_text(shape)}, {len(data):,} -> {len(result):,} bytes, "
            f"checksum right, {speed(size, seconds)}"
        )
        detail = detail_of(data, kernel, seconds)
        return Outcome(line, values, detail, size, len(data), len(result), len(data), seconds)

    finish(inputs, work, report)


@click.command()
@inputs_argument
@click.option("--bytes", "by_bytes", is_flag=True, help="Take each file apart, field by field, with its bytes.")
@json_option
def info(inputs: tuple[str, ...], by_bytes: bool, as_json: bool) -> None:
    """Say what compressed files hold, from their headers alone: no pixel is decoded and no model is needed.

    \b
    Examples:
      idfcodec info photo.idfc
      idfcodec info --json *.idfc
      idfcodec info --bytes photo.idfc
    """
    if by_bytes and as_json:
        raise click.UsageError("--bytes and --json exclude each other.")
    report = Report(as_json=as_json, to_stdout=True)
    from idfcodec import models
    from idfcodec.info import read_info

    names = {entry.id: entry.name for entry in models.list_models()}

    def work(name: str) -> Outcome:
        data = read_source(name)
        if by_bytes:
            if is_batch(data):
                raise IDFError("--bytes is for files of one picture, and this is a batch")
            from idfcodec.format.dissect import dissect

            return Outcome(dissect(data).rstrip(), {})
        if is_batch(data):
            return info_batch(name, data, names)
        header = read_info(data)
        channels = 1 if header.mode.name == "GRAY" else 3
        conversion = CONVERSIONS.get(header.mode.name)
        kind = "rgb" if conversion else header.mode.name.lower().replace("_", " ")
        size = header.width * header.height * channels
        metadata = {key: len(block) for key, block in header.metadata.items()}
        values = {
            "input": name,
            "width": header.width,
            "height": header.height,
            "mode": kind,
            "conversion": conversion,
            "bytes": len(data),
            "bits_per_subpixel": 8 * len(data) / size,
            "model": header.model.hex(),
            "model_name": names.get(header.model.hex()),
            "tile": header.tile,
            "tiles": len(header.tile_lengths),
            "checksum": header.checksum.hex(),
            "metadata": metadata,
        }
        blocks = ", ".join(f"{key} {length:,} bytes" for key, length in metadata.items()) or "none"
        lines = [
            label(name),
            f"  picture   {header.width}x{header.height}, {kind}, 8 bits{f', was {conversion}' if conversion else ''}",
            f"  file      {len(data):,} bytes, {8 * len(data) / size:.3f} bits per subpixel",
            f"  model     {header.model.hex()} ({names.get(header.model.hex(), 'not installed')})",
            f"  tiles     {len(header.tile_lengths):,} of at most {header.tile}x{header.tile}",
            f"  checksum  {header.checksum.hex()}",
            f"  metadata  {blocks}",
        ]
        return Outcome("\n".join(lines), values)

    finish(inputs, work, report, total=False)


@click.command()
@inputs_argument
@model_option
@compute_options
@verbosity_options
@json_option
def test(
    inputs: tuple[str, ...],
    model: str | None,
    threads: int | None,
    device: str,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Check compressed files: decode them, compare with their checksums, write nothing.

    \b
    Examples:
      idfcodec test photo.idfc
      idfcodec test -q archive/*.idfc && echo "all well"
    """
    report = Report(quiet=quiet, verbose=verbose, as_json=as_json)
    options: Options = {"threads": threads, "device": device, "quiet": quiet}

    def work(name: str) -> Outcome:
        data = read_source(name)
        if is_batch(data):
            return verify_batch(name, data, model=model, **options)
        picture, kernel, seconds = timed_decode(name, data, model=model, **options)
        size, shape = picture.pixels.size, picture.pixels.shape
        values = common(name, shape, size, len(data), seconds) | {"input_bytes": len(data), "ok": True}
        values |= {"conversion": conversion_of(data), "kernel": kernel}
        line = f"{label(name)}: right, {shape_text(shape)}, {len(data):,} bytes, {speed(size, seconds)}"
        detail = detail_of(data, kernel, seconds)
        return Outcome(line, values, detail, size, len(data), 0, len(data), seconds)

    finish(inputs, work, report)


def timed_decode(
    name: str, data: bytes, *, model: str | None, threads: int | None, device: str, quiet: bool
) -> tuple["Picture", str, float]:
    """Decodes with a progress bar; returns the picture, the kernel that computed it and the seconds it took."""
    from idfcodec import codec, models

    coder = models.load_model(model or data_model(data), device=device)
    start = time.perf_counter()
    with Progress(label(name), quiet=quiet) as progress:
        picture = codec.decode_picture(data, model=model, threads=threads, device=device, progress=progress)
    return picture, coder.kernel, time.perf_counter() - start


def conversion_of(data: bytes) -> str | None:
    """What the picture in a file was, where a conversion has been undone."""
    from idfcodec.info import read_info

    return CONVERSIONS.get(read_info(data).mode.name)


def detail_of(data: bytes, kernel: str, seconds: float) -> str:
    """The second line of `-v`."""
    conversion = conversion_of(data)
    was = f", was {conversion}" if conversion else ""
    return f"model {data_model(data)}, kernel {kernel}{was}, {seconds:.2f} s"


def data_model(data: bytes) -> str:
    """The model id in a file's header."""
    from idfcodec.info import read_info

    return read_info(data).model.hex()
