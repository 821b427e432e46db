"""The coefficients of a JPEG file: its segments. `huffman` reads the scans."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idfcodec.picture.jpeg.huffman import read_scan
from idfcodec.picture.jpeg.layout import SAMPLINGS, ZIGZAG, Jpeg, blocks_of

__all__ = ["read_jpeg"]

MOST_SCANS = 256
_SOI, _EOI, _SOS, _DQT, _DHT, _DRI = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD
_FRAMES = {0xC0: 0, 0xC1: 0, 0xC2: 1}  # baseline, extended and progressive, with Huffman codes


@dataclass
class _Plane:
    number: int
    down: int
    across: int
    table: int
    first: int = 0  # block
    rows: int = 0  # of blocks, those that only fill up units included
    columns: int = 0


class _Unreadable(Exception):
    """Not a JPEG that is understood here."""


def read_jpeg(data: bytes) -> Jpeg | None:
    """What a JPEG file holds, of 8 bits, gray or of three planes; None if it is damaged or anything else.

    Whether its planes are Y, Cb and Cr is not looked at: who uses it compares pixels.
    """
    try:
        return _Reader(data).read()
    except (_Unreadable, struct.error, ValueError, IndexError):
        return None


def _lookup(counts: bytes, symbols: bytes) -> NDArray[np.uint16]:
    """Of a table of Huffman codes: 16 bits ahead to length · 256 + symbol, 0 where there is no code."""
    found = np.zeros(65536, np.uint16)
    code = place = 0
    for length, count in enumerate(counts, 1):
        for _ in range(count):
            width = 1 << (16 - length)
            if code + width > 65536:
                raise _Unreadable
            found[code : code + width] = length << 8 | symbols[place]
            code, place = code + width, place + 1
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.bytes = data, np.frombuffer(data, np.uint8)
        self.steps: dict[int, NDArray[np.int64]] = {}
        self.huffman = np.zeros((8, 65536), np.uint16)
        self.interval = 0
        self.planes: dict[int, _Plane] = {}
        self.shape = (0, 0)
        self.progressive = 0
        self.blocks = np.zeros((0, 64), np.int16)
        self.tables: list[NDArray[np.int64]] = []

    def read(self) -> Jpeg:
        """All of it."""
        place, scans = 2, 0
        while True:
            place = self.data.index(0xFF, place)
            while self.data[place] == 0xFF:
                place += 1
            marker = self.data[place]
            place += 1
            if marker == _EOI:
                break
            if marker == 0 or 0xD0 <= marker <= 0xD8 or marker == 1:
                continue
            (length,) = struct.unpack_from(">H", self.data, place)
            part = self.data[place + 2 : place + length]
            if len(part) != length - 2:
                raise _Unreadable
            place += length
            if marker in _FRAMES:
                self._frame(part, _FRAMES[marker])
            elif 0xC0 <= marker <= 0xCF and marker not in (_DHT, 0xC8, 0xCC):
                raise _Unreadable
            elif marker == _DQT:
                self._steps(part)
            elif marker == _DHT:
                self._codes(part)
            elif marker == _DRI:
                (self.interval,) = struct.unpack(">H", part)
            elif marker == _SOS:
                scans += 1
                if scans > MOST_SCANS:
                    raise _Unreadable
                self._scan(part, place)
                place = self._after(place)
        return self._result()

    def _after(self, place: int) -> int:
        """Where the next marker after a scan's data is."""
        while True:
            place = self.data.index(0xFF, place)
            if self.data[place + 1] != 0 and not 0xD0 <= self.data[place + 1] <= 0xD7:
                return place
            place += 2 if self.data[place + 1] != 0xFF else 1

    def _steps(self, part: bytes) -> None:
        place = 0
        while place < len(part):
            kind, number = part[place] >> 4, part[place] & 15
            values = struct.unpack_from(">64H" if kind else ">64B", part, place + 1)
            table = np.empty(64, np.int64)
            table[ZIGZAG] = values
            self.steps[number] = table
            place += 1 + (128 if kind else 64)

    def _codes(self, part: bytes) -> None:
        place = 0
        while place < len(part):
            kind, number = part[place] >> 4, part[place] & 15
            if kind > 1 or number > 3:
                raise _Unreadable
            counts = part[place + 1 : place + 17]
            end = place + 17 + sum(counts)
            if end > len(part):
                raise _Unreadable
            self.huffman[4 * kind + number] = _lookup(counts, part[place + 17 : end])
            place = end

    def _frame(self, part: bytes, progressive: int) -> None:
        bits, height, width, count = struct.unpack_from(">BHHB", part)
        if bits != 8 or not height or not width or count not in (1, 3) or self.planes or len(part) != 6 + 3 * count:
            raise _Unreadable
        self.shape, self.progressive = (height, width), progressive
        for number in range(count):
            name, factors, table = part[6 + 3 * number : 9 + 3 * number]
            self.planes[name] = _Plane(number, factors & 15, factors >> 4, table)
        planes = list(self.planes.values())
        if len(planes) != count:
            raise _Unreadable
        if count == 1:
            planes[0].down = planes[0].across = 1
        if any((p.down, p.across) != (1, 1) for p in planes[1:]) or (planes[0].down, planes[0].across) not in SAMPLINGS:
            raise _Unreadable
        down, across = planes[0].down, planes[0].across
        first = 0
        for p in planes:
            p.first = first
            p.rows, p.columns = -(-height // (8 * down)) * p.down, -(-width // (8 * across)) * p.across
            first += p.rows * p.columns
        if first > 8 * len(self.data):  # no block takes less than a bit
            raise _Unreadable
        self.blocks = np.zeros((first, 64), np.int16)

    def _scan(self, part: bytes, place: int) -> None:
        count = part[0]
        if not self.planes or not 1 <= count <= 3 or len(part) != 4 + 2 * count:
            raise _Unreadable
        chosen = [
            (self.planes[part[1 + 2 * i]], part[2 + 2 * i]) for i in range(count) if part[1 + 2 * i] in self.planes
        ]
        if len(chosen) != count or len({p.number for p, _ in chosen}) != count:
            raise _Unreadable
        first, last, bits = part[-3:]
        high, low = bits >> 4, bits & 15
        if not self.progressive:
            first, last, high, low = 0, 63, 0, 0
        if first > last or last > 63 or low > 13 or (self.progressive and (first == 0) != (last == 0)):
            raise _Unreadable
        if first and count > 1:
            raise _Unreadable
        luma = next(iter(self.planes.values()))
        sampling = luma.down, luma.across
        if count == 1:
            plane = chosen[0][0]
            units = blocks_of(self.shape, sampling, plane.number)
        else:
            units = -(-self.shape[0] // (8 * sampling[0])), -(-self.shape[1] // (8 * sampling[1]))
        parts = np.zeros((count, 8), np.int64)
        for row, (plane, tables) in zip(parts, chosen, strict=True):
            if tables >> 4 > 3 or tables & 15 > 3:
                raise _Unreadable
            shape = (1, 1) if count == 1 else (plane.down, plane.across)
            row[:7] = plane.number, *shape, tables >> 4, tables & 15, plane.first, plane.columns
        scan = np.array([first, last, high, low, self.progressive, self.interval, *units], np.int64)
        if not read_scan(self.bytes, place, len(self.data), scan, parts, self.huffman, ZIGZAG, self.blocks):
            raise _Unreadable
        for plane, _ in chosen:  # steps may be defined anew between scans: a plane's count when it is first seen
            if plane.table not in self.steps:
                raise _Unreadable

    def _result(self) -> Jpeg:
        planes = list(self.planes.values())
        if not planes:
            raise _Unreadable
        sampling = planes[0].down, planes[0].across
        tables, found = [], []
        for p in planes:
            if p.table not in self.steps or self.steps[p.table].min() < 1:
                raise _Unreadable
            rows, columns = blocks_of(self.shape, sampling, p.number)
            blocks = self.blocks[p.first : p.first + p.rows * p.columns].reshape(p.rows, p.columns, 64)
            found.append(np.ascontiguousarray(blocks[:rows, :columns]))
            tables.append(self.steps[p.table])
        return Jpeg(self.shape, sampling, True, tables, found)
