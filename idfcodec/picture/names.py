"""Pixels as names of whole colours: channel c of a name at bits 8 c."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.types import Pixels

__all__ = ["names_of", "samples_of"]


def names_of(samples: Pixels) -> NDArray[np.uint32]:
    """(H, W) or (H, W, C) uint8 samples, C up to 4, as (1, H, W) names."""
    channels = samples[..., None] if samples.ndim == 2 else samples
    names = np.zeros((*channels.shape[:2], 4), np.uint8)
    names[..., : channels.shape[2]] = channels
    return names.view("<u4")[None, ..., 0].astype(np.uint32)


def samples_of(names: NDArray[np.uint32], channels: int) -> NDArray[np.uint8]:
    """(H, W) names as (H, W, channels) samples."""
    return np.ascontiguousarray(names, "<u4")[..., None].view(np.uint8)[..., :channels]
