"""A layer of a network."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import compiled_sums
from idfcodec.flow.causal.kernels.numbers import ZERO

__all__ = ["layer"]


@compiled_sums
def layer(weights, n, outputs, scale, top, x, y):
    """y = clip(floor((w x + b) scale), 0, top), top 0: unclipped; weights (outputs, I), the bias in column n.

    All are integers in binary32, and so is every partial sum: the model's bounds are proved when it is loaded.
    """
    for o in range(0, outputs, 4):
        w0, w1, w2, w3 = weights[o], weights[o + 1], weights[o + 2], weights[o + 3]
        y0, y1, y2, y3 = w0[n], w1[n], w2[n], w3[n]
        for i in range(n):
            y0 += w0[i] * x[i]
            y1 += w1[i] * x[i]
            y2 += w2[i] * x[i]
            y3 += w3[i] * x[i]
        y[o], y[o + 1], y[o + 2], y[o + 3] = y0, y1, y2, y3
    for o in range(outputs):
        y[o] = np.floor(y[o] * scale)
    if top > ZERO:
        for o in range(outputs):
            y[o] = min(max(y[o], ZERO), top)
