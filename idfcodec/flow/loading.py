"""Models read from their folders: their content compared with their id, their arithmetic tested on the device."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from idfcodec.errors import ModelError
from idfcodec.flow import registry
from idfcodec.flow.contract import Coder, Model

__all__ = ["CONFIG", "WEIGHTS", "content_hash", "load", "part", "read_model"]

CONFIG, WEIGHTS = "config.json", "weights.safetensors"
V = TypeVar("V")


def content_hash(arrays: Mapping[str, NDArray[Any]], architecture: Mapping[str, Any]) -> bytes:
    """Eight bytes that name a model: of its integers, their names and shapes, and its architecture."""
    digest = hashlib.sha256(json.dumps(architecture, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.digest()[:8]


def part(arrays: Mapping[str, V], prefix: str) -> dict[str, V]:
    """The arrays whose names start with `prefix` and a full stop, by the rest of their names."""
    return {name.removeprefix(f"{prefix}."): a for name, a in arrays.items() if name.startswith(f"{prefix}.")}


def read_model(folder: Path, *, name: str | None = None) -> Model:
    """The model in a folder, whose content is compared with its id.

    Args:
        folder: holds `config.json` and `weights.safetensors`.
        name: for people; None is the folder's.

    Raises:
        ModelError: it is missing or damaged.
    """
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise ModelError(f"{folder}: not a model ({file} is missing)")
    try:
        config = json.loads((folder / CONFIG).read_bytes())
        architecture = config["architecture"]
        identity, answers = bytes.fromhex(config["id"]), tuple(map(str, config["known_answers"]))
        family = registry.family_name(architecture)
        arrays = load_file(folder / WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as ex:
        raise ModelError(f"{folder}: the model is damaged ({ex})") from ex
    if content_hash(arrays, architecture) != identity:
        raise ModelError(f"{folder}: the model's content does not match its id {identity.hex()}")
    if re.fullmatch("[0-9a-f]{16}", folder.name) and folder.name != identity.hex():
        raise ModelError(f"{folder}: the folder has the name of another model than the one in it, {identity.hex()}")
    return Model(identity, name or folder.name, family, architecture, arrays, answers)


def load(folder: Path, *, device: str = "cpu", kernel: str | None = None, name: str | None = None) -> Coder:
    """Loads a model and chooses the fastest kernel that computes it exactly on `device`.

    Args:
        folder: holds `config.json` and `weights.safetensors`.
        device: "cpu" or "cuda".
        kernel: insist on one of the family's kernels.
        name: for people; None is the folder's.

    Raises:
        ModelError: something is missing or damaged, or no kernel gives the model's known answers on this device.
    """
    model = read_model(folder, name=name)
    try:
        family = registry.family(model.family)
        config = family.configure(registry.settings(model.architecture))
        kernels = family.kernels(device)
        for candidate in kernels:
            if kernel in (None, candidate):
                coder = family.build(model, config, candidate, device)
                if tuple(coder.known_answers()) == model.answers:
                    return coder
    except ModelError as ex:
        raise ModelError(f"{folder}: {ex}") from ex
    except KeyError as ex:
        raise ModelError(f"{folder}: the model lacks {ex.args[0]}") from ex
    except (ValueError, TypeError) as ex:
        raise ModelError(f"{folder}: the model is damaged ({ex})") from ex
    if not kernels:
        raise ModelError(f"{model.name} runs on the processor only; {device} is for the hierarchical flow (model idf)")
    raise ModelError(
        f"{folder}: {device} does not compute this model exactly (it fails the known-answer test), so it is refused"
    )
