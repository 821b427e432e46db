"""A codec for Zarr of version 3: chunks of an array to the bytes of files; installed, it is found by its name "idfc".

Example:
    >>> import zarr
    >>> from idfcodec.demo import draw
    >>> from idfcodec.plugins.zarr import IdfcCodec
    >>> pixels = draw(64, 48)
    >>> array = zarr.create_array({}, data=pixels, chunks=(48, 32, 3), serializer=IdfcCodec(effort="fast"),
    ...                           compressors=None)
    >>> bool((array[:] == pixels).all())
    True
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from zarr.abc.codec import ArrayBytesCodec
from zarr.core.common import parse_named_configuration
from zarr.registry import register_codec

from idfcodec.errors import UnsupportedImage
from idfcodec.plugins.chunks import check_effort, chunk_problem, decode_chunk, encode_chunk

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer

__all__ = ["NAME", "IdfcCodec"]

NAME = "idfc"


@dataclass(frozen=True)
class IdfcCodec(ArrayBytesCodec):
    """Chunks as files of idfcodec; decoding needs none of the settings.

    Args:
        effort: "fast", "default" or "max"; None is the default one.
        model: name, id or folder of a model instead.
        channels: whether the last axis of a chunk is one of channels, see `idfcodec.plugins.chunks.encode_chunk`.

    Raises:
        IDFError: there is no such effort or model.
    """

    effort: str | None = None
    model: str | None = None
    channels: bool | None = None
    is_fixed_size = False

    def __post_init__(self) -> None:
        check_effort(self.effort, self.model)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> IdfcCodec:
        """The codec of an array's metadata."""
        _, settings = parse_named_configuration(data, NAME, require_configuration=False)
        return cls(**(settings or {}))  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, Any]:
        """What the metadata of an array says: settings that are not the defaults."""
        settings = {name: value for name, value in vars(self).items() if value is not None}
        return {"name": NAME, "configuration": settings}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Refuses arrays that cannot be coded when they are created.

        Raises:
            UnsupportedImage: another dtype than uint8 and uint16, or fewer than two axes.
        """
        if problem := chunk_problem(shape, _native(dtype)):
            raise UnsupportedImage(problem)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        raise NotImplementedError("the size of a compressed chunk depends on what is in it")

    def _encode_sync(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        chunk = np.asarray(chunk_data.as_ndarray_like())
        chunk = chunk.astype(chunk.dtype.newbyteorder("<"), copy=False)
        data = encode_chunk(chunk, channels=self.channels, effort=self.effort, model=self.model, threads=None)
        found: Buffer = chunk_spec.prototype.buffer.from_bytes(data)
        return found

    def _decode_sync(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        samples = decode_chunk(chunk_data.to_bytes()).astype(_native(chunk_spec.dtype), copy=False)
        found: NDBuffer = chunk_spec.prototype.nd_buffer.from_numpy_array(samples.reshape(chunk_spec.shape))
        return found

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        return await asyncio.to_thread(self._encode_sync, chunk_data, chunk_spec)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        return await asyncio.to_thread(self._decode_sync, chunk_data, chunk_spec)


def _native(dtype: Any) -> np.dtype[Any]:
    """The dtype of NumPy that one of Zarr stands for, little-endian: a stored array of version 3 has no byte order."""
    found: np.dtype[Any] = dtype.to_native_dtype().newbyteorder("<")
    return found


register_codec(NAME, IdfcCodec)
