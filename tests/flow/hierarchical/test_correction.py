"""Corrections: their numbers, what they do to a step against a slow reference, and what the encoder fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idfcodec.entropy import Decoder, Encoder
from idfcodec.errors import CorruptFile
from idfcodec.flow.exact.tables import HIGHEST, ONE, SCALES, SHAPE_STEPS
from idfcodec.flow.hierarchical import correction, fitting
from idfcodec.flow.hierarchical.code_length import of_tile
from idfcodec.flow.hierarchical.coding import decode_tile, encode_tile
from idfcodec.flow.hierarchical.config import Search
from idfcodec.flow.hierarchical.correction import MOST_CLASSES, NEIGHBOURS, Correction, Corrections, Part
from idfcodec.flow.hierarchical.fitting import fit
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.walk import StepPrior, Values
from idfcodec.format.payload import CORRECTED
from tests.flow.hierarchical.steps import planes_of, random_correction, random_prior, shape_of
from tests.pictures import Pixels, generate

groups = pytest.mark.parametrize("group", range(3), ids="DBC")


def known_at(phase: Values, plane: int, row: int, column: int) -> int:
    """Of a cell, or of the nearest one where the grid has ended."""
    _, height, width = phase.shape
    return int(phase[plane, min(max(row, 0), height - 1), min(max(column, 0), width - 1)])


def same(a: Corrections, b: Corrections) -> bool:
    def plain(corrections: Corrections) -> object:
        return {
            key: (c.thresholds, [(p.coefficients.tolist(), p.slope, p.offset) for p in c.parts])
            for key, c in corrections.items()
        }

    return plain(a) == plain(b)


# --- Numbers -------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), planes=st.sampled_from([1, 3]), share=st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_numbers_come_back(seed: int, planes: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    corrections = {
        (level, group, plane): random_correction(rng, group, plane)
        for level in range(correction.LEVELS)
        for group in range(3)
        for plane in range(planes)
        if rng.random() < share
    }
    numbers = correction.numbers(corrections, planes)
    assert all(-128 <= number <= 127 for number in numbers)
    encoder = Encoder()
    encoder.push_uniform(np.array([5, 6, 7], np.int32), 1000)
    correction.push(encoder, corrections, planes)
    data = encoder.finish()
    assert abs(8 * len(data) - correction.bits(corrections, planes)) < 128 + 0.1 * len(data)
    decoder = Decoder(data)
    back = correction.pop(decoder, planes)
    assert same(back, corrections)
    assert all(part.coefficients.dtype == np.int32 for c in back.values() for part in c.parts)
    assert decoder.pop_uniform(3, 1000).tolist() == [5, 6, 7]
    decoder.finish()


def pushed(numbers: list[int]) -> Decoder:
    """A stream of numbers that may be no corrections, and nothing of interest after them."""
    encoder = Encoder()
    encoder.push_uniform(np.arange(2000, dtype=np.int32), 2**16)
    symbols = np.array(numbers, np.int32) + 128
    encoder.push(symbols, np.broadcast_to(correction._NUMBERS, (len(symbols), 256)).copy())
    return Decoder(encoder.finish())


def test_numbers_that_are_no_corrections() -> None:
    for classes in (-128, -1, MOST_CLASSES + 1, 127):
        with pytest.raises(CorruptFile, match="wrong number of classes"):
            correction.pop(pushed([classes]), 3)
        with pytest.raises(CorruptFile, match="wrong number of classes"):
            correction.pop(pushed([0, 0, 0, classes]), 1)
    for thresholds in [(5, 5), (6, 5), (-128, 127, 126), (0, 0, 0)]:
        with pytest.raises(CorruptFile, match="not in order"):
            correction.pop(pushed([len(thresholds) + 1, *thresholds]), 1)


@settings(deadline=None, max_examples=100)
@given(words=st.lists(st.integers(0, 2**32 - 1), max_size=60), planes=st.sampled_from([1, 3]))
def test_corrections_of_garbage(words: list[int], planes: int) -> None:
    """Refused, or corrections within their limits."""
    try:
        corrections = correction.pop(Decoder(np.array(words, "<u4").tobytes()), planes)
    except CorruptFile:
        return
    assert all(-128 <= number <= 127 for number in correction.numbers(corrections, planes))
    assert all(len(c.thresholds) + 1 == len(c.parts) <= MOST_CLASSES for c in corrections.values())


# --- Corrected steps -----------------------------------------------------------------------------------------------


@groups
def test_neighbours_are_the_nearest_known_pixels(group: int) -> None:
    """In pixels: the first four are the nearest, there are no others as near as the farthest, none comes twice."""
    places = [(0, 0), (1, 1), (0, 1), (1, 0)]  # of A, D, B and C within a cell
    here = places[group + 1]
    offsets = [
        (2 * int(row) + places[phase][0] - here[0], 2 * int(column) + places[phase][1] - here[1])
        for phase, row, column in NEIGHBOURS[group]
    ]
    assert len(set(offsets)) == len(offsets)
    assert all(phase <= group for phase, _, _ in NEIGHBOURS[group])
    distances = [row * row + column * column for row, column in offsets]
    assert set(distances[:4]) == {2 if group == 0 else 1}
    assert max(distances[:4]) < min(distances[4:])
    assert max(distances) <= 10
    # Mirrored, they are the same, but for what is not yet known.
    assert sum(row for row, _ in offsets) == sum(column for _, column in offsets) == 0


SIZES = [((4, 5), (4, 5)), ((4, 5), (3, 4)), ((1, 1), (1, 1)), ((1, 6), (1, 5)), ((7, 1), (6, 1))]


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize(("grid", "extent"), SIZES, ids=str)
@groups
def test_corrected_equals_the_reference(
    group: int, grid: tuple[int, int], extent: tuple[int, int], planes: int, rng: np.random.Generator
) -> None:
    for plane in range(planes):
        prior = random_prior(rng, group, planes, grid, extent)
        before = [array.copy() for array in (prior.location, prior.scale)]
        chosen = random_correction(rng, group, plane, lowest=0)
        after = correction.corrected(prior, group, plane, chosen)
        assert np.array_equal(prior.location, before[0]), "the step was changed in place"
        assert np.array_equal(prior.scale, before[1]), "the step was changed in place"
        table = NEIGHBOURS[group].tolist()
        for n in range(extent[0] * extent[1]):
            row, column = divmod(n, extent[1])
            scale = int(prior.scale[plane, n])
            part = chosen.parts[sum(scale >= threshold for threshold in chosen.thresholds)]
            around = [known_at(prior.phases[p], plane, row + r, column + c) for p, r, c in table]
            quarters = [4 * value - sum(around[:4]) for value in around] + [4]
            weights = [int(k) for k in part.coefficients]
            moved = 4 * sum(k * d for k, d in zip(weights, quarters, strict=False))
            assert after.location[plane, n] == prior.location[plane, n] + (moved + 32) // 64
            wanted = (scale * part.slope + part.offset * 32 // 4 + 16) // 32
            assert after.scale[plane, n] == min(max(wanted, 0), SCALES - 1)
            if prior.colour is not None and after.colour is not None:
                colour = [0, 0, 0]
                if plane == 1:
                    colour[0] = weights[-1]
                if plane == 2:
                    colour[1:] = weights[-2:]
                assert (after.colour[:, n] - prior.colour[:, n]).tolist() == colour
        others = [p for p in range(planes) if p != plane]
        assert np.array_equal(after.location[others], prior.location[others])
        assert np.array_equal(after.scale[others], prior.scale[others])
        assert after.location.dtype == after.scale.dtype == np.int32


@groups
def test_a_step_without_pixels_is_left_alone(group: int, rng: np.random.Generator) -> None:
    """What the encoder never sends, but a damaged file may."""
    for extent in [(0, 3), (3, 0), (0, 0)]:
        prior = random_prior(rng, group, 3, (3, 3), extent)
        for plane in range(3):
            prior = correction.corrected(prior, group, plane, random_correction(rng, group, plane))
        assert prior.location.shape == (3, 0)


@groups
def test_the_largest_corrections_stay_within_32_bits(group: int, rng: np.random.Generator) -> None:
    prior = random_prior(rng, group, 3, (4, 4), (4, 4))
    for phase in prior.phases:
        phase[1:] = np.where(phase[1:] < 0, -255, 255)
    for number in (-128, 127):
        after = prior
        for plane in range(3):
            signs = np.where(rng.random(len(NEIGHBOURS[group]) + 1 + plane) < 0.5, 1, -1)
            coefficients = np.clip(number * signs, -128, 127).astype(np.int32)
            after = correction.corrected(after, group, plane, Correction((), (Part(coefficients, 159, number),)))
        known = np.repeat(np.array([[0], [255], [255]], np.int32), 16, 1)
        for plane in range(3):
            assert np.abs(after.location[plane].astype(np.int64) - prior.location[plane]).max() < 2**20
            located = after.located(plane, known)
            assert -HIGHEST * ONE <= located.min() <= located.max() <= HIGHEST * ONE


# --- Fits ----------------------------------------------------------------------------------------------------------


def smooth_phases(rng: np.random.Generator, group: int, size: int) -> tuple[Values, ...]:
    """Bytes with differences of some tens between neighbours: (1, size, size) each."""
    base = rng.integers(60, 190, (size // 8 + 2, size // 8 + 2)).repeat(8, 0).repeat(8, 1)[:size, :size]
    return tuple((base + rng.integers(-30, 31, (size, size)))[None].astype(np.int32) for _ in range(group + 1))


@groups
def test_fit_finds_what_was_planted(group: int, rng: np.random.Generator) -> None:
    """Values that are a linear combination of their neighbours, of which the prior knew the mean of four."""
    size = 48
    phases = smooth_phases(rng, group, size)
    table = NEIGHBOURS[group].tolist()
    around = np.array(
        [[known_at(phases[p], 0, r + dr, c + dc) for p, dr, dc in table] for r in range(size) for c in range(size)]
    )
    planted = np.zeros(len(table), np.int64)
    planted[[1, 2, 5, len(table) - 1]] = 13, -20, 16, 6
    moved = (4 * around - around[:, :4].sum(1)[:, None]) @ planted / 4 / 64
    mean = around[:, :4].sum(1)
    values = np.clip(np.floor(mean / 4 + moved - 2 + 0.5), 0, 255).astype(np.int32)[None]
    count = size * size
    prior = StepPrior(
        location=(mean * (ONE // 4)).astype(np.int32)[None],
        scale=np.full((1, count), 24, np.int32),
        shape=np.full((1, count), SHAPE_STEPS, np.int32),
        colour=None,
        phases=phases,
        width=size,
    )
    found = fit([(prior, values)], group, 0, 1, Search())
    assert found.thresholds == ()
    coefficients = found.parts[0].coefficients
    # Of the first four, only their differences matter: those from the mean sum to nothing.
    shown, wanted = coefficients[:-1].astype(float), planted.astype(float)
    shown[:4] -= shown[:4].mean()
    wanted[:4] -= wanted[:4].mean()
    assert np.abs(shown - wanted).max() <= 2
    assert abs(int(coefficients[-1]) + 2 * 64) <= 8
    after = correction.corrected(prior, group, 0, found)
    error = np.abs(values[0] * ONE - after.location[0])
    before = np.abs(values[0] * ONE - prior.location[0])
    assert np.median(error) <= min(ONE, np.median(before) / 3)
    assert after.scale.max() < 10, "the scale follows the errors"


def test_fit_tells_classes_apart(rng: np.random.Generator) -> None:
    """Latents of small and of large scales whose values lie off their locations by different amounts."""
    size = 40
    count = size * size
    scale = np.where(np.arange(count) % 3 == 0, 8, 20).astype(np.int32)
    location = rng.integers(50 * ONE, 200 * ONE, count).astype(np.int32)
    off = np.where(scale == 8, -1, 1) + rng.integers(-1, 2, count) * (scale == 20)
    values = ((location + ONE // 2) // ONE + off).astype(np.int32)
    prior = StepPrior(
        location[None], scale[None], np.full((1, count), 4, np.int32), None, smooth_phases(rng, 0, size), size
    )
    found = fit([(prior, values[None])], 0, 0, 2, Search(classes=(2,)))
    assert found.thresholds == (20,)
    assert [round(int(part.coefficients[-1]) / 64) for part in found.parts] == [-1, 1]
    one = fit([(prior, values[None])], 0, 0, 1, Search())
    assert one.thresholds == ()
    assert len(one.parts) == 1


def test_fit_moves_colours(rng: np.random.Generator) -> None:
    """R-G that follows the residual of G by more than the network says."""
    size = 40
    count = size * size
    location = np.full((3, count), 100 * ONE, np.int32)
    green = rng.integers(60, 140, count)
    values = np.stack((green, 100 + (green - 100) * 3 // 4, 100 + rng.integers(-3, 4, count))).astype(np.int32)
    colour = np.zeros((3, count), np.int32)
    flat = tuple(np.repeat(phase, 3, 0) for phase in smooth_phases(rng, 0, size))
    prior = StepPrior(location, np.full_like(location, 28), np.full_like(location, 4), colour, flat, size)
    found = fit([(prior, values)], 0, 1, 1, Search())
    assert abs(int(found.parts[0].coefficients[-1]) - 24) <= 1
    after = correction.corrected(prior, 0, 1, found)
    assert np.abs(values[1] * ONE - after.located(1, values)).max() < 2 * ONE


@pytest.mark.parametrize("classes", range(1, MOST_CLASSES + 1))
@pytest.mark.parametrize("planes", [1, 3])
@groups
def test_fit_of_few_latents_and_of_extremes(group: int, planes: int, classes: int, rng: np.random.Generator) -> None:
    """One latent or some, as wrong as can be: numbers that can be coded, steps that can be read."""
    search = Search(classes=(classes,), samples=64)
    for grid, extent in [*SIZES, ((20, 20), (20, 20))]:
        prior = random_prior(rng, group, planes, grid, extent)
        if extent[0] == 20:
            for phase in prior.phases:
                phase[:] = np.where(phase < phase.mean(), -255, 255)
                phase[0] = np.abs(phase[0])
        values = rng.integers(0, 2, prior.location.shape).astype(np.int32) * 255
        values[1:] = np.where(values[1:] > 0, 255 - values[0], -values[0])
        corrections = {}
        for plane in range(planes):
            found = fit([(prior, values)], group, plane, classes, search)
            assert len(found.thresholds) + 1 == len(found.parts) <= classes
            corrections[0, group, plane] = found
            prior = correction.corrected(prior, group, plane, found)
        numbers = correction.numbers(corrections, planes)
        assert all(-128 <= number <= 127 for number in numbers)
        assert same(correction.pop(pushed(numbers), planes), corrections)


def test_sums_of_products_are_exact(rng: np.random.Generator) -> None:
    """Those of a whole tile's step, all as large as can be: the same as of Python's integers, and below 2**53."""
    clip, count, number = fitting.CLIP, 15, 2**16
    features = np.full((number, count + 1), float(clip))
    features[:, 1::2] *= -1
    features[: number // 2, 3] = rng.integers(-clip, clip + 1, number // 2)
    sizes = np.full(number, fitting._SIZES.min(), np.int32)
    solution = np.zeros(count, np.int32)
    features[:, count] = 0
    matrix = np.zeros((count + 1, count + 1))
    fitting._normal_equations(features, sizes, solution, matrix)
    assert np.abs(matrix).max() < 2**53
    weight = (1 << 16) // ((int(sizes[0]) + 2) * (int(sizes[0]) + 2)) + 1
    assert weight <= 2**13
    integers = features.astype(np.int64)
    want = np.tril(weight * (integers.T @ integers))
    assert np.array_equal(matrix, want)


def subsampled(pixels: Pixels) -> Pixels:
    """With colours of half the resolution, as they come back from where every second one was left out."""
    green = pixels[..., 1].astype(np.int64)
    out = [green]
    for channel in (0, 2):
        small = (pixels[..., channel] - green)[::2, ::2]
        wide = np.pad(small, ((0, 1), (0, 1)), mode="edge")
        full = np.zeros_like(green)
        full[::2, ::2] = small
        full[1::2, ::2] = (wide[:-1, :-1] + wide[1:, :-1] + 1) >> 1
        full[::2, 1::2] = (wide[:-1, :-1] + wide[:-1, 1:] + 1) >> 1
        full[1::2, 1::2] = (wide[:-1, :-1] + wide[1:, :-1] + wide[:-1, 1:] + wide[1:, 1:] + 2) >> 2
        out.append(green + full)
    return np.stack((out[1], out[0], out[2]), 2).clip(0, 255).astype(np.uint8)


def test_pays_for_colours_that_were_subsampled(flow: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    planes = planes_of(subsampled(generate("grainy", 128, 96)))
    data = encode_tile(flow, planes)
    assert data[0] & CORRECTED
    assert np.array_equal(decode_tile(flow, data, shape_of(planes)), planes)
    monkeypatch.setattr(correction, "LEVELS", 0)
    plain = encode_tile(flow, planes)
    assert not plain[0] & CORRECTED
    assert np.array_equal(decode_tile(flow, plain, shape_of(planes)), planes)
    assert len(data) < 0.93 * len(plain)


@pytest.mark.parametrize("kind", ["photo", "lattice", "gray", "noise", "gradient", "extremes"])
def test_never_costs_much(flow: Prepared, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample decides, so that it may be wrong, but not by much."""
    planes = planes_of(generate(kind, 80, 64))
    data = encode_tile(flow, planes)
    monkeypatch.setattr(correction, "LEVELS", 0)
    assert len(data) <= 1.01 * len(encode_tile(flow, planes)) + 16


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (4, 4), (5, 9), (40, 31)], ids=str)
@pytest.mark.parametrize("kind", ["photo", "gray", "extremes"])
def test_corrections_of_every_step(
    flow: Prepared, kind: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Round trips where every correction pays, or is thought to, with as many classes as there may be."""
    monkeypatch.setattr(correction, "bits", lambda corrections, planes: -(2.0**30))
    planes = planes_of(generate(kind, size[1], size[0]))
    for classes in (1, 2, 3, 4):
        search = Search(classes=(classes,), samples=100)
        other = replace(flow, config=replace(flow.config, search=search))
        monkeypatch.setattr("idfcodec.flow.hierarchical.coding.colours_of", lambda planes: None)
        data = encode_tile(other, planes)
        assert bool(data[0] & CORRECTED) == (size != (1, 1))
        assert np.array_equal(decode_tile(flow, data, shape_of(planes)), planes)


def test_the_likelihood_counts_the_corrections(flow: Prepared) -> None:
    planes = planes_of(subsampled(generate("grainy", 128, 96)))
    assert abs(of_tile(flow, planes).total - 8 * len(encode_tile(flow, planes))) < 256
    search = replace(flow.config.search, classes=(), weights=0)
    bare = replace(flow, config=replace(flow.config, search=search))
    assert of_tile(flow, planes).total < 0.93 * of_tile(bare, planes).total
