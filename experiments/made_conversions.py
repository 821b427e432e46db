"""`python -m experiments.made_conversions DATA [MODEL]`: decoded JPEGs of known truth, ours against JPEG XL effort 10.

DATA is the folder of the data sets. 24 held-back photographs go through Pillow's JPEG at qualities 75 to 98, with
chroma 4:4:4, 4:2:2 and 4:2:0, and are decoded; three in four are then cropped by an odd offset, mirrored or rotated.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from idfcodec.cli.conversion import conversion_of
from idfcodec.codec import decode, encode
from idfcodec.training.data import held_back

Pixels = NDArray[np.uint8]
COUNT = 24
QUALITIES = (75, 80, 85, 90, 92, 95, 96, 98)
CHROMA = ("4:4:4", "4:2:2", "4:2:0")
CHANGES = ("as it is", "cropped", "mirrored", "rotated")
_TURNED = {"4:2:2": "4:4:0"}


def changed(pixels: Pixels, change: str) -> Pixels:
    """What became of a decoded JPEG."""
    if change == "cropped":
        pixels = pixels[3:, 5:]
    elif change == "mirrored":
        pixels = pixels[:, ::-1]
    elif change == "rotated":
        pixels = np.rot90(pixels)
    return np.ascontiguousarray(pixels)


def pictures(data: Path) -> Iterator[tuple[str, str, Pixels]]:
    """Name, what was made of it, what the chroma is, and the pixels."""
    paths = [p for p in sorted((data / "train").rglob("*")) if p.suffix in (".png", ".webp") and held_back(p)]
    for number, path in enumerate(paths[:COUNT]):
        quality, subsampling = QUALITIES[number % len(QUALITIES)], number % len(CHROMA)
        change = CHANGES[number // 2 % len(CHANGES)]
        stream = io.BytesIO()
        Image.open(path).convert("RGB").save(stream, "JPEG", quality=quality, subsampling=subsampling)
        chroma = CHROMA[subsampling]
        if change == "rotated":
            chroma = _TURNED.get(chroma, chroma)
        pixels = changed(np.asarray(Image.open(stream).convert("RGB")), change)
        yield f"{path.name}, quality {quality}, {change}", chroma, pixels


def main(data: Path, model: str) -> None:
    """Prints the table."""
    sizes, right = np.zeros(2, np.int64), 0
    print(f"| picture | chroma | found | {model} | JPEG XL e10 | ratio |\n| --- | --- | --- | ---: | ---: | ---: |")
    for name, chroma, pixels in pictures(data):
        file = encode(pixels, model=model)
        if not np.array_equal(decode(file), pixels):
            raise SystemExit(f"{name} does not come back")
        both = np.array([len(file), len(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=10))])
        sizes += both
        found = conversion_of(file) or "none"
        right += found == ("JFIF YCbCr" if chroma == "4:4:4" else f"JFIF YCbCr {chroma}")
        print(f"| {name} | {chroma} | {found} | {both[0]} | {both[1]} | {both[0] / both[1]:.3f} |", flush=True)
    print(f"| sum | | {right} of {COUNT} right | {sizes[0]} | {sizes[1]} | {sizes[0] / sizes[1]:.4f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "photo")
