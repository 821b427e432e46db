"""What files may say of their samples, drawn for tests."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from idfcodec.format.mode import Mode
from idfcodec.format.structure import Frames, Palette, Structure

__all__ = ["structures"]


@st.composite
def structures(draw: st.DrawFn, mode: Mode) -> Structure:
    """The structure of a picture of this mode, of a few frames at most."""
    palette = None
    if mode is Mode.PALETTE:
        channels, count = draw(st.sampled_from([3, 4])), draw(st.integers(1, 256))
        palette = Palette(channels, bytes(range(256))[-channels:] * count)
    frames = None
    if draw(st.booleans()):
        count = draw(st.integers(2, 5))
        duration = st.builds(Fraction, st.integers(0, 10**5), st.sampled_from([1, 2, 6, 60]))
        durations = draw(st.one_of(st.just([]), st.lists(duration, min_size=count, max_size=count)))
        if draw(st.booleans()):
            durations = [Fraction(40)] * count
        frames = Frames(count, tuple(durations), draw(st.one_of(st.none(), st.integers(0, 2**28 - 2))))
    white = None
    if mode not in (Mode.PALETTE, Mode.BILEVEL) and draw(st.booleans()):
        white = draw(st.integers(1, 2 ** (8 * mode.bytes) - 2))
    return Structure(palette, frames, white)
