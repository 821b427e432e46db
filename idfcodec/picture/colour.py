"""Kinds of picture: one row each says which planes stand for the samples, and how to get from one to the other.

A new kind is a row of `KINDS` and a number of `Mode`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile
from idfcodec.format.container import Mode, pixel_checksum
from idfcodec.format.payload import STORED
from idfcodec.picture.conversion import (
    CONVERSIONS,
    Conversion,
    detect,
    pack_source,
    redo,
    undo_best,
    unpack_layout,
    unpack_source,
)
from idfcodec.picture.depth import Scale, pack_scales, scale_of, unpack_scales
from idfcodec.types import Buffer, Pixels, Plane, Planes, PlaneType, Role, Shape

__all__ = ["FIRST_CONVERSION", "KINDS", "Kind", "kind_of"]

FIRST_CONVERSION = 16  # the modes of converted pictures are this and the number of their conversion
DEEP = 32  # the modes of pictures of 16 bits are this and the mode of the same picture with 8 bits


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Args:
        mode: its number in a file.
        channels: of the array, (H, W) for 1 and (H, W, channels) otherwise.
        depth: bits of a sample, 8 or 16.
        groups: the types of the planes; the planes of a group are coded together, each given those before it, and
            have samples of one scale.
        split: samples to planes.
        join: planes to samples (h, w, C), not yet checked; one channel fills all of the picture's.
        distinct: of the channels, those that are stored and counted in the checksum: the others repeat them.
        conversion: what the picture was converted by, whose source planes are coded in place of `split`'s.
    """

    mode: Mode
    channels: int
    depth: int
    groups: tuple[tuple[PlaneType, ...], ...]
    split: Callable[[NDArray[Any]], list[Plane]]
    join: Callable[[Planes], NDArray[np.int32]]
    distinct: int
    conversion: Conversion | None = None

    @property
    def types(self) -> tuple[PlaneType, ...]:
        """Of all planes, in order, where samples use all their bits."""
        return tuple(plane for group in self.groups for plane in group)

    @property
    def common(self) -> bool:
        """Whether it is 8-bit gray or RGB as they are, which every family codes."""
        return self.depth == 8 and len(self.groups) == 1 and self.conversion is None

    def empty(self, height: int, width: int) -> Pixels:
        """An array for the pixels of such a picture."""
        shape = (height, width) if self.channels == 1 else (height, width, self.channels)
        return np.empty(shape, np.uint8 if self.depth == 8 else np.uint16)

    def samples(self, pixels: Pixels) -> Pixels:
        """The distinct samples, (H, W) or (H, W, channels), contiguous and little-endian."""
        repeats = self.channels > self.distinct == 1
        return np.ascontiguousarray(pixels[..., 0] if repeats else pixels, self._stored)

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
        if len(payload) != 1 + height * width * self.distinct * self._stored.itemsize:
            raise CorruptFile("a stored tile has the wrong length")
        self.write_samples(np.frombuffer(payload, self._stored, offset=1).reshape(height, width, self.distinct), out)

    def planes(self, pixels: Pixels) -> tuple[Planes, bytes]:
        """What is coded of pixels: planes, and what else a reader needs: exceptions of a conversion, or scales."""
        if self.conversion is not None:
            source = undo_best(pixels.astype(np.uint8, copy=False), self.conversion)
            if source is None:
                return self.split(pixels), pack_source(None)
            planes, exceptions, layout = source
            return planes, pack_source(layout, exceptions)
        if self.depth == 8:
            return self.split(pixels), b""
        parts = self._parts(pixels if pixels.ndim == 3 else pixels[..., None])
        scales = [scale_of(part) for part in parts]
        if all(scale.bits == self.depth for scale in scales):
            return self.split(pixels), b""
        values = [scale.values(part) for scale, part in zip(scales, parts, strict=True)]
        return self.split(np.concatenate(values, axis=2)), pack_scales(scales)

    def types_with(self, extra: bytes) -> tuple[PlaneType, ...]:
        """The types of all planes, given what else a reader needs.

        Raises:
            CorruptFile: that cannot be of such a picture.
        """
        if self.conversion is not None:
            layout = unpack_layout(extra)
            if layout is None:
                return KINDS[Mode.RGB].types
            return (self.types[0], *(replace(plane, grid=layout.grid()) for plane in self.types[1:]))
        if self.depth == 8:
            return self.types
        return tuple(
            PlaneType(plane.role, -scale.most if plane.low else 0, scale.most)
            for scale, group in zip(self._scales(extra), self.groups, strict=True)
            for plane in group
        )

    def shapes_with(self, extra: bytes, shape: Shape) -> list[Shape]:
        """The shapes of all planes of a picture of a shape, given what else a reader needs.

        Raises:
            CorruptFile: that cannot be of such a picture.
        """
        layout = None if self.conversion is None else unpack_layout(extra)
        if layout is None:
            return [shape] * len(self.types)
        return [shape, *[layout.shape(shape)] * 2]

    def write(self, planes: Planes, out: Pixels, extra: bytes = b"") -> None:
        """Writes to `out` the pixels that planes stand for.

        Raises:
            CorruptFile: they stand for none.
        """
        if self.conversion is not None:
            height, width = out.shape[:2]
            layout, exceptions = unpack_source(extra, height * width)
            if layout is not None:
                out[:] = redo(planes, self.conversion, exceptions, layout)
                return
            extra = b""
        parts = []
        for scale, values in zip(self._scales(extra), self._parts(self.join(planes)), strict=True):
            if values.size and (values.min() < 0 or values.max() > scale.most):
                raise CorruptFile("a tile decodes to values outside of their range")
            parts.append(scale.samples(values).astype(out.dtype))
        self.write_samples(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2), out)

    @property
    def _stored(self) -> np.dtype[Any]:
        return np.dtype(f"<u{self.depth // 8}")

    def _parts(self, samples: NDArray[Any]) -> list[NDArray[Any]]:
        """The channels (h, w, c) of each group: colours, and alpha where there is one."""
        return [samples] if len(self.groups) == 1 else [samples[..., :-1], samples[..., -1:]]

    def _scales(self, extra: bytes) -> list[Scale]:
        """Of the samples of each group."""
        if not extra:
            return [Scale(self.depth, self.depth)] * len(self.groups)
        if self.depth == 8:
            raise CorruptFile("a tile has exceptions or scales, and the picture neither")
        return unpack_scales(extra, len(self.groups))

    def write_samples(self, samples: Pixels, out: Pixels) -> None:
        """Writes to `out` (h, w, distinct) samples."""
        out[:] = samples[..., 0] if out.ndim == 2 else samples


