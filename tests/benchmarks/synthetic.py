"""A drawn result of a run, in the schema of `benchmarks/schema.json`: every number from a seed, nothing measured."""

import base64
import hashlib
import io
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["OURS", "result"]

# key: label, family, bits per subpixel, MB/s to encode, to decode
OURS = {
    "idfcodec-fast": ("idfcodec fast", 2.685, 3.70, 3.19),
    "idfcodec-default": ("idfcodec default", 2.402, 1.72, 2.08),
    "idfcodec-max": ("idfcodec max", 2.368, 1.01, 1.39),
}
PEERS = {
    "jxl-e1": ("JPEG XL effort 1", 3.255, 142.0, 160.0),
    "jxl-e3": ("JPEG XL effort 3", 3.042, 14.6, 25.1),
    "jxl-e7": ("JPEG XL effort 7", 2.902, 1.54, 16.5),
    "jxl-e9": ("JPEG XL effort 9", 2.885, 0.37, 16.7),
    "jxl-e10": ("JPEG XL effort 10", 2.865, 0.13, 16.0),
    "webp-m4": ("WebP lossless, method 4", 3.203, 3.98, 140.0),
    "webp-m6": ("WebP lossless, method 6, quality 100", 3.180, 0.29, 138.0),
    "png": ("PNG (Pillow, optimize)", 4.467, 4.61, 112.5),
    "png-oxipng": ("PNG (oxipng, level 4)", 4.360, 0.80, 114.0),
    "jpegls-rct": ("JPEG-LS, reversible colour transform", 3.214, 33.0, 36.0),
    "j2k-rct": ("JPEG 2000, reversible colour transform", 3.190, 9.4, 9.9),
    "qoi": ("QOI", 4.620, 210.0, 290.0),
}
CRASHED = {"avif": ("AVIF lossless, identity matrix", 3.630, 0.9, 20.0)}
MODELS = {"fast": 198_540, "default": 753_324, "max": 1_639_596}


def result(
    *,
    seed: int = 1,
    datasets: Mapping[str, str] | None = None,
    pictures: int = 9,
    models: Mapping[str, str] | None = None,
    maps: bool = True,
    batched: bool = False,
) -> dict[str, Any]:
    """Draws a result.

    Args:
        datasets: titles by name; one set "kodak" if left out.
        pictures: in each data set.
        models: the id of the model of each effort; those left out are made up.
        maps: whether there are thumbnails and heat maps.
        batched: whether our models coded each set into one file.

    One peer fails on every picture ("crashed"), one on the first alone, one did not run, and one file was skipped.
    """
    draw = random.Random(seed)
    made_up = {effort: hashlib.sha256(effort.encode()).hexdigest()[:16] for effort in MODELS}
    ids = {**made_up, **(models or {})}
    return {
        "format": "idfcodec-benchmark",
        "schema": 1,
        "created": "2026-01-31T12:00:00+00:00",
        "environment": {
            "processor": "Drawn by Hand 9000",
            "cores": 2,
            "memory_bytes": 8 << 30,
            "system": "Linux 6.1",
            "python": "3.11.7",
            "packages": {"idfcodec": "0.1.0", "torch": "2.13.0", "imagecodecs": "2026.3.6", "pillow": "13.0.0"},
            "libraries": {"jpegxl": "libjxl 0.11.2", "webp": "libwebp 1.6.0"},
        },
        "protocol": {"threads": 2, "device": "cpu", "warm_up": 1, "repeats": 3, "slow_seconds": 2.0},
        "contenders": _contenders(draw, ids),
        "datasets": {
            name: _dataset(draw, title, pictures, maps, batched)
            for name, title in (datasets or {"kodak": "Kodak, PhotoCD"}).items()
        },
    }


