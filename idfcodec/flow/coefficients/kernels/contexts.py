"""Contexts: numbers brought to few values, and the lines of counters that they name."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called
from idfcodec.flow.coefficients.kernels.decisions import OCTAVES, QUARTERS, SHORT, SLOTS

__all__ = ["bound", "eighths", "line", "octave", "quarter"]


@called
def line(context, which):
    """Where the 16 counters of a context begin."""
    h = (np.uint64(context) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    h ^= h >> np.uint64(29)
    h *= np.uint64(0xBF58476D1CE4E5B9)
    return (np.uint64(which * SLOTS) + (h >> np.uint64(50))) * np.uint64(16)


@called
def octave(value, tables):
    """0, 1, 2, 3 for 0, 1, 2 to 3, 4 to 7 and so on."""
    n = 0
    while value >= SHORT:
        value >>= 9
        n += 9
    return n + np.int64(tables[np.uint64(OCTAVES + value)])


@called
def quarter(value, most, tables):
    """The same with four steps from 4 on: 0, 1, 2, 3, 4, 5, 6, 7 for 8 to 9 and so on; `most` at most."""
    n = 0
    while value >= SHORT:
        value >>= 7
        n += 28
    return min(n + np.int64(tables[np.uint64(QUARTERS + value)]), most)


@called
def bound(value, most):
    return min(max(value, -most), most)


@called
def eighths(value):
    return np.int64(min(max(value, -250.0), 250.0) * 8.0)
