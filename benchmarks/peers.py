"""The codecs that people use, through Pillow, pyoxipng and imagecodecs: an adapter of a few lines each.

JPEG-LS has no colour transform of its own in imagecodecs, and its RGB figures without one mean nothing. It is given
the planes G, R - G + 128 and B - G + 128 (modulo 256, HP1 of the JPEG-LS extensions) one below the other as one tall
gray picture, which costs the same as three scans of a file that does not interleave, and less than one that does.
JPEG 2000 and AVIF bring theirs: the reversible colour transform, and the identity matrix (without which AVIF is not
lossless on RGB).

JPEG XL at effort 1 is not quite lossless in libjxl up to 0.11: https://github.com/libjxl/libjxl/issues/4287. A picture
that it spoils ends a run, as any other mismatch does.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.contenders import Contender, Pixels, as_rgb

__all__ = ["PEERS", "Peer", "hp1", "peer_contenders", "undo_hp1"]


@dataclass(frozen=True)
class Peer:
    """A codec of a library.

    Attributes:
        encode: pixels and threads to bytes.
        decode: bytes and threads to pixels.
        module: that it needs; one of imagecodecs is named after its class, as "imagecodecs.JPEGXL".
        threaded: whether it takes more than one thread.
        keeps_channels: see `Contender`.
    """

    key: str
    label: str
    settings: str
    encode: Callable[[Pixels, int], bytes]
    decode: Callable[[bytes, int], Pixels]
    module: str
    threaded: bool = False
    keeps_channels: bool = True


def _codecs() -> Any:
    import imagecodecs

    return imagecodecs


def _png_encode(pixels: Pixels, threads: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _png_decode(data: bytes, threads: int) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        # An optimiser stores few colours as a palette and few grays in fewer bits.
        return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))


def _oxipng_encode(pixels: Pixels, threads: int, *, level: int) -> bytes:
    os.environ.setdefault("RAYON_NUM_THREADS", str(threads))  # read when it is first used
    import oxipng

    kind = oxipng.ColorType.rgb() if pixels.ndim == 3 else oxipng.ColorType.grayscale()
    raw = oxipng.RawImage(pixels.tobytes(), pixels.shape[1], pixels.shape[0], color_type=kind)
    return bytes(raw.create_optimized_png(level=level))


def _webp_encode(pixels: Pixels, threads: int, *, method: int, quality: int) -> bytes:
    rgb = as_rgb(pixels)
    return bytes(_codecs().webp_encode(rgb, level=quality, lossless=True, method=method, numthreads=threads))


def _webp_decode(data: bytes, threads: int) -> Pixels:
    return np.asarray(_codecs().webp_decode(data))


def _jxl_encode(pixels: Pixels, threads: int, *, effort: int) -> bytes:
    return bytes(_codecs().jpegxl_encode(pixels, lossless=True, effort=effort, numthreads=threads))


def _jxl_decode(data: bytes, threads: int) -> Pixels:
    return np.asarray(_codecs().jpegxl_decode(data, numthreads=threads))


def hp1(pixels: Pixels) -> Pixels:
    """(H, W, 3) R, G, B to (3, H, W) G, R - G + 128, B - G + 128 modulo 256."""
    red, green, blue = (pixels[..., channel] for channel in range(3))
    half = np.uint8(128)
    return np.stack((green, red - green + half, blue - green + half))


def undo_hp1(planes: Pixels) -> Pixels:
    """The inverse of `hp1`."""
    green, red, blue = planes
    half = np.uint8(128)
    return np.stack((red + green - half, green, blue + green - half), axis=-1)


def _jpegls_encode(pixels: Pixels, threads: int) -> bytes:
    tall = pixels if pixels.ndim == 2 else hp1(pixels).reshape(-1, pixels.shape[1])
    # A file must say what it holds: one byte for the number of planes, which JPEG-LS has no place for.
    return bytes([1 if pixels.ndim == 2 else 3]) + bytes(_codecs().jpegls_encode(tall))


def _jpegls_decode(data: bytes, threads: int) -> Pixels:
    tall = np.asarray(_codecs().jpegls_decode(data[1:]))
    return tall if data[0] == 1 else undo_hp1(tall.reshape(3, -1, tall.shape[1]))


def _jpeg2k_encode(pixels: Pixels, threads: int) -> bytes:
    colour = pixels.ndim == 3
    return bytes(_codecs().jpeg2k_encode(pixels, level=0, reversible=True, mct=colour, numthreads=threads))


def _jpeg2k_decode(data: bytes, threads: int) -> Pixels:
    return np.asarray(_codecs().jpeg2k_decode(data, numthreads=threads))


def _avif_encode(pixels: Pixels, threads: int) -> bytes:
    kind = {"pixelformat": "444", "matrix": 0} if pixels.ndim == 3 else {"pixelformat": "400"}
    return bytes(_codecs().avif_encode(pixels, level=100, speed=6, numthreads=threads, **kind))


def _avif_decode(data: bytes, threads: int) -> Pixels:
    return np.asarray(_codecs().avif_decode(data, numthreads=threads))


def _qoi_encode(pixels: Pixels, threads: int) -> bytes:
    return bytes(_codecs().qoi_encode(as_rgb(pixels)))


def _qoi_decode(data: bytes, threads: int) -> Pixels:
    return np.asarray(_codecs().qoi_decode(data))


def _tiff_encode(pixels: Pixels, threads: int, *, compression: str, level: int) -> bytes:
    strips = {"rowsperstrip": len(pixels), "predictor": True}
    return bytes(_codecs().tiff_encode(pixels, level=level, compression=compression, **strips))


def _tiff_decode(data: bytes, threads: int) -> Pixels:
    return np.asarray(_codecs().tiff_decode(data))


def _jxl(effort: int) -> Peer:
    encode = partial(_jxl_encode, effort=effort)
    label, settings = f"JPEG XL effort {effort}", f"lossless, effort {effort}"
    return Peer(f"jxl-e{effort}", label, settings, encode, _jxl_decode, "imagecodecs.JPEGXL", threaded=True)


def _webp(method: int, quality: int) -> Peer:
    encode = partial(_webp_encode, method=method, quality=quality)
    label = f"WebP lossless, method {method}" + (f", quality {quality}" if quality != 75 else "")
    settings = f"lossless, method {method}, quality {quality}"
    module = "imagecodecs.WEBP"
    return Peer(f"webp-m{method}", label, settings, encode, _webp_decode, module, threaded=True, keeps_channels=False)


def _tiff(compression: str, level: int) -> Peer:
    encode = partial(_tiff_encode, compression=compression, level=level)
    settings = f"{compression} level {level}, horizontal predictor, one strip"
    return Peer(f"tiff-{compression}", f"TIFF, {compression}", settings, encode, _tiff_decode, "imagecodecs.TIFF")


PEERS = (
    Peer("png", "PNG (Pillow, optimize)", "optimize", _png_encode, _png_decode, "PIL"),
    Peer(
        "png-oxipng",
        "PNG (oxipng, level 4)",
        "level 4",
        partial(_oxipng_encode, level=4),
        _png_decode,
        "oxipng",
        threaded=True,
        keeps_channels=False,
    ),
    _webp(4, 75),
    _webp(6, 100),
    *map(_jxl, (1, 3, 7, 9, 10)),
    Peer(
        "jpegls-rct",
        "JPEG-LS, reversible colour transform",
        "G, R-G, B-G, not interleaved",
        _jpegls_encode,
        _jpegls_decode,
        "imagecodecs.JPEGLS",
    ),
    Peer(
        "j2k-rct",
        "JPEG 2000, reversible colour transform",
        "reversible 5/3 wavelet and colour transform",
        _jpeg2k_encode,
        _jpeg2k_decode,
        "imagecodecs.JPEG2K",
        threaded=True,
    ),
    Peer(
        "avif",
        "AVIF lossless, identity matrix",
        "quality 100, speed 6, 4:4:4, identity matrix",
        _avif_encode,
        _avif_decode,
        "imagecodecs.AVIF",
        threaded=True,
    ),
    Peer("qoi", "QOI", "", _qoi_encode, _qoi_decode, "imagecodecs.QOI", keeps_channels=False),
    _tiff("deflate", 9),
    _tiff("zstd", 19),
)
"""Every codec of a library, in the order of tables."""

_DISTRIBUTIONS = {"PIL": ("Pillow", "pillow"), "oxipng": ("pyoxipng", "pyoxipng")}


def peer_contenders(threads: int, key: str | None = None) -> list[Contender]:
    """All of `PEERS`, or the one of that key; what has no library, or one built without it, says so in `missing`."""
    return [_contender(peer, threads) for peer in PEERS if key in (None, peer.key)]


def _contender(peer: Peer, threads: int) -> Contender:
    count = threads if peer.threaded else 1
    found, missing = _find(peer.module)
    return Contender(
        key=peer.key,
        label=peer.label,
        family="peer",
        version=found,
        settings=peer.settings,
        threads=count,
        encode=lambda pixels: peer.encode(pixels, count),
        decode=lambda data: peer.decode(data, count),
        keeps_channels=peer.keeps_channels,
        missing=missing,
    )


def _find(module: str) -> tuple[str, str]:
    """The version of what is behind a module, and why it cannot be used."""
    package, _, codec = module.partition(".")
    try:
        library = import_module(package)
    except ImportError as ex:
        return "", f"{package} cannot be imported ({ex})"
    if not codec:
        name, distribution = _DISTRIBUTIONS[package]
        return f"{name} {version(distribution)}", ""
    if not getattr(getattr(library, codec, None), "available", False):
        return "", f"this build of {package} has no {codec}"
    return str(getattr(library, f"{codec.lower()}_version")()), ""
