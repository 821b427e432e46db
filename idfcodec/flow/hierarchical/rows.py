"""The weights of each latent's columns, made row by row: the innermost loops of coding.

A row is the model's, without the columns that no byte stands for. A wide row is coded in two symbols, for time: first
which group of PART columns, under the groups' sums, then which column of the group, under their weights plus one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import compiled, compiled_sums, inlined
from idfcodec.entropy import Frequencies, Intervals, interval_of
from idfcodec.flow.exact.tables import HIGHEST
from idfcodec.flow.hierarchical.walk import Values

__all__ = ["PART", "Ingredients", "group_rows", "intervals", "part_rows", "rows", "split_intervals"]

PART = 8  # columns of a group


class Ingredients(NamedTuple):
    """What the rows of the latents of a plane are made of.

    Args:
        tables: (CELLS,) the model's.
        cells: (N,) where each latent's row begins in them.
        shift: (N,) of the coupling: column j of a row of n stands for the value shift - n / 2 + j.
        low: (N,) what makes a value a byte: 0 for G, G for the differences.
    """

    tables: Values
    cells: Values
    shift: Values
    low: Values


@inlined
def _make_row(out: Frequencies, n: int, i: int, width: int, left: int, right: int, of: Ingredients) -> None:
    """Columns `left` to `right` (excluded) of the row of latent i to row n of `out`.

    No views, which cost more than what is done with them; and unsigned indices, which need no look at the sign that
    would keep the loops from being vectorised.
    """
    cell = np.uint64(of.cells[i] + left)
    for j in range(np.uint64(right - left)):
        out[n, j] = of.tables[cell + j]
    if left == 0:
        out[n, 0] += 1  # no row is empty
    byte = of.shift[i] - width // 2 + of.low[i]
    least, end = max(left, min(max(1, -byte), right)), max(left, min(max(1, HIGHEST + 1 - byte), right))
    for j in range(max(1 - left, 0), least - left):
        out[n, j] = 0
    for j in range(end - left, right - left):
        out[n, j] = 0


@inlined
def _make_groups(row: Frequencies, out: Frequencies, n: int, i: int, of: Ingredients) -> None:
    """The sums of the groups of a row to row n of `out`, by way of `row` (1, width)."""
    _make_row(row, 0, i, row.shape[1], 0, row.shape[1], of)
    for group in range(out.shape[1]):
        total = 0.0
        for j in range(group * PART, (group + 1) * PART):
            total += row[0, j]
        out[n, group] = total


@compiled
def _make_rows(where: NDArray[np.int64], of: Ingredients, out: Frequencies) -> None:
    for n in range(len(where)):
        _make_row(out, n, where[n], out.shape[1], 0, out.shape[1], of)


@compiled
def _make_group_rows(where: NDArray[np.int64], of: Ingredients, out: Frequencies) -> None:
    row = np.empty((1, out.shape[1] * PART))
    for n in range(len(where)):
        _make_groups(row, out, n, where[n], of)


@compiled
def _make_part_rows(where: NDArray[np.int64], groups: Values, width: int, of: Ingredients, out: Frequencies) -> None:
    for n in range(len(where)):
        left = groups[n] * PART
        _make_row(out, n, where[n], width, left, left + PART, of)
        for j in range(PART):
            out[n, j] += 1


@compiled_sums
def _make_intervals(
    where: NDArray[np.int64], width: int, columns: Values, of: Ingredients, starts: Values, sizes: Values
) -> None:
    row = np.empty((1, width))
    for n in range(len(where)):
        _make_row(row, 0, where[n], width, 0, width, of)
        starts[n], sizes[n] = interval_of(row, 0, columns[where[n]])


@compiled_sums
def _make_split_intervals(
    where: NDArray[np.int64], width: int, columns: Values, of: Ingredients, starts: Values, sizes: Values
) -> None:
    row, groups, part = np.empty((1, width)), np.empty((1, width // PART)), np.empty((1, PART))
    for n in range(len(where)):
        _make_groups(row, groups, 0, where[n], of)
        group = columns[where[n]] // PART
        for j in range(PART):
            part[0, j] = row[0, group * PART + j] + 1
        starts[0, n], sizes[0, n] = interval_of(groups, 0, group)
        starts[1, n], sizes[1, n] = interval_of(part, 0, columns[where[n]] % PART)


def rows(of: Ingredients, where: NDArray[np.int64], width: int, room: Frequencies) -> Frequencies:
    """(N, width) weights of the latents at `where`, column 0 the escape; written to `room`, of at least N * width."""
    out = room[: len(where) * width].reshape(-1, width)
    _make_rows(where, of, out)
    return out


def group_rows(of: Ingredients, where: NDArray[np.int64], width: int, room: Frequencies) -> Frequencies:
    """(N, width / PART) weights of the groups of columns of the latents at `where`, see `rows`."""
    out = room[: len(where) * width // PART].reshape(-1, width // PART)
    _make_group_rows(where, of, out)
    return out


def part_rows(of: Ingredients, where: NDArray[np.int64], groups: Values, width: int, room: Frequencies) -> Frequencies:
    """(N, PART) weights of the columns of one of the `groups` (N,) of each of the latents at `where`, see `rows`."""
    out = room[: len(where) * PART].reshape(-1, PART)
    _make_part_rows(where, groups, width, of, out)
    return out


def intervals(of: Ingredients, where: NDArray[np.int64], width: int, columns: Values) -> Intervals:
    """The interval of the quantiles of a column (N,) of each latent at `where`; `columns` are of all latents."""
    starts, sizes = np.empty(len(where), np.int32), np.empty(len(where), np.int32)
    _make_intervals(where, width, columns, of, starts, sizes)
    return starts, sizes


def split_intervals(of: Ingredients, where: NDArray[np.int64], width: int, columns: Values) -> Intervals:
    """The same (2, N) of the column's group and of the column within the group."""
    starts, sizes = np.empty((2, len(where)), np.int32), np.empty((2, len(where)), np.int32)
    _make_split_intervals(where, width, columns, of, starts, sizes)
    return starts, sizes
