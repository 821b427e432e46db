"""The causal flow: exact twins, coding in any company, what it knows of a pixel, and damaged models and streams."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from idfcodec import IDFError, code_length, codec, density
from idfcodec.demo import draw
from idfcodec.errors import CorruptFile, ModelError
from idfcodec.flow.causal.coder import CausalFlow, PlanePrior
from idfcodec.flow.causal.config import CausalConfig, neighbours
from idfcodec.flow.causal.exact import head_bits
from idfcodec.flow.causal.network import TrainableCausalFlow
from idfcodec.flow.contract import Coder
from idfcodec.flow.exact.quantisable import QuantConv
from idfcodec.flow.hierarchical.walk import Values
from idfcodec.flow.loading import WEIGHTS, content_hash, load
from idfcodec.format.container import Mode
from idfcodec.picture.colour import KINDS
from idfcodec.training.export import export
from idfcodec.types import PlaneType

SIZES = [(1, 1), (1, 9), (7, 1), (5, 4), (16, 16), (9, 34), (40, 3)]


@pytest.fixture(scope="module")
def trained() -> TrainableCausalFlow:
    """A small network whose weights are large enough for activations to reach both ends of their range."""
    torch.manual_seed(3)
    model = TrainableCausalFlow(CausalConfig(channels=16, blocks=2, colour_channels=8, rows=2, columns=2))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, QuantConv):
                module.weight *= 1.5
                module.bias.normal_(0, 0.3)
    model.quantise()
    return model.eval()


@pytest.fixture(scope="module")
def exported(trained: TrainableCausalFlow, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "causal"
    export(trained, folder)
    return folder


@pytest.fixture(scope="module")
def flow(exported: Path) -> CausalFlow:
    loaded = load(exported)
    assert isinstance(loaded, CausalFlow)
    return loaded


def planes_of(height: int, width: int, count: int = 3, seed: int = 0) -> Values:
    """Planes of a drawn picture with noise in a corner, so that every extreme occurs."""
    pixels = draw(width, height, seed=seed).astype(np.int32)
    pixels[: height // 3, : width // 3] = np.random.default_rng(seed).integers(0, 256, pixels.shape)[
        : height // 3, : width // 3
    ]
    red, green, blue = np.moveaxis(pixels, -1, 0)
    return np.ascontiguousarray(np.stack((green, red - green, blue - green))[:count])


def types_of(planes: Values) -> Sequence[PlaneType]:
    return KINDS[Mode.RGB].types[: len(planes)]


def decoded(flow: Coder, data: bytes, shape: tuple[int, ...]) -> Values:
    (planes,) = flow.decode([data], [(shape[1], shape[2])] * shape[0], KINDS[Mode.RGB].types[: shape[0]])
    return np.stack(planes)


def mixtures(flow: CausalFlow, planes: Values) -> list[tuple[np.ndarray, np.ndarray]]:
    """Where, and what the network says there, in coding order."""
    said = []

    def visit(where: np.ndarray, prior: PlanePrior) -> Values:
        said.append((where.copy(), prior.mixture.copy()))
        values: Values = planes[prior.plane, where[:, 1], where[:, 2]]
        return values

    flow.walk((planes.shape[0], planes.shape[1], planes.shape[2]), 1, visit)
    return said


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_tiles_come_back(flow: CausalFlow, size: tuple[int, int], count: int) -> None:
    planes = planes_of(*size, count)
    data = flow.encode([planes], types_of(planes))[0]
    assert np.array_equal(decoded(flow, data, (count, *size)), planes)
    bits = flow.code_length(planes, types_of(planes)).total
    assert abs(8 * len(data) - bits) < 0.002 * bits + 64 * 8


@pytest.mark.parametrize("size", [(9, 34), (16, 16)])
def test_company_does_not_matter(flow: CausalFlow, size: tuple[int, int]) -> None:
    """Pictures coded side by side have the streams and the values that each has alone."""
    pictures = [planes_of(*size, seed=seed) for seed in range(5)]
    streams = flow.encode(pictures, types_of(pictures[0]), b"")
    assert streams == [flow.encode([planes], types_of(pictures[0]), b"")[0] for planes in pictures]
    together = flow.decode(streams, [size] * 3, types_of(pictures[0]), b"")
    alone = [flow.decode([stream], [size] * 3, types_of(pictures[0]), b"")[0] for stream in streams]
    for planes, one, other in zip(pictures, together, alone, strict=True):
        assert np.array_equal(planes, one)
        assert np.array_equal(planes, other)


def test_kernels_agree(exported: Path, flow: CausalFlow) -> None:
    other = load(exported, kernel="float32")
    planes = planes_of(20, 30)
    data = flow.encode([planes], types_of(planes))[0]
    assert other.encode([planes], types_of(planes))[0] == data
    assert np.array_equal(decoded(other, data, planes.shape), planes)


@torch.no_grad()
def test_the_exact_network_is_the_trained_one(trained: TrainableCausalFlow, flow: CausalFlow) -> None:
    """Integers times powers of two: the heads of both agree to the last bit."""
    generator = torch.Generator().manual_seed(0)
    seen = torch.randint(0, 256, (300, flow.network.inputs), generator=generator)
    known = torch.randint(0, 256, (300, 2), generator=generator)
    h = flow.network.trunk(seen.numpy().astype(np.uint8))
    real = trained.network.trunk((seen.float() - 128) / 32)
    assert torch.equal(real * 32, h[0, :, 0].T.float())
    for p in range(3):
        integers = flow.network.plane(p, h, np.ascontiguousarray(known[:, :p].numpy().astype(np.uint8)))
        head = trained.network.plane(p, real, (known[:, :p].float() - 128) / 32)
        assert torch.equal(torch.round(head * torch.exp2(head_bits(p))).int(), torch.from_numpy(integers))


def test_the_likelihood_is_the_trained_one(trained: TrainableCausalFlow, flow: CausalFlow) -> None:
    """But for what the tables round, and for values beyond bytes, which the codec knows to be impossible: it gains."""
    x = torch.from_numpy(draw(40, 32)).permute(2, 0, 1)
    with torch.no_grad():
        trained_bits = float(trained(x[None]).sum())
    assert 0.9 * trained_bits < -density.log_prob(flow, draw(40, 32)) < 1.005 * trained_bits


@pytest.mark.parametrize("changed", [(0, 0), (3, 5), (8, 11)])
def test_a_pixel_depends_on_its_neighbourhood_alone(flow: CausalFlow, changed: tuple[int, int]) -> None:
    planes = planes_of(12, 14)
    other = planes.copy()
    other[:, changed[0], changed[1]] ^= 1
    near = {(changed[0] - r, changed[1] - c) for r, c in neighbours(flow.config)} | {changed}
    differ = set()
    for (where, before), (_, after) in zip(mixtures(flow, planes), mixtures(flow, other), strict=True):
        differ |= {(row, column) for _, row, column in where[(before != after).any(1)].tolist()}
    assert differ <= near
    assert len(differ) > len(near) // 4


def test_gathered_pixels_cost_what_they_cost_among_all(trained: TrainableCausalFlow) -> None:
    x = torch.from_numpy(np.stack([draw(9, 7, seed=s) for s in range(3)])).permute(0, 3, 1, 2)
    with torch.no_grad():
        parts = [trained(x, torch.arange(start, 3 * 63, 5)) for start in range(5)]
        torch.testing.assert_close(torch.stack(parts).sum(0), trained(x))


def test_latents_and_back(flow: CausalFlow) -> None:
    pixels = draw(23, 17)
    assert np.array_equal(density.inverse(flow, density.latents(flow, pixels), (17, 23)), pixels)
    gray = np.ascontiguousarray(pixels[..., 0])
    assert np.array_equal(density.inverse(flow, density.latents(flow, gray), (17, 23), gray=True), gray)


def test_samples(flow: CausalFlow) -> None:
    drawn = density.sample(flow, 2, (8, 10), seed=1)
    assert (drawn.shape, drawn.dtype) == ((2, 8, 10, 3), np.uint8)
    assert np.array_equal(drawn, density.sample(flow, 2, (8, 10), seed=1))
    assert not np.array_equal(drawn, density.sample(flow, 2, (8, 10), seed=2))
    with pytest.raises(IDFError, match="temperature"):
        density.sample(flow, 1, (8, 8), 0)


def test_files_and_batches(exported: Path) -> None:
    photo, gray = draw(70, 33), draw(70, 33)[..., 0]
    for pixels in (photo, gray, np.repeat(gray[..., None], 3, 2)):
        data = codec.encode(pixels, model=exported, verify=True)
        assert np.array_equal(codec.decode(data, model=exported), pixels)
    found = code_length.code_length(photo, model=exported)
    assert found.pixels.shape == photo.shape[:2]
    assert found.total == pytest.approx(float(found.pixels.sum()), rel=1e-5)


def test_damaged_streams_never_pass_for_others(flow: CausalFlow) -> None:
    planes = planes_of(9, 12)
    data = flow.encode([planes], types_of(planes))[0]
    rng = np.random.default_rng(0)
    for length in range(len(data)):  # a stream that happens to end as one should is what the checksum is for
        with suppress(CorruptFile):
            assert not np.array_equal(decoded(flow, data[:length], planes.shape), planes)
    for bad in (b"", b"\1" + data[1:], b"\x40" + data[1:], data + bytes(4)):
        with pytest.raises(CorruptFile):
            decoded(flow, bad, planes.shape)
    for _ in range(20):
        noise = b"\0" + rng.integers(0, 256, 4 * int(rng.integers(60)), np.uint8).tobytes()
        with suppress(CorruptFile):
            assert not np.array_equal(decoded(flow, noise, planes.shape), planes)
    with pytest.raises(CorruptFile, match="common corrections"):
        flow.decode([data], [planes.shape[1:]] * 3, types_of(planes), b"abcd")


def broken(exported: Path, folder: Path, architecture: dict[str, object], **tensors: torch.Tensor | None) -> Path:
    """The exported model with other sizes or tensors, its id and content in agreement."""
    config = json.loads((exported / "config.json").read_text())
    loaded = load_file(exported / WEIGHTS)
    loaded = {k: v for k, v in (loaded | tensors).items() if v is not None}
    config["architecture"] |= architecture
    config["id"] = content_hash({k: v.numpy() for k, v in loaded.items()}, config["architecture"]).hex()
    (folder / "config.json").write_text(json.dumps(config))
    save_file(loaded, folder / WEIGHTS)
    return folder


def test_broken_models_are_refused(exported: Path, tmp_path: Path) -> None:
    weights = load_file(exported / WEIGHTS)
    name = "network.into.1.weight"
    cases: list[tuple[dict[str, object], dict[str, torch.Tensor | None], str]] = [
        ({"order": "spiral"}, {}, "does not know"),
        ({"rows": 9}, {}, "not one that this release runs"),
        ({"channels": 0}, {}, "not one that this release runs"),
        ({"channels": 24}, {}, "wrong shape"),
        ({"depth": 3}, {}, "damaged"),
        ({}, {"shares": None}, "lacks shares"),
        ({}, {"shares": weights["shares"] * 2}, "shares has the wrong shape, type or range"),
        ({}, {name: None}, "lacks the tensor into.1.weight"),
        ({}, {name: weights[name][:, :-1].contiguous()}, "wrong shape"),
        ({}, {name: weights[name] * 0 + 127}, "range of exact arithmetic"),
        ({}, {name: weights[name] ^ 1}, "does not compute this model exactly"),
    ]
    for architecture, tensors, message in cases:
        with pytest.raises(ModelError, match=message):
            load(broken(exported, tmp_path, architecture, **tensors))
