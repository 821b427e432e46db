"""Golden files: the recipe of a picture, the file that a model made of it, and the checksum of its pixels.

They stand for files that users have, so they are kept: `index.json` lists them with their checksums, and nothing in it
is ever changed or taken out. What an encoder does not write any more loses its line in `RECIPES`; its file stays, and
must decode for ever. `python -m tests.golden.add` adds the files of new recipes.
"""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.format.batch import VERSION as BATCH_VERSION
from idfcodec.format.container import VERSION, Mode
from idfcodec.format.metadata import Entry, pack_entries
from idfcodec.picture.colour import KINDS
from idfcodec.picture.conversion import LAYOUTS, Exceptions, numbered, redo
from idfcodec.picture.names import samples_of
from idfcodec.picture.picture import Frames, Picture
from idfcodec.types import PlaneType, Role
from tests.flow.categorical.screens import screen
from tests.picture.jpegs import decoded, jpeg
from tests.pictures import Pixels, generate

__all__ = [
    "BATCHES",
    "BATCH_FOLDER",
    "FOLDER",
    "INDEX",
    "PLANES",
    "PLANES_FOLDER",
    "RECIPES",
    "ROOT",
    "batch_pictures",
    "chosen",
    "digest",
    "drawn_in",
    "picture",
    "pixel_digest",
    "planes_of",
    "read_index",
    "read_record",
    "types_of",
]

