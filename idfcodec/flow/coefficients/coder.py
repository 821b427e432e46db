"""Coding the quantised coefficients of a JPEG: plane by plane, block by block, in streams of bounded length."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idfcodec.entropy import Encoder
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.flow.coefficients.kernels.decisions import (
    COUNTERS,
    DECODE,
    ENCODE,
    FEATURES,
    INPUTS,
    KINDS,
    NODES,
    SEGMENT,
    SETS,
    TOP,
    Model,
)
from idfcodec.flow.coefficients.kernels.rows import Scratch, code_rows
from idfcodec.flow.coefficients.tables import BASIS, squash, tables
from idfcodec.picture.jpeg.layout import ZIGZAG
from idfcodec.types import Buffer, Shape

__all__ = ["STREAM", "decode_blocks", "encode_blocks"]

Blocks = NDArray[np.int16]
Steps = NDArray[np.int64]
STREAM = 4096
"""Blocks after which a stream ends, with the row that they are in."""
MOST = 32767
"""Greatest magnitude of a coefficient."""
_PART = 1 << 18  # intervals pushed at a time
_DAMAGED = "the coded coefficients are damaged"
_LENGTH = struct.Struct("<I")


def _streams(shapes: Sequence[Shape]) -> Iterator[list[tuple[int, int, int]]]:
    """Of each stream the parts: plane, first block row, and the row after the last."""
    stream: list[tuple[int, int, int]] = []
    blocks = 0
    for plane, (rows, columns) in enumerate(shapes):
        row = 0
        while row < rows:
            end = min(rows, row + max(1, -(-(STREAM - blocks) // columns)))
            stream.append((plane, row, end))
            blocks += (end - row) * columns
            row = end
            if blocks >= STREAM:
                yield stream
                stream, blocks = [], 0
    if stream:
        yield stream


def _aligned(count: int, kind: type[np.generic]) -> NDArray[Any]:
    """An array of numbers of 4 bytes that begins where a line of the processor's cache does."""
    found = np.empty(count + 16, kind)
    start = -found.ctypes.data // 4 % 16
    return found[start : start + count]


def _fresh() -> dict[str, Any]:
    """What a model learns, before it has seen anything."""
    ends = np.clip(np.arange(NODES) * SEGMENT - TOP - 1, -TOP, TOP) + TOP
    counters = _aligned(COUNTERS + SETS * NODES, np.uint32)
    counters[:COUNTERS] = 1 << 31
    counters[COUNTERS:].reshape(SETS, NODES)[:] = squash()[ends] << 16 | 6
    weights = _aligned(SETS * INPUTS, np.int32)
    weights[:] = 5243
    learned = np.array([10, 10, 5, 5, 2, 2, 6, 6, 2, 2, 2, 2, 2, 3, 1, 3], np.float64) / 64.0
    return {
        "counters": counters,
        "weights": weights,
        "learned": np.tile(learned, (KINDS * 64, 1)),
        "tables": tables(),
        "lines": np.zeros(INPUTS, np.uint64),
        "logits": np.zeros(INPUTS, np.int32),
    }


class _Run:
    """The planes of a picture, coded in their order."""

    def __init__(self, planes: Sequence[Blocks], steps: Sequence[Steps]) -> None:
        self.planes, self.steps = planes, steps
        self.memory = [np.zeros((*blocks.shape[:2], 4), np.int64) for blocks in planes]
        self.learned = _fresh()
        self.scratch = Scratch(np.zeros(FEATURES), np.zeros(96), np.zeros(8), np.zeros(8), np.zeros(64, np.int16))

    def code(self, mode: int, parts: list[tuple[int, int, int]], words: NDArray[np.uint32], capacity: int) -> Model:
        """Code a stream."""
        coder = np.zeros(3, np.uint64)
        if len(words):
            coder[0] = int(words[-1]) << 32 | int(words[-2]) if len(words) > 1 else int(words[-1])
            coder[1] = max(len(words) - 2, 0)
        model = Model(coder=coder, words=words, intervals=np.empty((2, capacity), np.int32), **self.learned)
        for plane, begin, end in parts:
            other = self.planes[plane - 1] if plane else np.empty((0, 1, 64), np.int16)
            code_rows(  # type: ignore[no-untyped-call]
                mode, min(plane, KINDS - 1), self.planes[plane], begin, end, other, self.steps[plane], BASIS, ZIGZAG,
                self.memory[plane], model, self.scratch,
            )  # fmt: skip
        return model


def _capacity(blocks: Blocks) -> int:
    """No fewer than the decisions that these blocks take."""
    lengths = np.frexp(np.abs(blocks.astype(np.float32)))[1]
    return blocks.size + 48 * (blocks.size // 64) + 2 * int(lengths.sum(dtype=np.int64))


def encode_blocks(planes: Sequence[Blocks], steps: Sequence[Steps]) -> bytes:
    """The bytes of one to three planes, (rows, columns, 64) int16 each, quantised with the steps (64,) of each.

    Raises:
        IDFError: a coefficient is −32768, which no JPEG has.
    """
    if any(blocks.size and blocks.min() < -MOST for blocks in planes):
        raise IDFError("a coefficient is out of range")
    run = _Run([np.ascontiguousarray(blocks) for blocks in planes], steps)
    found = []
    for parts in _streams([blocks.shape[:2] for blocks in planes]):
        capacity = sum(_capacity(planes[plane][begin:end]) for plane, begin, end in parts)
        model = run.code(ENCODE, parts, np.empty(0, np.uint32), capacity)
        count, encoder = int(model.coder[2]), Encoder()
        for start in reversed(range(0, count, _PART)):
            end = min(start + _PART, count)
            encoder.push_intervals((model.intervals[0, start:end], model.intervals[1, start:end]))
        found.append(encoder.finish())
    return b"".join([*(_LENGTH.pack(len(stream)) for stream in found[:-1]), *found])


def decode_blocks(data: Buffer, shapes: Sequence[Shape], steps: Sequence[Steps]) -> list[Blocks]:
    """The planes that `encode_blocks` coded, of so many rows and columns of blocks each.

    Raises:
        CorruptFile: they cannot be.
    """
    view = memoryview(data)
    streams = list(_streams(shapes))
    begin = _LENGTH.size * (len(streams) - 1)
    if begin > len(view):
        raise CorruptFile(_DAMAGED)
    lengths = [_LENGTH.unpack_from(view, 4 * i)[0] for i in range(len(streams) - 1)]
    lengths.append(len(view) - begin - sum(lengths))
    if lengths[-1] < 0 or any(length % 4 for length in lengths):
        raise CorruptFile(_DAMAGED)
    run = _Run([np.zeros((*shape, 64), np.int16) for shape in shapes], steps)
    for parts, length in zip(streams, lengths, strict=True):
        words = np.frombuffer(view[begin : begin + length], "<u4").astype(np.uint32)
        begin += length
        if len(words) and not words[-1]:
            raise CorruptFile(_DAMAGED)
        model = run.code(DECODE, parts, words, 0)
        if model.coder.any():
            raise CorruptFile(_DAMAGED)
    return list(run.planes)
