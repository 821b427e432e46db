"""Kinds of picture: one row each says which planes stand for the samples, and how to get from one to the other.

A new kind is a row of `KINDS` and a number of `Mode`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile
from idfcodec.format.container import Mode, pixel_checksum
from idfcodec.format.payload import STORED
from idfcodec.picture.conversion import (
    CONVERSIONS,
    Conversion,
    detect,
    pack_exceptions,
    redo,
    undo,
    unpack_exceptions,
)
from idfcodec.types import Buffer, Pixels, Plane, Planes, PlaneType, Role

__all__ = ["FIRST_CONVERSION", "KINDS", "Kind", "kind_of"]

FIRST_CONVERSION = 16  # the modes of converted pictures are this and the number of their conversion


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Args:
        mode: its number in a file.
        channels: of the array, (H, W) for 1 and (H, W, channels) otherwise.
        depth: bits of a sample.
        groups: the types of the planes; the planes of a group are coded together, each given those before it.
        split: pixels to planes.
        join: planes to samples (h, w) or (h, w, C), not yet checked; one channel fills all of the picture's.
        distinct: of the channels, those that are stored and counted in the checksum: the others repeat them.
        conversion: what the picture was converted by, whose source planes are coded in place of `split`'s.
    """

    mode: Mode
    channels: int
    depth: int
    groups: tuple[tuple[PlaneType, ...], ...]
    split: Callable[[Pixels], list[Plane]]
    join: Callable[[Planes], NDArray[np.int32]]
    distinct: int
    conversion: Conversion | None = None

    @property
    def types(self) -> tuple[PlaneType, ...]:
        """Of all planes, in order."""
        return tuple(plane for group in self.groups for plane in group)

    def empty(self, height: int, width: int) -> Pixels:
        """An array for the pixels of such a picture."""
        return np.empty((height, width) if self.channels == 1 else (height, width, self.channels), np.uint8)

    def samples(self, pixels: Pixels) -> Pixels:
        """The distinct samples, (H, W) or (H, W, channels), contiguous."""
        repeats = self.channels > self.distinct == 1
        return np.ascontiguousarray(pixels[..., 0] if repeats else pixels)

    def checksum(self, pixels: Pixels) -> bytes:
        """What a file says of its pixels."""
        return pixel_checksum(self.mode, pixels.shape[1], pixels.shape[0], self.samples(pixels).data)

    def stored(self, pixels: Pixels) -> bytes:
        """The payload of samples that no model makes smaller."""
        return bytes([STORED]) + self.samples(pixels).tobytes()

    def write_stored(self, payload: Buffer, out: Pixels) -> None:
        """Writes to `out` what `stored` made.

        Raises:
            CorruptFile: it has another length.
        """
        height, width = out.shape[:2]
        if len(payload) != 1 + height * width * self.distinct:
            raise CorruptFile("a stored tile has the wrong length")
        self._fill(np.frombuffer(payload, np.uint8, offset=1).reshape(height, width, self.distinct), out)

    def planes(self, pixels: Pixels) -> tuple[Planes, bytes]:
        """What is coded of pixels: planes, and the exceptions of a conversion."""
        if self.conversion is None:
            return self.split(pixels), b""
        planes, exceptions = undo(pixels, self.conversion)
        return planes, pack_exceptions(exceptions)

    def write(self, planes: Planes, out: Pixels, patches: bytes = b"") -> None:
        """Writes to `out` the pixels that planes stand for.

        Raises:
            CorruptFile: they stand for none.
        """
        if self.conversion is not None:
            height, width = out.shape[:2]
            out[:] = redo(planes, self.conversion, unpack_exceptions(patches, height * width))
            return
        if patches:
            raise CorruptFile("a tile has exceptions, and the picture no conversion")
        samples = self.join(planes)
        if samples.size and (samples.min() < 0 or samples.max() >= 1 << self.depth):
            raise CorruptFile("a tile decodes to values outside of their range")
        self._fill(samples.astype(np.uint8), out)

    def _fill(self, samples: Pixels, out: Pixels) -> None:
        out[:] = samples[..., 0] if out.ndim == 2 else samples


def _green_and_differences(pixels: Pixels) -> list[Plane]:
    red, green, blue = (pixels[..., c].astype(np.int32) for c in range(3))
    return [green, red - green, blue - green]


def _rgb(planes: Sequence[Plane]) -> NDArray[np.int32]:
    green, red, blue = planes
    return np.stack((red + green, green, blue + green), 2)


def _one(pixels: Pixels) -> list[Plane]:
    return [np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[..., 0], np.int32)]


def _alone(planes: Sequence[Plane]) -> NDArray[np.int32]:
    return planes[0][..., None]


_LUMA = PlaneType(Role.LUMA)
_DIFFERENCE = PlaneType(Role.DIFFERENCE, -255, 255)
_GRAY, _RGB = ((_LUMA,),), ((_LUMA, _DIFFERENCE, _DIFFERENCE),)


def _converted(conversion: Conversion) -> Kind:
    roles = (Role.LUMA, Role.CHROMA, Role.CHROMA)
    types = tuple(map(PlaneType, roles, conversion.low, conversion.high))
    mode = Mode(FIRST_CONVERSION + conversion.number)
    return Kind(mode, 3, 8, (types,), _green_and_differences, _rgb, 3, conversion)


KINDS: Mapping[Mode, Kind] = {
    kind.mode: kind
    for kind in (
        Kind(Mode.GRAY, channels=1, depth=8, groups=_GRAY, split=_one, join=_alone, distinct=1),
        Kind(Mode.RGB, channels=3, depth=8, groups=_RGB, split=_green_and_differences, join=_rgb, distinct=3),
        Kind(Mode.GRAY_AS_RGB, channels=3, depth=8, groups=_GRAY, split=_one, join=_alone, distinct=1),
        *map(_converted, CONVERSIONS),
    )
}


def kind_of(pixels: Pixels, *, conversions: bool = False) -> Kind:
    """The kind that codes (H, W) or (H, W, 3) pixels best.

    Args:
        pixels: of the picture.
        conversions: whether what it was converted by may be undone.
    """
    if pixels.ndim == 2:
        return KINDS[Mode.GRAY]
    red, green, blue = (pixels[..., c] for c in range(3))
    gray = np.array_equal(red, green) and np.array_equal(green, blue)
    if gray:
        return KINDS[Mode.GRAY_AS_RGB]
    conversion = detect(pixels) if conversions else None
    return KINDS[Mode.RGB if conversion is None else Mode(FIRST_CONVERSION + conversion.number)]
