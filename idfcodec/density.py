"""A model as a density of pictures: the coder's own methods, for pixels instead of planes."""

from __future__ import annotations

import numpy as np

from idfcodec.flow.contract import Coder, Latents
from idfcodec.format.container import Mode
from idfcodec.picture.colour import KINDS, Kind, kind_of
from idfcodec.types import Pixels, Shape

__all__ = ["inverse", "latents", "log_prob", "sample"]


def _kind(gray: bool) -> Kind:
    return KINDS[Mode.GRAY if gray else Mode.RGB]


def log_prob(coder: Coder, pixels: Pixels) -> float:
    """Log-likelihood in bits (negative) of (H, W) or (H, W, 3) pixels, no conversion undone."""
    kind = kind_of(pixels)
    return coder.log_prob(kind.split(pixels), kind.types)


def latents(coder: Coder, pixels: Pixels) -> Latents:
    """The latents of (H, W) or (H, W, 3) pixels, an array for each coding step; RGB has three planes always."""
    kind = _kind(pixels.ndim == 2)
    return coder.latents(kind.split(pixels), kind.types)


def inverse(coder: Coder, z: Latents, size: Shape, *, gray: bool = False) -> Pixels:
    """The pixels whose latents are `z`, to the bit.

    Raises:
        CorruptFile: they lie outside of [0, 255].
    """
    kind = _kind(gray)
    out = kind.empty(*size)
    kind.write(coder.inverse(z, [size] * len(kind.types), kind.types), out)
    return out


def sample(coder: Coder, n: int, size: Shape, temperature: float = 1.0, *, seed: int = 0) -> Pixels:
    """(n, H, W, 3) pixels drawn from the prior; see `Coder.sample`."""
    kind = _kind(gray=False)
    out = np.empty((n, *size, 3), np.uint8)
    drawn = coder.sample(n, [size] * len(kind.types), kind.types, temperature, seed=seed)
    for picture, planes in zip(out, drawn, strict=True):
        picture[:] = kind.join(planes).astype(np.uint8)
    return out
