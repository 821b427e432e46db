"""Golden files: a recipe of the picture, what the default model makes of it, and the checksum of its pixels."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from idfcodec.models import BATCH_EFFORTS, EFFORTS
from idfcodec.picture.pillow import Picture
from tests.pictures import Pixels, generate

__all__ = [
    "BATCHES",
    "BATCH_FOLDER",
    "FOLDER",
    "RECIPES",
    "batch_pictures",
    "model_of",
    "picture",
    "pixel_digest",
    "read_recipe",
]

FOLDER = Path(__file__).resolve().parent / "golden"
BATCH_FOLDER = Path(__file__).resolve().parent / "golden_batches"
RECIPES: dict[str, dict[str, object]] = {
    "lattice-320x256": {"kind": "lattice", "width": 320, "height": 256, "seed": 1},
    "stretched-192x160": {"kind": "stretched", "width": 192, "height": 160, "seed": 14},
    "grainy-160x128": {"kind": "grainy", "width": 160, "height": 128, "seed": 9},
    "fast-96x64": {"kind": "lattice", "width": 96, "height": 64, "seed": 10, "effort": "fast"},
    "max-128x96": {"kind": "photo", "width": 128, "height": 96, "seed": 11, "effort": "max"},
    "lattice-96x64": {"kind": "lattice", "width": 96, "height": 64, "seed": 1},
    "photo-45x32": {"kind": "photo", "width": 45, "height": 32, "seed": 7},
    "colours-64x48": {"kind": "extremes", "width": 64, "height": 48, "seed": 12},
    "constant-30x20": {"kind": "constant", "width": 30, "height": 20, "seed": 13},
    "gray-33x17": {"kind": "gray", "width": 33, "height": 17, "seed": 2},
    "gray-as-rgb-20x21": {"kind": "gray_as_rgb", "width": 20, "height": 21, "seed": 3},
    "noise-16x16": {"kind": "noise", "width": 16, "height": 16, "seed": 4},
    "pixel-1x1": {"kind": "photo", "width": 1, "height": 1, "seed": 5},
    "two-tiles-513x9": {"kind": "gray", "width": 513, "height": 9, "seed": 6},
    "causal-41x30": {"kind": "photo", "width": 41, "height": 30, "seed": 15, "by": "thumbnail"},
    "metadata-8x6": {"kind": "photo", "width": 8, "height": 6, "seed": 8, "metadata": {"xmp": "<xmp/>", "icc": "icc"}},
}
"""What the golden files are made from; `metadata` is text for each kind of block, `by` a model instead of an effort,
and without both it is the default effort."""

BATCHES: dict[str, dict[str, object]] = {
    "thumbnails": {"kinds": ["photo", "gray", "gray_as_rgb", "noise", "extremes"], "width": 16, "height": 12},
    "photographs": {"kinds": ["photo", "lattice", "noise", "constant"], "width": 40, "height": 24, "effort": "fast"},
}
"""Of the golden batches: three pictures of each kind."""


def _stretched(width: int, height: int, seed: int) -> Pixels:
    """Three brightnesses in four, and the colour says which: what PhotoCD leaves in the pairs of G and R-G."""
    photo = generate("photo", width, height, seed).astype(int)
    luma, colour = photo[..., 1] * 3 // 4, photo[..., 0] // 8
    green = (4 * luma + colour % 3) // 3
    return np.stack((green + 3 * colour - 40, green, green - 2 * colour + 30), 2).clip(0, 255).astype(np.uint8)


def picture(recipe: dict[str, object]) -> Picture:
    """The picture of a recipe."""
    kind, width, height, seed = (recipe[key] for key in ("kind", "width", "height", "seed"))
    metadata = recipe.get("metadata", {})
    assert isinstance(kind, str)
    assert isinstance(width, int)
    assert isinstance(height, int)
    assert isinstance(seed, int)
    assert isinstance(metadata, dict)
    blocks = {name: text.encode() for name, text in metadata.items()}
    pixels = _stretched(width, height, seed) if kind == "stretched" else generate(kind, width, height, seed)
    return Picture(pixels, blocks)


def batch_pictures(recipe: dict[str, object]) -> list[Pixels]:
    """The pictures of a batch's recipe."""
    kinds, width, height = (recipe[key] for key in ("kinds", "width", "height"))
    assert isinstance(kinds, list)
    assert isinstance(width, int)
    assert isinstance(height, int)
    return [generate(kind, width, height, seed) for kind in kinds for seed in range(3)]


def model_of(recipe: dict[str, object], *, batch: bool = False) -> str:
    """The model with which a recipe's picture is encoded."""
    if "by" in recipe:
        return str(recipe["by"])
    return (BATCH_EFFORTS if batch else EFFORTS)[str(recipe.get("effort", "default"))]


def pixel_digest(pixels: Pixels) -> str:
    """SHA-256 of shape and samples."""
    return hashlib.sha256(json.dumps(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def read_recipe(name: str, folder: Path = FOLDER) -> dict[str, object]:
    """The recorded recipe of a golden file, with its `pixels` and `model`."""
    recipe: dict[str, object] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return recipe
