"""What a model costs, counted from the shapes of its tensors."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from safetensors import safe_open

from idfcodec.models import list_models

__all__ = ["describe_model", "mac_per_pixel", "model_name", "parameters", "shipped_models"]

Shapes = dict[str, tuple[int, ...]]
_PARAMETER = re.compile(r"(networks\..*|(rgb|ycc)\d)\.(weight|bias)\d*$")
_CAUSAL_WEIGHT = re.compile(r"rgb\d\.weight\d+$")


def shipped_models(root: Path) -> dict[str, Path]:
    """The folders of the models of a checkout, by id."""
    folders = [path.parent for path in sorted((root / "models").glob("*/config.json"))]
    return {json.loads((folder / "config.json").read_bytes())["id"]: folder for folder in folders}


def describe_model(folder: Path) -> dict[str, Any]:
    """Identity and cost of an exported model: "id", "name" (see `model_name`), "parameters" and "mac_per_pixel"."""
    config = json.loads((folder / "config.json").read_bytes())
    with safe_open(folder / "weights.safetensors", framework="numpy") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    return {
        "id": config["id"],
        "name": model_name(folder),
        "parameters": parameters(shapes),
        "mac_per_pixel": mac_per_pixel(shapes, config["architecture"].get("levels")),
    }


def model_name(folder: Path) -> str:
    """A model's name for people: that of `names.toml`, or its folder's."""
    return {entry.path.name: entry.name for entry in list_models()}.get(folder.name, folder.name)


def parameters(shapes: Shapes) -> int:
    """Weights and biases of all networks."""
    return sum(math.prod(shape) for name, shape in shapes.items() if _PARAMETER.match(name))


def mac_per_pixel(shapes: Shapes, levels: int | None) -> float:
    """Multiply-accumulates of the networks for a pixel of an RGB picture; `levels` is None of a causal flow.

    Level l of `levels` has 4**-(l + 1) cells a pixel. Network i serves level i, the last one all coarser levels as
    well. `up` runs on the grid of the next coarser level, and not at all at the coarsest. A causal flow has a network
    for each plane, all of which runs on every pixel.
    """
    if levels is None:
        return float(sum(math.prod(shape) for name, shape in shapes.items() if _CAUSAL_WEIGHT.match(name)))
    weights = {name: math.prod(shape) for name, shape in shapes.items() if name.endswith(".weight")}
    parts = [(name.split("."), count) for name, count in weights.items() if name.startswith("networks.")]
    last = max(int(words[1]) for words, _ in parts)
    total = 0.0
    for words, count in parts:
        index, up = int(words[1]), words[2] == "up"
        served = range(index, levels if index == last else index + 1)
        total += count * sum(4.0 ** -(level + 1 + up) for level in served if not up or level + 1 < levels)
    return total
