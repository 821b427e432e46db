"""The loop that codes the blocks of a plane: coefficient by coefficient, each by decisions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled_loops
from idfcodec.flow.coefficients.kernels.contexts import bound, eighths, line, octave, quarter
from idfcodec.flow.coefficients.kernels.decisions import (
    DC,
    DC_LOW,
    DECODE,
    ENCODE,
    FEATURES,
    SIGN,
    decide,
)
from idfcodec.flow.coefficients.kernels.numbers import code_magnitude, last_place

__all__ = ["Scratch", "code_rows"]

LEARN = 0.015  # of the estimates


class Scratch(NamedTuple):
    """Room for what the loop computes of a block.

    Attributes:
        features: (FEATURES,) float64 of a coefficient.
        sizes: (96,) float64, magnitudes of a block, in samples; zeros beyond it.
        upper_edge, left_edge: (8,) float64.
        nothing: (64,) int16, zeros: a block that is missing.
    """

    features: NDArray[np.float64]
    sizes: NDArray[np.float64]
    upper_edge: NDArray[np.float64]
    left_edge: NDArray[np.float64]
    nothing: NDArray[np.int16]


@compiled_loops
def code_rows(
    mode,
    kind,
    blocks,
    begin,
    end,
    other,
    steps,
    basis,
    zigzag,
    memory,
    m,
    scratch,
):
    """Code the block rows from `begin` to `end` of a plane.

    Args:
        mode: ENCODE or DECODE.
        kind: 0 luma, 1 and 2 chroma.
        blocks: (rows, columns, 64) int16 quantised coefficients, in rows; written by a decoder.
        other: the same of a plane that is known; of no rows, if there is none.
        steps: (64,) quantisation steps.
        basis: (8,) float64, what each basis function is at a block's edge.
        zigzag: (64,).
        memory: (rows, columns, 4) int64 of the blocks: place of the last coefficient, DC's error, number of other
            coefficients, sum of their magnitudes.
        m: `Model`.
        scratch: `Scratch`.
    """
    columns = blocks.shape[1]
    lines, tables = m.lines, m.tables
    feature, size, nothing = scratch.features, scratch.sizes, scratch.nothing
    upper_edge, left_edge = scratch.upper_edge, scratch.left_edge
    for row in range(begin, end):
        for column in range(columns):
            if mode == DECODE and m.coder[0] == np.uint64(0) and m.coder[1] == np.uint64(0):
                m.coder[2] = np.uint64(1)  # there is a 0 among the decisions of every block: this cannot be the end
                return
            block = blocks[row, column]
            up = blocks[row - 1, column] if row > 0 else nothing
            left = blocks[row, column - 1] if column > 0 else nothing
            corner = blocks[row - 1, column - 1] if row > 0 and column > 0 else nothing
            right = blocks[row - 1, column + 1] if row > 0 and column + 1 < columns else nothing
            up2 = blocks[row - 2, column] if row > 1 else nothing
            left2 = blocks[row, column - 2] if column > 1 else nothing
            peer = nothing
            if other.shape[0]:
                peer = other[row * other.shape[0] // blocks.shape[0], column * other.shape[1] // columns]
            for k in range(8):
                upper_edge[k], left_edge[k] = 0.0, 0.0
                for j in range(8):
                    sign = -1.0 if j & 1 else 1.0
                    upper_edge[k] += sign * basis[j] * (np.float64(up[8 * j + k]) * np.float64(steps[8 * j + k]))
                    left_edge[k] += sign * basis[j] * (np.float64(left[8 * k + j]) * np.float64(steps[8 * k + j]))
            for k in range(64):
                size[k] = 0.0
            last = 0
            if mode == ENCODE:
                for k in range(63, 0, -1):
                    if block[zigzag[k]] != 0:
                        last = k
                        break
            last = last_place(mode, last, kind, row, column, peer, memory, zigzag, m)
            count = 0
            total = 0
            for k in range(last, 0, -1):
                place = zigzag[k]
                v, u = place // 8, place % 8
                step = np.float64(steps[place])
                kk = kind * 64 + k
                above, before = abs(np.int64(up[place])), abs(np.int64(left[place]))
                feature[0], feature[1] = np.float64(above), np.float64(before)
                feature[2] = abs(np.float64(corner[place]))
                feature[3] = abs(np.float64(right[place]))
                feature[4] = abs(np.float64(up2[place]))
                feature[5] = abs(np.float64(left2[place]))
                feature[6] = size[place + 1] / step if u < 7 else 0.0
                feature[7] = size[place + 8] / step
                feature[8] = size[place + 9] / step if u < 7 else 0.0
                feature[9] = size[place + 2] / step if u < 6 else 0.0
                feature[10] = size[place + 16] / step
                feature[11] = size[place - 7] / step if u < 7 and v > 0 else 0.0
                feature[12] = size[place + 7] / step if u > 0 else 0.0
                feature[13] = abs(np.float64(peer[place]))
                from_up = upper_edge[u] / (basis[v] * step) if row > 0 else 0.0
                from_left = left_edge[v] / (basis[u] * step) if column > 0 else 0.0
                feature[14] = min(abs(from_up), 256.0) + min(abs(from_left), 256.0)
                feature[15] = 0.25
                theta = m.learned[kk]
                guess, power = 0.0, 1.0
                for i in range(FEATURES):
                    guess += theta[i] * feature[i]
                    power += feature[i] * feature[i]
                fine = quarter(np.int64(min(max(guess, 0.0), 4000.0) * 16.0), 63, tables)
                near = np.int64((feature[6] + feature[7] + feature[8]) * 4.0)
                far = np.int64((feature[9] + feature[10] + feature[11] + feature[12]) * 2.0)
                pu, pl = eighths(from_up), eighths(from_left)
                around = 3 * (above + before) + abs(np.int64(corner[place])) + abs(np.int64(right[place]))
                beside, below = np.int64(feature[6] * 4.0), np.int64(feature[7] * 4.0)
                slant = min(octave(np.int64(feature[8] * 4.0), tables), 7)
                aside = min(abs(np.int64(corner[place])), 3)
                lines[0] = np.uint64((kk * 64 + fine) * 16)
                pair = quarter(2 * above, 15, tables) * 64 + quarter(2 * before, 15, tables) * 4
                lines[1] = line(kk * 4096 + pair + aside, 1)
                lines[2] = line((kk * 64 + quarter(around, 31, tables)) * 64 + quarter(near, 31, tables), 2)
                lines[3] = line((kk * 64 + last) * 64 + count, 3)
                pair = quarter(beside, 31, tables) * 1024 + quarter(below, 31, tables) * 32
                lines[4] = line(kk * 32768 + pair + slant, 4)
                lines[5] = line((kk * 64 + quarter(abs(pu), 40, tables)) * 64 + fine // 4, 5)
                lines[6] = line((kk * 64 + quarter(abs(pl), 40, tables)) * 64 + fine // 4, 6)
                same = quarter(abs(np.int64(peer[place])) * 4, 40, tables)
                lines[7] = line((kk * 64 + same) * 64 + fine // 2, 7)
                lines[8] = line((kind * 64 + fine) * 64 + quarter(total, 40, tables), 8)
                lines[9] = line((kk * 64 + fine) * 16 + min(octave(far, tables), 15), 9)
                lines[10] = line((kk * 64 + quarter(around + near, 40, tables)) * 64 + last - k, 10)
                value = np.int64(block[place])
                magnitude = code_magnitude(mode, abs(value), 11, 1 if k == last else 0, kk, fine, m)
                if magnitude:
                    su, sl = min(octave(abs(pu) // 2, tables), 9), min(octave(abs(pl) // 2, tables), 9)
                    both = su + sl
                    su, sl = su if pu > 0 else -su, sl if pl > 0 else -sl
                    large = min(magnitude, 3)
                    lines[0] = line(((kk * 32 + su + 10) * 32 + sl + 10) * 4 + large, 11)
                    lines[1] = line((kk * 256 + bound(pu, 120) + 128) * 4 + large, 12)
                    lines[2] = line((kk * 256 + bound(pl, 120) + 128) * 4 + large, 12) + np.uint64(1)
                    pair = bound(np.int64(up[place]), 2) * 8 + bound(np.int64(left[place]), 2)
                    lines[3] = line(kk * 64 + pair, 11) + np.uint64(1)
                    lines[4] = line((kk * 8 + bound(np.int64(peer[place]), 2)) * 4 + large, 11) + np.uint64(2)
                    signs = 0
                    for i in range(4):
                        j = (place + 1, place + 8, place + 16, place + 2)[i]
                        inside = (u < 7, v < 7, v < 6, u < 6)[i]
                        signs = 3 * signs + (bound(np.int64(block[j]), 1) + 1 if inside else 1)
                    lines[5] = line(kk * 81 + signs, 11) + np.uint64(3)
                    lines[6] = line((kind * 512 + bound((pu + pl) // 2, 250) + 256) * 4 + large, 12) + np.uint64(2)
                    bit = decide(mode, 1 if value < 0 else 0, 7, 0, SIGN + kk, SIGN + 192 + both, m)
                    value = -magnitude if bit else magnitude
                    count += 1
                    total += magnitude
                    size[place] = np.float64(magnitude) * step
                    upper_edge[u] -= np.float64(value) * step * basis[v]
                    left_edge[v] -= np.float64(value) * step * basis[u]
                    block[place] = value
                error = min(np.float64(magnitude), 3.0 * max(guess, 0.0) + 8.0) - guess
                rate = LEARN * error / power
                for i in range(FEATURES):
                    theta[i] += rate * feature[i]
            step = basis[0] * np.float64(steps[0])
            from_up, from_left = upper_edge[0] / step, left_edge[0] / step
            if column == 0:
                from_left = from_up
            elif row == 0:
                from_up = from_left
            spread = np.int64(min(abs(from_up - from_left), 4000.0) * 4.0)
            expected = np.int64(np.floor(min(max((from_up + from_left) * 0.5, -32000.0), 32000.0) + 0.5))
            side = bound(np.int64(bound(from_up - np.float64(expected), 250.0)), 250) + 256
            wide = quarter(spread, 40, tables)
            eu = memory[row - 1, column, 1] if row > 0 else 0
            el = memory[row, column - 1, 1] if column > 0 else 0
            lines[0] = line((kind * 64 + wide) * 64 + quarter(abs(eu) + abs(el), 63, tables), 13)
            lines[1] = line(((kind + 3) * 64 + wide) * 64 + last, 13)
            pair = quarter(abs(eu), 63, tables) * 64 + quarter(abs(el), 63, tables)
            lines[2] = line(kind * 4096 + pair, 14)
            pair = quarter(total, 50, tables) * 64 + min(octave(spread, tables), 12)
            lines[3] = line((kind + 3) * 4096 + pair, 14)
            lines[4] = line(kind * 512 + side, 15)
            pair = quarter(spread + 2 * (abs(eu) + abs(el)), 50, tables)
            lines[5] = line((kind + 9) * 512 + pair, 15)
            lines[6] = line(kind + 7777, 15)
            value = np.int64(block[0]) - expected
            magnitude = abs(value)
            length = octave(magnitude, tables)
            level = 0
            while level < 17:
                node = min(level, 10)
                more = 1 if length > level else 0
                if not decide(mode, more, 7, node, DC + kind * 16 + node, DC + 48 + wide, m):
                    break
                level += 1
            if mode == DECODE:
                magnitude = 1 if level > 0 else 0
            for b in range(level - 2, -1, -1):
                node = 11 + min(level - 2 - b, 4)
                bit = decide(mode, magnitude >> b & 1, 7, node, DC_LOW + level * 16 + b, DC + 96 + kind, m)
                if mode == DECODE:
                    magnitude = 2 * magnitude + bit
            if magnitude:
                large = min(magnitude, 3)
                signs = (bound(eu, 3) + 3) * 8 + bound(el, 3) + 3
                lines[0] = line((kind * 512 + side) * 4 + large, 14) + np.uint64(15)
                lines[1] = line((kind * 64 + signs) * 4 + large, 15) + np.uint64(15)
                lines[2] = line(kind * 4 + large, 13) + np.uint64(15)
                bit = decide(mode, 1 if value < 0 else 0, 3, 0, DC + 100 + kind, DC + 104 + kind, m)
                value = -magnitude if bit else magnitude
            else:
                value = 0
            if mode == DECODE:
                block[0] = bound(value + expected, 32767)
            memory[row, column, 0] = last
            memory[row, column, 1] = value
            memory[row, column, 2] = count
            memory[row, column, 3] = total
