"""Many small pictures to one file and back, each of which can be had on its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

from idfcodec.arguments import check_options, file_bytes, numbers_of
from idfcodec.codec import MAX_PIXELS
from idfcodec.errors import CorruptFile, IDFError, UnsupportedImage
from idfcodec.flow.contract import Coder
from idfcodec.format.batch import MAX_SIDE, Batch, pack_batch, unpack_batch
from idfcodec.format.batch import Shape as BatchShape
from idfcodec.format.container import CHECKSUM_SIZE, Mode
from idfcodec.format.payload import STORED, first_byte, split_small, with_small_patches
from idfcodec.format.structure import STILL
from idfcodec.kinds import kind_problem
from idfcodec.models import choose_model, load_model, model_of_file
from idfcodec.parallel import each
from idfcodec.picture.colour import KINDS, Kind, kind_of
from idfcodec.picture.conversion import Layout, detect_any, layouts_of
from idfcodec.picture.given import pictures_of
from idfcodec.picture.picture import Picture
from idfcodec.types import Buffer, Pixels, Planes, Progress, Shape

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["decode_batch", "encode_batch", "prepared", "side_by_side", "small_planes"]

PART = 4096  # tasks handed out to the threads at a time
T = TypeVar("T")


def _alike(shapes: Sequence[BatchShape], most: int) -> list[list[int]]:
    """Numbers of pictures that follow each other and have one shape, so many at most together."""
    found: list[list[int]] = []
    for number, shape in enumerate(shapes):
        if found and len(found[-1]) < most and shapes[found[-1][0]] == shape:
            found[-1].append(number)
        else:
            found.append([number])
    return found


def side_by_side(
    work: Callable[[list[int]], list[T]],
    shapes: Sequence[BatchShape],
    most: int,
    threads: int | None,
    progress: Progress | None,
) -> list[T]:
    """One result for each picture, in order.

    Args:
        work: the results of pictures of one shape, by their numbers.
        shapes: of all pictures.
        most: pictures in a call of `work`.
        threads: calls at a time, in parts: a file of millions of pictures does not queue millions of tasks.
        progress: called with pictures done and pictures in all.
    """
    tasks = _alike(shapes, most)
    found: list[T] = []
    for start in range(0, len(tasks), PART):
        part = tasks[start : start + PART]
        ends = list(accumulate(map(len, part), initial=len(found)))

        def one(index: int, part: list[list[int]] = part) -> list[T]:
            return work(part[index])

        def tell(done: int, _: int, ends: list[int] = ends) -> None:
            if progress:
                progress(ends[done], len(shapes))

        for results in each(one, len(part), threads, tell):
            found += results
    return found


def _batch_checksum(shapes: Sequence[BatchShape], pictures: Sequence[Pixels]) -> bytes:
    digest = hashlib.blake2b(digest_size=CHECKSUM_SIZE)
    for (mode, _, _), pixels in zip(shapes, pictures, strict=True):
        digest.update(KINDS[mode].checksum(pixels))
    return digest.digest()


def prepared(
    images: Iterable[Picture | Pixels | Image.Image], *, conversion: bool
) -> tuple[list[Pixels], list[BatchShape], dict[Mode, tuple[Layout, ...]]]:
    """Pixels and shape of each picture of a batch; and the layouts of the chroma of those of a mode, by some of them.

    Args:
        images: see `encode_batch`.
        conversion: whether the model codes what pictures were converted from.

    Raises:
        UnsupportedImage: another kind of picture.
        IDFError: there are no pictures, or one is too large.
    """
    taken = pictures_of(images)
    if other := next((picture for picture in taken if picture.cmyk or picture.structure != STILL), None):
        raise UnsupportedImage(f"a batch holds no palettes, frames, inks and other whites: a picture is {other.text}")
    pictures = [picture.pixels for picture in taken]
    for pixels in pictures:
        height, width = pixels.shape[:2]
        if max(height, width) > MAX_SIDE:
            raise IDFError(f"a picture of {width}x{height} pixels is too large for a batch: {MAX_SIDE} a side at most")
    found = detect_any([p for p in pictures if p.ndim == 3 and p.shape[2] == 3]) if conversion else ()
    kinds: list[Kind] = [kind_of(pixels, conversions=found) for pixels in pictures]
    layouts = {
        kind.mode: layouts_of([p for k, p in zip(kinds, pictures, strict=True) if k is kind], kind.conversion)
        for kind in {kind.mode: kind for kind in kinds}.values()
        if kind.conversion is not None
    }
    shapes = [(kind.mode, p.shape[0], p.shape[1]) for kind, p in zip(kinds, pictures, strict=True)]
    return pictures, shapes, layouts


def small_planes(kind: Kind, pixels: Pixels, layouts: Sequence[Layout]) -> tuple[Planes, bytes]:
    """What is coded of a picture, and what else a reader needs: there is no list of values in a batch."""
    return (kind.split(pixels), b"") if kind.conversion is None else kind.planes(pixels, layouts=layouts)


def _encode(kind: Kind, pictures: Sequence[Pixels], layouts: Sequence[Layout], coder: Coder) -> list[bytes]:
    """The payloads of pictures of one kind and size."""
    found = [small_planes(kind, pixels, layouts) for pixels in pictures]
    if kind.conversion is None:
        coded = coder.encode([planes for planes, _ in found], kind.types, small=True)
    else:
        coded = [coder.encode([planes], kind.types_with(extra), small=True)[0] for planes, extra in found]
    out = []
    for pixels, payload, (_, extra) in zip(pictures, coded, found, strict=True):
        stored, patched = kind.stored(pixels), with_small_patches(extra, payload)
        out.append(stored if patched is None or len(patched) >= len(stored) else patched)
    return out


def _decode(kind: Kind, payloads: Sequence[Buffer], shape: Shape, coder: Coder) -> list[tuple[Planes, bytes]]:
    """Planes, and what else a reader needs, of pictures that a model coded."""
    if not payloads:
        return []
    if kind.conversion is None:
        return [(p, b"") for p in coder.decode(payloads, [shape] * len(kind.types), kind.types, small=True)]
    found = []
    for extra, payload in map(split_small, payloads):
        (planes,) = coder.decode([payload], kind.shapes_with(extra, shape), kind.types_with(extra), small=True)
        found.append((planes, extra))
    return found


def _problem(coder: Coder, shapes: Sequence[BatchShape]) -> str | None:
    """Why a model does not code pictures, if it does not."""
    return next(filter(None, (kind_problem(KINDS[mode], coder) for mode, _, _ in shapes)), None)


def encode_batch(
    images: Iterable[Picture | Pixels | Image.Image],
    *,
    model: str | os.PathLike[str] | None = None,
    effort: str | None = None,
    conversion: bool = True,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> bytes:
    """Compress many small pictures into one file, from which each can be had on its own.

    Pictures of 32 x 32 pixels would otherwise be half headers. Metadata is not kept.

    Args:
        images: arrays as `encode` takes them, PIL images or pictures, up to 512 pixels on a side.
        model: name, id or folder; None is the default one for small pictures.
        effort: chooses a shipped model instead, see `models.BATCH_EFFORTS`.
        conversion: see `encode`, as are `threads`, `device` and `progress`, which counts pictures.

    Raises:
        UnsupportedImage: another kind of picture.
        ModelError: see `load_model`.
        IDFError: there are no pictures, or one is too large.
    """
    check_options(threads=threads, device=device, progress=progress)
    model = choose_model(model, effort, batch=True)
    coder = load_model(model, device=device)
    pictures, shapes, layouts = prepared(images, conversion=conversion and coder.capabilities.any_planes)
    if problem := _problem(coder, shapes):
        raise UnsupportedImage(problem)

    def work(numbers: list[int]) -> list[bytes]:
        mode = shapes[numbers[0]][0]
        return _encode(KINDS[mode], [pictures[i] for i in numbers], layouts.get(mode, ()), coder)

    payloads = side_by_side(work, shapes, coder.capabilities.side_by_side, threads, progress)
    checksum = _batch_checksum(shapes, pictures)
    return pack_batch(Batch(coder.id, checksum, tuple(shapes), tuple(payloads)))


def decode_batch(
    data: Buffer | Batch,
    *,
    pictures: Iterable[int] | None = None,
    model: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> list[Pixels]:
    """The pictures of a batch, (H, W) or (H, W, C) uint8 or uint16.

    The checksums of the blocks are compared always, that of all pixels where all pictures are decoded.

    Args:
        data: the file's bytes, or the batch that `unpack_batch` has made of them, for a program that takes pictures
            from it one by one.
        pictures: numbers, from 0, of those that are wanted; None is all of them.
        model: see `decode`, as are `threads`, `device` and `progress`, which counts pictures.
        max_pixels: more pixels, of all the wanted pictures together, are refused.

    Raises:
        CorruptFile: the file is damaged.
        ModelError: the file's model is not installed, or see `load_model`.
        IDFError: there is no picture of such a number, or the wanted ones have more than `max_pixels`.
    """
    check_options(threads=threads, device=device, progress=progress, max_pixels=max_pixels)
    batch = data if isinstance(data, Batch) else unpack_batch(file_bytes(data))
    wanted = numbers_of(pictures, len(batch.payloads))
    shapes = [batch.shapes[i] for i in wanted]
    count = sum(height * width for _, height, width in shapes)
    if count > max_pixels:
        raise IDFError(f"the pictures have {count} pixels, more than the limit of {max_pixels}")
    coder = model_of_file(batch.model, model, device=device)
    if problem := _problem(coder, shapes):
        raise CorruptFile(problem)

    def work(numbers: list[int]) -> list[Pixels]:
        mode, height, width = batch.shapes[wanted[numbers[0]]]
        kind = KINDS[mode]
        payloads = [batch.payloads[wanted[i]] for i in numbers]
        coded = [payload for payload in payloads if first_byte(payload) != STORED]
        planes = iter(_decode(kind, coded, (height, width), coder))
        out = [kind.empty(height, width) for _ in numbers]
        for picture, payload in zip(out, payloads, strict=True):
            if first_byte(payload) == STORED:
                kind.write_stored(payload, picture)
            else:
                found, extra = next(planes)
                kind.write(found, picture, extra)
        return out

    found = side_by_side(work, shapes, coder.capabilities.side_by_side, threads, progress)
    if pictures is None and _batch_checksum(batch.shapes, found) != batch.checksum:
        raise CorruptFile("the decoded pixels do not match the file's checksum")
    return found
