"""What callers hand over, looked at before any work: what would be misread is refused in a sentence."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Sequence
from typing import Any

from idfcodec.errors import IDFError

__all__ = ["DEVICES", "check_device", "check_options", "file_bytes", "named_model", "numbers_of"]

DEVICES = ("cpu", "cuda")


def file_bytes(data: Any) -> bytes:
    """The bytes of a file as a caller has them: a copy, unless they are `bytes`, so that no buffer is held.

    Args:
        data: any buffer, whatever its strides.

    Raises:
        IDFError: it is none, or one that has been released.
    """
    if isinstance(data, bytes):
        return data
    if isinstance(data, str | os.PathLike):
        raise IDFError(f"the bytes of a file are needed, not its name: read {os.fspath(data)!r} first")
    try:
        with memoryview(data) as view:
            return view.tobytes()
    except TypeError as ex:
        hint = "; its read() gives them" if hasattr(data, "read") else ""
        raise IDFError(f"the bytes of a file are needed, not {_a(data)}{hint}") from ex
    except ValueError as ex:
        raise IDFError(f"the bytes of the file cannot be read: {ex}") from ex


def check_options(
    *,
    threads: object = None,
    device: object = DEVICES[0],
    progress: object = None,
    max_pixels: object = 1,
    model: object = None,
    **flags: object,
) -> None:
    """Looks at what encoders and decoders have in common.

    Args:
        threads: None, or how many, at least 1.
        device: one of `DEVICES`.
        progress: None, or what is called with two numbers.
        max_pixels: how many at most, a number above 0.
        model: None, or a name.
        flags: what is true or false.

    Raises:
        IDFError: one of them is something else.
    """
    if threads is not None and _whole(threads, "threads") < 1:
        raise IDFError(f"{threads} threads are too few")
    check_device(device)
    named_model(model)
    if progress is not None and not callable(progress):
        raise IDFError(f"progress must be a function of two numbers, not {_a(progress)}")
    if isinstance(max_pixels, bool) or not isinstance(max_pixels, int | float) or not max_pixels > 0:
        raise IDFError(f"max_pixels must be a number above 0, not {max_pixels!r}")
    for name, flag in flags.items():
        if not isinstance(flag, bool) and type(flag).__name__ not in ("bool", "bool_"):  # NumPy's are as good
            raise IDFError(f"{name} must be True or False, not {flag!r}")


def check_device(device: object) -> None:
    """Refuses what is no device (`IDFError`); whether this machine has it is seen when it is used."""
    if not isinstance(device, str) or device not in DEVICES:
        raise IDFError(f"there is no device {device!r}; choose {' or '.join(DEVICES)}")


def named_model(model: object) -> str | None:
    """A model's name, id or folder as text; None stays None.

    Raises:
        IDFError: it is none of them.
    """
    if model is None:
        return None
    if isinstance(model, str | os.PathLike):
        name: str | bytes = os.fspath(model)
        if isinstance(name, str) and "\0" not in name:
            return name
    raise IDFError(f"a model goes by its name, id or folder, and {model!r} is none of these")


def numbers_of(pictures: Iterable[int] | None, count: int) -> Sequence[int]:
    """The numbers of the pictures that are wanted of `count`, None being all.

    Raises:
        IDFError: they are no numbers, or there is no such picture.
    """
    if pictures is None:
        return range(count)
    if isinstance(pictures, str | bytes) or not isinstance(pictures, Iterable):
        raise IDFError(f"pictures must be a list of numbers, not {_a(pictures)}")
    numbers = [_whole(number, "pictures") for number in pictures]
    if numbers and not 0 <= min(numbers) <= max(numbers) < count:
        raise IDFError(f"the batch has {count} pictures, numbered from 0")
    return numbers


def _whole(value: object, name: str) -> int:
    """A whole number; neither a bool nor one with a fraction is taken for one."""
    if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):
        try:
            return operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            pass
    raise IDFError(f"{name} must be whole numbers, not {value!r}")


def _a(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
