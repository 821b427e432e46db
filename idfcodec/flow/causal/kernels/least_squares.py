"""Weighted least squares by rows: sums of products, solutions a cell, and what of predictions is known before a row."""

from __future__ import annotations

from idfcodec.compiled import called
from idfcodec.flow.causal.kernels.numbers import HALF, MARGIN, ONE, ZERO, ZEROS, f4

__all__ = ["accumulate", "prepare", "regressors", "solve"]

LEAST = f4(1e-3)  # added to the diagonal
TINY = f4(1e-9)


@called
def solve(sums, prior, n, first, lanes, belief, ridge, system, inverse, pivot, coefficients):
    """Solve the normal equations of `lanes` neighbouring cells from `first` on, by elimination, lane by lane.

    Args:
        sums: (n (n + 3) / 2, cells) upper triangle of x x', each row followed by its x y.
        prior: (N, N + 1) mean sums, added `belief` times.
        system, inverse, pivot: scratch, (n (n + 3) / 2, LANES), (LANES,), (N + 1, LANES).
        coefficients: (N, cells), written.
    """
    e = 0
    for i in range(n):
        for j in range(i, n + 1):
            t = belief * prior[i, j]
            row = sums[e]
            source, target = row[first : first + lanes], system[e]
            for k in range(lanes):
                target[k] = source[k] + t
            if i == j:
                for k in range(lanes):
                    target[k] = target[k] * (ONE + ridge) + LEAST
            e += 1
    head = 0
    for i in range(n):
        length = n + 1 - i
        diagonal = system[head]
        for k in range(lanes):
            inverse[k] = ONE / max(diagonal[k], TINY)
        for j in range(1, length):
            source, target = system[head + j], pivot[j]
            for k in range(lanes):
                target[k] = source[k] * inverse[k]
        e = head + length
        for h in range(1, length - 1):
            factor = system[head + h]
            for j in range(h, length):
                target, source = system[e], pivot[j]
                for k in range(lanes):
                    target[k] -= factor[k] * source[k]
                e += 1
        for j in range(1, length):
            target, source = system[head + j], pivot[j]
            for k in range(lanes):
                target[k] = source[k]
        head += length
    for back in range(n):
        i = n - 1 - back
        length = n + 1 - i
        head -= length
        right = system[head + length - 1]
        for j in range(i + 1, n):
            row, factor = coefficients[j], system[head + j - i]
            source = row[first : first + lanes]
            for k in range(lanes):
                right[k] -= factor[k] * source[k]
        row = coefficients[i]
        target = row[first : first + lanes]
        for k in range(lanes):
            target[k] = right[k]


@called
def accumulate(sums, x, weighted, n, every, cells, forget, a, b):
    """Move the sums one row down: what was, and this row's products spread along it, forgotten a bit.

    The products of `every` pixels are summed to a cell. A cell at distance d counts forget^(every d) times, as far as
    eight cells: a filter to the right and one to the left, each in three doublings.

    Args:
        sums: (n (n + 3) / 2, cells), changed.
        x, weighted: (n + 1, width) regressors and the value itself; times their weights.
        a, b: scratch, (>= cells + 2 ZEROS,), zero beyond the cells.
    """
    f1 = ONE
    for _ in range(every):
        f1 *= forget
    f2 = f1 * f1
    f4_ = f2 * f2
    norm = ONE - f2
    a0, b0 = a[ZEROS : ZEROS + cells], b[ZEROS : ZEROS + cells]
    a_left1, b_left2, a_left4 = a[ZEROS - 1 : -1], b[ZEROS - 2 : -2], a[ZEROS - 4 : -4]
    b_right1, a_right2, b_right4 = b[ZEROS + 1 :], a[ZEROS + 2 :], b[ZEROS + 4 :]
    e = 0
    for i in range(n):
        left = weighted[i]
        for j in range(i, n + 1):
            right = x[j]
            if every == 2:
                for c in range(cells):
                    a0[c] = left[2 * c] * right[2 * c] + left[2 * c + 1] * right[2 * c + 1]
            else:
                for c in range(cells):
                    a0[c] = (left[4 * c] * right[4 * c] + left[4 * c + 1] * right[4 * c + 1]) + (
                        left[4 * c + 2] * right[4 * c + 2] + left[4 * c + 3] * right[4 * c + 3]
                    )
            for c in range(cells):
                b0[c] = a0[c] + f1 * a_left1[c]
            for c in range(cells):
                a0[c] = b0[c] + f2 * b_left2[c]
            for c in range(cells):
                b0[c] = a0[c] + f4_ * a_left4[c]
            for c in range(cells):
                a0[c] = b0[c] + f1 * b_right1[c]
            for c in range(cells):
                b0[c] = a0[c] + f2 * a_right2[c]
            row = sums[e]
            for c in range(cells):
                row[c] = forget * (row[c] + norm * (b0[c] + f4_ * b_right4[c]))
            e += 1


