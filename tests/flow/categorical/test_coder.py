"""Names of colours to payloads and back: shapes, ways, frames, damage; the same bytes with and without compiling."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from idfcodec.entropy import Decoder, Encoder
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.flow.categorical import choosing, coder
from idfcodec.flow.categorical.coder import decode, encode
from idfcodec.flow.categorical.colours import by_luminance, by_significance, few_colours, packed
from idfcodec.flow.categorical.config import (
    ALIKE,
    BUDGETS,
    FAST,
    FEW,
    LEVELS,
    MANY,
    NEIGHBOURS,
    WAYS,
    WIDE,
    Budget,
    Way,
)
from idfcodec.flow.categorical.kernels import DECODE, ENCODE
from idfcodec.flow.categorical.tables import MOST, first_chances, tables
from idfcodec.flow.categorical.work import Work
from idfcodec.format.payload import CATEGORICAL
from tests.conftest import REPOSITORY
from tests.flow.categorical.screens import screen

Names = NDArray[np.uint32]


def round_trip(names: Names, channels: int, **options: object) -> bytes:
    payload = encode(names, channels=channels, **options)  # type: ignore[arg-type]
    palette = options.get("palette")
    again = decode(payload, names.shape, channels=channels, palette=palette)  # type: ignore[arg-type]
    assert np.array_equal(again, names)
    assert payload[0] == CATEGORICAL
    return payload


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (2, 3), (33, 47), (9, 300)])
def test_round_trip(shape: tuple[int, int], channels: int) -> None:
    height, width = shape
    round_trip(screen(width, height, channels, seed=channels), channels)


@pytest.mark.parametrize("effort", ["fast", "default", "max"])
def test_efforts_decode_alike(effort: str) -> None:
    round_trip(screen(90, 60, 3), 3, effort=effort)


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_many_colours(seed: int) -> None:
    names = np.random.default_rng(seed).integers(0, 2**32, (1, 20, 30), np.uint32)
    payload = round_trip(names, 4)
    assert len(payload) < 1.2 * names.nbytes


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("strip", [100, 2**19])
def test_every_way_by_both_decoders(way: Way, strip: int) -> None:
    """The compiled decoder, and constriction under each decision's two shares."""
    names, channels, colours = screen(60, 40, 3), 3, 0
    if way.tree or way.ramp:
        palette = np.unique(names)[:200]
        names = np.searchsorted(palette, names).clip(0, len(palette) - 1).astype(np.uint32)
        channels, colours = 1 if way.ramp else 3, len(palette) if way.tree else 0
    again = np.empty_like(names)
    writer, reader = (Work(mode, x, channels, colours, way, strip=strip)
                      for mode, x in ((ENCODE, names), (DECODE, again)))  # fmt: skip
    while not writer.done:
        starts, sizes = writer.intervals()
        encoder = Encoder()
        encoder.push_intervals((starts, sizes))
        words = np.frombuffer(encoder.finish(), "<u4").astype(np.uint32)
        reader.decode(words)
        ones = starts == 0
        first = np.where(ones, sizes, starts)
        weights = np.stack((first - 1, 2**24 - first - 1), 1).astype(np.float64)
        decoder = Decoder(words.astype("<u4").tobytes())
        assert np.array_equal(decoder.pop(weights), np.where(ones, 0, 1))
        decoder.finish()
    assert reader.done
    assert np.array_equal(again, names)


@pytest.mark.parametrize("budget", BUDGETS)
def test_every_budget_decodes(budget: Budget) -> None:
    names = screen(200, 150, 3)
    again = np.empty_like(names)
    writer, reader = (Work(mode, x, 3, 0, WAYS[0], budget=budget) for mode, x in ((ENCODE, names), (DECODE, again)))
    encoder = Encoder()
    encoder.push_intervals(writer.intervals())
    reader.decode(np.frombuffer(encoder.finish(), "<u4").astype(np.uint32))
    assert writer.done
    assert np.array_equal(again, names)


