"""Many small pictures to one file and back, each of which can be had on its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from idfcodec.batch import MAX_SIDE, Batch, Shape, pack_batch, unpack_batch
from idfcodec.codec import Progress, checksum_of, chosen_model, each, from_planes, load_model, mode_of, to_planes
from idfcodec.container import CHECKSUM_SIZE, Mode
from idfcodec.errors import CorruptFile, IDFError, ModelError
from idfcodec.flow.coding import decode_small, encode_small, fit_small, read_corrections, write_corrections
from idfcodec.planes import from_image
from idfcodec.tiles import Tile

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["decode_batch", "encode_batch"]

Pixels = NDArray[np.uint8]


def _batch_checksum(shapes: Sequence[Shape], pictures: Sequence[Pixels]) -> bytes:
    digest = hashlib.blake2b(digest_size=CHECKSUM_SIZE)
    for (mode, _, _), pixels in zip(shapes, pictures, strict=True):
        digest.update(checksum_of(mode, pixels))
    return digest.digest()


def encode_batch(
    images: Sequence[NDArray[np.uint8] | Image.Image],
    *,
    model: str | os.PathLike[str] | None = None,
    effort: str | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> bytes:
    """Compress many small pictures into one file, from which each can be had on its own.

    Pictures of 32 x 32 pixels would otherwise be half headers. Metadata is not kept.

    Args:
        images: (H, W) or (H, W, 3) uint8 or PIL images of mode L or RGB, up to 512 pixels on a side.
        model: see `encode`, as are `effort`, `threads`, `device` and `progress`, which counts pictures.

    Raises:
        UnsupportedImage: another kind of picture.
        ModelError: see `load_model`.
        IDFError: there are no pictures, or one is too large.
    """
    model = chosen_model(model, effort)
    flow = load_model(model, device=device)
    pictures = [from_image(image).pixels for image in images]
    shapes = [(mode_of(pixels), pixels.shape[0], pixels.shape[1]) for pixels in pictures]
    for _, height, width in shapes:
        if max(height, width) > MAX_SIDE:
            raise IDFError(f"a picture of {width}x{height} pixels is too large for a batch: {MAX_SIDE} a side at most")
    planes = [to_planes(p, Tile(0, 0, h, w), mode) for p, (mode, h, w) in zip(pictures, shapes, strict=True)]
    rgb = [p for p in planes if len(p) == 3]
    common = fit_small(flow, rgb) if rgb else {}
    work = each(lambda i: encode_small(flow, planes[i], common), len(planes), threads, progress)
    return pack_batch(
        Batch(
            flow.id,
            _batch_checksum(shapes, pictures),
            tuple(shapes),
            write_corrections(common, 3) if common else b"",
            tuple(work),
        )
    )


def decode_batch(
    data: bytes | memoryview,
    *,
    pictures: Iterable[int] | None = None,
    model: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> list[Pixels]:
    """The pictures of a batch, (H, W) or (H, W, 3) uint8.

    Args:
        data: the file's bytes.
        pictures: numbers, from 0, of those that are wanted; None is all of them.
        model: see `decode`, as are `threads`, `device` and `progress`, which counts pictures.

    Raises:
        CorruptFile: the file is damaged.
        ModelError: the file's model is not installed, or see `load_model`.
        IDFError: there is no picture of such a number.
    """
    batch = unpack_batch(data)
    flow = load_model(batch.model.hex() if model is None else model, device=device)
    if flow.id != batch.model:
        raise ModelError(f"the file was made with model {batch.model.hex()}, not with {flow.name} ({flow.id.hex()})")
    wanted = list(range(len(batch.payloads)) if pictures is None else pictures)
    if wanted and not 0 <= min(wanted) <= max(wanted) < len(batch.payloads):
        raise IDFError(f"the batch has {len(batch.payloads)} pictures, numbered from 0")
    common = read_corrections(batch.common, 3) if batch.common else {}

    def work(index: int) -> Pixels:
        mode, height, width = batch.shapes[wanted[index]]
        payload = bytes(batch.payloads[wanted[index]])
        out = np.empty((height, width) if mode is Mode.GRAY else (height, width, 3), np.uint8)
        from_planes(decode_small(flow, payload, (mode.planes, height, width), common), out)
        return out

    found = each(work, len(wanted), threads, progress) if wanted else []
    if pictures is None and _batch_checksum(batch.shapes, found) != batch.checksum:
        raise CorruptFile("the decoded pixels do not match the file's checksum")
    return found
