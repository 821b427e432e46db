"""The integer network is the trained one to the letter, whatever computes it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.errors import ModelError
from idfcodec.flow.exact.quantisable import ACCUMULATOR_LIMIT, WEIGHT_LIMIT, QuantConv, exponents, fold, normalise
from idfcodec.flow.exact.quantised import Convolution
from idfcodec.flow.hierarchical.coder import HierarchicalFlow
from idfcodec.flow.hierarchical.exact import ExactNetwork, head_exponents, known_answer
from idfcodec.flow.hierarchical.model import TrainableFlow
from idfcodec.flow.loading import WEIGHTS, content_hash, load

SIZES = [(1, 1), (2, 3), (7, 5), (16, 16), (9, 34)]
OFFSET = torch.tensor([0, 128, 128]).view(3, 1, 1)


def random_phases(batch: int, height: int, width: int, seed: int = 0) -> list[Tensor]:
    """Phases A, D and B as planes G, R-G, B-G, some values beyond what the network tells apart: (B, 3, h, w)."""
    generator = torch.Generator().manual_seed(seed)
    phases = [torch.randint(-300, 300, (batch, 3, height, width), generator=generator) for _ in range(3)]
    for phase in phases:
        phase[:, 0].clamp_(0, 255)
    return phases


def known_bytes(phases: list[Tensor]) -> Tensor:
    """What the exact network is shown of phases: bytes with the edges replicated."""
    shown = torch.cat([(phase + OFFSET).clamp(0, 255) for phase in phases], 1)
    return F.pad(shown.float(), (1, 1, 1, 1), mode="replicate").to(torch.uint8)


def run(network: ExactNetwork, phases: list[Tensor], coarser: Tensor | None) -> tuple[list[Tensor], Tensor]:
    """Head outputs of the three steps, and the trunk, as float32."""
    heads = []
    trunk = None if coarser is None else network.upsample(coarser, *phases[0].shape[-2:])
    for group in range(3):
        trunk, head = network.step(group, known_bytes(phases[: group + 1]), trunk)
        heads.append(head)
    assert trunk is not None
    return heads, trunk.float()


def expected(network: nn.Module, phases: list[Tensor], coarser: Tensor | None) -> tuple[list[Tensor], Tensor]:
    """The same of the trained network, in the units of the exact one."""
    with torch.no_grad():
        heads, trunk = network([normalise(p) for p in phases], coarser)
    units = torch.exp2(head_exponents().float()).view(-1, 1, 1)
    return [torch.round(head * units).to(torch.int32) for head in heads], trunk * 32


@lru_cache
def loaded(folder: Path, kernel: str) -> HierarchicalFlow | ModelError:
    try:
        coder = load(folder, kernel=kernel)
        assert isinstance(coder, HierarchicalFlow)
        return coder
    except ModelError as ex:
        return ex


def networks(folder: Path, kernel: str) -> tuple[ExactNetwork, ...]:
    flow = loaded(folder, kernel)
    if isinstance(flow, HierarchicalFlow):
        return flow.prepared.networks
    if kernel == "float32":
        raise flow
    pytest.skip(f"the kernel {kernel} is refused here: {flow}")


@pytest.mark.parametrize("kernel", ["float32", "int8"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_exported_network_equals_the_trained_one(
    trained: TrainableFlow, exported: Path, size: tuple[int, int], kernel: str
) -> None:
    with torch.inference_mode():
        for theirs, exact in zip(trained.networks, networks(exported, kernel), strict=True):
            phases = random_phases(2, *size)
            heads, trunk = run(exact, phases, None)
            want_heads, want_trunk = expected(theirs, phases, None)
            assert all(torch.equal(a, b) for a, b in zip(heads, want_heads, strict=True))
            assert torch.equal(trunk, want_trunk)
            # The trunk goes on to the finer level, whose grid is odd here.
            finer = random_phases(2, 2 * size[0] - 1, 2 * size[1], seed=1)
            shown = trunk.to(torch.uint8 if kernel == "int8" else torch.float32)
            heads, trunk = run(exact, finer, shown.contiguous(memory_format=torch.channels_last))
            want_heads, want_trunk = expected(theirs, finer, want_trunk / 32)
            assert all(torch.equal(a, b) for a, b in zip(heads, want_heads, strict=True))
            assert torch.equal(trunk, want_trunk)


def test_the_random_network_reaches_both_ends(trained: TrainableFlow, exported: Path) -> None:
    """The comparisons above mean little where every activation is zero, or every one in range."""
    phases = random_phases(2, 16, 16)
    heads, trunk = run(networks(exported, "float32")[0], phases, None)
    assert trunk.min() == 0
    assert trunk.max() == 255
    assert ((trunk > 0) & (trunk < 255)).float().mean() > 0.1
    assert all(len(head.unique()) > 50 for head in heads)


@pytest.mark.parametrize("kernel", ["float32", "int8"])
def test_batch_and_memory_layout_do_not_matter(exported: Path, kernel: str) -> None:
    network = networks(exported, kernel)[0]
    phases = random_phases(3, 11, 13)
    known = known_bytes(phases)
    with torch.inference_mode():
        whole, head = network.step(2, known, None)
        trunk, again = network.step(2, known, whole.clone())
        for layout in (torch.contiguous_format, torch.channels_last):
            for i in range(3):
                one = known[i : i + 1].clone(memory_format=layout)
                first, first_head = network.step(2, one, None)
                assert torch.equal(first, whole[i : i + 1])
                assert torch.equal(first_head, head[i : i + 1])
                second, second_head = network.step(2, one, first.contiguous(memory_format=torch.channels_last))
                assert torch.equal(second, trunk[i : i + 1])
                assert torch.equal(second_head, again[i : i + 1])
        # A view into a larger array.
        window = F.pad(known.float(), (3, 2, 1, 4)).to(torch.uint8)[..., 1:-4, 3:-2]
        assert torch.equal(network.step(2, window, None)[1], head)


@pytest.mark.parametrize("kernel", ["float32", "int8"])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_known_answer_does_not_depend_on_threads(exported: Path, threads: int, kernel: str) -> None:
    answers = json.loads((exported / "config.json").read_text())["known_answers"]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            assert [known_answer(network).hex() for network in networks(exported, kernel)] == answers
    finally:
        torch.set_num_threads(before)


def convolution(weight: Tensor, bias: int = 0, exponent: int = 0, kernel: str = "float32") -> Convolution:
    outputs = len(weight)
    return Convolution.build(
        weight.to(torch.int8),
        torch.full((outputs,), bias, dtype=torch.int32),
        torch.full((outputs,), exponent, dtype=torch.int8),
        padding=0,
        kernel=kernel,
        device="cpu",
    )


def test_accumulator_bound_is_exact() -> None:
    """255 * sum |w| + |b| + 255 * 2**e is refused from 2**24 on, whatever the signs."""
    weight = torch.zeros(3, 110, 3, 3)
    weight[1, ::2], weight[1, 1::2] = WEIGHT_LIMIT, -WEIGHT_LIMIT
    reach = 255 * WEIGHT_LIMIT * 990 + 255 * 8
    most = ACCUMULATOR_LIMIT - 1 - reach
    for sign in (1, -1):
        convolution(weight, sign * most, 3)
        with pytest.raises(ModelError, match="leave the range of exact arithmetic"):
            convolution(weight, sign * (most + 1), 3)
    with pytest.raises(ModelError, match="leave the range of exact arithmetic"):
        convolution(weight, most, 4)
    with pytest.raises(ModelError, match="leave the range of exact arithmetic"):
        convolution(torch.full((1, 1, 1, 1), -128))
    for one in (WEIGHT_LIMIT, -WEIGHT_LIMIT):
        convolution(torch.full((1, 1, 1, 1), one))
        with pytest.raises(ModelError, match="leave the range of exact arithmetic"):
            convolution(torch.full((1, 1, 1, 1), one + one // WEIGHT_LIMIT))
    with pytest.raises(ModelError, match="leave the range of exact arithmetic"):
        convolution(torch.full((1, 128, 3, 3), WEIGHT_LIMIT))


def test_sums_at_the_bound_are_exact() -> None:
    weight = torch.zeros(2, 110, 3, 3)
    weight[0], weight[1] = WEIGHT_LIMIT, -WEIGHT_LIMIT
    most = 255 * WEIGHT_LIMIT * 990
    bias = ACCUMULATOR_LIMIT - 1 - most - 255
    x = torch.full((1, 110, 3, 3), 255.0)
    out = convolution(weight, bias).scaled(x).flatten().tolist()
    assert out == [most + bias, -most + bias]


@pytest.mark.parametrize("exponent", [0, 3, 7, 12])
@pytest.mark.parametrize("contents", ["random", "all 64", "all -64", "halves", "alternating"])
@pytest.mark.parametrize("size", [1, 3])
def test_kernels_agree_at_the_largest_weights(exported: Path, size: int, contents: str, exponent: int) -> None:
    """What comes out of 8-bit products, all as large as may be, is what comes out of float32: nothing saturates."""
    networks(exported, "int8")  # or skip
    channels = 64
    generator = torch.Generator().manual_seed(size)
    shape = (16, channels, size, size)
    weight = torch.randint(-WEIGHT_LIMIT, WEIGHT_LIMIT + 1, shape, generator=generator)
    if contents == "all 64":
        weight[:] = WEIGHT_LIMIT
    elif contents == "all -64":
        weight[:] = -WEIGHT_LIMIT
    elif contents == "halves":
        weight[:, : channels // 2], weight[:, channels // 2 :] = WEIGHT_LIMIT, -WEIGHT_LIMIT
    elif contents == "alternating":
        weight[:, ::2], weight[:, 1::2] = WEIGHT_LIMIT, -WEIGHT_LIMIT
    extremes = 255 * torch.randint(0, 2, (1, channels, 7, 9), generator=generator)
    inputs = [
        torch.randint(0, 256, (2, channels, 7, 9), generator=generator),
        torch.full((1, channels, 7, 9), 255),
        torch.cat((extremes[:, :48], 255 - 0 * extremes[:, 48:]), 1),
    ]
    bias = 12345
    ours, theirs = (convolution(weight, bias, exponent, kernel) for kernel in ("int8", "float32"))
    integers = [F.conv2d(x.double(), weight.double()) + bias for x in inputs]
    with torch.inference_mode():
        for x, exact in zip(inputs, integers, strict=True):
            byte = x.to(torch.uint8).contiguous(memory_format=torch.channels_last)
            real = byte.float()
            assert torch.equal(ours.scaled(byte).double(), exact * 2.0**-exponent)
            assert torch.equal(theirs.scaled(real).double(), exact * 2.0**-exponent)
            want = torch.round(exact * 2.0**-exponent).clamp(0, 255)
            assert torch.equal(ours(byte).double(), want)
            assert torch.equal(theirs(real).double(), want)
            before = torch.randint(0, 256, want.shape, generator=generator)
            want = torch.round(exact * 2.0**-exponent + before).clamp(0, 255)
            residual = before.to(torch.uint8).contiguous(memory_format=torch.channels_last)
            assert torch.equal(theirs(real, residual.float()).double(), want)
            assert torch.equal(ours(byte, residual).double(), want)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((torch.zeros(2, 3, 1, 1), torch.zeros(2, dtype=torch.int32), torch.zeros(2, dtype=torch.int8)), "type"),
        (
            (torch.zeros(2, 3, 1, 1, dtype=torch.int8), torch.zeros(2, dtype=torch.int64), torch.zeros(2).char()),
            "type",
        ),
        ((torch.zeros(2, 3, 1).char(), torch.zeros(2).int(), torch.zeros(2).char()), "shape"),
        ((torch.zeros(2, 3, 1, 1).char(), torch.zeros(3).int(), torch.zeros(2).char()), "shape"),
        ((torch.zeros(2, 3, 1, 1).char(), torch.zeros(2).int(), torch.zeros(1).char()), "shape"),
    ],
)
def test_tensors_of_another_kind_are_refused(parts: tuple[Tensor, Tensor, Tensor], message: str) -> None:
    with pytest.raises(ModelError, match=f"tensors of the wrong {message}"):
        Convolution.build(*parts, padding=0, kernel="float32", device="cpu")


def altered(folder: Path, target: Path, name: str, tensor: Tensor | None) -> Path:
    """A copy of a model in which one tensor is another (or is gone), under an id that fits."""
    tensors = load_file(folder / WEIGHTS)
    config = json.loads((folder / "config.json").read_text())
    if tensor is None:
        del tensors[name]
    else:
        tensors[name] = tensor
    config["id"] = content_hash({k: v.numpy() for k, v in tensors.items()}, config["architecture"]).hex()
    target.mkdir()
    save_file(tensors, target / WEIGHTS)
    (target / "config.json").write_text(json.dumps(config))
    return target


def test_a_loaded_model_is_checked_again(exported: Path, tmp_path: Path) -> None:
    name = "networks.0.groups.1.head"
    bias = torch.full((12,), ACCUMULATOR_LIMIT, dtype=torch.int32)
    with pytest.raises(ModelError, match="leave the range of exact arithmetic"):
        load(altered(exported, tmp_path / "a", f"{name}.bias", bias))
    with pytest.raises(ModelError, match=f"lacks the tensor {name.removeprefix('networks.0.')}.bias"):
        load(altered(exported, tmp_path / "b", f"{name}.bias", None))
    weight = load_file(exported / WEIGHTS)[f"{name}.weight"]
    weight[3, 2] += 1
    with pytest.raises(ModelError, match="known-answer test"):
        load(altered(exported, tmp_path / "c", f"{name}.weight", weight))


def test_a_damaged_model_does_not_match_its_id(exported: Path, tmp_path: Path) -> None:
    tensors = load_file(exported / WEIGHTS)
    tensors["last"] = tensors["last"] + 1
    save_file(tensors, tmp_path / WEIGHTS)
    (tmp_path / "config.json").write_bytes((exported / "config.json").read_bytes())
    with pytest.raises(ModelError, match="does not match its id"):
        load(tmp_path)


@pytest.mark.parametrize("scale", [1e-6, 0.01, 1.0, 30.0])
@pytest.mark.parametrize("size", [1, 3])
def test_folded_weights_keep_all_bounds(scale: float, size: int) -> None:
    """Whatever the weights, the chosen exponents give integers that `Convolution` takes."""
    torch.manual_seed(size)
    layer = QuantConv(64, 12, size, padding=0, gain=scale)
    with torch.no_grad():
        layer.bias.normal_(0, scale)
    weight, bias = layer.weight.detach(), layer.bias.detach()
    for centred, head in ((64, None), (2, None), (0, None), (0, head_exponents())):
        parts = fold(weight, bias, exponents(weight, bias), centred=centred, head=head)
        assert int(parts[0].abs().max()) <= WEIGHT_LIMIT
        Convolution.build(*parts, padding=0, kernel="float32", device="cpu")
