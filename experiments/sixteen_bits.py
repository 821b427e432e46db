"""`python -m experiments.sixteen_bits DATA [MODEL]`: pictures of 16 bits, ours against JPEG XL effort 7, bytes.

DATA is the folder of the data sets. Drawn from four photographs: linear light and sRGB in 16 bits, halved in size with
noise below a step of the source, and a camera's 12 and 14 bits with shot noise; the rest are files of `mixed`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from idfcodec.codec import decode, encode
from idfcodec.format.container import unpack

Deep = NDArray[np.uint16]


def netpbm(path: Path) -> Deep:
    """The samples of a binary PGM, PPM or PAM of two bytes, as they are."""
    data = path.read_bytes()
    if data.startswith(b"P7"):
        head, samples = data.split(b"ENDHDR\n", 1)
        fields = dict(line.split(None, 1) for line in head.decode().splitlines()[1:])
        width, height, channels = (int(fields[name]) for name in ("WIDTH", "HEIGHT", "DEPTH"))
    else:
        head = b" ".join(line for line in data.split(b"\n")[:8] if not line.startswith(b"#"))
        width, height = map(int, head.split()[1:3])
        channels = 3 if data.startswith(b"P6") else 1
        samples = data[-2 * width * height * channels :]
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.frombuffer(samples, ">u2").reshape(shape).astype(np.uint16)


def linear_light(paths: list[Path]) -> NDArray[np.float64]:
    """Four photographs side by side, in linear light in [0, 1]."""
    rng = np.random.default_rng(5)
    parts = []
    for path in paths[:4]:
        x = np.asarray(Image.open(path).convert("RGB")).astype(np.float64) / 255
        x = np.clip(x + (rng.random(x.shape) - 0.5) / 255, 0, 1)
        x = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
        height, width = x.shape[0] // 2, x.shape[1] // 2
        parts.append(x[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3).mean((1, 3)))
    height, width = min(x.shape[0] for x in parts), min(x.shape[1] for x in parts)
    a, b, c, d = (x[:height, :width] for x in parts)
    return np.vstack([np.hstack([a, b]), np.hstack([c, d])])


def camera(light: NDArray[np.float64], bits: int) -> Deep:
    """What a sensor of 60,000 electrons says of it."""
    electrons = light * 48000
    noisy = electrons + np.random.default_rng(6).normal(0, 1, light.shape) * np.sqrt(electrons + 9)
    most = (1 << bits) - 1
    return np.clip(np.round(noisy / 60000 * most + 32), 0, most).astype(np.uint16)


def pictures(data: Path) -> Iterator[tuple[str, Deep]]:
    """Names and samples."""
    light = linear_light(sorted((data / "photo1mp").iterdir()))
    curve = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    linear = np.round(light * 65535).astype(np.uint16)
    yield "linear light", linear
    yield "sRGB", np.round(np.clip(curve, 0, 1) * 65535).astype(np.uint16)
    yield "camera, 12 bits", camera(light, 12)
    yield "camera, 14 bits << 2", camera(light, 14) << 2
    yield "linear light, green", np.ascontiguousarray(linear[..., 1])
    mixed = data / "mixed"
    for pattern in ("*.depth1[026].p?m", "*_16bit.pgm"):
        yield from ((path.name, netpbm(path)) for path in sorted(mixed.glob(pattern)))
    for pattern in ("pngsuite_*16.png", "julia_m51.tif"):
        for path in sorted(mixed.glob(pattern)):
            yield path.name, np.squeeze(imagecodecs.imread(str(path)))


def main(data: Path, model: str) -> None:
    """Prints the table."""
    sums: Any = np.zeros(2, np.int64)
    print(f"| picture | shape | mode | {model} | JPEG XL e7 | ratio |\n| --- | --- | --- | ---: | ---: | ---: |")
    for name, pixels in pictures(data):
        file = encode(pixels, model=model)
        if not np.array_equal(decode(file), pixels):
            raise SystemExit(f"{name} does not come back")
        sizes = len(file), len(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=7))
        sums += sizes
        shape = " x ".join(map(str, pixels.shape))
        print(f"| {name} | {shape} | {unpack(file).mode.name} | {sizes[0]} | {sizes[1]} | {sizes[0] / sizes[1]:.3f} |")
    print(f"| sum | | | {sums[0]} | {sums[1]} | {sums[0] / sums[1]:.4f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "photo")