def _contenders(draw: random.Random, ids: Mapping[str, str]) -> dict[str, Any]:
    def entry(label: str, family: str, **facts: Any) -> dict[str, Any]:
        common = {"label": label, "family": family, "version": "1.0", "settings": "lossless", "threads": 2}
        memory = {
            "picture": "picture 01.png",
            "idle_bytes": 200 << 20,
            "encode_bytes": draw.randrange(210, 700) << 20,
            "decode_bytes": draw.randrange(210, 700) << 20,
        }
        return {**common, "status": "ran", "reason": "", "memory": memory, **facts}

    out = {}
    for key, (label, *_) in OURS.items():
        effort = key.removeprefix("idfcodec-")
        parameters = MODELS[effort]
        model = {"id": ids[effort], "name": f"photo-{effort}", "parameters": parameters}
        out[key] = entry(label, "idfcodec", model={**model, "mac_per_pixel": parameters * 0.106})
    out.update({key: entry(label, "peer") for key, (label, *_) in PEERS.items()})
    out["avif"] = entry(CRASHED["avif"][0], "peer", status="crashed", reason="picture 01.png: <avif> & said no")
    gone = {"status": "crashed", "reason": "exit status 139: segmentation fault", "threads": 1}
    out["gralic"] = entry("GraLIC", "command", **gone)
    absent = {"status": "not run", "reason": "flif is not on the PATH", "version": "", "threads": 1}
    out["flif"] = entry("FLIF", "command", **absent)
    for key in ("gralic", "flif"):
        del out[key]["memory"]
    return out


def _dataset(draw: random.Random, title: str, count: int, maps: bool, batched: bool) -> dict[str, Any]:
    names = [f"picture {index:02d}.png" for index in range(1, count + 1)]
    sizes = {name: draw.choice([(96, 64), (64, 96), (120, 80)]) for name in names}
    pictures: dict[str, dict[str, Any]] = {
        name: {
            "sha256": hashlib.sha256(f"{title} {name}".encode()).hexdigest(),
            "width": width,
            "height": height,
            "channels": 3,
            "subpixels": 3 * width * height,
            "read_seconds": 0.001,
        }
        for name, (width, height) in sizes.items()
    }
    hardness = {name: draw.uniform(0.75, 1.3) for name in names}
    measurements: dict[str, dict[str, Any]] = {}
    for key, (_, bits, encode, decode) in {**OURS, **PEERS, **CRASHED}.items():
        measurements[key] = {
            name: _measurement(draw, bits * hardness[name], encode, decode, pictures[name]["subpixels"], key in OURS)
            for name in names
        }
    measurements["avif"][names[0]] = {"error": "<avif> & said no"}
    measurements["gralic"] = {name: {"error": "exit status 139: segmentation fault"} for name in names}
    return {
        "title": title,
        "source": "drawn by a script",
        "kind": "folder",
        "batched": batched,
        "pictures": pictures,
        "skipped": [{"file": "torn.png", "reason": "image file is truncated"}],
        "measurements": measurements,
        "maps": {name: _map(draw, *sizes[name]) for name in (names[:5] if maps else [])},
    }


def _measurement(
    draw: random.Random, bits: float, encode: float, decode: float, subpixels: int, ours: bool
) -> dict[str, Any]:
    size = round(bits * draw.uniform(0.93, 1.08) * subpixels / 8)
    out: dict[str, Any] = {"bytes": size}
    for way, speed in (("encode", encode), ("decode", decode)):
        seconds = subpixels / speed / 1e6
        repeats = 1 if seconds > 0.1 else 3
        out[f"{way}_seconds"] = [seconds * draw.uniform(0.95, 1.15) for _ in range(repeats)]
    if ours:
        payload = size - 45
        likelihood = 8 * payload * draw.uniform(0.9985, 0.9998)
        out["payload_bytes"] = payload
        out["likelihood_bits"] = likelihood
    return out


def _map(draw: random.Random, width: int, height: int) -> dict[str, Any]:
    """A thumbnail of blobs, and where the bits of two models went."""
    y, x = np.mgrid[0:height, 0:width]
    phase = draw.uniform(0, 6)
    wave = np.sin(x / 9 + phase) * np.cos(y / 13 - phase)
    colour = np.stack([128 + 90 * wave, 128 + 80 * np.roll(wave, 9, 1), 110 + 60 * np.roll(wave, 5, 0)], axis=-1)
    grain = np.random.default_rng(round(phase * 1e6)).normal(0, 1, wave.shape)
    bits = np.clip(8 * (6 + 5 * np.abs(wave) + grain), 0, 255)
    return {
        "thumbnail": _data_url(colour.astype(np.uint8), "WEBP"),
        "bits": {
            "idfcodec-default": _data_url(bits.astype(np.uint8), "PNG"),
            "idfcodec-max": _data_url((0.97 * bits).astype(np.uint8), "PNG"),
        },
    }


def _data_url(pixels: Any, kind: str) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"
