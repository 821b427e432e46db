"""The compiled loop of the categorical family: whole colours, one after the other, by mixed binary decisions.

All numbers are integers. Hashes have 32 bits, in int64, and their multipliers 31, so that no product overflows, with
or without compiling. Chances are of 2**16. A slot of 32 bits holds a chance (16), how often it was used (8) and the
last decisions after a leading one (8). FORMAT.md, 12, specifies all of it.

Compiling takes its time by variables and calls: neighbours and contexts are loops over small tables, small arrays are
one (`scratch`, `plan`).
"""

from idfcodec.flow.categorical.kernels.fitting import FITTED
from idfcodec.flow.categorical.kernels.numbers import DECODE, ENCODE, PAD
from idfcodec.flow.categorical.kernels.strip import code_strip

__all__ = ["DECODE", "ENCODE", "FITTED", "PAD", "code_strip"]
