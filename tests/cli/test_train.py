"""`train` says the same defaults as the trainer, without importing it for its help."""

from dataclasses import asdict

import pytest

from idfcodec.cli.train import train


def test_train_defaults_are_those_of_the_trainer() -> None:
    loop = pytest.importorskip("idfcodec.training.loop")
    fields = asdict(loop.TrainConfig())
    options = {option.name: option.default for option in train.params}
    names = {"steps", "batch", "size", "learning_rate", "channels", "blocks", "networks", "levels", "seed"}
    names |= {"log_every"}
    assert {name: options[name] for name in names} == {name: fields[name] for name in names}
