"""Pictures on the page: thumbnails of the greatest gains and losses, and heat maps of where the bits went."""

import base64
import io
from html import escape

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.views import Section

__all__ = ["cards", "heat_maps", "read_map"]

EXTREMES = 4  # pictures of the greatest gain, and as many of the least
PER_BIT = 8  # gray values of a map for one bit per pixel
COLOUR_MAP = "viridis"  # even steps of lightness, and fit for any colour vision
PERCENTILE = 99.5  # of the maps' pixels: above, the scale ends, so that a few do not darken all others

Map = NDArray[np.uint8]


def read_map(url: str) -> Map:
    """The gray values of a data URL, (H, W) uint8: bits per pixel times 8."""
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image.convert("L"))


def cards(section: Section) -> str:
    """Pictures on which our files gain most and least, with thumbnails where the result has them."""
    gains = list(section.gains().items())
    ours, reference = section.ours(), section.reference()
    if not gains or ours is None or reference is None:
        return ""
    count = min(EXTREMES, len(gains) // 2)
    last = "Loses most" if gains[-1][1] < 0 else "Gains least"
    ends = [("Gains most", gains[:count]), (last, gains[len(gains) - count :])] if count else [("", gains)]
    parts = [f"<h3>{escape(section.label(ours))} against {escape(section.label(reference))}: the extremes</h3>"]
    for words, entries in ends:
        figures = "".join(_card(section, picture, gain, ours, reference) for picture, gain in entries)
        parts.append(f'<p class="muted">{words}</p><div class="cards">{figures}</div>')
    return "".join(parts)


def _card(section: Section, picture: str, gain: float, ours: str, reference: str) -> str:
    return (
        f"<figure>{_thumbnail(section, picture)}<figcaption>{escape(picture)}<br><strong>{100 * gain:+.1f} %</strong>: "
        f"{section.bits(ours, picture):.3f} instead of {section.bits(reference, picture):.3f} bits per subpixel"
        "</figcaption></figure>"
    )


def _thumbnail(section: Section, picture: str) -> str:
    url = section.dataset.get("maps", {}).get(picture, {}).get("thumbnail", "")
    if not url.startswith("data:image/"):  # nothing is fetched from anywhere
        return ""
    return f'<img src="{escape(url)}" alt="{escape(picture)}">'


def heat_maps(section: Section) -> str:
    """Each picture that has maps, beside what its pixels cost; all maps of the section have one scale."""
    maps = {
        picture: {key: read_map(url) for key, url in entry["bits"].items() if key in section.contenders}
        for picture, entry in section.dataset.get("maps", {}).items()
    }
    maps = {picture: entry for picture, entry in maps.items() if entry}
    if not maps:
        return ""
    values = np.concatenate([gray.ravel() for entry in maps.values() for gray in entry.values()])
    top = max(1, int(np.ceil(np.percentile(values, PERCENTILE) / PER_BIT)))
    palette = _palette(top)
    rows = "".join(_maps_of(section, picture, entry, palette) for picture, entry in maps.items())
    return f"<h3>Where the bits are</h3>{_legend(top)}{rows}"


def _palette(top: int) -> NDArray[np.uint8]:
    """A colour for each gray value, (256, 3); the last one from `top` bits per pixel on."""
    positions = np.minimum(np.arange(256) / (PER_BIT * top), 1)
    return np.round(255 * matplotlib.colormaps[COLOUR_MAP](positions)[:, :3]).astype(np.uint8)


def _maps_of(section: Section, picture: str, entry: dict[str, Map], palette: NDArray[np.uint8]) -> str:
    figures = [f"<figure>{_thumbnail(section, picture)}<figcaption>{escape(picture)}</figcaption></figure>"]
    for key, gray in entry.items():
        bits = section.bits(key, picture)
        total = "" if bits is None else f": {bits:.3f} bits per subpixel"
        mean = gray.mean() / PER_BIT
        text = f"{escape(section.label(key))}{total}"
        figures.append(
            f'<figure><img src="{_coloured(gray, palette)}" alt="bits per pixel of {escape(picture)}, '
            f'{mean:.1f} on average"><figcaption>{text}</figcaption></figure>'
        )
    return f'<div class="maps">{"".join(figures)}</div>'


def _coloured(gray: Map, palette: NDArray[np.uint8]) -> str:
    """The map in colour, as the data URL of a PNG."""
    image = Image.fromarray(gray)
    image.putpalette(palette.tobytes())
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _legend(top: int) -> str:
    stops = matplotlib.colormaps[COLOUR_MAP](np.linspace(0, 1, 11))[:, :3]
    colours = ", ".join(f"rgb({r:.0f} {g:.0f} {b:.0f})" for r, g, b in 255 * stops)
    return (
        f'<div class="legend"><div class="ramp" style="background: linear-gradient(90deg, {colours})"></div>'
        f"<div><span>0</span><span>{top / 2:g}</span><span>{top} or more bits per pixel</span></div></div>"
    )
