"""The compiled loop that takes an upsampling back: relaxation towards samples that make a plane, or bounds of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled

__all__ = ["invert"]

RATE = 1.1  # of over-relaxation
WIDE = 500  # bounds further apart are none


@compiled
def invert(
    low: NDArray[np.int16],
    high: NDArray[np.int16],
    down: int,
    across: int,
    smooth: bool,
    rounds: int,
    slack: float,
    todo: NDArray[np.bool_],
    samples: NDArray[np.float64],
) -> None:
    """The samples whose upsampling is nearest to a plane: by relaxation, `samples` to begin with.

    What is off by no more than `slack` counts as right.

    Args:
        low, high: (H, W) bounds of the plane, alike where it is known.
        down, across, smooth: see `kernels.upsample`.
        todo: of blocks of 8 by 8 samples, those that may move.
        samples: of ⌈H / down⌉ rows and ⌈W / across⌉ columns, changed.
    """
    height, width = low.shape
    rows, columns = samples.shape
    for turn in range(rounds):
        for r in range(rows):
            for c in range(columns):
                if not todo[r >> 3, c >> 3]:
                    continue
                total, norm = 0.0, 0.0
                for i in range(down):
                    y = r * down + i
                    if y >= height:
                        continue
                    v = min(max(r + (2 * i - 1 if smooth and down == 2 else 0), 0), rows - 1)
                    a = 0.75 if v != r else 1.0
                    for j in range(across):
                        x = c * across + j
                        if x >= width or high[y, x] - low[y, x] > WIDE:
                            continue
                        h = min(max(c + (2 * j - 1 if smooth and across == 2 else 0), 0), columns - 1)
                        b = 0.75 if h != c else 1.0
                        value = a * (b * samples[r, c] + (1.0 - b) * samples[r, h])
                        value += (1.0 - a) * (b * samples[v, c] + (1.0 - b) * samples[v, h])
                        lack = max(low[y, x] - slack - value, 0.0) + min(high[y, x] + slack - value, 0.0)
                        if lack != 0.0 or low[y, x] == high[y, x]:
                            total += a * b * lack
                            norm += a * b * a * b
                if norm > 0.0:
                    samples[r, c] += RATE * total / norm
                else:  # as its neighbours; the last ones as those within, as an upsampling has it at the edges
                    near, count = 0.0, 0.0
                    if r > 0 and c < columns - 1:
                        near, count = near + samples[r - 1, c], count + 1.0
                    if c > 0 and (r < rows - 1 or c == columns - 1):
                        near, count = near + samples[r, c - 1], count + 1.0
                    if turn and r < rows - 1 and 0 < c < columns - 1:
                        near, count = near + samples[r + 1, c], count + 1.0
                    if turn and c < columns - 1 and 0 < r < rows - 1:
                        near, count = near + samples[r, c + 1], count + 1.0
                    if count > 0.0:
                        samples[r, c] = near / count
