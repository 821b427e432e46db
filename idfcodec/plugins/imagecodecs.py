"""Functions of the names that those of the package imagecodecs have, which itself is not needed.

Example:
    >>> import numpy as np
    >>> from idfcodec.plugins.imagecodecs import idfc_check, idfc_decode, idfc_encode
    >>> data = idfc_encode(np.zeros((8, 8), np.uint8), effort="fast")
    >>> idfc_check(data), idfc_decode(data).shape
    (True, (8, 8))
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import idfcodec
from idfcodec.errors import IDFError
from idfcodec.format.container import MAGIC
from idfcodec.types import Buffer, Pixels

__all__ = ["idfc_check", "idfc_decode", "idfc_encode", "idfc_version"]


def idfc_version() -> str:
    """The name and version of the library."""
    return f"idfcodec {idfcodec.__version__}"


def idfc_check(data: Buffer, /) -> bool:
    """Whether data begins as a file of one picture does."""
    return bytes(memoryview(data)[: len(MAGIC)]) == MAGIC


def idfc_encode(
    data: Any, /, effort: str | None = None, *, model: str | None = None, numthreads: int | None = None
) -> bytes:
    """The file of an array, (H, W) or (H, W, C), bool, uint8 or uint16; see `idfcodec.encode`.

    Args:
        data: the array, or a picture; bytes are returned as they are if they are a file already.
        effort: "fast", "default" or "max".
        model: name, id or folder of a model instead.
        numthreads: tiles coded at a time; None or 0 is one for each core.

    Raises:
        IDFError: see `idfcodec.encode`.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        if not idfc_check(data):
            raise IDFError("bytes that are no idfcodec file: give an array")
        return bytes(data)
    return idfcodec.encode(data, effort=effort, model=model, threads=numthreads or None)


def idfc_decode(
    data: Buffer, /, index: int | None = None, *, numthreads: int | None = None, out: NDArray[Any] | None = None
) -> Pixels:
    """The pixels of a file; see `idfcodec.decode`.

    Args:
        data: the file's bytes.
        index: of the frame that is wanted; None is all of them, along a first axis.
        numthreads: tiles decoded at a time; None or 0 is one for each core.
        out: an array of the very shape and dtype, which is filled and returned.

    Raises:
        IndexError: there is no such frame.
        IDFError: `out` is another kind of array, or see `idfcodec.decode`.
    """
    picture = idfcodec.decode_picture(data, threads=numthreads or None)
    pixels = picture.pixels
    if index is not None:
        pixels = (pixels if picture.frames else pixels[None])[index]
    if out is None:
        return pixels
    if (out.shape, out.dtype) != (pixels.shape, pixels.dtype):
        raise IDFError(f"out is {out.dtype} {out.shape}, and the picture {pixels.dtype} {pixels.shape}")
    np.copyto(out, pixels)
    return out
