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
from idfcodec.picture import splitting
from idfcodec.picture.conversion import (
    CONVERSIONS,
    Conversion,
    Layout,
    detect,
    pack_source,
    redo,
    undo_best,
    unpack_layout,
    unpack_source,
)
from idfcodec.picture.depth import DEPTH, Scale, pack_scales, unpack_scales
from idfcodec.picture.names import names_of, samples_of
from idfcodec.picture.values import Table, Values, pack_values, unpack_values, values_of
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
        depth: bits of a sample: 1, 8 or 16.
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
        return self.mode in (Mode.GRAY, Mode.RGB, Mode.GRAY_AS_RGB)

    @property
    def plain(self) -> Kind:
        """The same without undoing a conversion."""
        return self if self.conversion is None else KINDS[Mode.RGB]

    @property
    def parts(self) -> int:
        """Bytes of a pixel's distinct samples: the channels of its name, where it has one."""
        return self.distinct * self._stored.itemsize

    @property
    def named(self) -> bool:
        """Whether `names` gives each pixel's colour as one number."""
        return self.parts <= 4 and self.conversion is None

    def names(self, pixels: Pixels) -> NDArray[np.uint32]:
        """Each pixel as one number (H, W): byte c of the distinct samples, lower ones first, at bits 8 c."""
        samples = self.samples(pixels)
        names: NDArray[np.uint32] = names_of(samples.view(np.uint8).reshape(*samples.shape[:2], self.parts))[0]
        return names

    def write_names(self, names: NDArray[np.uint32], out: Pixels) -> None:
        """Writes to `out` what `names` made.

        Raises:
            CorruptFile: a number is that of no colour.
        """
        bits = 8 * self.parts if self.depth > 1 else 1
        if bits < 32 and names.size and int(names.max()) >> bits:
            raise CorruptFile("a tile decodes to colours outside of their range")
        samples = np.ascontiguousarray(samples_of(names, self.parts))
        self.write_samples(samples.view(self._stored), out)

    def empty(self, height: int, width: int) -> Pixels:
        """An array for the pixels of such a picture."""
        shape = (height, width) if self.channels == 1 else (height, width, self.channels)
        return np.empty(shape, {1: np.bool_, 8: np.uint8, 16: np.uint16}[self.depth])

    def samples(self, pixels: Pixels) -> Pixels:
        """The distinct samples, (H, W) or (H, W, channels), contiguous and little-endian."""
        repeats = self.channels > self.distinct == 1
        return np.ascontiguousarray(pixels[..., 0] if repeats else pixels, self._stored)

    def checksum(self, pixels: Pixels) -> bytes:
        """What a file says of its pixels."""
        return pixel_checksum(self.mode, pixels.shape[1], pixels.shape[0], self.samples(pixels).data)

    def stored(self, pixels: Pixels) -> bytes:
        """The payload of samples that no model makes smaller."""
        samples = self.samples(pixels)
        return bytes([STORED]) + (np.packbits(samples) if self.depth == 1 else samples).tobytes()

    def write_stored(self, payload: Buffer, out: Pixels) -> None:
        """Writes to `out` what `stored` made.

        Raises:
            CorruptFile: it has another length.
        """
        shape = (*out.shape[:2], self.distinct)
        count = int(np.prod(shape))
        if len(payload) != 1 + (-(-count // 8) if self.depth == 1 else count * self._stored.itemsize):
            raise CorruptFile("a stored tile has the wrong length")
        samples = np.frombuffer(payload, self._stored, offset=1)
        if self.depth == 1:
            bits = np.unpackbits(samples)
            if bits[count:].any():
                raise CorruptFile("a stored tile has bits after its last sample")
            samples = bits[:count]
        self.write_samples(samples.reshape(shape), out)

    def planes(self, pixels: Pixels, *, values: bool = True, layouts: Sequence[Layout] = ()) -> tuple[Planes, bytes]:
        """What is coded of pixels: planes, and what else a reader needs.

        Args:
            pixels: of a tile.
            values: look for the values that occur, so that no others are paid for; planes of one value are left out.
            layouts: of the chroma of pictures like it, see `undo_best`.
        """
        if self.conversion is not None:
            source = undo_best(pixels.astype(np.uint8, copy=False), self.conversion, layouts)
            if source is None:
                return self.split(pixels), pack_source(None)
            planes, exceptions, layout = source
            return planes, pack_source(layout, exceptions)
        samples = self.samples(pixels).reshape(*pixels.shape[:2], self.distinct)
        parts = self._parts(samples)
        found = [one for part in parts for one in values_of(part, self.depth)] if values else []
        if all(isinstance(one, Scale) and one.bits == self.depth for one in found):
            return self.split(samples), b""
        ranks = [one.values(samples[..., channel]) for channel, one in enumerate(found)]
        kept = zip(self.split(np.stack(ranks, axis=2)), self._all_types(found), strict=True)
        return [plane for plane, of in kept if of.high > of.low], self._packed(found)

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
        return tuple(of for of in self._all_types(self._values(extra)) if of.high > of.low)

    def _all_types(self, values: Sequence[Values]) -> list[PlaneType]:
        """The types of all planes, those of one value too, given the values of all channels."""
        if self.distinct < 3:
            mosts = [(0, one.most) for one in values]
        else:
            red, green, blue = (one.most for one in values[:3])
            mosts = [(0, green), (-green, red), (-green, blue), *((0, one.most) for one in values[3:])]
        return [PlaneType(of.role, low, high) for of, (low, high) in zip(self.types, mosts, strict=True)]

    def shapes_with(self, extra: bytes, shape: Shape) -> list[Shape]:
        """The shapes of all planes of a picture of a shape, given what else a reader needs.

        Raises:
            CorruptFile: that cannot be of such a picture.
        """
        layout = None if self.conversion is None else unpack_layout(extra)
        if layout is None:
            return [shape] * len(self.types_with(extra))
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
            else:
                KINDS[Mode.RGB].write(planes, out)
            return
        found = self._values(extra)
        coded = iter(planes)
        nothing = np.zeros(out.shape[:2], np.int32)
        samples = self.join([next(coded) if of.high > of.low else nothing for of in self._all_types(found)])
        for channel, one in enumerate(found):
            ranks = samples[..., channel]
            if ranks.size and (ranks.min() < 0 or ranks.max() > one.most):
                raise CorruptFile("a tile decodes to values outside of their range")
            samples[..., channel] = one.samples(ranks)
        self.write_samples(samples.astype(out.dtype), out)

    @property
    def _stored(self) -> np.dtype[Any]:
        return np.dtype("<u2" if self.depth == 16 else "<u1")

    def _parts(self, samples: NDArray[Any]) -> list[NDArray[Any]]:
        """The channels (h, w, c) of each group: colours, and alpha or black where there is one."""
        return [samples] if len(self.groups) == 1 else [samples[..., :-1], samples[..., -1:]]

    def _packed(self, values: list[Values]) -> bytes:
        """One scale for each group, where that is all; otherwise the values of each channel."""
        first = [values[0], values[-1]][: len(self.groups)]
        if self.depth < DEPTH or any(isinstance(one, Table) for one in values):
            return pack_values(values, self.depth)
        return pack_scales([one for one in first if isinstance(one, Scale)])

    def _values(self, extra: bytes) -> Sequence[Values]:
        """Of the samples of each channel."""
        if not extra:
            return [Scale(self.depth, self.depth)] * self.distinct
        if not extra[0]:
            return unpack_values(extra, self.distinct, self.depth)
        if self.depth < DEPTH:
            raise CorruptFile("a tile has exceptions or scales, and the picture neither")
        scales = unpack_scales(extra, len(self.groups))
        return [*[scales[0]] * (self.distinct - len(scales) + 1), *scales[1:]]

    def write_samples(self, samples: Pixels, out: Pixels) -> None:
        """Writes to `out` (h, w, distinct) samples."""
        out[:] = samples[..., 0] if out.ndim == 2 else samples


def _kinds(depth: int) -> list[Kind]:
    most = (1 << depth) - 1
    gray = (PlaneType(Role.LUMA, 0, most),)
    rgb = (*gray, *[PlaneType(Role.DIFFERENCE, -most, most)] * 2)
    alpha = (PlaneType(Role.ALPHA, 0, most),)
    rows: list[tuple[Mode, int, Any, Callable[[NDArray[Any]], list[Plane]], Any, int]] = [
        (Mode.GRAY, 1, (gray,), splitting.one, splitting.alone, 1),
        (Mode.RGB, 3, (rgb,), splitting.green_and_differences, splitting.rgb, 3),
        (Mode.GRAY_AS_RGB, 3, (gray,), splitting.one, splitting.alone, 1),
        (Mode.GRAY_ALPHA, 2, (gray, alpha), splitting.one_and_alpha, splitting.stack, 2),
        (Mode.RGBA, 4, (rgb, alpha), splitting.rgb_and_alpha, splitting.rgba, 4),
        # black is to the other inks what alpha is to colours
        (Mode.CMYK, 4, (rgb, alpha), splitting.rgb_and_alpha, splitting.rgba, 4),
        (Mode.PALETTE, 1, (gray,), splitting.one, splitting.alone, 1),
        (Mode.BILEVEL, 1, (gray,), splitting.one, splitting.alone, 1),
    ]
    first = DEEP if depth > 8 else 0
    chosen = {1: rows[-1:], 8: rows[:-1], 16: rows[:-2]}[depth]
    return [
        Kind(Mode(first + mode), channels, depth, groups, split, join, distinct)
        for mode, channels, groups, split, join, distinct in chosen
    ]


def _converted(conversion: Conversion) -> Kind:
    roles = (Role.LUMA, Role.CHROMA, Role.CHROMA)
    types = tuple(map(PlaneType, roles, conversion.low, conversion.high))
    mode = Mode(FIRST_CONVERSION + conversion.number)
    return Kind(mode, 3, 8, (types,), splitting.green_and_differences, splitting.rgb, 3, conversion)


KINDS: Mapping[Mode, Kind] = {
    kind.mode: kind for kind in (*_kinds(1), *_kinds(8), *map(_converted, CONVERSIONS), *_kinds(16))
}


def kind_of(
    pixels: Pixels, *, palette: bool = False, cmyk: bool = False, conversions: Sequence[Conversion] = ()
) -> Kind:
    """The kind that codes (H, W) or (H, W, C) pixels best.

    Args:
        pixels: of the picture.
        palette: whether they are numbers of colours.
        cmyk: whether they are inks.
        conversions: those that are undone if one of them made it.
    """
    first = DEEP if pixels.dtype == np.uint16 else 0
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if palette or pixels.dtype == np.bool_:
        return KINDS[Mode.PALETTE if palette else Mode.BILEVEL]
    if channels != 3:
        mode = {1: Mode.GRAY, 2: Mode.GRAY_ALPHA, 4: Mode.CMYK if cmyk else Mode.RGBA}[channels]
        return KINDS[Mode(first + mode)]
    red, green, blue = (pixels[..., c] for c in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return KINDS[Mode(first + Mode.GRAY_AS_RGB)]
    conversion = detect(pixels.astype(np.uint8, copy=False), conversions) if conversions and not first else None
    return KINDS[Mode(first + Mode.RGB) if conversion is None else Mode(FIRST_CONVERSION + conversion.number)]