ROOT = Path(__file__).resolve().parent
INDEX = ROOT / "index.json"
FOLDER = ROOT / str(VERSION)
BATCH_FOLDER = ROOT / f"batch-{BATCH_VERSION}"
PLANES_FOLDER = ROOT / "causal-1"  # payloads alone, for planes that files may have no kind of picture for
RECIPES: dict[str, dict[str, object]] = {
    "idf-photo-96x80": {"kind": "photo", "width": 96, "height": 80, "seed": 1, "by": "idf"},
    "idf-fast-96x64": {"kind": "photo", "width": 96, "height": 64, "seed": 10, "by": "idf-fast"},
    "idf-max-64x48": {"kind": "grainy", "width": 64, "height": 48, "seed": 11, "by": "idf-max"},
    "idf-extremes-64x48": {"kind": "extremes", "width": 64, "height": 48, "seed": 12, "by": "idf"},
    "idf-constant-30x20": {"kind": "constant", "width": 30, "height": 20, "seed": 13, "by": "idf"},
    "idf-gray-33x17": {"kind": "gray", "width": 33, "height": 17, "seed": 2, "by": "idf"},
    "idf-gray-as-rgb-20x21": {"kind": "gray_as_rgb", "width": 20, "height": 21, "seed": 3, "by": "idf"},
    "idf-noise-16x16": {"kind": "noise", "width": 16, "height": 16, "seed": 4, "by": "idf"},
    "idf-pixel-1x1": {"kind": "photo", "width": 1, "height": 1, "seed": 5, "by": "idf"},
    "idf-two-tiles-513x9": {"kind": "gray", "width": 513, "height": 9, "seed": 6, "by": "idf"},
    "causal-fast-64x48": {"kind": "photo", "width": 64, "height": 48, "seed": 21, "by": "photo-fast"},
    "causal-default-80x64": {"kind": "photo", "width": 80, "height": 64, "seed": 22, "by": "photo"},
    "causal-max-72x56": {"kind": "grainy", "width": 72, "height": 56, "seed": 23, "by": "photo-max"},
    "causal-thumbnail-33x31": {"kind": "photo", "width": 33, "height": 31, "seed": 24, "by": "thumbnail"},
    "causal-gray-45x32": {"kind": "gray", "width": 45, "height": 32, "seed": 25, "by": "photo"},
    "causal-gray-fast-31x50": {"kind": "gray", "width": 31, "height": 50, "seed": 26, "by": "photo-fast"},
    "causal-gray-max-50x31": {"kind": "gray", "width": 50, "height": 31, "seed": 27, "by": "photo-max"},
    "causal-gray-as-rgb-20x21": {"kind": "gray_as_rgb", "width": 20, "height": 21, "seed": 28, "by": "photo"},
    "causal-noise-16x16": {"kind": "noise", "width": 16, "height": 16, "seed": 29, "by": "photo"},
    "one-colour-30x20": {"kind": "constant", "width": 30, "height": 20, "seed": 30, "by": "photo"},
    "causal-pixel-1x1": {"kind": "photo", "width": 1, "height": 1, "seed": 31, "by": "photo"},
    "two-values-24x24": {"kind": "extremes", "width": 24, "height": 24, "seed": 32, "by": "photo"},
    "causal-two-tiles-520x7": {"kind": "photo", "width": 520, "height": 7, "seed": 33, "by": "photo"},
    "causal-turned-3x530": {"kind": "photo", "width": 3, "height": 530, "seed": 49, "by": "photo"},
    "causal-metadata-9x7": {
        "kind": "photo",
        "width": 9,
        "height": 7,
        "seed": 34,
        "by": "photo",
        "metadata": {"xmp": "<xmp/>", "exif": "II*"},
    },
    "causal-entries-8x7": {
        "kind": "photo",
        "width": 8,
        "height": 7,
        "seed": 49,
        "by": "photo",
        "metadata": {"iptc": "\x1c\x02\x05\0\x05Title", "photoshop": "8BIM", "comment": "a comment"},
        "entries": {
            "png": [
                ["49484452", 0, "00000008000000070802000000"],
                ["67414d41", 0, "0000b18f"],
                ["74455874", 0, "5469746c650061"],
                ["69545874", 2, "430000000063"],
            ],
            "tiff": [["0d010000", 2, "6e616d6500"], ["0e830000", 12, "000000000000e03f000000000000e03f"]],
            "jpeg": [["e0000000", 0, "4a46494600010101004800480000"], ["ec000000", 0, "4475636b79"]],
            "gif": [["ff000000", 0, "0b4f444453303031312e3001610000"]],
        },
    },
    "jfif-48x40": {"kind": "was 1", "width": 48, "height": 40, "seed": 35, "by": "photo"},
    "jfif-fast-40x33": {"kind": "was 1", "width": 40, "height": 33, "seed": 36, "by": "photo-fast"},
    "jfif-max-33x40": {"kind": "was 1", "width": 33, "height": 40, "seed": 37, "by": "photo-max"},
    "jfif-exceptions-64x40": {"kind": "nearly 1", "width": 64, "height": 40, "seed": 38, "by": "photo"},
    "photocd-48x40": {"kind": "was 2", "width": 48, "height": 40, "seed": 39, "by": "photo"},
    "photocd-exceptions-64x40": {"kind": "nearly 2", "width": 64, "height": 40, "seed": 40, "by": "photo"},
    "jfif-420-72x56": {"kind": "was 1 in 14", "width": 72, "height": 56, "seed": 50, "by": "photo"},
    "jfif-420-mirrored-exceptions-70x53": {
        "kind": "nearly 1 in 126",
        "width": 70,
        "height": 53,
        "seed": 51,
        "by": "photo",
    },
    "jfif-422-fast-65x50": {"kind": "was 1 in 42", "width": 65, "height": 50, "seed": 52, "by": "photo-fast"},
    "jfif-440-max-50x65": {"kind": "was 1 in 70", "width": 50, "height": 65, "seed": 53, "by": "photo-max"},
    "photocd-420-72x56": {"kind": "was 2 in 15", "width": 72, "height": 56, "seed": 54, "by": "photo"},
    "bt601-doubled-64x64": {"kind": "was 4 in 13", "width": 64, "height": 64, "seed": 55, "by": "photo"},
    "bt601-fine-48x40": {"kind": "was 5", "width": 48, "height": 40, "seed": 56, "by": "photo"},
    "bt709-48x40": {"kind": "was 6", "width": 48, "height": 40, "seed": 57, "by": "photo"},
    "bt709-fine-48x40": {"kind": "was 7", "width": 48, "height": 40, "seed": 58, "by": "photo"},
    "bt709-full-48x40": {"kind": "was 8", "width": 48, "height": 40, "seed": 59, "by": "photo"},
    "jfif-short-48x40": {"kind": "was 3", "width": 48, "height": 40, "seed": 41, "by": "photo"},
    "gray-alpha-31x24": {"kind": "mode 3", "width": 31, "height": 24, "seed": 42, "by": "photo"},
    "rgba-30x26": {"kind": "mode 4", "width": 30, "height": 26, "seed": 43, "by": "photo"},
    "gray-16-values-29x31": {"kind": "mode 32", "width": 29, "height": 31, "seed": 44, "by": "photo"},
    "rgb-16-values-28x27": {"kind": "mode 33", "width": 28, "height": 27, "seed": 45, "by": "photo-max"},
    "gray-as-rgb-16-values-27x20": {"kind": "mode 34", "width": 27, "height": 20, "seed": 46, "by": "photo"},
    "gray-alpha-16-26x22": {"kind": "mode 35", "width": 26, "height": 22, "seed": 47, "by": "photo"},
    "rgba-16-25x24": {"kind": "mode 36", "width": 25, "height": 24, "seed": 48, "by": "photo-fast"},
    "cmyk-27x22": {"kind": "mode 5", "width": 27, "height": 22, "seed": 49, "by": "photo"},
    "cmyk-16-23x21": {"kind": "mode 37", "width": 23, "height": 21, "seed": 50, "by": "photo-fast"},
    "bilevel-45x40": {"kind": "mode 6", "width": 45, "height": 40, "seed": 51, "by": "photo"},
    "palette-40x34": {"kind": "mode 7", "width": 40, "height": 34, "seed": 52, "by": "photo"},
    "palette-alpha-31x36": {"kind": "mode 7", "width": 31, "height": 36, "seed": 53, "by": "photo-fast", "alpha": True},
    "frames-520x9": {"kind": "photo", "width": 520, "height": 9, "seed": 54, "by": "photo-fast", "frames": 4},
    "pages-20x25": {"kind": "mode 6", "width": 20, "height": 25, "seed": 55, "by": "photo-fast", "pages": 3},
    "white-24x26": {"kind": "gray", "width": 24, "height": 26, "seed": 56, "by": "photo-fast", "white": 254},
    "learning-80x64": {"kind": "photo", "width": 80, "height": 64, "seed": 58, "by": "photo"},
    "learning-max-71x55": {"kind": "grainy", "width": 71, "height": 55, "seed": 59, "by": "photo-max"},
    "learning-jfif-420-72x56": {"kind": "was 1 in 14", "width": 72, "height": 56, "seed": 60, "by": "photo"},
    "stretched-apart-96x80": {"kind": "apart", "width": 96, "height": 80, "seed": 57, "by": "photo-fast"},
    "fitted-ramp-70x52": {"kind": "screen 1", "width": 70, "height": 52, "seed": 51, "effort": "default"},
    "fitted-gray-alpha-64x42": {"kind": "screen 2", "width": 64, "height": 42, "seed": 52, "effort": "max"},
    "fitted-rgb-96x66": {"kind": "screen 3", "width": 96, "height": 66, "seed": 53, "effort": "default"},
    "fitted-rgba-fast-80x72": {"kind": "screen 4", "width": 80, "height": 72, "seed": 54, "effort": "fast"},
    "fitted-gray-16-70x52": {"kind": "deep 2", "width": 70, "height": 52, "seed": 56, "effort": "default"},
    "fitted-few-90x62": {"kind": "few 3", "width": 90, "height": 62, "seed": 55, "effort": "max"},
    "jpeg-444-56x40": {"kind": "jpeg 80 4:4:4", "width": 56, "height": 40, "seed": 51, "by": None},
    "jpeg-422-45x33": {"kind": "jpeg 90 4:2:2", "width": 45, "height": 33, "seed": 52, "by": None},
    "jpeg-420-71x50": {"kind": "jpeg 75 4:2:0", "width": 71, "height": 50, "seed": 53, "by": None},
    "jpeg-gray-40x48": {"kind": "jpeg 85 gray", "width": 40, "height": 48, "seed": 54, "by": None},
    "was-jpeg-444-lattice-96x96": {"kind": "was jpeg 85 4:4:4", "width": 96, "height": 96, "seed": 55, "by": None},
    "was-jpeg-420-turns-112x96": {"kind": "was jpeg 90 4:2:0", "width": 112, "height": 96, "seed": 56, "by": None},
}
"""The pictures that today's encoder makes these files of; `metadata` is text for each kind of block, `entries` what
generic ones hold, `by` the model, or else the effort."""

