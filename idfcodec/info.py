"""What a file says of itself, read without decoding it."""

from __future__ import annotations

import os
from typing import cast

from idfcodec.arguments import file_bytes
from idfcodec.errors import Truncated
from idfcodec.format.batch import refuse_batch
from idfcodec.format.container import Container, unpack
from idfcodec.source import Source, opened

__all__ = ["read_info"]

FIRST = 2**12  # bytes that are read at first: of pictures without large metadata, the whole header


def read_info(data: bytes | bytearray | memoryview | Source) -> Container:
    """Reads a file's header; no pixel is decoded and no model needed.

    Args:
        data: the file's bytes, its path or URL, or a file open for reading in binary mode. Of a file, little more
            than the header is read.

    Returns:
        The header: mode, width and height in pixels, tile size, model id, checksum, metadata blocks in bytes.

    Raises:
        CorruptFile: the header violates the format.
        IDFError: it is none of these, or a URL needs a package that is missing.
        OSError: the file cannot be read.
    """
    if not (isinstance(data, str | os.PathLike) or hasattr(data, "read")):
        return unpack(refuse_batch(file_bytes(data)), header_only=True)
    with opened(cast(Source, data)) as file:
        head = file.read(FIRST)
        while True:
            try:
                return unpack(refuse_batch(head), header_only=True)
            except Truncated:
                more = file.read(len(head))
                if not more:
                    raise
                head += more
