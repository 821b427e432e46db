"""What a file says of itself, read without decoding it."""

from os import PathLike
from pathlib import Path

from idfcodec.arguments import file_bytes
from idfcodec.format.batch import refuse_batch
from idfcodec.format.container import Container, unpack

__all__ = ["read_info"]


def read_info(data: bytes | bytearray | memoryview | str | PathLike[str]) -> Container:
    """Reads a file's header; no pixel is decoded and no model needed.

    Args:
        data: the file's bytes, or its path.

    Returns:
        The header: mode, width and height in pixels, tile size, model id, checksum, metadata blocks in bytes.

    Raises:
        CorruptFile: the header violates the format.
        OSError: the path cannot be read.
    """
    if isinstance(data, str | PathLike):
        data = Path(data).read_bytes()
    return unpack(refuse_batch(file_bytes(data)), header_only=True)
