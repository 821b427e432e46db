"""Frames of animations and pages through Pillow: whole pictures, all of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from idfcodec.errors import UnsupportedImage
from idfcodec.picture.checks import check_image, frame_count
from idfcodec.picture.picture import Frames, Picture
from idfcodec.types import Pixels

__all__ = ["as_image", "of_images", "palette_of", "plays", "read_frames", "saved_frames", "still"]

_MOST_DENOMINATOR = 65535  # of the seconds of a PNG's frames
_MIXED = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})


def still(image: Image.Image) -> Picture:
    """A loaded image of a mode that is coded, without its metadata."""
    if image.mode == "P":
        palette = palette_of(image)
        return Picture(np.asarray(image), palette=palette)
    return Picture(_samples(image), cmyk=image.mode == "CMYK")


def _samples(image: Image.Image) -> Pixels:
    samples: NDArray[Any] = np.asarray(image)
    return samples.astype(np.uint16) if image.mode.startswith("I;16") else samples


def palette_of(image: Image.Image) -> NDArray[np.uint8]:
    """The colours of a loaded image of mode P, (N, 3), or (N, 4) where one of them is said to be transparent."""
    colours = np.array(image.getpalette("RGB") or [0, 0, 0], np.uint8).reshape(-1, 3)
    transparency = image.info.get("transparency")
    if not isinstance(transparency, int | bytes):
        return colours
    count = transparency + 1 if isinstance(transparency, int) else len(transparency)
    alpha = np.full(max(len(colours), count), 255, np.uint8)
    if isinstance(transparency, int):
        alpha[transparency] = 0
    else:
        alpha[:count] = np.frombuffer(transparency, np.uint8)
    colours = np.concatenate((colours, np.zeros((len(alpha) - len(colours), 3), np.uint8)))
    return np.concatenate((colours, alpha[:, None]), axis=1)


def read_frames(image: Image.Image) -> Picture:
    """All frames of an image, as Pillow shows them, without metadata.

    Frames of several kinds become the one that holds all of them: RGB, with alpha where there is some.

    Raises:
        UnsupportedImage: pages that differ in size or kind.
    """
    images, durations = [], []
    for number in range(frame_count(image)):
        image.seek(number)
        image.load()
        check_image(image)
        images.append(image.copy())
        durations.append(Fraction(image.info.get("duration") or 0))
    if image.format == "TIFF":
        return of_images(images, (), None)
    picture = of_images(images, durations, plays(image))
    if image.format == "WEBP" and picture.channels == 4 and (picture.pixels[..., 3] == 255).all():
        # Pillow's reader always says that there is alpha
        return replace(picture, pixels=np.ascontiguousarray(picture.pixels[..., :3]))
    return picture


def of_images(images: Sequence[Image.Image], durations: Sequence[Fraction], loop: int | None) -> Picture:
    """Two or more loaded images as frames, or as pages where there are no durations; without metadata.

    Args:
        images: those of several kinds become the one that holds all of them, where they are no pages.
        durations: in milliseconds, kept to a 65,535th of a second.
        loop: see `Frames`.

    Raises:
        UnsupportedImage: pages that differ in size or kind.
        IDFError: a duration or the loop is negative, or too large.
    """
    if {one.size for one in images} != {images[0].size}:
        raise UnsupportedImage("its pages differ in size, which this release does not keep")
    pixels, palette = _together(images, pages=not durations)
    shown = [(one / 1000).limit_denominator(_MOST_DENOMINATOR) * 1000 for one in durations]
    frames = Frames(len(images), tuple(shown), loop)
    return Picture(pixels, palette=palette, cmyk=images[0].mode == "CMYK", frames=frames)


def plays(image: Image.Image) -> int:
    """How often an animation is shown, 0 for ever: a GIF says how often it is repeated, or nothing."""
    loop = image.info.get("loop")
    if image.format != "GIF":
        return int(loop or 0)
    return 1 if loop is None else int(loop) + 1 if loop else 0


def _together(images: Sequence[Image.Image], *, pages: bool) -> tuple[Pixels, NDArray[np.uint8] | None]:
    """The pixels of all frames, and their palette if they have one."""
    modes = {image.mode for image in images}
    palettes = [palette_of(image) for image in images] if modes == {"P"} else []
    if palettes and all(np.array_equal(palette, palettes[0]) for palette in palettes):
        return np.stack([np.asarray(image) for image in images]), palettes[0]
    if len(modes) == 1 and not palettes:
        return np.stack([_samples(image) for image in images]), None
    if pages or not modes <= _MIXED:
        raise UnsupportedImage("its pages differ in kind or palette, which this release does not keep")
    pixels = np.stack([np.asarray(image.convert("RGBA")) for image in images])
    return (np.ascontiguousarray(pixels[..., :3]) if (pixels[..., 3] == 255).all() else pixels), None


def as_image(pixels: Pixels, picture: Picture) -> Image.Image:
    """One frame of a picture as Pillow has it; 16 bits in one channel only."""
    size = (pixels.shape[1], pixels.shape[0])
    if pixels.dtype == np.bool_:
        return Image.frombytes("1", size, np.packbits(pixels, axis=1).tobytes())
    if picture.palette is not None:
        image = Image.frombytes("P", size, pixels.tobytes())
        image.putpalette(picture.palette[:, :3].tobytes())
        return image
    if pixels.dtype == np.uint16:
        return Image.frombytes("I;16", size, pixels.astype("<u2").tobytes())
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "CMYK" if picture.cmyk else "RGBA"}[picture.channels]
    return Image.frombytes(mode, size, pixels.tobytes())


def saved_frames(picture: Picture, kind: str) -> tuple[Image.Image, dict[str, Any]]:
    """The first frame, and Pillow's arguments for the others: for GIF, TIFF and WEBP, and PNG without frames."""
    options: dict[str, Any] = {}
    if picture.palette is not None and picture.palette.shape[1] == 4:
        options["transparency"] = picture.palette[:, 3].tobytes()
        if kind == "GIF":
            options["transparency"] = int(np.argmin(picture.palette[:, 3]))
    if picture.frames is None:
        return as_image(picture.pixels, picture), options
    images = [_for_gif(frame, picture) if kind == "GIF" else as_image(frame, picture) for frame in picture.pixels]
    options |= {"save_all": True, "append_images": images[1:]}
    if kind != "TIFF":
        options["duration"] = [int(one) for one in picture.frames.durations] or [0] * len(images)
        loop = picture.frames.loop or 0
        if kind == "WEBP":
            options |= {"loop": loop, "kmin": 0, "kmax": 1}  # frames that say nothing of those before
        elif loop != 1:
            options["loop"] = max(loop - 1, 0)
    return images[0], options


def _for_gif(pixels: Pixels, picture: Picture) -> Image.Image:
    """A frame with a palette of its own, where it has no more than 256 colours."""
    if picture.palette is not None or picture.channels not in (3, 4) or pixels.dtype != np.uint8:
        return as_image(pixels, picture)
    colours, numbers = np.unique(pixels.reshape(-1, picture.channels), axis=0, return_inverse=True)
    if len(colours) > 256:
        raise UnsupportedImage("a gif file holds frames of 256 colours, and one has more: png does")
    return as_image(
        numbers.reshape(pixels.shape[:2]).astype(np.uint8),
        Picture(np.zeros((1, 1), np.uint8), palette=np.ascontiguousarray(colours)),
    )
