"""From trained weights to a model's folder and back: integers, tables, known answers and the content hash."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from idfcodec.errors import ModelError
from idfcodec.flow import registry
from idfcodec.flow.contract import Model
from idfcodec.flow.exact.mixture import build_tables
from idfcodec.flow.exact.quantisable import QuantConv, Quantisable, exponents, fold, unfold
from idfcodec.flow.loading import CONFIG, WEIGHTS, content_hash, read_model

__all__ = ["export", "read_exported", "restore"]

_PARTS = ("weight", "bias", "exponent")


def _integers(network: Quantisable) -> dict[str, Tensor]:
    """The tensors of all convolutions, the tables, and what else the family exports."""
    tensors = {name: torch.from_numpy(table) for name, table in build_tables().items()}
    for name, module in network.named_modules():
        if isinstance(module, QuantConv):
            weight, bias = module.weight.detach(), module.bias.detach()
            centred, head = network.meaning(name, module)
            folded = fold(weight, bias, exponents(weight, bias), centred=centred, head=head)
            tensors |= {f"{name}.{part}": tensor.contiguous() for part, tensor in zip(_PARTS, folded, strict=True)}
    return tensors | network.further()


def export(network: Quantisable, folder: Path, *, note: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """Write a trained network to `folder` as integers and return the model's id, 16 hexadecimal digits.

    Args:
        network: trained; its own rounding need not be on.
        folder: made if need be.
        note: kept in `config.json` for the reader (how it was trained); not part of the id.
        changes: to its configuration, such as `levels` and `search` of a hierarchical flow.

    Raises:
        ModelError: a convolution breaks the bound of exact arithmetic.
    """
    network = network.cpu()
    tensors = _integers(network)
    config = network.exported_config(**changes)
    architecture = json.loads(json.dumps(registry.architecture(network.family, asdict(config))))
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    model = Model(content_hash(arrays, architecture), folder.name, network.family, architecture, arrays)
    answers = registry.family(model.family).build(model, config, "float32", "cpu").known_answers()
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


def restore(network: Quantisable, model: Model) -> None:
    """Give `network` the weights of an exported model: what its integers mean.

    Where a hierarchical flow differs in size, networks that the exported model lacks start as its coarsest one, blocks
    that it lacks start without effect, and its surplus blocks are left out. The channels must be the same.

    Raises:
        ModelError: the model is not one from which such a network can start.
    """
    tensors = {name: torch.from_numpy(array) for name, array in model.arrays.items()}
    with torch.no_grad():
        for name, module in network.named_modules():
            if not isinstance(module, QuantConv):
                continue
            source = network.source(name, tensors)
            if f"{source}.weight" not in tensors:
                network.start_without(name, module, source)
                continue
            centred, head = network.meaning(name, module)
            integers = (tensors[f"{source}.{part}"] for part in _PARTS)
            weight, bias = unfold(*integers, centred=centred, head=head)
            if weight.shape != module.weight.shape:
                raise ModelError(f"the model to start from has other sizes than were asked for, in {name}")
            module.weight.copy_(weight)
            module.bias.copy_(bias)
        network.restore_further(tensors)
