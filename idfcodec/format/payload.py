"""The first byte of a payload, and the zero bytes at its end. FORMAT.md, 4 and 7.

The first byte says how a tile, or a picture of a batch, is coded. Values from 128 on are the container's; what the ones
below mean is the family's. All of them are here.
"""

from __future__ import annotations

from idfcodec.errors import CorruptFile
from idfcodec.types import Buffer

__all__ = ["CORRECTED", "LEARNED", "PALETTE", "PLAIN", "STORED", "first_byte", "restored", "trimmed"]

STORED = 128
"""Samples as they are, whatever the model."""
PLAIN = 0
"""Nothing but entropy-coded words; of every family."""
LEARNED = 1 | 2 | 4
"""Flags of the hierarchical family: what is learned while decoding, see `hierarchical.adaptive.Switches`."""
CORRECTED = 8
"""Flag of the hierarchical family: corrections of the network's parameters stand first."""
PALETTE = 64
"""Hierarchical family: the colours of the tile, then each pixel as one of them."""


def first_byte(payload: Buffer) -> int:
    """The first byte; `PLAIN` of an empty payload, whose bytes were all zero."""
    return payload[0] if len(payload) else PLAIN


def trimmed(payload: bytes) -> bytes:
    """A plain payload without the zero bytes at its end."""
    return payload.rstrip(b"\0")


def restored(payload: Buffer) -> bytes:
    """A plain payload with the zero bytes that `trimmed` left out: a first byte and whole words.

    Raises:
        CorruptFile: it is not plain, or ends in a zero byte.
    """
    data = bytes(payload)
    if first_byte(data) != PLAIN or data.endswith(b"\0"):
        raise CorruptFile("a small picture has unknown flags, or zero bytes at its end that are to be left out")
    return (data or b"\0") + bytes(-(len(data) - 1) % 4 if data else 0)
