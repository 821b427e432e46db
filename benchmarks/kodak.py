"""Size and speed of idfcodec beside other lossless codecs, over every picture of a folder, as a Markdown table.

    python benchmarks/kodak.py FOLDER [--models photo-fast,photo,photo-max] [--peers jxl-e7,jxl-e9,webp-m4,webp-m6,png]
                               [--held-back] [--threads 2] [--json OUT]

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
from idfcodec.errors import ModelError
from idfcodec.models import EFFORTS, find_model, list_models
from idfcodec.planes import read_picture
from idfcodec.training.data import held_back

Pixels = NDArray[np.uint8]
SUFFIXES = {".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp"}
LOADED = 4  # models that the codec keeps in memory; more would be loaded while the clock runs
SPEED_REFERENCES = ("jxl-e7", "jxl-e10")  # their encoding speeds are the units of the last lines
SIZE_REFERENCE = "jxl-e10"


@dataclass
class Contender:
    """A codec and what has been measured of it so far.

    Attributes:
        label: its name in the table.
        encode: pixels to bytes.
        decode: bytes to pixels.
        gray: whether gray comes back as gray; else as RGB with equal channels.
        model: the folder of one of our models, None for a peer.
        sizes: bytes of each file.
        encode_seconds, decode_seconds: for each picture.
        likelihoods, without_weights: bits of each picture by the model, with and without what a tile teaches and what
            the encoder fits (see `codec.likelihood`); empty for a peer.
    """

    label: str
    encode: Callable[[Pixels], bytes]
    decode: Callable[[bytes], Pixels]
    gray: bool = True
    model: Path | None = None
    sizes: list[int] = field(default_factory=list)
    encode_seconds: list[float] = field(default_factory=list)
    decode_seconds: list[float] = field(default_factory=list)
    likelihoods: list[float] = field(default_factory=list)
    without_weights: list[float] = field(default_factory=list)


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


def our_label(folder: Path) -> str:
    """What a model is called in the tables: "idfcodec EFFORT" if an effort stands for it, else "idfcodec NAME"."""
    installed = {entry.path: entry.name for entry in list_models()}
    efforts = {name: effort for effort, name in EFFORTS.items()}
    return f"idfcodec {efforts.get(installed.get(folder, ''), folder.resolve().name)}"


def our_contenders(models: list[str], options: dict[str, Any]) -> dict[str, Contender]:
    """One for each model, by label; the default model if none is named."""
    out: dict[str, Contender] = {}
    for name in models or [None]:
        try:
            folder = find_model(name)
        except ModelError as ex:
            sys.exit(str(ex))
        label = our_label(folder)
        if label in out:
            sys.exit(f"two models would be called {label!r}")
        out[label] = Contender(
            label,
            lambda pixels, folder=folder: codec.encode(pixels, model=folder, verify=False, **options),
            lambda data, folder=folder: codec.decode(data, model=folder, **options),
            model=folder,
        )
    if len(out) > LOADED:
        sys.exit(f"at most {LOADED} models at a time")
    return out


def peer_contenders(names: list[str], threads: int) -> dict[str, Contender]:
    """The peers that were asked for."""
    known = {
        "jxl-e7": ("JPEG XL effort 7", *jxl(7, threads)),
        "jxl-e9": ("JPEG XL effort 9", *jxl(9, threads)),
        "jxl-e10": ("JPEG XL effort 10", *jxl(10, threads)),
        "webp-m4": ("WebP lossless, method 4", *webp(4, 75)),
        "webp-m6": ("WebP lossless, method 6, quality 100", *webp(6, 100)),
        "png": ("PNG (Pillow, optimize)", png_encode, png_decode),
        "oxipng": ("PNG (oxipng, level 4)", oxipng_encode, png_decode),
    }
    unknown = set(names) - set(known)
    if unknown:
        sys.exit(f"unknown peers {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return {name: Contender(*known[name], gray=not name.startswith("webp")) for name in names}


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
    out = {
        "bits_per_subpixel": 8 * sum(entry.sizes) / sum(raw),
        "mean_bits_per_subpixel": float(np.mean([8 * size / n for size, n in zip(entry.sizes, raw, strict=True)])),
        "bytes": sum(entry.sizes),
        "encode_mb_s": sum(raw) / sum(entry.encode_seconds) / 1e6,
        "decode_mb_s": sum(raw) / sum(entry.decode_seconds) / 1e6,
    }
    if entry.likelihoods:
        out["likelihood"] = sum(entry.likelihoods) / sum(raw)
        out["likelihood_without_weights"] = sum(entry.without_weights) / sum(raw)
    return out


def comparison(entries: dict[str, Contender], raw: list[int]) -> list[str]:
    """The last lines: likelihood, speed and size of each of our models against the references that took part."""
    totals = {key: summary(entry, raw) for key, entry in entries.items()}
    lines = []
    for key, entry in entries.items():
        if entry.model is None:
            continue
        ours = totals[key]
        if "likelihood" in ours:
            excess = 8 * sum(entry.sizes) - sum(entry.likelihoods)
            lines.append(
                f"{entry.label}: likelihood {ours['likelihood']:.4f} bits per subpixel "
                f"({ours['likelihood_without_weights']:.4f} without the weights); "
                f"the files take {excess / sum(entry.likelihoods):+.3%} ({excess / 8 / len(raw):+.0f} bytes a picture)."
            )
        for reference in SPEED_REFERENCES:
            if reference in totals:
                unit = totals[reference]["encode_mb_s"]
                lines.append(
                    f"{entry.label}: encodes {ours['encode_mb_s'] / unit:.2f} and decodes "
                    f"{ours['decode_mb_s'] / unit:.2f} times as fast as {entries[reference].label} encodes "
                    f"({unit:.2f} MB/s)."
                )
        if SIZE_REFERENCE in totals:
            lines.append(
                f"{entry.label}: {ours['bytes'] / totals[SIZE_REFERENCE]['bytes']:.4f} times the bytes of "
                f"{entries[SIZE_REFERENCE].label}."
            )
    return lines


def result(entries: dict[str, Contender], names: list[str], raw: list[int], facts: dict[str, str]) -> dict[str, Any]:
    """Everything that was measured, as `--json` writes it: the machine, each codec's totals, each picture's figures."""

    def codec_facts(entry: Contender) -> dict[str, Any]:
        if entry.model is None:
            return {"label": entry.label}
        return {"label": entry.label, "model": codec.load_model(entry.model).id.hex()}

    def figures(entry: Contender, index: int) -> dict[str, float]:
        out: dict[str, float] = {
            "bytes": entry.sizes[index],
            "encode_seconds": entry.encode_seconds[index],
            "decode_seconds": entry.decode_seconds[index],
        }
        if entry.likelihoods:
            out["likelihood_bits"] = entry.likelihoods[index]
            out["likelihood_bits_without_weights"] = entry.without_weights[index]
        return out

    return {
        "environment": facts,
        "codecs": {key: codec_facts(entry) | {"totals": summary(entry, raw)} for key, entry in entries.items()},
        "pictures": {
            name: {
                "subpixels": raw[index],
                "codecs": {key: figures(entry, index) for key, entry in entries.items()},
            }
            for index, name in enumerate(names)
        },
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
    parser.add_argument("folder", type=Path, help="of pictures, searched recursively")
    parser.add_argument(
        "--models", default="", help="comma-separated names, ids or folders; the default one if left out"
    )
    parser.add_argument("--peers", default="jxl-e7,jxl-e9,webp-m4,webp-m6,png", help="comma-separated, may be empty")
    parser.add_argument("--held-back", action="store_true", help="only pictures that `idfcodec train` holds back")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--limit", type=int, help="only the first so many pictures")
    parser.add_argument("--no-likelihood", action="store_true", help="leave out the models' own figures")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every figure there")
    arguments = parser.parse_args()

    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    paths = [path for path in paths if not arguments.held_back or held_back(path)][: arguments.limit]
    if not paths:
        sys.exit(f"{arguments.folder} holds no such pictures")
    options: dict[str, Any] = {"threads": arguments.threads, "device": arguments.device}
    models, peers = ([name for name in text.split(",") if name] for text in (arguments.models, arguments.peers))
    entries = our_contenders(models, options) | peer_contenders(peers, arguments.threads)

    warm = read_picture(paths[0]).pixels
    for entry in entries.values():
        measure(entry, warm, 0.0, paths[0].name)

    raw: list[int] = []
    order = list(entries.values())
    for index, path in enumerate(paths):
        start = time.perf_counter()
        pixels = read_picture(path).pixels
        reading = time.perf_counter() - start
        raw.append(pixels.size)
        first = index % len(order)
        for entry in order[first:] + order[:first]:  # nobody always comes first
            size, encoding, decoding = measure(entry, pixels, reading, path.name)
            entry.sizes.append(size)
            entry.encode_seconds.append(encoding)
            entry.decode_seconds.append(decoding)
        for entry in order:
            if entry.model is not None and not arguments.no_likelihood:
                entry.likelihoods.append(codec.likelihood(pixels, model=entry.model, **options))
                entry.without_weights.append(codec.costs(pixels, model=entry.model, learned="none", **options).total)
        if sys.stderr.isatty():
            print(f"\r{index + 1} of {len(paths)}", end="\r", file=sys.stderr)

    print(f"{len(paths)} pictures, {sum(raw):,} subpixels, every one decoded to the same pixels.\n")
    print(table(order, raw) + "\n")
    for line in comparison(entries, raw):
        print(line)
    facts = environment(**options)
    print("\n" + ", ".join(f"{key} {value}" for key, value in facts.items()))
    if arguments.json:
        names = [path.relative_to(arguments.folder).as_posix() for path in paths]
        arguments.json.write_text(json.dumps(result(entries, names, raw, facts), indent=1) + "\n")


if __name__ == "__main__":
    main()
