"""A codec for numcodecs, with which Zarr of version 2 compresses chunks; installed, it is found by its id "idfc".

Example:
    >>> import numpy as np
    >>> from idfcodec.plugins.numcodecs import Idfc
    >>> codec = Idfc(effort="fast")
    >>> chunk = np.arange(64, dtype="uint8").reshape(8, 8)
    >>> bool((codec.decode(codec.encode(chunk)) == chunk).all())
    True
"""

from __future__ import annotations

from typing import Any

from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes, ensure_ndarray, ndarray_copy
from numcodecs.registry import register_codec

from idfcodec.plugins.chunks import check_effort, decode_chunk, encode_chunk

__all__ = ["Idfc"]


class Idfc(Codec):
    """Chunks as files of idfcodec; decoding needs none of the settings.

    Args:
        effort: "fast", "default" or "max"; None is the default one.
        model: name, id or folder of a model instead.
        channels: whether the last axis of a chunk is one of channels, see `idfcodec.plugins.chunks.encode_chunk`.

    Raises:
        IDFError: there is no such effort or model.
    """

    codec_id = "idfc"

    def __init__(self, effort: str | None = None, model: str | None = None, channels: bool | None = None) -> None:
        check_effort(effort, model)
        self.effort, self.model, self.channels = effort, model, channels

    def encode(self, buf: Any) -> bytes:
        """The file of a chunk: (H, W), (H, W, C) or (..., H, W), uint8 or little-endian uint16.

        A chunk in Fortran's order is coded as what it is in memory, with its axes turned round.

        Raises:
            UnsupportedImage: another dtype or shape.
        """
        chunk = ensure_ndarray(buf)
        if chunk.flags.f_contiguous and not chunk.flags.c_contiguous:
            chunk = chunk.T
        return encode_chunk(chunk, channels=self.channels, effort=self.effort, model=self.model, threads=None)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """The samples of a chunk; those of `encode`'s array in the order of its memory.

        Raises:
            CorruptFile: the file is damaged.
        """
        return ndarray_copy(decode_chunk(ensure_bytes(buf)), out)

    def get_config(self) -> dict[str, Any]:
        """What is stored with an array: settings that are not the defaults."""
        settings = {"effort": self.effort, "model": self.model, "channels": self.channels}
        return {"id": self.codec_id} | {name: value for name, value in settings.items() if value is not None}

    def __repr__(self) -> str:
        settings = [f"{name}={value!r}" for name, value in self.get_config().items() if name != "id"]
        return f"{type(self).__name__}({', '.join(settings)})"


register_codec(Idfc)
