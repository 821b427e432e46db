"""What a file is read from, and URLs written to: a path, a URL that fsspec knows, or a file that is open already.

Every `OSError` from here has the path or URL to blame as its `filename`.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from idfcodec.errors import IDFError

__all__ = ["Source", "check_url", "is_url", "opened", "written"]

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
        return
    if isinstance(source, str) and is_url(source):
        with _blamed(source):
            remote = _remote(source, "rb").open()
        with remote as file:
            yield file
    else:
        with open(source, "rb") as file:
            yield file


def check_url(url: str, *, force: bool) -> None:
    """Refuses to write where something is already, unless `force` is given (`OSError`, `IDFError`)."""
    with _blamed(url):
        remote = _remote(url, "wb")
        if not force and remote.fs.exists(remote.path):
            raise FileExistsError(errno.EEXIST, "exists already; -f overwrites it", url)


def written(url: str, data: bytes) -> None:
    """Writes a whole file at a URL, in place of one that is there.

    Raises:
        OSError: it cannot be written.
        IDFError: fsspec or what it needs for such a URL is missing.
    """
    with _blamed(url), _remote(url, "wb") as file:
        file.write(data)


@contextmanager
def _blamed(url: str) -> Iterator[None]:
    """Errors of a file system, which may be any, as `OSError` that names the URL."""
    try:
        yield
    except IDFError:
        raise
    except OSError as ex:
        code = ex.errno or (errno.ENOENT if isinstance(ex, FileNotFoundError) else errno.EIO)
        raise OSError(code, ex.strerror or os.strerror(code), url) from ex
    except ImportError as ex:
        raise IDFError(f"{url}: this needs {ex.name or ex}: pip install it beside 'idfcodec[fsspec]'") from ex
    except Exception as ex:  # of the client of some store: no credentials, no such host, no such protocol
        raise OSError(errno.EIO, str(ex).split("\n", 1)[0] or type(ex).__name__, url) from ex


def _remote(url: str, mode: str) -> Any:
    try:
        import fsspec
    except ImportError as ex:
        raise IDFError(f"{url}: URLs need fsspec: pip install 'idfcodec[fsspec]'") from ex
    return fsspec.open(url, mode)
