"""Lossless image compression with an integer discrete flow.

Example:
    >>> import idfcodec
    >>> from idfcodec.demo import draw
    >>> pixels = draw(32, 24)
    >>> data = idfcodec.encode(pixels)  # (H, W) or (H, W, 3) uint8, or a PIL image
    >>> assert (idfcodec.decode(data) == pixels).all()

Names are loaded when they are first used (PEP 562), so that `import idfcodec` costs nothing and no preset
imports PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from idfcodec.batch import decode_batch, encode_batch
    from idfcodec.codec import decode, decode_picture, encode
    from idfcodec.errors import IDFError
    from idfcodec.info import read_info
    from idfcodec.models import load_model

__all__ = [
    "IDFError",
    "__version__",
    "decode",
    "decode_batch",
    "decode_picture",
    "encode",
    "encode_batch",
    "load_model",
    "read_info",
]

__version__ = "0.1.0"

_HOMES = {
    "IDFError": "errors",
    "decode": "codec",
    "decode_batch": "batch",
    "decode_picture": "codec",
    "encode": "codec",
    "encode_batch": "batch",
    "load_model": "models",
    "read_info": "info",
}


if not TYPE_CHECKING:  # a type checker shall see the names above and no others

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
