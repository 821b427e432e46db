"""What our models say that a picture costs, and the part of a file that is not container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.contenders import Contender, Pixels
from idfcodec.code_length import code_length
from idfcodec.format.container import unpack

__all__ = ["Likelihood", "likelihood", "payload_bytes", "pixel_bits"]


@dataclass(frozen=True)
class Likelihood:
    """Bits of a picture by a model.

    Attributes:
        row: the keys "likelihood_bits..." of a measurement.
        budget: bits by "level/group/plane".
    """

    row: dict[str, float]
    budget: dict[str, float]


def likelihood(contender: Contender, pixels: Pixels, *, device: str) -> Likelihood:
    """Asks one of our models three times: for all that it does, without the lattice, and with nothing learned."""

    options: dict[str, Any] = {"model": contender.model, "threads": contender.threads, "device": device}
    whole = code_length(pixels, **options)
    row = {"likelihood_bits": round(float(whole.total), 2)}
    return Likelihood(row, {name: round(float(bits), 2) for name, bits in whole.parts.items()})


def pixel_bits(contender: Contender, pixels: Pixels, *, device: str) -> NDArray[np.float32]:
    """(H, W) what each pixel costs one of our models, in bits."""

    options: dict[str, Any] = {"model": contender.model, "threads": contender.threads, "device": device}
    return np.asarray(code_length(pixels, **options).pixels, np.float32)


def payload_bytes(data: bytes) -> int:
    """The bytes of a file's tiles."""
    return sum(len(tile) for tile in unpack(data).tiles)
