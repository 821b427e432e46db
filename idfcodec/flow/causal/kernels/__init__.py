"""The compiled loops of the causal flow: least squares a cell, a network and a symbol a pixel.

Everything that decides about bits is either an integer or binary32, one correctly rounded operation at a time in a
fixed order: no loop sums anything that a vectoriser could sum otherwise. The arithmetic is specified in FORMAT.md, 6.

Planes lie in one array (planes, height + 2 MARGIN, width + 2 MARGIN) of binary32 with integer values, so that every
neighbour has an address. The margins of finished planes repeat their edges; those of the plane in hand hold what both
sides know (`plane`).

Functions are compiled one by one: within one large function, whatever is inlined takes longer to compile than apart.
Loops run from 0 over slices and not over shifted indices: so the compiler knows that none is negative, and
vectorises.
"""

from idfcodec.flow.causal.kernels.layer import FINER, INPUTS, WIDTH
from idfcodec.flow.causal.kernels.numbers import ANALYSE, DECODE, ENCODE, INVERT, LANES, MARGIN, ZEROS
from idfcodec.flow.causal.kernels.plane import code_plane

__all__ = [
    "ANALYSE",
    "DECODE",
    "ENCODE",
    "FINER",
    "INPUTS",
    "INVERT",
    "LANES",
    "MARGIN",
    "WIDTH",
    "ZEROS",
    "code_plane",
]
