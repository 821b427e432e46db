"""Models loaded from their folders: their bounds proved, their arithmetic tested on the device."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from idfcodec.errors import ModelError
from idfcodec.flow.causal.coding import CausalFlow
from idfcodec.flow.causal.exact import SHARE_BITS, SHARES, CausalExactNetwork
from idfcodec.flow.causal.exact import known_answer as causal_answer
from idfcodec.flow.causal.network import LARGEST, CausalConfig
from idfcodec.flow.contract import IntegerFlow
from idfcodec.flow.exact.quantised import KERNELS, Convolution, ExactNetwork
from idfcodec.flow.exact.tables import CLASSES, EXCESS, SCALE_STEPS, SCALES, SHAPE_STEPS, SHAPES, STARTS, TOTAL
from idfcodec.flow.hierarchical.correction import MOST_CLASSES, Search
from idfcodec.flow.hierarchical.lattice import BLURS, blur_classes
from idfcodec.flow.hierarchical.network import WEIGHT_LIMIT, NetworkConfig
from idfcodec.flow.hierarchical.rows import PART
from idfcodec.flow.hierarchical.runtime import Flow, known_answer
from idfcodec.flow.hierarchical.walk import Values

__all__ = ["CAUSAL", "HIERARCHICAL", "TENSORS", "content_hash", "load_flow", "part"]

TENSORS = "weights.safetensors"
HIERARCHICAL, CAUSAL = "hierarchical", "causal"  # an architecture's `order`, the former if it has none


def content_hash(tensors: Mapping[str, Tensor], architecture: Mapping[str, Any]) -> bytes:
    """Eight bytes that name a model: of its integers, their names and shapes, and its architecture."""
    digest = hashlib.sha256(json.dumps(architecture, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name].numpy()
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.digest()[:8]


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names start with `prefix` and a full stop, by the rest of their names."""
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}


def _saturates(kernel: str, device: str) -> bool:
    """Whether a kernel's sums of products clip: 8-bit kernels do on processors without VNNI."""
    weight = torch.full((16, 64, 3, 3), WEIGHT_LIMIT, dtype=torch.int8)
    bias, exponent = torch.zeros(16, dtype=torch.int32), torch.zeros(16, dtype=torch.int8)
    weight[:, 48:] = -WEIGHT_LIMIT
    weight[:, :, 0] = 0
    weight[:, :, :, 0] = 0
    convolution = Convolution.build(weight, bias, exponent, padding=0, kernel=kernel, device=device)
    x = torch.full((1, 64, 3, 3), 255, dtype=torch.uint8 if kernel == "int8" else torch.float32, device=device)
    out = convolution.scaled(x.contiguous(memory_format=torch.channels_last))
    return bool((out != 255 * WEIGHT_LIMIT * 4 * 32).any())


