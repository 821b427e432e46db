"""A palette in fewer bytes: differences of one colour to the next, by mixed binary decisions. FORMAT.md, 2.3."""

from __future__ import annotations

from functools import cache

from idfcodec.errors import CorruptFile

__all__ = ["code", "decode"]

MOST = 3071  # of a logit, in units of 1/256
DECAY = 4278222842  # exp(-1/256) * 2**32
WHOLE, TOTAL = 2**32, 2**24  # values of a word, and quantiles
START, SPEED, LIMIT = 18000, 6, 60  # weights at first, how fast they move, what a counter counts to
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
        self._counters: dict[tuple[int, ...], tuple[int, int]] = {}
        self._weights: dict[tuple[int, int], list[int]] = {}

    def decide(self, kind: tuple[int, int], contexts: tuple[tuple[int, ...], ...], bit: int) -> int:
        """One decision, whose chance is mixed from those of its contexts; the bit, which decoding does not look at."""
        keys = [(*kind, i, *context) for i, context in enumerate(contexts)]
        counters = [self._counters.get(key, (32768, 0)) for key in keys]
        inputs = [_stretch()[chance >> 4] * (256 - 160 // (1 + seen)) >> 8 for chance, seen in counters]
        weights = self._weights.setdefault(kind, [START] * len(keys))
        logit = sum(x * weight for x, weight in zip(inputs, weights, strict=True)) >> 16
        chance = min(max(_squash()[min(max(logit, -MOST), MOST) + MOST], 32), 65504)
        bit = self._coded(chance, bit)
        goal = 65535 * bit
        for i, (key, (old, seen)) in enumerate(zip(keys, counters, strict=True)):
            weights[i] += (inputs[i] * (goal - chance) * SPEED + 2**17) >> 18
            self._counters[key] = old + ((goal - old) * 2 // (2 * seen + 3)), min(seen + 1, LIMIT)
        return bit

    def _coded(self, chance: int, bit: int) -> int:
        one = chance << 8
        if self._words is None:
            self._intervals.append((0, one) if bit else (one, TOTAL - one))
            return bit
        quantile = self._state % TOTAL
        bit = int(quantile < one)
        start, size = (0, one) if bit else (one, TOTAL - one)
        self._state = (self._state >> 24) * size + quantile - start
        if self._state < WHOLE and self._words:
            self._state = self._state << 32 | self._words.pop()
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


def _difference(decisions: _Decisions, channel: int, clues: tuple[int, int, int], given: int) -> int:
    """A number in [-128, 127]: 0? below 0? how many bits? the bits below the highest."""
    across, before, gray = clues
    rough = across.bit_length(), before.bit_length(), across < 0, before < 0
    contexts = (), (_near(across),), (_near(before),), (gray,), rough

    def decide(node: int, bit: bool) -> int:
        return decisions.decide((channel, node), contexts, int(bit))

    if decide(0, given == 0):
        return 0
    negative = decide(1, given < 0)
    size, length = abs(given), 1
    while length < 8 and decide(1 + length, size >> length > 0):
        length += 1
    found = 1
    for place in range(length - 2, -1, -1):
        found = found << 1 | decide(9 + (length << 3) + place if length - place < 4 else 8, bool(size >> place & 1))
    return -found if negative else found


def _pass(decisions: _Decisions, channels: int, count: int, colours: bytes) -> bytes:
    """Codes `colours`, or decodes them where they are zeros that nothing depends on; the colours."""
    out = bytearray()
    above, last, same = bytes(channels), [0] * channels, 0
    for i in range(count):
        given = colours[i * channels : (i + 1) * channels]
        same = decisions.decide((4, 0), ((), (same,)), int(given == above))
        if same:
            out += above
            continue
        entry, across = bytearray(channels), 0
        for channel in ORDER[:channels]:
            base = above[channel]
            gray = (entry[1] - base + 128) % 256 - 128 if channel != 1 else 0
            wanted = (given[channel] - base + 128) % 256 - 128
            across = last[channel] = _difference(decisions, channel, (across, last[channel], gray), wanted)
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
