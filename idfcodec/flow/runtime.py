"""A model as it codes: loaded from its folder, its bounds proved, its arithmetic tested on the device."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from idfcodec.errors import IDFError, ModelError
from idfcodec.flow import coding, density
from idfcodec.flow.correction import MOST_CLASSES, Search
from idfcodec.flow.exact import KERNELS, Convolution, ExactNetwork
from idfcodec.flow.hierarchy import Values, Visitor, walk
from idfcodec.flow.lattice import BLURS, blur_classes
from idfcodec.flow.network import WEIGHT_LIMIT, NetworkConfig
from idfcodec.flow.prior import CLASSES, EXCESS, SCALE_STEPS, SCALES, SHAPE_STEPS, SHAPES, STARTS, TOTAL
from idfcodec.flow.rows import PART

__all__ = ["Flow", "content_hash", "known_answer", "load_flow", "part"]

TENSORS = "weights.safetensors"


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


def known_answer(network: ExactNetwork) -> bytes:
    """Hash of what a network says of a fixed picture with every extreme in it: the same on every exact device."""
    state = np.arange(1, 9 * 18 * 25 + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    pixels = (state >> np.uint64(56)).astype(np.uint8).reshape(1, 9, 18, 25)
    pixels[..., :6, :] = 255 * (pixels[..., :6, :] & 1)
    known = torch.from_numpy(pixels)
    digest = hashlib.sha256()
    trunk = None
    for _ in range(2):
        if trunk is not None:
            trunk = network.upsample(trunk[..., :8, :12].contiguous(memory_format=torch.channels_last), 16, 23)
        for group in range(3):
            trunk, head = network.step(group, known[:, : 3 * group + 3], trunk)
            digest.update(head.cpu().numpy().astype("<i4").tobytes())
    return digest.digest()[:8]


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


@dataclass(frozen=True)
class Flow:
    """An integer discrete flow, ready to code.

    Args:
        id: content hash, 8 bytes.
        name: of its folder.
        config: sizes.
        networks: as `NetworkConfig` counts them, finest first.
        last: (3, 3) location, scale and shape (as `StepPrior` has them) of each plane of the last latents.
        tables: (CELLS,) int32, the rows of all width classes.
        escape_groups, escape_parts: the excesses of escapes by scale, (SCALES, EXCESS / PART) sums of groups and
            (SCALES, EXCESS / PART, PART) weights plus one; float64 integers.
        blurs: the kernel of each blur of the weights of pairs, see `lattice.py`.
        blur_of: (SCALES,) the blur that stands for each scale.
        search: how hard the encoder looks.
        kernel: which of `exact.KERNELS` runs.
    """

    id: bytes
    name: str
    config: NetworkConfig
    networks: tuple[ExactNetwork, ...]
    last: Values
    tables: Values
    escape_groups: NDArray[np.float64]
    escape_parts: NDArray[np.float64]
    blurs: tuple[NDArray[np.float64], ...]
    blur_of: Values
    search: Search
    kernel: str

    def walk(self, shape: tuple[int, ...], visit: Visitor) -> Values:
        """Visit every coding step of planes of `shape` (C, H, W); see `hierarchy.walk`."""
        planes, height, width = shape
        networks = [self.networks[self.config.network_of(level)] for level in range(self.config.levels)]
        with torch.inference_mode():
            return walk(networks, self.last, (planes, height, width), visit)

    def log_prob(self, x: Tensor) -> float:
        """Log-likelihood in bits (negative) of (3, H, W) RGB or (1, H, W) gray integers in [0, 255]."""
        return -coding.tile_costs(self, density.to_planes(x)).total

    def latents(self, x: Tensor) -> dict[tuple[int, int], Values]:
        """Latents (C, N) of every coding step, by (level, group), of (3, H, W) or (1, H, W) integers in [0, 255]."""
        return density.latents(self, density.to_planes(x))

    def inverse(self, latents: Mapping[tuple[int, int], Values], size: tuple[int, int]) -> Tensor:
        """(C, H, W) int32 pixels of `size` (H, W) from their latents, to the bit."""
        planes = len(latents[self.config.levels, -1])
        return density.to_pixels(density.inverse(self, latents, (planes, *size)))

    def sample(self, n: int, size: tuple[int, int], temperature: float = 1.0, *, seed: int = 0) -> Tensor:
        """(n, 3, H, W) uint8 pictures of `size` (H, W) drawn from the prior.

        Raises:
            IDFError: the temperature is not above 0.
        """
        if not temperature > 0:
            raise IDFError(f"a temperature of {temperature} is not above 0")
        rng = np.random.default_rng(seed)
        pictures = torch.empty((n, 3, *size), dtype=torch.uint8)
        for picture in pictures:
            picture[:] = density.to_pixels(density.sample(self, (3, *size), temperature, rng))
        return pictures


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


def _validated_tables(tensors: Mapping[str, Tensor]) -> tuple[Values, NDArray[np.float64]]:
    tables = []
    for name, rows, width in [(str(c.width), c.rows, c.width) for c in CLASSES] + [("escape", SCALES, EXCESS)]:
        table = tensors[f"prior.{name}"].numpy()
        if table.shape != (rows, width) or table.dtype != np.int32:
            raise ModelError(f"the model's table prior.{name} has the wrong shape or type")
        if table.min() < 0 or (table.sum(1, dtype=np.int64) != TOTAL - width).any():
            raise ModelError(f"the model's table prior.{name} does not sum to the coder's total")
        tables.append(table)
    escapes = tables.pop().reshape(SCALES, -1, PART)
    return np.concatenate([table.ravel() for table in tables]), escapes.astype(np.float64)


def _validated_last(last: NDArray[np.int32]) -> Values:
    if last.shape != (3, 3) or last.dtype != np.int32:
        raise ModelError("the model's tensor last has the wrong shape or type")
    if (last < [[-(2**20)], [0], [0]]).any() or (last >= [[2**20], [SCALES], [SHAPES]]).any():
        raise ModelError("the model's tensor last is out of range")
    return last


def load_flow(folder: Path, *, device: str = "cpu", kernel: str | None = None) -> Flow:
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
    try:
        config = json.loads((folder / "config.json").read_text())
        tensors = load_file(folder / TENSORS)
        architecture = config["architecture"]
        network = NetworkConfig(
            channels=int(architecture["channels"]),
            blocks=tuple(architecture["blocks"]),
            levels=int(architecture["levels"]),
            networks=int(architecture["networks"]),
        )
        search = Search(**architecture["search"])
        search = replace(search, classes=tuple(search.classes))
        answers = config["known_answers"]
        identity = bytes.fromhex(config["id"])
    except FileNotFoundError as ex:
        raise ModelError(f"{folder}: not a model ({Path(str(ex.filename)).name} is missing)") from ex
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as ex:
        raise ModelError(f"{folder}: the model is damaged ({ex})") from ex
    if content_hash(tensors, architecture) != identity:
        raise ModelError(f"{folder}: the model's content does not match its id {identity.hex()}")
    if not 1 <= network.levels <= 12 or len(network.blocks) != 3 or not 1 <= network.networks <= network.levels:
        raise ModelError(f"{folder}: the model's architecture is not one that this release runs")
    if not all(1 <= n <= MOST_CLASSES for n in search.classes) or min(search.samples, search.rounds) < 1:
        raise ModelError(f"{folder}: the model's search is not one that this release makes")
    try:
        tables, escapes = _validated_tables(tensors)
        last = _validated_last(tensors["last"].numpy())
    except KeyError as ex:
        raise ModelError(f"{folder}: the model lacks the tensor {ex.args[0]}") from ex
    for candidate in [kernel] if kernel else KERNELS:
        if candidate == "int8" and device != "cpu":
            continue
        try:
            networks = tuple(
                ExactNetwork(part(tensors, f"networks.{i}"), network, kernel=candidate, device=device)
                for i in range(network.networks)
            )
            with torch.inference_mode():
                exact = not _saturates(candidate, device) and [known_answer(n).hex() for n in networks] == answers
        except (RuntimeError, AttributeError):  # this build of torch, or this processor, lacks the kernel
            exact = False
        if exact:
            blurs = _blurs(tables)
            return Flow(
                identity,
                folder.name,
                network,
                networks,
                last,
                tables,
                escapes.sum(2),
                escapes + 1,
                blurs,
                blur_classes(),
                search,
                candidate,
            )
    raise ModelError(
        f"{folder}: {device} does not compute this model exactly (it fails the known-answer test), so it is refused"
    )
