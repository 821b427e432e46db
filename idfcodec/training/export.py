"""From trained weights to a model's folder: integers, tables, known answers and the content hash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from idfcodec.flow import prior
from idfcodec.flow.exact import ExactNetwork, fold
from idfcodec.flow.model import TrainableFlow
from idfcodec.flow.network import NetworkConfig, QuantConv, exponents
from idfcodec.flow.runtime import TENSORS, content_hash, known_answer

__all__ = ["export"]


def _last(model: TrainableFlow) -> Tensor:
    location, log_scale, shape = model.last.detach()
    return torch.stack(
        (
            torch.round(location * 2**prior.LOCATION_BITS),
            torch.round((log_scale - prior.SCALE_MIN) * prior.SCALE_STEPS).clamp(0, prior.SCALES - 1),
            torch.round(shape * prior.SHAPE_STEPS).clamp(0, prior.SHAPES - 1),
        )
    ).to(torch.int32)


def export(model: TrainableFlow, folder: Path, *, levels: int = 6, note: dict[str, Any] | None = None) -> str:
    """Write `model` to `folder` as integers and return its id, 16 hexadecimal digits.

    Args:
        model: trained; its own rounding need not be on.
        folder: made if need be.
        levels: of the hierarchy; the coarser ones share weights, so there may be more than in training.
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
            for part, tensor in zip(("weight", "bias", "exponent"), parts, strict=True):
                tensors[f"{name}.{part}"] = tensor.contiguous()
    config = NetworkConfig(model.config.channels, model.config.blocks, levels)
    architecture = {"channels": config.channels, "blocks": list(config.blocks), "levels": levels}
    answers = []
    with torch.inference_mode():
        for part in ("fine", "coarse"):
            own = {name.removeprefix(f"{part}."): t for name, t in tensors.items() if name.startswith(f"{part}.")}
            answers.append(known_answer(ExactNetwork(own, config, kernel="float32", device="cpu")).hex())
    identity = content_hash(tensors, architecture).hex()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TENSORS).write_bytes(save(tensors))
    description = {"id": identity, "architecture": architecture, "known_answers": answers, **(note or {})}
    (folder / "config.json").write_text(json.dumps(description, indent=2) + "\n")
    return identity
