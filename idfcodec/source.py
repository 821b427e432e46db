"""What a file is read from: a path, a URL that fsspec knows, or a file that is open already."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from idfcodec.errors import IDFError

__all__ = ["Source", "is_url", "opened", "written"]

Source = str | os.PathLike[str] | BinaryIO
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(://|::)")


def is_url(name: object) -> bool:
    """Whether a name is one of fsspec's, such as "s3://bucket/photo.idfc", and no path."""
    return isinstance(name, str) and _URL.match(name) is not None


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """A file open for reading in binary mode; one that was open before is read from where it is, and left open.

    Raises:
        OSError: it cannot be opened.
        IDFError: it is a URL, and fsspec or what it needs for such a URL is missing.
    """
    if not isinstance(source, str | os.PathLike):
        yield source
    elif isinstance(source, str) and is_url(source):
        with _remote(source, "rb") as file:
            yield file
    else:
        with open(source, "rb") as file:
            yield file


def written(url: str, data: bytes) -> None:
    """Writes a whole file at a URL, in place of one that is there.

    Raises:
        OSError: it cannot be written.
        IDFError: fsspec or what it needs for such a URL is missing.
    """
    with _remote(url, "wb") as file:
        file.write(data)


def _remote(url: str, mode: str) -> BinaryIO:
    try:
        import fsspec

        return cast(BinaryIO, fsspec.open(url, mode).open())
    except ImportError as ex:
        raise IDFError(f"{url}: this needs {ex.name or ex}: pip install 'idfcodec[fsspec]'") from ex
    except ValueError as ex:  # how fsspec says that it knows no such protocol
        raise IDFError(f"{url}: {ex}") from ex
