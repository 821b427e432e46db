"""The families by name: fresh models, and saved ones from their files."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from idfcodec.baselines.contract import FORMAT, Density, Shape
from idfcodec.errors import IDFError

__all__ = ["FAMILIES", "build", "family_of", "load"]

# Where each family's class is; a module is imported when its family is asked for, for some need zuko or pyvinecopulib.
FAMILIES = {
    "nice": ("nice", "NICE"),
    "realnvp": ("realnvp", "RealNVP"),
    "glow": ("glow", "Glow"),
    "flowpp": ("flowpp", "FlowPP"),
    "maf": ("autoregressive", "MAF"),
    "iaf": ("autoregressive", "IAF"),
    "nsf": ("autoregressive", "NSF"),
    "ncsf": ("autoregressive", "NCSF"),
    "discrete": ("discrete", "DiscreteFlow"),
    "pixelcnn": ("pixelcnn", "PixelCNN"),
    "planar": ("planar", "Planar"),
    "radial": ("planar", "Radial"),
    "rnade": ("rnade", "RNADE"),
    "rad": ("rad", "RAD"),
    "copula": ("copulas", "CopulaFlow"),
    "gaussian-copula": ("copulas", "GaussianCopula"),
    "vine": ("vines", "Vine"),
    "gaussianisation": ("gaussianisation", "Gaussianisation"),
    "distribution": ("distribution", "DistributionNetwork"),
    "ddm": ("ddm", "DeepDensityModel"),
}


def family_of(name: str) -> Any:
    """The class of a family, a `Density` whose `config_type` is its configuration.

    Raises:
        IDFError: there is no such family.
    """
    if name not in FAMILIES:
        raise IDFError(f"there is no family {name!r}; choose one of {', '.join(FAMILIES)}")
    module, class_name = FAMILIES[name]
    return getattr(import_module(f"idfcodec.baselines.{module}"), class_name)


def build(name: str, shape: Shape, **settings: Any) -> Density:
    """A fresh model of a family.

    Args:
        name: one of `FAMILIES`.
        shape: of the data, (D,) or (C, H, W).
        settings: fields of the family's configuration.

    Raises:
        IDFError: there is no such family or setting, or its value makes no sense.
    """
    family = family_of(name)
    known = {field.name for field in fields(family.config_type)}
    for setting in settings:
        if setting not in known:
            raise IDFError(f"{name} has no setting {setting!r}; it has {', '.join(sorted(known))}")
    model: Density = family(family.config_type(shape=tuple(shape), **settings))
    return model


def load(path: Path) -> Density:
    """The model that `Density.save` wrote, ready to be used (`eval`).

    Raises:
        IDFError: the file is missing, damaged, or not a baseline.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as ex:
        raise IDFError(f"{path}: not a readable model ({ex})") from ex
    if metadata.get("format") != FORMAT:
        raise IDFError(f"{path}: not a saved baseline")
    try:
        config = {**json.loads(metadata["config"])}
        settings = {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}
        model = build(metadata["family"], settings.pop("shape"), **settings)
        floating = next((t.dtype for t in tensors.values() if t.is_floating_point()), None)
        model.to(floating).load_state_dict(tensors)
    except IDFError as ex:
        raise IDFError(f"{path}: {ex}") from ex
    except (KeyError, TypeError, ValueError, RuntimeError) as ex:
        raise IDFError(f"{path}: damaged ({ex})") from ex
    return model.eval()