BATCHES: dict[str, dict[str, object]] = {
    "idf-fast-40x24": {"kinds": ["photo", "lattice", "noise", "constant"], "width": 40, "height": 24, "by": "idf-fast"},
    "causal-fast-24x17": {"kinds": ["photo", "gray", "noise"], "width": 24, "height": 17, "by": "photo-fast"},
    "thumbnails-32x32": {
        "kinds": ["photo", "gray", "gray_as_rgb", "noise", "constant", "lattice"],
        "width": 32,
        "height": 32,
        "by": "thumbnail",
    },
    "converted-40x32": {
        "kinds": ["was 1", "was 1 of 14", "nearly 1", "was 2 of 15", "photo"],
        "width": 40,
        "height": 32,
        "conversion": True,
        "by": "thumbnail",
    },
}
"""The same for batches: three pictures of each kind; conversions are undone where it says so, the first did not."""

PLANES: dict[str, dict[str, object]] = {
    "gray-16-41x30": {"types": [["luma", 0, 65535]], "width": 41, "height": 30, "seed": 1, "by": "photo"},
    "gray-12-33x40": {"types": [["luma", 0, 4095]], "width": 33, "height": 40, "seed": 2, "by": "photo-fast"},
    "gray-alpha-16-29x22": {
        "types": [["luma", 0, 65535], ["alpha", 0, 65535]], "width": 29, "height": 22, "seed": 3, "by": "photo-max",
    },
    "rgb-12-38x27": {
        "types": [["luma", 0, 4095], ["difference", -4095, 4095], ["difference", -4095, 4095]],
        "width": 38, "height": 27, "seed": 4, "by": "photo-max",
    },
    "rgb-16-23x31": {
        "types": [["luma", 0, 65535], ["difference", -32768, 32767], ["difference", -32768, 32767]],
        "width": 23, "height": 31, "seed": 5, "by": "photo-fast",
    },
    "rgba-8-32x25": {
        "types": [["luma", 0, 255], ["difference", -255, 255], ["difference", -255, 255], ["alpha", 0, 255]],
        "width": 32, "height": 25, "seed": 6, "by": "photo",
    },
    "ycc-alpha-8-26x33": {
        "types": [["luma", 0, 255], ["chroma", -128, 127], ["chroma", -128, 127], ["alpha", 0, 255]],
        "width": 26, "height": 33, "seed": 7, "by": "photo-max",
    },
    "learning-16-39x33": {"types": [["luma", 0, 65535]], "width": 39, "height": 33, "seed": 9, "by": "photo"},
    "learning-rgba-8-41x30": {
        "types": [["luma", 0, 255], ["difference", -255, 255], ["difference", -255, 255], ["alpha", 0, 255]],
        "width": 41, "height": 30, "seed": 10, "by": "photo-max",
    },
    "independent-2-35x21": {
        "types": [["independent", 0, 65535], ["independent", 0, 1]], "width": 35, "height": 21, "seed": 8,
        "by": "thumbnail",
    },
}  # fmt: skip
"""The same for payloads of the causal family: a role, least and greatest value of each plane."""


