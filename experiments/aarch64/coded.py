"""What both processors run: pictures coded and decoded, a line of each file's checksum."""

from __future__ import annotations

import hashlib
import platform
import sys
import time
from typing import Any

import numpy as np

import idfcodec
from idfcodec.demo import draw
from idfcodec.types import Pixels

__all__: list[str] = []


def converted(pixels: Pixels) -> Pixels:
    """As JPEG makes them, chroma halved along both axes by means of its samples."""
    luma, *chroma = pixels.astype(np.int64).transpose(2, 0, 1)
    blue, red = (np.repeat(np.repeat(plane[::2, ::2] // 4 - 32, 2, 0), 2, 1) for plane in chroma)
    half = 1 << 15
    channels = (
        luma + ((91881 * red + half) >> 16),
        luma + ((-22554 * blue - 46802 * red + half) >> 16),
        luma + ((116130 * blue + half) >> 16),
    )
    return np.stack(channels, 2).clip(0, 255).astype(np.uint8)


def main() -> None:
    photo, wide = draw(24, 16), draw(96, 64)
    runs: dict[str, tuple[Pixels, dict[str, Any]]] = {
        "default": (photo, {"model": "photo"}),
        "fast": (photo, {"model": "photo-fast"}),
        "max": (photo, {"model": "photo-max"}),
        "16 bits": (photo.astype(np.uint16) * 251 + 7, {"model": "photo"}),
        "names": (photo // 64 * 80, {"effort": "fast"}),
        "converted": (converted(wide), {"model": "photo"}),
    }
    for name, (pixels, options) in runs.items():
        start = time.perf_counter()
        data = idfcodec.encode(pixels, threads=1, **options)
        assert np.array_equal(idfcodec.decode(data, threads=1), pixels)
        mode, seconds = idfcodec.read_info(data).mode, time.perf_counter() - start
        print(f"{platform.machine()}: {seconds:.1f} s", file=sys.stderr, flush=True)
        print(f"{name}: {mode.name}, {len(data)} bytes, {hashlib.sha256(data).hexdigest()[:16]}", flush=True)


if __name__ == "__main__":
    main()
