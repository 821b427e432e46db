"""The picture that a caller hands over, if it is one that can be meant in one way only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from idfcodec.errors import IDFError, UnsupportedImage
from idfcodec.picture.picture import Picture
from idfcodec.picture.pillow import from_image

__all__ = ["picture_of", "pictures_of"]


def picture_of(image: Any) -> Picture:
    """A `Picture`, or what `from_image` makes one of.

    Raises:
        UnsupportedImage: it is none, see `from_image`, or an array whose mask would be lost.
        IDFError: its metadata are no bytes by name.
    """
    if isinstance(image, str | bytes | os.PathLike):
        raise UnsupportedImage("pixels are needed, not a file of them: idfcodec.picture.pillow.read_picture reads it")
    if not isinstance(image, Picture):
        _check_array(image)
        return from_image(image)
    pixels = image.pixels
    _check_array(pixels)
    dtype = getattr(pixels, "dtype", None)
    if not isinstance(pixels, np.ndarray) or pixels.dtype.kind not in "bu" or pixels.dtype.itemsize > 2:
        raise UnsupportedImage(f"a Picture of {dtype or type(pixels).__name__}: samples are of uint8 or uint16")
    if not isinstance(image.metadata, Mapping):
        raise IDFError(f"metadata must be blocks of bytes by name, not {type(image.metadata).__name__}")
    for name, block in image.metadata.items():
        if not isinstance(block, bytes | bytearray | memoryview):
            raise IDFError(f"the metadata block {name!r} must be bytes, not {type(block).__name__}")
    native = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    return image if native is pixels else replace(image, pixels=native)


def pictures_of(images: Any) -> list[Picture]:
    """The pictures of a batch, from whatever gives one after the other; an array (N, H, W) or (N, H, W, C) does.

    Raises:
        UnsupportedImage: one is none, see `picture_of`.
        IDFError: there are none, or it is a single one.
    """
    if isinstance(images, Picture | Image.Image) or (
        isinstance(images, np.ndarray) and (images.ndim < 3 or (images.ndim == 3 and images.shape[2] in (2, 3, 4)))
    ):
        raise IDFError("a batch needs several pictures, and this looks like a single one: put it into a list")
    if isinstance(images, str | bytes | os.PathLike | Mapping):
        raise IDFError(f"a batch needs a list of pictures, not {type(images).__name__}")
    _check_array(images)
    try:
        found = [picture_of(image) for image in images]
    except TypeError as ex:
        raise IDFError(f"a batch needs a list of pictures, not {type(images).__name__}") from ex
    if not found:
        raise IDFError("a batch needs at least one picture")
    return found


def _check_array(image: object) -> None:
    if isinstance(image, np.ma.MaskedArray):
        raise UnsupportedImage("a masked array: its mask would be lost; fill it, or take its data")
