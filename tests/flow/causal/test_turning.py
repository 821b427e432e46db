"""Tall and narrow tiles are coded lying, and come back as they were."""

import numpy as np
import pytest

from idfcodec import codec
from idfcodec.code_length import code_length
from idfcodec.demo import draw
from idfcodec.flow.causal.turning import is_tall
from idfcodec.format.container import unpack
from idfcodec.format.payload import PLAIN, TURNED
from idfcodec.models import load_model
from idfcodec.types import Grid, PlaneType, Role


@pytest.mark.parametrize(
    ("width", "height", "first"),
    [
        (1, 1, PLAIN),
        (1, 4, TURNED),
        (1, 1030, TURNED),
        (15, 60, TURNED),
        (15, 59, PLAIN),
        (16, 64, PLAIN),
        (64, 1, PLAIN),
    ],
)
def test_narrow_tiles(width: int, height: int, first: int) -> None:
    pixels = draw(width, height)
    data = codec.encode(pixels, model="photo-fast", conversion=False)
    assert {tile[0] for tile in unpack(data).tiles} <= {first, 128}
    assert np.array_equal(codec.decode(data), pixels)
    found = code_length(pixels, effort="fast", conversion=False)
    assert found.pixels.shape == (height, width)
    assert is_tall([(height, width)]) == (first == TURNED)


def test_what_is_turned_costs_what_its_turned_picture_does() -> None:
    pixels = draw(3, 200)
    lying = np.ascontiguousarray(pixels.swapaxes(0, 1))
    found, expected = (code_length(picture, effort="fast", conversion=False) for picture in (pixels, lying))
    assert np.array_equal(found.pixels, expected.pixels.T)
    payloads = [unpack(codec.encode(p, effort="fast", conversion=False)).tiles[0] for p in (pixels, lying)]
    assert bytes(payloads[0])[1:] == bytes(payloads[1])[1:]


def test_halved_chroma_turns_with_its_luma() -> None:
    coder = load_model("photo-fast")
    luma = draw(12, 61)[..., 1].astype(np.int32)
    chroma = PlaneType(Role.CHROMA, -128, 127, Grid((2, 1), (-1, 0)))
    types = [PlaneType(Role.LUMA), chroma, chroma]
    picture = [luma, luma[::2] // 2 - 60, 50 - luma[1::2][[*range(30), 29]] // 3]
    (payload,) = coder.encode([picture], types)
    lying_types = [PlaneType(Role.LUMA), *[PlaneType(Role.CHROMA, -128, 127, Grid((1, 2), (0, -1)))] * 2]
    (lying,) = coder.encode([[np.ascontiguousarray(plane.T) for plane in picture]], lying_types)
    assert (payload[0], lying[0]) == (TURNED, PLAIN)
    assert payload[1:] == lying[1:]
    (again,) = coder.decode([payload], [(61, 12), (31, 12), (31, 12)], types)
    for plane, before in zip(again, picture, strict=True):
        assert np.array_equal(plane, before)
    assert coder.code_length(picture, types).pixels.shape == luma.shape
