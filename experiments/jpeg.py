"""JPEG files and pictures that were JPEGs: sizes beside the JPEG's own.

    python -m experiments.jpeg [--recovered | --times | --decoders] [--write] [--qualities 75 90]
                               [--samplings 4:2:0] [--count 24] [--files FILE ...]

Makes JPEGs (optimised Huffman codes) of the first 24 held-back photographs of `../shared/data/train`. With
`--recovered` they are decoded to pixels, every third cropped at odd offsets, and compressed as pixels; a crop is
compared with its share of the JPEG's bytes. With `--times` such pictures are coded and decoded as coefficients and as
planes in turn, by one thread, in seconds of the processor. Otherwise the files themselves are compressed, beside JPEG
XL's transcoding. `--files` takes other JPEG files instead. `--decoders` compares who decoded: libjpeg-turbo as Pillow
has it, with its fast transform and with its fast upsampling (simplejpeg), OpenCV and FFmpeg (PyAV), as far as they are
installed.
"""

from __future__ import annotations

import argparse
import importlib
import io
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from unittest import mock

import imagecodecs
import numpy as np
from PIL import Image

from idfcodec import codec
from idfcodec.format.container import unpack
from idfcodec.format.payload import COEFFICIENTS, first_byte
from idfcodec.picture.jpeg import jpeg_source
from idfcodec.picture.pillow import Picture, read_picture
from idfcodec.training.data import held_back
from idfcodec.types import Pixels

__all__ = ["main"]

SAMPLINGS = {"4:4:4": 0, "4:2:0": 2}
COUNT = 24
README = Path(__file__).with_name("README.md")
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "train"


def photographs(count: int = COUNT) -> list[Path]:
    """The first held-back photographs by name."""
    files = sorted((p for p in DATA.rglob("*.webp") if held_back(p)), key=lambda p: p.name)
    return files[:count]


def made(quality: int, sampling: str, count: int = COUNT) -> Iterator[bytes]:
    """Their JPEG files."""
    for path in photographs(count):
        file = io.BytesIO()
        options = {"quality": quality, "subsampling": SAMPLINGS[sampling], "optimize": True}
        Image.open(path).convert("RGB").save(file, "JPEG", **options)
        yield file.getvalue()


def coded(picture: Picture) -> tuple[int, float, float]:
    """Bytes of its file, seconds of the processor to encode and to decode; the pixels come back."""
    start = time.process_time()
    data = codec.encode(picture, threads=1)
    middle = time.process_time()
    assert np.array_equal(codec.decode(data, threads=1), picture.pixels)
    return len(data), middle - start, time.process_time() - middle


def from_files(name: str, files: list[bytes]) -> str:
    """A row: the files, ours and JPEG XL's, and seconds."""
    rows = [coded(read_picture(io.BytesIO(file))) for file in files]
    size, ours, xl = sum(map(len, files)), sum(row[0] for row in rows), 0
    for file in files:
        xl += len(imagecodecs.jpegxl_encode_jpeg(file))
    seconds = " | ".join(f"{sum(row[k] for row in rows):.1f}" for k in (1, 2))
    return f"| {name} | {size:,} | {ours / size:.4f} | {xl / size:.4f} | {seconds} |"


def recovered(files: list[bytes]) -> Iterator[tuple[Pixels, float]]:
    """Pixels of JPEGs, every third cropped, and the share of the file's bytes that is left."""
    for number, file in enumerate(files):
        pixels = np.asarray(Image.open(io.BytesIO(file)))
        whole = pixels.size
        if number % 3 == 0:
            top, left = 3 + 2 * (number // 3 % 5), 5 + 2 * (number // 3 % 6)
            pixels = np.ascontiguousarray(pixels[top : -3 - number % 4, left : -5 - number % 7])
        yield pixels, len(file) * pixels.size / whole


def timed(pixels: Pixels) -> list[tuple[float, float]]:
    """Seconds of the processor to encode and to decode, by coefficients and by planes; the least of seven, in turn."""
    by_planes = mock.patch.object(codec, "as_jpeg", return_value=(None, True))  # conversions are undone
    files, encoding, decoding = [], [], [float("inf")] * 2
    for way in (nullcontext(), by_planes):
        start = time.process_time()
        with way:
            files.append(codec.encode(pixels, threads=1))
        encoding.append(time.process_time() - start)
    for i in [0, 1] * 7:
        start = time.process_time()
        codec.decode(files[i], threads=1)
        decoding[i] = min(decoding[i], time.process_time() - start)
    return list(zip(encoding, decoding, strict=True))


def in_turn(name: str, files: list[bytes]) -> str:
    """A row: seconds by coefficients and by planes, times in sum and of the slowest picture."""
    rows: list[list[tuple[float, float]]] = []
    for pixels, _ in recovered(files):
        if not rows:  # what is compiled is compiled now
            timed(pixels)
        rows.append(timed(pixels))
    cells = []
    for k in range(2):
        ours, theirs = (sum(row[way][k] for row in rows) for way in range(2))
        cells.append(f"{ours:.2f} | {theirs:.2f} | {ours / theirs:.2f} | {max(a[k] / b[k] for a, b in rows):.2f}")
    return f"| {name} | {' | '.join(cells)} |"


def from_pixels(name: str, files: list[bytes]) -> str:
    """A row: the JPEGs' bytes, ours, pixels that come out of coefficients, pictures recovered, seconds."""
    size, rows, exact, found = 0.0, [], [], 0
    for pixels, share in recovered(files):
        size += share
        rows.append(coded(Picture(pixels)))
        source = jpeg_source(pixels)
        found += source is not None
        exact.append(0.0 if source is None else 1 - 3 * len(source.exceptions) / pixels.size)
    ours = sum(row[0] for row in rows)
    seconds = " | ".join(f"{sum(row[k] for row in rows):.1f}" for k in (1, 2))
    return f"| {name} | {size:,.0f} | {ours / size:.4f} | {np.mean(exact):.3f} | {found} of {len(files)} | {seconds} |"


def by_pillow(file: bytes) -> Pixels:
    """libjpeg-turbo with the accurate transform and smooth chroma."""
    return np.asarray(Image.open(io.BytesIO(file)))


def by_simplejpeg(file: bytes, **options: bool) -> Pixels:
    """libjpeg-turbo with what options say."""
    return np.asarray(importlib.import_module("simplejpeg").decode_jpeg(file, **options))


def by_opencv(file: bytes) -> Pixels:
    """OpenCV's build of libjpeg-turbo."""
    cv2 = importlib.import_module("cv2")
    return np.ascontiguousarray(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)[..., ::-1])


