"""Numbers that several of the loops take: places in their arrays, and small functions."""

from __future__ import annotations

from idfcodec.compiled import called

__all__ = [
    "AHEAD",
    "ALL",
    "ALL_ALIKE",
    "AS_BEFORE",
    "BASE",
    "BASES",
    "BEFORE",
    "BITS",
    "BLOCK",
    "BLOCKS",
    "BY",
    "BY_MATCH",
    "CANDIDATES",
    "CELLS",
    "CERTAINTY",
    "CHANNEL",
    "CHANNELS",
    "CHECKS",
    "CHUNK",
    "COLOUR",
    "COLOURS",
    "COLUMNS",
    "CONTEXTS",
    "COUNT",
    "DECODE",
    "DUE",
    "EARLIER",
    "ENCODE",
    "ESCAPES",
    "FEW",
    "FIRST",
    "FITS",
    "FLAT",
    "FLAT_HERE",
    "FRAMES",
    "GROUP",
    "HASHES",
    "HEIGHT",
    "INPUTS",
    "INVERSE",
    "KEPT",
    "KEYS",
    "LEVEL",
    "LEVELS",
    "LIMIT",
    "LINE",
    "LINES",
    "LIST",
    "LISTED",
    "LONG",
    "MASK",
    "MATCH",
    "MATCH_AT",
    "MEMORIES",
    "MEMORY_BITS",
    "MODE",
    "MOST",
    "MOST_WEIGHT",
    "NE",
    "NE3",
    "NEAR",
    "NEE",
    "NEIGHBOURS",
    "NN",
    "NNE",
    "NNW",
    "NONE",
    "NW",
    "NWW",
    "OF_CHANNELS",
    "OF_RANKS",
    "OWN",
    "PAD",
    "PAIRS",
    "PAST",
    "POSITION",
    "PREDICTIONS",
    "PREPARED",
    "PREVIOUS",
    "RATE",
    "ROLLING",
    "ROWS",
    "RUN",
    "RUN_HERE",
    "SCORES",
    "SECOND",
    "SIZE",
    "SLOTS",
    "SOURCES",
    "SPEED",
    "SQUASH",
    "STRIP",
    "SUMMED",
    "TOTAL",
    "TREE",
    "VOTES",
    "WHICH_MEMORIES",
    "WIDTH",
    "WINDOW",
    "WN",
    "WW",
    "WWW",
    "N",
    "W",
    "byte",
    "channel_at",
    "coarse",
    "magnitude",
    "mixed_hash",
]

ENCODE, DECODE = 0, 1
MASK = 0xFFFFFFFF
TOTAL = 1 << 24  # quantiles of the entropy coder
PAD = 8  # columns beside a row
MOST = 3071  # of a logit, in units of 1/256
MOST_WEIGHT = 262143
SQUASH, RATE, INVERSE = 4096, 10240, 10496  # where tables begin, after the one that stretches chances
FLAT, LIST, TREE, CHANNEL = range(4)  # groups of decisions
GROUP = 8  # numbers of a group in `plan`
BASE, SIZE, PAST, FIRST, SECOND, SPEED, LIMIT = range(7)
INPUTS = 32  # of the mixer, most of them in use
WIDTH, HEIGHT, FRAMES, CHANNELS, COLOURS, BITS, LISTED, MEMORY_BITS, STRIP, MODE = range(32, 42)  # of `plan`
OF_RANKS, OF_CHANNELS, LINES, WHICH_MEMORIES, FITS = range(42, 47)
LINE = 16  # slots of a line
LEVELS, ROWS, COLUMNS, KEYS, PAIRS, OWN = 48, 56, 104, 152, 200, 220  # of `plan`: tables of the neighbours
KEPT = 8  # rows
SUMMED = 60  # of `place`: the columns whose sums are known
CHUNK = 64  # columns that sums are made of at a time
POSITION, RUN, AHEAD, MATCH, MATCH_AT, ROLLING, COUNT, DUE = range(8)  # of `state`
NEAR, HASHES, CELLS, CHECKS, WINDOW = 0, 32, 40, 48, 56  # of `scratch`
PREPARED = 232
CANDIDATES, VOTES, SCORES, COLOUR, LEVEL, BASES, CONTEXTS, SLOTS = 96, 112, 128, 144, 160, 176, 192, 208
FLAT_HERE, BY, CERTAINTY, EARLIER, PREVIOUS, ESCAPES, AS_BEFORE, RUN_HERE = range(224, 232)
NEIGHBOURS = 48  # at most
ALL_ALIKE = 4  # the surroundings that are to be alike for a run
WN = 6  # a hash of W and N, after those of the surroundings
W, N, NW, NE, WW, NN, NEE, NWW, NNE, NNW, WWW, NE3 = range(12)  # of the neighbours, nearest first
MEMORIES = 6
FEW, ALL, BLOCKS = 0, 2, 4  # what is alike where a run goes on, or is to go on for a block
BLOCK, LONG = 16, 32  # pixels of a block, and of the run before the first one
SOURCES, BY_MATCH, BEFORE = 9, 7, 8  # memory, six neighbours, the match, the frame before
NONE = 64  # the level of a source that says nothing
PREDICTIONS = 6


@called
def mixed_hash(a, b):
    """A hash of two numbers of 32 bits."""
    h = (a * 0x45EBCA6B) ^ ((b ^ 0x7F4A7C15) * 0x5E3779B1)
    h = ((h >> 31) ^ h) & MASK
    return ((h * 0x2C1B3C6D) >> 29) & MASK


@called
def magnitude(value):
    """Bits of a number: 0 of 0."""
    n = 0
    while value > 0:
        value >>= 1
        n += 1
    return n


@called
def byte(value):
    """The nearest number in [0, 255]."""
    return min(max(value, 0), 255)


@called
def coarse(d):
    """A difference in one of 15 classes, from 1."""
    q = min(abs(d), 3) if abs(d) < 5 else min(magnitude(abs(d) - 1) + 1, 7)
    return 8 - q if d < 0 else 8 + q


@called
def channel_at(k, channels):
    """The channel that is coded k-th: alpha first, then green, red, blue; gray last."""
    if channels > 2:
        return (0x2013 >> (4 * (k + 4 - channels))) & 15 if channels == 4 else (0x201 >> (4 * k)) & 15
    return channels - 1 - k
