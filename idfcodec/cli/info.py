"""The command `info`: what a file says of itself, from its header alone."""

import sys
from dataclasses import asdict

import click

from idfcodec.cli.batch import info_batch, is_batch
from idfcodec.cli.conversion import conversion_of
from idfcodec.cli.metadata import shown
from idfcodec.cli.options import inputs_argument, json_option
from idfcodec.cli.report import Outcome, Report, finish, label
from idfcodec.errors import IDFError
from idfcodec.files import read_source

__all__ = ["info"]

MOST = 100  # lines about metadata, or about tiles


@click.command()
@inputs_argument
@click.option("--bytes", "by_bytes", is_flag=True, help="Take each file apart, field by field, with its bytes.")
@click.option("-v", "--verbose", is_flag=True, help="List the tiles: where they lie and how many bytes they take.")
@json_option
def info(inputs: tuple[str, ...], by_bytes: bool, verbose: bool, as_json: bool) -> None:
    """Say what compressed files hold, from their headers alone: no pixel is decoded and no model is needed.

    \b
    Examples:
      idfcodec info photo.idfc
      idfcodec info --json *.idfc
      idfcodec info --bytes photo.idfc
    """
    if by_bytes and as_json:
        raise click.UsageError("--bytes and --json exclude each other.")
    report = Report(verbose=verbose, as_json=as_json, to_stdout=True)
    from idfcodec import models
    from idfcodec.format.container import NO_MODEL
    from idfcodec.format.tiles import tile_grid
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
        mode, structure = header.mode, header.structure
        conversion = conversion_of(data)
        kind = "rgb" if conversion else mode.name.lower().removesuffix("_16").replace("_", " ")
        size = header.width * header.height * mode.channels * structure.count
        frames, colours = structure.frames, len(structure.palette) if structure.palette else None
        durations = [float(duration) for duration in frames.durations] if frames else []
        parts = list(shown(header.metadata))
        blocks = [showable(part.line) for part in parts[:MOST]]
        blocks += [f"and {len(parts) - MOST:,} more"] if len(parts) > MOST else []
        grid = tile_grid(header.height, header.width, header.tile, structure.count)
        placed = list(zip(grid, header.tile_lengths, strict=True))
        metadata = {key: len(block) for key, block in header.metadata.items()}
        values = {
            "input": name,
            "width": header.width,
            "height": header.height,
            "mode": kind,
            "depth": mode.depth,
            "palette": colours,
            "white": structure.white,
            "frames": structure.count,
            "durations": durations,
            "loop": frames.loop if frames else None,
            "conversion": conversion,
            "bytes": len(data),
            "bits_per_subpixel": 8 * len(data) / size,
            "model": None if header.model == NO_MODEL else header.model.hex(),
            "model_name": names.get(header.model.hex()),
            "tile": header.tile,
            "tiles": len(header.tile_lengths),
            "tile_list": [{**asdict(tile), "bytes": size} for tile, size in placed],
            "checksum": header.checksum.hex(),
            "metadata": metadata,
            "metadata_parts": [asdict(part) for part in parts],
        }
        also = f", was {conversion}" if conversion else ""
        also += f", {colours} colours" if colours else ""
        also += f", white is {structure.white}" if structure.white else ""
        bits = "1 bit" if mode.depth == 1 else f"{mode.depth} bits"
        several = "pages"
        if durations and frames:
            times = {None: "", 0: ", for ever", 1: ", once"}.get(frames.loop, f", {frames.loop} times")
            several = f"frames, {sum(durations) / 1000:.2f} s in all{times}"
        model = f"{header.model.hex()} ({names.get(header.model.hex(), 'not installed')})"
        tiles = f"{len(header.tile_lengths):,} of at most {header.tile}x{header.tile}" if header.tile else "1"
        lines = [
            label(name),
            f"  picture   {header.width}x{header.height}, {kind}, {bits}{also}",
            *([f"  frames    {structure.count} {several}"] if frames else []),
            f"  file      {len(data):,} bytes, {8 * len(data) / size:.3f} bits per subpixel",
            f"  model     {'none is needed' if header.model == NO_MODEL else model}",
            f"  tiles     {tiles}",
            f"  checksum  {header.checksum.hex()}",
            "\n            ".join(["  metadata  " + (blocks[0] if blocks else "none"), *blocks[1:]]),
        ]
        listed = [f"row {t.top}, column {t.left}: {t.width}x{t.height}, {size:,} bytes" for t, size in placed[:MOST]]
        listed += [f"and {len(placed) - MOST:,} more"] if len(placed) > MOST else []
        return Outcome("\n".join(lines), values, "\n  ".join(f"  tile {i}  {text}" for i, text in enumerate(listed)))

    finish(inputs, work, report, total=False)


def showable(line: str) -> str:
    """A line with an escape for each letter that standard output has none for."""
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)
