"""What several of the loops take: numbers of binary32, margins, and the logarithm."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called

__all__ = [
    "ANALYSE",
    "DECODE",
    "ENCODE",
    "HALF",
    "INVERT",
    "LANES",
    "MARGIN",
    "ONE",
    "ZERO",
    "ZEROS",
    "f4",
    "logarithm",
]

f4 = np.float32
ANALYSE, ENCODE, DECODE, INVERT = range(4)
MARGIN = 8
LANES = 64  # systems of equations that are solved side by side
ZEROS = 16  # before and after a row of sums, for what a filter sees beyond its ends
HALF, ONE, ZERO = f4(0.5), f4(1), f4(0)


@called
def logarithm(value, real, bits):
    """log2 of a positive binary32 in sixteenths, linear between powers of two: exponent and leading mantissa bits."""
    real[0] = value
    return (bits[0] >> 19) - 2032
