"""Chunks of arrays as files of one picture: what the codecs for Zarr share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.codec import decode, encode
from idfcodec.errors import UnsupportedImage
from idfcodec.format.container import MAX_PIXELS
from idfcodec.picture.picture import Frames, Picture
from idfcodec.types import Buffer

__all__ = ["check_effort", "chunk_problem", "decode_chunk", "encode_chunk"]


def check_effort(effort: str | None, model: str | None) -> None:
    """Whether there is such an effort or model.

    Raises:
        IDFError: there is not, or both are given.
    """
    from idfcodec.models import choose_model, find_model

    find_model(choose_model(model, effort))


def chunk_problem(shape: Sequence[int], dtype: np.dtype[Any]) -> str | None:
    """Why chunks of this shape and dtype are not coded, if they are not."""
    if dtype not in (np.dtype("u1"), np.dtype("<u2")):
        return f"chunks of dtype {dtype.str}: idfc codes uint8 and uint16 (little-endian)"
    if len(shape) < 2:
        return f"chunks of shape {tuple(shape)}: idfc codes (H, W), (H, W, C) and (..., H, W)"
    if 0 in shape:
        return f"chunks of shape {tuple(shape)} have no samples"
    return None


def encode_chunk(
    chunk: NDArray[Any], *, channels: bool | None, effort: str | None, model: str | None, threads: int | None
) -> bytes:
    """The file of a chunk; its shape is not in it.

    Args:
        chunk: (H, W), (..., H, W) or (..., H, W, C), C from 1 to 4, uint8 or little-endian uint16; what comes before
            is coded as pages.
        channels: whether the last axis is one of channels; None takes it for that where it has 2 to 4 of three or
            more axes. It decides about the size, not about what comes back.
        effort: see `idfcodec.encode`, as are `model` and `threads`.

    Raises:
        UnsupportedImage: another dtype or shape.
    """
    if problem := chunk_problem(chunk.shape, chunk.dtype):
        raise UnsupportedImage(problem)
    if channels is None:
        channels = chunk.ndim > 2 and 2 <= chunk.shape[-1] <= 4
    if channels and (chunk.ndim < 3 or chunk.shape[-1] > 4):
        raise UnsupportedImage(f"chunks of shape {chunk.shape} have no axis of 1 to 4 channels at their end")
    picture = chunk.shape[-3:] if channels and chunk.shape[-1] > 1 else chunk.shape[-2 - channels :][:2]
    count = chunk.size // math.prod(picture)
    pixels = np.ascontiguousarray(chunk).reshape(-1, *picture)
    frames = Frames(count) if count > 1 else None
    return encode(Picture(pixels if frames else pixels[0], frames=frames), effort=effort, model=model, threads=threads)


def decode_chunk(data: Buffer, *, threads: int | None = None) -> NDArray[Any]:
    """The samples of a chunk in their order, uint8 or little-endian uint16; the caller knows the shape.

    Raises:
        CorruptFile: the file is damaged.
        ModelError: its model is not installed.
    """
    pixels = decode(data, threads=threads, max_pixels=MAX_PIXELS)
    return pixels if pixels.dtype == np.uint8 else pixels.astype("<u2", copy=False)
