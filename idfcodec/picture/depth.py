"""Samples that use fewer bits than they have: a scale says which values occur, so that only these are coded.

A scale is a depth of d bits, a form, and the number t of bits that its samples have, d <= t <= 16. The sample that
stands for a value v in [0, 2^d) is, with d = t the value itself, and

    0, shifted:    v << (t - d)
    1, repeated:   v << (t - d) | v >> (2 d - t),  2 d >= t
    2, stretched:  ((2^t - 1) v + (2^d - 1 >> 1)) // (2^d - 1)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idfcodec.errors import CorruptFile
from idfcodec.types import Pixels

__all__ = ["DEPTH", "Scale", "pack_scales", "scale_of", "unpack_scales"]

SHIFTED, REPEATED, STRETCHED = range(3)
DEPTH = 16
_FEW = 1024  # samples that a scale must fit before all are looked at


@dataclass(frozen=True)
class Scale:
    """How values of few bits stand in samples.

    Args:
        bits: of a value.
        top: bits of a sample.
        form: one of those above.
    """

    bits: int
    top: int
    form: int = SHIFTED

    @property
    def most(self) -> int:
        """The largest value."""
        return (1 << self.bits) - 1

    def samples(self, values: NDArray[np.int32]) -> NDArray[np.int32]:
        """The samples that values stand for."""
        if self.bits == self.top:
            return values
        if self.form == STRETCHED:
            stretched = (((1 << self.top) - 1) * values.astype(np.int64) + (self.most >> 1)) // self.most
            return stretched.astype(np.int32)
        high = values << (self.top - self.bits)
        return high | values >> (2 * self.bits - self.top) if self.form == REPEATED else high

    def values(self, samples: Pixels) -> NDArray[np.int32]:
        """The values that give these samples, if any do."""
        wide = samples.astype(np.int32)
        if self.form == STRETCHED:
            most = (1 << self.top) - 1
            return ((wide.astype(np.int64) * self.most + (most >> 1)) // most).astype(np.int32)
        return wide >> (self.top - self.bits)

    def packed(self) -> bytes:
        """Two bytes: the depth, and the form and the bits of the samples less one."""
        return bytes((self.bits, self.form << 4 | self.top - 1))

    def fits(self, samples: Pixels) -> bool:
        """Whether values give these samples."""
        return np.array_equal(self.samples(self.values(samples)), samples)


def _scales(low: int) -> Iterator[Scale]:
    """All that leave bits out and whose samples have `low` bits or more; those of the smallest values first."""
    for left_out in range(DEPTH - 1, 0, -1):
        for top in range(max(low, left_out + 1), DEPTH + 1):
            bits = top - left_out
            yield Scale(bits, top)
            if bits >= left_out:
                yield Scale(bits, top, REPEATED)
            yield Scale(bits, top, STRETCHED)


def scale_of(samples: Pixels) -> Scale:
    """The scale of uint16 samples that has the smallest values."""
    low = max(int(samples.max()).bit_length(), 1)
    few = samples[:: max(len(samples) // 8, 1)].ravel()
    few = few[:: max(len(few) // _FEW, 1)]
    return next((s for s in _scales(low) if s.fits(few) and s.fits(samples)), Scale(low, low))


def pack_scales(scales: list[Scale]) -> bytes:
    """Two bytes each."""
    return b"".join(scale.packed() for scale in scales)


def unpack_scales(data: bytes, count: int) -> list[Scale]:
    """What `pack_scales` packed.

    Raises:
        CorruptFile: these cannot be so many scales.
    """
    if len(data) != 2 * count:
        raise CorruptFile(f"the scales of a tile have {len(data)} bytes instead of {2 * count}")
    scales = [Scale(bits, (last & 15) + 1, last >> 4) for bits, last in zip(data[::2], data[1::2], strict=True)]
    for s in scales:
        least = -(-s.top // 2) if s.form == REPEATED else 1
        if s.form > STRETCHED or not least <= s.bits <= s.top or (s.form and s.bits == s.top):
            raise CorruptFile(f"a tile has an unknown scale: {s.bits} bits in {s.top} of form {s.form}")
    return scales
