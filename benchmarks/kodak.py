"""Size and speed of idfcodec beside other lossless codecs, over every picture of a folder, as a Markdown table.

    python benchmarks/kodak.py FOLDER [--peers jxl-e7,jxl-e9,webp-m4,webp-m6,png] [--threads 2] [--json OUT]

Everything runs in one process that goes round the codecs picture by picture, after a warm-up on the first picture.
Encoding is from the picture's file to the bytes of the compressed file, decoding from those bytes to pixels; reading
the source picture is timed once and added to every codec's encoding alike. Speeds are raw bytes (one for each
subpixel) over wall-clock time, so MB/s are 10^6 bytes a second. Every decoded picture is compared with its source, and
a difference ends the run. Needs `pip install -e '.[bench]'`.
"""

import argparse
import io
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from idfcodec import codec
from idfcodec.planes import read_picture

Pixels = NDArray[np.uint8]
SUFFIXES = {".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp"}
OURS = "idfcodec"
REFERENCE = "jxl-e9"  # its encoding speed is the unit of the last line


@dataclass
class Contender:
    """A codec and what has been measured of it so far.

    Attributes:
        label: its name in the table.
        encode: pixels to bytes.
        decode: bytes to pixels.
        gray: whether gray comes back as gray; else as RGB with equal channels.
        sizes: bytes of each file.
        encode_seconds, decode_seconds: for each picture.
    """

    label: str
    encode: Callable[[Pixels], bytes]
    decode: Callable[[bytes], Pixels]
    gray: bool = True
    sizes: list[int] = field(default_factory=list)
    encode_seconds: list[float] = field(default_factory=list)
    decode_seconds: list[float] = field(default_factory=list)


def png_encode(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def png_decode(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def oxipng_encode(pixels: Pixels) -> bytes:
    import oxipng

    return bytes(oxipng.optimize_from_memory(png_encode(pixels), level=4))


def webp(method: int, quality: int) -> tuple[Callable[[Pixels], bytes], Callable[[bytes], Pixels]]:
    def encode(pixels: Pixels) -> bytes:
        return bytes(imagecodecs.webp_encode(_rgb(pixels), level=quality, lossless=True, method=method))

    def decode(data: bytes) -> Pixels:
        return np.asarray(imagecodecs.webp_decode(data))

    return encode, decode


def jxl(effort: int, threads: int) -> tuple[Callable[[Pixels], bytes], Callable[[bytes], Pixels]]:
    def encode(pixels: Pixels) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=effort, numthreads=threads))

    def decode(data: bytes) -> Pixels:
        return np.asarray(imagecodecs.jpegxl_decode(data, numthreads=threads))

    return encode, decode


def contenders(peers: list[str], *, threads: int, model: str | None, device: str) -> dict[str, Contender]:
    """idfcodec and the peers that were asked for."""
    options: dict[str, Any] = {"threads": threads, "device": device}
    known = {
        "jxl-e7": ("JPEG XL effort 7", *jxl(7, threads)),
        "jxl-e9": ("JPEG XL effort 9", *jxl(9, threads)),
        "jxl-e10": ("JPEG XL effort 10", *jxl(10, threads)),
        "webp-m4": ("WebP lossless method 4", *webp(4, 75)),
        "webp-m6": ("WebP lossless method 6, quality 100", *webp(6, 100)),
        "png": ("PNG (Pillow, optimize)", png_encode, png_decode),
        "oxipng": ("PNG (oxipng, level 4)", oxipng_encode, png_decode),
    }
    unknown = set(peers) - set(known)
    if unknown:
        sys.exit(f"unknown peers {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    ours = Contender(
        OURS,
        lambda pixels: codec.encode(pixels, model=model, verify=False, **options),
        lambda data: codec.decode(data, model=model, **options),
    )
    return {OURS: ours} | {name: Contender(*known[name], gray=not name.startswith("webp")) for name in peers}


def measure(contender: Contender, pixels: Pixels, reading: float, name: str) -> tuple[int, float, float]:
    """Codes one picture; returns bytes, seconds to encode, seconds to decode. Ends the run if it comes back wrong."""
    start = time.perf_counter()
    data = contender.encode(pixels)
    middle = time.perf_counter()
    back = contender.decode(data)
    end = time.perf_counter()
    if not np.array_equal(back, pixels if contender.gray else _rgb(pixels)):
        sys.exit(f"{contender.label}: {name} came back different")
    return len(data), reading + middle - start, end - middle


