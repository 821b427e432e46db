"""What the samples of a picture are: the mode byte of a file. FORMAT.md, 1.1."""

import enum

__all__ = ["Mode"]


class Mode(enum.IntEnum):
    """What the samples of a picture are: unsigned, of 8 bits below 32 and of 16 bits from there on."""

    GRAY = 0
    """Decodes to `(H, W)`."""
    RGB = 1
    """Decodes to `(H, W, 3)`."""
    GRAY_AS_RGB = 2
    """One channel that stands for three equal ones; decodes to `(H, W, 3)`."""
    GRAY_ALPHA = 3
    """Decodes to `(H, W, 2)`."""
    RGBA = 4
    """Decodes to `(H, W, 4)`."""
    JFIF = 17
    """RGB whose YCbCr planes are coded; 16 and the conversion's number, see `picture.conversion`."""
    PHOTOCD = 18
    """RGB whose PhotoCD YCC planes are coded."""
    JFIF_SHORT = 19
    """RGB whose YCbCr planes are coded, of decoders with short constants."""
    BT601 = 20
    """The same of video: BT.601 with constants in eight bits."""
    BT601_FINE = 21
    BT709 = 22
    BT709_FINE = 23
    BT709_FULL = 24
    GRAY_16 = 32
    """32 and the number of the same picture with 8 bits, as are the following."""
    RGB_16 = 33
    GRAY_AS_RGB_16 = 34
    GRAY_ALPHA_16 = 35
    RGBA_16 = 36

    @property
    def planes(self) -> int:
        """Number of planes that are coded: 1 to 4."""
        return 3 if 16 <= self < 32 else (1, 3, 1, 2, 4)[self % 32]

    @property
    def bytes(self) -> int:
        """Of a sample: 1 or 2."""
        return 2 if self >= 32 else 1
