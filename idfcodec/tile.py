"""One tile of a picture to a payload and back: here it is chosen which way a tile is coded."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import numpy as np

from idfcodec.errors import CorruptFile
from idfcodec.format.payload import PLAIN, SAME, STORED, first_byte, split_patches, with_patches

if TYPE_CHECKING:
    from idfcodec.flow.contract import Coder
    from idfcodec.picture.colour import Kind
    from idfcodec.types import Buffer, Pixels, Planes

__all__ = ["decode_tile", "encode_tile", "is_same"]

SMALL = 4096  # pixels up to which a tile is coded with and without its list of values


def encode_tile(pixels: Pixels, kind: Kind, coder: Coder, before: Pixels | None = None, limit: float = inf) -> bytes:
    """The smallest payload that is tried.

    Args:
        pixels: of the tile.
        kind: of the picture.
        coder: the model.
        before: the tile at this place in the frame before.
        limit: bytes; what is found to take more is not coded to its end.
    """
    if before is not None and np.array_equal(pixels, before):
        return bytes([SAME])
    planes, extra = kind.planes(pixels, values=coder.capabilities.any_planes)
    found = [kind.stored(pixels)]
    choices = [(planes, extra)]
    if extra and kind.conversion is None and pixels.shape[0] * pixels.shape[1] <= SMALL:
        choices.append(kind.planes(pixels, values=False))
    if not planes:  # of one colour
        found.append(with_patches(extra, bytes([PLAIN])))
        del choices[0]
    limit = min(limit, len(found[0]))
    payloads = coder.encode_either([(planes, kind.types_with(extra)) for planes, extra in choices], limit)
    found += [with_patches(extra, payload) for (_, extra), payload in zip(choices, payloads, strict=True) if payload]
    return min(found, key=len)


def is_same(payload: Buffer) -> bool:
    """Whether the tile is that of the frame before.

    Raises:
        CorruptFile: something follows.
    """
    if first_byte(payload) != SAME:
        return False
    if len(payload) != 1:
        raise CorruptFile("a tile that equals the one before has bytes of its own")
    return True


def decode_tile(payload: memoryview, kind: Kind, coder: Coder | None, out: Pixels) -> None:
    """Writes to `out` the pixels that `encode_tile` coded.

    Raises:
        CorruptFile: the payload is damaged.
    """
    if first_byte(payload) == STORED:
        kind.write_stored(payload, out)
        return
    if coder is None:
        raise CorruptFile("a tile needs a model, and the file names none")
    extra, payload = split_patches(payload)
    types = kind.types_with(extra)
    planes: Planes = []
    if types:
        (planes,) = coder.decode([payload], kind.shapes_with(extra, out.shape[:2]), types)
    elif bytes(payload) != bytes([PLAIN]):
        raise CorruptFile("a tile of one colour has something coded")
    kind.write(planes, out, extra)
