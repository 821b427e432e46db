"""The causal flow in exact arithmetic: what the network says of pixels, and the weights of their 256 values.

`causal.py` has the model, `exact.py` the arithmetic. All arrays are of pixels in rows: (N, ...).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idfcodec.compiled import compiled, compiled_sums, inlined
from idfcodec.entropy import Rows, Spans, span_of
from idfcodec.errors import ModelError
from idfcodec.flow.causal.network import COMPONENTS, MIX_LIMIT, MIX_STEPS, CausalConfig, head_outputs
from idfcodec.flow.exact.quantised import Convolution
from idfcodec.flow.exact.tables import SCALE_MIN, SCALE_STEPS, SCALES, SHAPE_STEPS, SHAPES
from idfcodec.flow.hierarchical.network import HEAD_BITS
from idfcodec.flow.hierarchical.walk import COLOUR_BITS, HIGHEST, ONE, Values, table_of

__all__ = [
    "GROUP",
    "SHARES",
    "SHARE_BITS",
    "CausalExactNetwork",
    "group_rows",
    "head_bits",
    "known_answer",
    "located",
    "part_rows",
    "see",
    "shares",
    "spans",
]

GROUP = 16  # values of a group: a value is coded as its group, then itself within it
SHARE_BITS = 8  # of a component's share of the mixture
ESCAPE_UNIT = 2.0**-25  # of the product of an escape's weight and that of its excess: half for each sign
SHARES = 2 * MIX_STEPS * MIX_LIMIT + 1


def head_bits(plane: int) -> Tensor:
    """(head_outputs,) fractional bits that each output of a plane's head keeps."""
    location, scale, shape, colour = HEAD_BITS
    bits = [location] * COMPONENTS + [scale] * COMPONENTS + [shape] * COMPONENTS
    return torch.tensor([*bits, MIX_STEPS.bit_length(), *[colour] * plane])


def shares() -> Tensor:
    """(33,) int32: the first component's share for each logit, of 2**SHARE_BITS. Made at export, once and for all."""
    logits = torch.arange(-MIX_STEPS * MIX_LIMIT, MIX_STEPS * MIX_LIMIT + 1, dtype=torch.float64) / MIX_STEPS
    return torch.round(torch.sigmoid(logits) * 2**SHARE_BITS).to(torch.int32)


class CausalExactNetwork:
    """The integer twin of `CausalNetwork`.

    Args:
        tensors: `NAME.weight`, `NAME.bias` and `NAME.exponent` of every convolution, named as there.
        config: sizes.
        kernel: one of `exact.KERNELS`.
        device: "cpu" or "cuda"; "int8" runs on the processor only.

    Raises:
        ModelError: a tensor is missing or has the wrong shape, or arithmetic would not be exact.
    """

    def __init__(self, tensors: Mapping[str, Tensor], config: CausalConfig, *, kernel: str, device: str) -> None:
        def build(name: str, inputs: int, outputs: int) -> Convolution:
            try:
                weight, bias, exponent = (tensors[f"{name}.{kind}"] for kind in ("weight", "bias", "exponent"))
            except KeyError as ex:
                raise ModelError(f"the model lacks the tensor {ex.args[0]}") from ex
            if tuple(weight.shape) != (outputs, inputs, 1, 1):
                raise ModelError(f"the convolution {name} of the model has the wrong shape")
            return Convolution.build(weight, bias, exponent, padding=0, kernel=kernel, device=device)

        def block(name: str, width: int) -> tuple[Convolution, Convolution]:
            return build(f"{name}.inner", width, width), build(f"{name}.outer", width, width)

        width, own = config.channels, config.colour_channels
        self.config = config
        self.inputs = 4 * (config.rows * (2 * config.columns + 1) + config.columns)
        self._type = torch.uint8 if kernel == "int8" else torch.float32
        self._device = device
        self._first = build("first", self.inputs, width)
        self._blocks = [block(f"blocks.{i}", width) for i in range(config.blocks)]
        self._into = [build(f"into.{p}", width + p, own) for p in range(3)]
        self._middle = [block(f"middle.{p}", own) for p in range(3)]
        self._heads = [build(f"heads.{p}", own, head_outputs(p)) for p in range(3)]

    def _wide(self, pixels: NDArray[np.uint8]) -> Tensor:
        """(N, C) as a picture (1, C, 1, N) of what the kernel takes."""
        return torch.from_numpy(pixels).to(self._device, self._type)[None, None].permute(0, 3, 1, 2)

    def trunk(self, seen: NDArray[np.uint8]) -> Tensor:
        """What all planes have in common, for `plane`; `seen` (N, inputs), see `see`."""
        h = self._first(self._wide(seen))
        for inner, outer in self._blocks:
            h = outer(inner(h), h)
        return h

    def plane(self, plane: int, h: Tensor, known: NDArray[np.uint8]) -> Values:
        """(N, head_outputs) outputs of a plane's head in their fixed point; `known` (N, plane), as `see` shows them."""
        if plane:
            h = torch.cat((h, self._wide(known)), 1).contiguous(memory_format=torch.channels_last)
        own = self._into[plane](h)
        inner, outer = self._middle[plane]
        own = outer(inner(own), own)
        said = self._heads[plane].scaled(own).round_()[0, :, 0].T
        return np.ascontiguousarray(said.cpu().numpy().astype(np.int32))


