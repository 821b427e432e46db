"""Where a picture's bits went, and thumbnails: images that a run puts into its result, and the page shows."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.section import Section

__all__ = ["coloured_maps", "extremes", "heat_map", "read_map", "striking_pictures", "thumbnail"]

THUMBNAIL, MAP = 160, 480  # pixels on the longer side, at most
PER_BIT = 8  # gray values of a map for one bit per pixel
EXTREMES = 4  # pictures of the greatest gain on the page, and as many of the least
COLOUR_MAP = "viridis"  # even steps of lightness, and fit for any colour vision
PERCENTILE = 99.5  # of the maps' pixels: above, the scale ends, so that a few do not darken all others

Map = NDArray[np.uint8]


def thumbnail(pixels: NDArray[np.uint8]) -> str:
    """A small WebP of a picture, as a data URL."""
    image = Image.fromarray(pixels).convert("RGB")
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return _url(image, "WEBP", quality=80)


def heat_map(bits: NDArray[np.float32]) -> str:
    """(H, W) bits per pixel as a gray PNG, `PER_BIT` levels a bit, averaged to its size, as a data URL."""
    image = Image.fromarray(np.asarray(bits, np.float32))
    scale = min(1.0, MAP / max(image.size))
    size = tuple(max(1, round(side * scale)) for side in image.size)
    averaged = np.asarray(image.resize((size[0], size[1]), Image.Resampling.BOX))
    return _url(Image.fromarray(np.clip(np.rint(averaged * PER_BIT), 0, 255).astype(np.uint8)), "PNG", optimize=True)


def _url(image: Image.Image, kind: str, **options: Any) -> str:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def striking_pictures(measurements: dict[str, dict[str, Any]], ours: list[str], count: int) -> list[str]:
    """The pictures on which the first of our models gains and loses most against the strongest other codec.

    Args:
        measurements: by codec and picture, as in a result.
        ours: keys of our models, the first of which counts.
        count: how many pictures are wanted, half of them gains.

    Returns:
        Their names, from the greatest gain to the greatest loss. Without another codec the first pictures.
    """
    sizes = {
        key: {name: row["bytes"] for name, row in rows.items() if "error" not in row}
        for key, rows in measurements.items()
    }
    mine = next((sizes[key] for key in ours if sizes.get(key)), {})
    others = [theirs for key, theirs in sizes.items() if key not in ours and mine.keys() <= theirs.keys()]
    if not others:
        return list(mine)[:count]
    strongest = min(others, key=lambda theirs: sum(theirs[name] for name in mine))
    order = sorted(mine, key=lambda name: mine[name] / strongest[name])
    gains = order[: (count + 1) // 2]
    return gains + [name for name in order[len(order) - count // 2 :] if name not in gains]


def read_map(url: str) -> Map:
    """The gray values of a data URL, (H, W) uint8: bits per pixel times `PER_BIT`."""
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image.convert("L"))


def thumbnail_of(section: Section, picture: str) -> str:
    """The data URL that the result holds, "" if none; nothing is fetched from anywhere."""
    url = str(section.dataset.get("maps", {}).get(picture, {}).get("thumbnail", ""))
    return url if url.startswith("data:image/") else ""


def extremes(section: Section) -> list[tuple[str, list[dict[str, Any]]]]:
    """The pictures on which our files gain most and least against the reference, with words for both."""
    gains = section.gains()
    if section.ours is None or section.reference is None or not gains:
        return []
    ours, theirs = section.bits(section.ours), section.bits(section.reference)
    entries = [
        {"picture": picture, "thumbnail": thumbnail_of(section, picture), "gain": gain, "bits": ours[picture],
         "reference_bits": theirs[picture]}
        for picture, gain in gains.items()
    ]  # fmt: skip
    count = min(EXTREMES, len(entries) // 2)
    last = "Loses most" if min(gains.values()) < 0 else "Gains least"
    return [("Gains most", entries[:count]), (last, entries[-count:])] if count else [("", entries)]


def coloured_maps(section: Section) -> dict[str, Any] | None:
    """What the page shows of the heat maps, None without any; all maps of the section have one scale."""
    maps = {
        picture: {key: read_map(url) for key, url in entry["bits"].items() if key in section.codecs}
        for picture, entry in section.dataset.get("maps", {}).items()
    }
    values = [gray.ravel() for entry in maps.values() for gray in entry.values()]
    if not values:
        return None
    top = max(1, int(np.ceil(np.percentile(np.concatenate(values), PERCENTILE) / PER_BIT)))
    palette = _palette(np.minimum(np.arange(256) / (PER_BIT * top), 1))

    def shown(picture: str, key: str, gray: Map) -> dict[str, Any]:
        image = Image.fromarray(gray)
        image.putpalette(palette.tobytes())
        bits = section.bits(key).get(picture)
        mean = gray.mean() / PER_BIT
        return {"label": section.label(key), "url": _url(image, "PNG", optimize=True), "mean": mean, "bits": bits}

    pictures = [
        {"picture": picture, "thumbnail": thumbnail_of(section, picture),
         "maps": [shown(picture, key, gray) for key, gray in entry.items()]}
        for picture, entry in maps.items()
        if entry
    ]  # fmt: skip
    colours = [f"rgb({r} {g} {b})" for r, g, b in _palette(np.linspace(0, 1, 11))]
    return {"top": top, "colours": colours, "pictures": pictures}


def _palette(positions: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A colour for each position in [0, 1], (N, 3)."""
    from matplotlib import colormaps

    return np.round(255 * colormaps[COLOUR_MAP](positions)[:, :3]).astype(np.uint8)
