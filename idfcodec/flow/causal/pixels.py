"""What the causal flow sees of pixels, and the frequencies of their 256 values; arrays are of pixels in rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled, compiled_sums, inlined
from idfcodec.entropy import Frequencies, Intervals, interval_of
from idfcodec.flow.causal.config import SHARE_BITS
from idfcodec.flow.exact.tables import (
    COLOUR_BITS,
    HIGHEST,
    ONE,
    SCALE_MIN,
    SCALE_STEPS,
    SCALES,
    SHAPE_STEPS,
    SHAPES,
    table_of,
)

__all__ = ["BUCKET", "bucket_frequencies", "gather_context", "intervals", "mixture_parameters", "within_bucket"]

BUCKET = 16  # values of a bucket: a value is coded as its bucket, then itself within it
ESCAPE_UNIT = 2.0**-25  # of the product of the frequencies of an escape and of its excess: half for each sign
Values = NDArray[np.int32]


@compiled
def gather_context(
    planes: Values,
    where: NDArray[np.int64],
    offsets: NDArray[np.int64],
    inside: int,
    seen: NDArray[np.uint8],
    base: Values,
) -> None:
    """What the network sees around pixels, and the sum of the values next to them.

    Args:
        planes: (B, C, H, W) int32 of pictures, those of `where` not looked at.
        where: (N, 3) picture, row and column of each pixel.
        offsets: (M, 2) row and column of the neighbours, relative to the pixel's.
        inside: what marks a neighbour that there is.
        seen: (N, 4 * M) bytes: 128 where there is nothing, and for planes that there are not.
        base: (N, C) the left neighbour's value and the upper one's, twice the one there is.
    """
    count, _, width = planes.shape[1:]
    m = len(offsets)
    for n in range(len(where)):
        picture, row, column = where[n]
        for i in range(m):
            r, c = row + offsets[i, 0], column + offsets[i, 1]
            there = r >= 0 and 0 <= c < width
            for p in range(3):
                value = 128
                if there and p < count:
                    value = planes[picture, p, r, c] + (128 if p else 0)
                seen[n, p * m + i] = min(max(value, 0), 255)
            seen[n, 3 * m + i] = inside if there else 128
        for p in range(count):
            value = 0 if p else 256
            if row and column:
                value = planes[picture, p, row - 1, column] + planes[picture, p, row, column - 1]
            elif row:
                value = 2 * planes[picture, p, row - 1, column]
            elif column:
                value = 2 * planes[picture, p, row, column - 1]
            base[n, p] = value


@compiled
def mixture_parameters(
    plane: int, head: Values, base: Values, residuals: Values, share_of: Values, out: Values
) -> None:
    """The two components of each pixel's mixture, from what the head says.

    Args:
        plane: 0, 1 or 2.
        head: (N, head_outputs) its outputs.
        base: (N,) of the plane, see `gather_context`.
        residuals: (N, plane) of the planes before, in units of 2**-LOCATION_BITS.
        share_of: (33,) see `shares`.
        out: (N, 8) the share of the first component, the mean location, and location, scale and shape of each.
    """
    limit = (len(share_of) - 1) // 2
    for n in range(len(head)):
        share = share_of[min(max(head[n, 6], -limit), limit) + limit]
        moved = 1 << COLOUR_BITS >> 1
        for q in range(plane):
            moved += min(max(head[n, 7 + q], -64), 64) * residuals[n, q]
        moved = (moved >> COLOUR_BITS) + base[n] * (ONE // 2)
        for k in range(2):
            location = min(max(head[n, k] + moved, -HIGHEST * ONE), HIGHEST * ONE)
            out[n, 2 + 3 * k] = location
            scale = head[n, 2 + k] + SCALE_STEPS // 2 - SCALE_MIN * SCALE_STEPS
            out[n, 3 + 3 * k] = min(max(scale, 0), SCALES - 1)
            out[n, 4 + 3 * k] = min(max(head[n, 4 + k] + SHAPE_STEPS, 0), SHAPES - 1)
        out[n, 0] = share
        total = share * out[n, 2] + ((1 << SHARE_BITS) - share) * out[n, 5]
        out[n, 1] = (total + (1 << SHARE_BITS >> 1)) >> SHARE_BITS


@inlined
def _frequencies(
    row: Frequencies, of: Values, byte_offset: int, tables: Values, escapes: Values, of_scale: Values
) -> None:
    """Frequencies of the bytes `byte_offset` + value of one pixel's plane to `row` (256,)."""
    row[:] = 0
    for k in range(2):
        scale = of[3 + 3 * k]
        _, cell, shift, width = table_of(of[2 + 3 * k], scale, of[4 + 3 * k], of_scale)
        share = of[0] if k == 0 else (1 << SHARE_BITS) - of[0]
        first = shift + byte_offset - width // 2  # the byte of column 0
        start, end = min(max(first + 1, 0), 256), min(max(first + width, 0), 256)
        escape = tables[cell] * ESCAPE_UNIT
        for v in range(start):
            row[v] += (np.floor(escape * escapes[scale, first - v]) + 1) * share
        for v in range(start, end):
            row[v] += float(tables[cell + v - first]) * share
        for v in range(end, 256):
            row[v] += (np.floor(escape * escapes[scale, v - first - width]) + 1) * share


