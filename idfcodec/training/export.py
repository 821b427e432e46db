"""From trained weights to a model's folder and back: integers, tables, known answers and the content hash."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from safetensors.torch import save
from torch import Tensor

from idfcodec.errors import ModelError
from idfcodec.flow import registry
from idfcodec.flow.contract import Model
from idfcodec.flow.loading import CONFIG, WEIGHTS, content_hash, read_model

__all__ = ["export", "read_exported", "restore"]


class Exportable(Protocol):
    """A network as it is trained, which has integers to export."""

    family: ClassVar[str]

    def integers(self) -> dict[str, Tensor]:
        """What the exported model holds."""

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take what an exported model holds."""

    def exported_config(self, **changes: Any) -> Any:
        """Its configuration, a dataclass, with changes that need no training."""


def export(network: Exportable, folder: Path, *, note: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """Write a trained network to `folder` as integers and return the model's id, 16 hexadecimal digits.

    Args:
        network: trained; its own rounding need not be on.
        folder: made if need be.
        note: kept in `config.json` for the reader (how it was trained); not part of the id.
        changes: to its configuration, such as `levels` of a hierarchical flow.

    Raises:
        ModelError: a convolution breaks the bound of exact arithmetic.
    """
    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.integers().items()}
    config = network.exported_config(**changes)
    architecture = json.loads(json.dumps(registry.architecture(network.family, asdict(config))))
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    model = Model(content_hash(arrays, architecture), folder.name, network.family, architecture, arrays)
    family = registry.family(model.family)
    answers = family.build(model, config, family.kernels("cpu")[-1], "cpu").known_answers()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(save(tensors))
    description = {"id": model.id.hex(), "architecture": architecture, "known_answers": answers, **(note or {})}
    (folder / CONFIG).write_text(json.dumps(description, indent=2) + "\n")
    return model.id.hex()


def read_exported(folder: Path) -> Model:
    """Read an exported model for training, without preparing it for coding.

    Raises:
        ModelError: it is missing or damaged, or its architecture is not of this release.
    """
    model = read_model(folder)
    try:
        registry.family(model.family).configure(registry.settings(model.architecture))
    except KeyError as ex:
        raise ModelError(f"{folder}: the model's architecture does not say {ex.args[0]}") from ex
    except (ValueError, TypeError) as ex:
        if isinstance(ex, ModelError):
            raise
        raise ModelError(f"{folder}: the model is damaged ({ex})") from ex
    return model


def restore(network: Exportable, model: Model) -> None:
    """Give `network` the weights of an exported model.

    Raises:
        ModelError: the model is not one from which such a network can start.
    """
    network.restore({name: torch.from_numpy(array) for name, array in model.arrays.items()})
