"""From trained weights to a model's folder: integers, tables, known answers and the content hash."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from idfcodec.errors import ModelError
from idfcodec.flow import prior
from idfcodec.flow.correction import Search
from idfcodec.flow.exact import ExactNetwork, fold, unfold
from idfcodec.flow.model import TrainableFlow
from idfcodec.flow.network import NetworkConfig, QuantConv, exponents
from idfcodec.flow.runtime import TENSORS, content_hash, known_answer, part

__all__ = ["Exported", "export", "make_search", "read_exported", "restore"]


def _last(model: TrainableFlow) -> Tensor:
    location, log_scale, shape = model.last.detach()
    return torch.stack(
        (
            torch.round(location * 2**prior.LOCATION_BITS),
            torch.round((log_scale - prior.SCALE_MIN) * prior.SCALE_STEPS).clamp(0, prior.SCALES - 1),
            torch.round(shape * prior.SHAPE_STEPS).clamp(0, prior.SHAPES - 1),
        )
    ).to(torch.int32)


def export(
    model: TrainableFlow,
    folder: Path,
    *,
    levels: int = 6,
    search: Search | None = None,
    note: dict[str, Any] | None = None,
) -> str:
    """Write `model` to `folder` as integers and return its id, 16 hexadecimal digits.

    Args:
        model: trained; its own rounding need not be on.
        folder: made if need be.
        levels: of the hierarchy; the coarser ones share weights, so there may be more than in training.
        search: how hard the encoder is to look; None is its default.
        note: kept in `config.json` for the reader (how it was trained); not part of the id.

    Raises:
        ModelError: a convolution breaks the bound of exact arithmetic.
    """
    model = model.cpu()
    tensors = {name: torch.from_numpy(table) for name, table in prior.build_tables().items()}
    tensors["last"] = _last(model)
    for name, module in model.named_modules():
        if isinstance(module, QuantConv):
            weight, bias = module.weight.detach(), module.bias.detach()
            centred, head = name.endswith("first"), name.endswith("head")
            parts = fold(weight, bias, exponents(weight, bias), centred=centred, head=head)
            for kind, tensor in zip(("weight", "bias", "exponent"), parts, strict=True):
                tensors[f"{name}.{kind}"] = tensor.contiguous()
    config = replace(model.config, levels=max(levels, model.config.networks))
    architecture = json.loads(json.dumps(asdict(config) | {"search": asdict(search or Search())}))
    with torch.inference_mode():
        networks = [
            ExactNetwork(part(tensors, f"networks.{i}"), config, kernel="float32", device="cpu")
            for i in range(config.networks)
        ]
        answers = [known_answer(network).hex() for network in networks]
    identity = content_hash(tensors, architecture).hex()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TENSORS).write_bytes(save(tensors))
    description = {"id": identity, "architecture": architecture, "known_answers": answers, **(note or {})}
    (folder / "config.json").write_text(json.dumps(description, indent=2) + "\n")
    return identity


@dataclass(frozen=True)
class Exported:
    """What `export` wrote: the model's id, its architecture (`NetworkConfig` and `search`) and its integers."""

    id: str
    architecture: dict[str, Any]
    tensors: dict[str, Tensor]


def make_search(values: Mapping[str, Any]) -> Search:
    """The `Search` that `values` say, as they stand in an architecture."""
    return Search(**{**values, "classes": tuple(values["classes"])})


def read_exported(folder: Path) -> Exported:
    """Read an exported model for training, without preparing it for coding.

    Raises:
        ModelError: it is missing or damaged, or its architecture is not of this release.
    """
    for name in ("config.json", TENSORS):
        if not (folder / name).is_file():
            raise ModelError(f"{folder}: not a model ({name} is missing)")
    try:
        config = json.loads((folder / "config.json").read_bytes())
        architecture, identity = config["architecture"], config["id"]
        needed = [field.name for field in fields(NetworkConfig)] + ["search"]
        missing = [name for name in needed if name not in architecture]
        tensors = load_file(folder / TENSORS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as ex:
        raise ModelError(f"{folder}: the model is damaged ({ex})") from ex
    if missing:
        raise ModelError(f"{folder}: the model's architecture does not say {', '.join(missing)}")
    if content_hash(tensors, architecture).hex() != identity:
        raise ModelError(f"{folder}: the model's content does not match its id {identity}")
    return Exported(identity, architecture, tensors)


def restore(model: TrainableFlow, tensors: Mapping[str, Tensor]) -> None:
    """Give `model` the weights of an exported model: what its integers mean.

    Where the two differ in size, networks that the exported model lacks start as its coarsest one, blocks that it
    lacks start without effect, and its surplus blocks are left out. The channels must be the same.

    Args:
        model: to be changed.
        tensors: of the exported model's `weights.safetensors`.

    Raises:
        ModelError: the tensors are not those of a model with as many channels.
    """
    theirs = 1 + max((int(name.split(".")[1]) for name in tensors if name.startswith("networks.")), default=-1)
    with torch.no_grad():
        for name, module in model.named_modules():
            if not isinstance(module, QuantConv):
                continue
            first, index, *rest = name.split(".")
            source = ".".join((first, str(min(int(index), theirs - 1)), *rest))
            if f"{source}.weight" not in tensors:
                if name.endswith("outer"):
                    module.weight.zero_()
                    module.bias.zero_()
                continue
            integers = (tensors[f"{source}.{kind}"] for kind in ("weight", "bias", "exponent"))
            weight, bias = unfold(*integers, centred=name.endswith("first"), head=name.endswith("head"))
            if weight.shape != module.weight.shape:
                raise ModelError(f"the model to start from has other sizes than were asked for, in {name}")
            module.weight.copy_(weight)
            module.bias.copy_(bias)
        location, scale, shape = tensors["last"].double()
        location, scale = location / 2**prior.LOCATION_BITS, scale / prior.SCALE_STEPS + prior.SCALE_MIN
        model.last.copy_(torch.stack((location, scale, shape / prior.SHAPE_STEPS)))
