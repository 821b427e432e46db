"""What a block has beside its coefficients' signs: the place of the last one, and magnitudes."""

from __future__ import annotations

import numpy as np

from idfcodec.compiled import called
from idfcodec.flow.coefficients.kernels.contexts import line, octave, quarter
from idfcodec.flow.coefficients.kernels.decisions import DECODE, ENCODE, FINE, LAST, LONG, LOW, ZERO, decide

__all__ = ["code_magnitude", "last_place"]


@called
def last_place(mode, last, kind, row, column, peer, memory, zigzag, m):
    """Code the place of a block's last coefficient, 0 where there is none but DC; returns it."""
    upper = memory[row - 1, column] if row > 0 else memory[row, max(column - 1, 0)]
    left = memory[row, column - 1] if column > 0 else upper
    corner = memory[row - 1, column - 1, 0] if row > 0 and column > 0 else upper[0]
    right = memory[row - 1, column + 1, 0] if row > 0 and column + 1 < memory.shape[1] else upper[0]
    mean = (2 * upper[0] + 2 * left[0] + corner + right) // 6
    other = 0
    for k in range(63, 0, -1):
        if peer[zigzag[k]] != 0:
            other = k
            break
    counts = min(upper[2], 63) * 64 + min(left[2], 63)
    totals = quarter(upper[3] + left[3], 60, m.tables)
    contexts = (
        mean,
        upper[0] * 64 + left[0],
        (corner // 4) * 256 + (right // 4) * 16 + mean // 4,
        other * 16 + mean // 4,
        counts,
        min(upper[2] + left[2], 63) * 64 + mean,
        totals * 16 + mean // 4,
    )
    for i in range(7):
        m.lines[i] = np.uint64(LONG) + line((kind * 7 + i) * 4096 + contexts[i], 0) * np.uint64(4)
    node = 1
    for b in range(5, -1, -1):
        bit = decide(mode, last >> b & 1, 7, node, LAST + kind * 64 + node, LAST + 192 + kind * 64 + mean, m)
        node = 2 * node + bit
    return node - 64


@called
def code_magnitude(mode, magnitude, count, first, kk, fine, m):
    """Code a magnitude by its length in bits, from `first` on, and the bits below the highest; returns it."""
    length = octave(magnitude, m.tables)
    level = first
    while level < 15:
        node = min(level, 6)
        more = 1 if length > level else 0
        if not decide(mode, more, count, node, ZERO + kk * 7 + node, FINE + node * 64 + fine, m):
            break
        level += 1
    if mode == DECODE:
        magnitude = 1 if level > 0 else 0
    for b in range(level - 2, -1, -1):
        head = magnitude >> (b + 1) if mode == ENCODE else magnitude
        node = 11 + min(level - 2 - b, 4)
        if level == 2:
            node = 7
        elif level == 3:
            node = 8 if b == 1 else 9 + (head & 1)
        bit = decide(mode, magnitude >> b & 1, count, node, LOW + level * 16 + b, FINE + 448 + node, m)
        if mode == DECODE:
            magnitude = 2 * magnitude + bit
    return magnitude
