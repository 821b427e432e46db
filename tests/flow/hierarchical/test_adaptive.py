"""What a tile teaches: tables and weights against slow references, and which weights pay."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from idfcodec.flow.exact.tables import CELLS, CLASSES, STARTS, TOTAL
from idfcodec.flow.hierarchical import coding
from idfcodec.flow.hierarchical.adaptive import (
    BELIEF,
    PAIR_BELIEF,
    TABLE_LEVELS,
    VALUE_BELIEF,
    WEIGHT_LEVELS,
    Adaptation,
    Switches,
)
from idfcodec.flow.hierarchical.coding import encode_tile
from idfcodec.flow.hierarchical.lattice import BLURS, PairWeights, value_weights
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.walk import Values
from idfcodec.format.payload import CORRECTED
from tests.flow.hierarchical.steps import planes_of
from tests.pictures import generate

EVERY = Switches(7)


def differences(rng: np.random.Generator, planes: int, count: int) -> Values:
    """(C, N) values G, R-G and B-G of random bytes, black and white among them."""
    pixels = rng.integers(0, 256, (3, count))
    pixels[:, : count // 4] = rng.choice([0, 255], (3, count // 4))
    green, red, blue = pixels
    return np.stack((green, red - green, blue - green))[:planes].astype(np.int32)


def test_tables_equal_the_reference(flow: Prepared, rng: np.random.Generator) -> None:
    """Of rows at both ends of each class; the others, and those of the other planes, stay the model's."""
    adaptation = Adaptation(flow, 3, Switches(0))
    counts = np.zeros((3, CELLS), np.int64)
    for plane in range(2):
        cells, columns = [], []
        for kind, start in zip(CLASSES, STARTS, strict=True):
            rows = rng.choice([0, 1, kind.rows // 2, kind.rows - 1], 200)
            cells.append(start + rows * kind.width)
            columns.append(np.where(rng.random(200) < 0.3, 0, rng.integers(0, kind.width, 200)))
        cell, column = (np.concatenate(part).astype(np.int32) for part in (cells, columns))
        adaptation.add_columns(plane, cell, column)
        np.add.at(counts[plane], cell + column, 1)
    for level in (5, TABLE_LEVELS):
        assert all(np.array_equal(table, flow.tables) for table in adaptation.learned(level).tables)
    learned = adaptation.learned(TABLE_LEVELS - 1)
    for plane in range(3):
        made = learned.tables[plane]
        assert made.dtype == np.int32
        for kind, start in zip(CLASSES, STARTS, strict=True):
            block = slice(start, start + kind.rows * kind.width)
            seen = counts[plane, block].reshape(kind.rows, kind.width)
            old = flow.tables[block].reshape(kind.rows, kind.width).astype(np.int64)
            want = (BELIEF * old + TOTAL * seen) // (BELIEF + seen.sum(1, keepdims=True))
            assert np.array_equal(made[block].reshape(kind.rows, kind.width), want)
            assert (seen.sum(1) > 0).any() == (plane < 2)


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("switches", range(8))
def test_weights_are_those_of_the_values_seen(
    flow: Prepared, switches: int, planes: int, rng: np.random.Generator
) -> None:
    adaptation = Adaptation(flow, planes, Switches(switches))
    seen = [differences(rng, planes, count) for count in (1, 0, 300)]
    for values in seen:
        adaptation.add_values(values)
    assert adaptation.learned(WEIGHT_LEVELS).pairs == {}
    assert adaptation.learned(WEIGHT_LEVELS).values is None
    learned = adaptation.learned(WEIGHT_LEVELS - 1)
    values = np.concatenate(seen, 1)
    pairs = {kind for kind in PAIR_BELIEF if kind in Switches(switches) and planes == 3}
    assert set(learned.pairs) == pairs
    for kind in pairs:
        x, y = (values[0], values[1]) if kind is Switches.GREEN else (values[1], values[2])
        low = (0, -255) if kind is Switches.GREEN else (-255, -255)
        counts = np.zeros((256 - low[0], 511), np.int32)
        np.add.at(counts, (x - low[0], y - low[1]), 1)
        want = PairWeights.from_counts(counts, low, PAIR_BELIEF[kind], flow.blurs)
        assert want is not None
        for weights in (want, learned.pairs[kind]):
            weights.blur(np.ones(BLURS, bool))
        assert learned.pairs[kind].low == want.low
        assert np.array_equal(learned.pairs[kind].pair, want.pair)
        assert np.array_equal(learned.pairs[kind].blurred, want.blurred)
    if Switches.VALUES in Switches(switches):
        assert learned.values is not None
        pixels = [values[0], *(values[p] + values[0] for p in range(1, planes))]
        for found, plane in zip(learned.values, pixels, strict=True):
            assert np.array_equal(
                found, value_weights(np.bincount(plane, minlength=256).astype(np.int32), VALUE_BELIEF)
            )
    else:
        assert learned.values is None


def test_nothing_seen_is_nothing_learned(flow: Prepared) -> None:
    learned = Adaptation(flow, 3, EVERY).learned(0)
    assert learned.pairs == {}
    assert learned.values is not None
    assert (learned.values == learned.values[0, 0]).all()
    assert all(np.array_equal(table, flow.tables) for table in learned.tables)


# --- Where the weights pay -----------------------------------------------------------------------------------------


def gappy(width: int, height: int) -> Values:
    """A photograph whose contrast was raised: only some values come, each plane's by itself."""
    return planes_of((generate("grainy", width, height) // 3 * 3).astype(np.uint8))


def sizes(flow: Prepared, planes: Values, monkeypatch: pytest.MonkeyPatch) -> tuple[Switches, dict[Switches, int]]:
    """What the encoder chooses, and the size with each choice."""
    monkeypatch.setattr(coding, "colours_of", lambda planes: None)
    chosen = Switches(encode_tile(flow, planes)[0] & ~CORRECTED)
    out = {}
    for switches in [Switches(0), *Switches, *(a | b for a, b in combinations(Switches, 2)), EVERY]:
        monkeypatch.setattr(coding, "choose", lambda flow, steps, switches=switches: switches)
        out[switches] = len(encode_tile(flow, planes))
    monkeypatch.undo()
    return chosen, out


def test_pairs_pay_for_a_picture_that_was_ycbcr(flow: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, size = sizes(flow, planes_of(generate("lattice", 160, 128)), monkeypatch)
    assert Switches.DIFFERENCES in chosen
    assert size[Switches.DIFFERENCES] < 0.95 * size[Switches(0)]


def test_values_pay_for_a_histogram_with_gaps(flow: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, size = sizes(flow, gappy(128, 96), monkeypatch)
    assert Switches.VALUES in chosen
    assert size[Switches.VALUES] < 0.9 * size[Switches(0)]


def test_none_pays_for_independent_noise(flow: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, size = sizes(flow, planes_of(generate("grainy", 160, 128)), monkeypatch)
    assert chosen == Switches(0)
    assert size[Switches(0)] < size[Switches.DIFFERENCES]


@pytest.mark.parametrize("kind", ["photo", "noise", "gray_as_rgb", "constant", "gradient", "extremes"])
def test_the_choice_is_nearly_the_best(flow: Prepared, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, size = sizes(flow, planes_of(generate(kind, 96, 80)), monkeypatch)
    assert size[chosen] <= (1.15 if kind == "gradient" else 1.02) * min(size.values()) + 16