def test_efforts_choose_budgets() -> None:
    names = screen(90, 60, 3)
    for picture, effort, budget in (
        (names, "fast", FAST),
        (names, "default", MANY),
        (names & np.uint32(1), "default", FEW),
    ):
        assert BUDGETS[encode(picture, channels=3, effort=effort)[1] // 16] is budget


@pytest.mark.parametrize("effort", ["fast", "default", "max"])
def test_a_large_picture_is_coded_in_few_ways(monkeypatch: pytest.MonkeyPatch, effort: str) -> None:
    """Samples choose, of some third of its pixels all together; for the smallest file, of more."""
    names = screen(400, 300, 3)
    pixels = []

    class Counted(Work):
        def __init__(self, mode: int, names: Names, *others: object, **options: object) -> None:
            pixels.append(names.size)
            super().__init__(mode, names, *others, **options)  # type: ignore[arg-type]

    for module in (choosing, coder):
        monkeypatch.setattr(module, "Work", Counted)
    for picture in (names, names % np.uint32(5), names[:, :, :200] & np.uint32(1)):
        pixels.clear()
        encode(picture, channels=3, effort=effort)
        whole = pixels.count(picture.size)
        assert whole == 1 if effort != "max" else whole <= 4
        assert sum(size for size in pixels if size < picture.size) <= picture.size / (2.5 if effort != "max" else 1)


def test_a_way_that_cannot_win_is_given_up() -> None:
    names = screen(200, 150, 3)
    whole = choosing.cost(names, 3, 0, WAYS[0], MANY)
    assert 100 < choosing.cost(names, 3, 0, WAYS[0], MANY, 100) < whole / 2


@pytest.mark.parametrize("effort", ["default", "max"])
def test_a_limit_changes_no_bytes(effort: str) -> None:
    """What fits comes as without one; what does not may not come."""
    rng = np.random.default_rng(6)
    noise = rng.integers(0, 2**24, (1, 40, 50)).astype(np.uint32)
    for names in (noise, noise & np.uint32(7), screen(90, 60, 3)):
        whole = encode(names, channels=3, effort=effort)
        for limit in (len(whole), len(whole) + 1, 2**20):
            assert encode(names, channels=3, effort=effort, limit=limit) == whole
        assert encode(names, channels=3, effort=effort, limit=0.9 * len(whole) - 64) == b""


def test_a_strip_may_be_made_in_parts() -> None:
    names = screen(120, 90, 3)
    parts, whole = Work(ENCODE, names, 3, 0, WAYS[0]), Work(ENCODE, names, 3, 0, WAYS[0])
    found = []
    while not parts.done:
        found.append(parts.intervals(100))
        assert 100 <= len(found[-1][0]) < 400 or parts.done
    for part, one in zip(zip(*found, strict=True), whole.intervals(), strict=True):
        assert np.array_equal(np.concatenate(part), one)


def test_gray_that_leaves_nothing_out_is_not_ranked() -> None:
    rng = np.random.default_rng(7)
    ramp = np.arange(60)[None, :, None] + rng.integers(0, 30, (1, 60, 70))
    for names, ranked in ((ramp, False), (3 * ramp, True), (ramp // 8, True), (np.sort(ramp) // 2, True)):
        choices = dict.fromkeys(WAYS, names.astype(np.uint32))
        number = len(np.unique(names))
        ways = {way for way, _ in choosing.likely_ways(choices, 1, number, "default")}
        assert any(way.ramp for way in ways) == ranked
        assert any(way.ramp for way, _ in choosing.likely_ways(choices, 1, number, "max"))


def test_wide_surroundings_know_glyphs_again() -> None:
    """Text in two colours: what is beyond 26 neighbours tells which glyph it is."""
    rng = np.random.default_rng(1)
    glyphs = np.kron(rng.integers(0, 2, (12, 4, 3)), np.ones((1, 4, 4), np.int64)).astype(np.uint32)
    glyphs[:, :, 9:] = glyphs[:, 13:] = 0
    names = np.concatenate([np.concatenate(glyphs[rng.integers(0, 12, 30)], 1) for _ in range(12)])[None]
    budgets = replace(FEW, neighbours=LEVELS[-1]), FEW
    sizes = [len(coder._coded(Work(ENCODE, names, 1, 2, WAYS[2], budget=budget))) for budget in budgets]
    assert sizes[1] < 0.9 * sizes[0]


def test_values_are_fitted_to_what_is_around_and_to_other_channels() -> None:
    """Grain along diagonals that the channels share: no simple prediction knows it, least squares learn it."""
    rng = np.random.default_rng(3)
    grain = np.zeros((90, 120))
    for y in range(2, 90):
        for x in range(2, 118):
            grain[y, x] = 0.9 * grain[y - 1, x + 2] + 0.4 * grain[y, x - 2] - 0.4 * grain[y - 2, x] + rng.normal(0, 4)
    values = np.stack([128 + grain, 128 + 0.5 * grain, 128 - 0.7 * grain], -1) + rng.normal(0, 0.5, (90, 120, 3))
    names = packed(np.clip(values.round(), 0, 255).astype(np.uint8).reshape(-1, 3)).reshape(1, 90, 120)
    sizes = [len(coder._coded(Work(ENCODE, names, 3, 0, WAYS[1], budget=budget))) for budget in (BUDGETS[3], MANY)]
    assert sizes[1] < 0.8 * sizes[0]


def test_memory_is_bounded_by_pixels_and_tables() -> None:
    for side in (300, 900):
        names = screen(side, side, 3)
        tracemalloc.start()
        payload = encode(names, channels=3)
        decode(payload, names.shape, channels=3)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 150e6 + 40 * names.size


def test_a_palette_of_equal_colours_keeps_its_indices() -> None:
    palette = np.array([[0, 0, 0], [9, 9, 9], [0, 0, 0], [255, 1, 2]], np.uint8)
    names = np.random.default_rng(1).integers(0, 4, (1, 24, 31)).astype(np.uint32)
    for effort in ("default", "max"):
        round_trip(names, 3, palette=palette, effort=effort)


def test_an_unchanged_frame_costs_next_to_nothing() -> None:
    still = screen(120, 90, 3)
    one = len(round_trip(still, 3))
    moved = still.copy()
    moved[0, 40:50, 20:30] = moved[0, 0, 0]
    frames = np.concatenate([still] * 5 + [moved, moved])
    assert len(round_trip(frames, 3)) < one + 100


@given(
    st.integers(1, 3), st.integers(1, 12), st.integers(1, 12), st.integers(1, 4), st.integers(1, 300),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_any_names(frames: int, height: int, width: int, channels: int, number: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 2 ** (8 * channels), number, np.uint64).astype(np.uint32)
    round_trip(colours[rng.integers(0, number, (frames, height, width)) // rng.integers(1, 9)], channels)


def test_names_beyond_their_range_are_refused() -> None:
    with pytest.raises(IDFError, match="below 256"):
        encode(np.full((1, 2, 2), 256, np.uint32), channels=1)
    with pytest.raises(IDFError, match="needs pixels"):
        encode(np.empty((1, 0, 2), np.uint32), channels=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_damage_is_found_or_gives_other_names(channels: int) -> None:
    """A checksum stands above this; here nothing may go wrong but by a `CorruptFile`."""
    names = screen(40, 30, channels)
    payload = encode(names, channels=channels)
    found = 0
    damaged = [payload[:end] for end in range(0, len(payload), 3)]
    for at in range(0, len(payload), max(len(payload) // 60, 1)):
        damaged += [payload[:at] + bytes([payload[at] ^ flip]) + payload[at + 1 :] for flip in (1, 0x80, 0xFF)]
    for data in damaged:
        try:
            again = decode(data, names.shape, channels=channels)
        except CorruptFile:
            found += 1
        else:
            assert int(again.max()) < 2 ** (8 * channels)
    assert found > len(damaged) * 0.9


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "how it is coded"),
        (bytes([CATEGORICAL]), "how it is coded"),
        (bytes([CATEGORICAL, 5]), "how it is coded"),
        (bytes([CATEGORICAL, 16 * len(BUDGETS)]), "how it is coded"),
        (bytes([CATEGORICAL, 2]), "too early"),
        (bytes([CATEGORICAL, 2, 1, 0, 5, 5, 0, 1]), "not ascending"),
        (bytes([CATEGORICAL, 0]), "too early"),
        (bytes([CATEGORICAL, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 1]), "too large"),
        (bytes([CATEGORICAL, 0, 0x80, 0]), "longer than it need be"),
        (bytes([CATEGORICAL, 0, 9]), "too early"),
        (bytes([CATEGORICAL, 0, 0, 1, 0]), "zero byte"),
    ],
)
def test_broken_rules_are_named(payload: bytes, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        decode(payload, (1, 4, 4), channels=1)


def test_a_palette_needs_a_way_with_one() -> None:
    payload = bytes([CATEGORICAL, 0]) + encode(np.zeros((1, 2, 2), np.uint32), channels=1)[2:]
    with pytest.raises(CorruptFile, match="has no palette"):
        decode(payload, (1, 2, 2), channels=1, palette=np.zeros((1, 1), np.uint8))


SMALL = "from tests.flow.categorical.test_coder import payloads; print(payloads())"


def payloads() -> str:
    """A hash of small payloads of several ways, each of which decodes."""
    digest = hashlib.sha256()
    for channels, frames in ((1, 1), (3, 2), (4, 1)):
        names = np.repeat(screen(14, 11, channels, seed=3), frames, 0)
        for effort in ("fast", "max"):
            digest.update(round_trip(names, channels, effort=effort))
        digest.update(round_trip(np.arange(300, dtype=np.uint32).reshape(1, 12, 25) * 77 % 256, 1, effort="sample"))
    return digest.hexdigest()


def test_the_same_bytes_without_compiling() -> None:
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", SMALL],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(REPOSITORY)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.strip() == payloads(), found.stderr


def test_tables_are_what_they_are_called() -> None:
    all_of_them = tables()
    squash = all_of_them[4096 : 4096 + 2 * MOST + 1]
    wanted = 65536 / (1 + np.exp(-np.arange(-MOST, MOST + 1) / 256))
    assert np.abs(squash - wanted).max() <= 1
    stretch = all_of_them[:4096].astype(np.int64)
    assert (np.diff(stretch) >= 0).all()
    assert np.abs(squash[stretch[100:-100] + MOST] - (np.arange(100, 3996) * 16 + 8)).max() <= 64
    assert len(all_of_them) == 4096 + 2 * MOST + 2 + 256 + 4096
    chances = first_chances() >> 16
    assert chances[1] == 2**15
    assert chances[0b100] < 2**15 < chances[0b111]


def test_neighbours_are_all_different_and_known() -> None:
    assert len({*NEIGHBOURS}) == len(NEIGHBOURS) == WIDE > LEVELS[-1]
    assert all(row or column < 0 for row, column in NEIGHBOURS)
    assert max(max(pair) for pair in ALIKE) < len(NEIGHBOURS)


def test_lists_of_colours() -> None:
    palette = np.array([[9, 0, 0], [0, 9, 0], [0, 0, 9]], np.uint8)
    names = packed(palette)
    assert names.tolist() == [9, 9 << 8, 9 << 16]
    assert by_significance(names, 3).tolist() == [0, 2, 1]
    assert by_luminance(names, 3).tolist() == [2, 0, 1]
    few = few_colours(np.array([[[7, 7, 5], [5, 7, 9]]], np.uint32))
    assert few is not None
    assert few.tolist() == [5, 7, 9]
    assert few_colours(np.arange(257, dtype=np.uint32).reshape(1, 1, 257)) is None
