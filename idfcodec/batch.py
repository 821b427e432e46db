"""Many small pictures to one file and back, each of which can be had on its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from idfcodec.codec import (
    MAX_PIXELS,
    RAW,
    Progress,
    checksum_of,
    each,
    from_planes,
    from_stored,
    load_model,
    mode_of,
    stored,
    to_planes,
)
from idfcodec.errors import CorruptFile, IDFError, ModelError
from idfcodec.flow.contract import IntegerFlow, Values
from idfcodec.format.batch import MAX_SIDE, Batch, Shape, pack_batch, unpack_batch
from idfcodec.format.container import CHECKSUM_SIZE, Mode
from idfcodec.format.tiles import Tile
from idfcodec.models import choose_model
from idfcodec.picture.pillow import from_image

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["batch_costs", "decode_batch", "encode_batch"]

PART = 4096  # tasks handed out to the threads at a time
Pixels = NDArray[np.uint8]
T = TypeVar("T")


def _alike(shapes: Sequence[Shape], most: int) -> list[list[int]]:
    """Numbers of pictures that follow each other and have one shape, so many at most together."""
    found: list[list[int]] = []
    for number, shape in enumerate(shapes):
        if found and len(found[-1]) < most and shapes[found[-1][0]] == shape:
            found[-1].append(number)
        else:
            found.append([number])
    return found


def _each(
    work: Callable[[list[int]], list[T]], tasks: list[list[int]], threads: int | None, progress: Progress | None
) -> list[T]:
    """`each` in parts, so that a file of millions of pictures does not queue millions of tasks; results in order."""
    count = sum(map(len, tasks))
    found: list[T] = []
    for start in range(0, len(tasks), PART):
        part = tasks[start : start + PART]
        ends = list(accumulate(map(len, part), initial=len(found)))

        def one(index: int, part: list[list[int]] = part) -> list[T]:
            return work(part[index])

        def tell(done: int, _: int, ends: list[int] = ends) -> None:
            if progress:
                progress(ends[done], count)

        for results in each(one, len(part), threads, tell):
            found += results
    return found


def _batch_checksum(shapes: Sequence[Shape], pictures: Sequence[Pixels]) -> bytes:
    digest = hashlib.blake2b(digest_size=CHECKSUM_SIZE)
    for (mode, _, _), pixels in zip(shapes, pictures, strict=True):
        digest.update(checksum_of(mode, pixels))
    return digest.digest()


def _prepared(
    images: Sequence[NDArray[np.uint8] | Image.Image],
) -> tuple[list[Pixels], list[Shape], list[Values]]:
    """Pixels, shape and planes of each picture."""
    if not len(images):
        raise IDFError("a batch needs at least one picture")
    pictures = [from_image(image).pixels for image in images]
    shapes = [(mode_of(pixels), pixels.shape[0], pixels.shape[1]) for pixels in pictures]
    for _, height, width in shapes:
        if max(height, width) > MAX_SIDE:
            raise IDFError(f"a picture of {width}x{height} pixels is too large for a batch: {MAX_SIDE} a side at most")
    planes = [to_planes(p, Tile(0, 0, h, w), mode) for p, (mode, h, w) in zip(pictures, shapes, strict=True)]
    return pictures, shapes, planes


def _common(flow: IntegerFlow, planes: Sequence[Values]) -> bytes:
    rgb = [p for p in planes if len(p) == 3]
    return flow.fit_small(rgb) if rgb else b""


def batch_costs(
    images: Sequence[NDArray[np.uint8] | Image.Image],
    *,
    model: str | os.PathLike[str] | None = None,
    effort: str | None = None,
    threads: int | None = None,
    device: str = "cpu",
    fitted: bool = True,
) -> list[float]:
    """What the exported model says in bits that each picture of a batch costs.

    Args:
        images: see `encode_batch`, as are `model`, `effort`, `threads` and `device`.
        model: its name, id or folder.
        effort: chooses a shipped model instead.
        threads: at a time.
        device: "cpu" or "cuda".
        fitted: with what the encoder tells once of all pictures, of which each has an equal share.

    Raises:
        UnsupportedImage: another kind of picture.
        ModelError: see `load_model`.
        IDFError: there are no pictures, or one is too large.
    """
    model = choose_model(None if model is None else os.fspath(model), effort, batch=True)
    flow = load_model(model, device=device)
    _, shapes, planes = _prepared(images)
    common = _common(flow, planes) if fitted else b""

    def work(numbers: list[int]) -> list[float]:
        return [bits + 8 * len(common) / len(planes) for bits in flow.small_costs([planes[i] for i in numbers], common)]

    return _each(work, _alike(shapes, flow.side_by_side), threads, None)


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
        model: name, id or folder; None is the default one for small pictures.
        effort: chooses a shipped model instead, see `models.BATCH_EFFORTS`.
        threads: see `encode`, as are `device` and `progress`, which counts pictures.

    Raises:
        UnsupportedImage: another kind of picture.
        ModelError: see `load_model`.
        IDFError: there are no pictures, or one is too large.
    """
    model = choose_model(None if model is None else os.fspath(model), effort, batch=True)
    flow = load_model(model, device=device)
    pictures, shapes, planes = _prepared(images)
    common = _common(flow, planes)

    def work(numbers: list[int]) -> list[bytes]:
        coded = flow.encode_small([planes[i] for i in numbers], common)
        return [
            data if len(data) <= planes[i].size else stored(pictures[i], shapes[i][0])
            for i, data in zip(numbers, coded, strict=True)
        ]

    payloads = _each(work, _alike(shapes, flow.side_by_side), threads, progress)
    return pack_batch(
        Batch(
            flow.id,
            _batch_checksum(shapes, pictures),
            tuple(shapes),
            common,
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

    def work(numbers: list[int]) -> list[Pixels]:
        mode, height, width = batch.shapes[wanted[numbers[0]]]
        shape = (mode.planes, height, width)
        payloads = [batch.payloads[wanted[i]] for i in numbers]
        coded = [payload for payload in payloads if payload[:1] != bytes([RAW])]
        decoded = iter(flow.decode_small(coded, shape, batch.common) if coded else [])
        out = np.empty(
            (len(numbers), height, width) if mode is Mode.GRAY else (len(numbers), height, width, 3), np.uint8
        )
        for picture, payload in zip(out, payloads, strict=True):
            if payload[:1] == bytes([RAW]):
                from_stored(payload, mode.planes, picture)
            else:
                from_planes(next(decoded), picture)
        return list(out)

    shapes = [batch.shapes[i] for i in wanted]
    found = _each(work, _alike(shapes, flow.side_by_side), threads, progress)
    if pictures is None and _batch_checksum(batch.shapes, found) != batch.checksum:
        raise CorruptFile("the decoded pixels do not match the file's checksum")
    return found
