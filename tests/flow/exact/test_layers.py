"""Every layer is a bijection on integers: one sweep over all of them, then what each of them is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from idfcodec.flow.exact.layers import (
    PHASES,
    AdditiveCoupling,
    ColourTransform,
    Composition,
    Layer,
    Permutation,
    Squeeze,
)


def translation(known: int, moved: int) -> Callable[[Tensor], Tensor]:
    """A random convolution whose values are no integers; of 64ths, so that every order of summation gives the same."""
    torch.manual_seed(known)
    weight = torch.randint(-64, 65, (moved, known, 3, 3)).double() / 64
    bias = torch.randint(-640, 641, (moved,)).double() / 64
    return lambda a: F.conv2d(a.remainder(256).double(), weight, bias, padding=1)


def squeeze_and_couple(height: int, width: int) -> Layer:
    couplings = [AdditiveCoupling(known, translation(known, 12 - known)) for known in (3, 6, 9)]
    turn = Permutation((*range(3, 12), *range(3)))
    return Composition([ColourTransform(), Squeeze(height, width), turn, *couplings])


LAYERS: dict[str, Callable[[int, int], Layer]] = {
    "colour transform": lambda height, width: ColourTransform(),
    "squeeze": Squeeze,
    "permutation": lambda height, width: Permutation((2, 0, 1)),
    "coupling, one channel known": lambda height, width: AdditiveCoupling(1, translation(1, 2)),
    "coupling, two channels known": lambda height, width: AdditiveCoupling(2, translation(2, 1)),
    "coupling by integers": lambda height, width: AdditiveCoupling(1, lambda a: 3 * a - 1),
    "composition": lambda height, width: Composition([ColourTransform(), Squeeze(height, width)]),
    "a level of the flow": squeeze_and_couple,
    "empty composition": lambda height, width: Composition([]),
}
SIZES = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 9), (5, 7), (6, 4), (8, 33)]


def contents(height: int, width: int, dtype: torch.dtype) -> list[Tensor]:
    """Random bytes, random integers of the whole type, and its extremes next to each other: (2, 3, H, W) each."""
    generator = torch.Generator().manual_seed(height * 100 + width)
    info = torch.iinfo(dtype)
    ends = torch.tensor([info.min, -1, 0, 1, 255, info.max], dtype=dtype)
    shape = (2, 3, height, width)
    return [
        torch.randint(0, 256, shape, generator=generator, dtype=dtype),
        torch.randint(info.min, info.max, shape, generator=generator, dtype=dtype),
        ends[torch.randint(0, len(ends), shape, generator=generator)],
    ]


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64], ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_inverse_is_exact(name: str, size: tuple[int, int], dtype: torch.dtype) -> None:
    layer = LAYERS[name](*size)
    for x in contents(*size, dtype):
        before = x.clone()
        y = layer.forward(x)
        assert y.dtype == dtype
        back = layer.inverse(y)
        assert back.dtype == dtype
        assert torch.equal(back, x)
        assert torch.equal(x, before), "the layer changed its input"
        # A view with other strides is the same picture.
        strided = x.transpose(2, 3).contiguous().transpose(2, 3)
        assert torch.equal(layer.forward(strided), y)


def test_colour_transform_gives_green_and_the_differences() -> None:
    x = torch.tensor([200, 100, 50]).view(1, 3, 1, 1)
    assert ColourTransform().forward(x).flatten().tolist() == [100, 100, -50]


def test_squeeze_takes_the_phases_in_coding_order() -> None:
    x = torch.arange(16).view(1, 1, 4, 4)
    phases = Squeeze(4, 4).forward(x)[0]
    for phase, (row, column) in zip(phases, PHASES, strict=True):
        assert torch.equal(phase, x[0, 0, row::2, column::2])


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_squeeze_extents_cover_the_picture_once(size: tuple[int, int]) -> None:
    squeeze = Squeeze(*size)
    extents = [squeeze.extent(phase) for phase in range(4)]
    assert extents[0] == squeeze.grid
    assert sum(height * width for height, width in extents) == size[0] * size[1]


def test_squeeze_repeats_a_where_the_picture_ends() -> None:
    x = torch.arange(9).view(1, 1, 3, 3)
    a, d, b, c = Squeeze(3, 3).forward(x)[0].tolist()
    assert a == [[0, 2], [6, 8]]
    assert d == [[4, 2], [6, 8]]
    assert b == [[1, 2], [7, 8]]
    assert c == [[3, 5], [6, 8]]


def test_permutation_gathers() -> None:
    x = torch.tensor([10, 20, 30]).view(1, 3, 1, 1)
    assert Permutation((2, 0, 1)).forward(x).flatten().tolist() == [30, 10, 20]


@pytest.mark.parametrize("order", [(0, 0), (1, 2), (0, 2, 3)])
def test_permutation_refuses_others(order: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="is not a permutation"):
        Permutation(order)


def test_composition_inverts_last_first() -> None:
    layers = Composition([Permutation((1, 2, 0)), AdditiveCoupling(1, lambda a: a)])
    x = torch.tensor([1, 20, 300]).view(1, 3, 1, 1)
    assert layers.forward(x).flatten().tolist() == [20, 280, -19]
    assert torch.equal(layers.inverse(layers.forward(x)), x)


def test_coupling_rounds_half_to_even() -> None:
    x = torch.tensor([1, 3, 5, 7]).view(4, 1, 1, 1).repeat(1, 2, 1, 1)
    y = AdditiveCoupling(1, lambda a: a / 2).forward(x)
    assert (x - y)[:, 1].flatten().tolist() == [0, 2, 2, 4]


def test_coupling_passes_gradients_straight_through() -> None:
    weight = torch.tensor(0.3, requires_grad=True)
    x = torch.tensor([[5.0, 20.0], [9.0, -4.0]]).view(2, 2, 1, 1).requires_grad_()
    y = AdditiveCoupling(1, lambda a: weight * a).forward(x)
    assert y[:, 1].flatten().tolist() == [18.0, -7.0]
    y[:, 1].sum().backward()
    assert weight.grad is not None
    assert x.grad is not None
    assert weight.grad.item() == -14.0
    assert torch.equal(x.grad.flatten(), torch.tensor([-0.3, 1.0, -0.3, 1.0]))
