"""The ways of the categorical family, and the sizes of what it learns: constants of the format. FORMAT.md, 9."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GROUPS", "LEAST_BITS", "MOST_BITS", "STRIP", "WAYS", "Group", "Way"]

STRIP = 2**19
"""Decisions after which a strip ends, with the pixel in hand."""
LEAST_BITS, MOST_BITS = 16, 22
"""Of the number of slots of a group."""


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
class Group:
    """A group of decisions.

    Args:
        most_bits: log2 of its slots, at most.
        histories: sets of chances by history.
        first, second: sets of weights, of which a decision takes one each.
        speed: of the weights.
        limit: of the count of a slot.
        inputs: of the mixer, rounded up.
        weight: that all inputs begin with, in 65536ths.
    """

    most_bits: int
    histories: int
    first: int
    second: int
    speed: int
    limit: int
    inputs: int
    weight: int


GROUPS = (
    Group(18, 2, 25 * 19, 48, 8, 40, 16, 4500),  # is all alike?
    Group(22, 4, 4 * 512, 4 * 1024, 8, 40, 32, 2500),  # which candidate?
    Group(20, 8, 256, 16, 6, 40, 24, 2500),  # the index
    Group(22, 12, 160, 160, 6, 120, 24, 2500),  # the channels
)
