"""Golden files: the recipe of a picture, the file that a model made of it, and the checksum of its pixels.

They stand for files that users have, so they are kept: `index.json` lists them with their checksums, and nothing in it
is ever changed or taken out. What an encoder does not write any more loses its line in `RECIPES`; its file stays, and
must decode for ever. `python -m tests.golden.add` adds the files of new recipes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from idfcodec.format.batch import VERSION as BATCH_VERSION
from idfcodec.format.container import VERSION
from idfcodec.models import BATCH_EFFORTS, EFFORTS
from idfcodec.picture.pillow import Picture
from tests.pictures import Pixels, generate

__all__ = [
    "BATCHES",
    "BATCH_FOLDER",
    "FOLDER",
    "INDEX",
    "RECIPES",
    "ROOT",
    "batch_pictures",
    "digest",
    "model_of",
    "picture",
    "pixel_digest",
    "read_index",
    "read_record",
    "recipe_in",
]

ROOT = Path(__file__).resolve().parent
INDEX = ROOT / "index.json"
FOLDER = ROOT / str(VERSION)
BATCH_FOLDER = ROOT / f"batch-{BATCH_VERSION}"
RECIPES: dict[str, dict[str, object]] = {
    "lattice-320x256": {"kind": "lattice", "width": 320, "height": 256, "seed": 1, "by": "idf"},
    "stretched-192x160": {"kind": "stretched", "width": 192, "height": 160, "seed": 14, "by": "idf"},
    "grainy-160x128": {"kind": "grainy", "width": 160, "height": 128, "seed": 9, "by": "idf"},
    "fast-96x64": {"kind": "lattice", "width": 96, "height": 64, "seed": 10, "by": "idf-fast"},
    "max-128x96": {"kind": "photo", "width": 128, "height": 96, "seed": 11, "by": "idf-max"},
    "lattice-96x64": {"kind": "lattice", "width": 96, "height": 64, "seed": 1, "by": "idf"},
    "photo-45x32": {"kind": "photo", "width": 45, "height": 32, "seed": 7, "by": "idf"},
    "colours-64x48": {"kind": "extremes", "width": 64, "height": 48, "seed": 12, "by": "idf"},
    "constant-30x20": {"kind": "constant", "width": 30, "height": 20, "seed": 13, "by": "idf"},
    "gray-33x17": {"kind": "gray", "width": 33, "height": 17, "seed": 2, "by": "idf"},
    "gray-as-rgb-20x21": {"kind": "gray_as_rgb", "width": 20, "height": 21, "seed": 3, "by": "idf"},
    "noise-16x16": {"kind": "noise", "width": 16, "height": 16, "seed": 4, "by": "idf"},
    "pixel-1x1": {"kind": "photo", "width": 1, "height": 1, "seed": 5, "by": "idf"},
    "two-tiles-513x9": {"kind": "gray", "width": 513, "height": 9, "seed": 6, "by": "idf"},
    "metadata-8x6": {
        "kind": "photo",
        "width": 8,
        "height": 6,
        "seed": 8,
        "by": "idf",
        "metadata": {"xmp": "<xmp/>", "icc": "icc"},
    },
}
"""The pictures that today's encoder makes these files of; `metadata` is text for each kind of block, `by` a model in
place of an effort, and without both it is the default effort."""

BATCHES: dict[str, dict[str, object]] = {
    "photographs": {"kinds": ["photo", "lattice", "noise", "constant"], "width": 40, "height": 24, "by": "idf-fast"},
}
"""The same for batches: three pictures of each kind."""


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


def digest(data: bytes) -> str:
    """SHA-256 of a file, as the index has it."""
    return hashlib.sha256(data).hexdigest()


def read_index() -> dict[str, str]:
    """The golden files by their paths below `ROOT`, with forward slashes, and their SHA-256."""
    index: dict[str, str] = json.loads(INDEX.read_text(encoding="utf-8"))
    return index


def read_record(file: Path) -> dict[str, object]:
    """What stands beside a golden file: its recipe, `model` (the id) and `pixels` (their digest, or a list of them)."""
    record: dict[str, object] = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    return record


def recipe_in(record: dict[str, object]) -> dict[str, object]:
    """The recipe alone."""
    return {key: value for key, value in record.items() if key not in ("model", "pixels")}
