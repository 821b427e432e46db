"""Images that go into a result: thumbnails, and where a picture's bits went."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.contenders import Pixels

__all__ = ["BITS", "heat_map", "striking_pictures", "thumbnail"]

THUMBNAIL, MAP = 160, 480  # pixels on the longer side, at most
BITS = 8  # gray levels of a map for one bit per pixel


def thumbnail(pixels: Pixels) -> str:
    """A small WebP of a picture, as a data URL."""
    image = Image.fromarray(pixels).convert("RGB")
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return _url(image, "WEBP", quality=80)


def heat_map(bits: NDArray[np.float32]) -> str:
    """(H, W) bits per pixel as a gray PNG in which `BITS` levels are a bit, averaged to its size, as a data URL."""
    image = Image.fromarray(np.asarray(bits, np.float32))
    scale = min(1.0, MAP / max(image.size))
    size = tuple(max(1, round(side * scale)) for side in image.size)
    averaged = np.asarray(image.resize((size[0], size[1]), Image.Resampling.BOX))
    return _url(Image.fromarray(np.clip(np.rint(averaged * BITS), 0, 255).astype(np.uint8)), "PNG", optimize=True)


def _url(image: Image.Image, kind: str, **options: Any) -> str:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def striking_pictures(measurements: dict[str, dict[str, Any]], ours: list[str], count: int) -> list[str]:
    """The pictures on which the first of our models gains and loses most against the strongest other codec.

    Args:
        measurements: by contender and picture, as SCHEMA.md has them.
        ours: keys of our models, the first of which counts.
        count: how many pictures are wanted, half of them gains.

    Returns:
        Their names, from the greatest gain to the greatest loss. Without another codec the first pictures.
    """
    first = next((key for key in ours if measurements.get(key)), None)
    if first is None:
        return []
    rows = {name: row["bytes"] for name, row in measurements[first].items() if "error" not in row}
    others = {
        key: {name: row["bytes"] for name, row in entries.items() if "error" not in row}
        for key, entries in measurements.items()
        if key not in ours
    }
    whole = {key: sizes for key, sizes in others.items() if rows and rows.keys() <= sizes.keys()}
    if not whole:
        return list(rows)[:count]
    strongest = min(whole.values(), key=lambda sizes: sum(sizes[name] for name in rows))
    order = sorted(rows, key=lambda name: rows[name] / strongest[name])
    gains = order[: (count + 1) // 2]
    return gains + [name for name in order[len(order) - count // 2 :] if name not in gains]
