"""Batches on the command line: what `compress --batch` does, and the other commands with a file that is a batch."""

import io
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from idfcodec import models
from idfcodec.cli.conversion import CONVERSIONS, was
from idfcodec.cli.report import Outcome, Progress, Report, attempt, describe, finish, label, speed
from idfcodec.errors import IDFError
from idfcodec.files import STREAM, attributes_of, check_target, identities, load_picture, write_target
from idfcodec.format.batch import MAX_SIDE, Batch, is_batch, unpack_batch
from idfcodec.format.container import Mode
from idfcodec.format.payload import chroma_of
from idfcodec.source import is_url
from idfcodec.targets import is_folder, plan

if TYPE_CHECKING:
    from idfcodec.picture.picture import Picture
    from idfcodec.types import Pixels

__all__ = ["compress_batch", "decompress_batch", "info_batch", "is_batch", "parse_pictures", "verify_batch"]

SUFFIX = ".idfb"
DIGITS = 9  # of the number of a picture that is asked for
SHOWN = 3  # sizes of pictures that `info` lists


def parse_pictures(text: str | None) -> list[range] | None:
    """`3,10-12` as ranges of numbers; None where nothing is chosen."""
    if text is None:
        return None
    ranges = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        known = first.isdecimal() and last.isdecimal() and max(len(first), len(last)) <= DIGITS
        if not known or int(first) > int(last):
            raise click.UsageError(f"{part!r} is not a number or a range such as 10-12.")
        ranges.append(range(int(first), int(last) + 1))
    return ranges


def compress_batch(
    inputs: Sequence[str],
    output: str | None,
    report: Report,
    *,
    force: bool,
    model: str | None,
    conversion: bool,
    threads: int | None,
    device: str,
    strip: bool,
    verify: bool,
    quiet: bool,
) -> None:
    """Compresses all inputs into one file and leaves with the exit code; one bad input, and nothing is written."""
    targets = plan(inputs, output or STREAM, SUFFIX)
    pictures: list[Picture] = []
    sizes: list[int] = []
    left_out: set[str] = set()

    def load(name: str) -> None:
        picture, size = load_picture(name)
        height, width = picture.shape[:2]
        if max(height, width) > MAX_SIDE:
            raise IDFError(f"{width}x{height} pixels are too large for a batch: {MAX_SIDE} a side at most")
        pictures.append(picture)
        sizes.append(size)
        left_out.update(picture.metadata)
        if picture.notes and not strip:
            report.warn(name, "; ".join(picture.notes))

    def work(name: str) -> Outcome:
        from idfcodec import batch as batches
        from idfcodec.picture.picture import Picture

        models.load_model(model, device=device)
        start = time.perf_counter()
        with Progress(label(name), quiet=quiet) as progress:
            data = batches.encode_batch(
                pictures, model=model, conversion=conversion, threads=threads, device=device, progress=progress
            )
        if verify:
            with Progress(f"{label(name)}, verifying", quiet=quiet) as progress:
                every = sum(picture.shape[0] * picture.shape[1] for picture in pictures)
                again = batches.decode_batch(
                    data, model=model, threads=threads, device=device, progress=progress, max_pixels=every
                )
            if not all(Picture(a).same(b) for a, b in zip(again, pictures, strict=True)):
                raise IDFError("verification failed: the file does not decode to the pictures it was made from")
        seconds = time.perf_counter() - start
        if left_out and not strip:
            report.warn(name, f"a batch cannot hold the pictures' {', '.join(sorted(left_out))}, which is left out")
        written = targets.write(inputs[0], data, force=force, like=attributes_of(inputs))
        before, size = sum(sizes), sum(picture.pixels.size for picture in pictures)
        values = {"inputs": list(inputs)} | _common(len(pictures), size, len(data), seconds)
        values |= {"output": written, "input_bytes": before, "output_bytes": len(data), "verified": verify}
        values |= {"left_out": sorted(left_out)}
        line = (
            f"{_several(len(pictures))} -> {written}: {describe(before, len(data))}, "
            f"{size / len(data):.2f}:1 against raw pixels, {8 * len(data) / size:.3f} bits per subpixel, "
            f"{speed(size, seconds)}{', verified' if verify else ''}"
        )
        return Outcome(line, values, f"{_model_line(data)}, {seconds:.2f} s")

    name = "standard output" if output in (None, STREAM) else str(output)
    attempt(name, lambda _: targets.check(inputs[0], force=force), report)
    for source in inputs if not report.exit_code else ():
        attempt(source, load, report)
    finish([name] if not report.exit_code else [], work, report, total=False)


