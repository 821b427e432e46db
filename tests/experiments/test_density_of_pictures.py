"""The experiments with pictures, tried out on drawn ones: small, few, a step or two of training."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from experiments.density import patches, rounding, zoo
from experiments.density.__main__ import main
from experiments.density.common import Options, experiment, parameters, side_by_side
from experiments.density.loaded import load
from experiments.density.ood import area
from experiments.density.readme import TABLES, rendered
from experiments.density.samples import between, nearest, rows_of
from idfcodec.demo import draw
from idfcodec.errors import IDFError
from idfcodec.training.families import family_of

from .test_density import FIGURES


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """Drawn pictures, laid out as those of ../shared/data are, and one cache of models for all tests."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "data" / "train").mkdir(parents=True)
    for i in range(4):
        Image.fromarray(draw(80, 64, seed=i)).save(folder / "data" / "train" / f"{i}.png")
    (folder / "data" / "cifar10").mkdir()
    images = np.stack([draw(32, 32, seed=i) for i in range(12)])
    np.savez(folder / "data" / "cifar10" / "some.npz", images=images, labels=np.arange(12, dtype=np.uint8) % 10)
    return Options(folder / "out", steps=1, data=folder / "data", cache=folder / "cache")


def run(name: str, options: Options) -> Any:
    given = ["--only", name, "--steps", "1", "--jobs", "1", "--out", options.out]
    given += ["--data", options.data, "--cache", options.cache]
    assert main([str(argument) for argument in given]) == 0
    return json.loads((options.out / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["images", "samples", "ood", "rounding"])
def test_an_experiment_leaves_a_record_and_figures(name: str, options: Options, tmp_path: Path) -> None:
    record = run(name, replace(options, out=tmp_path))
    assert record["experiment"] == name
    assert {path.stem for path in tmp_path.glob("*.png")} == set(FIGURES[name])
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as image:
            assert np.asarray(image.convert("L")).std() > 5
    page = tmp_path / "README.md"
    page.write_text("".join(f"<!-- {key} -->\nold\n<!-- /{key} -->\n" for key in TABLES))
    text = rendered(tmp_path, page)
    assert text.count("Not measured yet.") == len(TABLES) - 1
    titles = ["8 bits"] if name == "rounding" else [it.title for it in zoo.contenders().values()]
    assert all(title in text for title in titles)
    page.write_text(text)
    assert rendered(tmp_path, page) == text
    assert all(math.isfinite(value) for value in numbers(record))


def numbers(record: Any) -> list[float]:
    if isinstance(record, dict):
        return [value for part in record.values() for value in numbers(part)]
    if isinstance(record, list):
        return [value for part in record for value in numbers(part)]
    return [record] if isinstance(record, float) else []


@pytest.mark.parametrize("name", zoo.contenders())
def test_sizes_are_equal_at_full_size(name: str, tmp_path: Path) -> None:
    options = Options(tmp_path)
    config = zoo.sized(name, options)
    assert config.size == 32
    assert config.minutes == zoo.SECONDS / 60
    assert abs(parameters(family_of(config).build()) / zoo.PARAMETERS - 1) <= 0.05


def test_a_trained_model_is_kept_until_its_training_changes(options: Options, tmp_path: Path) -> None:
    options = replace(options, cache=tmp_path)
    first = zoo.fitted("nice", 0, options) / "fit.json"
    before = first.stat().st_mtime_ns
    assert zoo.fitted("nice", 0, options) == first.parent
    assert first.stat().st_mtime_ns == before
    zoo.fitted("nice", 0, replace(options, steps=2))
    assert json.loads(first.read_text())["steps"] == 2


@pytest.mark.parametrize("name", ["glow", "idf"])
def test_latents_lead_back_and_from_picture_to_picture(name: str, options: Options) -> None:
    model = load(name, 0, options)
    pictures = patches.cifar(options)[0][:2]
    latents = model.latents(pictures)
    assert torch.equal(model.inverse(latents), pictures)
    if name == "idf":
        assert all(torch.equal(z, z.round()) for z in latents)
    way = between(model, pictures, 3)
    assert torch.equal(way[[0, 2]], pictures)
    assert not torch.equal(way[1], pictures[0])
    assert model.sample(2, 0.5).shape == pictures.shape


def test_sets_unlike_the_pictures(options: Options) -> None:
    pixels = patches.held_back(options)
    sets = patches.unlike(pixels, 0)
    for name, x in sets.items():
        assert (x.shape, x.dtype) == (pixels.shape, torch.uint8), name
        assert not torch.equal(x, pixels), name
    assert torch.equal(sets["pixels shuffled"].flatten(2).sort().values, pixels.flatten(2).sort().values)
    assert bool((sets["constant"] == sets["constant"][..., :1, :1]).all())
    assert set(sets["text"].unique().tolist()) == {20, 245}


def test_areas_and_neighbours() -> None:
    low, high = torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0])
    assert (area(high, low), area(low, high), area(low, low)) == (0.875, 0.125, 0.5)
    bank = torch.randint(256, (9, 3, 4, 4), dtype=torch.uint8)
    found, distance = nearest(bank[[4]] ^ 1, bank)
    assert torch.equal(found[0], bank[4])
    assert float(distance) == pytest.approx(1, abs=1e-3)
    page = rows_of(bank[:6], 3)
    assert page.shape == (12, 18, 3)
    assert np.array_equal(page[7:11, 13:17], bank[5].permute(1, 2, 0).numpy())


def test_the_small_flow_is_a_bijection_and_its_gradient_can_be_judged() -> None:
    torch.manual_seed(0)
    model = rounding.SmallFlow(3, 4)
    with torch.no_grad():
        for parameter in model.networks.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    x = torch.randint(16, (512, 16)).float()
    z = model.flow.forward(x)
    assert torch.equal(z, z.round())
    assert torch.equal(model.flow.inverse(z), x)
    assert not torch.equal(z, x)
    noise = torch.rand(256, 16) - 0.5
    cosine, slope = rounding.agreement(model, lambda x: model.bound(x, noise).mean(), (x[:256], x[256:]), 0, 8)
    assert cosine == pytest.approx(1, abs=0.1)
    assert slope == pytest.approx(1, abs=0.1)


def test_work_goes_on_side_by_side() -> None:
    assert side_by_side(math.gcd, [(4, 6), (9, 6), (5, 7)], 2) == [2, 3, 1]
    assert side_by_side(math.gcd, [], 2) == []
    # A fresh process cannot import what a package's __main__ holds.
    assert experiment.__module__ == "experiments.density.common"


def test_pictures_that_are_missing_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "images", "--data", str(tmp_path), "--out", str(tmp_path), "--jobs", "1"]) == 1
    assert "there is no such folder of pictures; --data names another one" in capsys.readouterr().err
    with pytest.raises(IDFError, match="no CIFAR-10 test pictures"):
        patches.cifar(Options(tmp_path, data=tmp_path))
