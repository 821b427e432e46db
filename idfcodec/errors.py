"""The errors that users see: every one is an `IDFError` with one plain sentence."""

import errno

__all__ = [
    "NEEDS_TORCH",
    "CorruptFile",
    "IDFError",
    "ModelError",
    "Truncated",
    "UnsupportedImage",
    "is_out_of_memory",
    "is_torch",
]

NEEDS_TORCH = "this needs PyTorch: pip install 'idfcodec[torch]'"


class IDFError(ValueError):
    """Root of all errors of this package; its message is one sentence that names the cause."""


class CorruptFile(IDFError):
    """The bytes are not a valid file of this format, or do not decode to the pixels they were made from."""


class Truncated(CorruptFile):
    """The bytes end before the file does; more of them may make it a valid one."""


class ModelError(IDFError):
    """A model is missing, damaged, or cannot be run exactly on this device."""


class UnsupportedImage(IDFError):
    """The picture is of a kind (mode, bit depth, size) that this version of the format does not hold."""


def is_torch(error: ModuleNotFoundError) -> bool:
    """Whether what is missing is PyTorch, which is an extra."""
    return (error.name or "").partition(".")[0] == "torch"


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether what was raised, or what that came of, is too little memory; libraries that cannot be loaded say so in
    words of their own."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if isinstance(error, ImportError | OSError) and any(words in str(error) for words in _LOADER):
            return True
        error = error.__cause__ or error.__context__
    return False


_LOADER = ("failed to map segment", "annot allocate memory", "cannot create shared object descriptor")