def decompress_batch(
    name: str,
    data: bytes,
    output: str | None,
    chosen: list[range] | None,
    *,
    alone: bool,
    force: bool,
    model: str | None,
    threads: int | None,
    device: str,
    quiet: bool,
) -> Outcome:
    """Writes the pictures of a batch, or those `chosen`, into a folder, each named by its number.

    Raises:
        IDFError: there is no folder to write to, other inputs would write there too, or see `decode_batch`.
        OSError: a target exists already, or cannot be written.
    """
    if not alone:
        raise IDFError("a batch must be the only input, for its pictures are named by their numbers")
    if output is None or is_url(output) or not is_folder(output):
        raise IDFError("a batch of pictures needs a folder that exists; name it with -o")
    count = len(unpack_batch(data).shapes)
    if chosen is not None and max(part[-1] for part in chosen) >= count:
        raise IDFError(f"there is no picture {max(part[-1] for part in chosen)}: {_several(count)}, numbered from 0")
    numbers = sorted({i for part in chosen or [range(count)] for i in part})
    digits = max(4, len(str(count - 1)))
    targets = [Path(output) / f"{number:0{digits}}.png" for number in numbers]
    sources, like = identities([name]), attributes_of([name])
    for target in targets:
        check_target(target, sources, force=force)
    from idfcodec.picture import pillow as planes

    wanted = numbers if chosen else None
    found, seconds = _timed(name, data, wanted, model=model, threads=threads, device=device, quiet=quiet)
    written = 0
    for target, pixels in zip(targets, found, strict=True):
        stream = io.BytesIO()
        planes.write_picture(planes.Picture(pixels, {}), stream, "png")
        write_target(target, stream.getvalue(), force=force, like=like)
        written += len(stream.getvalue())
    size = sum(pixels.size for pixels in found)
    values = {"input": name} | _common(len(found), size, None if chosen else len(data), seconds)
    values |= {"output": output, "first": targets[0].name, "last": targets[-1].name}
    values |= {"input_bytes": len(data), "output_bytes": written, "checked": "blocks" if chosen else "pixels"}
    names = targets[0].name if len(targets) == 1 else f"{targets[0].name} to {targets[-1].name}"
    line = (
        f"{label(name)} -> {Path(output) / names}: {_several(len(found))}{f' of {count}' if chosen else ''}, "
        f"{len(data):,} -> {written:,} bytes, checksum{'s of the blocks' if chosen else ''} right, "
        f"{speed(size, seconds)}"
    )
    detail = f"{_model_line(data)}, {seconds:.2f} s"
    return Outcome(line, values, detail, size, len(data), written, len(data), seconds)


def verify_batch(
    name: str, data: bytes, *, model: str | None, threads: int | None, device: str, quiet: bool
) -> Outcome:
    """Decodes a batch and compares it with its checksums."""
    found, seconds = _timed(name, data, None, model=model, threads=threads, device=device, quiet=quiet)
    size = sum(pixels.size for pixels in found)
    values = {"input": name} | _common(len(found), size, len(data), seconds) | {"input_bytes": len(data), "ok": True}
    line = f"{label(name)}: right, {_several(len(found))}, {len(data):,} bytes, {speed(size, seconds)}"
    return Outcome(line, values, f"{_model_line(data)}, {seconds:.2f} s", size, len(data), 0, len(data), seconds)


def info_batch(name: str, data: bytes, model_names: dict[str, str]) -> Outcome:
    """What the header of a batch says; the checksums of its blocks are compared, no pixel is decoded."""
    batch = unpack_batch(data)
    count, size, model = len(batch.shapes), _subpixels(batch), batch.model.hex()
    found = zip(batch.shapes, batch.payloads, strict=True)
    shapes_and_past = ((shape, was(shape[0], chroma_of(payload[:10], small=True))) for shape, payload in found)
    kinds = Counter(shapes_and_past).most_common()
    values = {
        "input": name,
        "pictures": count,
        "shapes": [
            {"mode": _mode(mode), "width": width, "height": height, "conversion": past, "pictures": times}
            for ((mode, height, width), past), times in kinds
        ],
        "bytes": len(data),
        "bits_per_subpixel": 8 * len(data) / size,
        "model": model,
        "model_name": model_names.get(model),
        "overhead_bytes": batch.overhead,
        "checksum": batch.checksum.hex(),
    }
    shapes = [
        f"{times:,} of {width}x{height}, {_mode(mode)}{f', was {past}' if past else ''}"
        for ((mode, height, width), past), times in kinds[:SHOWN]
    ]
    shapes += [f"{len(kinds) - SHOWN:,} other sizes"] if len(kinds) > SHOWN else []
    lines = [
        label(name),
        f"  batch     {_several(count)}: {'; '.join(shapes)}; 8 bits",
        f"  file      {len(data):,} bytes, {8 * len(data) / size:.3f} bits per subpixel",
        f"  model     {model} ({model_names.get(model, 'not installed')})",
        f"  header    {batch.overhead:,} bytes, {batch.overhead / count:.2f} a picture",
        f"  checksum  {batch.checksum.hex()}",
    ]
    return Outcome("\n".join(lines), values)


def _several(count: int) -> str:
    return f"{count:,} picture{'s' if count != 1 else ''}"


def _mode(mode: Mode) -> str:
    return "rgb" if mode.name in CONVERSIONS else mode.name.lower().replace("_", " ")


def _subpixels(batch: Batch) -> int:
    return sum(height * width * mode.channels for mode, height, width in batch.shapes)


def _model_line(data: bytes) -> str:
    return f"model {unpack_batch(data).model.hex()}"


def _common(count: int, size: int, coded: int | None, seconds: float) -> dict[str, object]:
    """What `--json` says; `coded` is None where some pictures of a file are meant, whose share is not told."""
    values: dict[str, object] = {"pictures": count}
    if coded is not None:
        values |= {"ratio": size / coded, "bits_per_subpixel": 8 * coded / size}
    return values | {"seconds": seconds, "megabytes_per_second": size / max(seconds, 1e-9) / 1e6}


def _timed(
    name: str,
    data: bytes,
    numbers: list[int] | None,
    *,
    model: str | None,
    threads: int | None,
    device: str,
    quiet: bool,
) -> "tuple[list[Pixels], float]":
    """Decodes with a progress bar; returns the pictures and the seconds it took."""
    from idfcodec import batch as batches

    models.load_model(model or unpack_batch(data).model.hex(), device=device)
    start = time.perf_counter()
    with Progress(label(name), quiet=quiet) as progress:
        found = batches.decode_batch(
            data, pictures=numbers, model=model, threads=threads, device=device, progress=progress
        )
    return found, time.perf_counter() - start