@compiled
def bucket_frequencies(
    of: Values,
    byte_offset: Values,
    tables: Values,
    escapes: Values,
    of_scale: Values,
    rows: Frequencies,
    buckets: Frequencies,
) -> None:
    """The frequencies of each pixel's 256 values to `rows` (N, 256), and of their buckets to `buckets` (N, 16)."""
    for n in range(len(of)):
        _frequencies(rows[n], of[n], byte_offset[n], tables, escapes, of_scale)
        for g in range(buckets.shape[1]):
            total = 0.0
            for j in range(BUCKET):
                total += rows[n, g * BUCKET + j]
            buckets[n, g] = total


@compiled
def within_bucket(rows: Frequencies, buckets: Values, parts: Frequencies) -> None:
    """The frequencies of the values of one of the buckets of each pixel, each plus one, to `parts` (N, 16)."""
    for n in range(len(rows)):
        for j in range(BUCKET):
            parts[n, j] = rows[n, buckets[n] * BUCKET + j] + 1


@compiled_sums
def _intervals(
    of: Values,
    byte_offset: Values,
    values: Values,
    tables: Values,
    escapes: Values,
    of_scale: Values,
    starts: Values,
    sizes: Values,
) -> None:
    row, buckets, part = np.empty(256), np.empty((1, 256 // BUCKET)), np.empty((1, BUCKET))
    for n in range(len(of)):
        _frequencies(row, of[n], byte_offset[n], tables, escapes, of_scale)
        byte = values[n] + byte_offset[n]
        bucket = byte // BUCKET
        for g in range(buckets.shape[1]):
            total = 0.0
            for j in range(BUCKET):
                total += row[g * BUCKET + j]
            buckets[0, g] = total
        for j in range(BUCKET):
            part[0, j] = row[bucket * BUCKET + j] + 1
        starts[0, n], sizes[0, n] = interval_of(buckets, 0, bucket)
        starts[1, n], sizes[1, n] = interval_of(part, 0, byte % BUCKET)


def intervals(
    of: Values, byte_offset: Values, values: Values, tables: Values, escapes: Values, of_scale: Values
) -> Intervals:
    """The intervals of the quantiles of (N,) values: (2, N) each, of its bucket and of the value within."""
    starts, sizes = np.empty((2, len(of)), np.int32), np.empty((2, len(of)), np.int32)
    _intervals(of, byte_offset, values, tables, escapes, of_scale, starts, sizes)
    return starts, sizes
