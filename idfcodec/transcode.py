"""Pictures that were JPEGs: their payload, coefficients and what turns these into pixels, and the way back."""

from __future__ import annotations

from dataclasses import replace

from idfcodec.errors import CorruptFile
from idfcodec.flow.coefficients import decode_blocks, encode_blocks
from idfcodec.format.payload import COEFFICIENTS
from idfcodec.picture.colour import Kind
from idfcodec.picture.jpeg import JpegSource, pack_source, render, unpack_source
from idfcodec.types import Pixels, Shape

__all__ = ["is_settled", "jpeg_payload", "write_jpeg"]

FEW = 0.05  # the share of pixels that may be exceptions without another way being tried
MORE = 0.065  # of the coefficients' bytes, for each of the mean step: planes take more than that in addition
COARSE = 12.0  # a mean step above which what they take is less clear


def jpeg_payload(source: JpegSource, shape: Shape) -> bytes:
    """The payload of a picture of this shape."""
    jpeg = source.jpeg
    return bytes([COEFFICIENTS]) + pack_source(source, shape) + encode_blocks(jpeg.planes, jpeg.tables)


def is_settled(source: JpegSource, shape: Shape, size: int) -> bool:
    """Whether a payload of `size` bytes is surely smaller than planes, so that these need not be tried."""
    if len(source.exceptions) < FEW * shape[0] * shape[1]:
        return True
    rest = len(pack_source(source, shape))
    return rest < MORE * min(float(source.jpeg.tables[0].mean()), COARSE) * (size - rest)


def write_jpeg(kind: Kind, payload: memoryview, out: Pixels) -> None:
    """Writes to `out` what `jpeg_payload` coded.

    Raises:
        CorruptFile: such a picture was no JPEG, or the payload is damaged.
    """
    height, width = out.shape[:2]
    source, blocks, rest = unpack_source(payload[1:], (height, width))
    if kind.depth != 8 or kind.conversion is not None or kind.channels not in (1, 3):
        raise CorruptFile("a tile has the coefficients of a JPEG, and the picture none")
    if len(blocks) > kind.channels:
        raise CorruptFile("a gray picture has the coefficients of a coloured one")
    planes = decode_blocks(rest, blocks, source.jpeg.tables)
    pixels = render(replace(source, jpeg=replace(source.jpeg, planes=planes)), (height, width))
    out[:] = pixels[..., None] if pixels.ndim < out.ndim else pixels
