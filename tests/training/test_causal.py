"""The causal flow as it is trained: what its networks say is what the kernels code by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from idfcodec.codec import decode, encode
from idfcodec.errors import IDFError, ModelError
from idfcodec.flow.causal.coder import CausalFlow
from idfcodec.flow.causal.network import TrainableCausalFlow, bits, samples
from idfcodec.models import load_model
from idfcodec.training.causal import PRESETS, _architecture
from idfcodec.training.config import fresh
from idfcodec.training.families import family_of
from idfcodec.training.loop import train
from tests.flow.causal.planes import RGB, YCC, draw, flow
from tests.pictures import generate

SHIPPED = {"fast": "photo-fast", "default": "photo", "max": "photo-max", "thumbnail": "thumbnail"}
PREDICTOR = {"own": 4, "cross": [2, 1], "every": 2, "forget": 0.86, "ridge": 0.04}
SMALL: dict[str, Any] = {
    "luma": [{**PREDICTOR, "cross": [0, 0]}],
    "chroma": [PREDICTOR],
    "values": 4,
    "cross_values": 2,
    "residuals": 2,
    "cross_residuals": 2,
    "widths": [8],
    "belief": 2.0,
}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_the_shipped_models(preset: str) -> None:
    assert flow(SHIPPED[preset]).config == PRESETS[preset]


@pytest.mark.parametrize("name", ["photo-fast", "photo-max"])
def test_a_shipped_model_is_restored_and_exported_as_it_was(name: str) -> None:
    coder = flow(name)
    model = TrainableCausalFlow(coder.config)
    model.restore({key: torch.from_numpy(array) for key, array in coder._arrays.items()})
    again = model.integers()
    assert set(again) == set(coder._arrays)
    for key, array in coder._arrays.items():
        assert np.array_equal(again[key].numpy(), array), key
    with pytest.raises(ModelError, match="other sizes"):
        TrainableCausalFlow(PRESETS["default"]).restore(model.integers())


@pytest.mark.parametrize("name", ["photo-fast", "photo-max"])
@pytest.mark.parametrize(("which", "types"), [("rgb", RGB), ("ycc", YCC)])
def test_the_loss_is_the_code_length(name: str, which: str, types: Any) -> None:
    arrays = flow(name)._arrays
    coder = CausalFlow(bytes(8), name, replace(flow(name).config, learning=(0, 0, 0)), arrays)  # as it is trained
    model = TrainableCausalFlow(coder.config)
    model.restore({key: torch.from_numpy(array) for key, array in arrays.items()})
    picture = draw("edges", types, 40, 60)
    models = [coder.plane(which, place, place, list(range(place))[::-1]) for place in range(3)]
    seen, _ = samples(picture, types, models)
    said = coder.code_length(picture, types).parts.values()
    for place, (part, found) in enumerate(zip(seen, said, strict=True)):
        network = model.networks[f"{which}{place}"]
        loss = bits(network(torch.from_numpy(part.inputs)), torch.from_numpy(part.targets)).sum().detach()
        assert float(loss) == pytest.approx(found, rel=0.01)


def test_sums_of_pictures_are_means() -> None:
    coder = flow("photo-fast")
    picture = draw("edges", RGB, 24, 24)
    models = [coder.plane("rgb", place, place, list(range(place))[::-1]) for place in range(3)]
    _, sums = samples(picture, RGB, models, totals=True)
    for total, model in zip(sums, models, strict=True):
        assert total.shape == model.prior.shape
        assert np.isfinite(total).all()
        assert (np.diagonal(total[0][:, :-1]) > 0).all()


def test_a_model_is_trained_exported_and_codes(pictures: Path, tmp_path: Path) -> None:
    config = fresh(family="causal", steps=30, batch=2, size=32, threads=1, settings=SMALL, log_every=5)
    records: list[dict[str, Any]] = []
    trained = train(pictures, tmp_path, config, report=records.append)
    folder = tmp_path / "model"
    family_of(config).export(trained.model, folder, summary=trained.summary)
    losses = [record["loss"] for record in records if "loss" in record]
    assert losses[-1] < losses[0]
    image = generate("photo", 30, 20)
    data = encode(image, model=folder)
    assert np.array_equal(decode(data, model=folder), image)
    assert load_model(folder).known_answers() != load_model("photo-fast").known_answers()


def test_other_settings_are_refused() -> None:
    assert _architecture({}) == PRESETS["default"]
    with pytest.raises(IDFError, match="no preset 'best'"):
        _architecture({"preset": "best"})
    with pytest.raises(IDFError, match="no settings of a causal flow"):
        _architecture({"luma": 3})
    with pytest.raises(ModelError, match="not one that this release runs"):
        _architecture({**SMALL, "values": 0})
