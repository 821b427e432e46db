"""The codecs of a run: our own models, and those that people use through Pillow, pyoxipng and imagecodecs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import adapters as via
from benchmarks.adapters import Pixels, as_rgb, as_rgba
from benchmarks.models import describe_model, model_name
from benchmarks.results import BenchmarkError
from idfcodec import __version__
from idfcodec.errors import ModelError
from idfcodec.models import EFFORTS, find_model, load_model

__all__ = ["PRESETS", "Codec", "OurCodec", "Pixels", "library_codecs", "our_codecs", "shares"]

PRESETS = "presets"  # stands for every shipped preset where models are named
LOADED = 4  # models that stay in memory; more would be loaded again and again while the clock runs


@dataclass(frozen=True)
class Codec:
    """A codec that takes part.

    Attributes:
        key: its name in results.
        label: its name in tables.
        family: "idfcodec", "peer" or "command".
        version: of the library or program; "" if it is missing.
        settings: how it is run, in words.
        threads: how many it uses at most.
        encode: pixels to the bytes of a file.
        decode: those bytes to pixels.
        keeps_channels: whether gray comes back as gray and RGB as RGB; else both are compared as RGBA.
        missing: why it cannot be run; "" if it can.
    """

    key: str
    label: str
    family: str
    version: str
    settings: str
    threads: int
    encode: Callable[[Pixels], bytes]
    decode: Callable[[bytes], Pixels]
    keeps_channels: bool = True
    missing: str = ""

    def timed_encode(self, pixels: Pixels) -> tuple[bytes, float]:
        """The file's bytes and the seconds that making them took."""
        start = time.perf_counter()
        data = self.encode(pixels)
        return data, time.perf_counter() - start

    def timed_decode(self, data: bytes) -> tuple[Pixels, float]:
        """The pixels and the seconds that decoding took."""
        start = time.perf_counter()
        pixels = self.decode(data)
        return pixels, time.perf_counter() - start

    def matches(self, pixels: Pixels, again: Pixels) -> bool:
        """Whether `again`, which was decoded, is the picture that was encoded."""
        if self.keeps_channels:
            return np.array_equal(pixels, again)
        return np.array_equal(as_rgba(pixels), as_rgba(again))


@dataclass(frozen=True)
class OurCodec(Codec):
    """One of our models, which can do more than others.

    Attributes:
        folder: of the model.
        device: "cpu" or "cuda".
        asked: the model, or the effort, which leaves it to the codec whether a picture is coded by the model at all.
        facts: what `describe_model` says of it.
    """

    folder: Path = field(kw_only=True)
    device: str = "cpu"
    asked: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        return {"model": self.folder, "threads": self.threads, "device": self.device}

    def facts_of(self, data: bytes) -> dict[str, int]:
        """Of a file: its bytes without the container, and whether a conversion was undone, 1 or 0."""
        from idfcodec.cli.conversion import conversion_of
        from idfcodec.format.container import unpack

        payload = sum(len(tile) for tile in unpack(data).tiles)
        return {"payload_bytes": payload, "undone": int(conversion_of(data) is not None)}

    def code_length(self, pixels: Pixels) -> tuple[float, NDArray[np.float32]]:
        """The picture's bits by the model, and those of each pixel, (H, W)."""
        from idfcodec.code_length import code_length

        found = code_length(pixels, **{**self.options, **self.asked})
        return round(float(found.total), 2), np.asarray(found.pixels, np.float32)

    def encode_batch(self, pictures: Sequence[Pixels]) -> bytes:
        """All pictures as one file."""
        from idfcodec import encode_batch

        return bytes(encode_batch(list(pictures), **self.options))

    def decode_batch(self, data: bytes) -> list[Pixels]:
        """All pictures of a file, in order."""
        from idfcodec import decode_batch

        return list(decode_batch(data, **self.options))

    def batch_payloads(self, data: bytes) -> list[int]:
        """The bytes of each picture of a file without the container: its own, and its share of what all have."""
        from idfcodec.format.batch import unpack_batch

        batch = unpack_batch(data)
        lengths = [len(payload) for payload in batch.payloads]
        return shares(sum(lengths), lengths)

    def batch_code_lengths(self, pictures: Sequence[Pixels]) -> list[float]:
        """The bits of each picture of a batch by the model."""
        from idfcodec.code_length import batch_code_lengths

        return [round(float(bits), 2) for bits in batch_code_lengths(list(pictures), **self.options)]


def shares(total: int, parts: Sequence[int]) -> list[int]:
    """The parts, each with as much of the rest of `total` as another, to a byte; they add up to `total`."""
    over, left = divmod(total - sum(parts), len(parts))
    return [part + over + (index < left) for index, part in enumerate(parts)]


def our_codecs(names: Iterable[str], *, threads: int, device: str) -> list[OurCodec]:
    """Our models: names, ids or folders, or `PRESETS`. A preset that is not installed takes part as missing.

    Raises:
        BenchmarkError: another model cannot be found, two would have one key, or they are more than `LOADED`.
    """
    found: dict[str, OurCodec] = {}
    for name in names:
        entries = EFFORTS.items() if name == PRESETS else [("", name)]
        for effort, model in entries:
            codec = _ours(model, effort, threads, device)
            if codec.key in found and codec.folder != found[codec.key].folder:
                raise BenchmarkError(f"two models would be called {codec.key}")
            found[codec.key] = codec
    if len(found) > LOADED:
        raise BenchmarkError(f"{len(found)} models are more than the {LOADED} that are kept loaded at a time")
    return list(found.values())


