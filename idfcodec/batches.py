"""Many small pictures to one file and back, each of which can be had on its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from idfcodec.batch import MAX_SIDE, Batch, Shape, pack_batch, unpack_batch
from idfcodec.codec import (
    MAX_PIXELS,
    Progress,
    checksum_of,
    chosen_model,
    each,
    from_planes,
    load_model,
    mode_of,
    to_planes,
)
from idfcodec.container import CHECKSUM_SIZE, Mode
from idfcodec.errors import CorruptFile, IDFError, ModelError
from idfcodec.flow.coding import decode_small, encode_small, fit_small, read_corrections, write_corrections
from idfcodec.planes import from_image
from idfcodec.tiles import Tile

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["decode_batch", "encode_batch"]

PART = 4096  # pictures handed out to the threads at a time
Pixels = NDArray[np.uint8]
T = TypeVar("T")


def _each(work: Callable[[int], T], count: int, threads: int | None, progress: Progress | None) -> list[T]:
    """`each` in parts, so that a file of millions of pictures does not queue millions of tasks."""
    found: list[T] = []
    for start in range(0, count, PART):

        def one(index: int, start: int = start) -> T:
            return work(start + index)

        def tell(done: int, _: int, start: int = start) -> None:
            if progress:
                progress(start + done, count)

        found += each(one, min(PART, count - start), threads, tell)
    return found


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
    if not len(images):
        raise IDFError("a batch needs at least one picture")
    flow = load_model(model, device=device)
    pictures = [from_image(image).pixels for image in images]
    shapes = [(mode_of(pixels), pixels.shape[0], pixels.shape[1]) for pixels in pictures]
    for _, height, width in shapes:
        if max(height, width) > MAX_SIDE:
            raise IDFError(f"a picture of {width}x{height} pixels is too large for a batch: {MAX_SIDE} a side at most")
    planes = [to_planes(p, Tile(0, 0, h, w), mode) for p, (mode, h, w) in zip(pictures, shapes, strict=True)]
    rgb = [p for p in planes if len(p) == 3]
    common = fit_small(flow, rgb) if rgb else {}

    def work(index: int) -> bytes:
        return encode_small(flow, planes[index], common if len(planes[index]) == 3 else {})

    payloads = _each(work, len(planes), threads, progress)
    return pack_batch(
        Batch(
            flow.id,
            _batch_checksum(shapes, pictures),
            tuple(shapes),
            write_corrections(common, 3) if common else b"",
            tuple(payloads),
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
    max_pixels: int = MAX_PIXELS,
) -> list[Pixels]:
    """The pictures of a batch, (H, W) or (H, W, 3) uint8.

    The checksums of the blocks are compared always, that of all pixels where all pictures are decoded.

    Args:
        data: the file's bytes.
        pictures: numbers, from 0, of those that are wanted; None is all of them.
        model: see `decode`, as are `threads`, `device` and `progress`, which counts pictures.
        max_pixels: more pixels, of all the wanted pictures together, are refused.

    Raises:
        CorruptFile: the file is damaged.
        ModelError: the file's model is not installed, or see `load_model`.
        IDFError: there is no picture of such a number, or the wanted ones have more than `max_pixels`.
    """
    batch = unpack_batch(data)
    wanted = list(range(len(batch.payloads)) if pictures is None else pictures)
    if wanted and not 0 <= min(wanted) <= max(wanted) < len(batch.payloads):
        raise IDFError(f"the batch has {len(batch.payloads)} pictures, numbered from 0")
    count = sum(height * width for _, height, width in (batch.shapes[i] for i in wanted))
    if count > max_pixels:
        raise IDFError(f"the pictures have {count} pixels, more than the limit of {max_pixels}")
    flow = load_model(batch.model.hex() if model is None else model, device=device)
    if flow.id != batch.model:
        raise ModelError(f"the file was made with model {batch.model.hex()}, not with {flow.name} ({flow.id.hex()})")
    common = read_corrections(batch.common, 3) if batch.common else {}

    def work(index: int) -> Pixels:
        mode, height, width = batch.shapes[wanted[index]]
        payload = batch.payloads[wanted[index]]
        out = np.empty((height, width) if mode is Mode.GRAY else (height, width, 3), np.uint8)
        from_planes(decode_small(flow, payload, (mode.planes, height, width), common if mode is Mode.RGB else {}), out)
        return out

    found = _each(work, len(wanted), threads, progress)
    if pictures is None and _batch_checksum(batch.shapes, found) != batch.checksum:
        raise CorruptFile("the decoded pixels do not match the file's checksum")
    return found