def _green_and_differences(pixels: NDArray[Any]) -> list[Plane]:
    red, green, blue = (pixels[..., c].astype(np.int32) for c in range(3))
    return [green, red - green, blue - green]


def _rgb(planes: Sequence[Plane]) -> NDArray[np.int32]:
    green, red, blue = planes
    return np.stack((red + green, green, blue + green), 2)


def _one(pixels: NDArray[Any]) -> list[Plane]:
    return [np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[..., 0], np.int32)]


def _alone(planes: Sequence[Plane]) -> NDArray[np.int32]:
    return planes[0][..., None]


def _one_and_alpha(pixels: NDArray[Any]) -> list[Plane]:
    return [*_one(pixels[..., 0]), *_one(pixels[..., 1])]


def _rgb_and_alpha(pixels: NDArray[Any]) -> list[Plane]:
    return [*_green_and_differences(pixels[..., :3]), *_one(pixels[..., 3])]


def _rgba(planes: Sequence[Plane]) -> NDArray[np.int32]:
    return np.concatenate((_rgb(planes[:3]), planes[3][..., None]), 2)


def _stack(planes: Sequence[Plane]) -> NDArray[np.int32]:
    return np.stack(planes, 2)


def _kinds(depth: int) -> list[Kind]:
    most = (1 << depth) - 1
    gray = (PlaneType(Role.LUMA, 0, most),)
    rgb = (*gray, *[PlaneType(Role.DIFFERENCE, -most, most)] * 2)
    alpha = (PlaneType(Role.ALPHA, 0, most),)
    first = DEEP if depth > 8 else 0
    return [
        Kind(Mode(first + mode), channels, depth, groups, split, join, distinct)
        for mode, channels, groups, split, join, distinct in (
            (Mode.GRAY, 1, (gray,), _one, _alone, 1),
            (Mode.RGB, 3, (rgb,), _green_and_differences, _rgb, 3),
            (Mode.GRAY_AS_RGB, 3, (gray,), _one, _alone, 1),
            (Mode.GRAY_ALPHA, 2, (gray, alpha), _one_and_alpha, _stack, 2),
            (Mode.RGBA, 4, (rgb, alpha), _rgb_and_alpha, _rgba, 4),
        )
    ]


def _converted(conversion: Conversion) -> Kind:
    roles = (Role.LUMA, Role.CHROMA, Role.CHROMA)
    types = tuple(map(PlaneType, roles, conversion.low, conversion.high))
    mode = Mode(FIRST_CONVERSION + conversion.number)
    return Kind(mode, 3, 8, (types,), _green_and_differences, _rgb, 3, conversion)


KINDS: Mapping[Mode, Kind] = {kind.mode: kind for kind in (*_kinds(8), *map(_converted, CONVERSIONS), *_kinds(16))}


def kind_of(pixels: Pixels, *, conversions: bool = False) -> Kind:
    """The kind that codes (H, W) or (H, W, C) pixels best.

    Args:
        pixels: of the picture.
        conversions: whether what it was converted by may be undone.
    """
    first = DEEP if pixels.dtype == np.uint16 else 0
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if channels != 3:
        return KINDS[Mode(first + {1: Mode.GRAY, 2: Mode.GRAY_ALPHA, 4: Mode.RGBA}[channels])]
    red, green, blue = (pixels[..., c] for c in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return KINDS[Mode(first + Mode.GRAY_AS_RGB)]
    conversion = detect(pixels.astype(np.uint8, copy=False)) if conversions and not first else None
    return KINDS[Mode(first + Mode.RGB) if conversion is None else Mode(FIRST_CONVERSION + conversion.number)]
