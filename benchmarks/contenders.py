"""What takes part in a run: any pair of functions from pixels to bytes and back, and our models as such."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.models import describe_model
from benchmarks.results import BenchmarkError
from idfcodec import __version__
from idfcodec.errors import ModelError
from idfcodec.models import EFFORTS, find_model, list_models

__all__ = ["PRESETS", "Contender", "as_rgb", "our_contenders"]

Pixels = NDArray[np.uint8]
"""(H, W) or (H, W, 3), contiguous."""

PRESETS = "presets"
"""Stands for every shipped preset where models are named."""

LOADED = 4
"""Models that the codec keeps in memory; more would be loaded again and again while the clock runs."""


@dataclass(frozen=True)
class Contender:
    """A codec.

    Attributes:
        key: its name in results.
        label: its name in tables.
        family: "idfcodec", "peer" or "command".
        version: of the library or program; "" if it is missing.
        settings: how it is run, in words.
        threads: how many it uses at most.
        encode: pixels to the bytes of a file.
        decode: those bytes to pixels.
        keeps_channels: whether gray comes back as gray and RGB as RGB; else both are compared as RGB.
        missing: why it cannot be run; "" if it can.
        model: the folder of one of our models, None for others.
        facts: of our models, what `describe_model` says.
    """

    key: str
    label: str
    family: str
    version: str
    settings: str
    threads: int
    encode: Callable[[Pixels], bytes]
    decode: Callable[[bytes], Pixels]
    keeps_channels: bool = True
    missing: str = ""
    model: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def timed_encode(self, pixels: Pixels) -> tuple[bytes, float]:
        """The file's bytes and the seconds that making them took."""
        start = time.perf_counter()
        data = self.encode(pixels)
        return data, time.perf_counter() - start

    def timed_decode(self, data: bytes) -> tuple[Pixels, float]:
        """The pixels and the seconds that decoding took."""
        start = time.perf_counter()
        pixels = self.decode(data)
        return pixels, time.perf_counter() - start

    def matches(self, pixels: Pixels, again: Pixels) -> bool:
        """Whether `again`, which was decoded, is the picture that was encoded."""
        if self.keeps_channels:
            return np.array_equal(pixels, again)
        return np.array_equal(as_rgb(pixels), as_rgb(again))


def as_rgb(pixels: Pixels) -> Pixels:
    """Gray as RGB with equal channels, RGB as it is."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def our_contenders(names: Iterable[str], *, threads: int, device: str) -> list[Contender]:
    """Our models: names, ids or folders, or `PRESETS`.

    A preset that is not installed takes part as missing.

    Raises:
        BenchmarkError: another model cannot be found, two would have one key, or they are more than can be kept
            loaded.
    """
    found: dict[str, Contender] = {}
    for name in names:
        entries = [(effort, model) for effort, model in EFFORTS.items()] if name == PRESETS else [(None, name)]
        for effort, model in entries:
            contender = _ours(model, effort, threads, device)
            if contender.key in found and contender.model != found[contender.key].model:
                raise BenchmarkError(f"two models would be called {contender.key}")
            found[contender.key] = contender
    if len(found) > LOADED:
        raise BenchmarkError(f"{len(found)} models are more than the {LOADED} that are kept loaded at a time")
    return list(found.values())


def _name(folder: Path) -> str:
    """A model's name for people: that of `names.toml`, or its folder's."""
    return {entry.path.resolve(): entry.name for entry in list_models()}.get(folder, folder.name)


def _ours(name: str, effort: str | None, threads: int, device: str) -> Contender:
    from idfcodec import codec, models

    try:
        folder, missing = find_model(name).resolve(), ""
        models.load_model(folder, device=device)
    except ModelError as ex:
        if effort is None:
            raise BenchmarkError(f"{name}: {ex}") from ex
        folder, missing = Path(name), str(ex)
    if effort is None:  # a shipped model by its own name is the preset
        shipped = {model: effort for effort, model in EFFORTS.items()}
        effort = shipped.get(_name(folder))
    called = effort or _name(folder)
    return Contender(
        key=f"idfcodec-{called}",
        label=f"idfcodec {called}",
        family="idfcodec",
        version="" if missing else f"idfcodec {__version__}",
        settings=f"effort {effort}, model {_name(folder)}" if effort else f"model {_name(folder)}",
        threads=threads,
        encode=lambda pixels: codec.encode(pixels, model=folder, threads=threads, device=device),
        decode=lambda data: codec.decode(data, model=folder, threads=threads, device=device),
        missing=missing,
        model=None if missing else folder,
        facts={} if missing else describe_model(folder),
    )
