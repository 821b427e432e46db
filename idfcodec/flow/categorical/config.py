"""The ways of the categorical family, and the sizes of what it learns: constants of the format. FORMAT.md, 12."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ALIKE",
    "BUDGETS",
    "FAST",
    "FEW",
    "GROUPS",
    "INPUTS",
    "LEAST_BITS",
    "LEVELS",
    "MANY",
    "NEIGHBOURS",
    "STRIP",
    "WAYS",
    "WIDE",
    "Budget",
    "Group",
    "Way",
]

INPUTS = 32
"""Of the mixer."""
STRIP = 2**19
"""Decisions after which a strip ends, with the pixel in hand."""
LEAST_BITS = 16
"""Of the number of slots of a group."""

NEIGHBOURS = (
    (0, -1), (1, 0), (1, -1), (1, 1), (0, -2), (2, 0), (1, 2), (1, -2), (2, 1), (2, -1), (0, -3), (1, 3), (3, 0),
    (1, -3), (0, -4), (1, -4), (1, 4), (1, 5), (2, -2), (2, 2), (2, -3), (2, 3), (3, -1), (3, 1), (3, -2), (3, 2),
    (4, 0), (4, -1), (4, 1), (3, -3), (3, 3), (2, -4), (2, 4), (4, -2), (4, 2), (0, -5), (1, -5), (1, 6), (2, 5),
    (2, -5), (3, 4), (3, -4), (5, 0), (5, -1), (5, 1), (4, 3), (4, -3),
)  # fmt: skip
"""Rows above and columns to the right, nearest first: W, N, NW, NE, WW, NN, NEE, NWW, NNE, NNW, WWW, NEEE, ..."""
LEVELS = (4, 6, 12, 14, 26)
"""How many neighbours each memory goes by, but the widest."""
WIDE = len(NEIGHBOURS)
ALIKE = ((0, 1), (1, 2), (1, 3), (0, 4), (1, 5), (0, 2), (3, 6), (3, 8), (0, 3), (2, 7))
"""Pairs of neighbours that are compared."""


@dataclass(frozen=True)
class Way:
    """How a picture is coded.

    Args:
        listed: by its rank among candidates first.
        tree: what is no candidate, by its index bit by bit; by its channels otherwise.
        ramp: the names are ranks in a palette ordered by luminance, of one channel.
    """

    listed: bool
    tree: bool = False
    ramp: bool = False


WAYS = (Way(True), Way(False), Way(True, tree=True), Way(True, ramp=True), Way(False, ramp=True))
"""By their number in a payload. The first two need no palette."""


@dataclass(frozen=True)
class Budget:
    """How much is learned of a picture.

    Args:
        ranks: contexts of a rank that hold the colour.
        channels: contexts of a channel.
        slots: log2 of a group's slots, at most.
        memory: log2 of the cells of what followed surroundings, at most.
        memories: which of them there are, as bits.
        lines: whether the slots of a context lie together, in what a processor fetches at once; with other contexts.
        neighbours: that the widest surroundings have.
        fits: whether values are predicted by least squares, and weights learn faster at first; with other contexts.
    """

    ranks: int
    channels: int
    slots: int
    memory: int
    memories: int = 0b11111
    lines: bool = False
    neighbours: int = LEVELS[-1]
    fits: bool = False


BUDGETS = (
    Budget(8, 14, 22, 20),
    Budget(4, 7, 22, 20),
    Budget(4, 7, 18, 16),
    Budget(8, 14, 22, 20, memories=0b111111, lines=True, neighbours=WIDE),
    Budget(6, 14, 22, 20, memories=0b100100, lines=True, neighbours=WIDE),
    Budget(4, 7, 18, 16, memories=0b100101, lines=True, neighbours=WIDE),
    Budget(8, 11, 24, 20, memories=0b111111, lines=True, neighbours=WIDE, fits=True),
    Budget(6, 11, 22, 20, memories=0b100100, lines=True, neighbours=WIDE, fits=True),
    Budget(4, 10, 20, 17, memories=0b100101, lines=True, neighbours=WIDE, fits=True),
)
"""By their number in a payload. The first six are no longer written. MANY, FEW and FAST are for many colours, for few
ones, whose surroundings say more, and for speed, in what a processor keeps near."""
MANY, FEW, FAST = BUDGETS[6:]


@dataclass(frozen=True)
class Group:
    """A group of decisions.

    Args:
        most_bits: log2 of its slots, at most.
        histories: sets of chances by history.
        first, second: sets of weights, of which a decision takes one each.
        speed: of the weights.
        limit: of the count of a slot.
        weight: that all inputs begin with, in 65536ths.
    """

    most_bits: int
    histories: int
    first: int
    second: int
    speed: int
    limit: int
    weight: int


GROUPS = (
    Group(18, 6, 41 * 19, 256, 8, 40, 3500),  # is all alike?
    Group(24, 4, 4 * 512, 4 * 1024, 12, 60, 2200),  # which candidate?
    Group(20, 8, 256, 16, 6, 40, 2500),  # the index
    Group(24, 12, 160, 160, 6, 120, 1800),  # the channels
)