def _ours(name: str, effort: str, threads: int, device: str) -> OurCodec:
    from idfcodec import codec

    try:
        folder, missing = find_model(name).resolve(), ""
        load_model(folder, device=device)
    except ModelError as ex:
        if not effort:
            raise BenchmarkError(f"{name}: {ex}") from ex
        folder, missing = Path(name), str(ex)
    called = model_name(folder)
    effort = effort or {model: effort for effort, model in EFFORTS.items()}.get(called, "")  # by its own name too
    settings = f"effort {effort}, model {called}" if effort else f"model {called}"
    called = effort or called
    asked: dict[str, Any] = {"model": None, "effort": effort} if effort else {"model": folder}
    return OurCodec(
        key=f"idfcodec-{called}",
        label=f"idfcodec {called}",
        family="idfcodec",
        version="" if missing else f"idfcodec {__version__}",
        settings=settings,
        threads=threads,
        encode=lambda pixels: codec.encode(pixels, **asked, threads=threads, device=device),
        decode=lambda data: codec.decode(data, model=asked["model"], threads=threads, device=device),
        missing=missing,
        folder=folder,
        device=device,
        asked=asked,
        facts={} if missing else describe_model(folder),
    )


def library_codecs(threads: int, key: str | None = None) -> list[Codec]:
    """Every codec of a library in the order of tables, or the one of that key.

    What has no library, or one built without the codec, says so in `missing`.
    """
    return [_peer(*words) for words in _libraries(threads) if key in (None, words[0])]


def _libraries(threads: int) -> Iterator[tuple[Any, ...]]:
    """The arguments of `_peer`: nothing is imported yet."""
    yield ("png", "PNG (Pillow, optimize)", "optimize", "PIL", via.plain(via.png_encode),
           via.decoder("png"))  # fmt: skip
    yield ("png-oxipng", "PNG (oxipng, level 4)", "level 4", "oxipng", partial(via.oxipng_encode, threads=threads),
           via.decoder("png"), threads, False)  # fmt: skip
    for method, quality, label in ((4, 75, "method 4"), (6, 100, "method 6, quality 100")):
        encode = partial(via.webp_encode, quality=quality, method=method, threads=threads)
        settings = f"lossless, method {method}, quality {quality}"
        yield (f"webp-m{method}", f"WebP lossless, {label}", settings, "imagecodecs.WEBP", encode, via.decoder("webp"),
               threads, False)  # fmt: skip
    for effort in (1, 3, 7, 9, 10):
        encode = via.encoder("jpegxl", lossless=True, effort=effort, numthreads=threads)
        yield (f"jxl-e{effort}", f"JPEG XL effort {effort}", f"lossless, effort {effort}", "imagecodecs.JPEGXL",
               encode, via.decoder("jpegxl", numthreads=threads), threads)  # fmt: skip
    yield ("jpegls-rct", "JPEG-LS, reversible colour transform", "G, R-G, B-G, not interleaved",
           "imagecodecs.JPEGLS", via.plain(via.jpegls_encode), via.jpegls_decode)  # fmt: skip
    yield ("j2k-rct", "JPEG 2000, reversible colour transform", "reversible 5/3 wavelet and colour transform",
           "imagecodecs.JPEG2K", via.plain(partial(via.jpeg2k_encode, threads=threads)),
           via.decoder("jpeg2k", numthreads=threads), threads)  # fmt: skip
    yield ("avif", "AVIF lossless, identity matrix", "quality 100, speed 6, 4:4:4, identity matrix",
           "imagecodecs.AVIF", via.plain(partial(via.avif_encode, threads=threads)),
           via.decoder("avif", numthreads=threads), threads)  # fmt: skip
    yield ("qoi", "QOI", "", "imagecodecs.QOI", via.plain(via.encoder("qoi", as_rgb)), via.decoder("qoi"), 1, False)
    for kind, level in (("deflate", 9), ("zstd", 19)):
        settings = f"{kind} level {level}, horizontal predictor, one strip"
        yield (f"tiff-{kind}", f"TIFF, {kind}", settings, "imagecodecs.TIFF",
               via.plain(partial(via.tiff_encode, compression=kind, level=level)), via.decoder("tiff"))  # fmt: skip


def _peer(
    key: str, label: str, settings: str, module: str, encode: Callable[[Pixels], bytes],
    decode: Callable[[bytes], Pixels], threads: int = 1, keeps_channels: bool = True,
) -> Codec:  # fmt: skip
    found, missing = _library(module)
    return Codec(key, label, "peer", found, settings, threads, encode, decode, keeps_channels, missing)


def _library(module: str) -> tuple[str, str]:
    """The version of what is behind a module, such as "PIL" or "imagecodecs.JPEGXL", and why it cannot be used."""
    package, _, codec = module.partition(".")
    try:
        library = import_module(package)
    except ImportError as ex:
        return "", f"{package} cannot be imported ({ex})"
    if not codec:
        name, distribution = {"PIL": ("Pillow", "pillow"), "oxipng": ("pyoxipng", "pyoxipng")}[package]
        return f"{name} {version(distribution)}", ""
    if not getattr(getattr(library, codec, None), "available", False):
        return "", f"this build of {package} has no {codec}"
    return str(getattr(library, f"{codec.lower()}_version")()), ""