def _blurs(tables: Values) -> tuple[NDArray[np.float64], ...]:
    """Each blur of the weights: the table of one logistic around its centre, its escapes given to the middle."""
    out = []
    for blur in range(BLURS):
        scale = (blur + 1) * SCALE_STEPS
        index, kind = next((i, c) for i, c in enumerate(CLASSES) if c.first <= scale < c.first + c.scales)
        row = ((scale - kind.first) * SHAPES + SHAPE_STEPS << kind.location_bits) + ((1 << kind.location_bits) >> 1)
        cell = STARTS[index] + row * kind.width
        kernel = tables[cell + 1 : cell + kind.width].astype(np.float64)
        kernel[len(kernel) // 2] += TOTAL - kernel.sum()
        out.append(kernel)
    return tuple(out)


def _validated_tables(tensors: Mapping[str, Tensor]) -> tuple[Values, Values]:
    """The rows of all width classes, (CELLS,), and of the excesses of escapes, (SCALES, EXCESS)."""
    tables = []
    for name, rows, width in [(str(c.width), c.rows, c.width) for c in CLASSES] + [("escape", SCALES, EXCESS)]:
        table = tensors[f"prior.{name}"].numpy()
        if table.shape != (rows, width) or table.dtype != np.int32:
            raise ModelError(f"the model's table prior.{name} has the wrong shape or type")
        if table.min() < 0 or (table.sum(1, dtype=np.int64) != TOTAL - width).any():
            raise ModelError(f"the model's table prior.{name} does not sum to the coder's total")
        tables.append(table)
    escapes = tables.pop()
    return np.concatenate([table.ravel() for table in tables]), escapes


def _validated_last(last: NDArray[np.int32]) -> Values:
    if last.shape != (3, 3) or last.dtype != np.int32:
        raise ModelError("the model's tensor last has the wrong shape or type")
    if (last < [[-(2**20)], [0], [0]]).any() or (last >= [[2**20], [SCALES], [SHAPES]]).any():
        raise ModelError("the model's tensor last is out of range")
    return last


@dataclass(frozen=True)
class _Source:
    """What a model's folder holds, its content hash compared."""

    folder: Path
    id: bytes
    architecture: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    answers: list[str]


# A flow on a kernel and a device, and what its networks answer there.
_Build = Callable[[str, str], tuple[IntegerFlow, list[str]]]


def _read(folder: Path) -> _Source:
    try:
        config = json.loads((folder / "config.json").read_text())
        tensors = load_file(folder / TENSORS)
        source = _Source(
            folder, bytes.fromhex(config["id"]), config["architecture"], tensors, [*config["known_answers"]]
        )
    except FileNotFoundError as ex:
        raise ModelError(f"{folder}: not a model ({Path(str(ex.filename)).name} is missing)") from ex
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as ex:
        raise ModelError(f"{folder}: the model is damaged ({ex})") from ex
    if content_hash(tensors, source.architecture) != source.id:
        raise ModelError(f"{folder}: the model's content does not match its id {source.id.hex()}")
    return source


def _hierarchical(source: _Source) -> _Build:
    architecture, folder = source.architecture, source.folder
    network = NetworkConfig(
        channels=int(architecture["channels"]),
        blocks=tuple(architecture["blocks"]),
        levels=int(architecture["levels"]),
        networks=int(architecture["networks"]),
    )
    search = Search(**architecture["search"])
    search = replace(search, classes=tuple(search.classes))
    if not 1 <= network.levels <= 12 or len(network.blocks) != 3 or not 1 <= network.networks <= network.levels:
        raise ModelError(f"{folder}: the model's architecture is not one that this release runs")
    if not all(1 <= n <= MOST_CLASSES for n in search.classes) or min(search.samples, search.rounds) < 1:
        raise ModelError(f"{folder}: the model's search is not one that this release makes")
    tables, excesses = _validated_tables(source.tensors)
    escapes = excesses.reshape(SCALES, -1, PART).astype(np.float64)
    last = _validated_last(source.tensors["last"].numpy())
    blurs, blur_of = _blurs(tables), blur_classes()

    def build(kernel: str, device: str) -> tuple[IntegerFlow, list[str]]:
        networks = tuple(
            ExactNetwork(part(source.tensors, f"networks.{i}"), network, kernel=kernel, device=device)
            for i in range(network.networks)
        )
        flow = Flow(
            id=source.id,
            name=folder.name,
            config=network,
            networks=networks,
            last=last,
            tables=tables,
            escape_groups=escapes.sum(2),
            escape_parts=escapes + 1,
            blurs=blurs,
            blur_of=blur_of,
            search=search,
            kernel=kernel,
        )
        return flow, [known_answer(n).hex() for n in networks]

    return build


def _causal(source: _Source) -> _Build:
    sizes = {name: int(value) for name, value in source.architecture.items() if name != "order"}
    config = CausalConfig(**sizes)
    if not all(1 <= getattr(config, name) <= most for name, most in LARGEST.items()) or config.blocks < 0:
        raise ModelError(f"{source.folder}: the model's architecture is not one that this release runs")
    tables, escapes = _validated_tables(source.tensors)
    share_of = source.tensors["shares"].numpy()
    if (
        share_of.shape != (SHARES,)
        or share_of.dtype != np.int32
        or share_of.min() < 0
        or share_of.max() > 1 << SHARE_BITS
    ):
        raise ModelError("the model's tensor shares has the wrong shape, type or range")

    def build(kernel: str, device: str) -> tuple[IntegerFlow, list[str]]:
        network = CausalExactNetwork(part(source.tensors, "network"), config, kernel=kernel, device=device)
        flow = CausalFlow(
            id=source.id,
            name=source.folder.name,
            config=config,
            network=network,
            share_of=share_of,
            tables=tables,
            escapes=escapes,
            kernel=kernel,
        )
        return flow, [causal_answer(network).hex()]

    return build


_ORDERS = {HIERARCHICAL: _hierarchical, CAUSAL: _causal}


def load_flow(folder: Path, *, device: str = "cpu", kernel: str | None = None) -> IntegerFlow:
    """Load a model and choose the fastest kernel that computes it exactly on `device`.

    Args:
        folder: holds `config.json` and `weights.safetensors`.
        device: "cpu" or "cuda".
        kernel: insist on one of `exact.KERNELS`.

    Raises:
        ModelError: something is missing or damaged, or no kernel gives the model's known answer on this device.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ModelError("there is no CUDA device here")
    source = _read(folder)
    order = source.architecture.get("order", HIERARCHICAL)
    if order not in _ORDERS:
        raise ModelError(f"{folder}: the model codes in an order that this release does not know")
    try:
        build = _ORDERS[order](source)
    except ModelError:
        raise
    except KeyError as ex:
        raise ModelError(f"{folder}: the model lacks {ex.args[0]}") from ex
    except (ValueError, TypeError) as ex:
        raise ModelError(f"{folder}: the model is damaged ({ex})") from ex
    for candidate in [kernel] if kernel else KERNELS:
        if candidate == "int8" and device != "cpu":
            continue
        try:
            with torch.inference_mode():
                flow, answers = build(candidate, device)
                if answers == source.answers and not _saturates(candidate, device):
                    return flow
        except (RuntimeError, AttributeError):  # this build of torch, or this processor, lacks the kernel
            continue
    raise ModelError(
        f"{folder}: {device} does not compute this model exactly (it fails the known-answer test), so it is refused"
    )
