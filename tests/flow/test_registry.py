"""A family is a coder and a line in the registry: a toy that stores bytes goes through whole files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from idfcodec import codec
from idfcodec.errors import CorruptFile, ModelError
from idfcodec.flow import registry
from idfcodec.flow.contract import CodeLength, Coder, Family
from idfcodec.flow.loading import CONFIG, WEIGHTS, content_hash
from idfcodec.types import Buffer, Planes, PlaneType, Shape


class Rows(Coder):
    """One plane of bytes: its first row where all rows are alike, and all of them otherwise."""

    def __init__(self, identity: bytes, name: str) -> None:
        self.id, self.name, self.kernel = identity, name, "exact"

    def encode(self, pictures: Sequence[Planes], types: Sequence[PlaneType], *, small: bool = False) -> list[bytes]:
        rows = [picture[0].astype(np.uint8) for picture in pictures]
        return [b"\0" + (plane[:1] if (plane == plane[0]).all() else plane).tobytes() for plane in rows]

    def decode(
        self,
        payloads: Sequence[Buffer],
        shapes: Sequence[Shape],
        types: Sequence[PlaneType],
        *,
        small: bool = False,
    ) -> list[Planes]:
        height, width = shapes[0]
        if any(len(payload) not in (1 + width, 1 + width * height) for payload in payloads):
            raise CorruptFile("a tile has the wrong length")
        rows = [np.frombuffer(payload, np.uint8, offset=1).reshape(-1, width) for payload in payloads]
        return [[np.broadcast_to(plane, (height, width)).astype(np.int32)] for plane in rows]

    def code_length(self, picture: Planes, types: Sequence[PlaneType]) -> CodeLength:
        return CodeLength(np.full(picture[0].shape, 8.0))


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(registry, "_FAMILIES", dict(registry._FAMILIES))
    registry.register(Family("toy", dict, lambda model, config, kernel, device: Rows(model.id, model.name)))
    architecture, arrays = registry.architecture("toy", {}), {"nothing": np.zeros(1, np.int8)}
    config = {"id": content_hash(arrays, architecture).hex(), "architecture": architecture, "known_answers": []}
    (tmp_path / CONFIG).write_text(json.dumps(config))
    save_file(arrays, tmp_path / WEIGHTS)
    return tmp_path


def test_a_toy_family_codes_whole_files(toy: Path) -> None:
    rows = np.tile(np.arange(60, dtype=np.uint8), (600, 1))
    for pixels in (rows, rows[:, :1], np.repeat(rows[..., None], 3, 2)):
        data = codec.encode(pixels, model=toy, verify=True)
        assert len(data) < 300
        assert np.array_equal(codec.decode(data, model=toy), pixels)


def test_an_unknown_family_is_refused(toy: Path) -> None:
    with pytest.raises(ModelError, match="does not know the family 'spiral'; it knows hierarchical, causal, toy"):
        registry.family("spiral")
