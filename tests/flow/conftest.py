"""Models that the flow's tests use."""

from pathlib import Path

import pytest
import torch

from idfcodec.flow.exact.quantisable import QuantConv
from idfcodec.flow.hierarchical.coder import HierarchicalFlow
from idfcodec.flow.hierarchical.config import HierarchicalConfig
from idfcodec.flow.hierarchical.model import TrainableFlow
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.models import load_model
from idfcodec.training.export import export


@pytest.fixture(scope="session")
def flow() -> Prepared:
    """The integers of the hierarchical model `idf`."""
    coder = load_model("idf")
    assert isinstance(coder, HierarchicalFlow)
    return coder.prepared


@pytest.fixture(scope="session")
def trained() -> TrainableFlow:
    """A small network with weights large enough that activations reach both ends of their range."""
    torch.manual_seed(5)
    model = TrainableFlow(HierarchicalConfig(channels=16, blocks=(2, 1, 1), levels=2, networks=2))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, QuantConv):
                module.weight.mul_(2)
                module.bias.normal_()
    model.quantise()
    return model.eval()


@pytest.fixture(scope="session")
def exported(trained: TrainableFlow, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `trained`, exported with a level more than it has."""
    folder = tmp_path_factory.mktemp("models") / "small"
    export(trained, folder, levels=3)
    return folder