def known_answer(network: CausalExactNetwork) -> bytes:
    """Hash of what a network says of 512 neighbourhoods with every extreme in them: the same on every exact device."""
    state = np.arange(1, 512 * network.inputs + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    seen = (state >> np.uint64(56)).astype(np.uint8).reshape(512, -1)
    seen[:64] = 255 * (seen[:64] & 1)
    digest = hashlib.sha256()
    h = network.trunk(seen)
    for p in range(3):
        digest.update(network.plane(p, h, np.ascontiguousarray(seen[:, :p])).astype("<i4").tobytes())
    return digest.digest()[:8]


@compiled
def see(
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
def located(plane: int, head: Values, base: Values, residuals: Values, share_of: Values, out: Values) -> None:
    """The two components of each pixel's mixture, from what the head says.

    Args:
        plane: 0, 1 or 2.
        head: (N, head_outputs) its outputs.
        base: (N,) of the plane, see `see`.
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
def _make_row(row: Rows, of: Values, low: int, tables: Values, escapes: Values, of_scale: Values) -> None:
    """Weights of the bytes `low` + value of one pixel's plane to `row` (256,)."""
    row[:] = 0
    for k in range(2):
        scale = of[3 + 3 * k]
        _, cell, shift, width = table_of(of[2 + 3 * k], scale, of[4 + 3 * k], of_scale)
        share = of[0] if k == 0 else (1 << SHARE_BITS) - of[0]
        first = shift + low - width // 2  # the byte of column 0
        start, end = min(max(first + 1, 0), 256), min(max(first + width, 0), 256)
        escape = tables[cell] * ESCAPE_UNIT
        for v in range(start):
            row[v] += (np.floor(escape * escapes[scale, first - v]) + 1) * share
        for v in range(start, end):
            row[v] += float(tables[cell + v - first]) * share
        for v in range(end, 256):
            row[v] += (np.floor(escape * escapes[scale, v - first - width]) + 1) * share


@compiled
def group_rows(
    of: Values, low: Values, tables: Values, escapes: Values, of_scale: Values, rows: Rows, groups: Rows
) -> None:
    """The weights of each pixel's 256 values to `rows` (N, 256), and of their groups to `groups` (N, 16)."""
    for n in range(len(of)):
        _make_row(rows[n], of[n], low[n], tables, escapes, of_scale)
        for g in range(groups.shape[1]):
            total = 0.0
            for j in range(GROUP):
                total += rows[n, g * GROUP + j]
            groups[n, g] = total


@compiled
def part_rows(rows: Rows, groups: Values, parts: Rows) -> None:
    """The weights of the values of one of the groups of each pixel, each plus one, to `parts` (N, 16)."""
    for n in range(len(rows)):
        for j in range(GROUP):
            parts[n, j] = rows[n, groups[n] * GROUP + j] + 1


@compiled_sums
def _make_spans(
    of: Values,
    low: Values,
    values: Values,
    tables: Values,
    escapes: Values,
    of_scale: Values,
    starts: Values,
    sizes: Values,
) -> None:
    row, groups, part = np.empty(256), np.empty((1, 256 // GROUP)), np.empty((1, GROUP))
    for n in range(len(of)):
        _make_row(row, of[n], low[n], tables, escapes, of_scale)
        byte = values[n] + low[n]
        group = byte // GROUP
        for g in range(groups.shape[1]):
            total = 0.0
            for j in range(GROUP):
                total += row[g * GROUP + j]
            groups[0, g] = total
        for j in range(GROUP):
            part[0, j] = row[group * GROUP + j] + 1
        starts[0, n], sizes[0, n] = span_of(groups, 0, group)
        starts[1, n], sizes[1, n] = span_of(part, 0, byte % GROUP)


def spans(of: Values, low: Values, values: Values, tables: Values, escapes: Values, of_scale: Values) -> Spans:
    """The slices of the quantiles of (N,) values: (2, N) each, of its group and of the value within."""
    starts, sizes = np.empty((2, len(of)), np.int32), np.empty((2, len(of)), np.int32)
    _make_spans(of, low, values, tables, escapes, of_scale, starts, sizes)
    return starts, sizes
