"""The errors that users see: every one is an `IDFError` with one plain sentence."""

__all__ = ["NEEDS_TORCH", "CorruptFile", "IDFError", "ModelError", "Truncated", "UnsupportedImage", "is_torch"]

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
