"""The blocks of a file that say what its samples are beside the mode: palette, frames, white. FORMAT.md, 2.2."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from idfcodec.errors import CorruptFile, IDFError
from idfcodec.format.mode import Mode
from idfcodec.format.palette import code, decode

__all__ = [
    "FIRST_TYPE",
    "MAX_FRAMES",
    "STILL",
    "TYPES",
    "Frames",
    "Palette",
    "Structure",
    "pack_structure",
    "unpack_structure",
]

FIRST_TYPE = 128
"""Blocks from this type on are of the structure, those before are metadata."""
TYPES = {128: "palette", 129: "frames", 130: "white"}
MAX_FRAMES = 2**16
CODED = 16
"""Added to the channels of a palette that is coded."""
_MAX_NUMBER = 2**28 - 1  # what four bytes of seven bits hold


@dataclass(frozen=True)
class Palette:
    """The colours that the samples of a picture are numbers of.

    Attributes:
        channels: 3 for RGB, 4 for RGB and alpha.
        colours: `channels` bytes for each of 1 to 256 colours.
    """

    channels: int
    colours: bytes

    def __len__(self) -> int:
        return len(self.colours) // self.channels


@dataclass(frozen=True)
class Frames:
    """Several pictures of one size and kind.

    Attributes:
        count: 2 to 2**16.
        durations: how long each is shown, in milliseconds; empty for pages, which have no time.
        loop: how often they are shown, 0 for ever; None where nothing is said.
    """

    count: int
    durations: tuple[Fraction, ...] = ()
    loop: int | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.count <= MAX_FRAMES:
            raise IDFError(f"{self.count} frames: there can be 2 to {MAX_FRAMES}")
        if self.durations and len(self.durations) != self.count:
            raise IDFError(f"{len(self.durations)} durations of {self.count} frames")
        scale = _scale(self.durations)
        numbers = [self.loop or 0, scale, *(int(duration * scale) for duration in self.durations)]
        if not all(0 <= number < _MAX_NUMBER for number in numbers):
            raise IDFError("a duration or the loop count is negative, or too large or fine for the format")


@dataclass(frozen=True)
class Structure:
    """What the structural blocks of a file say.

    Attributes:
        palette: of pictures of mode PALETTE.
        frames: where there are several.
        white: the sample that stands for white, or for the whole of an ink, where it is not the largest one.
    """

    palette: Palette | None = None
    frames: Frames | None = None
    white: int | None = None

    @property
    def count(self) -> int:
        """Of frames; 1 for a still picture."""
        return self.frames.count if self.frames else 1


STILL = Structure()
"""Of a picture that the mode says all of."""


def _scale(durations: Iterable[Fraction]) -> int:
    return lcm(*(duration.denominator for duration in durations))


def _number(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes((*out, number))


def _numbers(data: bytes) -> list[int]:
    """All numbers that `_number` wrote one after the other."""
    found, number, shift = [], 0, 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            if byte == 0 and shift > 7:
                raise CorruptFile("the frames block has a number with a zero byte at its end")
            found.append(number)
            number = shift = 0
        elif shift == 28:
            raise CorruptFile("the frames block has a number of more than 28 bits")
    if shift:
        raise CorruptFile("the frames block ends within a number")
    return found


def pack_structure(structure: Structure, mode: Mode) -> list[tuple[int, bytes]]:
    """Type and content of each block, in the order of a file.

    Raises:
        IDFError: the structure is not one of pictures of this mode.
    """
    blocks, palette = [], structure.palette
    if palette:
        blocks.append((128, _plain(palette)))
    if structure.frames:
        frames, scale = structure.frames, _scale(structure.frames.durations)
        shown = [int(duration * scale) for duration in frames.durations]
        shown = shown[:1] if len(set(shown)) == 1 else shown
        loop = 0 if frames.loop is None else frames.loop + 1
        blocks.append((129, b"".join(map(_number, (frames.count, loop, scale, *shown)))))
    if structure.white is not None:
        blocks.append((130, struct.pack("<H", structure.white)))
    try:
        unpack_structure(blocks, mode)
    except CorruptFile as ex:
        raise IDFError(str(ex)) from ex
    if palette:
        blocks[0] = 128, _packed_palette(palette)
    return blocks


def unpack_structure(blocks: Sequence[tuple[int, bytes]], mode: Mode) -> Structure:
    """What `pack_structure` packed; types ascend.

    Raises:
        CorruptFile: a block breaks a rule, or is not one of a picture of this mode.
    """
    contents = dict(blocks)
    if unknown := set(contents) - set(TYPES):
        raise CorruptFile(f"a structural block has the unknown type {min(unknown)}")
    if (mode is Mode.PALETTE) != (128 in contents):
        raise CorruptFile("a palette without a picture of mode PALETTE, or such a picture without a palette")
    return Structure(
        palette=_palette(contents[128]) if 128 in contents else None,
        frames=_frames(contents[129]) if 129 in contents else None,
        white=_white(contents[130], mode) if 130 in contents else None,
    )


def _plain(palette: Palette) -> bytes:
    return bytes([palette.channels]) + palette.colours


def _packed_palette(palette: Palette) -> bytes:
    """A palette that a file can hold: as it is, or coded where that is shorter."""
    coded = bytes([CODED + palette.channels, len(palette) - 1]) + code(palette.channels, palette.colours)
    return min(_plain(palette), coded, key=len)


def _palette(content: bytes) -> Palette:
    channels = content[0] if content else 0
    if channels in (CODED + 3, CODED + 4) and len(content) > 1:
        return Palette(channels - CODED, decode(content[2:], channels - CODED, content[1] + 1))
    if channels not in (3, 4) or (len(content) - 1) % channels or not channels < len(content) <= 1 + 256 * channels:
        raise CorruptFile(f"the palette is {len(content)} bytes of {channels} channels: no 1 to 256 colours of 3 or 4")
    return Palette(channels, bytes(content[1:]))


def _frames(content: bytes) -> Frames:
    if len(content) > 4 * (MAX_FRAMES + 3):
        raise CorruptFile(f"the frames block has {len(content)} bytes")
    numbers = _numbers(content)
    if len(numbers) < 3 or not 2 <= numbers[0] <= MAX_FRAMES:
        raise CorruptFile("the frames block does not say how many there are, or a number that is not possible")
    count, loop, scale, *shown = numbers
    if len(shown) not in (0, 1, count) or (len(shown) > 1 and len(set(shown)) == 1):
        raise CorruptFile(f"the frames block has {len(shown)} durations for {count} frames")
    if not scale or _scale([Fraction(number, scale) for number in shown]) != scale:
        raise CorruptFile("the durations of the frames are not in lowest terms")
    durations = [Fraction(number, scale) for number in shown]
    return Frames(count, tuple(durations * count if len(shown) == 1 else durations), loop - 1 if loop else None)


def _white(content: bytes, mode: Mode) -> int:
    white = int.from_bytes(content, "little")
    if len(content) != 2 or not 0 < white < 2 ** (8 * mode.bytes) - 1 or mode in (Mode.PALETTE, Mode.BILEVEL):
        raise CorruptFile(f"the white block says {white}, which the samples of mode {mode.name} cannot have")
    return white
