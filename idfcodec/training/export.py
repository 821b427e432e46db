"""From trained weights to a model's folder: integers, tables, known answers and the content hash."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from idfcodec.errors import ModelError
from idfcodec.flow.causal.exact import CausalExactNetwork, head_bits, shares
from idfcodec.flow.causal.exact import known_answer as causal_answer
from idfcodec.flow.causal.network import CausalConfig, TrainableCausalFlow
from idfcodec.flow.exact import tables as prior
from idfcodec.flow.exact.quantised import ExactNetwork, fold, head_exponents, unfold
from idfcodec.flow.hierarchical.correction import Search
from idfcodec.flow.hierarchical.model import TrainableFlow
from idfcodec.flow.hierarchical.network import NetworkConfig, QuantConv, exponents
from idfcodec.flow.hierarchical.runtime import known_answer
from idfcodec.flow.loading import CAUSAL, TENSORS, content_hash, part

__all__ = ["Exported", "export", "export_causal", "make_search", "read_exported", "restore", "restore_causal"]


def _last(model: TrainableFlow) -> Tensor:
    location, log_scale, shape = model.last.detach()
    return torch.stack(
        (
            torch.round(location * 2**prior.LOCATION_BITS),
            torch.round((log_scale - prior.SCALE_MIN) * prior.SCALE_STEPS).clamp(0, prior.SCALES - 1),
            torch.round(shape * prior.SHAPE_STEPS).clamp(0, prior.SHAPES - 1),
        )
    ).to(torch.int32)


# Of a convolution: how many of its inputs, at their end, are centred, and the fractional bits that a head keeps.
Meaning = tuple[int, Tensor | None]


def _meaning(name: str, module: QuantConv) -> Meaning:
    """Of a convolution of the hierarchical flow."""
    centred = module.weight.shape[1] if name.endswith("first") else 0
    return centred, head_exponents() if name.endswith("head") else None


def _causal_meaning(name: str, module: QuantConv) -> Meaning:
    """Of a convolution of the causal flow."""
    _, kind, *rest = name.split(".")
    if kind == "first":
        return module.weight.shape[1], None
    if kind == "into":
        return int(rest[0]), None
    return 0, head_bits(int(rest[0])) if kind == "heads" else None


def _integers(model: nn.Module, meaning: Callable[[str, QuantConv], Meaning]) -> dict[str, Tensor]:
    """The tensors of all convolutions, and the tables."""
    tensors = {name: torch.from_numpy(table) for name, table in prior.build_tables().items()}
    for name, module in model.named_modules():
        if isinstance(module, QuantConv):
            weight, bias = module.weight.detach(), module.bias.detach()
            centred, head = meaning(name, module)
            parts = fold(weight, bias, exponents(weight, bias), centred=centred, head=head)
            for kind, tensor in zip(("weight", "bias", "exponent"), parts, strict=True):
                tensors[f"{name}.{kind}"] = tensor.contiguous()
    return tensors


def _write(
    folder: Path,
    tensors: Mapping[str, Tensor],
    architecture: Mapping[str, Any],
    answers: list[str],
    note: Mapping[str, Any] | None,
) -> str:
    architecture = json.loads(json.dumps(architecture))
    identity = content_hash(tensors, architecture).hex()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TENSORS).write_bytes(save({**tensors}))
    description = {"id": identity, "architecture": architecture, "known_answers": answers, **(note or {})}
    (folder / "config.json").write_text(json.dumps(description, indent=2) + "\n")
    return identity


def export_causal(model: TrainableCausalFlow, folder: Path, *, note: Mapping[str, Any] | None = None) -> str:
    """Write a causal flow to `folder` as `export` does a hierarchical one.

    Args:
        model: trained; its own rounding need not be on.
        folder: made if need be.
        note: see `export`.

    Raises:
        ModelError: a convolution breaks the bound of exact arithmetic.
    """
    model = model.cpu()
    tensors = _integers(model, _causal_meaning) | {"shares": shares()}
    with torch.inference_mode():
        network = CausalExactNetwork(part(tensors, "network"), model.config, kernel="float32", device="cpu")
        answers = [causal_answer(network).hex()]
    return _write(folder, tensors, asdict(model.config) | {"order": CAUSAL}, answers, note)


def export(
    model: TrainableFlow,
    folder: Path,
    *,
    levels: int = 6,
    search: Search | None = None,
    note: Mapping[str, Any] | None = None,
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
    tensors = _integers(model, _meaning) | {"last": _last(model)}
    config = replace(model.config, levels=max(levels, model.config.networks))
    with torch.inference_mode():
        networks = [
            ExactNetwork(part(tensors, f"networks.{i}"), config, kernel="float32", device="cpu")
            for i in range(config.networks)
        ]
        answers = [known_answer(network).hex() for network in networks]
    return _write(folder, tensors, asdict(config) | {"search": asdict(search or Search())}, answers, note)


@dataclass(frozen=True)
class Exported:
    """What `export` wrote: a model's id, architecture (see `NetworkConfig` and `CausalConfig`) and integers."""

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
        causal = architecture.get("order") == CAUSAL
        needed = [field.name for field in fields(CausalConfig if causal else NetworkConfig)]
        needed += [] if causal else ["search"]
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
            centred, head = _meaning(name, module)
            weight, bias = unfold(*integers, centred=centred, head=head)
            if weight.shape != module.weight.shape:
                raise ModelError(f"the model to start from has other sizes than were asked for, in {name}")
            module.weight.copy_(weight)
            module.bias.copy_(bias)
        location, scale, shape = tensors["last"].double()
        location, scale = location / 2**prior.LOCATION_BITS, scale / prior.SCALE_STEPS + prior.SCALE_MIN
        model.last.copy_(torch.stack((location, scale, shape / prior.SHAPE_STEPS)))


def restore_causal(model: TrainableCausalFlow, tensors: Mapping[str, Tensor]) -> None:
    """Give a causal flow the weights of an exported one of the same sizes.

    Raises:
        ModelError: the tensors are not those of such a model.
    """
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, QuantConv):
                try:
                    integers = [tensors[f"{name}.{kind}"] for kind in ("weight", "bias", "exponent")]
                except KeyError as ex:
                    raise ModelError(f"the model to start from lacks the tensor {ex.args[0]}") from ex
                centred, head = _causal_meaning(name, module)
                weight, bias = unfold(*integers, centred=centred, head=head)
                if weight.shape != module.weight.shape:
                    raise ModelError(f"the model to start from has other sizes than were asked for, in {name}")
                module.weight.copy_(weight)
                module.bias.copy_(bias)