def by_ffmpeg(file: bytes) -> Pixels:
    """FFmpeg's decoder, and its conversion to RGB."""
    with importlib.import_module("av").open(io.BytesIO(file)) as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"))


DECODERS: dict[str, Callable[[bytes], Pixels]] = {
    "Pillow": by_pillow,
    "OpenCV": by_opencv,
    "libjpeg-turbo, fast transform": partial(by_simplejpeg, fastdct=True, fastupsample=False),
    "libjpeg-turbo, fast upsampling": partial(by_simplejpeg, fastdct=False, fastupsample=True),
    "FFmpeg": by_ffmpeg,
}


def by_decoders(name: str, files: list[bytes]) -> str:
    """Rows: of each decoder the pictures coded as coefficients, bytes beside the JPEGs', and without conversions."""
    rows = []
    for decoder, decode in DECODERS.items():
        try:
            pictures = [decode(file) for file in files]
        except ImportError as ex:
            rows.append(f"| {name} | {decoder} | skipped: {ex} | | | |")
            continue
        coefficients, ours, planes, exact = 0, 0, 0, []
        for pixels in pictures:
            data, source = codec.encode(pixels, threads=1), jpeg_source(pixels)
            assert np.array_equal(codec.decode(data, threads=1), pixels)
            coefficients += first_byte(unpack(data).tiles[0]) == COEFFICIENTS
            exact.append(0.0 if source is None else 1 - 3 * len(source.exceptions) / pixels.size)
            ours, planes = ours + len(data), planes + len(codec.encode(pixels, threads=1, conversion=False))
        size = sum(map(len, files))
        counts = f"{coefficients} of {len(files)} | {np.mean(exact):.3f}"
        rows.append(f"| {name} | {decoder} | {counts} | {ours / size:.3f} | {planes / size:.3f} |")
    return "\n".join(rows)


TABLES: dict[str, tuple[Callable[[str, list[bytes]], str], tuple[str, ...]]] = {
    "files": (from_files, ("JPEGs", "bytes", "ours", "JPEG XL", "encoding, s", "decoding, s")),
    "recovered": (
        from_pixels,
        ("JPEGs", "bytes", "ours", "pixels from coefficients", "recovered", "encoding, s", "decoding, s"),
    ),
    "times": (
        in_turn,
        (
            "JPEGs",
            *(
                f"{way}{what}"
                for way in ("encoding", "decoding")
                for what in (", s", " planes, s", ", times", ", at worst")
            ),
        ),
    ),
    "decoders": (
        by_decoders,
        ("JPEGs", "decoder", "as coefficients", "pixels from coefficients", "ours", "without conversions"),
    ),
}


def main() -> None:
    """Prints one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recovered", action="store_true", help="compress decoded pixels")
    parser.add_argument("--times", action="store_true", help="compare seconds with those of coding planes")
    parser.add_argument("--decoders", action="store_true", help="compare pixels of several decoders")
    parser.add_argument("--count", type=int, default=COUNT, help="photographs")
    parser.add_argument("--write", action="store_true", help="put the table into the README beside this script")
    parser.add_argument("--qualities", type=int, nargs="+", default=[75, 85, 90, 95])
    parser.add_argument("--samplings", nargs="+", default=list(SAMPLINGS), choices=list(SAMPLINGS))
    parser.add_argument("--files", type=Path, nargs="+")
    arguments = parser.parse_args()
    kind = next((name for name in ("decoders", "times", "recovered") if getattr(arguments, name)), "files")
    row, heads = TABLES[kind]
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' if k == 0 else '---:' for k in range(len(heads)))} |"]
    print(*lines, sep="\n", flush=True)
    named = [(path.name, [path.read_bytes()]) for path in arguments.files or ()]
    for name, files in named or _named(arguments.qualities, arguments.samplings, arguments.count):
        lines.append(row(name, files))
        print(lines[-1], flush=True)
    if arguments.write:
        _write(kind, "\n".join([*lines, "", f"{arguments.count} photographs of each kind."]))


def _named(qualities: list[int], samplings: list[str], count: int) -> Iterator[tuple[str, list[bytes]]]:
    for quality in qualities:
        for sampling in samplings:
            yield f"{quality}, {sampling}", list(made(quality, sampling, count))


def _write(kind: str, table: str) -> None:
    """Replace a table of the README."""
    text = README.read_text()
    before, rest = text.split(f"<!-- {kind} -->\n", 1)
    after = rest.split(f"<!-- end of {kind} -->\n", 1)[1]
    README.write_text(f"{before}<!-- {kind} -->\n{table}\n<!-- end of {kind} -->\n{after}")


if __name__ == "__main__":
    main()
