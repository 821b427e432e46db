"""Smaller pictures to look at: by the levels of the hierarchical flow, and by means where there are none."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from idfcodec import codec
from idfcodec.codec import decode, encode
from idfcodec.demo import draw
from idfcodec.errors import CorruptFile, IDFError
from idfcodec.flow.hierarchical.walk import walk
from idfcodec.picture.picture import Frames, Picture
from idfcodec.preview import FACTORS, decode_preview, reduced
from tests.pictures import generate


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("kind", ["photo", "gray", "gray_as_rgb", "noise"])
def test_a_hierarchical_file_gives_its_coarse_levels(kind: str, factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "TILE", 64)
    pixels = generate(kind, 100, 70)
    data = encode(pixels, model="idf-fast")
    rows = [*range(0, 35, factor), *range(35, 70, factor)]
    columns = [*range(0, 50, factor), *range(50, 100, factor)]
    assert np.array_equal(decode_preview(data, factor).pixels, pixels[rows][:, columns])


def test_the_fine_levels_are_not_visited(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(draw(64, 64), model="idf-fast")
    from idfcodec.flow.hierarchical import coding

    visited: set[int] = set()

    def counted(model, shape, visit, final=0):  # type: ignore[no-untyped-def]
        def seen(level, phase, prior):  # type: ignore[no-untyped-def]
            visited.add(level)
            return visit(level, phase, prior)

        return walk(model, shape, seen, final)

    monkeypatch.setattr(coding, "walk", counted)
    decode_preview(data, 8)
    assert min(visited) == 3
    decode(data)
    assert min(visited) == 0


def test_other_files_are_decoded_and_reduced() -> None:
    pixels = draw(101, 66)
    data = encode(pixels, model="photo-fast")
    small = decode_preview(data, 4).pixels
    assert small.shape == (17, 26, 3)
    block = pixels[4:8, 8:12].reshape(-1, 3).astype(int)
    assert small[1, 2].tolist() == [(2 * s + 16) // 32 for s in block.sum(0).tolist()]
    assert small[16, 25].tolist() == [
        (2 * s + 2) // 4 for s in pixels[64:, 100:].reshape(-1, 3).astype(int).sum(0).tolist()
    ]
    with pytest.raises(CorruptFile):
        decode_preview(data[:-1], 4)
    for factor in (0, 1, 3, 16):
        with pytest.raises(IDFError, match="2, 4, 8 times smaller"):
            decode_preview(data, factor)


def test_colours_count_as_much_as_they_are_seen() -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0], pixels[0, 1] = (200, 100, 0, 255), (0, 0, 90, 0)
    assert reduced(Picture(pixels), 2).pixels.tolist() == [[[200, 100, 0, 64]]]
    assert reduced(Picture(pixels * (np.arange(4) < 3).astype(np.uint8)), 2).pixels[0, 0].tolist() == [50, 25, 23, 0]


def test_kinds_that_have_no_means_become_those_that_have() -> None:
    palette = np.array([[0, 0, 0], [255, 0, 0]], np.uint8)
    numbers = np.array([[0, 1], [1, 1]], np.uint8)
    small = reduced(Picture(numbers, palette=palette), 2)
    assert small.palette is None
    assert small.pixels.tolist() == [[[191, 0, 0]]]
    assert reduced(Picture(numbers.astype(bool)), 2).pixels.tolist() == [[191]]
    assert reduced(Picture(np.full((5, 3), 4095, np.uint16), white=4095), 8).pixels.tolist() == [[4095]]
    frames = Picture(np.stack([numbers * 4, numbers * 8]), frames=Frames(2, (Fraction(1),) * 2))
    assert reduced(frames, 2).pixels.tolist() == [[[3]], [[6]]]
