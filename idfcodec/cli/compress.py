"""The commands for compressed files: `compress`, `decompress` and `test`."""

import io
import time

import click

from idfcodec.cli.batch import compress_batch, decompress_batch, is_batch, parse_pictures, verify_batch
from idfcodec.cli.conversion import conversion_of
from idfcodec.cli.decoding import data_model, detail_of, kernel_of, timed_decode
from idfcodec.cli.metadata import shorten
from idfcodec.cli.options import (
    Options,
    check_recursive,
    check_usage,
    choose_model,
    compute_options,
    conversion_option,
    effort_option,
    inputs_argument,
    json_option,
    model_option,
    output_options,
    parse_box,
    part_options,
    picture_format,
    recursive_option,
    scheduler_option,
    strip_option,
    verbosity_options,
)
from idfcodec.cli.report import Outcome, Progress, Report, common, describe, finish, label, speed
from idfcodec.errors import IDFError
from idfcodec.files import load_picture, read_source
from idfcodec.targets import plan

__all__ = ["compress", "decompress", "test"]

SUFFIX = ".idfc"


@click.command()
@inputs_argument
@output_options
@effort_option
@model_option
@conversion_option
@strip_option
@compute_options
@click.option("--batch", is_flag=True, help="Put all inputs, small pictures, into one file, which -o names.")
@click.option("--no-verify", is_flag=True, help="Do not decode the result to check it (about twice as fast).")
@recursive_option
@scheduler_option
@click.option(
    "--delete-source", is_flag=True, help="With -r: delete each picture whose result decodes to it, metadata included."
)
@verbosity_options
@json_option
def compress(
    inputs: tuple[str, ...],
    output: str | None,
    stdout: bool,
    force: bool,
    preserve: bool,
    effort: str | None,
    model: str | None,
    no_conversion: bool,
    strip: bool,
    threads: int | None,
    device: str,
    batch: bool,
    no_verify: bool,
    recursive: bool,
    scheduler: str | None,
    delete_source: bool,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Compress pictures: each IN becomes a file with the suffix .idfc beside it.

    Reads PNG, JPEG, WebP, TIFF, GIF, BMP, PNM and PAM, with all frames or pages. The result is
    decoded and compared with the picture before it is written. An existing file is not
    overwritten without -f, and a failure leaves nothing behind. Metadata is kept; a line says
    what of it cannot be.

    \b
    Examples:
      idfcodec compress photo.png                  writes photo.idfc
      idfcodec compress -e max photo.png           the smallest file, in more time
      idfcodec compress *.png -o small/            writes into a folder that exists
      idfcodec compress --batch *.png -o all.idfb  one file of many small pictures
      idfcodec compress - <photo.png >photo.idfc   from and to a pipe
      idfcodec compress --json photo.png           sizes and speed for a script
      idfcodec compress -r photos/ -o small/       a folder and all in it; again, it does what is new
    """
    output = check_usage(inputs, output, stdout, as_json, batch=batch)
    chosen = choose_model(model, effort, batch=batch)
    if delete_source and (no_verify or not recursive):
        raise click.UsageError("--delete-source needs -r, and the check that --no-verify leaves out.")
    folder = check_recursive(inputs, output, recursive, scheduler, batch=batch)
    report = Report(quiet=quiet, verbose=verbose, as_json=as_json)
    options: Options = {"threads": threads, "device": device, "quiet": quiet}
    if folder:
        from idfcodec.cli.folders import compress_folder

        settings = {"model": model, "effort": effort, "conversion": not no_conversion, "strip": strip}
        settings |= {"verify": not no_verify, "owner": preserve, "delete": delete_source}
        compress_folder(folder, output, report, settings, force=force, scheduler=scheduler, **options)
    if batch:
        undone, verify = not no_conversion, not no_verify
        compress_batch(
            inputs, output, report, force=force, model=chosen, conversion=undone, strip=strip, verify=verify, **options
        )
    targets = plan(inputs, output, SUFFIX, owner=preserve, warn=report.warn)

    def work(name: str) -> Outcome:
        targets.check(name, force=force)
        picture, before = load_picture(name)
        if picture.notes and not strip:
            report.warn(name, "; ".join(picture.notes))
        from idfcodec import codec, models

        if not picture.jpeg:  # which may need no model
            models.load_model(chosen, device=device)  # loaded once for all inputs, so no picture's time
        start = time.perf_counter()
        with Progress(label(name), quiet=quiet) as progress:
            data = codec.encode(
                picture,
                model=model,
                effort=effort,
                conversion=not no_conversion,
                strip=strip,
                verify=not no_verify,
                threads=threads,
                device=device,
                progress=progress,
            )
        seconds = time.perf_counter() - start
        written = targets.write(name, data, force=force)
        size, text = picture.pixels.size, picture.text
        values = common(name, picture.shape, size, len(data), seconds)
        values |= {"output": written, "input_bytes": before, "output_bytes": len(data), "verified": not no_verify}
        kernel = kernel_of(data, models.load_model(chosen, device=device) if data_model(data) else None)
        values |= {"conversion": conversion_of(data), "kernel": kernel}
        values |= {"notes": list(picture.notes)}
        line = (
            f"{label(name)} -> {written}: {text}, {describe(before, len(data))}, "
            f"{size / len(data):.2f}:1 against raw pixels, {8 * len(data) / size:.3f} bits per subpixel, "
            f"{speed(size, seconds)}{'' if no_verify else ', verified'}"
        )
        detail = detail_of(data, kernel, seconds)
        return Outcome(line, values, detail, size, before, len(data), len(data), seconds)

    finish(inputs, work, report, refused=targets.meeting())


@click.command()
@inputs_argument
@output_options
@click.option("--pictures", metavar="N,N-N", help="Of a batch, only the pictures of these numbers, from 0.")
@part_options
@model_option
@compute_options
@recursive_option
@scheduler_option
@verbosity_options
@json_option
def decompress(
    inputs: tuple[str, ...],
    output: str | None,
    stdout: bool,
    force: bool,
    preserve: bool,
    pictures: str | None,
    box: str | None,
    preview: str | None,
    model: str | None,
    threads: int | None,
    device: str,
    recursive: bool,
    scheduler: str | None,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Restore pictures: each IN becomes a PNG beside it, or the format that the suffix of OUT names.

    The pixels are compared with the checksum in the file before anything is written. Formats that would lose
    something are refused: CMYK and pages need .tiff, samples of 10 or 12 bits .pgm, .ppm or .pam. The pictures of a
    batch become 0000.png, 0001.png and so on in the folder OUT.

    \b
    Examples:
      idfcodec decompress photo.idfc                  writes photo.png
      idfcodec decompress photo.idfc -o photo.tiff    another lossless format
      idfcodec decompress *.idfc -o restored/         into a folder that exists
      idfcodec decompress all.idfb -o restored/       the pictures of a batch; all or --pictures 3,10-12
      idfcodec decompress -c photo.idfc | display -   PNG to a pipe
      idfcodec decompress --box 0,0,99,99 photo.idfc  a part of it, of which no checksum is compared
      idfcodec decompress --preview 1/8 photo.idfc    an eighth of its width and height
    """
    output = check_usage(inputs, output, stdout, as_json)
    report = Report(quiet=quiet, verbose=verbose, as_json=as_json)
    chosen, part = parse_pictures(pictures), parse_box(box)
    if box is not None and preview is not None:
        raise click.UsageError("--box and --preview exclude each other.")
    factor = int(preview[2:]) if preview else None
    options: Options = {"threads": threads, "device": device, "quiet": quiet}
    if folder := check_recursive(inputs, output, recursive, scheduler, part=bool(box or preview or pictures)):
        from idfcodec.cli.folders import decompress_folder

        settings = {"model": model, "owner": preserve}
        decompress_folder(folder, output, report, settings, force=force, scheduler=scheduler, **options)
    targets = plan(inputs, output, ".png", replaces=(SUFFIX[1:],), owner=preserve, warn=report.warn)
    format = picture_format(output)

    def work(name: str) -> Outcome:
        targets.check(name, force=force)
        data = read_source(name)
        if is_batch(data):
            if box or preview:
                raise IDFError("--box and --preview are for files of one picture, and this is a batch")
            alone = len(inputs) == 1
            return decompress_batch(name, data, output, chosen, alone=alone, force=force, model=model, **options)
        if chosen is not None:
            raise IDFError("--pictures is for batches, and this is none")
        from idfcodec.picture import pillow as planes

        picture, kernel, seconds = timed_decode(name, data, box=part, factor=factor, model=model, **options)
        stream = io.BytesIO()
        left_out = planes.write_picture(picture, stream, format)
        if left_out:
            report.warn(name, f"{format} cannot hold the picture's {shorten(left_out)}, which is left out")
        result = stream.getvalue()
        written = targets.write(name, result, force=force)
        size, text = picture.pixels.size, picture.text
        values = common(name, picture.shape, size, len(data), seconds)
        values |= {"output": written, "input_bytes": len(data), "output_bytes": len(result), "left_out": left_out}
        values |= {"conversion": conversion_of(data), "kernel": kernel}
        line = (
            f"{label(name)} -> {written}: {text}, {len(data):,} -> {len(result):,} bytes, "
            f"{'no checksum compared' if part else 'smaller' if preview else 'checksum right'}, {speed(size, seconds)}"
        )
        detail = detail_of(data, kernel, seconds)
        return Outcome(line, values, detail, size, len(data), len(result), len(data), seconds)

    finish(inputs, work, report, refused=targets.meeting())


@click.command()
@inputs_argument
@model_option
@compute_options
@recursive_option
@verbosity_options
@json_option
def test(
    inputs: tuple[str, ...],
    model: str | None,
    threads: int | None,
    device: str,
    recursive: bool,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Check compressed files: decode them, compare with their checksums, write nothing.

    \b
    Examples:
      idfcodec test photo.idfc
      idfcodec test -q archive/*.idfc && echo "all well"
      idfcodec test -r archive/     all in a folder, and whether they are what its SHA256SUMS lists
    """
    report = Report(quiet=quiet, verbose=verbose, as_json=as_json)
    options: Options = {"threads": threads, "device": device, "quiet": quiet}
    if folder := check_recursive(inputs, None, recursive, None):
        from idfcodec.cli.folders import check_folder

        check_folder(folder, report, {"model": model}, **options)

    def work(name: str) -> Outcome:
        data = read_source(name)
        if is_batch(data):
            return verify_batch(name, data, model=model, **options)
        picture, kernel, seconds = timed_decode(name, data, model=model, **options)
        size, text = picture.pixels.size, picture.text
        values = common(name, picture.shape, size, len(data), seconds) | {"input_bytes": len(data), "ok": True}
        values |= {"conversion": conversion_of(data), "kernel": kernel}
        line = f"{label(name)}: right, {text}, {len(data):,} bytes, {speed(size, seconds)}"
        detail = detail_of(data, kernel, seconds)
        return Outcome(line, values, detail, size, len(data), 0, len(data), seconds)

    finish(inputs, work, report)