@called
def regressors(planes, plane, near, n, row, width, weight, x, weighted):
    """The regressors of a row and, last, the values: each less the mean of its plane's left and upper neighbour.

    Both are wanted as they are and times `weight`, (width,).
    Columns past the width, up to a whole cell, are zero.
    """
    r = row + MARGIN
    for i in range(n + 1):
        q, dr, dc = (near[i, 0], near[i, 1], near[i, 2]) if i < n else (plane, 0, 0)
        line, here, above = planes[q, r + dr], planes[q, r], planes[q, r - 1]
        source, left, up = line[MARGIN + dc :], here[MARGIN - 1 :], above[MARGIN:]
        target, times = x[i], weighted[i]
        for c in range(width):
            target[c] = source[c] - HALF * (left[c] + up[c])
        for c in range(width):
            times[c] = target[c] * weight[c]


@called
def spread_out(cells, every, count, pixels):
    """Each cell's number to its pixels."""
    if every == 2:
        for c in range(count):
            pixels[2 * c] = cells[c]
            pixels[2 * c + 1] = cells[c]
    else:
        for c in range(count):
            pixels[4 * c] = cells[c]
            pixels[4 * c + 1] = cells[c]
            pixels[4 * c + 2] = cells[c]
            pixels[4 * c + 3] = cells[c]


@called
def prepare(planes, plane, near, n, every, row, width, coefficients, wide, known, along):
    """What of a row's predictions is known before the row: all but the terms of the four pixels to the left.

    Args:
        known: (width,), written.
        wide: scratch, (width + 4,), zero from the width on.
        along: (5, cells), written: coefficients of the pixels to the left, the nearest first, base included.
    """
    r = row + MARGIN
    cells = (width + every - 1) // every
    upper = planes[plane, r - 1]
    up = upper[MARGIN:]
    share = along[4]
    for c in range(cells):
        share[c] = ZERO
    for k in range(4):
        zeros = along[k]
        for c in range(cells):
            zeros[c] = ZERO
    for c in range(width):
        known[c] = ZERO
    for i in range(n):
        q, dr, dc = near[i, 0], near[i, 1], near[i, 2]
        a = coefficients[i]
        line = planes[q, r + dr]
        source = line[MARGIN + dc :]
        if q == plane:
            for c in range(cells):
                share[c] += a[c]
            if dr == 0:
                target = along[-1 - dc]
                for c in range(cells):
                    target[c] = a[c]
            else:
                spread_out(a, every, cells, wide)
                for c in range(width):
                    known[c] += wide[c] * source[c]
        else:
            here, above = planes[q, r], planes[q, r - 1]
            left, top = here[MARGIN - 1 :], above[MARGIN:]
            spread_out(a, every, cells, wide)
            for c in range(width):
                known[c] += wide[c] * (source[c] - HALF * (left[c] + top[c]))
    nearest = along[0]
    spread_out(share, every, cells, wide)
    for c in range(width):
        known[c] += HALF * (ONE - wide[c]) * up[c]
    for c in range(width, every * cells):
        wide[c] = ZERO
    for c in range(cells):
        nearest[c] += HALF * (ONE - share[c])
