"""A palette in fewer bytes: differences of one colour to the next, by mixed binary decisions. FORMAT.md, 2.3."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from idfcodec.errors import CorruptFile

__all__ = ["code", "decode"]

MOST = 3071  # of a logit, in units of 1/256
DECAY = 4278222842  # exp(-1/256) * 2**32
WHOLE, TOTAL = 2**32, 2**24  # values of a word, and quantiles
START, SPEED, LIMIT = 18000, 6, 60  # weights at first, how fast they move, what a counter counts to
FRESH = 32768 << 6  # a counter that was never used
NODES = 80  # a channel's decisions
ORDER = (1, 0, 2, 3)  # of channels


@cache
def _squash() -> tuple[int, ...]:
    """Chances of 2**16 of the logits from -MOST to MOST, by the recurrence of FORMAT.md, 12.1."""
    powers = [WHOLE]
    for _ in range(MOST):
        powers.append(powers[-1] * DECAY >> 32)
    upper = [min(max((2**48 + (WHOLE + power) // 2) // (WHOLE + power), 1), 65535) for power in powers]
    return (*(65536 - chance for chance in upper[:0:-1]), *upper)


@cache
def _stretch() -> tuple[int, ...]:
    """The least logit with a chance of 16 i + 8 or more, for i below 4096."""
    squash, found, place = _squash(), [], 0
    for i in range(4096):
        while place < 2 * MOST and squash[place] < 16 * i + 8:
            place += 1
        found.append(place - MOST)
    return tuple(found)


@cache
def _bounded_squash() -> tuple[int, ...]:
    return tuple(min(max(chance, 32), 65504) for chance in _squash())


Rows = Sequence[list[int]]


class _Decisions:
    """Binary decisions to words of rANS, or back where `data` is given.

    That of `entropy` is compiled; a file's head is read without compiling anything.
    """

    def __init__(self, data: bytes | None = None) -> None:
        self._intervals: list[tuple[int, int]] = []
        self._words: list[int] | None = None
        self._state = 0
        if data is not None:
            data += bytes(-len(data) % 4)
            self._words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
            for _ in range(min(len(self._words), 2)):
                self._state = self._state << 32 | self._words.pop()
        self._squash, self._stretch = _bounded_squash(), _stretch()
        self._trust = [256 - 160 // (1 + seen) for seen in range(LIMIT + 1)]
        self._pace = [2 * seen + 3 for seen in range(LIMIT + 1)]

    def decide(self, weights: list[int], rows: Rows, node: int, bit: bool) -> bool:
        """One decision, whose chance is mixed from those of five contexts; the bit, which decoding does not look at.

        Written out, since loops over contexts would take a half more time.

        Args:
            weights: of the contexts.
            rows: of each context, counters by node: 64 times a chance, and how often it was used.
            node: which decision it is.
            bit: what is coded.
        """
        stretch, trust, pace = self._stretch, self._trust, self._pace
        first, second, third, fourth, fifth = rows
        a, b, c, d, e = first[node], second[node], third[node], fourth[node], fifth[node]
        i, j, k, m, n = a & 63, b & 63, c & 63, d & 63, e & 63
        v, w = stretch[a >> 10] * trust[i] >> 8, stretch[b >> 10] * trust[j] >> 8
        x, y = stretch[c >> 10] * trust[k] >> 8, stretch[d >> 10] * trust[m] >> 8
        z = stretch[e >> 10] * trust[n] >> 8
        p, q, r, s, t = weights
        logit = v * p + w * q + x * r + y * s + z * t >> 16
        chance = self._squash[-1 if logit > MOST else 0 if logit < -MOST else logit + MOST]
        bit = self._coded(chance, bit)
        goal = 131070 if bit else 0
        step = (goal // 2 - chance) * SPEED
        half = 2**17
        weights[:] = (
            p + (v * step + half >> 18),
            q + (w * step + half >> 18),
            r + (x * step + half >> 18),
            s + (y * step + half >> 18),
            t + (z * step + half >> 18),
        )
        first[node] = a + ((goal - (a >> 6 << 1)) // pace[i] << 6) + (i < LIMIT)
        second[node] = b + ((goal - (b >> 6 << 1)) // pace[j] << 6) + (j < LIMIT)
        third[node] = c + ((goal - (c >> 6 << 1)) // pace[k] << 6) + (k < LIMIT)
        fourth[node] = d + ((goal - (d >> 6 << 1)) // pace[m] << 6) + (m < LIMIT)
        fifth[node] = e + ((goal - (e >> 6 << 1)) // pace[n] << 6) + (n < LIMIT)
        return bit

    def _coded(self, chance: int, bit: bool) -> bool:
        one = chance << 8
        if self._words is None:
            self._intervals.append((0, one) if bit else (one, TOTAL - one))
            return bit
        state = self._state
        quantile = state % TOTAL
        bit = quantile < one
        state = (state >> 24) * one + quantile if bit else (state >> 24) * (TOTAL - one) + quantile - one
        if state < WHOLE and self._words:
            state = state << 32 | self._words.pop()
        self._state = state
        return bit

    @property
    def done(self) -> bool:
        """Whether all words are read."""
        return not self._words and not self._state

    def finish(self) -> bytes:
        """The words, zero bytes at the end left out."""
        state, words = 0, []
        for start, size in reversed(self._intervals):
            if state >> 40 >= size:
                words.append(state % WHOLE)
                state >>= 32
            state = state // size << 24 | (state % size + start)
        words += [state % WHOLE, state >> 32]
        return b"".join(word.to_bytes(4, "little") for word in words).rstrip(b"\0")


def _near(value: int) -> int:
    return min(max(value, -24), 24)


class _Channel:
    """What is learned of a channel: weights of each decision, and its counters by the values of each clue."""

    def __init__(self) -> None:
        self._weights = [[START] * 5 for _ in range(NODES)]
        self._rows: list[dict[int, list[int]]] = [{} for _ in range(5)]

    def difference(self, decisions: _Decisions, clues: tuple[int, int, int], given: int) -> int:
        """A number in [-128, 127]: 0? below 0? how many bits? the bits below the highest."""
        across, before, gray = clues
        rough = (across.bit_length() << 4 | before.bit_length()) << 2 | (across < 0) << 1 | (before < 0)
        contexts = 0, _near(across), _near(before), gray, rough
        rows = []
        for of, context in zip(self._rows, contexts, strict=True):
            row = of.get(context)
            rows.append(of.setdefault(context, [FRESH] * NODES) if row is None else row)
        decide, weights = decisions.decide, self._weights
        if decide(weights[0], rows, 0, given == 0):
            return 0
        negative = decide(weights[1], rows, 1, given < 0)
        size, length = abs(given), 1
        while length < 8 and decide(weights[1 + length], rows, 1 + length, size >> length > 0):
            length += 1
        found = 1
        for place in range(length - 2, -1, -1):
            node = 9 + (length << 3) + place if length - place < 4 else 8
            found = found << 1 | decide(weights[node], rows, node, size >> place & 1 > 0)
        return -found if negative else found


def _pass(decisions: _Decisions, channels: int, count: int, colours: bytes) -> bytes:
    """Codes `colours`, or decodes them where they are zeros that nothing depends on; the colours."""
    out = bytearray()
    above, last, same = bytes(channels), [0] * channels, False
    learned = [_Channel() for _ in range(channels)]
    always, by_same, weights = [FRESH], ([FRESH], [FRESH]), [START] * 5
    for i in range(count):
        given = colours[i * channels : (i + 1) * channels]
        rows = always, by_same[same], [FRESH], [FRESH], [FRESH]  # what was never used adds nothing
        same = decisions.decide(weights, rows, 0, given == above)
        if same:
            out += above
            continue
        entry, across = bytearray(channels), 0
        for channel in ORDER[:channels]:
            base = above[channel]
            gray = (entry[1] - base + 128) % 256 - 128 if channel != 1 else 0
            wanted = (given[channel] - base + 128) % 256 - 128
            across = last[channel] = learned[channel].difference(decisions, (across, last[channel], gray), wanted)
            entry[channel] = (base + across) % 256
        above = bytes(entry)
        out += above
    return bytes(out)


def code(channels: int, colours: bytes) -> bytes:
    """The colours, `channels` bytes each, 3 or 4, in fewer bytes, mostly; the last one is not 0."""
    decisions = _Decisions()
    _pass(decisions, channels, len(colours) // channels, colours)
    return decisions.finish()


def decode(data: bytes, channels: int, count: int) -> bytes:
    """`count` colours that were coded.

    Raises:
        CorruptFile: these are not the bytes that they take.
    """
    decisions = _Decisions(data)
    colours = _pass(decisions, channels, count, bytes(count * channels))
    if data[-1:] == b"\0" or not decisions.done:
        raise CorruptFile("the palette is damaged, or has more bytes than it takes")
    return colours
