"""`train --family causal`: the trainer makes a causal flow, goes on with it and starts from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from idfcodec import codec
from idfcodec.cli.main import cli
from idfcodec.demo import draw
from idfcodec.errors import IDFError, ModelError
from idfcodec.flow.causal.config import CausalConfig
from idfcodec.flow.causal.network import TrainableCausalFlow
from idfcodec.training.config import fresh
from idfcodec.training.export import export, read_exported, restore
from idfcodec.training.families import family_of

TINY = {"channels": 16, "blocks": 1, "colour_channels": 8, "rows": 1, "columns": 2}
RUN = ("--steps", 3, "--batch", 4, "--size", 16, "-T", 1)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["train", *map(str, arguments)])


def test_a_run_makes_a_model_that_codes(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    sizes = [f"--set={name}={value}" for name, value in TINY.items()]
    done = run(pictures, "--family", "causal", *RUN, *sizes, "--out", out)
    assert done.exit_code == 0, done.output
    pixels = draw(30, 20)
    assert np.array_equal(codec.decode(codec.encode(pixels, model=out), model=out), pixels)
    description = json.loads((out / "config.json").read_text())
    assert description["architecture"] == TINY | {"order": "causal"}
    assert description["training"]["kind"] == "thumbnails"

    done = run(pictures, "--resume", "--steps", 4, "--out", out)
    assert done.exit_code == 0, done.output
    assert json.loads((out / "config.json").read_text())["training"]["steps_done"] == 4

    tuned = tmp_path / "tuned"
    done = run(pictures, "--from", out, "--steps", 1, "--batch", 4, "--size", 16, "-T", 1, "--out", tuned)
    assert done.exit_code == 0, done.output
    assert json.loads((tuned / "config.json").read_text())["training"]["started_from"] == read_exported(out).id.hex()
    assert json.loads((tuned / "config.json").read_text())["architecture"] == TINY | {"order": "causal"}


def test_weights_come_back_as_what_their_integers_mean(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = TrainableCausalFlow(CausalConfig(**TINY))
    model.quantise()
    export(model, tmp_path)
    other = TrainableCausalFlow(CausalConfig(**TINY))
    restore(other, read_exported(tmp_path))
    other.quantise()
    x = torch.from_numpy(draw(16, 16)).permute(2, 0, 1)[None]
    with torch.no_grad():
        torch.testing.assert_close(other(x), model(x), rtol=1e-4, atol=0.05)
    wider = TrainableCausalFlow(CausalConfig(**(TINY | {"channels": 24})))
    with pytest.raises(ModelError, match="other sizes"):
        restore(wider, read_exported(tmp_path))
    deeper = TrainableCausalFlow(CausalConfig(**(TINY | {"blocks": 2})))
    with pytest.raises(ModelError, match="lacks the tensor"):
        restore(deeper, read_exported(tmp_path))


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"depth": 2}, "no setting 'depth'"), ({"rows": 9}, "from 1 to 8, not 9"), ({"rows": "x"}, "not 'x'")],
)
def test_sizes_that_make_no_sense_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(IDFError, match=message):
        family_of(fresh(family="causal", settings=settings))
