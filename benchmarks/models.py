"""What a model costs, counted from the shapes of its tensors."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from safetensors import safe_open

from idfcodec.models import EFFORTS

__all__ = ["describe_model", "mac_per_pixel", "model_label", "parameters", "shipped_models"]

Shapes = dict[str, tuple[int, ...]]


def shipped_models(root: Path) -> dict[str, Path]:
    """The folders of the models of a checkout, by id."""
    folders = [path.parent for path in sorted((root / "models").glob("*/config.json"))]
    return {json.loads((folder / "config.json").read_bytes())["id"]: folder for folder in folders}


def describe_model(folder: Path) -> dict[str, Any]:
    """Identity and cost of an exported model: "id", "name" (its folder's), "parameters" and "mac_per_pixel"."""
    config = json.loads((folder / "config.json").read_bytes())
    shapes = _tensor_shapes(folder)
    levels = config["architecture"].get("levels")
    return {
        "id": config["id"],
        "name": folder.resolve().name,
        "parameters": parameters(shapes),
        "mac_per_pixel": _mac_of_every_pixel(shapes) if levels is None else mac_per_pixel(shapes, levels),
    }


def model_label(folder: Path) -> str:
    """What a model is called in tables: "idfcodec EFFORT" if an effort stands for it, else "idfcodec NAME"."""
    efforts = {name: effort for effort, name in EFFORTS.items()}
    name = folder.resolve().name
    return f"idfcodec {efforts.get(name, name)}"


def _tensor_shapes(folder: Path) -> Shapes:
    """The shape of each tensor of an exported model, by name."""
    with safe_open(folder / "weights.safetensors", framework="numpy") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def parameters(shapes: Shapes) -> int:
    """Weights and biases of the networks."""
    return sum(
        math.prod(shape)
        for name, shape in shapes.items()
        if name.startswith(("networks.", "network.")) and name.endswith((".weight", ".bias"))
    )


def _mac_of_every_pixel(shapes: Shapes) -> float:
    """Multiply-accumulates a pixel of a causal flow, whose convolutions of one pixel run on all of them."""
    return float(
        sum(math.prod(s) for name, s in shapes.items() if name.startswith("network.") and name.endswith(".weight"))
    )


def mac_per_pixel(shapes: Shapes, levels: int) -> float:
    """Multiply-accumulates a pixel.

    Level l has 4**-(l + 1) cells a pixel. Network i serves level i, the last one all coarser levels as well. `up` runs
    on the grid of the next coarser level, and not at all at the coarsest.
    """
    last = max(int(name.split(".")[1]) for name in shapes if name.startswith("networks."))
    total = 0.0
    for name, shape in shapes.items():
        if not name.startswith("networks.") or not name.endswith(".weight"):
            continue
        index = int(name.split(".")[1])
        served = range(index, levels if index == last else index + 1)
        if name.split(".")[2] == "up":
            cells = sum(4.0 ** -(level + 2) for level in served if level + 1 < levels)
        else:
            cells = sum(4.0 ** -(level + 1) for level in served)
        total += math.prod(shape) * cells
    return total