def _converted(number: int, layout: int, width: int, height: int, seed: int, *, exceptions: bool) -> Pixels:
    """What conversion `number` makes of smooth planes, their chroma of a layout; with `exceptions`, every seventeenth
    green is one more (every 97th, of halved chroma)."""
    conversion = numbered(number)
    drawn = generate("photo", width, height, seed).astype(np.int32)
    rows, columns = LAYOUTS[layout].shape((height, width))
    coloured = generate("photo", columns, rows, seed).astype(np.int32) if layout else drawn
    luma = drawn[..., 0]
    chroma = [(coloured[..., c] - coloured[..., 0]) // 3 for c in (1, 2)]
    bounds = zip((luma, *chroma), conversion.low, conversion.high, strict=True)
    planes = [plane.clip(low, high) for plane, low, high in bounds]
    pixels = redo(planes, conversion, Exceptions(np.empty(0, np.int64), np.empty((0, 3), np.int16)), LAYOUTS[layout])
    if exceptions:
        green = pixels.reshape(-1, 3)[:: 97 if layout else 17, 1]
        green[:] = np.minimum(green, 254) + 1
    return pixels


def _drawn(kind: str, width: int, height: int, seed: int) -> Pixels:
    """What `generate` draws, or what a conversion makes of it."""
    if not kind.startswith(("was ", "nearly ")):
        return generate(kind, width, height, seed)
    number, layout = (*map(int, kind.split()[1::2]), 0)[:2]
    return _converted(number, layout, width, height, seed, exceptions=kind.startswith("nearly"))


def _apart(width: int, height: int, seed: int) -> Pixels:
    """Two thirds, half and all of the values of red, green and blue, over the whole range."""
    photo = generate("photo", width, height, seed).astype(int)
    return (photo * (170, 127, 255) // 255 * 255 // (170, 127, 255)).astype(np.uint8)


def _of_mode(mode: Mode, width: int, height: int, seed: int) -> NDArray[np.uint8 | np.uint16 | np.bool_]:
    """A drawn picture with as many channels and bits as the mode has; of 16 bits twelve are in use."""
    kind = KINDS[mode]
    drawn = np.dstack([generate("photo", width, height, seed + i) for i in range(2)])[..., : kind.channels]
    if mode is Mode.GRAY_AS_RGB_16:
        drawn[:] = drawn[..., :1]
    if mode is Mode.BILEVEL:
        return drawn[..., 0] > 127
    if mode is Mode.PALETTE:
        return np.ascontiguousarray(drawn[..., 0] // 16)
    if kind.depth == 8:
        return drawn
    wide: NDArray[np.uint16] = drawn.astype(np.uint16) * 16 + (drawn[..., ::-1] if kind.channels != 3 else drawn) % 16
    return wide[..., 0] if kind.channels == 1 else wide


def planes_of(recipe: dict[str, object]) -> list[NDArray[np.int32]]:
    """The planes of a recipe in `PLANES`: waves, edges and some noise, as the range of each has room for."""
    width, height, seed = (recipe[key] for key in ("width", "height", "seed"))
    assert isinstance(width, int)
    assert isinstance(height, int)
    assert isinstance(seed, int)
    y, x = np.mgrid[:height, :width].astype(np.int64)
    found = []
    for number, kind in enumerate(types_of(recipe)):
        span = kind.high - kind.low
        a, b = (x + seed) % 24 - 12, (y + 3 * seed + number) % 30 - 15
        wave = (abs(a) * 40 + b * b) * span // 800
        noise = ((x * 7919 + y * 104729 + seed) ** 2 // 64 % 32) * span // 1024
        edge = (x + 2 * y > width + 5 * number) * max(span // 3, 1)
        found.append(((wave + noise + edge) % (span + 1) + kind.low).astype(np.int32))
    return found


def types_of(recipe: dict[str, object]) -> tuple[PlaneType, ...]:
    """The types of a recipe in `PLANES`."""
    types = recipe["types"]
    assert isinstance(types, list)
    return tuple(PlaneType(Role(role), low, high) for role, low, high in types)


def picture(recipe: dict[str, object]) -> Picture:
    """The picture of a recipe."""
    kind, width, height, seed = (recipe[key] for key in ("kind", "width", "height", "seed"))
    metadata, entries = recipe.get("metadata", {}), recipe.get("entries", {})
    assert isinstance(kind, str)
    assert isinstance(width, int)
    assert isinstance(height, int)
    assert isinstance(seed, int)
    assert isinstance(metadata, dict)
    assert isinstance(entries, dict)
    blocks = {name: text.encode() for name, text in metadata.items()}
    for name, listed in entries.items():
        blocks[name] = pack_entries([Entry(bytes.fromhex(n), kind, bytes.fromhex(c)) for n, kind, c in listed])
    pixels: NDArray[np.uint8 | np.uint16 | np.bool_]
    if "jpeg " in kind:
        quality, sampling = kind.split()[-2:]
        file = jpeg(height, width, int(quality), sampling, seed=seed)
        pixels = decoded(file)
        if kind.startswith("was "):  # of which a crop is left
            return Picture(np.ascontiguousarray(pixels[3:-5, 9:-2]), blocks)
        return Picture(pixels, blocks, jpeg=file)
    if kind == "apart":
        pixels = _apart(width, height, seed)
    elif kind.startswith(("screen ", "few ", "deep ")):
        channels = int(kind[-1])
        names = screen(width, height, channels, seed)[0]
        if kind.startswith("few"):
            names[-(height // 4) :] = names[0, -1]
            names[: height // 6] = names[0, -1]
        found = samples_of(names, channels)
        pixels = np.ascontiguousarray(found[..., 0] if channels == 1 else found)
        if kind.startswith("deep"):  # pairs of bytes
            pixels = pixels.view("<u2")[..., 0].astype(np.uint16)
    elif kind.startswith("mode "):
        pixels = _of_mode(Mode(int(kind[5:])), width, height, seed)
    else:
        pixels = _drawn(kind, width, height, seed)
    pixels, frames = _frames(pixels, recipe)
    palette = np.arange(16 * (3 + ("alpha" in recipe)), dtype=np.uint8).reshape(16, -1) if kind == "mode 7" else None
    white = recipe.get("white")
    assert white is None or isinstance(white, int)
    return Picture(pixels, blocks, palette, kind in ("mode 5", "mode 37"), frames, white)


def _frames(
    pixels: NDArray[np.uint8 | np.uint16 | np.bool_], recipe: dict[str, object]
) -> tuple[NDArray[np.uint8 | np.uint16 | np.bool_], Frames | None]:
    """As many frames as a recipe says, whose left half moves by a row, or that many pages, which are all alike."""
    if isinstance(pages := recipe.get("pages"), int):
        return np.stack([pixels] * pages), Frames(pages)
    if not isinstance(count := recipe.get("frames"), int):
        return pixels, None
    found = np.stack([pixels] * count)
    half = pixels.shape[1] // 2
    for number in range(count):
        found[number, :, :half] = np.roll(pixels[:, :half], number // 2, 0)
    return found, Frames(count, tuple(Fraction(100 * number, 3) for number in range(count)), 2)


def batch_pictures(recipe: dict[str, object]) -> list[Pixels]:
    """The pictures of a batch's recipe."""
    kinds, width, height = (recipe[key] for key in ("kinds", "width", "height"))
    assert isinstance(kinds, list)
    assert isinstance(width, int)
    assert isinstance(height, int)
    return [_drawn(kind, width, height, seed) for kind in kinds for seed in range(3)]


def chosen(recipe: dict[str, object]) -> dict[str, Any]:
    """What a recipe has the encoder take: an effort, a model, or nothing."""
    if recipe.get("by", "") is None:
        return {}
    return {"effort": str(recipe["effort"])} if "effort" in recipe else {"model": str(recipe["by"])}


def pixel_digest(pixels: NDArray[np.generic]) -> str:
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


def drawn_in(recipe: dict[str, object]) -> dict[str, object]:
    """What a recipe, or a record, says of the pictures alone.

    Their model is the one whose id a record has: names of models and efforts may mean others by now.
    """
    return {key: value for key, value in recipe.items() if key not in ("by", "effort", "model", "pixels")}