def table(entries: list[Contender], raw: list[int]) -> str:
    """The Markdown table."""
    lines = [
        "| codec | bits per subpixel, all | mean over pictures | bytes | encode MB/s | decode MB/s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for entry in entries:
        row = summary(entry, raw)
        lines.append(
            f"| {entry.label} | {row['bits_per_subpixel']:.4f} | {row['mean_bits_per_subpixel']:.4f} "
            f"| {row['bytes']:,} | {row['encode_mb_s']:.2f} | {row['decode_mb_s']:.2f} |"
        )
    return "\n".join(lines)


def summary(entry: Contender, raw: list[int]) -> dict[str, float]:
    """Totals of a codec; `raw` is each picture's number of subpixels."""
    return {
        "bits_per_subpixel": 8 * sum(entry.sizes) / sum(raw),
        "mean_bits_per_subpixel": float(np.mean([8 * size / n for size, n in zip(entry.sizes, raw, strict=True)])),
        "bytes": sum(entry.sizes),
        "encode_mb_s": sum(raw) / sum(entry.encode_seconds) / 1e6,
        "decode_mb_s": sum(raw) / sum(entry.decode_seconds) / 1e6,
    }


def environment(threads: int, device: str) -> dict[str, str]:
    """Versions and machine."""
    packages = {}
    for package in ("idfcodec", "torch", "numpy", "constriction", "imagecodecs", "pillow"):
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            packages[package] = "not installed as a package"
    codecs = {name: getattr(imagecodecs, f"{name}_version")() for name in ("jpegxl", "webp")}
    machine = {"processor": processor(), "cores": str(os.cpu_count()), "threads": str(threads), "device": device}
    return {"python": platform.python_version(), **packages, **codecs, **machine}


def processor() -> str:
    """The processor's name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _rgb(pixels: Pixels) -> Pixels:
    """Gray as RGB, for codecs that know no gray."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peers", default="jxl-e7,jxl-e9,webp-m4,webp-m6,png", help="comma-separated, may be empty")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", help="name, id or folder of idfcodec's model; the default one if left out")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--limit", type=int, help="only the first so many pictures")
    parser.add_argument("--no-likelihood", action="store_true", help="leave out the model's own figure")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every figure there")
    arguments = parser.parse_args()

    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in SUFFIXES)[: arguments.limit]
    if not paths:
        sys.exit(f"{arguments.folder} holds no pictures")
    peers = [peer for peer in arguments.peers.split(",") if peer]
    options: dict[str, Any] = {"threads": arguments.threads, "device": arguments.device}
    entries = contenders(peers, model=arguments.model, **options)

    warm = read_picture(paths[0]).pixels
    for entry in entries.values():
        measure(entry, warm, 0.0, paths[0].name)

    raw: list[int] = []
    likelihoods: list[float] = []
    plain: list[float] = []
    for index, path in enumerate(paths):
        start = time.perf_counter()
        pixels = read_picture(path).pixels
        reading = time.perf_counter() - start
        raw.append(pixels.size)
        order = list(entries.values())
        for entry in order[index % len(order) :] + order[: index % len(order)]:  # nobody always comes first
            size, encoding, decoding = measure(entry, pixels, reading, path.name)
            entry.sizes.append(size)
            entry.encode_seconds.append(encoding)
            entry.decode_seconds.append(decoding)
        if not arguments.no_likelihood:
            likelihoods.append(codec.likelihood(pixels, model=arguments.model, **options))
            plain.append(codec.likelihood(pixels, model=arguments.model, lattice=False, **options))
        if sys.stderr.isatty():
            print(f"\r{index + 1} of {len(paths)}", end="\r", file=sys.stderr)

    print(f"{len(paths)} pictures, {sum(raw):,} subpixels, every one decoded to the same pixels.\n")
    print(table(list(entries.values()), raw))
    print()
    ours = summary(entries[OURS], raw)
    if likelihoods:
        excess = 8 * sum(entries[OURS].sizes) - sum(likelihoods)
        print(
            f"Likelihood by the exported model: {sum(likelihoods) / sum(raw):.4f} bits per subpixel "
            f"({sum(plain) / sum(raw):.4f} without the colour lattice); "
            f"the files take {excess / sum(likelihoods):+.3%} ({excess / 8 / len(paths):+.0f} bytes a picture)."
        )
    if REFERENCE in entries:
        unit = summary(entries[REFERENCE], raw)["encode_mb_s"]
        print(
            f"Against {entries[REFERENCE].label}'s encoding ({unit:.2f} MB/s): "
            f"encode {ours['encode_mb_s'] / unit:.2f}x, decode {ours['decode_mb_s'] / unit:.2f}x."
        )
    facts = environment(**options)
    print("\n" + ", ".join(f"{key} {value}" for key, value in facts.items()))

    if arguments.json:
        pictures = {
            path.name: {
                "subpixels": raw[index],
                "likelihood_bits": likelihoods[index] if likelihoods else None,
                "plain_bits": plain[index] if plain else None,
                **{
                    name: {
                        "bytes": entry.sizes[index],
                        "encode_seconds": entry.encode_seconds[index],
                        "decode_seconds": entry.decode_seconds[index],
                    }
                    for name, entry in entries.items()
                },
            }
            for index, path in enumerate(paths)
        }
        totals = {name: summary(entry, raw) for name, entry in entries.items()}
        result = {"environment": facts, "totals": totals, "pictures": pictures}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
