"""Undoing a conversion and doing it again: pixels to source planes and exceptions, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile, IDFError
from idfcodec.picture.conversion.finding import alike, likely
from idfcodec.picture.conversion.halving import first_guess, halved, upsampled
from idfcodec.picture.conversion.layout import FULL, Layout
from idfcodec.picture.conversion.table import Conversion

__all__ = ["NONE", "Exceptions", "layouts_of", "preimages", "redo", "unclipped", "undo", "undo_best"]

Pixels = NDArray[np.uint8]
Planes = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]
_Guess = tuple[Layout, NDArray[np.int32], float]  # a layout, and what `first_guess` says of it
_SHARE = 0.9  # of a tile's pixels that are not clipped: exceptions, of some 12 bits, cost what is gained on the others
_GUESSED = 0.7  # of them that come back before anything is moved, if the layout is the true one
_SURE = 0.93  # the same of a layout that other pictures have, so that no further phase is tried
_HOPELESS = 0.15  # of the known pixels wrong when samples have moved: there will be more exceptions than pay
_FEW = 0.005  # of a picture's pixels, with a layout that others have: if there are more, its own is looked for
_EACH, _PICTURES = 16, 64  # of many small pictures one in so many, and so many at most, tell the layouts of the others
_EXCEPTIONS = 0.03  # of a tile's pixels: 7 bits each, where halved chroma gains 0.4 bits a pixel or more


@dataclass(frozen=True)
class Exceptions:
    """The pixels that no source gives, and what they differ by.

    Attributes:
        positions: row · width + column of each, ascending: (N,) int64.
        differences: the pixel less what its source gives, in R, G and B: (N, 3) int16, no row all zero.
    """

    positions: NDArray[np.int64]
    differences: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.positions)


NONE = Exceptions(np.empty(0, np.int64), np.empty((0, 3), np.int16))


def undo(rgb: Pixels, conversion: Conversion, layout: Layout = FULL) -> tuple[Planes, Exceptions]:
    """The source planes of a picture: `redo` gives it back exactly.

    Args:
        rgb: (H, W, 3) uint8.
        conversion: a row of the table.
        layout: of the chroma planes.

    Returns:
        Y, C1 and C2, int32 within the row's ranges, Y (H, W) and the others as the layout says; and the pixels that
        have no exact preimage.
    """
    rgb = np.array(rgb, np.uint8, order="C")  # writable, too: machine code is made once for each kind of array
    planes, exact = preimages(rgb, conversion)
    if not layout.filter:
        return _full(rgb, conversion, planes, exact)
    known = exact & unclipped(rgb)
    samples, _ = first_guess(planes[1:], known, layout, conversion)
    found = _halved(rgb, conversion, layout, planes, known, samples, 1.0)
    if found is None:  # which is only where fewer exceptions are allowed
        raise IDFError(f"the layout {layout} takes more exceptions than there are pixels")
    return found


def undo_best(
    rgb: Pixels, conversion: Conversion, layouts: Sequence[Layout] = ()
) -> tuple[Planes, Exceptions, Layout] | None:
    """The same with the layout that suits a tile, or None where the conversion did not make it.

    Args:
        layouts: of pictures like it, tried first, in all phases; with `FULL` among them, no others are.
    """
    rgb = np.array(rgb, np.uint8, order="C")  # writable, too: machine code is made once for each kind of array
    planes, exact = preimages(rgb, conversion)
    clear = unclipped(rgb)
    known = exact & clear
    if np.count_nonzero(known) < _SHARE * np.count_nonzero(clear):
        return None
    chroma = planes[1:], known, conversion
    found = _first(rgb, conversion, planes, known, _alike(*chroma, layouts))
    if FULL not in layouts and (found is None or len(found[1]) > _FEW * exact.size):
        other = _first(rgb, conversion, planes, known, (_guess(*chroma, layout) for layout in likely(*chroma)))
        if found is None or (other is not None and len(other[1]) < len(found[1])):
            found = other
    return found or (*_full(rgb, conversion, planes, exact), FULL)


def _first(
    rgb: Pixels,
    conversion: Conversion,
    planes: NDArray[np.int32],
    known: NDArray[np.bool_],
    guesses: Iterable[_Guess],
) -> tuple[Planes, Exceptions, Layout] | None:
    """What the first of some layouts makes that leaves few exceptions."""
    least = _GUESSED
    for layout, samples, share in guesses:
        if share < least:
            continue
        least = share  # the next one has more samples: if it is the true one, more of it comes back
        found = _halved(rgb, conversion, layout, planes.copy(), known, samples, _HOPELESS)
        if found is not None and len(found[1]) <= _EXCEPTIONS * known.size:
            return (*found, layout)
    return None


def layouts_of(pictures: Sequence[NDArray[Any]], conversion: Conversion) -> tuple[Layout, ...]:
    """The layouts, in phase 0, of some of many small pictures that a conversion made, the most frequent first.

    None of a few pictures. `FULL` is among them only if half of them have it.
    """
    step = max(min(_EACH, len(pictures) // 4), -(-len(pictures) // _PICTURES))
    some = pictures[::step] if len(pictures) >= _EACH else ()
    found = [replace(source[2], phase=(0, 0)) for rgb in some if (source := undo_best(rgb, conversion))]
    counts = Counter(found).most_common()
    return tuple(layout for layout, count in counts if layout != FULL or 2 * count >= len(found))


def _guess(chroma: NDArray[np.int32], known: NDArray[np.bool_], conversion: Conversion, layout: Layout) -> _Guess:
    return (layout, *first_guess(chroma, known, layout, conversion))


def _alike(
    chroma: NDArray[np.int32], known: NDArray[np.bool_], conversion: Conversion, layouts: Sequence[Layout]
) -> list[_Guess]:
    """Of the layouts of other pictures, and their phases, the best one, if any is possible."""
    tried: list[_Guess] = []
    for layout in alike(chroma, known, layouts):
        tried.append(_guess(chroma, known, conversion, layout))
        if tried[-1][2] >= _SURE:
            break
    return [max(tried, key=lambda guess: guess[2])] if tried else []


def unclipped(rgb: Pixels) -> NDArray[np.bool_]:
    """Where no channel of (H, W, 3) pixels is 0 or 255."""
    low, high = np.minimum(rgb[..., 0], rgb[..., 1]), np.maximum(rgb[..., 0], rgb[..., 1])
    found: NDArray[np.bool_] = (np.minimum(low, rgb[..., 2]) > 0) & (np.maximum(high, rgb[..., 2]) < 255)
    return found


def _full(
    rgb: Pixels, conversion: Conversion, planes: NDArray[np.int32], exact: NDArray[np.bool_]
) -> tuple[Planes, Exceptions]:
    positions = np.flatnonzero(~exact)
    differences = np.zeros((len(positions), 3), np.int16)
    if len(positions):
        from idfcodec.picture.conversion import kernels

        kernels.nearest(rgb, positions, conversion.tables, conversion.constants, planes, differences)
        wrong = differences.any(axis=1)
        positions, differences = positions[wrong], differences[wrong]
    return (planes[0], planes[1], planes[2]), Exceptions(positions, differences)


def _halved(
    rgb: Pixels,
    conversion: Conversion,
    layout: Layout,
    planes: NDArray[np.int32],
    known: NDArray[np.bool_],
    samples: NDArray[np.int32],
    most: float,
) -> tuple[Planes, Exceptions] | None:
    found = halved(rgb, planes, known, samples, layout, conversion, most)
    if found is None:
        return None
    (first, second), exact = found
    positions = np.flatnonzero(~exact)
    exceptions = Exceptions(positions, np.empty((len(positions), 3), np.int16))
    if len(positions):
        made = redo(tuple(planes), conversion, NONE).reshape(-1, 3)[positions]
        exceptions.differences[:] = rgb.reshape(-1, 3)[positions].astype(np.int16) - made
    return (planes[0], first, second), exceptions


def preimages(rgb: Pixels, conversion: Conversion) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """(3, H, W) int32 source planes, and where in (H, W) they give the pixel exactly."""
    from idfcodec.picture.conversion import kernels

    height, width = rgb.shape[:2]
    planes, exact = np.empty((3, height, width), np.int32), np.empty((height, width), np.bool_)
    tables, rates, constants = conversion.tables, conversion.rates, conversion.constants
    writable = np.require(rgb, np.uint8, ["C", "W"])  # machine code is made once for each kind of array
    kernels.undo(writable, tables, rates, constants, planes, exact)
    return planes, exact


def redo(
    planes: Sequence[NDArray[np.int32]], conversion: Conversion, exceptions: Exceptions, layout: Layout = FULL
) -> Pixels:
    """The picture, (H, W, 3) uint8, of its source planes.

    Raises:
        CorruptFile: a sample, a position or a corrected pixel is out of range.
    """
    from idfcodec.picture.conversion import kernels

    for plane, low, high in zip(planes, conversion.low, conversion.high, strict=True):
        if plane.size and (plane.min() < low or plane.max() > high):
            raise CorruptFile(f"a sample of the {conversion.name} planes is outside [{low}, {high}]")
    luma, *chroma = (np.ascontiguousarray(plane, np.int32) for plane in planes)
    shape = (luma.shape[0], luma.shape[1])
    if layout.filter:
        if any(plane.shape != layout.shape(shape) for plane in chroma):
            raise CorruptFile(f"the chroma planes of {conversion.name} have the wrong size")
        chroma = [upsampled(plane, layout, shape)[0] for plane in chroma]
    rgb = np.empty((*shape, 3), np.uint8)
    kernels.redo(np.stack((luma, *chroma)), conversion.tables, conversion.constants, rgb)
    patch(rgb, exceptions)
    return rgb


def patch(rgb: Pixels, exceptions: Exceptions) -> None:
    """Add the differences to the pixels of a picture, contiguous and in place."""
    if not len(exceptions):
        return
    flat = rgb.reshape(-1, 3)
    if exceptions.positions[-1] >= len(flat):
        raise CorruptFile("an exception of the colour conversion lies outside the picture")
    patched = flat[exceptions.positions] + exceptions.differences
    if patched.min() < 0 or patched.max() > 255:
        raise CorruptFile("an exception of the colour conversion leads outside [0, 255]")
    flat[exceptions.positions] = patched
