"""A picture as the codec takes it and gives it back, whatever file it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import UnsupportedImage
from idfcodec.format.structure import STILL, Frames, Palette, Structure
from idfcodec.types import Pixels

__all__ = ["Frames", "Picture", "palette_of"]


def palette_of(structure: Structure) -> NDArray[np.uint8] | None:
    """(N, 3) or (N, 4) colours, where a file has a palette."""
    if structure.palette is None:
        return None
    return np.frombuffer(structure.palette.colours, np.uint8).reshape(-1, structure.palette.channels)


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels, and what else a file says of them.

    Attributes:
        pixels: not empty, maybe read-only. (H, W) bool for 1 bit, True for white. Of uint8 or uint16: (H, W) for gray;
            (H, W, 2) for gray and alpha, (H, W, 3) for RGB, (H, W, 4) for RGB and alpha or CMYK. With `frames`, an axis
            of the frames comes first.
        metadata: Raw blocks by name; a block that is not there has no key. "icc" is an ICC profile, "exif" a TIFF
            structure, without the "Exif" prefix that it has in a JPEG, "xmp" a packet, normally UTF-8, "iptc"
            datasets of IPTC-IIM, "photoshop" its image resources, "comment" what a JPEG, GIF or PNM is commented
            with (several are joined by line breaks). "png", "tiff", "jpeg" and "gif" hold what else was in such a
            file, chunk by chunk, tag by tag: `idfcodec.format.metadata.unpack_entries` takes them apart.
        palette: (N, 3) or (N, 4) uint8, N from 1 to 256: the colours, maybe with alpha, that uint8 pixels (H, W) are
            numbers of, from 0.
        cmyk: whether four channels are inks, 0 for none of it.
        frames: of an animation, or pages: how many, their durations in milliseconds as fractions (none for pages), and
            how often to show them, 0 for ever.
        white: the sample that stands for white, where it is not the largest that there can be: 4095 for 12 bits in 16.
        notes: What the file that it was read from held and this does not, a sentence each.
        jpeg: The file that the pixels were decoded from, where it was a JPEG, without its metadata.

    Raises:
        UnsupportedImage: these are not such pixels.
    """

    pixels: Pixels
    metadata: Mapping[str, bytes] = field(default_factory=dict)
    palette: NDArray[np.uint8] | None = None
    cmyk: bool = False
    frames: Frames | None = None
    white: int | None = None
    notes: tuple[str, ...] = ()
    jpeg: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if self.frames and (len(shape) < 3 or shape[0] != self.frames.count):
            raise UnsupportedImage(f"an array of shape {shape} for {self.frames.count} frames")
        one = shape[1:] if self.frames else shape
        if dtype.newbyteorder("=") not in (np.bool_, np.uint8, np.uint16):
            raise UnsupportedImage(f"an array of dtype {dtype}: this release codes bool, uint8 and uint16")
        if not (len(one) == 2 or (len(one) == 3 and one[2] in (2, 3, 4) and dtype != np.bool_)):
            raise UnsupportedImage(f"an array of shape {shape}: a picture has (H, W) or (H, W, C), C from 2 to 4")
        if self.pixels.size == 0:
            raise UnsupportedImage(f"an array of shape {shape} has no pixels")
        if self.cmyk and self.channels != 4:
            raise UnsupportedImage(f"an array of shape {shape}: a CMYK picture has four channels")
        if self.white is not None and (self.palette is not None or not 0 < self.white <= self.most):
            raise UnsupportedImage(f"a white of {self.white}, which the samples cannot have")
        if self.palette is not None:
            self._check_palette(self.palette)

    def _check_palette(self, palette: NDArray[np.uint8]) -> None:
        if palette.dtype != np.uint8 or palette.ndim != 2 or palette.shape[1] not in (3, 4):
            raise UnsupportedImage(f"a palette of {palette.dtype} {palette.shape}: it is (N, 3) or (N, 4) uint8")
        if self.pixels.dtype != np.uint8 or self.channels != 1 or not 1 <= len(palette) <= 256:
            raise UnsupportedImage(f"{len(palette)} colours for {self.pixels.dtype} pixels of {self.channels} channels")
        if (last := int(self.pixels.max())) >= len(palette):
            raise UnsupportedImage(f"a pixel has the colour number {last}, and there are {len(palette)} colours")

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, C) of one frame."""
        return self.pixels.shape[1:] if self.frames else self.pixels.shape

    @property
    def channels(self) -> int:
        """Of the pixels; 1 for a palette's numbers."""
        return self.shape[2] if len(self.shape) == 3 else 1

    @property
    def most(self) -> int:
        """The largest sample that there can be."""
        return {np.dtype(np.bool_): 1, np.dtype(np.uint8): 255}.get(self.pixels.dtype, 65535)

    @property
    def plain(self) -> bool:
        """Whether it is one picture of 8-bit gray or RGB, which every codec and every model takes."""
        return self.structure == STILL and self.pixels.dtype == np.uint8 and self.channels in (1, 3)

    @property
    def column(self) -> Pixels:
        """All frames, one below the other: (F * H, W) or (F * H, W, C), contiguous."""
        pixels = self.pixels.reshape(-1, *self.shape[1:])
        return np.ascontiguousarray(pixels if pixels.dtype.isnative else pixels.astype(pixels.dtype.newbyteorder("=")))

    @property
    def structure(self) -> Structure:
        """What a file says of the samples beside the mode."""
        palette = None if self.palette is None else Palette(self.palette.shape[1], self.palette.tobytes())
        return Structure(palette, self.frames, self.white if self.white != self.most else None)

    @property
    def text(self) -> str:
        """What it is, for a person: `768x512 RGB`."""
        if self.palette is not None:
            kind = f"palette of {len(self.palette)}"
        elif self.pixels.dtype == np.bool_:
            kind = "black and white"
        else:
            names = {1: "gray", 2: "gray and alpha", 3: "RGB", 4: "CMYK" if self.cmyk else "RGB and alpha"}
            bits = " of 16 bits" if self.pixels.dtype == np.uint16 else ""
            kind = names[self.channels] + bits
        frames = f", {self.frames.count} {'frames' if self.frames.durations else 'pages'}" if self.frames else ""
        return f"{self.shape[1]}x{self.shape[0]} {kind}{frames}"

    @staticmethod
    def of_column(
        column: Pixels, structure: Structure, metadata: Mapping[str, bytes], *, cmyk: bool = False
    ) -> Picture:
        """The picture whose `column` and `structure` these are.

        Raises:
            UnsupportedImage: they are no picture's.
        """
        pixels = column
        if frames := structure.frames:
            pixels = column.reshape(frames.count, -1, *column.shape[1:])
        return Picture(pixels, metadata, palette_of(structure), cmyk, structure.frames, structure.white)

    def same(self, other: Picture) -> bool:
        """Whether all but the metadata is equal."""
        return (
            self.pixels.dtype == other.pixels.dtype
            and self.structure == other.structure
            and self.cmyk == other.cmyk
            and np.array_equal(self.pixels, other.pixels)
        )
