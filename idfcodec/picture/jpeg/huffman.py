"""The loop that reads a scan of a JPEG file: Huffman codes to coefficients, baseline or progressive. ITU-T T.81."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idfcodec.compiled import called, compiled

__all__ = ["read_scan"]

BUFFER, COUNT, PLACE, END, MARKER = range(5)  # what is read ahead, how many bits, where, where data ends, was a marker


@called
def _fill(data: NDArray[np.uint8], reader: NDArray[np.int64]) -> None:
    """At least 25 bits ahead; zeros, which are counted, where a marker stands or the data ends."""
    while reader[COUNT] <= 40:
        byte = 0
        if reader[PLACE] < reader[END] and reader[MARKER] == 0:
            byte = np.int64(data[reader[PLACE]])
            if byte == 255:
                following = np.int64(data[reader[PLACE] + 1]) if reader[PLACE] + 1 < reader[END] else 217
                if following == 0:
                    reader[PLACE] += 2
                else:
                    reader[MARKER], byte = 1, 0
            else:
                reader[PLACE] += 1
        else:
            reader[MARKER] += 1
        reader[BUFFER] = (reader[BUFFER] << 8 | byte) & ((1 << 48) - 1)
        reader[COUNT] += 8


@called
def _bits(data: NDArray[np.uint8], reader: NDArray[np.int64], count: int) -> int:
    if count == 0:
        return 0
    if reader[COUNT] < count:
        _fill(data, reader)
    reader[COUNT] -= count
    return int((reader[BUFFER] >> reader[COUNT]) & ((1 << count) - 1))


@called
def _symbol(data: NDArray[np.uint8], reader: NDArray[np.int64], table: NDArray[np.uint16]) -> int:
    """The next symbol, or -1 for a code that there is not. `table`: 16 bits ahead to length · 256 + symbol."""
    if reader[COUNT] < 16:
        _fill(data, reader)
    entry = np.int64(table[(reader[BUFFER] >> (reader[COUNT] - 16)) & 65535])
    if entry == 0:
        return -1
    reader[COUNT] -= entry >> 8
    return int(entry & 255)


@called
def _extended(value: int, size: int) -> int:
    return value if size == 0 or value >> (size - 1) else value - (1 << size) + 1


@called
def _refine(block: NDArray[np.int16], place: int, data: NDArray[np.uint8], reader: NDArray[np.int64], one: int) -> None:
    """A further bit of a coefficient that is known to be there."""
    if _bits(data, reader, 1) and (abs(np.int64(block[place])) & one) == 0:
        block[place] += one if block[place] > 0 else -one


@called
def _block(
    block: NDArray[np.int16],
    data: NDArray[np.uint8],
    reader: NDArray[np.int64],
    scan: NDArray[np.int64],
    dc: NDArray[np.uint16],
    ac: NDArray[np.uint16],
    zigzag: NDArray[np.int64],
    state: NDArray[np.int64],
    plane: int,
) -> bool:
    """Read one block; False if it is damaged. `scan`: first, last, high, low, progressive, restart interval.

    `state`: the last DC value of each plane, and then the blocks that have ended.
    """
    first, last, high, low = scan[0], scan[1], scan[2], scan[3]
    one = 1 << low
    k = first
    if first == 0:
        if high == 0:
            size = _symbol(data, reader, dc)
            if size < 0 or size > 15:
                return False
            state[plane] += _extended(_bits(data, reader, size), size)
            if abs(state[plane]) > 32767:
                return False
            block[0] = state[plane] << low
        elif _bits(data, reader, 1):
            block[0] |= one
        k = 1
    if last == 0:
        return True
    if state[4] > 0:
        state[4] -= 1
        if high:
            while k <= last:
                if block[zigzag[k]] != 0:
                    _refine(block, zigzag[k], data, reader, one)
                k += 1
        return True
    while k <= last:
        symbol = _symbol(data, reader, ac)
        if symbol < 0:
            return False
        run, size = symbol >> 4, symbol & 15
        value = 0
        if size == 0 and run < 15:
            if scan[4] == 0 and run > 0:
                return False
            state[4] = (1 << run) - 1 + _bits(data, reader, run)
            break
        if size:
            value = (
                (one if _bits(data, reader, 1) else -one) if high else _extended(_bits(data, reader, size), size) << low
            )
        if high:
            while k <= last:
                place = zigzag[k]
                if block[place] != 0:
                    _refine(block, place, data, reader, one)
                elif run == 0:
                    break
                else:
                    run -= 1
                k += 1
        else:
            k += run
        if k > last:
            return False
        if value:
            block[zigzag[k]] = value
        k += 1
    if high and k <= last:  # the block ended, and what is known of it has a further bit
        while k <= last:
            if block[zigzag[k]] != 0:
                _refine(block, zigzag[k], data, reader, one)
            k += 1
    return True


@compiled
def read_scan(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    scan: NDArray[np.int64],
    parts: NDArray[np.int64],
    huffman: NDArray[np.uint16],
    zigzag: NDArray[np.int64],
    coefficients: NDArray[np.int16],
) -> bool:
    """Read the scan that begins at `start`; False if it is damaged.

    Args:
        scan: first and last coefficient, high and low bit, whether progressive, restart interval, rows and columns
            of units.
        parts: (P, 8) of each plane in the scan: its number, blocks of a unit down and across, DC and AC table, first
            block, blocks in a row, 0.
        huffman: (8, 65536) look-ups of the DC and AC tables, see `_symbol`.
        coefficients: (blocks, 64) of all planes, written.
    """
    reader, state = np.zeros(5, np.int64), np.zeros(5, np.int64)
    reader[PLACE], reader[END] = start, end
    units = scan[6] * scan[7]
    for unit in range(units):
        if scan[5] and unit and unit % scan[5] == 0:
            reader[BUFFER], reader[COUNT], reader[MARKER] = 0, 0, 0
            place = reader[PLACE]
            while place + 1 < end and not (data[place] == 255 and 208 <= data[place + 1] <= 215):
                if data[place] == 255 and data[place + 1] != 255 and data[place + 1] != 0:
                    return False
                place += 1
            reader[PLACE] = place + 2
            state[:] = 0
        for p in range(len(parts)):
            plane, down, across = parts[p, 0], parts[p, 1], parts[p, 2]
            for j in range(down * across):
                row, column = unit // scan[7] * down + j // across, unit % scan[7] * across + j % across
                block = coefficients[parts[p, 5] + row * parts[p, 6] + column]
                if not _block(
                    block, data, reader, scan, huffman[parts[p, 3]], huffman[4 + parts[p, 4]], zigzag, state, plane
                ):
                    return False
        if reader[MARKER] > 9:  # more than a buffer of zeros was read
            return False
    return True
